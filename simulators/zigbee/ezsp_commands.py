"""Commands by which a host reads and writes what an EZSP coordinator keeps: settings, keys, tokens, tables."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from simulators.zigbee.ezsp import (
    FATAL,
    INDEX_OUT_OF_RANGE,
    INVALID_CALL,
    INVALID_ID,
    NOT_JOINED,
    SL_INVALID_INDEX,
    SL_NOT_FOUND,
    SL_OK,
    SUCCESS,
)
from simulators.zigbee.ezsp_memory import (
    ADDRESS_TABLE_SIZE,
    APS_COUNTER,
    FORCE_SENDING,
    FRAME_COUNTER,
    FREE_BUFFERS,
    KEY_TABLE_SIZE,
    VERSION_INFO,
    Child,
    Configuration,
    EzspMemory,
)
from simulators.zigbee.mt import Reader, Writer

Answer = Callable[[Reader], bytes]
MULTICAST_TABLE_SIZE: Final = 0x06
_VERSION_INFO = bytes([0x00, 0x00, 7, 4, 4, 0, 0xAA])
_FREE_BUFFERS = 0xF0
_MFG_STRING, _MFG_BOARD, _MFG_CUSTOM_IEEE = 0x01, 0x02, 0x0C
_MFG_TOKENS = {
    _MFG_STRING: b"Simulated".ljust(16, b"\xff"),
    _MFG_BOARD: b"EZSP stick".ljust(16, b"\xff"),
    _MFG_CUSTOM_IEEE: b"\xff" * 8,
}
_NETWORK_KEY, _TC_LINK_KEY = 1, 2
_SLEEPY_END_DEVICE = 4
_NOBODY = 0xFFFF
_COUNTERS = 40


@dataclass
class Held:
    """What the firmware holds until it is started anew, beside its memory."""

    memory: EzspMemory
    up: bool = False
    configuration: Configuration = field(default_factory=Configuration)
    addresses: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By line of the address table: IEEE and network address."""
    groups: dict[int, bytes] = field(default_factory=dict)
    slow: set[int] = field(default_factory=set)
    """Devices that sleep, and are given more time."""


def kept_commands(held: Callable[[], Held]) -> dict[int, Answer]:
    """By frame id: what is answered. `held` is the state of the moment."""

    def answering(command: Callable[[Held, Reader], bytes]) -> Answer:
        return lambda reader: command(held(), reader)

    return {
        0x000B: answering(_mfg_token),
        0x0052: answering(lambda state, reader: state.configuration.read(reader)),
        0x0053: answering(lambda state, reader: state.configuration.write(reader)),
        0x0055: answering(lambda _, reader: bytes([SUCCESS]) if reader.take(2) else b""),
        0x0065: answering(lambda *_: bytes(2 * _COUNTERS)),
        0x00F1: answering(lambda *_: bytes(2 * _COUNTERS)),
        0x00AA: answering(_value),
        0x00AB: answering(_set_value),
        0x0102: answering(_token),
        0x0103: answering(_set_token),
        0x0068: answering(_begin_security),
        0x0069: answering(lambda state, _: bytes([SUCCESS]) + state.memory.security.current(state.memory.ieee)),
        0x0114: answering(_export_key),
        0x0116: answering(_key_info),
        0x010F: answering(_export_link_key),
        0x010E: answering(_import_link_key),
        0x0075: answering(_find_link_key),
        0x0076: answering(_erase_link_key),
        0x00B1: answering(_clear_link_keys),
        0x0077: answering(_factory_reset),
        0x00E2: answering(lambda *_: b""),
        0x004A: answering(_child),
        0x00AC: answering(_set_child),
        0x0063: answering(_group),
        0x0064: answering(_set_group),
        0x005E: answering(lambda state, reader: Writer().u64(_line(state, reader)[0]).done()),
        0x005F: answering(lambda state, reader: Writer().u16(_line(state, reader)[1]).done()),
        0x0082: answering(_replace_address),
        0x007E: answering(_set_slow),
        0x007F: answering(lambda state, reader: bytes([reader.number(8) in state.slow])),
    }


def _bytes(reader: Reader) -> bytes:
    return reader.take(reader.number(1))


def _mfg_token(_state: Held, reader: Reader) -> bytes:
    value = _MFG_TOKENS.get(reader.number(1), b"")
    return bytes([len(value)]) + value


# ---- values and tokens


def _value(state: Held, reader: Reader) -> bytes:
    security = state.memory.security
    values = {
        FREE_BUFFERS: bytes([_FREE_BUFFERS]),
        VERSION_INFO: _VERSION_INFO,
        FRAME_COUNTER: Writer().u32(security.frame_counter).done(),
        APS_COUNTER: Writer().u32(security.aps_counter).done(),
    }
    value = values.get(reader.number(1))
    return bytes([INVALID_ID, 0]) if value is None else bytes([SUCCESS, len(value)]) + value


def _set_value(state: Held, reader: Reader) -> bytes:
    number, value = reader.number(1), Reader(_bytes(reader))
    if number == FORCE_SENDING:
        return bytes([SUCCESS])
    if number not in {FRAME_COUNTER, APS_COUNTER}:
        return bytes([INVALID_ID])
    if state.up:
        return bytes([INVALID_CALL])
    if number == FRAME_COUNTER:
        state.memory.security.frame_counter = value.number(4)
    else:
        state.memory.security.aps_counter = value.number(4)
    return bytes([SUCCESS])


