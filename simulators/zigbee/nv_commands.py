"""Commands by which a host reads and writes the memory of a coordinator."""

from collections.abc import Callable

from simulators.zigbee.mt import SYS, Reader, Writer
from simulators.zigbee.nvram import STARTUP_OPTION, ZSTACK, Nvram

SUCCESS, INVALID_PARAMETER, NV_ITEM_UNINIT, NV_FAILED = 0x00, 0x02, 0x09, 0x0A
_READABLE = 240
"""Bytes of an item in one answer."""

Answer = Callable[[Reader], bytes]


def nv_commands(nvram: Callable[[], Nvram]) -> dict[tuple[int, int], Answer]:
    """By subsystem and command: what is answered. `nvram` is the memory of the moment."""

    def answering(command: Callable[[Nvram, Reader], bytes]) -> Answer:
        return lambda reader: command(nvram(), reader)

    return {
        (SYS, 0x07): answering(_init_item),
        (SYS, 0x08): answering(lambda memory, reader: _read_item(memory, reader, 1)),
        (SYS, 0x09): answering(lambda memory, reader: _write_item(memory, reader, 1)),
        (SYS, 0x12): answering(_delete_item),
        (SYS, 0x13): answering(lambda memory, reader: _length(memory.old.get(reader.number(2)), 2)),
        (SYS, 0x1C): answering(lambda memory, reader: _read_item(memory, reader, 2)),
        (SYS, 0x1D): answering(lambda memory, reader: _write_item(memory, reader, 2)),
        (SYS, 0x30): answering(_create_line),
        (SYS, 0x31): answering(_delete_line),
        (SYS, 0x32): answering(lambda memory, reader: _length(memory.new.get(_line(reader)), 4)),
        (SYS, 0x33): answering(_read_line),
        (SYS, 0x34): answering(_write_line),
    }


def _length(value: bytes | None, size: int) -> bytes:
    """A missing item has no length."""
    return len(value or b"").to_bytes(size, "little")


def _init_item(nvram: Nvram, reader: Reader) -> bytes:
    item, length = reader.number(2), reader.number(2)
    if item in nvram.old:
        return bytes([SUCCESS])
    nvram.old[item] = reader.take(reader.number(1)).ljust(length, b"\xff")
    return bytes([NV_ITEM_UNINIT])


def _read_item(nvram: Nvram, reader: Reader, offset_size: int) -> bytes:
    value, offset = nvram.old.get(reader.number(2)), reader.number(offset_size)
    if value is None or offset > len(value):
        return bytes([NV_FAILED, 0])
    return _found(value[offset : offset + _READABLE])


def _write_item(nvram: Nvram, reader: Reader, size: int) -> bytes:
    item, offset = reader.number(2), reader.number(size)
    value = _overwritten(nvram.old.get(item), offset, reader.take(reader.number(size)))
    if value is None:
        return bytes([NV_FAILED])
    nvram.old[item] = value
    return bytes([SUCCESS])


def _delete_item(nvram: Nvram, reader: Reader) -> bytes:
    item = reader.number(2)
    if item == STARTUP_OPTION or nvram.old.pop(item, None) is None:
        return bytes([NV_FAILED])
    return bytes([SUCCESS])


def _line(reader: Reader) -> tuple[int, int, int]:
    return reader.number(1), reader.number(2), reader.number(2)


def _create_line(nvram: Nvram, reader: Reader) -> bytes:
    line, length = _line(reader), reader.number(4)
    if line[0] != ZSTACK or length > _READABLE:
        return bytes([INVALID_PARAMETER])
    nvram.new[line] = b"\xff" * length
    return bytes([NV_ITEM_UNINIT])


def _delete_line(nvram: Nvram, reader: Reader) -> bytes:
    return bytes([NV_FAILED if nvram.new.pop(_line(reader), None) is None else SUCCESS])


def _read_line(nvram: Nvram, reader: Reader) -> bytes:
    value, offset, length = nvram.new.get(_line(reader)), reader.number(2), reader.number(1)
    return bytes([NV_FAILED, 0]) if value is None else _found(value[offset : offset + length])


def _write_line(nvram: Nvram, reader: Reader) -> bytes:
    line, offset = _line(reader), reader.number(2)
    value = _overwritten(nvram.new.get(line), offset, reader.take(reader.number(1)))
    if value is None:
        return bytes([NV_FAILED])
    nvram.new[line] = value
    return bytes([SUCCESS])


def _found(part: bytes) -> bytes:
    return Writer().u8(SUCCESS, len(part)).raw(part).done()


def _overwritten(value: bytes | None, offset: int, part: bytes) -> bytes | None:
    """The value with a part replaced; None if the part is not within it."""
    if value is None or offset + len(part) > len(value):
        return None
    return value[:offset] + part + value[offset + len(part) :]
