"""The physical home: what is heated, by what, how it loses heat, and what people want of it.

The equations are those of the smart-house paper (docs/planning.md); its M·c and R appear here as a heat capacity in
Wh/°C and a heat loss in W/°C, the units in which a homeowner can find them.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import Self

from pydantic import Field, model_validator

from agent.domain.appliance import Appliance
from agent.domain.battery import Battery
from agent.domain.comfort import Away, Band, BandFrom
from agent.domain.device import Name
from agent.domain.generation import Photovoltaics, WindTurbine
from agent.domain.interval import Instant
from agent.domain.local_day import LocalTime
from agent.domain.value import Value

AIR_CONDITIONER: Name = "air_conditioner"
WATER_HEATER: Name = "water_heater"

SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C = 1.163
_COLDEST_C, _WARMEST_C = -25.0, 50.0
"""Outdoors, by which a parameter is judged that no weather could save."""
_QUICKEST_H = 0.5
"""No room loses its heat in less; a tent would."""


class Room(Value):
    """The air-conditioned part of the home as one heat store."""

    heat_capacity_wh_per_c: float = Field(gt=0)
    heat_loss_w_per_c: float = Field(gt=0)
    comfort: Band
    schedule: tuple[BandFrom, ...] = ()
    """Other bands from certain times of the day on; the last one holds until the next."""
    solar_aperture_m2: float = Field(default=0.0, ge=0)
    """Heat that the sun brings in through the windows: this area times the irradiance."""
    internal_gain_w: float = Field(default=0.0, ge=0)
    """Heat that people and appliances give off."""

    @model_validator(mode="after")
    def _is_for_people(self) -> Self:
        for band in (self.comfort, *(entry.band for entry in self.schedule)):
            if band.high_c > _WARMEST_C:
                raise ValueError(f"high_c {band.high_c} is no temperature for a room: give degrees Celsius")
        hours = self.heat_capacity_wh_per_c / self.heat_loss_w_per_c
        if hours < _QUICKEST_H:
            raise ValueError(
                f"heat_capacity_wh_per_c {self.heat_capacity_wh_per_c} is lost within {60 * hours:.0f} minutes at "
                f"heat_loss_w_per_c {self.heat_loss_w_per_c}: no room is so light; give Wh, not kWh"
            )
        return self


class AirConditionerMode(StrEnum):
    """Which way the air conditioner moves heat."""

    HEAT = "heat"
    COOL = "cool"


class Aim(Value):
    """What an air conditioner is to do while it is on."""

    mode: AirConditionerMode
    setpoint_c: float
    """Where its own thermostat is to stop it, °C: it is what holds the room if nobody switches it off any more."""


class CopAt(Value):
    """What a unit moves per electricity at one outdoor temperature."""

    outdoor_c: float
    cop: float = Field(gt=0)


class Switched(Value):
    """What all loads have that a relay switches."""

    power_w: float = Field(gt=0)
    thermostat_c: float
    """Where its own thermostat would stand without the hub."""
    min_on_s: int = Field(default=300, ge=0, le=14_400)
    min_off_s: int = Field(default=300, ge=0, le=14_400)
    max_starts_per_day: int | None = Field(default=None, ge=1)
    """How often it may be switched on between one midnight and the next; None if that does not matter."""
    start_price_try: float = Field(default=0.0, ge=0)
    """What each switching on counts: wear of the relay and the compressor."""
    must_end: bool = False
    """Whether it must go off by itself if the hub is gone: then its relay must be able to."""


class Cooling(Value):
    """What holds in the warm season, for a unit that heats in the cold one."""

    above_outdoor_c: float = 22.0
    """It cools while the mean outdoor temperature of the day ahead is above this."""
    cop: float = Field(gt=0)
    cop_at: tuple[CopAt, ...] = ()
    thermostat_c: float
    comfort: Band
    schedule: tuple[BandFrom, ...] = ()


class AirConditioner(Switched):
    """A unit that is either off or draws `power_w`, moving `power_w × cop` of heat into or out of the room."""

    cop: float = Field(gt=0)
    cop_at: tuple[CopAt, ...] = ()
    """How the heat moved depends on the outdoor temperature, straight in between; without it, `cop` always holds."""
    mode: AirConditionerMode
    min_on_s: int = Field(default=900, ge=0, le=14_400)
    min_off_s: int = Field(default=900, ge=0, le=14_400)
    cooling: Cooling | None = None
    """With it the season chooses whether the unit heats or cools; without it `mode` is the owner's choice."""

    @model_validator(mode="after")
    def _mode_leaves_the_choice(self) -> Self:
        if self.cooling is not None and self.mode is not AirConditionerMode.HEAT:
            raise ValueError('mode must be "heat" where cooling is given: the season changes it')
        return self

    @model_validator(mode="after")
    def _cops_are_in_order(self) -> Self:
        outdoor_c = [entry.outdoor_c for entry in self.cop_at]
        if outdoor_c != sorted(set(outdoor_c)):
            raise ValueError("cop_at must go from the coldest outdoor_c to the warmest, each once")
        return self


