"""The Tasmota family: devices found by their discovery messages, switched, read back and measured.

A command is carried out when the device has reported the wanted state and says the same again when it is asked.
"""

import asyncio
from collections.abc import Sequence
from math import ceil

from pydantic import ValidationError

from agent.adapters.mqtt.announced import is_own_topic, with_others
from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.last_will import LastWillSwitch
from agent.adapters.mqtt.tasmota_infrared import TasmotaRemote
from agent.adapters.mqtt.tasmota_messages import (
    STARTS_OFF,
    DiscoveryConfig,
    SensorReport,
    SensorUnclear,
    TasmotaMalformed,
    mac_of,
    read_announced_sensors,
    read_config,
)
from agent.adapters.mqtt.tasmota_station import Station
from agent.domain.device import Ability, Adoption, Name, Protocol, Reading, Role, Sighting
from agent.domain.printable import printable
from agent.errors import BrokerUnreachable, DeviceMalformed, DeviceRefused, DeviceUnreachable, SettingsInvalid
from agent.ports import Clock, Device
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.profiles.rating import plausible_power_w
from agent.switching.certain import CertainRelay

_DISCOVERY = "tasmota/discovery"
_MOST_STATIONS = 256
"""More devices than any home has; what else announces itself is not remembered, unless the settings list it."""
_PULSE_SECONDS = 100
"""PulseTime counts seconds from here on, tenths of seconds below 112."""


class TasmotaSwitch(LastWillSwitch):
    """One relay of a Tasmota device."""

    ends_itself = True

    def __init__(self, station: Station, name: Name, channel: int) -> None:
        super().__init__(station)
        self._station = station
        self._name = name
        self._channel = channel
        self._command = f"POWER{channel}"
        station.on_relay(channel, self._report)

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:
        """Switch, and wait until the device reports the wanted state.

        An "on" that is to end is ordered only when the device has said that it will end it. Raises DeviceUnreachable,
        DeviceRefused.
        """
        config = self._config()
        try:
            if ends_after_s is not None:
                await self._end_after(_PULSE_SECONDS + ceil(ends_after_s))
            word = config.on_word if on else config.off_word
            await self._station.hear_relay(self._command, word, self._channel, wanted=on)
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error

    async def ask(self) -> bool:
        """Ask the device. Raises DeviceUnreachable, DeviceRefused if it has no such relay."""
        self._config()
        try:
            return await self._station.hear_relay("STATUS", "11", self._channel, wanted=None)
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error

    async def start_off(self) -> bool:
        """Set `PowerOnState 0` unless it is so. Raises DeviceUnreachable, DeviceRefused if it has no such relay.

        That holds for all that the device switches, so one with more than this relay is left to its owner. A restart
        without a power cut leaves the relay as it was, whatever is set.
        """
        config = self._config()
        try:
            if await self._station.start() == STARTS_OFF:
                return True
            if not config.switches_alone:
                return False
            await self._station.set_start(STARTS_OFF)
            return await self._station.start() == STARTS_OFF
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error

    async def _end_after(self, pulse: int) -> None:
        answer = await self._station.end_after(self._channel, pulse)
        if answer != pulse:
            why = answer if isinstance(answer, str) else f"its PulseTime is {answer} after it was set to {pulse}"
            raise DeviceRefused(self._name, f"cannot end an on by itself: {why}")

    def _config(self) -> DiscoveryConfig:
        config = self._station.known(self._name)
        if self._channel not in config.channels:  # some firmware would switch relay 1 instead
            known = ", ".join(str(channel) for channel in config.channels) or "none"
            raise DeviceRefused(self._name, f"has no relay {self._channel}; it has {known}")
        return config


