"""What the planner answers: when each load is on, how good that is, and why it is so."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from agent.domain.device import Name
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
    APPLIANCE_LATE = "appliance_late"
    """An appliance cannot end in its time any more; it runs as soon as it can."""
    APPLIANCE_LEFT_OUT = "appliance_left_out"
    """There is no power for an appliance within its time: it does not run."""
    HYGIENE_LATE = "hygiene_late"
    """The tank cannot be hot for long enough before it must; it is as soon as it can be."""
    POWER_LIMIT_EXCEEDED = "power_limit_exceeded"
    """What is not switched already draws more than the limit."""
    PLANNER_INFEASIBLE = "planner_infeasible"
    PLANNER_LATE = "planner_late"
    PLANNER_FAILED = "planner_failed"


class Method(StrEnum):
    """Who made a plan."""

    DYNAMIC_PROGRAMMING = "dynamic_programming"
    """Each load by itself, and a master problem where something ties them together."""
    MILP = "milp"
    THERMOSTAT = "thermostat"


class ProofStatus(StrEnum):
    """What is known about a plan's bill."""

    OPTIMAL = "optimal"
    """No schedule on this grid costs less, within the gap given, which is at most 0.1 %."""
    BOUNDED = "bounded"
    """The best found when time was up; the bound tells how much may be missing."""
    UNPROVEN = "unproven"
    """Nothing is known yet: a rule made it, the search was stopped before its first bound, or the solver gave none."""


class Proof(Value):
    """How good a plan is. Costs in TRY over the horizon; *movable* means what the switching changes.

    The planner minimises `objective_try`. What is not on the bill stands by itself, so that no figure is flattered.
    """

    status: ProofStatus
    bill_try: float
    """What is bought, less what is sold, and what the month's peak grows."""
    movable_try: float
    """The part of the bill that there would not be if nothing were switched."""
    wear_try: float = 0.0
    """What the starts and the battery's use cost by their own prices."""
    left_try: float = 0.0
    """What heat and charge at the end are worth more than at the start."""
    movable_bound_try: float | None = None
    """No schedule that the problem allows has a lower `objective_try`."""
    thermostat_movable_try: float
    """What the thermostat rule would pay on the same forecast; the rest of the house as by itself."""
    thermostat_left_try: float = 0.0
    thermostat_wear_try: float = 0.0
    solve_s: float = Field(default=0.0, ge=0)

    @property
    def objective_try(self) -> float:
        """What was minimised: movable cost and wear, less the worth of what is left."""
        return self.movable_try + self.wear_try - self.left_try

    @property
    def gap_movable(self) -> float | None:
        """(objective - bound) / |objective|, with no base load in it; None without a bound."""
        if self.movable_bound_try is None:
            return None
        missing = max(0.0, self.objective_try - self.movable_bound_try)
        if missing < 1e-9:
            return 0.0
        return missing / max(abs(self.objective_try), 1e-9)


class Purpose(StrEnum):
    """Why a load runs when it does."""

    COMFORT = "comfort"
    """Later would break a limit."""
    CHEAP = "cheap"
    """It is needed later, and now it costs less."""
    SURPLUS = "surplus"
    """Own generation would be sold for less or lost."""
    PAID = "paid"
    """The price is negative."""
    HYGIENE = "hygiene"
    """Against legionella."""
    HEAT_LEFT = "heat_left"
    """What is left at the end is worth more than it costs."""
    HELD = "held"
    """It was switched on a short while ago and may not stop yet."""
    ASKED = "asked"
    """Its owner wants this run."""


class Reason(Value):
    """Why a load runs in one block, and what it would cost if it did not."""

    load: Name
    block: Interval
    purpose: Purpose
    price_try_per_kwh: float
    """What a kWh of it costs on average, as the bill counts it."""
    needed_at: Instant | None = None
    """When a limit would be broken first without it; None if none would."""
    otherwise_start: Instant | None = None
    """When the load would start in the best plan without this block; None if never."""
    otherwise_try: float | None = None
    """What that plan costs more; None if there is none that keeps the limits."""


class MissCause(StrEnum):
    """Why comfort is missed."""

    START = "start"
    """It is outside the band already."""
    POWER_LIMIT = "power_limit"
    STARTS_USED_UP = "starts_used_up"
    SUN = "sun"
    """What comes by itself is too much."""
    TOO_WEAK = "too_weak"
    """The load does what it can."""


class ComfortMiss(Value):
    """A time outside the comfort band that no schedule could avoid."""

    part: Name
    """`room` or `tank`."""
    span: Interval
    """Its end is the earliest recovery."""
    recovers: bool
    """Whether it is over within the horizon."""
    degree_hours: float = Field(ge=0)
    worst_c: float
    """The temperature farthest from the band."""
    cause: MissCause


class ChangeCause(StrEnum):
    """What is different from when the last plan was made."""

    PRICES = "prices"
    WEATHER = "weather"
    MEASURED = "measured"
    """Room or tank are not as they were expected."""
    HORIZON = "horizon"
    """More of the future is known."""
    HOUSE = "house"
    """The owner has changed what is wanted, or what there is."""


class Changes(Value):
    """What a plan does otherwise than the one before, and why."""

    since: str
    """The other plan's id."""
    now_on: tuple[tuple[Name, Interval], ...] = ()
    now_off: tuple[tuple[Name, Interval], ...] = ()
    causes: tuple[ChangeCause, ...] = ()
    announced_try: float | None = None
    """What the other plan's schedule would cost more from here on; None if it cannot be kept."""


class LoadPlan(Value):
    """When one load is on."""

    load: Name
    power_w: float
    """While it is on; an appliance's mean."""
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
    battery_w: Series | None = None
    """Into the battery, mean over each step; negative while it gives."""
    battery_wh: Series | None = None
    """Predicted at the end of each step."""
    grid_w: Series | None = None
    """Bought, mean over each step; negative while the home sells."""
    price_try_per_kwh: Series
    outdoor_temperature_c: Series | None = None
    proof: Proof
    reasons: tuple[Reason, ...] = ()
    misses: tuple[ComfortMiss, ...] = ()
    changes: Changes | None = None
    made_for: str = ""
    """A digest of the owner's settings that it was made for; empty where nobody asked."""
    hygienic_at: Instant | None = None
    """When the tank has been hot for long enough for the first time, if the plan brings that."""
    fallbacks: frozenset[Fallback] = frozenset()

    def load(self, name: Name) -> LoadPlan | None:
        """The plan of one load, None if it has none."""
        return next((plan for plan in self.loads if plan.load == name), None)