def _token(state: Held, reader: Reader) -> bytes:
    data = state.memory.token(reader.number(4), reader.number(4))
    return bytes([FATAL]) if data is None else Writer().u8(SUCCESS).u32(len(data)).raw(data).done()


def _set_token(state: Held, reader: Reader) -> bytes:
    token, index = reader.number(4), reader.number(4)
    done = state.memory.set_token(token, index, reader.take(reader.number(4)))
    return bytes([SUCCESS if done else FATAL])


# ---- keys


def _begin_security(state: Held, reader: Reader) -> bytes:
    if state.up:
        return bytes([INVALID_CALL])
    state.memory.security.begin(reader)
    return bytes([SUCCESS])


def _export_key(state: Held, reader: Reader) -> bytes:
    kind, security = reader.number(1), state.memory.security
    reader.take(17)
    key = {_NETWORK_KEY: security.network_key, _TC_LINK_KEY: security.link_key}.get(kind)
    return Writer(key or bytes(16)).u32(SL_OK if key is not None else SL_NOT_FOUND).done()


def _key_info(state: Held, _reader: Reader) -> bytes:
    if state.memory.network is None:
        return Writer().u32(SL_NOT_FOUND).raw(bytes(8)).done()
    return Writer().u32(SL_OK).raw(state.memory.security.key_info()).done()


def _export_link_key(state: Held, reader: Reader) -> bytes:
    index = reader.number(1)
    ieee, key = state.memory.security.link_keys.get(index, (0, bytes(16)))
    size = state.configuration[KEY_TABLE_SIZE]
    status = SL_INVALID_INDEX if index >= size else SL_OK if ieee else SL_NOT_FOUND
    return Writer().u64(ieee).raw(key).raw(bytes(12)).u32(status).done()


def _import_link_key(state: Held, reader: Reader) -> bytes:
    index, ieee, key = reader.number(1), reader.number(8), reader.take(16)
    if index >= state.configuration[KEY_TABLE_SIZE]:
        return Writer().u32(SL_INVALID_INDEX).done()
    state.memory.security.link_keys[index] = ieee, key
    return Writer().u32(SL_OK).done()


def _find_link_key(state: Held, reader: Reader) -> bytes:
    ieee = reader.number(8)
    lines = (line for line, (whose, _) in state.memory.security.link_keys.items() if whose == ieee)
    return bytes([next(lines, 0xFF)])


def _erase_link_key(state: Held, reader: Reader) -> bytes:
    erased = state.memory.security.link_keys.pop(reader.number(1), None)
    return bytes([SUCCESS if erased else INDEX_OUT_OF_RANGE])


def _clear_link_keys(state: Held, _reader: Reader) -> bytes:
    state.memory.security.link_keys.clear()
    return bytes([SUCCESS])


def _factory_reset(state: Held, reader: Reader) -> bytes:
    state.memory.erase(counters=not reader.number(1))
    return b""


# ---- tables


def _child(state: Held, reader: Reader) -> bytes:
    child = state.memory.children.get(reader.number(1))
    if child is None:
        return bytes([NOT_JOINED]) + bytes(18)
    head = Writer().u8(SUCCESS).u64(child.ieee).u8(_SLEEPY_END_DEVICE)
    return head.u16(child.nwk).u8(0, 0, 0).u32(0).done()


def _set_child(state: Held, reader: Reader) -> bytes:
    """Some internal flag is not set by this command, which hosts mend by the token."""
    index, ieee, _, nwk = reader.number(1), reader.number(8), reader.number(1), reader.number(2)
    state.memory.children[index] = Child(ieee, nwk)
    state.memory.members.add(ieee)
    return bytes([SUCCESS])


def _group(state: Held, reader: Reader) -> bytes:
    index = reader.number(1)
    if index >= state.configuration[MULTICAST_TABLE_SIZE]:
        return bytes([INDEX_OUT_OF_RANGE]) + bytes(4)
    return bytes([SUCCESS]) + state.groups.get(index, bytes(4))


def _set_group(state: Held, reader: Reader) -> bytes:
    index, entry = reader.number(1), reader.take(4)
    if index >= state.configuration[MULTICAST_TABLE_SIZE]:
        return bytes([INDEX_OUT_OF_RANGE])
    state.groups[index] = entry
    return bytes([SUCCESS])


def _line(state: Held, reader: Reader) -> tuple[int, int]:
    return state.addresses.get(reader.number(1), (0, _NOBODY))


def _replace_address(state: Held, reader: Reader) -> bytes:
    index, ieee, nwk, slow = reader.number(1), reader.number(8), reader.number(2), reader.number(1)
    before = state.addresses.get(index, (0, _NOBODY))
    tail = Writer().u64(before[0]).u16(before[1]).u8(before[0] in state.slow).done()
    if index >= state.configuration[ADDRESS_TABLE_SIZE]:
        return bytes([INDEX_OUT_OF_RANGE]) + tail
    state.slow.discard(before[0])
    state.addresses[index] = ieee, nwk
    if slow:
        state.slow.add(ieee)
    return bytes([SUCCESS]) + tail


def _set_slow(state: Held, reader: Reader) -> bytes:
    ieee = reader.number(8)
    if reader.number(1):
        state.slow.add(ieee)
    else:
        state.slow.discard(ieee)
    return b""