class TasmotaMeter:
    """The energy meter of a Tasmota device, of one relay or of all that it measures."""

    def __init__(
        self,
        station: Station,
        name: Name,
        channel: int | None,
        deadline_s: float,
        max_power_w: float | None = None,
        *,
        whole: bool = False,
    ) -> None:
        """`channel` is None where the owner has not set it; `whole`: then all that it measures is meant."""
        self._station = station
        self._name = name
        self._channel = channel
        self._whole = whole
        self._deadline_s = deadline_s
        self._max_power_w = max_power_w

    async def read(self) -> Reading:
        """Ask for power (W) and the device's counter (Wh).

        Raises DeviceUnreachable, DeviceMalformed; DeviceRefused if unclear which of several numbers is meant.
        """
        at, report = await self._station.sensors(self._name, self._deadline_s)
        if not report.power_w:
            raise DeviceMalformed(self._name, "reports no power")
        power_w, energy_wh = self._meant(report)
        power_w = plausible_power_w(self._name, power_w, self._max_power_w)
        return Reading(device=self._name, at=at, power_w=power_w, energy_wh=energy_wh)

    def _meant(self, report: SensorReport) -> tuple[float, int | None]:
        """One number is of all together. Of several each belongs to a relay, or to a phase: then their sum counts."""
        powers_w, energies_wh = report.power_w, report.energy_wh
        outputs = self._station.known(self._name).outputs
        undivided = outputs == 1 and self._channel in (None, 1)
        if len(powers_w) == 1 or undivided or (self._channel is None and (self._whole or outputs == 0)):
            return sum(powers_w), sum(energies_wh) if energies_wh else None
        if outputs not in (0, len(powers_w)):
            reason = f"reports {len(powers_w)} powers of {outputs} relays, which of them is meant is unclear"
            raise DeviceRefused(self._name, reason)
        channel = 1 if self._channel is None else self._channel
        if channel > len(powers_w):
            raise DeviceRefused(self._name, f"has no power of channel {channel}; it has {len(powers_w)}")
        return powers_w[channel - 1], energies_wh[channel - 1] if len(energies_wh) == len(powers_w) else None


class TasmotaThermometer:
    """One temperature sensor of a Tasmota device."""

    def __init__(self, station: Station, name: Name, sensor: str | None, deadline_s: float) -> None:
        self._station = station
        self._name = name
        self._sensor = sensor
        self._deadline_s = deadline_s

    async def read(self) -> Reading:
        """Ask for the temperature (°C). Raises DeviceUnreachable, DeviceMalformed; DeviceRefused if unclear which."""
        at, report = await self._station.sensors(self._name, self._deadline_s)
        try:
            return Reading(device=self._name, at=at, temperature_c=report.temperature_of(self._sensor))
        except SensorUnclear as error:
            raise DeviceRefused(self._name, str(error)) from error
        except TasmotaMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error
        except ValidationError as error:  # -127 °C is how a DS18B20 with a broken wire answers
            raise DeviceMalformed(self._name, "reports a temperature that no home has") from error


