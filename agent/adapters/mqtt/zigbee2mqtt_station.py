"""The bridge, and one device behind it, as the hub talks with them: one question at a time."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from agent.adapters.mqtt.announced import unseen
from agent.adapters.mqtt.broker import Broker, Message, Receiver
from agent.adapters.mqtt.zigbee2mqtt_messages import (
    BridgeDevice,
    Failure,
    Quantity,
    Value,
    Zigbee2mqttMalformed,
    read_failure,
    read_health,
    read_online,
    read_values,
)
from agent.errors import BrokerUnreachable, DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Clock

_OFFLINE_PATIENCE_S = 1.0
"""A device that is said to be gone is asked all the same, for that word may be late, but not for long."""
_HEALTH_CHECK_S = 0.5
"""So long after "online" zigbee2mqtt may still drop what it is told; it is asked again after as long."""


class Bridge:
    """zigbee2mqtt itself: whether it serves, and what it complains of."""

    def __init__(self, broker: Broker, base: str) -> None:
        self._broker = broker
        self.base = base
        self._healthy = False
        self._turn = asyncio.Lock()
        self._checks = 0
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._complaints: list[Callable[[Failure], None]] = []
        self.online: bool | None = None
        """What `bridge/state` says; None if it was not heard."""
        broker.subscribe(f"{base}/bridge/state", self._on_state)
        broker.subscribe(f"{base}/bridge/response/health_check", self._on_health)
        broker.subscribe(f"{base}/bridge/logging", self._on_log)

    async def serving(self) -> None:
        """Return when it serves: it says "online" half a second before. May wait for ever. Raises BrokerUnreachable."""
        async with self._turn:
            while not self._healthy:
                self._checks += 1
                transaction = f"kwh-hub-{self._checks}"
                answered = self._waiting[transaction] = asyncio.get_running_loop().create_future()
                try:
                    self._broker.publish(
                        f"{self.base}/bridge/request/health_check", json.dumps({"transaction": transaction})
                    )
                    await asyncio.wait([answered], timeout=_HEALTH_CHECK_S)
                finally:
                    del self._waiting[transaction]

    def on_failure(self, complain: Callable[[Failure], None]) -> None:
        """Be told what fails, until `off_failure`."""
        self._complaints.append(complain)

    def off_failure(self, complain: Callable[[Failure], None]) -> None:
        """Be told no more."""
        self._complaints.remove(complain)

    def _on_state(self, message: Message) -> None:
        online = read_online(message.payload)
        if online is not None:  # started anew, or the hub's connection did
            self.online, self._healthy = online, False

    def _on_health(self, message: Message) -> None:
        transaction, well = read_health(message.payload)
        answered = self._waiting.get(transaction)
        if well and not message.retained and answered is not None and not answered.done():
            self._healthy = self.online = True
            answered.set_result(None)

    def _on_log(self, message: Message) -> None:
        if message.retained or not self._complaints:
            return
        failure = read_failure(message.payload)
        if failure is not None:
            for complain in tuple(self._complaints):
                complain(failure)


class Station:
    """What is known of one device, and the topics on which it is spoken with."""

    def __init__(self, broker: Broker, clock: Clock, bridge: Bridge) -> None:
        self._broker = broker
        self._clock = clock
        self.bridge = bridge
        self._subscribed: list[tuple[str, Receiver]] = []
        self._waiting: list[Callable[[dict[str, Value]], None]] = []
        self._echoed: list[Callable[[bytes], None]] = []
        self._reporters: list[tuple[int, Callable[[bool], None]]] = []
        self._last: dict[str, tuple[datetime, Value]] = {}
        """By property that the hub uses, what it last said and when."""
        self.device: BridgeDevice | None = None
        """None while zigbee2mqtt does not list it."""
        self.adopted = False
        self.returns = 0
        """How often it has said that it is back."""
        self.online: bool | None = None
        """What its availability says; None where that is not in use."""
        self.relay_turn = asyncio.Lock()
        self.sensor_turn = asyncio.Lock()

    # ---- life

    def announce(self, device: BridgeDevice | None) -> None:
        """Take over what zigbee2mqtt says of it; with another name it has other topics."""
        if device == self.device:
            return
        if device is None or self.device is None or device.name != self.device.name:
            self.online = None
        self.device = device
        self.listen()

    def listen(self) -> None:
        """Subscribe to the topics under its present name, and to no others."""
        for topic, receiver in self._subscribed:
            self._broker.unsubscribe(topic, receiver)
        self._subscribed = list(self._topics())
        for topic, receiver in self._subscribed:
            self._broker.subscribe(topic, receiver)

    def _topics(self) -> Iterator[tuple[str, Receiver]]:
        if self.device is None:
            return
        yield f"{self._topic}/availability", self._on_availability
        if self.adopted:
            yield self._topic, self._on_values
            yield f"{self._topic}/get", self._on_own_question

    @property
    def _topic(self) -> str:
        return f"{self.bridge.base}/{'' if self.device is None else self.device.name}"

    @property
    def unseen(self) -> str:
        """Why nothing is known of it."""
        return unseen(self._broker, "is not among the devices of zigbee2mqtt")

    @asynccontextmanager
    async def conversation(self, name: str, deadline_s: float, turn: asyncio.Lock) -> AsyncIterator[BridgeDevice]:
        """Wait for the turn, then talk for `deadline_s` wall seconds at most. Raises DeviceError."""
        async with turn:
            if self.device is None:
                raise DeviceUnreachable(name, self.unseen)
            gone = self.online is False
            patience_s = min(deadline_s, _OFFLINE_PATIENCE_S) if gone else deadline_s
            try:
                async with asyncio.timeout(patience_s):
                    yield self.device
            except TimeoutError as error:
                why = ", and zigbee2mqtt says that it is offline" if gone else ""
                raise DeviceUnreachable(name, f"no answer within {patience_s:g} s{why}") from error
            except BrokerUnreachable as error:
                raise DeviceUnreachable(name, str(error)) from error
            except Zigbee2mqttMalformed as error:
                raise DeviceMalformed(name, str(error)) from error

    def on_relay(self, channel: int, report: Callable[[bool], None]) -> None:
        """Tell a relay whatever the device says of its channel."""
        self._reporters.append((channel, report))

    # ---- conversations

    async def order(self, name: str, payload: str, fits: Callable[[dict[str, Value]], bool]) -> None:
        """Send an order and return when what fits was said after it; the first ones may tell the old state.

        Raises BrokerUnreachable, DeviceUnreachable, DeviceRefused.
        """
        with self._failures(name, question=False) as said:
            await self._said(said, fits, f"{self._topic}/set", payload)

    async def ask(self, name: str, properties: Sequence[str]) -> dict[str, Value]:
        """Ask for one property after the other, and return what was said last.

        Only what comes after the question counts, which the broker sends back for that end. zigbee2mqtt answers with
        all that it knows: if another report of the device comes in between, its word on this property is the one
        before. Raises BrokerUnreachable, DeviceUnreachable, DeviceRefused.
        """
        values: dict[str, Value] = {}
        for wanted in properties:
            asked = False
            question = json.dumps({wanted: ""})

            def echo(payload: bytes, question: str = question) -> None:
                nonlocal asked
                asked = asked or payload == question.encode()

            def fits(said: dict[str, Value], wanted: str = wanted) -> bool:
                return asked and wanted in said  # noqa: B023 - of this very round

            self._echoed.append(echo)
            try:
                with self._failures(name, question=True) as said:
                    values |= await self._said(said, fits, f"{self._topic}/get", question)
            finally:
                self._echoed.remove(echo)
        return values

    async def read(self, name: str, quantities: Sequence[Quantity]) -> tuple[datetime, dict[str, Value]]:
        """What it measures, by property, and when: asked for where it can be asked, else as last reported.

        The first of the quantities is there for certain. Raises BrokerUnreachable, DeviceUnreachable, DeviceRefused.
        """
        first = quantities[0].property
        if quantities[0].readable:
            await self.bridge.serving()
            values = await self.ask(name, [quantity.property for quantity in quantities if quantity.readable])
            return self._clock.now(), values
        if self.online is False or first not in self._last:
            said: asyncio.Future[dict[str, Value]] = asyncio.get_running_loop().create_future()
            await self._said(said, lambda values: values.get(first) is not None, "", "")
        return self._last[first][0], {property_: value for property_, (_, value) in self._last.items()}

    def _failures(self, name: str, *, question: bool) -> "_Failing":
        return _Failing(self, name, question=question)

    async def _said(
        self,
        said: asyncio.Future[dict[str, Value]],
        fits: Callable[[dict[str, Value]], bool],
        topic: str,
        payload: str,
    ) -> dict[str, Value]:
        def listen(values: dict[str, Value]) -> None:
            if not said.done() and fits(values):
                said.set_result(values)

        self._waiting.append(listen)
        try:
            if topic:
                self._broker.publish(topic, payload)
            return await said
        finally:
            self._waiting.remove(listen)

    # ---- what it says

    def _on_availability(self, message: Message) -> None:
        self.online = read_online(message.payload) if message.payload else None
        self.returns += self.online is True and not message.retained

    def _on_own_question(self, message: Message) -> None:
        for echo in tuple(self._echoed):
            echo(message.payload)

    def _on_values(self, message: Message) -> None:
        device = self.device
        if device is None or message.retained:  # what the broker kept tells the past
            return
        values = read_values(message.payload)
        for quantity in (device.power, device.energy, *device.temperatures):
            if quantity is not None and values.get(quantity.property) is not None:
                self._last[quantity.property] = (self._clock.now(), values[quantity.property])
        for listen in tuple(self._waiting):
            listen(values)
        for number, report in self._reporters:
            channel = device.channels[number - 1] if number <= len(device.channels) else None
            state = None if channel is None else channel.read(values.get(channel.property))
            if state is not None:
                report(state)


class _Failing:
    """While it is entered, a failure of this device that zigbee2mqtt logs ends the waiting."""

    def __init__(self, station: Station, name: str, *, question: bool) -> None:
        self._station = station
        self._name = name
        self._question = question
        self._said: asyncio.Future[dict[str, Value]] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> asyncio.Future[dict[str, Value]]:
        self._station.bridge.on_failure(self._complain)
        return self._said

    def __exit__(self, *_: object) -> None:
        self._station.bridge.off_failure(self._complain)
        self._said.cancel()

    def _complain(self, failure: Failure) -> None:
        device = self._station.device
        mine = device is not None and failure.name == device.name and failure.question is self._question
        if mine and not self._said.done():
            kind = DeviceRefused if failure.refused else DeviceUnreachable
            self._said.set_exception(kind(self._name, failure.reason))
