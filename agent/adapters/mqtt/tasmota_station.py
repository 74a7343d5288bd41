"""One physical Tasmota device as the hub talks with it: what it said of itself, and one question at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime

from agent.adapters.mqtt.announced import speak_alike, unseen
from agent.adapters.mqtt.broker import Broker, Message, Receiver
from agent.adapters.mqtt.tasmota_messages import (
    DiscoveryConfig,
    SensorReport,
    TasmotaMalformed,
    channel_of,
    read_pulse,
    read_relays,
    read_sensors,
    read_start,
    read_start_set,
    read_status,
)
from agent.domain.device import Ability
from agent.errors import BrokerUnreachable, DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Clock

_OFFLINE_PATIENCE_S = 1.0
"""A device whose last will says that it is gone is asked all the same, for the will may be late, but not for long."""


class Station:
    """What is known of one device, and the topics on which it is spoken with."""

    def __init__(self, broker: Broker, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self._subscribed: list[tuple[str, Receiver]] = []
        self._waiting: list[Callable[[dict[int, bool], bool], None]] = []
        self._reporters: list[tuple[int, Callable[[bool], None]]] = []
        self._reported: list[asyncio.Future[SensorReport]] = []
        self._starts: list[Callable[[int, bool], None]] = []
        self._further: list[Callable[[DiscoveryConfig], Iterable[tuple[str, Receiver]]]] = []
        self._pulses: list[Callable[[bytes], None]] = []
        self.config: DiscoveryConfig | None = None
        """None until the device has announced itself."""
        self.sharing: frozenset[str] = frozenset()
        """MAC addresses of all devices that speak on its topics, if it is not alone: an order would switch them all."""
        self.adopted = False
        """Whether the settings list it: only then does the hub listen to more than its last will."""
        self.returns = 0
        """How often it has said that it is back."""
        self.online: bool | None = None
        """What its last will or its last word says; None if neither was heard."""
        self.announced = SensorReport()
        """The sensors that it announced; their numbers are those of that moment."""
        self.last_report: tuple[datetime, SensorReport] | None = None
        """The newest report that it sent by itself, and when that came."""
        self.relay_turn = asyncio.Lock()
        self.sensor_turn = asyncio.Lock()

    @property
    def abilities(self) -> frozenset[Ability]:
        """What the device shows that it can do."""
        has_relay = self.config is not None and self.config.channels
        return self.announced.abilities | (frozenset({Ability.RELAY}) if has_relay else frozenset())

    def known(self, name: str) -> DiscoveryConfig:
        """What the device said of itself. Raises DeviceUnreachable if nothing, DeviceRefused if it is not alone."""
        if self.config is None:
            raise DeviceUnreachable(name, unseen(self._broker, "has not announced itself on the broker"))
        if self.sharing:
            raise DeviceRefused(name, speak_alike(self.sharing, "topic"))
        return self.config

    def announce(self, config: DiscoveryConfig) -> None:
        """Take over what the device says of itself, and listen where it says it will speak."""
        if config == self.config:
            return
        self.config = config
        self.listen()

    def listen(self) -> None:
        """Subscribe to the topics of the present announcement, and to no others."""
        self.leave()
        self._subscribe(self._topics())

    def listen_also(self, topics: Callable[[DiscoveryConfig], Iterable[tuple[str, Receiver]]]) -> None:
        """Subscribe to further topics, which are made of each announcement."""
        self._further.append(topics)
        if self.config is not None:
            self._subscribe(topics(self.config))

    def leave(self) -> None:
        """Listen no more."""
        for topic, receiver in self._subscribed:
            self._broker.unsubscribe(topic, receiver)
        self._subscribed = []

    def patience_s(self, deadline_s: float) -> float:
        """How long an answer is worth waiting for, wall seconds."""
        return min(deadline_s, _OFFLINE_PATIENCE_S) if self.online is False else deadline_s

    @asynccontextmanager
    async def conversation(self, name: str, deadline_s: float, turn: asyncio.Lock) -> AsyncIterator[DiscoveryConfig]:
        """Wait for the turn, then talk for `deadline_s` wall seconds at most. Raises DeviceUnreachable, -Refused."""
        async with turn:
            config = self.known(name)
            patience_s = self.patience_s(deadline_s)
            try:
                async with asyncio.timeout(patience_s):
                    yield config
            except TimeoutError as error:
                gone = ", and its last will says that it is offline" if self.online is False else ""
                raise DeviceUnreachable(name, f"no answer within {patience_s:g} s{gone}") from error
            except BrokerUnreachable as error:
                raise DeviceUnreachable(name, str(error)) from error

    def on_relay(self, channel: int, report: Callable[[bool], None]) -> None:
        """Tell a relay whatever the device says of its channel."""
        self._reporters.append((channel, report))

    async def hear_relay(self, command: str, payload: str, channel: int, *, wanted: bool | None) -> bool:
        """Send a command and return the state of a channel that comes after it.

        With `wanted` any message that says so will do, and those that carry another state are passed over: the first
        ones may still tell the old state. Without, only a status counts, which comes only to a question: all else may
        still belong to the order before. Raises BrokerUnreachable.
        """
        heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def listen(states: dict[int, bool], is_status: bool) -> None:  # noqa: FBT001 - called by position, see below
            state = states.get(channel)
            fits = is_status if wanted is None else state is wanted
            if state is not None and fits and not heard.done():
                heard.set_result(state)

        self._waiting.append(listen)
        try:
            self.send(command, payload)
            return await heard
        finally:
            self._waiting.remove(listen)

    async def end_after(self, channel: int, pulse: int) -> int | str:
        """Have each "on" of a channel end by itself; return the PulseTime that is set now, or why none is.

        Raises BrokerUnreachable.
        """
        heard: asyncio.Future[int | str] = asyncio.get_running_loop().create_future()

        def listen(payload: bytes) -> None:
            answer = read_pulse(payload, channel)
            if answer is not None and not heard.done():
                heard.set_result(answer)

        self._pulses.append(listen)
        try:
            self.send(f"PulseTime{channel}", str(pulse))
            return await heard
        finally:
            self._pulses.remove(listen)

    async def start(self) -> int:
        """Ask what its relays do when power comes back, by `STATUS`, which answers nothing but a question.

        Raises BrokerUnreachable.
        """
        return await self._hear_start("STATUS", "", is_status=True)

    async def set_start(self, start: int) -> None:
        """Set what all its relays do when power comes back; return when it has said so. Raises BrokerUnreachable."""
        await self._hear_start("PowerOnState", str(start), is_status=False)

    async def _hear_start(self, command: str, payload: str, *, is_status: bool) -> int:
        heard: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def listen(start: int, said_by_status: bool) -> None:  # noqa: FBT001 - called by position
            if said_by_status is is_status and not heard.done():
                heard.set_result(start)

        self._starts.append(listen)
        try:
            self.send(command, payload)
            return await heard
        finally:
            self._starts.remove(listen)

    async def sensors(self, name: str, deadline_s: float) -> tuple[datetime, SensorReport]:
        """What the sensors say, and when. A device that sleeps between its reports is not asked: its last one counts.

        Raises DeviceUnreachable, DeviceMalformed, DeviceRefused.
        """
        if self.known(name).sleeps:
            if self.last_report is None:
                raise DeviceUnreachable(name, "sleeps, and has not reported yet")
            return self.last_report
        async with self.conversation(name, deadline_s, self.sensor_turn):
            try:
                report = await self._hear_sensors()
            except TasmotaMalformed as error:
                raise DeviceMalformed(name, str(error)) from error
        return self._clock.now(), report

    async def _hear_sensors(self) -> SensorReport:
        answer: asyncio.Future[SensorReport] = asyncio.get_running_loop().create_future()
        self._reported.append(answer)
        try:
            self.send("STATUS", "10")
            return await answer
        finally:
            self._reported.remove(answer)

    def send(self, command: str, payload: str) -> None:
        """Send a command, without waiting for an answer. Raises BrokerUnreachable."""
        if self.sharing:
            raise BrokerUnreachable(speak_alike(self.sharing, "topic"))
        if self.config is not None:
            self._broker.publish(self.config.command_topic(command), payload)

    def _subscribe(self, topics: Iterable[tuple[str, Receiver]]) -> None:
        for topic, receiver in topics:
            self._broker.subscribe(topic, receiver)
            self._subscribed.append((topic, receiver))

    def _topics(self) -> Iterator[tuple[str, Receiver]]:
        config = self.config
        if config is None:
            return
        yield config.report_topic("LWT"), self._on_will
        if not self.adopted:
            return
        yield config.report_topic("SENSOR"), self._on_report
        yield config.answer_topic("STATUS10"), self._on_sensors
        yield config.answer_topic("RESULT"), self._on_result
        yield config.answer_topic("STATUS11"), self._on_result
        yield config.answer_topic("STATUS"), self._on_settings
        if config.channels:
            yield config.answer_topic("POWER"), self._on_result
        for channel in config.channels:
            yield config.answer_topic(f"POWER{channel}"), self._on_result
        for topics in self._further:
            yield from topics(config)

    def _on_will(self, message: Message) -> None:
        if self.config is not None:
            self.online = {self.config.online: True, self.config.offline: False}.get(
                message.payload.decode(errors="replace")
            )
            self.returns += self.online is True and not message.retained

    def _on_result(self, message: Message) -> None:
        config = self.config
        if config is None or message.retained or self.sharing:  # what was kept tells the past, or whose word it is
            return
        self.online = True
        kind = message.topic.rpartition("/")[2]
        is_status = kind == "STATUS11"
        if is_status:
            states = read_status(message.payload, config)
        elif message.payload.startswith(b"{"):
            states = read_relays(message.payload, config)
        else:
            channel = channel_of(kind)
            word = message.payload.decode(errors="replace")
            known = channel is not None and word in (config.on_word, config.off_word)
            states = {channel: word == config.on_word} if channel is not None and known else {}
        for listen in tuple(self._waiting):
            listen(states, is_status)
        for channel, report in self._reporters:
            if channel in states:
                report(states[channel])
        if kind == "RESULT" and message.payload.startswith(b"{"):
            for hear in tuple(self._pulses):
                hear(message.payload)
            self._tell_start(read_start_set(message.payload), is_status=False)

    def _on_settings(self, message: Message) -> None:
        if not message.retained and not self.sharing:
            self.online = True
            self._tell_start(read_start(message.payload), is_status=True)

    def _tell_start(self, start: int | None, *, is_status: bool) -> None:
        for listen in tuple(self._starts):
            if start is not None:
                listen(start, is_status)

    def _on_sensors(self, message: Message) -> None:
        if message.retained or self.sharing:
            return
        self.online = True
        waiting = [answer for answer in self._reported if not answer.done()]
        try:
            report = read_sensors(message.payload)
        except TasmotaMalformed as error:
            for answer in waiting:
                answer.set_exception(error)
            return
        for answer in waiting:
            answer.set_result(report)

    def _on_report(self, message: Message) -> None:
        if message.retained or self.sharing:
            return
        self.online = True
        self.last_report = (self._clock.now(), read_sensors(message.payload))
