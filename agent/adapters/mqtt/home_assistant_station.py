"""One device of Home Assistant's discovery as the hub talks with it: what it said of itself, one question at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.adapters.mqtt.announced import unseen
from agent.adapters.mqtt.broker import Broker, Message, Receiver
from agent.adapters.mqtt.home_assistant_messages import Announcement, Component
from agent.adapters.mqtt.home_assistant_template import HomeAssistantMalformed
from agent.errors import BrokerUnreachable, DeviceMalformed, DeviceUnreachable
from agent.ports import Clock

_OFFLINE_PATIENCE_S = 1.0
"""A device that is said to be gone is asked all the same, for that word may be late, but not for long."""
_SAYS_NOTHING_S = 0.3
"""A device says nothing to an order that changes nothing: after so long it is asked whether it has heard."""
_MOST_AVAILABILITIES = 8


@dataclass(frozen=True)
class Heard:
    """One message of a device, and when it came."""

    at: datetime
    payload: bytes


class Station:
    """What is known of one device, and the topics on which it is spoken with."""

    def __init__(self, broker: Broker, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self._announcements: dict[str, Announcement] = {}
        self._subscribed: list[tuple[str, Receiver]] = []
        self._signs: list[Callable[[str, bool], None]] = []
        self._reporters: list[Callable[[Component, bool], None]] = []
        self._last: dict[str, Heard] = {}
        """By topic, what it last said by itself; what the broker had kept is none of that."""
        self._there: dict[str, bool] = {}
        """By topic of availability, the last word."""
        self.returns = 0
        """How often it has said that it is back."""
        self._latest: bool | None = None
        self.adopted = False
        self.claim: tuple[frozenset[str], str] | None = None
        """Who announced its first switch: what another one announces is none of its own, whatever it calls itself."""
        self.only_switch = ""
        """The switch that it had when it was adopted; empty until it had one."""
        self.rivals: tuple[str, ...] = ()
        """Topics of discovery on which another device with a switch says that it is this one."""
        self.answers_pings = False
        """Whether it has ever answered one: then nothing else shows that it lives."""
        self.relay_turn = asyncio.Lock()
        self.sensor_turn = asyncio.Lock()

    # ---- what it said of itself

    @property
    def components(self) -> tuple[Component, ...]:
        """All that it has announced, in the order of their names."""
        every = (component for said in self._announcements.values() for component in said.components)
        return tuple(sorted(every, key=lambda component: component.object_id))

    @property
    def switches(self) -> tuple[Component, ...]:
        """What can be switched."""
        return tuple(component for component in self.components if component.platform == "switch")

    @property
    def names(self) -> frozenset[str]:
        """All that it calls itself where it announces a switch."""
        return frozenset().union(*(said.names for said in self._announcements.values() if said.switches))

    @property
    def topics(self) -> tuple[str, ...]:
        """Where it announces its switches."""
        return tuple(topic for topic, said in self._announcements.items() if said.switches)

    @property
    def announcement(self) -> Announcement | None:
        """One of its announcements: all say the same of the device itself."""
        return next(iter(self._announcements.values()), None)

    @property
    def refused(self) -> str:
        """Which of its components are not used, and why; empty if all are."""
        every = (item for said in self._announcements.values() for item in said.refused.items())
        return "; ".join(f"{name}: {why}" for name, why in list(every)[:3])

    @property
    def empty(self) -> bool:
        """Whether it has taken all back that it announced."""
        return not self._announcements

    def announce(self, topic: str, said: Announcement | None, most: int) -> None:
        """Take over what one message of discovery says, or None if it was taken back."""
        if said is None:
            self._announcements.pop(topic, None)
        elif topic not in self._announcements and len(self._announcements) >= most:
            raise HomeAssistantMalformed(f"a device announces more than {most} components")
        elif self._announcements.get(topic) == said:
            return
        else:
            self._announcements[topic] = said
            if said.switches and self.claim is None:
                self.claim = said.claim
        self._remember()
        self.listen()

    def adopt(self) -> None:
        """From now on it is listened to, and its only switch is meant where the settings name none."""
        self.adopted = True
        self._remember()
        self.listen()

    def _remember(self) -> None:
        if self.adopted and not self.only_switch and self.switches:
            self.only_switch = self.switches[0].object_id

    def listen(self) -> None:
        """Subscribe to the topics of the present announcements, and to no others."""
        before = self._subscribed
        wanted = list(self._topics())
        for topic, receiver in before:
            if (topic, receiver) not in wanted:
                self._broker.unsubscribe(topic, receiver)
                self._last.pop(topic, None)
                self._there.pop(topic, None)
        for topic, receiver in wanted:
            if (topic, receiver) not in before:
                self._broker.subscribe(topic, receiver)
        self._subscribed = wanted

    def leave(self) -> None:
        """Listen no more."""
        self._announcements.clear()
        self.listen()

    @property
    def online(self) -> bool | None:
        """What its availability says; None if it says nothing."""
        known = [component for component in self.components if component.availability]
        if not known:
            return True if self._latest is None and self._last else self._latest
        words = {where.topic: self._there.get(where.topic) for where in known[0].availability}
        match known[0].availability_mode:
            case "all":
                return None if None in words.values() else all(words.values())
            case "any":
                return any(words.values()) if any(word is not None for word in words.values()) else None
            case _:
                return self._latest

    def unseen(self, otherwise: str) -> str:
        """Why nothing is known of it."""
        return unseen(self._broker, otherwise)

    # ---- conversations

    @asynccontextmanager
    async def conversation(self, name: str, deadline_s: float, turn: asyncio.Lock) -> AsyncIterator[None]:
        """Wait for the turn, then talk for `deadline_s` wall seconds at most. Raises DeviceUnreachable, -Malformed."""
        async with turn:
            gone = self.online is False
            patience_s = min(deadline_s, _OFFLINE_PATIENCE_S) if gone else deadline_s
            try:
                async with asyncio.timeout(patience_s):
                    yield
            except TimeoutError as error:
                reason = f"no answer within {patience_s:g} s{', and it is said to be offline' if gone else ''}"
                raise DeviceUnreachable(name, reason) from error
            except BrokerUnreachable as error:
                raise DeviceUnreachable(name, str(error)) from error
            except HomeAssistantMalformed as error:
                raise DeviceMalformed(name, str(error)) from error

    def on_relay(self, report: Callable[[Component, bool], None]) -> None:
        """Be told whatever its switches say."""
        self._reporters.append(report)

    async def order(self, component: Component, word: str, fits: Callable[[bytes], bool]) -> None:
        """Send one order, and return when the device says what fits. Raises BrokerUnreachable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        topic = component.state_topic or ""

        def hear(message: Message) -> None:
            if fits(message.payload) and not done.done():
                done.set_result(None)

        def hear_live(message: Message) -> None:
            if not message.retained:
                hear(message)

        def sign(_topic: str, pong: bool) -> None:  # noqa: FBT001 - called by position
            if pong and hear not in kept:  # it has read the order: what the broker keeps now is its last word
                kept.append(hear)
                self._broker.subscribe(topic, hear)

        kept: list[Receiver] = [hear_live]
        self._broker.subscribe(topic, hear_live)
        try:
            self._broker.publish(component.command_topic or "", word)
            await asyncio.wait([done], timeout=_SAYS_NOTHING_S)
            if not done.done():
                self._signs.append(sign)
                self._ping()
            await done
        finally:
            for receiver in kept:
                self._broker.unsubscribe(topic, receiver)
            if sign in self._signs:
                self._signs.remove(sign)

    async def ask(self, topics: Sequence[str]) -> dict[str, bytes]:
        """What the device says on these topics; the last of them is there for certain. May wait for ever.

        Raises BrokerUnreachable.
        """
        fresh: dict[str, bytes] = {}
        await self._sign_of_life(topics, fresh)
        if not self.answers_pings and topics[-1] in fresh:
            return fresh
        return await self._kept(topics)

    async def read(self, components: Sequence[Component]) -> dict[str, Heard]:
        """What its sensors say, by topic, the last of them for certain, and when they said it.

        A device that answers pings is asked, any other is listened to. Raises BrokerUnreachable, DeviceUnreachable.
        """
        topics = [component.state_topic or "" for component in components]
        needed = self._last.get(topics[-1])
        expires_s = components[-1].expires_after_s
        old = needed is None or (expires_s is not None and self._clock.now() - needed.at > timedelta(seconds=expires_s))
        if self.answers_pings or old or self.online is False:
            answers = await self.ask(topics)
            return {topic: Heard(self._clock.now(), payload) for topic, payload in answers.items()}
        return {topic: self._last[topic] for topic in topics if topic in self._last}

    async def _sign_of_life(self, topics: Sequence[str], fresh: dict[str, bytes]) -> None:
        lives: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def sign(topic: str, pong: bool) -> None:  # noqa: FBT001 - called by position
            if topic in topics:
                fresh[topic] = self._last[topic].payload
            # Without pings only the very topic will do where the broker keeps nothing of it; both are tried.
            if (pong or not self.answers_pings) and not lives.done():
                lives.set_result(None)

        self._signs.append(sign)
        try:
            self._ping()
            await lives
        finally:
            self._signs.remove(sign)

    async def _kept(self, topics: Sequence[str]) -> dict[str, bytes]:
        """What the broker has of these topics now, asked anew: the device lives, so it is the device's last word."""
        answers: dict[str, bytes] = {}
        complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def take(message: Message) -> None:
            answers[message.topic] = message.payload
            if message.topic == topics[-1] and not complete.done():
                complete.set_result(None)

        for topic in topics:
            self._broker.subscribe(topic, take)
        try:
            await complete
        finally:
            for topic in topics:
                self._broker.unsubscribe(topic, take)
        return answers

    def _ping(self) -> None:
        for node in self._nodes():
            self._broker.publish(f"esphome/ping/{node}")

    def _nodes(self) -> list[str]:
        own = (said for said in self._announcements.values() if self.claim in (None, said.claim))
        return sorted({said.node for said in own if said.node})[:3]

    # ---- what it says

    def _topics(self) -> Iterator[tuple[str, Receiver]]:
        where = (there.topic for component in self.components for there in component.availability)
        for topic in list(dict.fromkeys(where))[:_MOST_AVAILABILITIES]:
            yield topic, self._on_availability
        if not self.adopted:
            return
        used = (part for part in self.components if part.platform != "sensor" or part.measures)
        for topic in dict.fromkeys(part.state_topic or "" for part in used):
            yield topic, self._on_state
        for node in self._nodes():
            yield f"esphome/discover/{node}", self._on_pong

    def _on_availability(self, message: Message) -> None:
        every = (where for component in self.components for where in component.availability)
        there = next((where.read(message.payload) for where in every if where.topic == message.topic), None)
        if there is None:
            return
        came = there and not message.retained
        self.returns += came and self._there.get(message.topic) is False
        self._there[message.topic] = self._latest = there
        if came:
            self._show(message.topic)

    def _on_state(self, message: Message) -> None:
        if message.retained:  # what the broker kept tells the past
            return
        self._last[message.topic] = Heard(self._clock.now(), message.payload)
        self._show(message.topic)
        for component in self.components:
            if component.platform == "switch" and component.state_topic == message.topic:
                state = component.read_switch(message.payload)
                for report in self._reporters if state is not None else ():
                    report(component, state is True)

    def _on_pong(self, message: Message) -> None:
        if not message.retained and message.payload:
            self.answers_pings = True
            self._show(message.topic, pong=True)

    def _show(self, topic: str, *, pong: bool = False) -> None:
        for sign in tuple(self._signs):
            sign(topic, pong)
