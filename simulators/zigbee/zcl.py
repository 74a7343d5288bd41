"""Frames of the ZigBee Cluster Library, as a device reads and writes them.

frame control | manufacturer code, if the control says so | sequence number | command | payload
"""

from collections.abc import Iterable
from dataclasses import dataclass

from simulators.zigbee.mt import MtMalformed, Reader, Writer

READ, READ_ANSWER, WRITE, WRITE_ANSWER = 0x00, 0x01, 0x02, 0x04
CONFIGURE, CONFIGURE_ANSWER, REPORT, DEFAULT_ANSWER = 0x06, 0x07, 0x0A, 0x0B
SUCCESS, FAILURE, MALFORMED, UNSUPPORTED_COMMAND = 0x00, 0x01, 0x80, 0x81
UNSUPPORTED_ATTRIBUTE, READ_ONLY, UNREPORTABLE = 0x86, 0x88, 0x8C

BOOLEAN, BITMAP8, ENUM8, STRING = 0x10, 0x18, 0x30, 0x42
UINT8, UINT16, UINT24, UINT32, UINT48 = 0x20, 0x21, 0x22, 0x23, 0x25
INT16, INT24, INT32 = 0x29, 0x2A, 0x2B
_SIZES = {BOOLEAN: 1, BITMAP8: 1, ENUM8: 1, UINT8: 1, UINT16: 2, UINT24: 3, UINT32: 4, UINT48: 6}
_SIZES |= {INT16: 2, INT24: 3, INT32: 4}
_SIGNED = frozenset({INT16, INT24, INT32})
_DISCRETE = frozenset({BOOLEAN, BITMAP8, ENUM8, STRING})
_CLUSTER_SPECIFIC, _MANUFACTURER, _FROM_SERVER, _NO_DEFAULT_ANSWER = 0x01, 0x04, 0x08, 0x10

Value = int | str
"""A number, or text."""


@dataclass(frozen=True)
class Frame:
    """One message of a cluster."""

    sequence: int
    command: int
    payload: bytes = b""
    specific: bool = False
    """Whether the cluster defines the command; else it is a general one."""
    from_server: bool = False
    silent: bool = False
    """Whether no default answer is wanted."""
    manufacturer: int | None = None

    def encoded(self) -> bytes:
        """The frame as it goes over the air."""
        control = (_CLUSTER_SPECIFIC if self.specific else 0) | (_FROM_SERVER if self.from_server else 0)
        control |= (_NO_DEFAULT_ANSWER if self.silent else 0) | (_MANUFACTURER if self.manufacturer is not None else 0)
        writer = Writer().u8(control)
        if self.manufacturer is not None:
            writer.u16(self.manufacturer)
        return writer.u8(self.sequence, self.command).raw(self.payload).done()

    @staticmethod
    def decoded(data: bytes) -> "Frame":
        """Read a frame. Raises MtMalformed."""
        reader = Reader(data)
        control = reader.number(1)
        manufacturer = reader.number(2) if control & _MANUFACTURER else None
        return Frame(
            sequence=reader.number(1),
            command=reader.number(1),
            payload=reader.rest(),
            specific=bool(control & _CLUSTER_SPECIFIC),
            from_server=bool(control & _FROM_SERVER),
            silent=bool(control & _NO_DEFAULT_ANSWER),
            manufacturer=manufacturer,
        )


@dataclass(frozen=True)
class Reporting:
    """When an attribute is to be reported: seconds between reports, and what change is worth one."""

    shortest_s: int
    longest_s: int
    change: int


def encoded(kind: int, value: Value) -> bytes:
    """A value of a type. Numbers that do not fit are cut to what fits."""
    if kind == STRING:
        text = str(value).encode()[:254]
        return bytes([len(text)]) + text
    size, signed = _SIZES[kind], kind in _SIGNED
    least = -(1 << (8 * size - 1)) if signed else 0
    most = (1 << (8 * size - int(signed))) - 1
    return min(max(int(value), least), most).to_bytes(size, "little", signed=signed)


def decoded(kind: int, reader: Reader) -> Value:
    """Read a value of a type. Raises MtMalformed."""
    if kind == STRING:
        return reader.take(reader.number(1)).decode(errors="replace")
    if kind not in _SIZES:
        raise MtMalformed(f"type {kind:#04x}")
    return reader.signed(_SIZES[kind]) if kind in _SIGNED else reader.number(_SIZES[kind])


def read_request(payload: bytes) -> list[int]:
    """The attributes that are asked for."""
    reader = Reader(payload)
    return [reader.number(2) for _ in range(len(payload) // 2)]


def read_answer(records: Iterable[tuple[int, int, Value] | tuple[int, None, int]]) -> bytes:
    """Attribute, type and value; or attribute, None and the status that says why there is none."""
    writer = Writer()
    for attribute, kind, value in records:
        writer.u16(attribute)
        if kind is None:
            writer.u8(int(value))
        else:
            writer.u8(SUCCESS, kind).raw(encoded(kind, value))
    return writer.done()


def write_request(payload: bytes) -> list[tuple[int, int, Value]]:
    """Attribute, type and value of what is to be written. Raises MtMalformed."""
    reader, records = Reader(payload), []
    while reader.left:
        attribute, kind = reader.number(2), reader.number(1)
        records.append((attribute, kind, decoded(kind, reader)))
    return records


def configure_request(payload: bytes) -> list[tuple[int, Reporting]]:
    """Attributes, and when they are to be reported. Raises MtMalformed."""
    reader, records = Reader(payload), []
    while reader.left:
        direction, attribute = reader.number(1), reader.number(2)
        if direction:
            reader.number(2)
            continue
        kind, shortest_s, longest_s = reader.number(1), reader.number(2), reader.number(2)
        change = 0 if kind in _DISCRETE else int(decoded(kind, reader))
        records.append((attribute, Reporting(shortest_s, longest_s, change)))
    return records


def report(records: Iterable[tuple[int, int, Value]]) -> bytes:
    """Attribute, type and value of what is reported."""
    writer = Writer()
    for attribute, kind, value in records:
        writer.u16(attribute).u8(kind).raw(encoded(kind, value))
    return writer.done()