class HotWaterUse(Value):
    """Hot water that is drawn every day at the same local time."""

    at: LocalTime
    duration_s: int = Field(gt=0, le=14_400)
    flow_kg_per_min: float = Field(gt=0)


class Legionella(Value):
    """Hot enough for long enough, often enough: DVGW W 551 asks 60 °C in the whole tank."""

    temperature_c: float = Field(default=60.0, ge=55, le=80)
    hold_s: int = Field(default=1800, ge=300, le=7200)
    every_days: int = Field(default=7, ge=1, le=60)
    """Where nobody knows when it was last, it is due within a day, and not later than a plan has announced."""


class Tank(Value):
    """A hot-water tank, well mixed."""

    water_kg: float = Field(gt=0)
    heat_loss_w_per_c: float = Field(ge=0)
    ambient_c: float | None = None
    """Temperature around the tank; None if it stands outdoors."""
    cold_water_c: float
    comfort: Band
    """`low_c` is the coldest shower, `high_c` the warmest that the plan may reach."""
    schedule: tuple[BandFrom, ...] = ()
    """Other bands from certain times of the day on, for example 42 °C only when people shower."""
    safety_limit_c: float = Field(default=65.0, le=90)
    """Measured above this the heater goes off, whatever the plan says."""
    uses: tuple[HotWaterUse, ...] = ()
    legionella: Legionella | None = None
    """Asked only where a rod or the sun can reach it."""

    @model_validator(mode="after")
    def _limit_is_above_comfort(self) -> Self:
        for band in (self.comfort, *(entry.band for entry in self.schedule)):
            if self.safety_limit_c < band.high_c:
                raise ValueError(
                    f"safety_limit_c {self.safety_limit_c} is below the comfort band's high_c {band.high_c}"
                )
        if self.cold_water_c >= self.comfort.low_c:
            raise ValueError(f"cold_water_c {self.cold_water_c} is not below comfort.low_c {self.comfort.low_c}")
        if self.legionella is not None and self.legionella.temperature_c >= self.comfort.high_c:
            raise ValueError(
                f"legionella.temperature_c {self.legionella.temperature_c} cannot be reached: it is not below "
                f"comfort.high_c {self.comfort.high_c}"
            )
        return self


class WaterHeater(Switched):
    """An electric rod in the tank; all of its power becomes heat."""

    must_end: bool = True


class Collector(Value):
    """A solar collector that feeds the tank: A_c·F_r·max(0, S - U_L·(T_w - T_out)), Kalogirou 2009 eq. 3.76.

    A data sheet by ISO 9806 gives an efficiency curve η0 - a1·ΔT/S - a2·ΔT²/S: then F_r is η0 and U_L is a1/η0, and
    `heat_loss_w_per_m2_c2` is a2/η0.
    """

    area_m2: float = Field(gt=0)
    heat_removal_factor: float = Field(gt=0, le=1)
    heat_loss_w_per_m2_c: float = Field(ge=0)
    heat_loss_w_per_m2_c2: float = Field(default=0.0, ge=0)
    """How the loss grows with the difference of temperatures."""
    stops_at_c: float | None = None
    """The pump stands still once the tank is so warm, and the collector stagnates; None if nothing stops it."""


class BaseLoadFrom(Value):
    """From this local time on, the home draws `power_w` besides what the hub switches."""

    at: LocalTime
    power_w: float = Field(ge=0)


