"""The house on the step grid: one exact affine step per heat store, shared by rule, program and prediction.

Room and tank are both a *store*: over step t its temperature goes to

    keep[t]·T + push[t] + max(0, sun[t] - fade[t]·T) + lift[t]·u[t]        (docs/planning.md has the physics)

with u[t] whether the load in it is on. Temperatures are in °C, powers in W, money in TRY.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, inf

from agent.domain.device import Name
from agent.domain.house import (
    AIR_CONDITIONER,
    SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C,
    WATER_HEATER,
    AirConditioner,
    AirConditionerMode,
    Band,
    LoadState,
    WaterHeater,
)
from agent.domain.interval import Interval, Series
from agent.domain.plan import Problem

ROOM = "room"
TANK = "tank"

Schedule = Mapping[Name, Sequence[bool]]
"""For each load, whether it is on in each step."""


@dataclass(frozen=True)
class Store:
    """A body of heat on the step grid; every tuple has one entry per step."""

    name: str
    start_c: float
    comfort: Band
    keep: tuple[float, ...]
    push_c: tuple[float, ...]
    lift_c: tuple[float, ...]
    """What its load adds in one step; negative where it cools."""
    sun_c: tuple[float, ...]
    fade: tuple[float, ...]
    """The collector gives max(0, sun_c - fade·T): its pump stands still where it would lose heat."""

    def after(self, step: int, temperature_c: float, *, on: bool) -> float:
        """The temperature at the end of a step that begins at `temperature_c`."""
        sun_c = max(0.0, self.sun_c[step] - self.fade[step] * temperature_c)
        lift_c = self.lift_c[step] if on else 0.0
        return self.keep[step] * temperature_c + self.push_c[step] + sun_c + lift_c

    def trajectory(self, schedule: Sequence[bool]) -> tuple[float, ...]:
        """Temperatures at the ends of the steps."""
        steps = enumerate(schedule)
        return tuple(
            accumulate(steps, lambda now_c, step: self.after(step[0], now_c, on=step[1]), initial=self.start_c)
        )[1:]


@dataclass(frozen=True)
class Load:
    """What the hub switches, and what binds it on the step grid."""

    name: Name
    store: Store
    power_w: float
    setpoint_c: float
    mode: AirConditionerMode
    min_on: int
    """Steps that a run lasts at least; 1 if nothing is asked."""
    min_off: int
    on_at_start: bool
    held: int
    """In so many first steps it must stay as it is, because it was switched a short while ago."""
    may_run: tuple[bool, ...]
    """Where base load and this load alone stay within the power limit."""
    cost_try: tuple[float, ...]
    """What being on costs in each step."""

    @property
    def cools(self) -> bool:
        """Whether being on makes it colder."""
        return self.mode is AirConditionerMode.COOL

    def is_held(self, step: int) -> bool:
        """Whether a switching before the horizon decides this step."""
        return step < self.held


@dataclass(frozen=True)
class Prediction:
    """What a schedule leads to. Temperatures stand at the ends of the steps, by store."""

    temperatures_c: Mapping[str, tuple[float, ...]]
    energy_wh: Mapping[Name, float]
    movable_try: float
    """What the switched loads cost."""
    bill_try: float
    """What the whole home costs."""


@dataclass(frozen=True)
class Grid:
    """What the world brings in each step."""

    steps: tuple[Interval, ...]
    hours: tuple[float, ...]
    price_try_per_kwh: tuple[float, ...]
    base_w: tuple[float, ...]
    spare_w: tuple[float, ...]
    """Power that the limit leaves to the loads; infinite where there is no limit."""

    @property
    def base_try(self) -> float:
        """What the home costs besides the loads."""
        rows = zip(self.price_try_per_kwh, self.base_w, self.hours, strict=True)
        return sum(price * power_w / 1000 * hours for price, power_w, hours in rows)


@dataclass(frozen=True)
class Model:
    """A problem on its step grid."""

    grid: Grid
    stores: tuple[Store, ...]
    loads: tuple[Load, ...]

    def movable_try(self, schedule: Schedule) -> float:
        """What the switched loads cost under a schedule."""
        return sum(
            cost_try
            for load in self.loads
            for cost_try, on in zip(load.cost_try, schedule[load.name], strict=True)
            if on
        )

    def predict(self, schedule: Schedule) -> Prediction:
        """Simulate a schedule exactly."""
        driven = {load.store.name: schedule[load.name] for load in self.loads}
        idle = (False,) * len(self.grid.steps)
        movable_try = self.movable_try(schedule)
        return Prediction(
            temperatures_c={store.name: store.trajectory(driven.get(store.name, idle)) for store in self.stores},
            energy_wh={
                load.name: load.power_w
                * sum(hours for hours, on in zip(self.grid.hours, schedule[load.name], strict=True) if on)
                for load in self.loads
            },
            movable_try=movable_try,
            bill_try=movable_try + self.grid.base_try,
        )


def predict(problem: Problem, schedule: Schedule) -> Prediction:
    """Simulate a schedule of a problem exactly."""
    return model_of(problem).predict(schedule)


def model_of(problem: Problem) -> Model:
    """Put a problem on its step grid."""
    grid = _grid(problem)
    outdoor_c = _means(problem.outdoor_temperature_c, grid.steps)
    room = _room(problem, grid, outdoor_c)
    tank = _tank(problem, grid, outdoor_c)
    parts = ((AIR_CONDITIONER, room), (WATER_HEATER, tank))
    return Model(
        grid=grid,
        stores=tuple(store for _, store in parts if store is not None),
        loads=tuple(
            _load(problem, grid, name, store)
            for name, store in parts
            if store is not None and name in problem.house.loads
        ),
    )


def _grid(problem: Problem) -> Grid:
    steps = problem.horizon.steps(problem.step_s)
    base_w = _means(problem.base_load_w, steps)
    limit_w = problem.house.power_limit_w
    return Grid(
        steps=steps,
        hours=tuple(step.duration_s / 3600 for step in steps),
        price_try_per_kwh=_means(problem.price_try_per_kwh, steps),
        base_w=base_w,
        spare_w=tuple(inf if limit_w is None else max(0.0, limit_w - power_w) for power_w in base_w),
    )


def _means(series: Series, steps: Iterable[Interval]) -> tuple[float, ...]:
    return tuple(series.mean(step) for step in steps)


def _room(problem: Problem, grid: Grid, outdoor_c: Sequence[float]) -> Store | None:
    room, start_c, unit = problem.house.room, problem.state.room_temperature_c, problem.house.air_conditioner
    if room is None or start_c is None:
        return None
    # Never more than all: with steps longer than the house's own time constant the explicit step would oscillate.
    lost = [min(1.0, room.heat_loss_w_per_c * h / room.heat_capacity_wh_per_c) for h in grid.hours]
    heat_w = 0.0 if unit is None else unit.power_w * unit.cop
    if unit is not None and unit.mode is AirConditionerMode.COOL:
        heat_w = -heat_w
    return Store(
        name=ROOM,
        start_c=start_c,
        comfort=room.comfort,
        keep=tuple(1 - part for part in lost),
        push_c=tuple(part * out_c for part, out_c in zip(lost, outdoor_c, strict=True)),
        lift_c=tuple(heat_w * h / room.heat_capacity_wh_per_c for h in grid.hours),
        sun_c=(0.0,) * len(grid.steps),
        fade=(0.0,) * len(grid.steps),
    )


def _tank(problem: Problem, grid: Grid, outdoor_c: Sequence[float]) -> Store | None:
    tank, start_c, rod = problem.house.tank, problem.state.tank_temperature_c, problem.house.water_heater
    if tank is None or start_c is None:
        return None
    capacity_wh_per_c = tank.water_kg * SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C
    keep, push_c, sun_c, fade = [], [], [], []
    sunshine = _means(problem.irradiance_w_m2, grid.steps)
    for step, h, out_c, sun_w_m2 in zip(grid.steps, grid.hours, outdoor_c, sunshine, strict=True):
        lost = min(1.0, tank.heat_loss_w_per_c * h / capacity_wh_per_c)
        # A draw larger than the tank leaves it full of cold water, no colder.
        drawn = min(1.0 - lost, _amount(problem.hot_water_kg_per_s, step) / tank.water_kg)
        around_c = out_c if tank.ambient_c is None else tank.ambient_c
        keep.append(1 - lost - drawn)
        push_c.append(lost * around_c + drawn * tank.cold_water_c)
        sun, loss = _collector(problem, h / capacity_wh_per_c, sun_w_m2, out_c)
        share = 1.0 if loss <= keep[-1] else keep[-1] / loss  # as above: never past the balance in one step
        sun_c.append(sun * share)
        fade.append(loss * share)
    return Store(
        name=TANK,
        start_c=start_c,
        comfort=tank.comfort,
        keep=tuple(keep),
        push_c=tuple(push_c),
        lift_c=tuple(0.0 if rod is None else rod.power_w * h / capacity_wh_per_c for h in grid.hours),
        sun_c=tuple(sun_c),
        fade=tuple(fade),
    )


def _collector(problem: Problem, c_per_w: float, sun_w_m2: float, out_c: float) -> tuple[float, float]:
    collector = problem.house.collector
    if collector is None:
        return 0.0, 0.0
    per_w_m2 = collector.area_m2 * collector.heat_removal_factor * c_per_w
    loss = collector.heat_loss_w_per_m2_c
    return per_w_m2 * (sun_w_m2 + loss * out_c), per_w_m2 * loss


def _amount(rate_per_s: Series, span: Interval) -> float:
    """A rate summed over a span; where the series has a gap it adds nothing."""
    return sum(rate * span.overlap_s(part) for part, rate in rate_per_s.cut(span).items())


def _load(problem: Problem, grid: Grid, name: Name, store: Store) -> Load:
    unit = problem.house.load(name)
    state = problem.state.loads.get(name, LoadState(on=False))
    held = _held_steps(problem, state, unit)
    return Load(
        name=name,
        store=store,
        power_w=unit.power_w,
        setpoint_c=unit.thermostat_c,
        mode=unit.mode if isinstance(unit, AirConditioner) else AirConditionerMode.HEAT,
        min_on=max(1, ceil(unit.min_on_s / problem.step_s)),
        min_off=max(1, ceil(unit.min_off_s / problem.step_s)),
        on_at_start=state.on,
        held=min(held, len(grid.steps)),
        may_run=tuple(unit.power_w <= spare_w for spare_w in grid.spare_w),
        cost_try=tuple(
            price * unit.power_w / 1000 * h for price, h in zip(grid.price_try_per_kwh, grid.hours, strict=True)
        ),
    )


def _held_steps(problem: Problem, state: LoadState, unit: AirConditioner | WaterHeater) -> int:
    if state.since is None:
        return 0
    min_s = unit.min_on_s if state.on else unit.min_off_s
    since_s = (problem.horizon.start - state.since).total_seconds()
    return max(0, ceil(min(min_s, min_s - since_s) / problem.step_s))
