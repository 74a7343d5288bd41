"""The question that is put to the planner."""

from __future__ import annotations

from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from agent.domain.appliance import Run
from agent.domain.house import House, HouseState
from agent.domain.interval import Interval, Series
from agent.domain.plan import Fallback, Plan
from agent.domain.tariff import DemandCharge
from agent.domain.value import Value


class Solver(StrEnum):
    """How plans are sought."""

    DP = "dp"
    """Dynamic programming for each load, and a master problem where something ties loads together."""
    MILP = "milp"
    """The exact mixed-integer program alone, by HiGHS."""
    CBC = "cbc"
    """The same program by CBC."""


class EndRule(StrEnum):
    """What becomes of heat and charge at the end of the horizon."""

    VALUED = "valued"
    """They are worth what the cheaper hours of the last day would ask for them."""
    RESTORED = "restored"
    """There must be as much of them as at the start, as far as that can be."""


class Wanted(Value):
    """Comfort limits that change over the horizon, °C."""

    low_c: Series
    high_c: Series


class Problem(Value):
    """All that decides a plan: a pure function of this value gives it."""

    horizon: Interval
    step_s: int = Field(default=300, gt=0)
    time_zone: str = "Europe/Istanbul"
    """By which days and their starts are counted."""
    house: House
    state: HouseState
    price_try_per_kwh: Series
    """Of what is bought, on the bill, over the whole horizon."""
    export_try_per_kwh: Series | None = None
    """Paid for what is fed in; None if nothing is."""
    demand: DemandCharge | None = None
    outdoor_temperature_c: Series
    irradiance_w_m2: Series
    base_load_w: Series
    generation_w: Series | None = None
    feeder_limit_w: Series | None = None
    """What the transformer leaves to this home, in either direction; None if it leaves all."""
    hot_water_kg_per_s: Series
    """Water drawn from the tank; where the series has a gap nothing is drawn."""
    room_wanted: Wanted | None = None
    """None: the room's comfort band throughout."""
    tank_wanted: Wanted | None = None
    runs: tuple[Run, ...] = ()
    """Of appliances."""
    announced: Plan | None = None
    """The plan in force: of plans that cost the same the nearest to it wins."""
    end: EndRule = EndRule.VALUED
    time_limit_s: float = Field(default=20.0, gt=0)
    solver: Solver = Solver.DP
    fallbacks: frozenset[Fallback] = frozenset()

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the home."""
        return ZoneInfo(self.time_zone)

    @model_validator(mode="after")
    def _is_covered(self) -> Self:
        required = ("price_try_per_kwh", "outdoor_temperature_c", "irradiance_w_m2", "base_load_w")
        optional = ("export_try_per_kwh", "generation_w", "feeder_limit_w")
        wanted = {
            f"{part}.{side}": getattr(limits, side)
            for part, limits in (("room_wanted", self.room_wanted), ("tank_wanted", self.tank_wanted))
            if limits is not None
            for side in ("low_c", "high_c")
        }
        series = {name: getattr(self, name) for name in (*required, *optional)} | wanted
        for name, values in series.items():
            if values is not None and not values.covers(self.horizon):
                raise ValueError(f"{name} does not cover the horizon {self.horizon.start} to {self.horizon.end}")
        if self.house.room is not None and self.state.room_temperature_c is None:
            raise ValueError("state.room_temperature_c is missing")
        if self.house.tank is not None and self.state.tank_temperature_c is None:
            raise ValueError("state.tank_temperature_c is missing")
        if self.house.battery is not None and self.state.battery_wh is None:
            raise ValueError("state.battery_wh is missing")
        return self
