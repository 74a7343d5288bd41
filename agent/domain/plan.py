"""The question that is put to the planner, and its answer."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from agent.domain.device import Name
from agent.domain.house import House, HouseState
from agent.domain.interval import Instant, Interval, Series
from agent.domain.value import Value


class Fallback(StrEnum):
    """Something that the plan had to do without; each is shown to the owner."""

    PRICES_INTERIM = "prices_interim"
    PRICES_ESTIMATED = "prices_estimated"
    WEATHER_LAST_GOOD = "weather_last_good"
    WEATHER_CLIMATE = "weather_climate"
    TEMPERATURE_ESTIMATED = "temperature_estimated"
    COMFORT_RELAXED = "comfort_relaxed"
    """No schedule keeps the comfort band from the present state; the plan comes as close as can be."""
    PLANNER_INFEASIBLE = "planner_infeasible"
    PLANNER_LATE = "planner_late"
    PLANNER_FAILED = "planner_failed"


class Solver(StrEnum):
    """How plans are sought."""

    DP = "dp"
    """Dynamic programming for each load; the exact program only where a power limit ties loads together."""
    MILP = "milp"
    """The exact mixed-integer program alone."""


class Problem(Value):
    """All that decides a plan: a pure function of this value gives it."""

    horizon: Interval
    step_s: int = Field(default=300, gt=0)
    house: House
    state: HouseState
    price_try_per_kwh: Series
    """On the bill, over the whole horizon."""
    outdoor_temperature_c: Series
    irradiance_w_m2: Series
    base_load_w: Series
    hot_water_kg_per_s: Series
    """Water drawn from the tank; where the series has a gap nothing is drawn."""
    time_limit_s: float = Field(default=20.0, gt=0)
    solver: Solver = Solver.DP
    fallbacks: frozenset[Fallback] = frozenset()

    @model_validator(mode="after")
    def _is_covered(self) -> Self:
        for name in ("price_try_per_kwh", "outdoor_temperature_c", "irradiance_w_m2", "base_load_w"):
            if not getattr(self, name).covers(self.horizon):
                raise ValueError(f"{name} does not cover the horizon {self.horizon.start} to {self.horizon.end}")
        if self.house.room is not None and self.state.room_temperature_c is None:
            raise ValueError("state.room_temperature_c is missing")
        if self.house.tank is not None and self.state.tank_temperature_c is None:
            raise ValueError("state.tank_temperature_c is missing")
        return self


class Method(StrEnum):
    """Who made a plan."""

    DYNAMIC_PROGRAMMING = "dynamic_programming"
    MILP = "milp"
    THERMOSTAT = "thermostat"


class ProofStatus(StrEnum):
    """What is known about a plan's bill."""

    OPTIMAL = "optimal"
    """No schedule on this grid costs less, within the gap given, which is at most 0.1 %."""
    BOUNDED = "bounded"
    """The best found when time was up; the bound tells how much may be missing."""
    UNPROVEN = "unproven"
    """Nothing is known: a rule made it, or the solver gave no bound."""


class Proof(Value):
    """How good a plan is. Costs in TRY over the horizon; *movable* means the cost of the switched loads alone."""

    status: ProofStatus
    bill_try: float
    movable_try: float
    movable_bound_try: float | None = None
    """No schedule that the problem allows has a lower movable cost."""
    thermostat_movable_try: float
    """What the thermostat rule would pay on the same forecast."""
    solve_s: float = Field(default=0.0, ge=0)

    @property
    def gap_movable(self) -> float | None:
        """(cost - bound) / |cost| of the movable part; None without a bound."""
        if self.movable_bound_try is None:
            return None
        missing = max(0.0, self.movable_try - self.movable_bound_try)
        if missing < 1e-9:
            return 0.0
        return missing / max(abs(self.movable_try), 1e-9)


class LoadPlan(Value):
    """When one load is on."""

    load: Name
    power_w: float
    on: tuple[Interval, ...]
    """Blocks in the order of time; between them the load is off."""

    def is_on(self, moment: datetime) -> bool:
        """Whether the plan has the load on at a moment."""
        return any(moment in block for block in self.on)


class Plan(Value):
    """What the hub means to do over a horizon, what it expects, and how good that is."""

    plan_id: str
    made_at: Instant
    horizon: Interval
    step_s: int
    method: Method
    loads: tuple[LoadPlan, ...]
    room_temperature_c: Series | None = None
    """Predicted at the end of each step."""
    tank_temperature_c: Series | None = None
    """Predicted at the end of each step."""
    price_try_per_kwh: Series
    proof: Proof
    fallbacks: frozenset[Fallback] = frozenset()

    def load(self, name: Name) -> LoadPlan | None:
        """The plan of one load, None if it has none."""
        return next((plan for plan in self.loads if plan.load == name), None)
