"""A coordinator behind a TCP port, as a stick on a serial server, with the air around it: what all firmwares share."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Protocol, Self

from simulators.zigbee import zdo

BROADCASTS = frozenset({0xFFFC, 0xFFFD, 0xFFFF})
COORDINATOR_NWK = 0x0000


class Radio(Protocol):
    """A device on the air, as the coordinator meets it."""

    ieee: int
    nwk: int
    powered: bool

    @property
    def node(self) -> zdo.Node:
        """How it describes itself."""

    def receive_zdo(self, cluster: int, sequence: int, payload: bytes) -> None:
        """Take a message to endpoint 0."""

    def receive_broadcast(self, cluster: int, sequence: int, payload: bytes) -> None:
        """Take a message to everybody's endpoint 0."""

    def receive(self, cluster: int, endpoint: int, source: int, payload: bytes) -> None:
        """Take a message to an application."""


class Stick(ABC):
    """A coordinator. Enter it to plug it in."""

    def __init__(self) -> None:
        self.port = 0
        self.silent = False
        """It hangs: what it is told vanishes, and it says nothing."""
        self.permitted_s = 0
        """For how long devices may join, as it was last told; 0: not at all."""
        self.heard: list[tuple[int, int, bytes]] = []
        """Every message to an application: address, cluster, bytes."""
        self.endpoints: dict[int, zdo.Endpoint] = {}
        """What the host registered."""
        self._radios: dict[int, Radio] = {}
        self._next_nwk = 0x1000
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None

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
        self._connected()
        with suppress(OSError):
            while received := await reader.read(4096):
                if not self.silent and self._writer is writer:
                    self._read(received)
        if self._writer is writer or self._writer is None:
            self._disconnected()
        writer.close()

    def say_raw(self, data: bytes) -> None:
        """Put bytes on the line, whatever they are."""
        if self._writer is not None and not self.silent and not self._writer.is_closing():
            self._writer.write(data)

    @abstractmethod
    def _connected(self) -> None:
        """A host has connected."""

    def _disconnected(self) -> None:  # noqa: B027 - most need nothing
        """The host is gone."""

    @abstractmethod
    def _read(self, received: bytes) -> None:
        """Take bytes off the line."""

    # ---- devices

    def admit(self, radio: Radio) -> bool:
        """Let a device join or come back; it gets a new network address. Returns whether it may."""
        known = self._knows(radio.ieee)
        if not (self.permitted_s or known):
            return False
        self._next_nwk += 1
        self.forget(radio)
        radio.nwk = self._next_nwk
        self._radios[radio.nwk] = radio
        self._keep(radio)
        self._tell_joined(radio, again=known)
        return True

    def put(self, radio: Radio) -> None:
        """A device that has been in the network since before."""
        self._radios[radio.nwk] = radio
        self._next_nwk = max(self._next_nwk, radio.nwk)
        self._keep(radio)

    def forget(self, radio: Radio) -> None:
        """A device is no longer where it was."""
        self._radios.pop(radio.nwk, None)

    def leave(self, radio: Radio) -> None:
        """A device says that it leaves."""
        self.forget(radio)
        self._drop(radio.ieee)
        self._tell_left(radio)

    @abstractmethod
    def hear_zdo(self, radio: Radio, cluster: int, sequence: int, payload: bytes, *, broadcast: bool = False) -> None:
        """A device speaks from endpoint 0."""

    @abstractmethod
    def hear(self, radio: Radio, cluster: int, endpoint: int, payload: bytes) -> None:
        """A device speaks from an application to endpoint 1 of the coordinator."""

    @abstractmethod
    def _knows(self, ieee: int) -> bool:
        """Whether there is a network, and the device is of it."""

    @abstractmethod
    def _keep(self, radio: Radio) -> None:
        """Remember a device of the network."""

    @abstractmethod
    def _drop(self, ieee: int) -> None:
        """Forget a device that left."""

    @abstractmethod
    def _tell_joined(self, radio: Radio, *, again: bool) -> None:
        """Tell the host."""

    @abstractmethod
    def _tell_left(self, radio: Radio) -> None:
        """Tell the host."""

    # ---- messages

    def _by_ieee(self, ieee: int) -> Radio | None:
        return next((radio for radio in self._radios.values() if radio.ieee == ieee), None)

    def _reaches(self, address: int) -> bool:
        radio = self._radios.get(address)
        return radio is not None and radio.powered

    def _deliver(self, address: int, endpoint: int, source: int, cluster: int, payload: bytes) -> None:
        """Bring a message to one device, if it is there."""
        radio = self._radios.get(address)
        if radio is None or not radio.powered:
            return
        if endpoint:
            radio.receive(cluster, endpoint, source, payload)
        elif payload:
            radio.receive_zdo(cluster, payload[0], payload[1:])

    def _tell_all(self, cluster: int, endpoint: int, payload: bytes) -> None:
        """Bring a message to every device's endpoint 0."""
        for radio in list(self._radios.values()):
            if radio.powered and not endpoint and payload:
                radio.receive_broadcast(cluster, payload[0], payload[1:])

    def _own_answer(self, cluster: int, payload: bytes) -> bytes | None:
        """What the coordinator's own endpoint 0 says, without the sequence number."""
        node = zdo.Node(zdo.COORDINATOR, 0x0000, dict(self.endpoints))
        return zdo.answer(node, COORDINATOR_NWK, cluster, payload[1:]) if payload else None
