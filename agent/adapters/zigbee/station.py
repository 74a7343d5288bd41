"""One ZigBee device as the hub talks with it: what it reported, one question or order at a time, and how that went."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from zigpy.exceptions import ParsingError
from zigpy.types import PacketPriority, uint8_t, uint16_t
from zigpy.zcl import foundation

from agent.adapters.zigbee.radio import FAILURES, Application, ZigbeeAway, asked_for, cancelled_by_caller, why
from agent.adapters.zigbee.readings import ACTIVE_POWER, DEMAND, MEASURED, STATE, Attribute, ZigbeeMalformed, on
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Clock

_log = logging.getLogger(__name__)

ORDERED_S = 2.0
"""Wall seconds after which an order that was not acknowledged is followed by a question."""
_ASKED_S = 10.0
_AWAY_AFTER = 2
"""So many failed round trips in a row, and a device is thought to be away."""
_SUCCESS = 0
_POWER = frozenset({ACTIVE_POWER, DEMAND})

Device = Any
"""zigpy's device."""


@dataclass
class Link:
    """The coordinator of the moment."""

    application: Application | None = None
    reason: str = "it has not been reached yet"

    def require(self) -> Application:
        """The library's application. Raises ZigbeeAway."""
        if self.application is None:
            raise ZigbeeAway(f"the ZigBee coordinator is away: {self.reason}")
        return self.application


@dataclass(frozen=True)
class Heard:
    """A value, and when it was said."""

    value: object
    at: datetime


@dataclass
class Trips:
    """How conversations went: not what was heard, but what was answered, tells whether a device can be reached."""

    failed: int = 0
    reason: str = ""
    succeeded_at: datetime | None = None
    reports: list[tuple[int, Callable[[bool], None]]] = field(default_factory=list)
    orders: int = 0
    """How often an order began or ended."""


