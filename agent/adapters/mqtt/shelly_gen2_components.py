"""What a Shelly of generation 2 or later can do for the hub: one relay, one meter, one temperature sensor of it."""

from math import ceil

from pydantic import ValidationError

from agent.adapters.mqtt.last_will import LastWillSwitch
from agent.adapters.mqtt.shelly_gen2_station import Gen2Station
from agent.adapters.shelly.messages import (
    DEVICE_STATUS,
    Json,
    ShellyMalformed,
    TemperatureStatus,
    meter_status,
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
from agent.domain.device import Name, Reading
from agent.errors import DeviceMalformed, DeviceRefused
from agent.ports import Clock
from agent.profiles.rating import plausible_power_w


class Gen2Switch(LastWillSwitch):
    """One relay."""

    ends_itself = True

    def __init__(self, station: Gen2Station, name: Name, channel: int) -> None:
        super().__init__(station)
        self._station = station
        self._name = name
        self._channel = channel
        station.reporters.setdefault(channel, []).append(self._report)

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:
        """Switch, and wait for the answer to this very order.

        An "on" that is to end is taken back if no timer runs then. Raises DeviceUnreachable, DeviceRefused.
        """
        await self._station.alone(self._name)
        await self._station.call(self._name, switch_set(self._channel, on=on, ends_after_s=ends_after_s))
        if on and ends_after_s is not None:
            status = await self._station.call(self._name, switch_status(self._channel))
            if status.get("output") is True and not _ends(status, ends_after_s):
                await self._station.call(self._name, switch_set(self._channel, on=False))
                raise DeviceRefused(
                    self._name, "cannot end an on by itself: it tells of no timer, and was told off again"
                )

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


def _ends(status: Json, ends_after_s: float) -> bool:
    """Whether a relay's status tells of a timer that ends what was ordered, and when it should."""
    duration_s = status.get("timer_duration")
    return (
        isinstance(duration_s, int | float)
        and not isinstance(duration_s, bool)
        and 0 < duration_s <= ceil(ends_after_s)
    )
