"""Plugs and thermometers on ZigBee: devices around a circuit of the physical house, on domain time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulators.circuit import Circuit, Now
from simulators.zigbee import zcl
from simulators.zigbee.device import (
    ELECTRICAL,
    GROUPS,
    METERING,
    ON_OFF,
    POWER,
    TEMPERATURE,
    Application,
    Attribute,
    Model,
    ZigbeeDevice,
    basic,
)
from simulators.zigbee.mt import Reader
from simulators.zigbee.stick import Stick
from simulators.zigbee.zcl import Frame, Value

OFF_AT_START, ON_AT_START, TOGGLED_AT_START, AS_BEFORE = 0x00, 0x01, 0x02, 0xFF
_COUNTER_WH = 12_345.0
"""What a used device has counted before."""
_SMART_PLUG, _TEMPERATURE_SENSOR = 0x0051, 0x0302
_BROKEN_C = -100.0
_INVALID = -0x8000
_KWH = 0x00

PLUG = Model("Simulated", "ZBPlug-1")
RELAY = Model("Simulated", "ZBRelay-1")
SENSOR = Model("Simulated", "ZBTemp-1", sleeps=True)


@dataclass(frozen=True)
class Scales:
    """How a plug's numbers are meant: what to multiply and divide them by."""

    power_multiplier: int = 1
    power_divisor: int = 10
    energy_multiplier: int = 1
    energy_divisor: int = 1000
    """The counter is in kWh then."""
    electrical: bool = True
    """Whether it has the electrical measurement cluster; else its metering cluster tells the power."""
    tells: bool = True
    """Whether it has the attributes that say so; else only its profile can know."""


