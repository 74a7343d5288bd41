"""Frames of ASH, the serial protocol below EZSP, after Silicon Labs' UG101 "UART-EZSP Gateway Protocol Reference".

control byte | data, randomised in DATA frames | CRC, high byte first; reserved bytes are escaped; a flag ends the frame
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

FLAG, ESCAPE, XON, XOFF, SUBSTITUTE, CANCEL = 0x7E, 0x7D, 0x11, 0x13, 0x18, 0x1A
_RESERVED: Final = frozenset({FLAG, ESCAPE, XON, XOFF, SUBSTITUTE, CANCEL})
_FLIP: Final = 0x20
LONGEST: Final = 128
"""Bytes of data in one DATA frame."""
_LONGEST_FRAME: Final = 1 + LONGEST + 2
VERSION: Final = 0x02
RESET_POWER_ON, RESET_SOFTWARE, EXCEEDED_ACK_TIMEOUTS = 0x02, 0x0B, 0x51
"""Why the stick was reset, or gave up."""


class Kind(Enum):
    """What a frame is for; the value is its control byte without numbers."""

    DATA = 0x00
    ACK = 0x80
    NAK = 0xA0
    RST = 0xC0
    RSTACK = 0xC1
    ERROR = 0xC2


class AshMalformed(ValueError):
    """Bytes between two flags that are no frame."""


@dataclass(frozen=True)
class Frame:
    """One frame: its number counts DATA frames modulo 8, `awaits` is the number that its sender expects next."""

    kind: Kind
    data: bytes = b""
    number: int = 0
    again: bool = False
    """Whether a DATA frame is sent once more; in ACK and NAK, whether the sender is not ready."""
    awaits: int = 0

    def encoded(self) -> bytes:
        """The frame as it goes over the line, with its flag."""
        control = self.kind.value
        if self.kind is Kind.DATA:
            control |= self.number << 4
        if self.kind in {Kind.DATA, Kind.ACK, Kind.NAK}:
            control |= self.again << 3 | self.awaits
        body = bytes([control]) + (randomised(self.data) if self.kind is Kind.DATA else self.data)
        return _stuffed(body + crc(body).to_bytes(2, "big")) + bytes([FLAG])

    @staticmethod
    def decoded(frame: bytes) -> "Frame":
        """Read what stood between two flags, escapes undone. Raises AshMalformed."""
        if len(frame) < 3 or crc(frame[:-2]) != int.from_bytes(frame[-2:], "big"):
            raise AshMalformed("too short, or a wrong CRC")
        control, data = frame[0], frame[1:-2]
        number, again, awaits = control >> 4 & 7, bool(control & 8), control & 7
        if control < 0x80:
            if not 3 <= len(data) <= LONGEST:
                raise AshMalformed(f"{len(data)} bytes of data")
            return Frame(Kind.DATA, randomised(data), number, again, awaits)
        if control & 0xE0 in {Kind.ACK.value, Kind.NAK.value}:
            if data:
                raise AshMalformed("an acknowledgement with data")
            return Frame(Kind(control & 0xE0), again=again, awaits=awaits)
        if control not in {Kind.RST.value, Kind.RSTACK.value, Kind.ERROR.value}:
            raise AshMalformed(f"control byte {control:#04x}")
        if len(data) != (0 if control == Kind.RST.value else 2):
            raise AshMalformed(f"{len(data)} bytes of data")
        return Frame(Kind(control), data)


def crc(data: bytes) -> int:
    """CRC-CCITT: polynomial x^16 + x^12 + x^5 + 1, starting with ones."""
    remainder = 0xFFFF
    for byte in data:
        remainder ^= byte << 8
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x1021 if remainder & 0x8000 else 0)) & 0xFFFF
    return remainder


def randomised(data: bytes) -> bytes:
    """Data with the sequence of a shift register laid over it; done twice, it is as before."""
    register, out = 0x42, bytearray()
    for byte in data:
        out.append(byte ^ register)
        register = register >> 1 ^ (0xB8 if register & 1 else 0)
    return bytes(out)


def _stuffed(data: bytes) -> bytes:
    out = bytearray()
    for byte in data:
        out += bytes([ESCAPE, byte ^ _FLIP]) if byte in _RESERVED else bytes([byte])
    return bytes(out)


class Decoder:
    """Cuts a stream into frames. A malformed one is told as None."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._escaped = False
        self._spoilt = False

    def feed(self, received: bytes) -> list[Frame | None]:
        """The frames that are complete now."""
        frames: list[Frame | None] = []
        for byte in received:
            if byte == FLAG:
                if self._bytes or self._spoilt:
                    frames.append(self._ended())
                self._begin()
            elif byte == CANCEL:
                self._begin()
            elif byte == SUBSTITUTE:
                self._spoilt = True
            elif byte == ESCAPE:
                self._escaped = True
            elif byte not in {XON, XOFF}:
                self._take(byte)
        return frames

    def _take(self, byte: int) -> None:
        if len(self._bytes) > _LONGEST_FRAME:
            self._spoilt = True
            return
        self._bytes.append(byte ^ _FLIP if self._escaped else byte)
        self._escaped = False

    def _ended(self) -> Frame | None:
        try:
            return None if self._spoilt or self._escaped else Frame.decoded(bytes(self._bytes))
        except AshMalformed:
            return None

    def _begin(self) -> None:
        self._bytes.clear()
        self._escaped = self._spoilt = False
