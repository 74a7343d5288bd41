"""The OpenBeken family: devices found by their last will, switched, read back and measured.

An order is carried out when `<dev>/<n>/get` has told the wanted state after it, and `STATUS 11`, whose answer cannot be
one to an order, tells the same. The meter is asked with `STATUS 8`, which tells Wh; the unit of
`<dev>/energycounter/get` hangs on a flag. A channel that is no relay would be set and read back all the same, so the
device is asked once which of its channels are relays. No relay ends an "on" by itself as far as MQTT can tell it to.
"""

import asyncio
from collections.abc import Sequence

from agent.adapters.mqtt.announced import with_others
from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.last_will import LastWillSwitch
from agent.adapters.mqtt.openbeken_messages import Identity, OpenBekenMalformed, device_of, is_name, read_relay
from agent.adapters.mqtt.openbeken_station import Station
from agent.domain.device import Ability, Adoption, Name, Protocol, Reading, Sighting
from agent.errors import BrokerUnreachable, DeviceMalformed, DeviceRefused, DeviceUnreachable, SettingsInvalid
from agent.ports import Clock, Device
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.profiles.rating import plausible_power_w
from agent.switching.certain import CertainRelay

_ALONE_S = 0.25
"""So long after the answer of a device another one of the same name would have answered, too."""
_MOST_STATIONS = 256
"""More devices than any home has; what else announces itself is not remembered, unless the settings list it."""


class OpenBekenSwitch(LastWillSwitch):
    """One relay of an OpenBeken device."""

    ends_itself = False

    def __init__(self, station: Station, name: Name, channel: int) -> None:
        super().__init__(station)
        self._station = station
        self._name = name
        self._channel = channel
        station.on_relay(channel, self._report)

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:  # noqa: ARG002 - nothing ends by itself
        """Switch, and wait until the device tells the wanted state. Raises DeviceUnreachable, DeviceRefused."""
        try:
            self._check(await self._station.identify())
            await self._station.set_channel(self._channel, on=on)
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error

    async def ask(self) -> bool:
        """Ask the device. Raises DeviceUnreachable, DeviceRefused if it has no such relay, DeviceMalformed."""
        try:
            identity = await self._station.identify()
            self._check(identity)
            answer = await self._station.ask_relays()
            self._station.check_alone(self._name)
            return read_relay(answer, self._channel, identity.relays)
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error
        except OpenBekenMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error

    async def start_off(self) -> bool:
        """Only its owner can set that: `SetStartValue` could be sent, but no answer over MQTT tells what is set."""
        return False

    def _check(self, identity: Identity) -> None:
        self._station.check_alone(self._name)
        if self._channel not in identity.relays:
            known = ", ".join(str(channel) for channel in sorted(identity.relays)) or "none"
            raise DeviceRefused(self._name, f"has no relay {self._channel}; it has {known}")


class OpenBekenMeter:
    """The energy meter of an OpenBeken device."""

    def __init__(
        self, station: Station, clock: Clock, name: Name, deadline_s: float, max_power_w: float | None = None
    ) -> None:
        self._station = station
        self._clock = clock
        self._name = name
        self._deadline_s = deadline_s
        self._max_power_w = max_power_w

    async def read(self) -> Reading:
        """Ask for power (W) and the device's counter (Wh). Raises DeviceUnreachable, DeviceMalformed."""
        async with self._station.conversation(self._name, self._deadline_s, self._station.sensor_turn):
            said = await self._station.measure()
        power_w = plausible_power_w(self._name, said.power_w, self._max_power_w)
        return Reading(device=self._name, at=self._clock.now(), power_w=power_w, energy_wh=said.energy_wh)


class OpenBekenNetwork:
    """All OpenBeken devices on one broker."""

    def __init__(self, broker: Broker, clock: Clock, profiles: Profiles, *, alone_s: float = _ALONE_S) -> None:
        """`alone_s` are wall seconds that devices get to say that they are not alone of their name."""
        self._alone_s = alone_s
        self._broker = broker
        self._clock = clock
        self._profiles = profiles
        self._stations: dict[str, Station] = {}
        """By the name that is the first part of their topics."""
        broker.subscribe("+/connected", self._on_connected)

    async def scan(self, duration_s: float) -> Sequence[Sighting]:
        """Ask what has said that it is connected, and return what answered in `duration_s` wall seconds.

        Raises BrokerUnreachable.
        """
        await self._broker.wait_connected(duration_s)
        for station in self._stations.values():
            station.ask_identity()
        await asyncio.sleep(duration_s)
        return [
            self._sighting(identity, station)
            for _, station in sorted(self._stations.items())
            for identity in station.identities.values()
            if _abilities(identity)
        ]

    def device(self, adoption: Adoption, ends_after_s: float | None = None) -> Device:
        """A device of the home, by the name in its topics. Raises ProfileInvalid, SettingsInvalid."""
        known, name = self._profiles.named(adoption.profile), adoption.name
        station = self._adopt(name, adoption.address)
        deadline_s = known.deadline_s(adoption.deadline_s)
        relay, meter = None, None
        if Ability.RELAY in known.abilities:
            relay = CertainRelay(
                OpenBekenSwitch(station, name, adoption.channel),
                self._clock,
                name,
                deadline_s=deadline_s,
                ends_after_s=ends_after_s,
                turn=station.relay_turn,
            )
        if Ability.METER in known.abilities:
            meter = OpenBekenMeter(station, self._clock, name, deadline_s, known.max_power_w)
        return Device(name=name, role=adoption.role, relay=relay, meter=meter)

    def _adopt(self, name: str, address: str) -> Station:
        if not is_name(address):
            raise SettingsInvalid(
                f"devices.{name}.address: {address!r} is no name of a device, which is the first part of its topics"
            )
        station = self._stations.setdefault(address, Station(self._broker, address, self._alone_s))
        if not station.adopted:
            station.adopted = True
            station.listen()
        return station

    def _on_connected(self, message: Message) -> None:
        name = device_of(message.topic)
        station = self._stations.get(name)
        if station is None:
            if not message.payload or message.payload not in (b"online", b"offline"):
                return
            if len(self._stations) >= _MOST_STATIONS:
                raise OpenBekenMalformed(f"more than {_MOST_STATIONS} devices announce themselves")
            station = self._stations[name] = Station(self._broker, name, self._alone_s)
        if not message.payload and not station.adopted:  # somebody cleared the broker's memory of it
            station.leave()
            del self._stations[name]
            return
        station.on_will(message)

    def _sighting(self, identity: Identity, station: Station) -> Sighting:
        abilities = _abilities(identity)
        return Sighting(
            protocol=Protocol.MQTT,
            address=station.name,
            profile=self._profiles.fitting(Protocol.MQTT, Family.OPENBEKEN, identity.model, abilities),
            label=with_others(identity.label, identity.mac, station.sharing, "name"),
            model=identity.model,
            firmware=identity.firmware,
            reachable=station.online is True,
            abilities=abilities,
        )


def _abilities(identity: Identity) -> frozenset[Ability]:
    present = ((Ability.RELAY, identity.relays), (Ability.METER, identity.metered))
    return frozenset(ability for ability, there in present if there)
