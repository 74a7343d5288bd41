"""What a device of Home Assistant's discovery can do for the hub: one switch, its meter, one temperature sensor."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import ValidationError

from agent.adapters.mqtt.home_assistant_messages import Component, parts_of
from agent.adapters.mqtt.home_assistant_station import Heard, Station
from agent.adapters.mqtt.home_assistant_template import HomeAssistantMalformed
from agent.domain.device import Name, Reading
from agent.domain.printable import printable
from agent.errors import BrokerUnreachable, DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.profiles.rating import plausible_power_w

T = TypeVar("T")


class HomeAssistantSwitch:
    """One switch of a device."""

    ends_itself = False

    def __init__(self, station: Station, name: Name, address: str, channel: int) -> None:
        self._station = station
        self._name = name
        self._device, self._object_id = parts_of(address)
        self._channel = channel
        self.on_report: Callable[[bool], None] | None = None
        station.on_relay(self._report)

    @property
    def asked_often(self) -> bool:
        """Whether its node answers pings; of others only their next word by themselves tells."""
        return self._station.answers_pings

    @property
    def returns(self) -> int:
        """How often it has said that it is back."""
        return self._station.returns

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
        station, switches = self._station, self._station.switches
        if station.rivals:
            raise DeviceRefused(self._name, f"another device says that it is this one, on {', '.join(station.rivals)}")
        meant = [part for part in switches if part.object_id == (self._object_id or station.only_switch)]
        if len(meant) == 1 and self._channel == 1 and (self._object_id or len(switches) == 1):
            return meant[0]
        if not switches and not station.refused:
            raise DeviceUnreachable(self._name, station.unseen("has not announced a switch on the broker"))
        raise DeviceRefused(self._name, self._unclear(switches))

    def _unclear(self, switches: Sequence[Component]) -> str:
        why = f"; {self._station.refused}" if self._station.refused else ""
        if len(switches) == 1 and self._channel == 1:
            (other,) = switches
            return f"announces another switch now: adopt it anew as {self._device}/{other.object_id}{why}"
        known = printable(", ".join(part.object_id for part in switches), 300) or "none"
        return f"write the switch that is meant behind its address; there is {known}{why}"

    def _report(self, component: Component, on: bool) -> None:  # noqa: FBT001 - a relay reports one thing
        alone = len(self._station.switches) == 1 and component.object_id == self._station.only_switch
        meant = component.object_id == self._object_id or (alone and not self._object_id)
        if self.on_report is not None and meant and not self._station.rivals:
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


def _only(station: Station, name: Name, kind: str, sensor: str | None) -> Component:
    """The one sensor that measures this. Raises DeviceUnreachable, DeviceRefused if there are several or none."""
    parts = [part for part in station.components if part.measures == kind]
    chosen = [part for part in parts if sensor is None or sensor in (part.object_id, part.name)]
    if len(chosen) == 1:
        return chosen[0]
    if not parts and not station.refused:
        raise DeviceUnreachable(name, station.unseen(f"has not announced a sensor of {kind} on the broker"))
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
