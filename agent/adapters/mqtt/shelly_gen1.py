"""The family of Shelly devices of generation 1: plain words on `shellies/<id>/…`.

An order is acknowledged by what the relay says next; a question provokes the device to announce itself and then to say
all that it knows. Over MQTT such a relay can neither be told to end an "on" by itself nor how to start after a power
cut: both are settings that only HTTP reaches.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pydantic import ValidationError

from agent.adapters.mqtt.announced import speak_alike, with_others
from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.last_will import LastWillSwitch
from agent.adapters.mqtt.shelly_gen1_messages import (
    Announcement,
    RelayWord,
    is_device_id,
    read_announcement,
    read_celsius,
    read_energy_wh,
    read_power_w,
)
from agent.adapters.mqtt.shelly_gen1_station import ALONE_S, Gen1Station
from agent.adapters.shelly.messages import ShellyMalformed
from agent.domain.device import Ability, Adoption, Name, Protocol, Reading, Sighting
from agent.errors import (
    BrokerUnreachable,
    DeviceMalformed,
    DeviceRefused,
    DeviceUnreachable,
    SettingsInvalid,
)
from agent.ports import Clock, Device
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.profiles.rating import plausible_power_w
from agent.switching.certain import CertainRelay

_MOST_DEVICES = 256
"""More devices than any home has; what else is seen in a scan is not remembered."""
_MOST_OF_ONE_ID = 8
_OFFLINE_PATIENCE_S = 1.0
"""A device whose last will says that it is gone is asked all the same, for the will may be late, but not for long."""
_SHOWS = {"relay": Ability.RELAY, "power": Ability.METER, "ext_temperature": Ability.THERMOMETER}
"""What a topic in a scan shows that a device can do."""


class Gen1Switch(LastWillSwitch):
    """One relay."""

    ends_itself = False

    def __init__(self, station: Gen1Station, name: Name, channel: int) -> None:
        super().__init__(station)
        self._station = station
        self._name = name
        self._relay = channel - 1
        station.reporters.setdefault(self._relay, []).append(self._report)

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:  # noqa: ARG002 - it cannot end itself
        """Switch, and wait until the relay says so.

        Raises DeviceUnreachable, DeviceRefused after an overload or where another device would switch, too.
        """
        try:
            await self._station.alone()
            _check_alone(self._station, self._name)
            word = await self._station.switch(self._relay, on=on)
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error
        if on and word is RelayWord.OVERPOWER:
            raise DeviceRefused(self._name, "opened its relay, because more was drawn than it may carry")

    async def ask(self) -> bool:
        """Ask the device. Raises DeviceUnreachable, DeviceRefused where another device answers, too."""
        try:
            word = await self._station.relay(self._relay)
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error
        _check_alone(self._station, self._name)
        return word is RelayWord.ON

    async def start_off(self) -> bool:
        """Only its owner can set that."""
        return False


class _Sensor:
    """What a meter and a thermometer have in common: a question with a deadline."""

    def __init__(self, station: Gen1Station, clock: Clock, name: Name, deadline_s: float) -> None:
        self._station = station
        self._clock = clock
        self._name = name
        self._deadline_s = deadline_s

    async def _numbers(self, *topics: str) -> list[bytes]:
        """What comes on these topics. Raises DeviceUnreachable, DeviceRefused where another device answers, too."""
        async with self._station.sensor_turn:
            offline = self._station.online is False
            patience_s = min(self._deadline_s, _OFFLINE_PATIENCE_S) if offline else self._deadline_s
            try:
                async with asyncio.timeout(patience_s):
                    heard = await self._station.answers(topics)
            except TimeoutError as error:
                gone = ", and its last will says that it is offline" if offline else ""
                raise DeviceUnreachable(self._name, f"no answer within {patience_s:g} s{gone}") from error
            except BrokerUnreachable as error:
                raise DeviceUnreachable(self._name, str(error)) from error
        _check_alone(self._station, self._name)
        return [heard[topic] for topic in topics]


class Gen1Meter(_Sensor):
    """The meter behind one relay."""

    def __init__(
        self,
        station: Gen1Station,
        clock: Clock,
        name: Name,
        deadline_s: float,
        channel: int,
        max_power_w: float | None = None,
    ) -> None:
        super().__init__(station, clock, name, deadline_s)
        self._topics = (f"relay/{channel - 1}/power", f"relay/{channel - 1}/energy")
        self._max_power_w = max_power_w

    async def read(self) -> Reading:
        """Ask for power (W) and the device's counter (Wh). Raises DeviceUnreachable, DeviceMalformed."""
        power, energy = await self._numbers(*self._topics)
        try:
            power_w, energy_wh = read_power_w(power), read_energy_wh(energy)
        except ShellyMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error
        power_w = plausible_power_w(self._name, power_w, self._max_power_w)
        return Reading(device=self._name, at=self._clock.now(), power_w=power_w, energy_wh=energy_wh)


