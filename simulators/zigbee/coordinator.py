"""A Z-Stack 3.30 coordinator behind a TCP port: it forms a network and carries messages.

What it says is built here byte by byte after the "Z-Stack Monitor and Test API", never by a host's library: else both
sides would share one misreading.
"""

from collections.abc import Callable

from simulators.zigbee import zdo
from simulators.zigbee.mt import (
    AF,
    APP_CONFIG,
    AREQ,
    RPC,
    SREQ,
    SRSP,
    SYS,
    UTIL,
    ZDO,
    Decoder,
    Frame,
    MtMalformed,
    Reader,
    Writer,
)
from simulators.zigbee.nv_commands import nv_commands
from simulators.zigbee.nvram import NetworkSettings, Nvram
from simulators.zigbee.stick import BROADCASTS, COORDINATOR_NWK, Radio, Stick

SUCCESS, FAILURE = 0x00, 0x01
MAC_NO_ACK = 0xE9
_VERSION = bytes([2, 1, 2, 7, 1])
_CODE_REVISION = 20230507
_CAPABILITIES = 0x0759
_STARTED = 9
_FORMATION, _FORMATION_FAILED = 0x04, 0x08

Answer = Callable[[Reader], bytes]


class Coordinator(Stick):
    """The stick. Enter it to plug it in."""

    def __init__(self, nvram: Nvram | None = None) -> None:
        super().__init__()
        self.nvram = Nvram(0x00124B00AABBCC01) if nvram is None else nvram
        self._groups: set[tuple[int, int]] = set()
        self._channels = 1 << 11
        self._decoder = Decoder()
        self._answers = self._table()

    @property
    def network(self) -> NetworkSettings | None:
        """The network that it keeps."""
        return self.nvram.network

    # ---- the line

    def _connected(self) -> None:
        self._decoder = Decoder()

    def _read(self, received: bytes) -> None:
        for frame in self._decoder.feed(received):
            self._obey(frame)

    def _obey(self, frame: Frame) -> None:
        if frame.kind == AREQ:
            if (frame.subsystem, frame.command) == (SYS, 0x00):
                self._reset()
            return
        answer = self._answers.get((frame.subsystem, frame.command))
        try:
            data = None if answer is None or frame.kind != SREQ else answer(Reader(frame.data))
        except MtMalformed:
            self._say(SRSP, RPC, 0x00, bytes([4, frame.kind | frame.subsystem, frame.command]))
            return
        if data is None:
            self._say(SRSP, RPC, 0x00, bytes([2, frame.kind | frame.subsystem, frame.command]))
            return
        self._say(SRSP, frame.subsystem, frame.command, data)
        self._after(frame)

    def _say(self, kind: int, subsystem: int, command: int, data: bytes) -> None:
        self.say_raw(Frame(kind, subsystem, command, data).encoded())

    # ---- devices

    def _knows(self, ieee: int) -> bool:
        return self.network is not None and ieee in self.nvram.known()

    def _keep(self, radio: Radio) -> None:
        self.nvram.remember(radio.ieee, radio.nwk)

    def _drop(self, ieee: int) -> None:
        self.nvram.forget(ieee)

    def _tell_joined(self, radio: Radio, *, again: bool) -> None:  # noqa: ARG002 - this firmware tells both alike
        self._say(AREQ, ZDO, 0xCA, Writer().u16(radio.nwk).u64(radio.ieee).u16(0x0000).done())

    def _tell_left(self, radio: Radio) -> None:
        self._say(AREQ, ZDO, 0xC9, Writer().u16(radio.nwk).u64(radio.ieee).u8(0, 0, 0).done())

    def hear_zdo(self, radio: Radio, cluster: int, sequence: int, payload: bytes, *, broadcast: bool = False) -> None:
        """A device speaks from endpoint 0."""
        head = Writer().u16(radio.nwk).u8(int(broadcast)).u16(cluster).u8(0, sequence).u16(0x0000)
        self._say(AREQ, ZDO, 0xFF, head.raw(payload).done())

    def hear(self, radio: Radio, cluster: int, endpoint: int, payload: bytes) -> None:
        """A device speaks from an application to endpoint 1 of the coordinator."""
        head = Writer().u16(0x0000, cluster, radio.nwk).u8(endpoint, 1, 0, 180, 0).u32(0).u8(0, len(payload))
        self._say(AREQ, AF, 0x81, head.raw(payload).u16(radio.nwk).u8(29).done())

    # ---- what hosts ask

    def _table(self) -> dict[tuple[int, int], Answer]:
        ok: Answer = lambda _: bytes([SUCCESS])  # noqa: E731 - most commands need no more than that
        simple = {(ZDO, command): ok for command in (0x3E, 0x3F, 0x45, 0x46, 0x47, 0x48, 0x4D, 0x53)}
        simple |= {(APP_CONFIG, command): ok for command in (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x09)}
        simple |= {(UTIL, command): ok for command in (0x06, 0x0A, 0x63, 0x64)}
        return (
            simple
            | nv_commands(lambda: self.nvram)
            | {
                (SYS, 0x01): lambda _: Writer().u16(_CAPABILITIES).done(),
                (SYS, 0x02): lambda _: Writer(_VERSION).u32(_CODE_REVISION).u8(0).u32(0xFFFFFFFF).done(),
                (SYS, 0x04): lambda _: Writer().u64(self.nvram.ieee).done(),
                (AF, 0x00): self._register,
                (AF, 0x01): lambda _: bytes([SUCCESS]),
                (AF, 0x02): lambda _: bytes([SUCCESS]),
                (AF, 0x03): lambda _: bytes([SUCCESS]),
                (UTIL, 0x00): self._device_info,
                (UTIL, 0x49): lambda _: bytes(36),
                (UTIL, 0x4A): lambda _: bytes(36),
                (ZDO, 0x36): self._permit,
                (ZDO, 0x37): lambda _: bytes([SUCCESS]),
                (ZDO, 0x40): lambda _: bytes([0 if self.network is not None else 1]),
                (ZDO, 0x4A): self._find_group,
                (ZDO, 0x4B): self._add_group,
                (ZDO, 0x50): self._network_info,
                (APP_CONFIG, 0x08): self._set_channels,
            }
        )

    def _after(self, frame: Frame) -> None:
        """What comes besides the answer at once."""
        reader = Reader(frame.data)
        command = (frame.subsystem, frame.command)
        if command == (APP_CONFIG, 0x05):
            self._commission(reader.number(1))
        elif command == (ZDO, 0x40):
            self._say(AREQ, ZDO, 0xC0, bytes([_STARTED]))
        elif command == (ZDO, 0x36):
            self._say(AREQ, ZDO, 0xB6, Writer().u16(0x0000).u8(SUCCESS).done())
        elif command == (AF, 0x01):
            self._carry(reader, reader.number(2), extended=False)
        elif command == (AF, 0x02):
            self._carry_extended(reader)

    def _reset(self) -> None:
        self.nvram.boot()
        self.permitted_s = 0
        self.endpoints.clear()
        self._groups.clear()
        self._say(AREQ, SYS, 0x80, bytes([0]) + _VERSION)

    def _register(self, reader: Reader) -> bytes:
        number, profile, device, _, _ = (reader.number(size) for size in (1, 2, 2, 1, 1))
        servers = tuple(reader.number(2) for _ in range(reader.number(1)))
        clients = tuple(reader.number(2) for _ in range(reader.number(1)))
        self.endpoints[number] = zdo.Endpoint(profile, device, servers, clients)
        return bytes([SUCCESS])

    def _device_info(self, _reader: Reader) -> bytes:
        state = _STARTED if self.endpoints else 0
        return Writer().u8(SUCCESS).u64(self.nvram.ieee).u16(0).u8(7, state, 0).done()

    def _permit(self, reader: Reader) -> bytes:
        reader.take(3)
        self.permitted_s = reader.number(1)
        return bytes([SUCCESS])

    def _find_group(self, reader: Reader) -> bytes:
        there = (reader.number(1), group := reader.number(2)) in self._groups
        return Writer().u8(SUCCESS if there else FAILURE).u16(group).u8(0).done()

    def _add_group(self, reader: Reader) -> bytes:
        self._groups.add((reader.number(1), reader.number(2)))
        return bytes([SUCCESS])

    def _network_info(self, _reader: Reader) -> bytes:
        network = self.network or NetworkSettings(0xFFFE, bytes(8), 0)
        head = Writer().u16(0x0000, network.pan_id, 0x0000).raw(network.extended_pan_id).u64(0)
        return head.u8(network.channel).done()

    def _set_channels(self, reader: Reader) -> bytes:
        if reader.number(1):
            self._channels = reader.number(4)
        return bytes([SUCCESS])

    def _commission(self, mode: int) -> None:
        first = self.network is None
        if first:
            self.nvram.form(self._channels)
        self._say(AREQ, ZDO, 0xC0, bytes([_STARTED]))
        self._say(AREQ, APP_CONFIG, 0x80, bytes([SUCCESS if first else _FORMATION_FAILED, mode & _FORMATION, 0]))

    def _carry_extended(self, reader: Reader) -> None:
        mode = reader.number(1)
        address = reader.number(8)
        if mode == 0x03:
            radio = self._by_ieee(address)
            address = 0xFFFE if radio is None else radio.nwk
        self._carry(reader, address & 0xFFFF, extended=True, single=mode in {0x02, 0x03})

    def _carry(self, reader: Reader, address: int, *, extended: bool, single: bool = True) -> None:
        """Bring a message to where it goes, and confirm what became of it."""
        endpoint = reader.number(1)
        if extended:
            reader.take(2)
        source, cluster, sequence, _, _ = (reader.number(size) for size in (1, 2, 1, 1, 1))
        payload = reader.take(reader.number(2 if extended else 1))
        if not single or address in BROADCASTS or address == COORDINATOR_NWK:
            self._answer_itself(cluster, endpoint, payload)
            if address in BROADCASTS:
                self._tell_all(cluster, endpoint, payload)
            status = SUCCESS
        else:
            status = SUCCESS if self._reaches(address) else MAC_NO_ACK
        if endpoint:
            self._say(AREQ, AF, 0x80, bytes([status, source, sequence]))
            self.heard.append((address, cluster, payload))
        if single:
            self._deliver(address, endpoint, source, cluster, payload)

    def _answer_itself(self, cluster: int, endpoint: int, payload: bytes) -> None:
        """What the coordinator's own endpoint 0 says to its host."""
        said = None if endpoint else self._own_answer(cluster, payload)
        if said is not None:
            head = Writer().u16(0x0000).u8(0).u16(cluster | zdo.RESPONSE).u8(0, payload[0]).u16(0x0000)
            self._say(AREQ, ZDO, 0xFF, head.raw(said).done())
