"""A Z-Stack 3.30 coordinator behind a TCP port, as a stick on a serial server: it forms a network and carries messages.

What it says is built here byte by byte after the "Z-Stack Monitor and Test API", never by a host's library: else both
sides would share one misreading.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, Self

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

SUCCESS, FAILURE = 0x00, 0x01
MAC_NO_ACK = 0xE9
_VERSION = bytes([2, 1, 2, 7, 1])
_CODE_REVISION = 20230507
_CAPABILITIES = 0x0759
_STARTED = 9
_FORMATION, _FORMATION_FAILED = 0x04, 0x08
_BROADCASTS = frozenset({0xFFFC, 0xFFFD, 0xFFFF})

Answer = Callable[[Reader], bytes]


class Radio(Protocol):
    """A device on the air, as the coordinator meets it."""

    ieee: int
    nwk: int
    powered: bool

    def receive_zdo(self, cluster: int, sequence: int, payload: bytes) -> None:
        """Take a message to endpoint 0."""

    def receive_broadcast(self, cluster: int, sequence: int, payload: bytes) -> None:
        """Take a message to everybody's endpoint 0."""

    def receive(self, cluster: int, endpoint: int, source: int, payload: bytes) -> None:
        """Take a message to an application."""


class Coordinator:
    """The stick. Enter it to plug it in."""

    def __init__(self, nvram: Nvram | None = None) -> None:
        self.nvram = Nvram(0x00124B00AABBCC01) if nvram is None else nvram
        self.port = 0
        self.silent = False
        """It hangs: what it is told vanishes, and it says nothing."""
        self.permitted_s = 0
        """For how long devices may join, as it was last told; 0: not at all."""
        self.heard: list[tuple[int, int, bytes]] = []
        """Every message to an application: address, cluster, bytes."""
        self._radios: dict[int, Radio] = {}
        self._endpoints: dict[int, zdo.Endpoint] = {}
        self._groups: set[tuple[int, int]] = set()
        self._channels = 1 << 11
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._next_nwk = 0x1000
        self._answers = self._table()

    # ---- life

    @property
    def url(self) -> str:
        """Where a host finds it."""
        return f"socket://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.plug_in()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.unplug()

    async def plug_in(self) -> None:
        """Listen, on the port of before if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Pull the stick: the connection breaks."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await self.cut()
            await server.wait_closed()

    async def cut(self) -> None:
        """Break the connection."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        decoder = Decoder()
        with suppress(OSError):
            while received := await reader.read(4096):
                for frame in decoder.feed(received):
                    if not self.silent and self._writer is writer:
                        self._obey(frame)
        writer.close()

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

    def say_raw(self, data: bytes) -> None:
        """Put bytes on the line, whatever they are."""
        if self._writer is not None and not self.silent and not self._writer.is_closing():
            self._writer.write(data)

    # ---- devices

    @property
    def network(self) -> NetworkSettings | None:
        """The network that it keeps."""
        return self.nvram.network

    def admit(self, radio: Radio) -> bool:
        """Let a device join or come back; it gets a new network address. Returns whether it may."""
        if self.network is None or not (self.permitted_s or radio.ieee in self.nvram.known()):
            return False
        self._next_nwk += 1
        self.forget(radio)
        radio.nwk = self._next_nwk
        self._radios[radio.nwk] = radio
        self.nvram.remember(radio.ieee, radio.nwk)
        self._say(AREQ, ZDO, 0xCA, Writer().u16(radio.nwk).u64(radio.ieee).u16(0x0000).done())
        return True

    def put(self, radio: Radio) -> None:
        """A device that has been in the network since before."""
        self._radios[radio.nwk] = radio
        self._next_nwk = max(self._next_nwk, radio.nwk)
        self.nvram.remember(radio.ieee, radio.nwk)

    def forget(self, radio: Radio) -> None:
        """A device is no longer where it was."""
        self._radios.pop(radio.nwk, None)

    def leave(self, radio: Radio) -> None:
        """A device says that it leaves."""
        self.forget(radio)
        self.nvram.forget(radio.ieee)
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
        self._endpoints.clear()
        self._groups.clear()
        self._say(AREQ, SYS, 0x80, bytes([0]) + _VERSION)

    def _register(self, reader: Reader) -> bytes:
        number, profile, device, _, _ = (reader.number(size) for size in (1, 2, 2, 1, 1))
        servers = tuple(reader.number(2) for _ in range(reader.number(1)))
        clients = tuple(reader.number(2) for _ in range(reader.number(1)))
        self._endpoints[number] = zdo.Endpoint(profile, device, servers, clients)
        return bytes([SUCCESS])

    def _device_info(self, _reader: Reader) -> bytes:
        state = _STARTED if self._endpoints else 0
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
            address = next((radio.nwk for radio in self._radios.values() if radio.ieee == address), 0xFFFE)
        self._carry(reader, address & 0xFFFF, extended=True, single=mode in {0x02, 0x03})

    def _carry(self, reader: Reader, address: int, *, extended: bool, single: bool = True) -> None:
        """Bring a message to where it goes, and confirm what became of it."""
        endpoint = reader.number(1)
        if extended:
            reader.take(2)
        source, cluster, sequence, _, _ = (reader.number(size) for size in (1, 2, 1, 1, 1))
        payload = reader.take(reader.number(2 if extended else 1))
        if not single or address in _BROADCASTS or address == 0x0000:
            self._answer_itself(cluster, endpoint, payload)
            if address in _BROADCASTS:
                self._tell_all(cluster, endpoint, payload)
            status = SUCCESS
        else:
            radio = self._radios.get(address)
            reached = radio is not None and radio.powered
            status = SUCCESS if reached else MAC_NO_ACK
        if endpoint:
            self._say(AREQ, AF, 0x80, bytes([status, source, sequence]))
            self.heard.append((address, cluster, payload))
        if single and (radio := self._radios.get(address)) is not None and radio.powered:
            if endpoint:
                radio.receive(cluster, endpoint, source, payload)
            else:
                radio.receive_zdo(cluster, payload[0], payload[1:])

    def _tell_all(self, cluster: int, endpoint: int, payload: bytes) -> None:
        for radio in list(self._radios.values()):
            if radio.powered and not endpoint and payload:
                radio.receive_broadcast(cluster, payload[0], payload[1:])

    def _answer_itself(self, cluster: int, endpoint: int, payload: bytes) -> None:
        """What the coordinator's own endpoint 0 says to its host."""
        if endpoint or not payload:
            return
        node = zdo.Node(zdo.COORDINATOR, 0x0000, dict(self._endpoints))
        said = zdo.answer(node, 0x0000, cluster, payload[1:])
        if said is not None:
            head = Writer().u16(0x0000).u8(0).u16(cluster | zdo.RESPONSE).u8(0, payload[0]).u16(0x0000)
            self._say(AREQ, ZDO, 0xFF, head.raw(said).done())
