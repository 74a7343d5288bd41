"""What a SwitchBot Plug Mini is told and says, read at the border.

Sources: devicetypes/plugmini.md and README.md of OpenWonderLabs/SwitchBotAPI-BLE. Everything here is a pure function
and raises SwitchBotMalformed for what cannot be read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import HubError

COMPANY = 0x0969
SERVICE_DATA = "0000fd3d-0000-1000-8000-00805f9b34fb"
WRITE = "cba20002-224d-11e6-9fb8-0002a5d5c51b"
NOTIFY = "cba20003-224d-11e6-9fb8-0002a5d5c51b"
MODELS = {"g": "WoPlugUS", "j": "WoPlugJP"}
"""By the byte that tells the model: the plug for 120 V (US), the plug for 100 V (Japan)."""
ORDER_ON, ORDER_OFF, QUESTION = bytes.fromhex("570f50010180"), bytes.fromhex("570f50010100"), bytes.fromhex("570f5101")
DONE, BUSY = 0x01, 0x03
_REFUSALS = {
    0x02: "it says that it failed",
    0x04: "it speaks another version of the protocol",
    0x05: "it does not know this command",
    0x07: "it wants a password; remove it in its app",
    0x08: "it wants no password",
    0x09: "it wants another password; remove it in its app",
}
_STATES = {0x80: True, 0x00: False}
_OVERLOAD, _LEAST_BYTES = 0x8000, 12


class SwitchBotMalformed(HubError):
    """A frame that cannot be read."""


@dataclass(frozen=True)
class PlugState:
    """What an advertisement says."""

    on: bool
    power_w: float
    overloaded: bool


def model_of(service_data: Mapping[str, bytes]) -> str | None:
    """The model of a Plug Mini; None for what is none."""
    told = service_data.get(SERVICE_DATA, b"")[:1]
    return MODELS.get(chr(told[0] & 0x7F).lower()) if told else None


def read_plug(manufacturer_data: Mapping[int, bytes]) -> PlugState:
    """State and power (W) in an advertisement. Raises SwitchBotMalformed."""
    told = manufacturer_data.get(COMPANY, b"")
    if len(told) < _LEAST_BYTES:
        raise SwitchBotMalformed(f"an advertisement of {len(told)} bytes: {told.hex()}")
    if told[7] not in _STATES:
        raise SwitchBotMalformed(f"neither on nor off: 0x{told[7]:02x}")
    power = int.from_bytes(told[10:12], "big")
    return PlugState(on=_STATES[told[7]], power_w=(power & ~_OVERLOAD) / 10, overloaded=bool(power & _OVERLOAD))


def read_status(answer: bytes) -> int:
    """The first byte of an answer: DONE, or why not. Raises SwitchBotMalformed."""
    if not answer:
        raise SwitchBotMalformed("an empty answer")
    return answer[0]


def refusal(status: int) -> str:
    """Why it was not done, for people."""
    return _REFUSALS.get(status, f"it answers 0x{status:02x}")


def read_answer(answer: bytes) -> bool:
    """On or off, as the answer to QUESTION tells it. Raises SwitchBotMalformed."""
    if len(answer) < 2 or answer[1] not in _STATES:
        raise SwitchBotMalformed(f"neither on nor off: {answer[:20].hex()}")
    return _STATES[answer[1]]
