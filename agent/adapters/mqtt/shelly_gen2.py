"""The family of Shelly devices of generation 2 and later: JSON-RPC over `<prefix>/rpc`.

An order is acknowledged by the answer that carries its number; the device ends an "on" by itself if it is told to.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from agent.adapters.mqtt.announced import is_own_topic, printable
from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.shelly_gen2_station import Gen2Station
from agent.adapters.mqtt.shelly_rpc import ShellyRpc
from agent.adapters.shelly.messages import (
    DEVICE_INFO,
    DEVICE_STATUS,
    Call,
    DeviceInfo,
    DeviceStatus,
    Reply,
    ShellyMalformed,
    TemperatureStatus,
    mac_of,
    meter_status,
    read_device_info,
    read_meter,
    read_status,
    read_switch,
    read_temperature,
    sensor_number,
    switch_set,
    switch_status,
    temperature_status,
)
from agent.adapters.shelly.starting import start_off
from agent.domain.device import Ability, Adoption, Name, Protocol, Reading, Sighting
from agent.errors import BrokerUnreachable, DeviceMalformed, DeviceRefused, SettingsInvalid
from agent.ports import Clock, Device
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.profiles.rating import plausible_power_w
from agent.switching.certain import CertainRelay

_MOST_DEVICES = 256
"""More devices than any home has; what else says that it is online is not remembered."""
_LONGEST_PREFIX = 300


class Gen2Switch:
    """One relay."""

    ends_itself = True

    def __init__(self, station: Gen2Station, name: Name, channel: int) -> None:
        self._station = station
        self._name = name
        self._channel = channel
        self.on_report: Callable[[bool], None] | None = None
        station.reporters.setdefault(channel, []).append(self._report)

    @property
    def away(self) -> str:
        """What its last will says."""
        return "its last will says that it is offline" if self._station.online is False else ""

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:
        """Switch, and wait for the answer to this very order. Raises DeviceUnreachable, DeviceRefused."""
        await self._station.call(self._name, switch_set(self._channel, on=on, ends_after_s=ends_after_s))

    async def ask(self) -> bool:
        """Ask the device. Raises DeviceUnreachable, DeviceRefused, DeviceMalformed."""
        result = await self._station.call(self._name, switch_status(self._channel))
        try:
            return read_switch(result).on
        except ShellyMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error

    async def start_off(self) -> bool:
        """Set `initial_state` to off unless it is so. Raises DeviceUnreachable, DeviceRefused, DeviceMalformed."""
        try:
            return await start_off(lambda call: self._station.call(self._name, call), self._channel)
        except ShellyMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error

    def _report(self, on: bool) -> None:  # noqa: FBT001 - a relay reports one thing
        if self.on_report is not None:
            self.on_report(on)


class Gen2Meter:
    """The meter behind one relay, or one that has no relay."""

    def __init__(
        self, station: Gen2Station, clock: Clock, name: Name, deadline_s: float, *, channel: int, behind_relay: bool
    ) -> None:
        self._station = station
        self._clock = clock
        self._name = name
        self._deadline_s = deadline_s
        self._call = switch_status(channel) if behind_relay else meter_status(channel)
        self._read = read_switch if behind_relay else read_meter
        self.max_power_w: float | None = None
        """What its relay carries, if that is known."""

    async def read(self) -> Reading:
        """Ask for power (W) and the device's counter (Wh). Raises DeviceUnreachable, DeviceRefused, DeviceMalformed."""
        result = await self._station.measured(self._name, self._call, self._deadline_s)
        try:
            measured = self._read(result)
            power_w, energy_wh = measured.power_w, measured.energy_wh
        except ShellyMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error
        if power_w is None:
            raise DeviceMalformed(self._name, "reports no power")
        power_w = plausible_power_w(self._name, power_w, self.max_power_w)
        return Reading(device=self._name, at=self._clock.now(), power_w=power_w, energy_wh=energy_wh)


