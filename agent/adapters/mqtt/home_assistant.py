"""Devices that announce themselves by Home Assistant's discovery, ESPHome for one: switches, meters, thermometers.

Discovery gives topics, not a way to ask. What can be promised without one, and what not:

- A switch without a state topic, or one that calls itself optimistic, is no relay: nothing could be verified.
- An order counts as acknowledged when the device says by itself that it stands so, after the order. What the broker had
  kept does not count.
- A question is two things: a sign that the device lives now, and then its last word, which the broker keeps where the
  device retains its states. The sign is the answer to `esphome/ping/<node>` where the device ever gave one (ESPHome,
  with `discover_ip`, its default). Because a device's messages keep their order, its last word is then no older than
  that sign. ESPHome retains states, publishes each change, and publishes anew what it could not send.
- Any other device cannot be made to speak. Its next message by itself is the sign: the word on the state topic is the
  answer, or else what the broker keeps of it. A device that says nothing before the deadline is unreachable, so its
  deadline must be longer than the time between its reports. "Available" proves nothing: a last will comes late.
- Sensors of ESPHome are asked in the same way, and their number is at most as old as their update interval. Those of
  other devices tell what they last said by themselves, with the time at which they said it.
- A device that claims to have moved its relay, and keeps to that, cannot be found out by what it says: an order and a
  question are answered on one topic. With pings a late word on an order comes before the sign, and a later one counts.
- No device of this family can end an "on" by itself as far as discovery tells.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from pydantic import ValidationError

from agent.adapters.mqtt.announced import printable
from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.home_assistant_messages import (
    Announcement,
    Component,
    abilities_of,
    is_address,
    read_announcement,
)
from agent.adapters.mqtt.home_assistant_station import Heard, Station
from agent.adapters.mqtt.home_assistant_template import HomeAssistantMalformed
from agent.domain.device import Ability, Adoption, Name, Protocol, Reading, Sighting
from agent.errors import BrokerUnreachable, DeviceMalformed, DeviceRefused, DeviceUnreachable, SettingsInvalid
from agent.ports import Clock, Device
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.profiles.rating import plausible_power_w
from agent.switching.certain import CertainRelay

_PREFIX = "homeassistant"
_MOST_STATIONS = 256
"""More devices than any home has; what else announces itself is not remembered, unless the settings list it."""
_MOST_KEYS = 4 * _MOST_STATIONS
_MOST_COMPONENTS = 64
_OWN_FAMILY = frozenset({"Zigbee2MQTT"})
"""Who announces devices here that the hub speaks with in their own language."""

T = TypeVar("T")


class HomeAssistantSwitch:
    """One switch of a device."""

    ends_itself = False

    def __init__(self, station: Station, name: Name, object_id: str, channel: int) -> None:
        self._station = station
        self._name = name
        self._object_id = object_id
        self._channel = channel
        self.on_report: Callable[[bool], None] | None = None
        station.on_relay(self._report)

    @property
    def away(self) -> str:
        """What its availability says."""
        return "its availability says that it is offline" if self._station.online is False else ""

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:  # noqa: ARG002 - nothing ends by itself
        """Switch, and wait until the device says that it did. Raises DeviceUnreachable, DeviceRefused."""
        component = self._component()
        try:
            word = component.on_word if on else component.off_word
            await self._station.order(component, word, lambda payload: component.read_switch(payload) is on)
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error

    async def ask(self) -> bool:
        """Ask the device. Raises DeviceUnreachable, DeviceRefused if it has no such switch, DeviceMalformed."""
        component = self._component()
        payload = await self._said_of(component)
        try:
            state = component.read_switch(payload)
        except HomeAssistantMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error
        if state is None:
            raise DeviceMalformed(self._name, f"says neither on nor off: {payload[:40]!r}")
        return state

    async def start_off(self) -> bool:
        """Choose "off" where the device announces a choice of how its only switch starts, unless it is chosen.

        Only of a device that answers pings: all others cannot be asked what is chosen. Raises DeviceUnreachable,
        DeviceRefused if it has no such switch, DeviceMalformed.
        """
        every = self._station.components
        choices = [part for part in every if part.platform == "select"]
        self._component()
        if len(choices) != 1 or sum(part.platform == "switch" for part in every) != 1:
            return False
        await self.ask()
        if not self._station.answers_pings:
            return False
        (choice,) = choices
        try:
            if choice.read_chosen(await self._said_of(choice)) == choice.starts_off:
                return True
            await self._station.order(
                choice, choice.starts_off, lambda payload: choice.read_chosen(payload) == choice.starts_off
            )
            return choice.read_chosen(await self._said_of(choice)) == choice.starts_off
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error
        except HomeAssistantMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error

    async def _said_of(self, component: Component) -> bytes:
        topic = component.state_topic or ""
        try:
            return (await self._station.ask([topic]))[topic]
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error

    def _component(self) -> Component:
        switches = [part for part in self._station.components if part.platform == "switch"]
        if self._object_id:
            switches = [part for part in switches if part.object_id == self._object_id]
        if len(switches) == 1 and self._channel == 1:
            return switches[0]
        every = [part.object_id for part in self._station.components if part.platform == "switch"]
        if not every and not self._station.refused:
            raise DeviceUnreachable(self._name, "has not announced a switch on the broker")
        known = printable(", ".join(every), 300) or "none"
        why = f"; {self._station.refused}" if self._station.refused else ""
        raise DeviceRefused(self._name, f"write the switch that is meant behind its address; there is {known}{why}")

    def _report(self, component: Component, on: bool) -> None:  # noqa: FBT001 - a relay reports one thing
        alone = sum(part.platform == "switch" for part in self._station.components) == 1
        if self.on_report is not None and (component.object_id == self._object_id or (alone and not self._object_id)):
            self.on_report(on)


class HomeAssistantMeter:
    """The power and energy sensors of a device."""

    def __init__(self, station: Station, name: Name, deadline_s: float, max_power_w: float | None = None) -> None:
        self._station = station
        self._name = name
        self._deadline_s = deadline_s
        self._max_power_w = max_power_w

    async def read(self) -> Reading:
        """Power (W) and the device's counter (Wh). Raises DeviceUnreachable, DeviceMalformed, DeviceRefused."""
        power = _only(self._station, self._name, "power", None)
        counter = _counter(self._station)
        async with self._station.conversation(self._name, self._deadline_s, self._station.sensor_turn):
            said = await self._station.read([*([] if counter is None else [counter]), power])
            heard, power_w = _value(said, power, power.read_power_w)
            energy_wh = None
            if counter is not None and counter.state_topic in said:
                _, energy_wh = _value(said, counter, counter.read_energy_wh)
        power_w = plausible_power_w(self._name, power_w, self._max_power_w)
        return Reading(device=self._name, at=heard.at, power_w=power_w, energy_wh=energy_wh)