class TasmotaNetwork:
    """All Tasmota devices on one broker."""

    def __init__(self, broker: Broker, clock: Clock, profiles: Profiles) -> None:
        self._broker = broker
        self._clock = clock
        self._profiles = profiles
        self._stations: dict[str, Station] = {}
        self._by_topic: dict[str, Station] = {}
        """Stations that the settings list by their topic."""
        broker.subscribe(f"{_DISCOVERY}/+/config", self._on_config)
        broker.subscribe(f"{_DISCOVERY}/+/sensors", self._on_sensors)

    async def scan(self, duration_s: float) -> Sequence[Sighting]:
        """Listen for `duration_s` wall seconds and return what was seen. Raises BrokerUnreachable."""
        await self._broker.wait_connected(duration_s)
        await asyncio.sleep(duration_s)
        return [
            self._sighting(station.config, station)
            for _, station in sorted(self._stations.items())
            if station.config is not None
        ]

    def device(self, adoption: Adoption, ends_after_s: float | None = None) -> Device:
        """A device of the home, by its MAC address or its MQTT topic.

        Raises ProfileInvalid for an unknown profile, SettingsInvalid where the address is neither.
        """
        known, name = self._profiles.named(adoption.profile), adoption.name
        if not is_own_topic(adoption.address):
            raise SettingsInvalid(f"devices.{name}.address: {adoption.address!r} is neither a MAC address nor a topic")
        station = self._adopt(adoption.address)
        deadline_s = known.deadline_s(adoption.deadline_s)
        can, relay = known.abilities, None
        if Ability.RELAY in can:
            relay = CertainRelay(
                TasmotaSwitch(station, name, adoption.channel),
                self._clock,
                name,
                deadline_s=deadline_s,
                ends_after_s=ends_after_s,
                turn=station.relay_turn,
            )
        meter, thermometer = None, None
        if Ability.METER in can:
            channel = adoption.channel if "channel" in adoption.model_fields_set else None
            whole = adoption.role is Role.HOUSE_METER
            meter = TasmotaMeter(station, name, channel, deadline_s, known.max_power_w, whole=whole)
        if Ability.THERMOMETER in can:
            thermometer = TasmotaThermometer(station, name, adoption.sensor, deadline_s)
        remote = TasmotaRemote(station, name, adoption.infrared) if Ability.REMOTE in can else None
        return Device(name, adoption.role, relay, meter, thermometer, remote)

    def _adopt(self, address: str) -> Station:
        mac = mac_of(address)
        stations, key = (self._by_topic, address) if mac is None else (self._stations, mac)
        station = stations.setdefault(key, Station(self._broker, self._clock))
        if not station.adopted:
            station.adopted = True
            station.listen()
        for other in tuple(self._stations.values()):
            if mac is None and other.config is not None and other.config.topic == address:
                station.announce(other.config)
        self._compare()
        return station

    def _on_config(self, message: Message) -> None:
        mac = message.topic.split("/")[-2]
        station = self._stations.get(mac)
        if not message.payload:
            # Somebody cleared the broker's memory of it; an adopted device is still there and still answers.
            if station is not None and not station.adopted:
                station.leave()
                del self._stations[mac]
                self._compare()
            return
        config = read_config(mac, message.payload)
        if station is None:
            station = self._stations[mac] = self._new_station(mac)
        station.announce(config)
        if config.topic in self._by_topic:
            self._by_topic[config.topic].announce(config)
        self._compare()

    def _compare(self) -> None:
        """Find devices that hear each other's orders, whether or not the settings list them."""
        configs = [station.config for station in self._stations.values() if station.config is not None]
        told: dict[str, set[str]] = {}
        called: dict[str, set[str]] = {}
        for config in configs:
            told.setdefault(config.command_topic(""), set()).add(config.mac)
            called.setdefault(config.topic, set()).add(config.mac)
        for station in (*self._stations.values(), *self._by_topic.values()):
            alike = told.get(station.config.command_topic(""), set()) if station.config is not None else set()
            station.sharing = frozenset(alike if len(alike) > 1 else ())
        for topic, station in self._by_topic.items():  # one topic means no device if several have it
            if len(called.get(topic, ())) > 1:
                station.sharing |= frozenset(called[topic])

    def _on_sensors(self, message: Message) -> None:
        mac = message.topic.split("/")[-2]
        if mac_of(mac) != mac:
            raise TasmotaMalformed("not the topic of a device")
        if message.payload:
            station = self._stations.get(mac) or self._new_station(mac)
            station.announced = read_announced_sensors(message.payload)
            self._stations[mac] = station

    def _new_station(self, mac: str) -> Station:
        if len(self._stations) >= _MOST_STATIONS:
            raise TasmotaMalformed(f"more than {_MOST_STATIONS} devices announce themselves; {mac} is not remembered")
        return Station(self._broker, self._clock)

    def _sighting(self, config: DiscoveryConfig, station: Station) -> Sighting:
        shows = station.abilities | self._named_remote(config.model)
        return Sighting(
            protocol=Protocol.MQTT,
            address=config.mac,
            profile=self._profiles.fitting(Protocol.MQTT, Family.TASMOTA, config.model, shows),
            label=with_others(config.name or printable(config.topic), config.mac, station.sharing, "topic"),
            model=config.model,
            firmware=config.firmware,
            reachable=station.online is True,
            abilities=shows,
        )

    def _named_remote(self, model: str) -> frozenset[Ability]:
        """Discovery does not tell of an infrared light: only a model of that name is known to have one."""
        known = (profile for profile in self._profiles.values() if profile.family is Family.TASMOTA)
        has = any(Ability.REMOTE in profile.abilities and model in profile.match.models for profile in known)
        return frozenset({Ability.REMOTE}) if has else frozenset()
