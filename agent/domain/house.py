"""The physical home: what is heated, by what, how it loses heat, and what people want of it.

The equations are those of the smart-house paper (docs/planning.md); its M·c and R appear here as a heat capacity in
Wh/°C and a heat loss in W/°C, the units in which a homeowner can find them.
"""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from agent.domain.appliance import Appliance
from agent.domain.battery import Battery
from agent.domain.comfort import Away, Band, BandFrom
from agent.domain.device import Name
from agent.domain.generation import Photovoltaics, WindTurbine
from agent.domain.interval import Instant
from agent.domain.value import Value

AIR_CONDITIONER: Name = "air_conditioner"
WATER_HEATER: Name = "water_heater"

SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C = 1.163


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


class AirConditionerMode(StrEnum):
    """Which way the air conditioner moves heat."""

    HEAT = "heat"
    COOL = "cool"


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


class AirConditioner(Switched):
    """A unit that is either off or draws `power_w`, moving `power_w × cop` of heat into or out of the room."""

    cop: float = Field(gt=0)
    cop_at: tuple[CopAt, ...] = ()
    """How the heat moved depends on the outdoor temperature, straight in between; without it, `cop` always holds."""
    mode: AirConditionerMode
    min_on_s: int = Field(default=900, ge=0, le=14_400)
    min_off_s: int = Field(default=900, ge=0, le=14_400)

    @model_validator(mode="after")
    def _cops_are_in_order(self) -> Self:
        outdoor_c = [entry.outdoor_c for entry in self.cop_at]
        if outdoor_c != sorted(set(outdoor_c)):
            raise ValueError("cop_at must go from the coldest outdoor_c to the warmest, each once")
        return self


class HotWaterUse(Value):
    """Hot water that is drawn every day at the same local time."""

    at: time
    duration_s: int = Field(gt=0)
    flow_kg_per_min: float = Field(gt=0)


class Legionella(Value):
    """Hot enough for long enough, often enough: DVGW W 551 asks 60 °C in the whole tank."""

    temperature_c: float = Field(default=60.0, ge=55, le=80)
    hold_s: int = Field(default=1800, ge=300, le=7200)
    every_days: int = Field(default=7, ge=1, le=60)


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

    at: time
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