class ZigbeePlug(ZigbeeDevice):
    """A plug with one or several relays, and a meter if it has `scales`."""

    def __init__(
        self,
        stick: Stick,
        ieee: int,
        circuits: Circuit | Sequence[Circuit],
        now: Now,
        *,
        model: Model = PLUG,
        scales: Scales | None = Scales(),
        ends_itself: bool = True,
        starts_as_told: bool = True,
        tick_s: float | None = None,
    ) -> None:
        """`starts_as_told` says whether it has StartUpOnOff, without which it starts as it was.

        `tick_s` is how often what is due is looked at, wall seconds; None: never.
        """
        super().__init__(stick, ieee, model, now)
        self.start_up = AS_BEFORE
        self.start_up_written = 0
        """How often it was told how to start."""
        self.obeyed: list[int] = []
        """The commands to its relays that it has carried out, in order."""
        self._circuits = tuple(circuits) if isinstance(circuits, Sequence) else (circuits,)
        self._scales = scales
        self._states = [False] * len(self._circuits)
        self._ends_at: list[datetime | None] = [None] * len(self._circuits)
        self._counted_at = now()
        self._power_w = 0.0
        self._energy_wh = _COUNTER_WH
        self._tick_s = tick_s
        self._timer: asyncio.TimerHandle | None = None
        for index in range(len(self._circuits)):
            self.applications[index + 1] = self._relay(index, ends_itself=ends_itself)
            if starts_as_told:
                starts = Attribute(zcl.ENUM8, lambda: self.start_up, self._set_start_up)
                self.applications[index + 1].attributes[ON_OFF, 0x4003] = starts
        if scales is not None:
            self._add_meter(self.applications[1], scales)

    # ---- being there

    def unplug(self) -> None:
        """No power, no good-bye."""
        self._count()
        self.stop_ticking()
        super().unplug()
        for circuit in self._circuits:
            circuit.switch(False)  # noqa: FBT003 - a circuit has one switch

    async def plug_in(self) -> None:
        """Put it back: it starts as its StartUpOnOff says."""
        self._counted_at = self._now()
        for index, before in enumerate(tuple(self._states)):
            starts = {OFF_AT_START: False, ON_AT_START: True, TOGGLED_AT_START: not before}
            self._ends_at[index] = None
            self._move(index, on=starts.get(self.start_up, before))
        await super().plug_in()
        self.tick_by_itself()

    def tick_by_itself(self) -> None:
        """Look at what is due, and again after `tick_s`."""
        if self._tick_s is not None:
            self.tick()
            self._timer = asyncio.get_running_loop().call_later(self._tick_s, self.tick_by_itself)

    def stop_ticking(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def tick(self) -> None:
        """Count energy up to now, end what is to end, and report what is due."""
        self._count()
        for index, ends_at in enumerate(self._ends_at):
            if ends_at is not None and self._now() >= ends_at:
                self._ends_at[index] = None
                self._move(index, on=False)
        super().tick()

    def press_button(self, channel: int = 1) -> None:
        """Somebody presses the button on the device."""
        self._move(channel - 1, on=not self._states[channel - 1])
        self.report_due()

    def is_on(self, channel: int = 1) -> bool:
        """Where the relay really is."""
        return self._states[channel - 1]

    def reset_energy(self) -> None:
        """The counter begins anew."""
        self._count()
        self._energy_wh = 0.0

    # ---- relays

    def _relay(self, index: int, *, ends_itself: bool) -> Application:
        application = basic(self.model, _SMART_PLUG)
        application.fixed(GROUPS, 0x0000, zcl.BITMAP8, 0)
        application.commands[GROUPS, 0x02] = lambda frame: self._tell_groups(index, frame)
        application.attributes[ON_OFF, 0x0000] = Attribute(zcl.BOOLEAN, lambda: int(self._states[index]))
        application.attributes[ON_OFF, 0x4001] = Attribute(zcl.UINT16, lambda: self._on_time(index))
        application.commands[ON_OFF, 0x00] = lambda frame: self._order(index, frame, on=False)
        application.commands[ON_OFF, 0x01] = lambda frame: self._order(index, frame, on=True)
        application.commands[ON_OFF, 0x02] = lambda frame: self._order(index, frame, on=not self._states[index])
        if ends_itself:
            application.commands[ON_OFF, 0x42] = lambda frame: self._on_with_timed_off(index, frame)
        return application

    def _set_start_up(self, value: Value) -> None:
        self.start_up = int(value)
        self.start_up_written += 1

    def _on_time(self, index: int) -> int:
        ends_at = self._ends_at[index]
        return 0 if ends_at is None else max(0, int((ends_at - self._now()) / timedelta(seconds=0.1)))

    def _tell_groups(self, index: int, frame: Frame) -> None:
        self.answer(index + 1, GROUPS, frame, 0x02, bytes([8, 0]), own=True)

    def _order(self, index: int, frame: Frame, *, on: bool) -> int:
        self.obeyed.append(frame.command)
        endpoint = index + 1
        if self.faults.old_state_first:
            self.report(endpoint, ON_OFF, 0x0000, int(self._states[index]))
        if self.faults.lie:
            self.report(endpoint, ON_OFF, 0x0000, int(on))
        elif self.faults.stuck:
            self.report(endpoint, ON_OFF, 0x0000, int(self._states[index]))
        else:
            if not on:
                self._ends_at[index] = None
            self._move(index, on=on)
            self.report_due()
        return zcl.SUCCESS

    def _on_with_timed_off(self, index: int, frame: Frame) -> int:
        reader = Reader(frame.payload)
        only_if_on, on_time = reader.number(1) & 1, reader.number(2)
        if only_if_on and not self._states[index]:
            return zcl.SUCCESS
        status = self._order(index, frame, on=True)
        ends_at = self._now() + timedelta(seconds=on_time / 10)
        before = self._ends_at[index]
        self._ends_at[index] = ends_at if before is None else max(before, ends_at)
        return status

    def _move(self, index: int, *, on: bool) -> None:
        self._count()
        self._states[index] = on
        self._circuits[index].switch(on)
        self._power_w = self._circuits[0].power_w()

    # ---- the meter

    def _add_meter(self, application: Application, scales: Scales) -> None:
        attributes = application.attributes
        if scales.electrical:
            attributes[ELECTRICAL, 0x050B] = Attribute(zcl.INT16, self._power)
            if scales.tells:
                application.fixed(ELECTRICAL, 0x0604, zcl.UINT16, scales.power_multiplier)
                attributes[ELECTRICAL, 0x0605] = Attribute(zcl.UINT16, lambda: self._told(scales.power_divisor))
        else:
            attributes[METERING, 0x0400] = Attribute(zcl.INT24, self._demand)
        attributes[METERING, 0x0000] = Attribute(zcl.UINT48, self._energy)
        application.fixed(METERING, 0x0300, zcl.ENUM8, _KWH)
        if scales.tells:
            application.fixed(METERING, 0x0301, zcl.UINT24, scales.energy_multiplier)
            attributes[METERING, 0x0302] = Attribute(zcl.UINT24, lambda: self._told(scales.energy_divisor))

    def _told(self, divisor: int) -> int:
        return 1 if self.faults.wrong_units else divisor

    def _power(self) -> int:
        self._count()
        scales = self._scales or Scales()
        return round(self._power_w * scales.power_divisor / scales.power_multiplier)

    def _demand(self) -> int:
        self._count()
        scales = self._scales or Scales()
        return round(self._power_w / 1000 * scales.energy_divisor / scales.energy_multiplier)

    def _energy(self) -> int:
        self._count()
        scales = self._scales or Scales()
        return int(self._energy_wh / 1000 * scales.energy_divisor / scales.energy_multiplier)

    def _count(self) -> None:
        """Integrate what was drawn since the last look, at the power of that look."""
        now = self._now()
        self._energy_wh += self._power_w * max(0.0, (now - self._counted_at).total_seconds()) / 3600
        self._counted_at = now
        self._power_w = self._circuits[0].power_w()


class ZigbeeThermometer(ZigbeeDevice):
    """A temperature sensor with a battery."""

    def __init__(self, stick: Stick, ieee: int, circuit: Circuit, now: Now, *, model: Model = SENSOR) -> None:
        super().__init__(stick, ieee, model, now)
        self._circuit = circuit
        application = basic(model, _TEMPERATURE_SENSOR)
        application.attributes[TEMPERATURE, 0x0000] = Attribute(zcl.INT16, self._measured)
        application.fixed(POWER, 0x0021, zcl.UINT8, 180)
        self.applications[1] = application

    def press_button(self) -> None:
        """Its button makes it report now."""
        self.report(1, TEMPERATURE, 0x0000, self._measured())

    def reset_energy(self) -> None:
        """It counts none."""

    def _measured(self) -> int:
        celsius = self._circuit.temperature_c()
        if celsius <= _BROKEN_C:
            return _INVALID
        return round((celsius * 1.8 + 32 if self.faults.wrong_units else celsius) * 100)
