"""Relays, meters and thermometers on ZigBee, by the standard clusters."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pydantic import ValidationError
from zigpy.types import PacketPriority

from agent.adapters.zigbee.polls import Polls
from agent.adapters.zigbee.readings import (
    ACTIVE_POWER,
    CELSIUS,
    DELIVERED,
    DEMAND,
    DIVISOR,
    ELECTRICAL,
    METERING,
    MULTIPLIER,
    ON_OFF,
    POWER_DIVISOR,
    POWER_MULTIPLIER,
    START_UP,
    STATE,
    TEMPERATURE,
    UNIT,
    Attribute,
    Values,
    ZigbeeMalformed,
    energy_wh,
    on,
    power_w,
    temperature_c,
)
from agent.adapters.zigbee.station import Station
from agent.domain.device import Name, Reading
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Clock
from agent.profiles.profile import DeviceProfile
from agent.profiles.rating import plausible_power_w

_OFF, _ON, _ON_WITH_TIMED_OFF = 0x00, 0x01, 0x42
_LONGEST_TENTHS = 0xFFFE
_ENUM8, _STARTS_OFF = 0x30, 0x00
_POWER_SCALE = (POWER_MULTIPLIER, POWER_DIVISOR)
_COUNTER_SCALE = (UNIT, MULTIPLIER, DIVISOR)

LONGEST_S: dict[Attribute, int] = {STATE: 300, ACTIVE_POWER: 300, DEMAND: 300, DELIVERED: 900, CELSIUS: 900}
"""Seconds after which each is reported at the latest; what was said longer ago is asked for."""


class ZigbeeSwitch:
    """One relay of a device."""

    asked_often = True

    def __init__(self, station: Station, name: Name, channel: int, *, ends_itself: bool) -> None:
        self._station = station
        self._name = name
        self._channel = channel
        self._ends_itself = ends_itself
        self.on_report: Callable[[bool], None] | None = None
        station.on_relay(channel, self._report)

    @property
    def ends_itself(self) -> bool:
        """Whether its profile says that it knows OnWithTimedOff."""
        return self._ends_itself

    @property
    def returns(self) -> int:
        """How often it has said that it is back."""
        return self._station.returns

    @property
    def away(self) -> str:
        """Why the coordinator or the device is thought to be away."""
        return self._station.away

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:
        """Send Off, On or OnWithTimedOff once, and wait for its status.

        Raises DeviceUnreachable, DeviceRefused, DeviceMalformed, TimeoutError after 2 s.
        """
        endpoint = self._station.endpoint(self._name, ON_OFF, self._channel)
        command, arguments = (_ON if on else _OFF), tuple[int, ...]()
        if on and ends_after_s is not None:
            tenths = min(_LONGEST_TENTHS, max(1, round(ends_after_s * 10)))
            command, arguments = _ON_WITH_TIMED_OFF, (0, tenths, 0)  # off at any time, and on again at once
        self._station.forget_power()
        try:
            await self._station.order(self._name, endpoint, ON_OFF, command, *arguments)
        finally:
            self._station.forget_power()

    async def ask(self) -> bool:
        """Read the state from the device. Raises DeviceUnreachable, DeviceRefused, DeviceMalformed, TimeoutError."""
        endpoint = self._station.endpoint(self._name, ON_OFF, self._channel)
        values = await self._station.ask(self._name, endpoint, [STATE], urgency=PacketPriority.CRITICAL)
        try:
            state = on(values)
        except ZigbeeMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error
        if state is None:
            raise DeviceRefused(self._name, "does not tell whether it is on")
        return state

    async def start_off(self) -> bool:
        """Set StartUpOnOff to off unless it is so; False where the device has no such attribute, or keeps another.

        Raises DeviceUnreachable, DeviceRefused, DeviceMalformed, TimeoutError.
        """
        endpoint = self._station.endpoint(self._name, ON_OFF, self._channel)
        starts = await self._starts(endpoint)
        if starts is None or starts == _STARTS_OFF:
            return starts is not None
        await self._station.write(self._name, endpoint, START_UP, _ENUM8, _STARTS_OFF)
        return await self._starts(endpoint) == _STARTS_OFF

    async def _starts(self, endpoint: int) -> object:
        """What the device says of how it starts; None if it does not know."""
        return (await self._station.ask(self._name, endpoint, [START_UP]))[START_UP]

    def _report(self, state: bool) -> None:  # noqa: FBT001 - a relay reports one thing
        if self.on_report is not None:
            self.on_report(state)


class Probe:
    """Asks a device for numbers, unless it has said them not too long ago."""

    def __init__(self, station: Station, clock: Clock, polls: Polls, name: Name, deadline_s: float) -> None:
        self.station = station
        self.name = name
        self._clock = clock
        self._polls = polls
        self._deadline_s = deadline_s

    def fresh(self, endpoint: int, attributes: Sequence[Attribute], *, reports: bool) -> datetime | None:
        """Since when all of these are known, if none is older than it may be and the device answers."""
        if not reports or self.station.away:
            return None
        heard = [self.station.heard(endpoint, attribute) for attribute in attributes]
        since = [said.at for said in heard if said is not None]
        if not since or len(since) < len(heard):
            return None
        now = self._clock.now()
        young = all(
            timedelta(0) <= now - at <= timedelta(seconds=LONGEST_S[attribute])
            for attribute, at in zip(attributes, since, strict=True)
        )
        return min(since) if young else None

    async def ask(self, endpoint: int, *groups: Sequence[Attribute]) -> None:
        """Ask for attributes, those of one cluster together; the station keeps them.

        Raises DeviceUnreachable, DeviceMalformed.
        """
        for _ in groups:
            await self._polls.turn()
        try:
            async with asyncio.timeout(self._deadline_s):
                for group in groups:
                    await self.station.ask(self.name, endpoint, group)
        except TimeoutError as error:
            raise DeviceUnreachable(self.name, f"no answer within {self._deadline_s:g} s") from error

    def unknown(self, endpoint: int, attributes: Sequence[Attribute]) -> tuple[Attribute, ...]:
        """Which of these were never asked for."""
        return tuple(each for each in attributes if self.station.heard(endpoint, each) is None)

    def values(self, endpoint: int, *groups: Sequence[Attribute]) -> Values:
        """What the station knows of these."""
        heard = {each: self.station.heard(endpoint, each) for group in groups for each in group}
        return {each: said.value for each, said in heard.items() if said is not None}


class ZigbeeMeter:
    """The meter of one device: electrical measurement, else metering."""

    def __init__(self, probe: Probe, clock: Clock, channel: int, profile: DeviceProfile) -> None:
        self._probe = probe
        self._clock = clock
        self._channel = channel
        self._profile = profile

    async def read(self) -> Reading:
        """Return power (W) and counter (Wh), reported or asked for. Raises DeviceUnreachable, DeviceMalformed."""
        return await self.polled(at_once=False)

    async def polled(self, *, at_once: bool) -> Reading:
        """As `read`; `at_once` asks also where what was reported is young enough."""
        endpoint, power, counts = self._clusters()
        wanted = (power, DELIVERED) if counts else (power,)
        fresh = self._probe.fresh(endpoint, wanted, reports=self._profile.zigbee.reports)
        if at_once or fresh is None:
            await self._ask(endpoint, power, counts=counts)
            if self._lacks(endpoint, power):  # the cluster is there, but not what the hub needs of it
                endpoint, power, counts = self._clusters()
                await self._ask(endpoint, power, counts=counts)
            fresh = self._clock.now()
        return self._reading(endpoint, fresh)

    def due(self) -> bool:
        """Whether it has told its numbers before, and is late with the next ones."""
        try:
            endpoint, power, _ = self._clusters()
        except (DeviceUnreachable, DeviceRefused):
            return False
        known = self._probe.station.heard(endpoint, power) is not None
        return known and self._probe.fresh(endpoint, (power,), reports=True) is None

    def _clusters(self) -> tuple[int, Attribute, bool]:
        """The endpoint, the attribute that tells the power, and whether there is a counter."""
        station, name = self._probe.station, self._probe.name
        try:
            endpoint = station.endpoint(name, ELECTRICAL, self._channel)
        except DeviceRefused:
            endpoint = station.endpoint(name, METERING, self._channel)
            return endpoint, DEMAND, True
        counts = station.has(endpoint, METERING)
        return endpoint, DEMAND if counts and self._lacks(endpoint, ACTIVE_POWER) else ACTIVE_POWER, counts

    def _lacks(self, endpoint: int, attribute: Attribute) -> bool:
        """Whether the device has said that it has no such attribute."""
        said = self._probe.station.heard(endpoint, attribute)
        return said is not None and said.value is None

    async def _ask(self, endpoint: int, power: Attribute, *, counts: bool) -> None:
        scales, probe = self._profile.zigbee, self._probe
        of_power: tuple[Attribute, ...] = (power,)
        of_counter: tuple[Attribute, ...] = (DELIVERED,) if counts else ()
        if power == ACTIVE_POWER and scales.power_scale is None:
            of_power += probe.unknown(endpoint, _POWER_SCALE)
        if counts and (scales.energy_scale is None or power == DEMAND):
            of_counter += probe.unknown(endpoint, _COUNTER_SCALE)
        if power == DEMAND:
            of_power, of_counter = (), of_power + of_counter
        await probe.ask(endpoint, *(group for group in (of_power, of_counter) if group))

    def _reading(self, endpoint: int, at: datetime) -> Reading:
        name, scales = self._probe.name, self._profile.zigbee
        values = self._probe.values(endpoint, (ACTIVE_POWER, DEMAND, DELIVERED), _POWER_SCALE, _COUNTER_SCALE)
        try:
            power, counted = power_w(values, scales), energy_wh(values, scales)
        except ZigbeeMalformed as error:
            raise DeviceMalformed(name, str(error)) from error
        if power is None:
            raise DeviceMalformed(name, "reports no power")
        plausible_w = plausible_power_w(name, power, self._profile.max_power_w)
        return Reading(device=name, at=at, power_w=plausible_w, energy_wh=counted)


class ZigbeeThermometer:
    """The temperature sensor of one device."""

    def __init__(self, probe: Probe, clock: Clock, channel: int, profile: DeviceProfile) -> None:
        self._probe = probe
        self._clock = clock
        self._channel = channel
        self._profile = profile

    async def read(self) -> Reading:
        """Return the temperature (°C), reported or asked for. Raises DeviceUnreachable, DeviceMalformed."""
        name = self._probe.name
        endpoint = self._probe.station.endpoint(name, TEMPERATURE, self._channel)
        at = self._probe.fresh(endpoint, (CELSIUS,), reports=self._profile.zigbee.reports)
        if at is None:
            await self._probe.ask(endpoint, (CELSIUS,))
            at = self._clock.now()
        try:
            celsius = temperature_c(self._probe.values(endpoint, (CELSIUS,)))
        except ZigbeeMalformed as error:
            raise DeviceMalformed(name, str(error)) from error
        if celsius is None:
            raise DeviceMalformed(name, "reports no temperature")
        try:
            return Reading(device=name, at=at, temperature_c=celsius)
        except ValidationError as error:
            raise DeviceMalformed(name, "reports a temperature that no home has") from error
