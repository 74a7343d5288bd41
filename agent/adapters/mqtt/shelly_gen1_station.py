"""One physical Shelly of generation 1 as the hub talks with it: its topics, and what comes after a question.

Nothing on its topics says which question it answers, and what a relay says to an order looks like what it says to a
question. But what one device sends arrives in order, and it announces itself only where it is asked to or has just
connected. So each question asks for an announcement first, and what came before that is no answer: it may be a late one
to an order. Only a device that was never heard to announce itself is believed without.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Collection

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.shelly_gen1_messages import RelayWord, hardware_of, read_relay

ALONE_S = 0.25
"""So long after the announcement of a device another one of the same id would have announced itself, too."""
_MOST_MACS = 8
_RELAY = re.compile(r"relay/([0-9])")
_PROBE = re.compile(r"ext_temperature/([0-9])")
_TOPICS = ("online", "announce", "relay/+", "relay/+/power", "relay/+/energy", "ext_temperature/+")
_FENCE_S = 0.5
"""So long an answer waits for the announcement that should have come before it, if there never was one."""

Listener = Callable[[str, bytes], None]


class Gen1Station:
    """What is known of one device."""

    def __init__(self, broker: Broker, device_id: str, alone_s: float = ALONE_S) -> None:
        """`alone_s` are wall seconds after its announcement in which another device of this id would have come."""
        self._alone_s = alone_s
        self._settled = asyncio.Event()
        self._settling: asyncio.TimerHandle | None = None
        self._macs: set[str] = set()
        self._broker = broker
        self._prefix = f"shellies/{device_id}"
        self._listeners: list[Listener] = []
        self.reporters: dict[int, list[Callable[[bool], None]]] = {}
        """By relay, from 0 on: who is told what it says."""
        self.returns = 0
        """How often it has said that it is back."""
        self.online: bool | None = None
        """What its last will or its last word says; None if neither was heard."""
        self.announces = False
        """Whether it was ever heard to announce itself: then only what comes after an announcement is an answer."""
        self.probes: set[int] = set()
        """Probes of which it has ever spoken."""
        self.relay_turn = asyncio.Lock()
        self.sensor_turn = asyncio.Lock()
        for topic in _TOPICS:
            broker.subscribe(f"{self._prefix}/{topic}", self._on_message)

    @property
    def sharing(self) -> frozenset[str]:
        """MAC addresses of all devices of its id, if it is not alone: an order would switch them all."""
        return frozenset(self._macs if len(self._macs) > 1 else ())

    async def alone(self) -> None:
        """Return once it is known who hears an order, or once it is clear that nobody says so.

        Raises BrokerUnreachable.
        """
        if self._settled.is_set():
            return
        if self._settling is None:
            self._send("command", "announce")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(_FENCE_S, 2 * self._alone_s)):
                await self._settled.wait()
        self._settled.set()

    async def switch(self, relay: int, *, on: bool) -> RelayWord:
        """Order, and return what the relay says once it says the wanted state or that it had to open.

        Raises BrokerUnreachable.
        """
        ends = {RelayWord.ON if on else RelayWord.OFF, RelayWord.OVERPOWER}
        return await self._next_word(relay, f"relay/{relay}/command", "on" if on else "off", ends)

    async def relay(self, relay: int) -> RelayWord:
        """Ask for all, and return what the relay says then. Raises BrokerUnreachable."""
        topic = f"relay/{relay}"
        return read_relay((await self.answers([topic]))[topic])

    async def answers(self, topics: Collection[str]) -> dict[str, bytes]:
        """Ask for all, and return what comes on each of these topics after the question. Raises BrokerUnreachable."""
        heard: dict[str, bytes] = {}
        fenced, complete = asyncio.Event(), asyncio.Event()

        def listen(last: str, payload: bytes) -> None:
            if last == "announce" and not fenced.is_set():
                fenced.set()  # what came before it may still answer an earlier question
                heard.clear()
                complete.clear()
            elif last in topics:
                heard[last] = payload
                if len(heard) == len(topics):
                    complete.set()

        self._listeners.append(listen)
        try:
            self._send("command", "announce")
            self._send("command", "update")
            while True:
                await complete.wait()
                if not fenced.is_set():
                    with contextlib.suppress(TimeoutError):  # then what it said last counts
                        async with asyncio.timeout(None if self.announces else _FENCE_S):
                            await fenced.wait()
                if complete.is_set():
                    return heard
        finally:
            self._listeners.remove(listen)

    async def _next_word(self, relay: int, command: str, payload: str, ends: Collection[RelayWord]) -> RelayWord:
        said: asyncio.Future[RelayWord] = asyncio.get_running_loop().create_future()

        def listen(last: str, heard: bytes) -> None:
            if last == f"relay/{relay}" and not said.done():
                word = read_relay(heard)
                if word in ends:
                    said.set_result(word)

        self._listeners.append(listen)
        try:
            self._send(command, payload)
            return await said
        finally:
            self._listeners.remove(listen)

    def _send(self, last: str, payload: str) -> None:
        self._broker.publish(f"{self._prefix}/{last}", payload)

    def _on_message(self, message: Message) -> None:
        last = message.topic.removeprefix(f"{self._prefix}/")
        probe = _PROBE.fullmatch(last)
        if probe is not None:
            self.probes.add(int(probe[1]))
        if last == "online":
            self.online = {b"true": True, b"false": False}.get(message.payload)
            self.returns += self.online is True and not message.retained
            return
        if message.retained:  # what the broker kept tells the past
            return
        self.online = True
        if last == "announce":
            self._on_announce(message.payload)
        relay = _RELAY.fullmatch(last)
        word = read_relay(message.payload) if relay is not None else None
        for listen in tuple(self._listeners):
            listen(last, message.payload)
        if relay is not None and word is not None and not self.sharing:
            for report in self.reporters.get(int(relay[1]), ()):
                report(word is RelayWord.ON)

    def _on_announce(self, payload: bytes) -> None:
        self.announces = True
        mac = hardware_of(payload)
        if mac is not None and len(self._macs) < _MOST_MACS:
            self._macs.add(mac)
        if self._settling is None:
            self._settling = asyncio.get_running_loop().call_later(self._alone_s, self._settled.set)
