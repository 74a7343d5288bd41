"""Frames between a host and a Z-Stack coordinator, by Texas Instruments' "Z-Stack Monitor and Test API".

SOF 0xFE | length of data | command 0: type and subsystem | command 1: id | data | FCS: XOR of all but the SOF
"""

from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Self

SOF = 0xFE
LONGEST = 250
"""Bytes of data in one frame."""

SREQ, AREQ, SRSP = 0x20, 0x40, 0x60
"""Asks for an answer at once; asks for none, or tells; answers at once. In the upper bits of command 0."""
RPC, SYS, AF, ZDO, UTIL, APP_CONFIG = 0x00, 0x01, 0x04, 0x05, 0x07, 0x0F
"""Subsystems, in the lower bits of command 0."""


class MtMalformed(ValueError):
    """Data that does not fit what its command says it is."""


@dataclass(frozen=True)
class Frame:
    """One command, answer or event."""

    kind: int
    subsystem: int
    command: int
    data: bytes = b""

    def encoded(self) -> bytes:
        """The frame as it goes over the line."""
        body = bytes([len(self.data), self.kind | self.subsystem, self.command]) + self.data
        return bytes([SOF]) + body + bytes([reduce(xor, body)])


class Decoder:
    """Cuts a stream into frames; what is none is passed over up to the next SOF."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, received: bytes) -> list[Frame]:
        """The frames that are complete now."""
        self._bytes += received
        frames: list[Frame] = []
        while True:
            start = self._bytes.find(SOF)
            if start < 0:
                self._bytes.clear()
                return frames
            del self._bytes[:start]
            if len(self._bytes) < 5:
                return frames
            length = self._bytes[1]
            if length > LONGEST:
                del self._bytes[0]
                continue
            if len(self._bytes) < length + 5:
                return frames
            body, fcs = bytes(self._bytes[1 : length + 4]), self._bytes[length + 4]
            if reduce(xor, body) != fcs:
                del self._bytes[0]
                continue
            del self._bytes[: length + 5]
            frames.append(Frame(body[1] & 0xE0, body[1] & 0x1F, body[2], body[3:]))


class Reader:
    """Takes little-endian fields off data, one after the other. Raises MtMalformed where there is too little."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """So many bytes."""
        if self._at + count > len(self._data):
            raise MtMalformed(f"{len(self._data)} bytes, wanted {self._at + count}")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        """An unsigned number of so many bytes."""
        return int.from_bytes(self.take(size), "little")

    def signed(self, size: int) -> int:
        """A number with a sign, of so many bytes."""
        return int.from_bytes(self.take(size), "little", signed=True)

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self._at)

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at


class Writer:
    """Puts little-endian fields together."""

    def __init__(self, start: bytes = b"") -> None:
        self._data = bytearray(start)

    def u8(self, *numbers: int) -> Self:
        """Numbers of one byte."""
        self._data += bytes(number & 0xFF for number in numbers)
        return self

    def u16(self, *numbers: int) -> Self:
        """Numbers of two bytes."""
        for number in numbers:
            self._data += (number & 0xFFFF).to_bytes(2, "little")
        return self

    def u32(self, number: int) -> Self:
        """A number of four bytes."""
        self._data += (number & 0xFFFF_FFFF).to_bytes(4, "little")
        return self

    def u64(self, number: int) -> Self:
        """A number of eight bytes, for example an IEEE address."""
        self._data += (number & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "little")
        return self

    def raw(self, data: bytes) -> Self:
        """Bytes as they are."""
        self._data += data
        return self

    def done(self) -> bytes:
        """What was put together."""
        return bytes(self._data)
