"""How a Shelly of generation 2 and later shows itself over Bluetooth, and how long its frames are.

Sources: shelly-api-docs.shelly.cloud/gen2 (BLE), rpc-gatts of Mongoose OS, kb.shelly.cloud (model ids). Everything here
is a pure function.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.adapters.shelly.messages import LARGEST_FRAME_BYTES, ShellyMalformed

COMPANY = 0x0BA9
DATA = "5f6d4f53-5f52-5043-5f64-6174615f5f5f"
TX_CTL = "5f6d4f53-5f52-5043-5f74-785f63746c5f"
RX_CTL = "5f6d4f53-5f52-5043-5f72-785f63746c5f"
_FLAGS, _MAC, _MODEL = 0x01, 0x0A, 0x0B
_LENGTHS = {_FLAGS: 2, _MAC: 6, _MODEL: 2}
_LOCKED, _RPC = 1 << 1, 1 << 2
_MOST_BLOCKS = 16


@dataclass(frozen=True)
class Shown:
    """What a Shelly advertises of itself; None where it does not say."""

    flags: int | None = None
    mac: str | None = None
    model: str | None = None
    """As four hex digits, 0x1001."""

    @property
    def rpc(self) -> bool:
        """Whether it lets itself be asked over Bluetooth."""
        return self.flags is not None and bool(self.flags & _RPC)

    @property
    def locked(self) -> bool:
        """Whether it wants a password."""
        return self.flags is not None and bool(self.flags & _LOCKED)


def read_shown(manufacturer_data: Mapping[int, bytes]) -> Shown | None:
    """What a Shelly advertises; None for what is none. What follows an unknown block cannot be read."""
    data = manufacturer_data.get(COMPANY)
    if data is None:
        return None
    blocks: dict[int, bytes] = {}
    at = 0
    for _ in range(_MOST_BLOCKS):
        if at >= len(data) or data[at] not in _LENGTHS:
            break
        kind, length = data[at], _LENGTHS[data[at]]
        value = data[at + 1 : at + 1 + length]
        if len(value) < length:
            break
        blocks[kind] = value
        at += 1 + length
    return Shown(
        flags=int.from_bytes(blocks[_FLAGS], "little") if _FLAGS in blocks else None,
        mac=blocks[_MAC][::-1].hex().upper() if _MAC in blocks else None,
        model=f"0x{int.from_bytes(blocks[_MODEL], 'little'):04x}" if _MODEL in blocks else None,
    )


def length_of(frame: bytes) -> bytes:
    """What is written before a frame."""
    return len(frame).to_bytes(4, "big")


def read_length(value: bytes) -> int:
    """How long the frame is that waits to be read; 0: there is none yet. Raises ShellyMalformed."""
    if len(value) < 4:
        raise ShellyMalformed(f"a length of {len(value)} bytes")
    length = int.from_bytes(value[:4], "big")
    if length > LARGEST_FRAME_BYTES:
        raise ShellyMalformed(f"a frame of {length} bytes is too long")
    return length