class Station:
    """What is known of one device."""

    def __init__(self, link: Link, clock: Clock, address: str) -> None:
        self.address = address
        self.returns = 0
        """How often it has said that it is back."""
        self.relay_turn = asyncio.Lock()
        self._link = link
        self._clock = clock
        self._trips = Trips()
        self._heard: dict[tuple[int, Attribute], Heard] = {}
        """By endpoint and attribute, of those that the hub uses."""
        self._attached: Device | None = None
        self._leave: list[Callable[[], None]] = []

    # ---- what it is

    @property
    def away(self) -> str:
        """Why it is thought to be away, or empty."""
        if self._link.application is None:
            return f"the coordinator is away: {self._link.reason}"
        if self._trips.failed < _AWAY_AFTER:
            return ""
        return f"{self._trips.failed} messages in a row were not answered, the last one because of {self._trips.reason}"

    @property
    def answered_at(self) -> datetime | None:
        """When it last answered."""
        return self._trips.succeeded_at

    @property
    def sleeps(self) -> bool:
        """Whether it listens only now and then, as what has a battery."""
        node = None if self._attached is None else self._attached.node_desc
        return node is not None and not node.is_receiver_on_when_idle

    @property
    def lost(self) -> bool:
        """Whether it has joined, and does not answer at the address that it is known under."""
        return self._attached is not None and self._trips.failed >= _AWAY_AFTER

    def on_relay(self, channel: int, report: Callable[[bool], None]) -> None:
        """Tell a relay whatever the device reports of its channel."""
        self._trips.reports.append((channel, report))

    @property
    def switches(self) -> bool:
        """Whether the hub has a relay there."""
        return bool(self._trips.reports)

    def attach(self, device: Device) -> bool:
        """Listen to what the device reports, by the library's object of the moment; return whether that is another."""
        if device is self._attached:
            return False
        self.detach()
        self._attached = device
        for endpoint in device.non_zdo_endpoints:
            for number, cluster in endpoint.in_clusters.items():
                if number in {attribute[0] for attribute in MEASURED}:
                    self._leave.append(cluster.on_event("attribute_report", self._on_report))
        return True

    def detach(self) -> None:
        """Listen no more, and forget what was told: after a restart a device may be another."""
        for leave in self._leave:
            leave()
        self._leave.clear()
        self._heard.clear()
        self._attached = None

    def endpoint(self, name: str, cluster: int, channel: int) -> int:
        """The endpoint of the n-th such cluster. Raises DeviceUnreachable, DeviceRefused."""
        device = self._device(name)
        there = [each.endpoint_id for each in device.non_zdo_endpoints if cluster in each.in_clusters]
        if channel > len(there):
            raise DeviceRefused(name, f"has no {channel}. application with cluster {cluster:#06x}; it has {len(there)}")
        return int(sorted(there)[channel - 1])

    def has(self, endpoint: int, cluster: int) -> bool:
        """Whether an application has a cluster."""
        device = self._attached
        return device is not None and endpoint in device.endpoints and cluster in device.endpoints[endpoint].in_clusters

    # ---- what it said

    def heard(self, endpoint: int, attribute: Attribute) -> Heard | None:
        """What it last said of an attribute."""
        return self._heard.get((endpoint, attribute))

    def forget_power(self) -> None:
        """A relay was switched: what was said of the power is no longer true."""
        for end in [end for end in self._heard if end[1] in _POWER]:
            del self._heard[end]

    def _on_report(self, event: Any) -> None:  # noqa: ANN401 - zigpy's event
        attribute = (int(event.cluster_id), int(event.attribute_id))
        if attribute not in MEASURED:
            return
        endpoint = int(event.endpoint_id)
        self._heard[endpoint, attribute] = Heard(event.value, self._clock.now())
        if attribute == STATE:
            self._tell(endpoint, event.value)

    def _tell(self, endpoint: int, value: object) -> None:
        """Tell the relays of an application how they stand by the device's own word."""
        try:
            state = on({STATE: value})
        except ZigbeeMalformed as error:
            _log.debug("%s: %s", self.address, error)
            return
        self.forget_power()
        for channel, report in self._trips.reports:
            if state is not None and self._is_channel(endpoint, channel):
                report(state)

    def _is_channel(self, endpoint: int, channel: int) -> bool:
        try:
            return self.endpoint(self.address, STATE[0], channel) == endpoint
        except (DeviceRefused, DeviceUnreachable):
            return False

    # ---- conversations

    async def order(self, name: str, endpoint: int, cluster: int, command: int, *arguments: int) -> None:
        """Send one command once, and return when it was acknowledged.

        Raises DeviceUnreachable, DeviceRefused, DeviceMalformed, TimeoutError.
        """

        async def send(device: Device) -> Any:  # noqa: ANN401
            return (
                await device.endpoints[endpoint]
                .in_clusters[cluster]
                .command(command, *arguments, retries=0, timeout=ORDERED_S, priority=PacketPriority.CRITICAL)
            )

        self._trips.orders += 1
        try:
            answer = await self._converse(name, send)
        finally:
            self._trips.orders += 1
        status = getattr(answer, "status", None)
        if status is None:
            raise DeviceMalformed(name, "answers a command with something else than a status")
        if int(status) != _SUCCESS:
            raise DeviceRefused(name, f"answers with the status {getattr(status, 'name', status)}")

    async def ask(
        self, name: str, endpoint: int, attributes: Iterable[Attribute], urgency: PacketPriority = PacketPriority.NORMAL
    ) -> dict[Attribute, object]:
        """Ask for attributes of one cluster; one that the device does not have is None.

        Raises DeviceUnreachable, DeviceMalformed, TimeoutError.
        """
        asked = tuple(attributes)
        cluster = asked[0][0]

        async def send(device: Device) -> Any:  # noqa: ANN401
            return (
                await device.endpoints[endpoint]
                .in_clusters[cluster]
                .read_attributes_raw(
                    [number for _, number in asked],
                    retries=0,
                    timeout=_ASKED_S,
                    priority=urgency,
                )
            )

        answer = await self._converse(name, send)
        said = dict(_records(answer))
        values = {attribute: said.get(attribute[1]) for attribute in asked}
        for attribute, value in values.items():
            self._heard[endpoint, attribute] = Heard(value, self._clock.now())
        return values

    async def write(self, name: str, endpoint: int, attribute: Attribute, kind: int, value: int) -> None:
        """Write one attribute of one byte once. Whether the device took it only asking tells.

        Raises DeviceUnreachable, DeviceMalformed, TimeoutError.
        """
        cluster, number = attribute
        byte = foundation.TypeValue(uint8_t(kind), uint8_t(value))  # type: ignore[no-untyped-call]
        written = foundation.Attribute(uint16_t(number), byte)  # type: ignore[no-untyped-call]

        async def send(device: Device) -> Any:  # noqa: ANN401
            return (
                await device.endpoints[endpoint]
                .in_clusters[cluster]
                .write_attributes_raw([written], retries=0, timeout=_ASKED_S, priority=PacketPriority.NORMAL)
            )

        await self._converse(name, send)

    async def look(self) -> None:
        """Ask how the relays stand, and take the answers as if the device had reported them.

        Meters wait for it, orders do not; what one overtook is forgotten, for an order asks by itself. Raises
        DeviceUnreachable, DeviceRefused, DeviceMalformed, TimeoutError.
        """
        for endpoint in {self.endpoint(self.address, STATE[0], channel) for channel, _ in self._trips.reports}:
            orders = self._trips.orders
            values = await self.ask(self.address, endpoint, [STATE], urgency=PacketPriority.HIGH)
            if orders == self._trips.orders:
                self._tell(endpoint, values[STATE])

    async def _converse(self, name: str, send: Callable[[Device], Awaitable[Any]]) -> Any:  # noqa: ANN401
        device = self._device(name)
        try:
            with asked_for():
                answer = await send(device)
        except asyncio.CancelledError as error:
            self._failed("silence")
            if cancelled_by_caller():
                raise
            raise DeviceUnreachable(name, "the coordinator was lost meanwhile") from error
        except TimeoutError:
            self._failed("silence")
            raise
        except ParsingError as error:
            raise DeviceMalformed(name, "an answer that cannot be read") from error
        except FAILURES as error:
            self._failed(why(error))
            raise DeviceUnreachable(name, why(error)) from error
        self._trips.failed = 0
        self._trips.succeeded_at = self._clock.now()
        return answer

    def _failed(self, reason: str) -> None:
        self._trips.failed += 1
        self._trips.reason = reason

    def _device(self, name: str) -> Device:
        try:
            self._link.require()
        except ZigbeeAway as error:
            raise DeviceUnreachable(name, str(error)) from error
        if self._attached is None:
            raise DeviceUnreachable(name, "has not joined the ZigBee network of this hub")
        return self._attached


def _records(answer: Any) -> Iterator[tuple[int, object]]:  # noqa: ANN401
    """The attributes of an answer that have a value; none where the device only answers with a status."""
    for record in getattr(answer, "status_records", ()):
        if int(record.status) == _SUCCESS and record.value is not None:
            yield int(record.attrid), record.value.value
