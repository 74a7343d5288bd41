"""The physical home: what is heated, by what, how it loses heat, and what people want of it.

The equations are those of the smart-house paper (docs/planning.md); its M·c and R appear here as a heat capacity in
Wh/°C and a heat loss in W/°C, the units in which a homeowner can find them.
"""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from agent.domain.device import Name
from agent.domain.interval import Instant
from agent.domain.value import Value

AIR_CONDITIONER: Name = "air_conditioner"
WATER_HEATER: Name = "water_heater"

SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C = 1.163


class Band(Value):
    """Temperatures between which people are content."""

    low_c: float
    high_c: float

    @model_validator(mode="after")
    def _is_open(self) -> Self:
        if self.low_c >= self.high_c:
            raise ValueError(f"low_c {self.low_c} must be below high_c {self.high_c}")
        return self


class Room(Value):
    """The air-conditioned part of the home as one heat store."""

    heat_capacity_wh_per_c: float = Field(gt=0)
    heat_loss_w_per_c: float = Field(gt=0)
    comfort: Band


class AirConditionerMode(StrEnum):
    """Which way the air conditioner moves heat."""

    HEAT = "heat"
    COOL = "cool"


class AirConditioner(Value):
    """A unit that is either off or draws `power_w`, moving `power_w × cop` of heat into or out of the room."""

    power_w: float = Field(gt=0)
    cop: float = Field(gt=0)
    mode: AirConditionerMode
    thermostat_c: float
    """Where its own thermostat would stand without the hub."""
    min_on_s: int = Field(default=900, ge=0)
    min_off_s: int = Field(default=900, ge=0)


class HotWaterUse(Value):
    """Hot water that is drawn every day at the same local time."""

    at: time
    duration_s: int = Field(gt=0)
    flow_kg_per_min: float = Field(gt=0)


class Tank(Value):
    """A hot-water tank, well mixed."""

    water_kg: float = Field(gt=0)
    heat_loss_w_per_c: float = Field(ge=0)
    ambient_c: float | None = None
    """Temperature around the tank; None if it stands outdoors."""
    cold_water_c: float
    comfort: Band
    """`low_c` is the coldest shower, `high_c` the warmest that the plan may reach."""
    safety_limit_c: float = Field(default=65.0, le=90)
    """Measured above this the heater goes off, whatever the plan says."""
    uses: tuple[HotWaterUse, ...] = ()

    @model_validator(mode="after")
    def _limit_is_above_comfort(self) -> Self:
        if self.safety_limit_c < self.comfort.high_c:
            raise ValueError(f"safety_limit_c {self.safety_limit_c} is below comfort.high_c {self.comfort.high_c}")
        if self.cold_water_c >= self.comfort.low_c:
            raise ValueError(f"cold_water_c {self.cold_water_c} is not below comfort.low_c {self.comfort.low_c}")
        return self


class WaterHeater(Value):
    """An electric rod in the tank; all of its power becomes heat."""

    power_w: float = Field(gt=0)
    thermostat_c: float
    """Where its own thermostat would stand without the hub."""
    min_on_s: int = Field(default=300, ge=0)
    min_off_s: int = Field(default=300, ge=0)


class Collector(Value):
    """A solar collector that feeds the tank: A_c·F_r·max(0, S - U_L·(T_w - T_out)), Kalogirou 2009 eq. 3.76."""

    area_m2: float = Field(gt=0)
    heat_removal_factor: float = Field(gt=0, le=1)
    heat_loss_w_per_m2_c: float = Field(ge=0)


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
    base_load: tuple[BaseLoadFrom, ...] = ()
    power_limit_w: float | None = Field(default=None, gt=0)
    """The most that the home may draw in all; None if nothing but the main fuse limits it."""

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
        if self.air_conditioner is None and self.water_heater is None:
            raise ValueError("nothing to plan: give air_conditioner (with room) or water_heater (with tank)")
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


class HouseState(Value):
    """The home at one moment, measured where a thermometer answers, else estimated."""

    at: Instant
    room_temperature_c: float | None = None
    tank_temperature_c: float | None = None
    estimated: frozenset[str] = frozenset()
    """Names of the fields above that no thermometer gave."""
    loads: dict[Name, LoadState] = Field(default_factory=dict)