class HomeAssistantThermometer:
    """One temperature sensor of a device."""

    def __init__(self, station: Station, name: Name, sensor: str | None, deadline_s: float) -> None:
        self._station = station
        self._name = name
        self._sensor = sensor
        self._deadline_s = deadline_s

    async def read(self) -> Reading:
        """The temperature (°C). Raises DeviceUnreachable, DeviceMalformed; DeviceRefused if unclear which."""
        part = _only(self._station, self._name, "temperature", self._sensor)
        async with self._station.conversation(self._name, self._deadline_s, self._station.sensor_turn):
            heard, celsius = _value(await self._station.read([part]), part, part.read_temperature_c)
        try:
            return Reading(device=self._name, at=heard.at, temperature_c=celsius)
        except ValidationError as error:  # -127 °C is how a DS18B20 with a broken wire answers
            raise DeviceMalformed(self._name, "reports a temperature that no home has") from error


class HomeAssistantNetwork:
    """All devices on one broker that announce themselves by Home Assistant's discovery."""

    def __init__(self, broker: Broker, clock: Clock, profiles: Profiles) -> None:
        self._broker = broker
        self._clock = clock
        self._profiles = profiles
        self._stations: dict[str, Station] = {}
        """By each name under which a device is known."""
        self._by_topic: dict[str, Station] = {}
        """By the topics of discovery, so that an empty message is known to take something away."""
        broker.subscribe(f"{_PREFIX}/+/+/config", self._on_config)
        broker.subscribe(f"{_PREFIX}/+/+/+/config", self._on_config)

    async def scan(self, duration_s: float) -> Sequence[Sighting]:
        """Listen for `duration_s` wall seconds and return what was seen. Raises BrokerUnreachable."""
        await self._broker.wait_connected(duration_s)
        await asyncio.sleep(duration_s)
        seen = {id(station): station for _, station in sorted(self._stations.items())}
        return [
            self._sighting(station.announcement, station)
            for station in seen.values()
            if station.announcement is not None and abilities_of(station.components)
        ]

    def device(self, adoption: Adoption, ends_after_s: float | None = None) -> Device:
        """A device of the home, by one of its identifiers, and behind it the switch: `a0b1c2d3e4f5/relay`.

        Raises ProfileInvalid for an unknown profile, SettingsInvalid where the address cannot be one.
        """
        known, name = self._profiles.named(adoption.profile), adoption.name
        if not is_address(adoption.address):
            raise SettingsInvalid(f"devices.{name}.address: {adoption.address!r} is no identifier of a device")
        station, object_id = self._adopt(adoption.address)
        deadline_s = known.deadline_s(adoption.deadline_s)
        can, relay, meter, thermometer = known.abilities, None, None, None
        if Ability.RELAY in can:
            relay = CertainRelay(
                HomeAssistantSwitch(station, name, object_id, adoption.channel),
                self._clock,
                name,
                deadline_s=deadline_s,
                ends_after_s=ends_after_s,
                turn=station.relay_turn,
            )
        if Ability.METER in can:
            meter = HomeAssistantMeter(station, name, deadline_s, known.max_power_w)
        if Ability.THERMOMETER in can:
            thermometer = HomeAssistantThermometer(station, name, adoption.sensor, deadline_s)
        return Device(name=name, role=adoption.role, relay=relay, meter=meter, thermometer=thermometer)

    async def wait_announced(self, addresses: Iterable[str], timeout_s: float) -> bool:
        """Wait at most `timeout_s` wall seconds for adopted devices to announce themselves; return whether all did."""
        stations = [self._adopt(address)[0] for address in addresses]
        try:
            async with asyncio.timeout(timeout_s):
                for station in stations:
                    await station.announced_itself.wait()
        except TimeoutError:
            return False
        return True

    def _adopt(self, address: str) -> tuple[Station, str]:
        device, _, object_id = address.partition("/")
        if address in self._stations:
            device, object_id = address, ""
        station = self._stations.setdefault(device, Station(self._broker, self._clock))
        if not station.adopted:
            station.adopted = True
            station.listen()
        return station, object_id

    def _on_config(self, message: Message) -> None:
        if not message.payload:
            station = self._by_topic.pop(message.topic, None)
            if station is not None:
                station.announce(message.topic, None, _MOST_COMPONENTS)
                self._forget(station)
            return
        said = read_announcement(message.topic, message.payload)
        if said is None or said.origin in _OWN_FAMILY:
            return
        station = next((self._stations[key] for key in said.keys if key in self._stations), None)
        if station is None:
            if len({id(known) for known in self._stations.values()}) >= _MOST_STATIONS:
                raise HomeAssistantMalformed(f"more than {_MOST_STATIONS} devices announce themselves")
            station = Station(self._broker, self._clock)
        before = self._by_topic.get(message.topic)
        if before is not None and before is not station:
            before.announce(message.topic, None, _MOST_COMPONENTS)
            self._forget(before)
        station.announce(message.topic, said, _MOST_COMPONENTS)
        self._by_topic[message.topic] = station
        for key in said.keys:
            if len(self._stations) < _MOST_KEYS:
                self._stations.setdefault(key, station)
        if said.refused:
            raise HomeAssistantMalformed("; ".join(f"{name}: {why}" for name, why in said.refused.items())[:500])

    def _forget(self, station: Station) -> None:
        """A device that took everything back is remembered only if the settings list it."""
        if station.empty and not station.adopted:
            station.leave()
            self._stations = {key: known for key, known in self._stations.items() if known is not station}

    def _sighting(self, said: Announcement, station: Station) -> Sighting:
        abilities = abilities_of(station.components)
        names = [name for name in (said.model, said.model_id) if name]
        fits = [self._profiles.fitting(Protocol.MQTT, Family.HOME_ASSISTANT, name, abilities) for name in names or [""]]
        exact = [fit for fit in fits if fit is not None and self._profiles[fit].match.models]
        return Sighting(
            protocol=Protocol.MQTT,
            address=said.keys[0],
            profile=(exact or fits)[0],
            label=said.label,
            model=said.model or said.model_id,
            firmware=said.firmware,
            reachable=station.online is True,
            abilities=abilities,
        )