class House(Value):
    """Everything the planner must know of a home. A load is absent where its parts are None."""

    room: Room | None = None
    air_conditioner: AirConditioner | None = None
    tank: Tank | None = None
    water_heater: WaterHeater | None = None
    collector: Collector | None = None
    appliances: tuple[Appliance, ...] = ()
    battery: Battery | None = None
    photovoltaics: Photovoltaics | None = None
    wind_turbine: WindTurbine | None = None
    away: tuple[Away, ...] = ()
    """When nobody is at home."""
    base_load: tuple[BaseLoadFrom, ...] = ()
    power_limit_w: float | None = Field(default=None, gt=0)
    """The most that the home may draw in all; None if nothing but the main fuse limits it."""
    export_limit_w: float | None = Field(default=None, ge=0)
    """The most that the home may feed in; what own generation has more is throttled."""

    @model_validator(mode="after")
    def _parts_belong_together(self) -> Self:
        pairs = (
            ("air_conditioner", self.air_conditioner, "room", self.room),
            ("water_heater", self.water_heater, "tank", self.tank),
            ("collector", self.collector, "tank", self.tank),
        )
        for part, value, needed, other in pairs:
            if value is not None and other is None:
                raise ValueError(f"{part} is given, but {needed} is not: add [house.{needed}]")
        if self.air_conditioner is None and self.water_heater is None and not self.appliances and self.battery is None:
            raise ValueError(
                "nothing to plan: give air_conditioner (with room), water_heater (with tank), appliances or a battery"
            )
        names = [AIR_CONDITIONER, WATER_HEATER, *(appliance.name for appliance in self.appliances)]
        if len(names) != len(set(names)):
            raise ValueError(f"two loads have the same name: {', '.join(sorted(names))}")
        times = [entry.at for entry in self.base_load]
        if times != sorted(set(times)):
            raise ValueError("base_load must be in the order of the day, each time once")
        return self

    @model_validator(mode="after")
    def _room_can_be_kept(self) -> Self:
        room, unit = self.room, self.air_conditioner
        if room is None or unit is None:
            return self
        band, cops = room.comfort, [entry.cop for entry in unit.cop_at] or [unit.cop]
        if unit.mode is AirConditionerMode.COOL:
            if unit.thermostat_c > band.high_c:
                raise ValueError(_too_weak_a_wish("air_conditioner", unit, "above room.comfort.high_c", band.high_c))
            lost_w = room.heat_loss_w_per_c * (_WARMEST_C - band.low_c)
        else:
            if unit.thermostat_c < band.low_c:
                raise ValueError(_too_weak_a_wish("air_conditioner", unit, "below room.comfort.low_c", band.low_c))
            lost_w = room.heat_loss_w_per_c * (band.high_c - _COLDEST_C)
        moved_c = (unit.power_w * min(cops) - lost_w) * unit.min_on_s / 3600 / room.heat_capacity_wh_per_c
        if moved_c > band.high_c - band.low_c:
            raise ValueError(_too_long_a_run("air_conditioner", unit, "room", moved_c, band))
        return self

    @model_validator(mode="after")
    def _tank_can_be_kept(self) -> Self:
        tank, rod, collector = self.tank, self.water_heater, self.collector
        if tank is None:
            return self
        for away in self.away:
            if away.tank_low_c >= tank.comfort.high_c:
                raise ValueError(
                    f"away.tank_low_c {away.tank_low_c} is not below tank.comfort.high_c {tank.comfort.high_c}: "
                    "lower it"
                )
        if rod is not None:
            _check_rod(tank, rod, by_itself=collector is None)
        return self

    def in_season(self, outdoor_c: float) -> House:
        """The house as it is at this mean outdoor temperature of the day ahead: its unit either heats or cools."""
        room, unit = self.room, self.air_conditioner
        if room is None or unit is None or unit.cooling is None:
            return self
        warm = unit.cooling if outdoor_c > unit.cooling.above_outdoor_c else None
        update: dict[str, object] = {"cooling": None}
        if warm is not None:
            update |= {
                "mode": AirConditionerMode.COOL,
                "cop": warm.cop,
                "cop_at": warm.cop_at,
                "thermostat_c": warm.thermostat_c,
            }
            room = room.model_copy(update={"comfort": warm.comfort, "schedule": warm.schedule})
        return self.model_copy(update={"room": room, "air_conditioner": unit.model_copy(update=update)})

    @property
    def loads(self) -> tuple[Name, ...]:
        """Names of the loads that the hub switches."""
        present = ((AIR_CONDITIONER, self.air_conditioner), (WATER_HEATER, self.water_heater))
        return tuple(name for name, load in present if load is not None)

    def load(self, name: Name) -> AirConditioner | WaterHeater:
        """The load of that name. Raises KeyError if the house has none."""
        load = {AIR_CONDITIONER: self.air_conditioner, WATER_HEATER: self.water_heater}.get(name)
        if load is None:
            raise KeyError(name)
        return load