class Gen1Thermometer(_Sensor):
    """One probe of the temperature add-on."""

    def __init__(
        self, station: Gen1Station, clock: Clock, name: Name, deadline_s: float, sensor: str | None = None
    ) -> None:
        super().__init__(station, clock, name, deadline_s)
        self._sensor = sensor

    async def read(self) -> Reading:
        """Ask for the temperature (°C). Raises DeviceUnreachable, DeviceMalformed; DeviceRefused if unclear which."""
        (celsius,) = await self._numbers(f"ext_temperature/{self._probe()}")
        try:
            return Reading(device=self._name, at=self._clock.now(), temperature_c=read_celsius(celsius))
        except ShellyMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error
        except ValidationError as error:
            raise DeviceMalformed(self._name, "reports a temperature that no home has") from error

    def _probe(self) -> int:
        if self._sensor is None:
            if len(self._station.probes) > 1:
                known = ", ".join(str(probe) for probe in sorted(self._station.probes))
                raise DeviceRefused(self._name, f"has several thermometers, set `sensor` to one of {known}")
            return next(iter(self._station.probes), 0)
        if self._sensor not in set("0123456789"):
            raise DeviceRefused(self._name, f"`sensor` is the number of a probe, from 0 on; not {self._sensor!r}")
        return int(self._sensor)


@dataclass
class _Seen:
    """A device as a scan sees it."""

    announcements: dict[str, Announcement] = field(default_factory=dict)
    """By MAC address, for an owner may have given one id to two."""
    abilities: set[Ability] = field(default_factory=set)
    online: bool = False


class ShellyGen1Network:
    """All Shelly devices of generation 1 on one broker."""

    def __init__(self, broker: Broker, clock: Clock, profiles: Profiles, *, alone_s: float = ALONE_S) -> None:
        """`alone_s` are wall seconds that devices get to say that they are not alone of their id."""
        self._alone_s = alone_s
        self._broker = broker
        self._clock = clock
        self._profiles = profiles
        self._stations: dict[str, Gen1Station] = {}

    async def scan(self, duration_s: float) -> Sequence[Sighting]:
        """Ask who is there, listen for `duration_s` wall seconds, return who was. Raises BrokerUnreachable."""
        await self._broker.wait_connected(duration_s)
        async with self._watched() as seen:
            for command in ("announce", "update"):
                self._broker.publish("shellies/command", command)
            await asyncio.sleep(duration_s)
        return [
            self._sighting(announcement, one)
            for _, one in sorted(seen.items())
            for announcement in one.announcements.values()
        ]

    def device(self, adoption: Adoption, ends_after_s: float | None = None) -> Device:
        """A device of the home, by its id. Raises ProfileInvalid for an unknown profile, SettingsInvalid for no id."""
        known, name, address = self._profiles.named(adoption.profile), adoption.name, adoption.address
        if not is_device_id(address):
            raise SettingsInvalid(f"devices.{name}.address: {address!r} is no id of a Shelly, like shelly1pm-A0B1C2")
        if address not in self._stations:
            self._stations[address] = Gen1Station(self._broker, address, self._alone_s)
        station, clock = self._stations[address], self._clock
        deadline_s = known.deadline_s(adoption.deadline_s)
        can, relay, meter, thermometer = known.abilities, None, None, None
        if Ability.RELAY in can:
            relay = CertainRelay(
                Gen1Switch(station, name, adoption.channel),
                clock,
                name,
                deadline_s=deadline_s,
                ends_after_s=ends_after_s,
                turn=station.relay_turn,
            )
        if Ability.METER in can:
            meter = Gen1Meter(station, clock, name, deadline_s, adoption.channel, known.max_power_w)
        if Ability.THERMOMETER in can:
            thermometer = Gen1Thermometer(station, clock, name, deadline_s, adoption.sensor)
        return Device(name=name, role=adoption.role, relay=relay, meter=meter, thermometer=thermometer)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[dict[str, _Seen]]:
        """Listen to all devices for as long as the block lasts."""
        seen: dict[str, _Seen] = {}

        def one(device_id: str) -> _Seen:
            if device_id not in seen and len(seen) >= _MOST_DEVICES:
                raise ShellyMalformed(f"more than {_MOST_DEVICES} devices; {device_id:.60} is not remembered")
            return seen.setdefault(device_id, _Seen())

        def on_announce(message: Message) -> None:
            announcement = read_announcement(message.payload)
            if announcement is not None:
                known = one(announcement.id)
                if announcement.mac in known.announcements or len(known.announcements) < _MOST_OF_ONE_ID:
                    known.announcements[announcement.mac] = announcement
                known.online |= not message.retained

        def on_topic(message: Message) -> None:
            _, device_id, kind, *rest = message.topic.split("/")
            if kind == "online":
                one(device_id).online = message.payload == b"true"
            else:
                one(device_id).abilities.add(_SHOWS[rest[-1] if len(rest) > 1 else kind])

        topics = ("online", "relay/+", "relay/+/power", "ext_temperature/+")
        watched = [("shellies/announce", on_announce), *((f"shellies/+/{topic}", on_topic) for topic in topics)]
        for topic, receiver in watched:
            self._broker.subscribe(topic, receiver)
        try:
            yield seen
        finally:
            for topic, receiver in watched:
                self._broker.unsubscribe(topic, receiver)

    def _sighting(self, announcement: Announcement, seen: _Seen) -> Sighting:
        abilities = frozenset(seen.abilities)
        return Sighting(
            protocol=Protocol.MQTT,
            address=announcement.id,
            profile=self._profiles.fitting(Protocol.MQTT, Family.SHELLY_GEN1, announcement.model, abilities),
            label=with_others(announcement.id, announcement.mac, seen.announcements, "id"),
            model=announcement.model,
            firmware=announcement.firmware,
            reachable=seen.online,
            abilities=abilities,
        )


def _check_alone(station: Gen1Station, name: Name) -> None:
    if station.sharing:
        raise DeviceRefused(name, speak_alike(station.sharing, "id"))
