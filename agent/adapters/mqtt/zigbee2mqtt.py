"""ZigBee devices behind zigbee2mqtt: switched, read back and measured.

An order is carried out when the device has said the wanted state after it, and says the same again when it is asked.
Nothing is sent before zigbee2mqtt has answered a health check. What it logs as failed ends the waiting; it says so
late, often after the deadline, so a device that is gone is mostly found out by its silence.

An answer to an order and an answer to a question look alike: neither carries what asked for it, and no request of the
bridge reads a device. So a word on an order that comes after the question, of a device that moves its relay later or
not at all, passes for the answer.

Nor does anything tell whether a device counts the `on_time` of an "on": zigbee2mqtt answers an order with what was
ordered, and no property reads the time that is left. So an "on" is trusted to end only where a profile says that its
model does so, and nothing here finds out one that does not.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from math import ceil

from pydantic import ValidationError

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.zigbee2mqtt_messages import (
    STARTS_OFF,
    BridgeDevice,
    Channel,
    Quantity,
    Value,
    is_friendly_name,
    is_ieee_address,
    read_announce,
    read_devices,
)
from agent.adapters.mqtt.zigbee2mqtt_station import Bridge, Station
from agent.domain.device import Ability, Adoption, Name, Protocol, Reading, Sighting
from agent.domain.printable import printable
from agent.errors import BrokerUnreachable, DeviceMalformed, DeviceRefused, DeviceUnreachable, SettingsInvalid
from agent.ports import Clock, Device
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.profiles.rating import plausible_power_w
from agent.switching.certain import CertainRelay

_BASE = "zigbee2mqtt"
_LARGEST_LIST_BYTES = 1024 * 1024
"""zigbee2mqtt lists all its devices in one message, 3 to 6 KB each."""
_LONGEST_ON_S = 6553
"""`on_time` goes over the air as tenths of seconds in 16 bits."""


class Zigbee2mqttSwitch:
    """One relay of a device."""

    asked_often = True

    def __init__(self, station: Station, name: Name, channel: int, *, ends_itself: bool) -> None:
        """`ends_itself`: whether the model obeys `on_time`; zigbee2mqtt does not say."""
        self._station = station
        self._name = name
        self._channel = channel
        self.ends_itself = ends_itself
        self.on_report: Callable[[bool], None] | None = None
        station.on_relay(channel, self._report)

    @property
    def returns(self) -> int:
        """How often it has said that it is back."""
        return self._station.returns

    @property
    def away(self) -> str:
        """What zigbee2mqtt says of it, or of itself."""
        if self._station.bridge.online is False:
            return "zigbee2mqtt says that it is offline itself"
        return "zigbee2mqtt says that it is offline" if self._station.online is False else ""

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:
        """Switch, and wait until the wanted state is said. Raises DeviceUnreachable, DeviceRefused."""
        channel = self._of_device()
        said: dict[str, object] = {channel.property: channel.on_word if on else channel.off_word}
        if ends_after_s is not None:
            if ends_after_s > _LONGEST_ON_S:
                raise DeviceRefused(self._name, f"cannot end an on after more than {_LONGEST_ON_S} s")
            said |= {"on_time": ceil(ends_after_s), "off_wait_time": 0}
        try:
            await self._station.bridge.serving()
            await self._station.order(
                self._name, json.dumps(said), lambda values: channel.read(values.get(channel.property)) is on
            )
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error

    async def ask(self) -> bool:
        """Ask the device. Raises DeviceUnreachable, DeviceRefused if it cannot be asked, DeviceMalformed."""
        channel = self._of_device()
        if not channel.readable:
            raise DeviceRefused(self._name, f"cannot be asked for its {channel.property}, so no order can be verified")
        try:
            await self._station.bridge.serving()
            value = (await self._station.ask(self._name, [channel.property]))[channel.property]
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error
        state = channel.read(value)
        if state is None:
            raise DeviceMalformed(self._name, f"says neither on nor off: {str(value)[:40]!r}")
        return state

    async def start_off(self) -> bool:
        """Set `power_on_behavior`, or what it is called here, to off unless it is so.

        False where the device has none of its own for this relay, or says that it will not. What zigbee2mqtt says of
        it after an order is what was ordered; only an answer of the device counts. Raises DeviceUnreachable,
        DeviceRefused if there is no such relay.
        """
        starts = self._of_device().starts
        if not starts:
            return False
        try:
            await self._station.bridge.serving()
            if await self._starts(starts) == STARTS_OFF:
                return True
            said = json.dumps({starts: STARTS_OFF})
            await self._station.order(self._name, said, lambda values: values.get(starts) == STARTS_OFF)
            return await self._starts(starts) == STARTS_OFF
        except DeviceRefused:
            return False
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error

    async def _starts(self, property_: str) -> Value:
        return (await self._station.ask(self._name, [property_]))[property_]

    def _of_device(self) -> Channel:
        device = self._station.device
        if device is None:
            raise DeviceUnreachable(self._name, self._station.unseen)
        if self._channel > len(device.channels):
            raise DeviceRefused(self._name, f"has no relay {self._channel}; it has {len(device.channels)}")
        return device.channels[self._channel - 1]

    def _report(self, on: bool) -> None:  # noqa: FBT001 - a relay reports one thing
        if self.on_report is not None:
            self.on_report(on)


class Zigbee2mqttMeter:
    """The meter of a device."""

    def __init__(self, station: Station, name: Name, deadline_s: float, max_power_w: float | None = None) -> None:
        self._station = station
        self._name = name
        self._deadline_s = deadline_s
        self._max_power_w = max_power_w

    async def read(self) -> Reading:
        """Power (W) and the device's counter (Wh): asked for where it can be asked, else as last reported.

        Raises DeviceUnreachable, DeviceMalformed, DeviceRefused.
        """
        async with self._station.conversation(self._name, self._deadline_s, self._station.sensor_turn) as device:
            power, energy = device.power, device.energy
            if power is None:
                several = f"measures several powers, {printable(', '.join(device.parts))}: which is meant is unclear"
                raise DeviceRefused(self._name, several if device.parts else "measures no power")
            at, values = await self._station.read(self._name, [power, *([] if energy is None else [energy])])
            power_w = power.power_w(values[power.property])
            counted = None if energy is None else values.get(energy.property)
            energy_wh = None if energy is None or counted is None else energy.energy_wh(counted)
        power_w = plausible_power_w(self._name, power_w, self._max_power_w)
        return Reading(device=self._name, at=at, power_w=power_w, energy_wh=energy_wh)


class Zigbee2mqttThermometer:
    """One temperature sensor of a device. One that sleeps tells what it last reported, with the time of that."""

    def __init__(self, station: Station, name: Name, sensor: str | None, deadline_s: float) -> None:
        self._station = station
        self._name = name
        self._sensor = sensor
        self._deadline_s = deadline_s

    async def read(self) -> Reading:
        """The temperature (°C). Raises DeviceUnreachable, DeviceMalformed; DeviceRefused if unclear which."""
        async with self._station.conversation(self._name, self._deadline_s, self._station.sensor_turn) as device:
            sensor = self._of(device)
            at, values = await self._station.read(self._name, [sensor])
            celsius = sensor.temperature_c(values[sensor.property])
        try:
            return Reading(device=self._name, at=at, temperature_c=celsius)
        except ValidationError as error:  # -127 °C is how a DS18B20 with a broken wire answers
            raise DeviceMalformed(self._name, "reports a temperature that no home has") from error

    def _of(self, device: BridgeDevice) -> Quantity:
        chosen = [one for one in device.temperatures if self._sensor in (None, one.property)]
        if len(chosen) != 1:
            known = printable(", ".join(one.property for one in device.temperatures), 300) or "none"
            raise DeviceRefused(self._name, f"which temperature is meant is unclear, set `sensor`; there is {known}")
        return chosen[0]


class Zigbee2mqttNetwork:
    """All ZigBee devices behind the zigbee2mqtt on one broker."""

    def __init__(self, broker: Broker, clock: Clock, profiles: Profiles, base: str = _BASE) -> None:
        self._broker = broker
        self._clock = clock
        self._profiles = profiles
        self._bridge = Bridge(broker, base)
        self._stations: dict[str, Station] = {}
        """By IEEE address."""
        self._by_name: dict[str, Station] = {}
        """Stations that the settings list by the name that zigbee2mqtt gives them."""
        broker.subscribe(f"{base}/bridge/devices", self._on_devices, largest_bytes=_LARGEST_LIST_BYTES)
        broker.subscribe(f"{base}/bridge/event", self._on_event)

    async def scan(self, duration_s: float) -> Sequence[Sighting]:
        """Listen for `duration_s` wall seconds and return what was seen. Raises BrokerUnreachable."""
        await self._broker.wait_connected(duration_s)
        await asyncio.sleep(duration_s)
        return [
            self._sighting(station.device, station)
            for _, station in sorted(self._stations.items())
            if station.device is not None and station.device.abilities
        ]

    def device(self, adoption: Adoption, ends_after_s: float | None = None) -> Device:
        """A device of the home, by its IEEE address or its name.

        Raises ProfileInvalid for an unknown profile, SettingsInvalid where the address is neither.
        """
        known, name = self._profiles.named(adoption.profile), adoption.name
        if not (is_ieee_address(adoption.address.lower()) or is_friendly_name(adoption.address)):
            raise SettingsInvalid(
                f"devices.{name}.address: {adoption.address!r} is neither an IEEE address nor a name at zigbee2mqtt"
            )
        station = self._adopt(adoption.address)
        deadline_s = known.deadline_s(adoption.deadline_s)
        can, relay, meter, thermometer = known.abilities, None, None, None
        if Ability.RELAY in can:
            relay = CertainRelay(
                Zigbee2mqttSwitch(station, name, adoption.channel, ends_itself=known.ends_itself),
                self._clock,
                name,
                deadline_s=deadline_s,
                ends_after_s=ends_after_s,
                turn=station.relay_turn,
            )
        if Ability.METER in can:
            meter = Zigbee2mqttMeter(station, name, deadline_s, known.max_power_w)
        if Ability.THERMOMETER in can:
            thermometer = Zigbee2mqttThermometer(station, name, adoption.sensor, deadline_s)
        return Device(name=name, role=adoption.role, relay=relay, meter=meter, thermometer=thermometer)

    def _adopt(self, address: str) -> Station:
        ieee = address.lower()
        by_address = is_ieee_address(ieee)
        stations, key = (self._stations, ieee) if by_address else (self._by_name, address)
        station = stations.setdefault(key, Station(self._broker, self._clock, self._bridge))
        if not station.adopted:
            station.adopted = True
            station.listen()
        for other in tuple(self._stations.values()):
            if not by_address and other.device is not None and other.device.name == address:
                station.announce(other.device)
        return station

    def _on_devices(self, message: Message) -> None:
        devices = {device.address: device for device in read_devices(message.payload)}
        for address, device in devices.items():
            if address not in self._stations:
                self._stations[address] = Station(self._broker, self._clock, self._bridge)
            self._stations[address].announce(device)
        for address in [known for known in self._stations if known not in devices]:
            self._stations[address].announce(None)
            if not self._stations[address].adopted:
                del self._stations[address]
        names = {device.name: device for device in devices.values()}
        for name, station in self._by_name.items():
            station.announce(names.get(name))

    def _on_event(self, message: Message) -> None:
        address = None if message.retained else read_announce(message.payload)
        for station in (*self._stations.values(), *self._by_name.values()):
            if address is not None and station.device is not None and station.device.address == address:
                station.returns += 1

    def _sighting(self, device: BridgeDevice, station: Station) -> Sighting:
        fits = [
            self._profiles.fitting(Protocol.MQTT, Family.ZIGBEE2MQTT, name, device.abilities)
            for name in (device.model, device.model_id)
        ]
        exact = [fit for fit in fits if fit is not None and self._profiles[fit].match.models]
        online = self._bridge.online if station.online is None else station.online
        return Sighting(
            protocol=Protocol.MQTT,
            address=device.address,
            profile=(exact or fits)[0],
            label=printable(device.name),
            model=device.model,
            firmware=device.firmware,
            reachable=online is True and self._bridge.online is True,
            abilities=device.abilities,
        )
