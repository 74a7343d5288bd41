"""One OpenBeken device as the hub talks with it: one question at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from agent.adapters.mqtt.announced import speak_alike
from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.openbeken_messages import (
    Identity,
    Measured,
    OpenBekenMalformed,
    read_channel,
    read_identity,
    read_measured,
)
from agent.errors import BrokerUnreachable, DeviceMalformed, DeviceRefused, DeviceUnreachable

_OFFLINE_PATIENCE_S = 1.0
"""A device whose last will says that it is gone is asked all the same, for the will may be late, but not for long."""
_STATUSES = ("STATUS8", "STATUS11")
"""What it measures, and how its relays stand."""
_MOST_OF_ONE_NAME = 8
_SAYS_NOTHING_S = 0.3
"""A device says nothing to an order that changes nothing: after so long it is asked."""


class Station:
    """What is known of one device, and the topics on which it is spoken with."""

    def __init__(self, broker: Broker, name: str, alone_s: float) -> None:
        """`alone_s` are wall seconds after its answer in which another device of this name would have answered."""
        self._alone_s = alone_s
        self._settled = asyncio.Event()
        self._settling: asyncio.TimerHandle | None = None
        self._broker = broker
        self._channels: set[int] = set()
        self._listening = False
        self._waiting: list[Callable[[int, bytes], None]] = []
        self._reporters: list[tuple[int, Callable[[bool], None]]] = []
        self._asked: list[tuple[str, asyncio.Future[bytes]]] = []
        self._identified: list[asyncio.Future[None]] = []
        self.name = name
        self.identity: Identity | None = None
        """None until it was asked."""
        self.identities: dict[str, Identity] = {}
        """By MAC address, for an owner may have given one name to two."""
        self.adopted = False
        """Set once it has said that it is there."""
        self.returns = 0
        """How often it has said that it is back."""
        self.online: bool | None = None
        """What its last will or its last word says; None if neither was heard."""
        self.relay_turn = asyncio.Lock()
        self.sensor_turn = asyncio.Lock()

    @property
    def sharing(self) -> frozenset[str]:
        """MAC addresses of all devices of its name, if it is not alone: an order would switch them all."""
        return frozenset(self.identities if len(self.identities) > 1 else ())

    def check_alone(self, name: str) -> None:
        """Raises DeviceRefused where another device has its name, too."""
        if self.sharing:
            raise DeviceRefused(name, speak_alike(self.sharing, "name"))

    def listen(self) -> None:
        """Hear its answers."""
        if not self._listening:
            self._listening = True
            self._broker.subscribe(f"stat/{self.name}/STATUS", self._on_identity)
            for kind in _STATUSES:
                self._broker.subscribe(f"stat/{self.name}/{kind}", self._on_status)

    def leave(self) -> None:
        """Listen no more."""
        if self._listening:
            self._listening = False
            self._broker.unsubscribe(f"stat/{self.name}/STATUS", self._on_identity)
            for kind in _STATUSES:
                self._broker.unsubscribe(f"stat/{self.name}/{kind}", self._on_status)

    def on_relay(self, channel: int, report: Callable[[bool], None]) -> None:
        """Tell a relay whatever the device says of its channel."""
        if channel not in self._channels:
            self._channels.add(channel)
            self._broker.subscribe(f"{self.name}/{channel}/get", self._on_channel)
        self._reporters.append((channel, report))

    @asynccontextmanager
    async def conversation(self, name: str, deadline_s: float, turn: asyncio.Lock) -> AsyncIterator[None]:
        """Wait for the turn, then talk for `deadline_s` wall seconds at most. Raises DeviceError."""
        async with turn:
            gone = self.online is False
            patience_s = min(deadline_s, _OFFLINE_PATIENCE_S) if gone else deadline_s
            try:
                async with asyncio.timeout(patience_s):
                    self.check_alone(name)
                    yield
                    self.check_alone(name)
            except TimeoutError as error:
                why = ", and its last will says that it is offline" if gone else ""
                raise DeviceUnreachable(name, f"no answer within {patience_s:g} s{why}") from error
            except BrokerUnreachable as error:
                raise DeviceUnreachable(name, str(error)) from error
            except OpenBekenMalformed as error:
                raise DeviceMalformed(name, str(error)) from error

    def ask_identity(self) -> None:
        """Ask what it is, without waiting. Raises BrokerUnreachable."""
        self.listen()
        self._broker.publish(f"cmnd/{self.name}/STATUS", "")

    async def identify(self) -> Identity:
        """What it is, asked once, and whether it is alone. May wait for ever. Raises BrokerUnreachable."""
        while self.identity is None:
            known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._identified.append(known)
            try:
                self.ask_identity()
                await known
            finally:
                self._identified.remove(known)
        identity = self.identity
        await self._settled.wait()
        return identity

    async def set_channel(self, channel: int, *, on: bool) -> None:
        """Send an order and return when the channel was said to stand so. Raises BrokerUnreachable."""
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        with self._hearing(channel, heard, lambda payload: read_channel(payload) is on):
            self._broker.publish(f"{self.name}/{channel}/set", "1" if on else "0")
            await asyncio.wait([heard], timeout=_SAYS_NOTHING_S)
            if not heard.done():
                self._broker.publish(f"{self.name}/{channel}/get")
            await heard

    async def ask_relays(self) -> bytes:
        """Ask how its relays stand, by `STATUS 11`, which answers nothing but a question. Raises BrokerUnreachable."""
        return await self._status("11")

    async def measure(self) -> Measured:
        """Ask what it measures. May wait for ever. Raises BrokerUnreachable, OpenBekenMalformed."""
        return read_measured(await self._status("8"))

    async def _status(self, kind: str) -> bytes:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked.append((f"STATUS{kind}", answer))
        try:
            self._broker.publish(f"cmnd/{self.name}/STATUS", kind)
            return await answer
        finally:
            self._asked.remove((f"STATUS{kind}", answer))

    @contextmanager
    def _hearing(self, channel: int, heard: asyncio.Future[bytes], fits: Callable[[bytes], bool]) -> Iterator[None]:
        def listen(number: int, said: bytes) -> None:
            if number == channel and not heard.done() and fits(said):
                heard.set_result(said)

        self._waiting.append(listen)
        try:
            yield
        finally:
            self._waiting.remove(listen)

    def on_will(self, message: Message) -> None:
        """`<dev>/connected`."""
        self.online = {b"online": True, b"offline": False}.get(message.payload)
        if self.online and not message.retained:  # it started anew, perhaps with other pins
            self.returns += 1
            self.identity = None
            self._settled.clear()  # or it is another one of its name
            if self._settling is not None:
                self._settling.cancel()
                self._settling = None

    def _on_channel(self, message: Message) -> None:
        if message.retained:  # what the broker kept tells the past
            return
        channel = int(message.topic.split("/")[-2])
        for listen in tuple(self._waiting):
            listen(channel, message.payload)
        state = read_channel(message.payload)
        for number, report in self._reporters if state is not None and not self.sharing else ():
            if number == channel:
                report(state is True)

    def _on_identity(self, message: Message) -> None:
        identity = None if message.retained else read_identity(message.payload)
        if identity is None:
            return
        self.identity, self.online = identity, True
        if identity.mac in self.identities or len(self.identities) < _MOST_OF_ONE_NAME:
            self.identities[identity.mac] = identity
        if self._settling is None:
            self._settling = asyncio.get_running_loop().call_later(self._alone_s, self._settled.set)
        for known in self._identified:
            if not known.done():
                known.set_result(None)

    def _on_status(self, message: Message) -> None:
        if message.retained:
            return
        self.online = True
        for kind, answer in self._asked:
            if message.topic.endswith(f"/{kind}") and not answer.done():
                answer.set_result(message.payload)
