"""BTHome v2: the readings in the service data of an advertisement, read at the border.

Source: https://bthome.io/format/. Objects follow each other, each an id and so many bytes, little-endian. Everything
here is a pure function and raises BTHomeMalformed for what cannot be read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.device import Ability
from agent.errors import HubError

SERVICE_DATA = "0000fcd2-0000-1000-8000-00805f9b34fb"
_ENCRYPTED, _WITH_MAC, _VERSION = 0x01, 0x02, 2
_MAC_BYTES = 6
_LARGEST_BYTES = 255
_MOST_OF_A_KIND = 8
_TEXT, _RAW, _COMMAND = 0x53, 0x54, 0x3B
_LENGTHS: Mapping[int, int] = {
    **dict.fromkeys((0x00, 0x01, 0x09, 0x2E, 0x2F, 0x3A, 0x46, 0x57, 0x58, 0x59, 0x60, 0x64, 0x65), 1),
    **dict.fromkeys(range(0x0F, 0x12), 1),
    **dict.fromkeys(range(0x15, 0x2E), 1),
    **dict.fromkeys((0x02, 0x03, 0x06, 0x07, 0x08, 0x0C, 0x0D, 0x0E, 0x12, 0x13, 0x14, 0x3C, 0x3D, 0x3F), 2),
    **dict.fromkeys((0x40, 0x41, 0x43, 0x44, 0x45, 0x47, 0x48, 0x49, 0x4A, 0x51, 0x52, 0x56, 0x5A, 0x5D), 2),
    **dict.fromkeys((0x5E, 0x5F, 0x61, 0xF0), 2),
    **dict.fromkeys((0x04, 0x05, 0x0A, 0x0B, 0x42, 0x4B, 0xF2), 3),
    **dict.fromkeys((0x3E, 0x4C, 0x4D, 0x4E, 0x4F, 0x50, 0x55, 0x5B, 0x5C, 0x62, 0x63, 0xF1), 4),
}
"""Bytes of every object that the page lists."""
_TEMPERATURES: Mapping[int, float] = {0x02: 0.01, 0x45: 0.1, 0x57: 1.0, 0x58: 0.35}
"""°C per unit, signed."""
_POWERS: Mapping[int, tuple[float, bool]] = {0x0B: (0.01, False), 0x5C: (0.01, True)}
"""W per unit, and whether it is signed."""
_ENERGIES = (0x0A, 0x4D)
"""Counters in Wh."""


class BTHomeMalformed(HubError):
    """An advertisement that cannot be read."""


class BTHomeEncrypted(BTHomeMalformed):
    """An advertisement that only its owner's app can read."""


@dataclass(frozen=True)
class BTHomeReport:
    """What one advertisement says; what it leaves out is empty."""

    temperatures_c: tuple[float, ...] = ()
    powers_w: tuple[float, ...] = ()
    energies_wh: tuple[int, ...] = ()

    @property
    def abilities(self) -> frozenset[Ability]:
        """What the sensor shows that it can do."""
        meters = frozenset({Ability.METER}) if self.powers_w else frozenset[Ability]()
        return meters | (frozenset({Ability.THERMOMETER}) if self.temperatures_c else frozenset())


def read_report(data: bytes) -> BTHomeReport:
    """The readings of one advertisement; what follows an unknown object cannot be read and is passed over.

    Raises BTHomeMalformed, BTHomeEncrypted.
    """
    if not 1 <= len(data) <= _LARGEST_BYTES:
        raise BTHomeMalformed(f"service data of {len(data)} bytes")
    if data[0] >> 5 != _VERSION:
        raise BTHomeMalformed(f"version {data[0] >> 5} of BTHome; the hub reads version {_VERSION}")
    if data[0] & _ENCRYPTED:
        raise BTHomeEncrypted("its readings are encrypted; the hub reads them only without encryption")
    at = 1 + (_MAC_BYTES if data[0] & _WITH_MAC else 0)
    temperatures: list[float] = []
    powers: list[float] = []
    energies: list[int] = []
    while at < len(data):
        kind = data[at]
        length = _length(data, at)
        if length is None:
            break
        value = data[at + 1 : at + 1 + length]
        if len(value) < length:
            raise BTHomeMalformed(f"object 0x{kind:02x} is cut off: {data.hex()}")
        if kind in _TEMPERATURES:
            temperatures.append(round(int.from_bytes(value, "little", signed=True) * _TEMPERATURES[kind], 2))
        elif kind in _POWERS:
            scale, signed = _POWERS[kind]
            powers.append(round(int.from_bytes(value, "little", signed=signed) * scale, 2))
        elif kind in _ENERGIES:
            energies.append(int.from_bytes(value, "little"))
        at += 1 + length
    most = slice(_MOST_OF_A_KIND)
    return BTHomeReport(tuple(temperatures[most]), tuple(powers[most]), tuple(energies[most]))


def _length(data: bytes, at: int) -> int | None:
    """How many bytes follow the id of an object; None if the object is unknown."""
    kind = data[at]
    if kind in (_TEXT, _RAW, _COMMAND):
        if at + 1 >= len(data):
            raise BTHomeMalformed(f"object 0x{kind:02x} is cut off: {data.hex()}")
        if kind == _COMMAND:  # the length is that of the arguments, and has only five bits
            return 2 + (data[at + 1] & 0x1F)
        return 1 + data[at + 1]
    return _LENGTHS.get(kind)
