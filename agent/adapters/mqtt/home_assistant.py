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
from collections.abc import Sequence

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.home_assistant_components import (
    HomeAssistantMeter,
    HomeAssistantSwitch,
    HomeAssistantThermometer,
)
from agent.adapters.mqtt.home_assistant_messages import (
    Announcement,
    Component,
    abilities_of,
    is_address,
    parts_of,
    read_announcement,
)
from agent.adapters.mqtt.home_assistant_station import Station
from agent.adapters.mqtt.home_assistant_template import HomeAssistantMalformed
from agent.domain.device import Ability, Adoption, Protocol, Sighting
from agent.domain.printable import printable
from agent.errors import SettingsInvalid
from agent.ports import Clock, Device
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.switching.certain import CertainRelay

_PREFIX = "homeassistant"
_MOST_STATIONS = 256
"""More devices than any home has; what else announces itself is not remembered, unless the settings list it."""
_MOST_KEYS = 4 * _MOST_STATIONS
_MOST_COMPONENTS = 64
_MOST_RIVALS = 3
_OWN_FAMILY = frozenset({"Zigbee2MQTT"})
"""Who announces devices here that the hub speaks with in their own language."""


class HomeAssistantNetwork:
    """All devices on one broker that announce themselves by Home Assistant's discovery."""

    def __init__(self, broker: Broker, clock: Clock, profiles: Profiles) -> None:
        self._broker = broker
        self._clock = clock
        self._profiles = profiles
        self._stations: dict[str, Station] = {}
        """By each name under which a device is known."""
        self._claimants: dict[tuple[frozenset[str], str], Station] = {}
        """Devices that call themselves as another one does that was there before."""
        self._by_topic: dict[str, Station] = {}
        """By the topics of discovery, so that an empty message is known to take something away."""
        broker.subscribe(f"{_PREFIX}/+/+/config", self._on_config)
        broker.subscribe(f"{_PREFIX}/+/+/+/config", self._on_config)

    async def scan(self, duration_s: float) -> Sequence[Sighting]:
        """Listen for `duration_s` wall seconds and return what was seen. Raises BrokerUnreachable."""
        await self._broker.wait_connected(duration_s)
        await asyncio.sleep(duration_s)
        known = {id(station): station for _, station in sorted(self._stations.items())}
        known |= {id(station): station for station in self._claimants.values()}
        return [
            self._sighting(station.announcement, station, switch)
            for station in known.values()
            if station.announcement is not None and abilities_of(station.components)
            for switch in station.switches or (None,)
        ]

    def device(self, adoption: Adoption, ends_after_s: float | None = None) -> Device:
        """A device of the home, by one of its identifiers, and behind it the switch: `a0b1c2d3e4f5/relay`.

        Raises ProfileInvalid for an unknown profile, SettingsInvalid where the address cannot be one.
        """
        known, name = self._profiles.named(adoption.profile), adoption.name
        if not is_address(adoption.address):
            raise SettingsInvalid(f"devices.{name}.address: {adoption.address!r} is no identifier of a device")
        station = self._adopt(adoption.address)
        deadline_s = known.deadline_s(adoption.deadline_s)
        can, relay, meter, thermometer = known.abilities, None, None, None
        if Ability.RELAY in can:
            relay = CertainRelay(
                HomeAssistantSwitch(station, name, adoption.address, adoption.channel),
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

    def _adopt(self, address: str) -> Station:
        device, _ = parts_of(address)
        station = self._stations.get(device) or self._stations.get(address) or Station(self._broker, self._clock)
        for key in (device, address):  # what announces no device is known by the end of its topic, slash and all
            self._stations.setdefault(key, station)
        if not station.adopted:
            station.adopt()
        self._compare()
        return station

    def _on_config(self, message: Message) -> None:
        if not message.payload:
            station = self._by_topic.pop(message.topic, None)
            if station is not None:
                station.announce(message.topic, None, _MOST_COMPONENTS)
                self._forget(station)
                self._compare()
            return
        said = read_announcement(message.topic, message.payload)
        if said is None or said.origin in _OWN_FAMILY:
            return
        station = self._station_of(said)
        before = self._by_topic.get(message.topic)
        if before is not None and before is not station:
            before.announce(message.topic, None, _MOST_COMPONENTS)
            self._forget(before)
        station.announce(message.topic, said, _MOST_COMPONENTS)
        self._by_topic[message.topic] = station
        for key in said.keys:
            if len(self._stations) < _MOST_KEYS:
                self._stations.setdefault(key, station)
        self._compare()
        if said.refused:
            raise HomeAssistantMalformed("; ".join(f"{name}: {why}" for name, why in said.refused.items())[:500])

    def _station_of(self, said: Announcement) -> Station:
        """Whose announcement it is. A switch that another device announces makes no device's switch another."""
        station = next((self._stations[key] for key in said.keys if key in self._stations), None)
        if station is not None and said.switches and station.claim not in (None, said.claim):
            station = self._claimants.get(said.claim)
        elif station is not None:
            return station
        if station is None:
            if len({id(known) for known in self._known()}) >= _MOST_STATIONS:
                raise HomeAssistantMalformed(f"more than {_MOST_STATIONS} devices announce themselves")
            station = Station(self._broker, self._clock)
            if any(key in self._stations for key in said.keys):
                self._claimants[said.claim] = station
        return station

    def _known(self) -> list[Station]:
        return [*self._stations.values(), *self._claimants.values()]

    def _compare(self) -> None:
        """Find devices that call themselves by the name of another one, whether or not the settings list them."""
        switching = {id(station): station for station in self._known() if station.switches}
        named: dict[str, list[Station]] = {}
        for station in switching.values():
            for name in station.names:
                named.setdefault(name, []).append(station)
        others: dict[int, set[str]] = {}
        for key, station in self._stations.items():
            rivals = (other for other in named.get(key, ()) if other is not station)
            others.setdefault(id(station), set()).update(topic for rival in rivals for topic in rival.topics)
        for station in self._known():
            station.rivals = tuple(sorted(others.get(id(station), ()))[:_MOST_RIVALS])

    def _forget(self, station: Station) -> None:
        """A device that took everything back is remembered only if the settings list it."""
        if station.empty and not station.adopted:
            station.leave()
            self._stations = {key: known for key, known in self._stations.items() if known is not station}
            self._claimants = {claim: known for claim, known in self._claimants.items() if known is not station}

    def _sighting(self, said: Announcement, station: Station, switch: Component | None = None) -> Sighting:
        abilities = abilities_of(station.components)
        names = [name for name in (said.model, said.model_id) if name]
        fits = [self._profiles.fitting(Protocol.MQTT, Family.HOME_ASSISTANT, name, abilities) for name in names or [""]]
        exact = [fit for fit in fits if fit is not None and self._profiles[fit].match.models]
        label = said.label
        if switch is not None and len(station.switches) > 1:
            label = printable(f"{label} {switch.name or switch.object_id}")
        if station.rivals:
            label = printable(f"{label} (another device says that it is this one)", 150)
        return Sighting(
            protocol=Protocol.MQTT,
            address=said.keys[0] if switch is None else f"{said.keys[0]}/{switch.object_id}",
            profile=(exact or fits)[0],
            label=label,
            model=said.model or said.model_id,
            firmware=said.firmware,
            reachable=station.online is True,
            abilities=abilities,
        )