def _only(station: Station, name: Name, kind: str, sensor: str | None) -> Component:
    """The one sensor that measures this. Raises DeviceUnreachable, DeviceRefused if there are several or none."""
    parts = [part for part in station.components if part.measures == kind]
    chosen = [part for part in parts if sensor is None or sensor in (part.object_id, part.name)]
    if len(chosen) == 1:
        return chosen[0]
    if not parts and not station.refused:
        raise DeviceUnreachable(name, f"has not announced a sensor of {kind} on the broker")
    known = printable(", ".join(part.object_id for part in parts), 300) or "none"
    why = f"; {station.refused}" if station.refused else ""
    raise DeviceRefused(name, f"which {kind} is meant is unclear, set `sensor`; there is {known}{why}")


def _counter(station: Station) -> Component | None:
    """The one counter that counts for ever; None if that is unclear. ESPHome's `energy` begins anew at each start."""
    counters = [part for part in station.components if part.measures == "energy" and part.counts_for_ever]
    if len(counters) > 1:
        counters = [part for part in counters if "total" in part.object_id.lower()]
    return counters[0] if len(counters) == 1 else None


def _value(said: dict[str, Heard], part: Component, read: Callable[[bytes], T]) -> tuple[Heard, T]:
    heard = said[part.state_topic or ""]
    return heard, read(heard.payload)