class Gen2Thermometer:
    """One temperature sensor, such as a DS18B20 of the Add-on."""

    def __init__(
        self, station: Gen2Station, clock: Clock, name: Name, deadline_s: float, *, sensor: str | None
    ) -> None:
        self._station = station
        self._clock = clock
        self._name = name
        self._deadline_s = deadline_s
        self._sensor = sensor

    async def read(self) -> Reading:
        """Ask for the temperature (°C). Raises DeviceUnreachable, DeviceMalformed; DeviceRefused if unclear which."""
        try:
            celsius = (await self._asked()).celsius
        except ShellyMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error
        if celsius is None:
            raise DeviceMalformed(self._name, "its sensor gives no value; look at its wiring")
        try:
            return Reading(device=self._name, at=self._clock.now(), temperature_c=celsius)
        except ValidationError as error:
            raise DeviceMalformed(self._name, "reports a temperature that no home has") from error

    async def _asked(self) -> TemperatureStatus:
        if self._sensor is not None:
            number = sensor_number(self._sensor)
            if number is None:
                raise DeviceRefused(self._name, f"`sensor` is a number such as 100, not {self._sensor!r}")
            call = temperature_status(number)
            return read_temperature(await self._station.measured(self._name, call, self._deadline_s))
        status = read_status(await self._station.measured(self._name, DEVICE_STATUS, self._deadline_s))
        if len(status.temperatures) > 1:
            known = ", ".join(str(number) for number in sorted(status.temperatures))
            raise DeviceRefused(self._name, f"has several thermometers, set `sensor` to one of {known}")
        if not status.temperatures:
            raise ShellyMalformed("reports no temperature")
        (only,) = status.temperatures.values()
        return only


@dataclass
class _Seen:
    """Somebody who says that it is online: perhaps a Shelly."""

    info: DeviceInfo | None = None
    status: DeviceStatus | None = None
    answered: bool = False
    """In the present scan."""
    asked: int = 0
    """The number of the last request to it, the only one whose answer is waited for."""