def _check_rod(tank: Tank, rod: WaterHeater, *, by_itself: bool) -> None:
    """Raises ValueError where a rod cannot do what is asked of it, whatever the weather."""
    band = tank.comfort
    if rod.thermostat_c < band.low_c:
        raise ValueError(_too_weak_a_wish("water_heater", rod, "below tank.comfort.low_c", band.low_c))
    if rod.thermostat_c > tank.safety_limit_c:
        raise ValueError(
            f"water_heater.thermostat_c {rod.thermostat_c} is above tank.safety_limit_c {tank.safety_limit_c}, "
            "where the heater goes off: lower thermostat_c"
        )
    around_c = _WARMEST_C if tank.ambient_c is None else tank.ambient_c
    hottest_c = inf if tank.heat_loss_w_per_c == 0 else around_c + rod.power_w / tank.heat_loss_w_per_c
    asked = [("comfort.low_c", band.low_c)]
    asked += [] if tank.legionella is None else [("legionella.temperature_c", tank.legionella.temperature_c)]
    for name, at_c in asked:
        if by_itself and at_c >= hottest_c:
            raise ValueError(
                f"tank.{name} {at_c} cannot be reached: with water_heater.power_w {rod.power_w} and "
                f"tank.heat_loss_w_per_c {tank.heat_loss_w_per_c} the tank gets {hottest_c:.0f} °C at most; "
                "correct one of them"
            )
    capacity_wh_per_c = tank.water_kg * SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C
    lost_w = tank.heat_loss_w_per_c * (band.high_c - (_COLDEST_C if tank.ambient_c is None else tank.ambient_c))
    moved_c = (rod.power_w - lost_w) * rod.min_on_s / 3600 / capacity_wh_per_c
    if moved_c > band.high_c - band.low_c:
        raise ValueError(_too_long_a_run("water_heater", rod, "tank", moved_c, band))


def _too_weak_a_wish(name: Name, unit: Switched, beyond: str, limit_c: float) -> str:
    return (
        f"{name}.thermostat_c {unit.thermostat_c} is {beyond} {limit_c}: where its own thermostat stands there is no "
        "comfort; correct one of them"
    )


def _too_long_a_run(name: Name, unit: Switched, part: str, moved_c: float, band: Band) -> str:
    return (
        f"{name}.min_on_s {unit.min_on_s} moves the {part} by {moved_c:.1f} °C or more, but its comfort band is only "
        f"{band.high_c - band.low_c:.1f} °C wide: it could never run; lower min_on_s, widen the band, or correct "
        "the heat capacity"
    )


class LoadState(Value):
    """Whether a load runs, and since when it has not been switched; None if that was never seen."""

    on: bool
    since: Instant | None = None
    starts_today: int = Field(default=0, ge=0)
    """How often it has been switched on since midnight."""


class HouseState(Value):
    """The home at one moment, measured where a thermometer answers, else estimated."""

    at: Instant
    room_temperature_c: float | None = None
    tank_temperature_c: float | None = None
    estimated: frozenset[str] = frozenset()
    """Names of the fields above that no thermometer gave."""
    battery_wh: float | None = Field(default=None, ge=0)
    month_peak_w: float = Field(default=0.0, ge=0)
    """The highest mean power of this month so far, by which a demand charge goes."""
    hygienic_at: Instant | None = None
    """When the tank was last hot for long enough; None if that was never seen."""
    loads: dict[Name, LoadState] = Field(default_factory=dict)
