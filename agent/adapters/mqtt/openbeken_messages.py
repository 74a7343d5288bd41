"""What OpenBeken devices say, read at the border.

Sources: docs/mqttTopics.md of OpenBK7231T_App, its new_mqtt.c and json_interface.c. Everything here is a pure function
of a payload and raises OpenBekenMalformed for what cannot be read.
"""

import json
from dataclasses import dataclass

from agent.adapters.mqtt.announced import is_own_topic
from agent.domain.printable import printable
from agent.errors import HubError

_LARGEST = 1e9
"""No number of a home is larger; NaN is not smaller either."""
_SDK = "obk"
"""What every OpenBeken calls its SDK, on all chips, so that it can be told from Tasmota."""
_MOST_RELAYS = 32
_MAC_DIGITS = 12
_LONGEST_NAME = 100


class OpenBekenMalformed(HubError):
    """A message that cannot be read."""


@dataclass(frozen=True)
class Identity:
    """What a device says of itself in `stat/<dev>/STATUS`."""

    relays: frozenset[int]
    """Numbers of the channels that are relays. A relay on channel 0 is told as 1: move it to channel 1."""
    metered: bool
    label: str
    model: str
    """The chip: the device knows no more."""
    firmware: str
    mac: str = ""
    """Of its hardware: two devices to which their owner has given one name differ in it."""


@dataclass(frozen=True)
class Measured:
    """What `stat/<dev>/STATUS8` tells."""

    power_w: float
    energy_wh: int | None


def device_of(topic: str) -> str:
    """The name of the device that says `<dev>/connected`. Raises OpenBekenMalformed."""
    name = topic.partition("/")[0]
    if not is_name(name):
        raise OpenBekenMalformed(f"not the topic of a device: {topic[:60]!r}")
    return name


def is_name(address: str) -> bool:
    """Whether an address can be the name of a device, without wildcards."""
    fits = 0 < len(address) <= _LONGEST_NAME and "/" not in address
    return fits and address.isprintable() and is_own_topic(address)


def read_channel(payload: bytes) -> bool | None:
    """On or off by `<dev>/<n>/get`; None for an empty question, a dimmer, or anything else."""
    return {b"1": True, b"0": False}.get(payload.strip())


def read_identity(payload: bytes) -> Identity | None:
    """What `stat/<dev>/STATUS` says; None if it is no OpenBeken that says it. Raises OpenBekenMalformed."""
    whole = _object(payload)
    status, firmware = (_mapping(whole.get(key)) for key in ("Status", "StatusFWR"))
    if firmware.get("SDK") != _SDK:
        return None
    name = _text(status.get("DeviceName"))
    friendly = status.get("FriendlyName")
    relays = {
        number
        for item in (friendly if isinstance(friendly, list) else [])[:_MOST_RELAYS]
        if isinstance(item, str) and (number := _number_behind(item, f"{name}_")) is not None
    }
    return Identity(
        relays=frozenset(relays),
        metered="Power" in _mapping(_mapping(whole.get("StatusSNS")).get("ENERGY")),
        label=printable(name),
        model=printable(_text(firmware.get("Hardware"))),
        firmware=printable(_text(firmware.get("Version"))),
        mac=_mac(_mapping(whole.get("StatusNET")).get("Mac")),
    )


def read_measured(payload: bytes) -> Measured:
    """The numbers of `stat/<dev>/STATUS8`: W, and Wh whatever the owner's flags say. Raises OpenBekenMalformed."""
    sensors = _mapping(_object(payload).get("StatusSNS"))
    energy = _mapping(sensors.get("ENERGY"))
    if "Power" not in energy:
        raise OpenBekenMalformed("measures no power")
    counted = energy.get("ConsumptionTotal")
    energy_wh = None if counted is None else round(_number(counted, "ConsumptionTotal"))
    if energy_wh is not None and energy_wh < 0:
        raise OpenBekenMalformed(f"ConsumptionTotal is negative: {energy_wh} Wh")
    return Measured(_number(energy["Power"], "Power"), energy_wh)


def read_relay(payload: bytes, channel: int, relays: frozenset[int]) -> bool:
    """On or off of a channel by `stat/<dev>/STATUS11`, which calls the only relay POWER. Raises OpenBekenMalformed."""
    status = _mapping(_object(payload).get("StatusSTS"))
    said = status.get("POWER" if len(relays) == 1 else f"POWER{channel}")
    if said not in ("ON", "OFF"):
        raise OpenBekenMalformed(f"says neither on nor off of relay {channel}: {str(said)[:40]!r}")
    return said == "ON"


def _number_behind(text: str, prefix: str) -> int | None:
    digits = text.removeprefix(prefix)
    return int(digits) if digits != text and digits.isascii() and digits.isdigit() and len(digits) <= 2 else None


def _number(value: object, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise OpenBekenMalformed(f"{field} is not a number: {str(value)[:40]!r}")
    return float(value)


def _text(value: object) -> str:
    return value[:100] if isinstance(value, str) else ""


def _mac(value: object) -> str:
    plain = _text(value).replace(":", "").upper()
    return plain if len(plain) == _MAC_DIGITS and all(sign in "0123456789ABCDEF" for sign in plain) else ""


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _object(payload: bytes) -> dict[str, object]:
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise OpenBekenMalformed(f"not JSON: {payload[:60]!r}") from error
    if not isinstance(value, dict):
        raise OpenBekenMalformed(f"not a JSON object: {payload[:60]!r}")
    return value