class ShellyGen2Network:
    """All Shelly devices of generation 2 and later on one broker."""

    def __init__(self, broker: Broker, clock: Clock, profiles: Profiles) -> None:
        self._broker = broker
        self._clock = clock
        self._profiles = profiles
        self._rpc = ShellyRpc(broker)
        self._by_mac: dict[str, Gen2Station] = {}
        self._by_prefix: dict[str, Gen2Station] = {}
        """Stations that the settings list by their prefix."""
        self._seen: dict[str, _Seen] = {}
        """By prefix."""
        self._scanning = False
        for level in ("+", "+/+"):  # owners set prefixes such as home/boiler; deeper ones are not found by themselves
            broker.subscribe(f"{level}/online", self._on_online)
            broker.subscribe(f"{level}/announce", self._on_announce)

    async def scan(self, duration_s: float) -> Sequence[Sighting]:
        """Ask who is there, listen for `duration_s` wall seconds, return who was. Raises BrokerUnreachable."""
        await self._broker.wait_connected(duration_s)
        for seen in self._seen.values():
            seen.answered = False
        self._scanning = True
        try:
            self._broker.publish("shellies/command", "announce")
            self._seek()
            await asyncio.sleep(duration_s)
        finally:
            self._scanning = False
        return [self._sighting(seen.info, seen) for _, seen in sorted(self._seen.items()) if seen.info is not None]

    def device(self, adoption: Adoption, ends_after_s: float | None = None) -> Device:
        """A device of the home, by its MAC address or MQTT prefix.

        Raises ProfileInvalid for an unknown profile, SettingsInvalid where the address is neither.
        """
        known, name, clock = self._profiles.named(adoption.profile), adoption.name, self._clock
        station = self._adopt(name, adoption.address)
        deadline_s = known.deadline_s(adoption.deadline_s)
        can, relay, meter, thermometer = known.abilities, None, None, None
        if Ability.RELAY in can:
            relay = CertainRelay(
                Gen2Switch(station, name, adoption.channel),
                clock,
                name,
                deadline_s=deadline_s,
                ends_after_s=ends_after_s,
                turn=station.relay_turn,
            )
        if Ability.METER in can:
            behind_relay = Ability.RELAY in can
            meter = Gen2Meter(station, clock, name, deadline_s, channel=adoption.channel, behind_relay=behind_relay)
            meter.max_power_w = known.max_power_w
        if Ability.THERMOMETER in can:
            thermometer = Gen2Thermometer(station, clock, name, deadline_s, sensor=adoption.sensor)
        return Device(name=name, role=adoption.role, relay=relay, meter=meter, thermometer=thermometer)

    async def wait_located(self, addresses: Iterable[str], timeout_s: float) -> bool:
        """Wait at most `timeout_s` wall seconds until it is known where adopted devices are; return whether it is."""
        try:
            async with asyncio.timeout(timeout_s):
                for address in addresses:
                    await self._adopt(address, address).located.wait()
        except TimeoutError:
            return False
        return True

    def _adopt(self, name: str, address: str) -> Gen2Station:
        mac = mac_of(address)
        if mac is None and not _is_prefix(address):
            raise SettingsInvalid(f"devices.{name}.address: {address!r} is neither a MAC address nor an MQTT prefix")
        stations, key = (self._by_prefix, address) if mac is None else (self._by_mac, mac)
        if key not in stations:
            stations[key] = Gen2Station(self._broker, self._rpc, self._seek)
            if mac is None:
                stations[key].locate(address)
            else:
                self._seek()
        return stations[key]

    def _seek(self) -> None:
        """Ask all who seem to be there who they are."""
        for prefix in self._seen:
            self._introduce(prefix)

    def _introduce(self, prefix: str) -> None:
        if self._scanning or self._by_mac:
            self._ask(prefix, DEVICE_INFO, self._on_info)

    def _ask(self, prefix: str, call: Call, heard: Callable[[str, Reply], None]) -> None:
        self._rpc.forget(self._seen[prefix].asked)
        with contextlib.suppress(BrokerUnreachable):  # once it is back, they say again that they are online
            self._seen[prefix].asked = self._rpc.send(prefix, call, lambda reply: heard(prefix, reply))

    def _on_online(self, message: Message) -> None:
        prefix = message.topic.removesuffix("/online")
        known = self._seen.get(prefix)
        if message.payload == b"true" and not (message.retained and known is not None and known.info is not None):
            self._remember(prefix)

    def _on_announce(self, message: Message) -> None:
        prefix = message.topic.removesuffix("/announce")
        if b'"gen"' in message.payload and prefix != "shellies":  # generation 1, and the topic that all share
            self._remember(prefix)

    def _remember(self, prefix: str) -> None:
        if prefix not in self._seen and len(self._seen) >= _MOST_DEVICES:
            stranger = next((known for known, seen in self._seen.items() if seen.info is None), None)
            if stranger is None:
                raise ShellyMalformed(f"more than {_MOST_DEVICES} devices; {prefix:.60} is not remembered")
            self._forget(stranger)
        self._seen.setdefault(prefix, _Seen())
        self._introduce(prefix)

    def _forget(self, prefix: str) -> None:
        self._rpc.forget(self._seen.pop(prefix).asked)

    def _on_info(self, prefix: str, reply: Reply) -> None:
        seen = self._seen.get(prefix)
        if seen is None or reply.error is not None:
            return
        info = read_device_info(reply.result)
        seen.info, seen.answered = info, True
        for other in [known for known, one in self._seen.items() if one.info is not None and one.info.mac == info.mac]:
            if other != prefix:  # its owner has given it another prefix
                self._forget(other)
        station = self._by_mac.get(info.mac)
        if station is not None:
            station.locate(prefix)
        if self._scanning:
            self._ask(prefix, DEVICE_STATUS, self._on_status)

    def _on_status(self, prefix: str, reply: Reply) -> None:
        seen = self._seen.get(prefix)
        if seen is not None and reply.error is None:
            seen.status = read_status(reply.result)

    def _sighting(self, info: DeviceInfo, seen: _Seen) -> Sighting:
        abilities = frozenset[Ability]() if seen.status is None else seen.status.abilities
        label = printable(info.name or info.id)
        return Sighting(
            protocol=Protocol.MQTT,
            address=info.mac,
            profile=self._profiles.fitting(Protocol.MQTT, Family.SHELLY_GEN2, info.model, abilities),
            label=f"{label} (wants a password)" if info.locked else label,
            model=printable(info.model),
            firmware=printable(info.version),
            reachable=seen.answered,
            abilities=abilities,
        )


def _is_prefix(address: str) -> bool:
    """Whether all topics under it are such as a broker carries."""
    return len(address) <= _LONGEST_PREFIX and is_own_topic(f"{address}/events/rpc")
