"""A problem on its step grid: what is switched, what that costs, and what follows from it.

Temperatures are in °C, powers in W, energies in Wh, money in TRY. Every tuple has one entry per step unless it says
otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from agent.domain.device import Name
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, AirConditioner, AirConditionerMode, LoadState, Switched
from agent.domain.interval import Interval
from agent.domain.local_day import local_day, local_days
from agent.domain.problem import Problem
from agent.planning.grid.battery import Bank, bank_of
from agent.planning.grid.connection import exchange_of
from agent.planning.grid.end import Worth, price_of_the_end, worth_of
from agent.planning.grid.exchange import ROUNDING_W, Exchange
from agent.planning.grid.runs import Errand, errands_of
from agent.planning.grid.stores import Store, room_of, tank_of

Schedule = Mapping[Name, Sequence[bool]]
"""For each load, whether it is on in each step."""


@dataclass(frozen=True)
class Quota:
    """How many starts are left within some steps: those of one local day."""

    first: int
    stop: int
    """The first step that no longer belongs to it."""
    starts: int


@dataclass(frozen=True)
class Hygiene:
    """The store must once be hot for long enough: at the ends of so many steps on end, by a certain step."""

    hot_c: float
    hold: int
    due: int
    """The last step of the hold is before this one."""


@dataclass(frozen=True)
class Load:
    """What a relay switches to move a store's temperature, and what binds it on the step grid."""

    name: Name
    store: Store
    power_w: float
    setpoint_c: float
    thermostat_c: tuple[float, ...]
    """What the rule holds: the setpoint, within what is wanted, and only what keeps harm away while nobody is there."""
    mode: AirConditionerMode
    min_on: int
    """Steps that a run lasts at least; 1 if nothing is asked."""
    min_off: int
    on_at_start: bool
    held: int
    """In so many first steps it must stay as it is, because it was switched a short while ago."""
    may_run: tuple[bool, ...]
    """Where it stays within the power limit if it runs alone, with all that a battery can give."""
    cost_try: tuple[float, ...]
    """What being on costs in each step, if it runs alone."""
    worth: Worth
    """What the store's temperature at the end is worth."""
    start_try: float = 0.0
    """What each start costs besides."""
    quotas: tuple[Quota, ...] = ()
    """By local day, where starts are limited."""
    hygiene: Hygiene | None = None

    @property
    def cools(self) -> bool:
        """Whether being on makes it colder."""
        return self.mode is AirConditionerMode.COOL

    def is_held(self, step: int) -> bool:
        """Whether a switching before the horizon decides this step."""
        return step < self.held

    def starts(self, schedule: Sequence[bool]) -> tuple[int, ...]:
        """The steps in which runs begin."""
        was_on = (self.on_at_start, *schedule)
        return tuple(step for step, (was, on) in enumerate(zip(was_on, schedule, strict=False)) if on and not was)

    def objective_try(self, schedule: Sequence[bool]) -> float:
        """What a schedule costs, wear included, less the worth of what it leaves."""
        paid_try = sum(cost for cost, on in zip(self.cost_try, schedule, strict=True) if on)
        left_try = self.worth.left_try(self.store.trajectory(schedule)[-1])
        return paid_try + self.start_try * len(self.starts(schedule)) - left_try


@dataclass(frozen=True)
class Dispatch:
    """What everything that can be switched does."""

    loads: Schedule
    runs: tuple[tuple[bool, ...], ...] = ()
    """For each errand, whether it runs in each step."""
    battery_w: tuple[float, ...] | None = None
    """Into the battery, on the home's side; negative while it gives. None without a battery."""


@dataclass(frozen=True)
class Prediction:
    """What a dispatch leads to. Temperatures stand at the ends of the steps, by store."""

    temperatures_c: Mapping[str, tuple[float, ...]]
    energy_wh: Mapping[Name, float]
    battery_wh: tuple[float, ...] | None
    """At the ends of the steps."""
    net_w: tuple[float, ...]
    """Before throttling."""
    bill_try: float
    movable_try: float
    """The part of the bill that there would not be with nothing switched."""
    wear_try: float
    left_try: float
    """What heat and charge at the end are worth more than at the start."""

    @property
    def objective_try(self) -> float:
        """What is minimised."""
        return self.movable_try + self.wear_try - self.left_try


@dataclass(frozen=True)
class Model:
    """A problem on its step grid."""

    exchange: Exchange
    stores: tuple[Store, ...]
    loads: tuple[Load, ...]
    errands: tuple[Errand, ...] = ()
    bank: Bank | None = None

    @property
    def steps(self) -> tuple[Interval, ...]:
        """The grid."""
        return self.exchange.steps

    def net_w(self, dispatch: Dispatch) -> tuple[float, ...]:
        """The home's net power under a dispatch, before throttling."""
        net_w = list(self.exchange.rest_w)
        for load in self.loads:
            for step, on in enumerate(dispatch.loads[load.name]):
                net_w[step] += load.power_w * on
        for errand, runs in zip(self.errands, dispatch.runs, strict=True):
            for step, power_w in enumerate(errand.power_w(runs)):
                net_w[step] += power_w
        for step, power_w in enumerate(dispatch.battery_w or ()):
            net_w[step] += power_w
        return tuple(net_w)

    def predict(self, dispatch: Dispatch) -> Prediction:
        """Simulate a dispatch exactly."""
        driven = {load.store.name: dispatch.loads[load.name] for load in self.loads}
        idle = (False,) * len(self.steps)
        net_w = self.net_w(dispatch)
        bill_try = self.exchange.bill_try(net_w)
        temperatures_c = {store.name: store.trajectory(driven.get(store.name, idle)) for store in self.stores}
        left_try = sum(load.worth.left_try(temperatures_c[load.store.name][-1]) for load in self.loads)
        wear_try = sum(load.start_try * len(load.starts(dispatch.loads[load.name])) for load in self.loads)
        wear_try += sum(
            errand.skipped_try for errand, runs in zip(self.errands, dispatch.runs, strict=True) if not any(runs)
        )
        battery_wh = None
        if self.bank is not None and dispatch.battery_w is not None:
            battery_wh = self.bank.trajectory(dispatch.battery_w, self.exchange.hours)
            wear_try += self.bank.wear_try(dispatch.battery_w, self.exchange.hours)
            left_try += self.bank.worth_try_per_wh * (battery_wh[-1] - self.bank.start_wh)
        return Prediction(
            temperatures_c=temperatures_c,
            energy_wh={load.name: self._energy_wh(load, dispatch.loads[load.name]) for load in self.loads},
            battery_wh=battery_wh,
            net_w=net_w,
            bill_try=bill_try,
            movable_try=bill_try - self.exchange.bill_try(self.exchange.rest_w),
            wear_try=wear_try,
            left_try=left_try,
        )

    def _energy_wh(self, load: Load, schedule: Sequence[bool]) -> float:
        return load.power_w * sum(hours for hours, on in zip(self.exchange.hours, schedule, strict=True) if on)


def model_of(problem: Problem) -> Model:
    """Put a problem on its step grid."""
    steps = problem.horizon.steps(problem.step_s)
    hours = tuple(step.duration_s / 3600 for step in steps)
    stores = {
        name: store
        for name, store in (
            (AIR_CONDITIONER, room_of(problem, steps, hours)),
            (WATER_HEATER, tank_of(problem, steps, hours)),
        )
        if store is not None
    }
    errands = errands_of(problem, steps)
    held_w = _held_w(problem, steps, errands)
    exchange = exchange_of(problem, steps, hours, held_w)
    end_try_per_kwh = price_of_the_end(problem, exchange)
    return Model(
        exchange=exchange,
        stores=tuple(stores.values()),
        loads=tuple(
            _load(problem, exchange, name, store, end_try_per_kwh)
            for name, store in stores.items()
            if name in problem.house.loads
        ),
        errands=errands,
        bank=bank_of(problem, end_try_per_kwh),
    )


def _held_w(problem: Problem, steps: Sequence[Interval], errands: Sequence[Errand]) -> tuple[float, ...]:
    """What may not be switched off yet."""
    held_w = [0.0] * len(steps)
    for name in problem.house.loads:
        unit, state = problem.house.load(name), problem.state.loads.get(name, LoadState(on=False))
        for step in range(min(_held_steps(problem, state, unit) if state.on else 0, len(steps))):
            held_w[step] += unit.power_w
    for errand in errands:
        if errand.is_running and errand.uninterruptible:
            for step, power_w in enumerate(errand.profile_w[: len(steps)]):
                held_w[step] += power_w
    return tuple(held_w)


def _load(problem: Problem, exchange: Exchange, name: Name, store: Store, end_try_per_kwh: float) -> Load:
    unit = problem.house.load(name)
    state = problem.state.loads.get(name, LoadState(on=False))
    alone_w = [rest + unit.power_w for rest in exchange.rest_w]
    given_w = ROUNDING_W + (0.0 if problem.house.battery is None else problem.house.battery.discharge_w)
    return Load(
        name=name,
        store=store,
        power_w=unit.power_w,
        setpoint_c=unit.thermostat_c,
        thermostat_c=_thermostat_c(problem, exchange.steps, unit, store),
        mode=unit.mode if isinstance(unit, AirConditioner) else AirConditionerMode.HEAT,
        min_on=max(1, ceil(unit.min_on_s / problem.step_s)),
        min_off=max(1, ceil(unit.min_off_s / problem.step_s)),
        on_at_start=state.on,
        held=min(_held_steps(problem, state, unit), len(exchange.steps)),
        may_run=tuple(unit.power_w <= spare_w + given_w for spare_w in exchange.spare_w),
        cost_try=tuple(
            exchange.step_try(step, with_w) - exchange.step_try(step, rest_w)
            for step, (with_w, rest_w) in enumerate(zip(alone_w, exchange.rest_w, strict=True))
        ),
        worth=worth_of(problem, store, unit, end_try_per_kwh),
        start_try=unit.start_price_try,
        quotas=_quotas(problem, exchange.steps, unit, state),
        hygiene=_hygiene(problem, exchange.steps) if name == WATER_HEATER else None,
    )


def _thermostat_c(problem: Problem, steps: Sequence[Interval], unit: Switched, store: Store) -> tuple[float, ...]:
    cools = isinstance(unit, AirConditioner) and unit.mode is AirConditionerMode.COOL
    held_c = []
    for step, low_c, high_c in zip(steps, store.wanted_low_c, store.wanted_high_c, strict=True):
        if any(away.start <= step.start < away.end for away in problem.house.away):
            held_c.append(high_c if cools else low_c)
        else:
            held_c.append(max(unit.thermostat_c, low_c) if cools else min(unit.thermostat_c, high_c))
    return tuple(held_c)


def _held_steps(problem: Problem, state: LoadState, unit: Switched) -> int:
    if state.since is None:
        return 0
    min_s = unit.min_on_s if state.on else unit.min_off_s
    since_s = (problem.horizon.start - state.since).total_seconds()
    return max(0, ceil(min(min_s, min_s - since_s) / problem.step_s))


def _quotas(problem: Problem, steps: Sequence[Interval], unit: Switched, state: LoadState) -> tuple[Quota, ...]:
    """The starts that are left on each local day of the horizon; the first day's are partly used."""
    if unit.max_starts_per_day is None:
        return ()
    quotas: list[Quota] = []
    for day in local_days(problem.horizon, problem.zone):
        inside = [index for index, step in enumerate(steps) if step.start in local_day(day, problem.zone)]
        if inside:
            used = state.starts_today if not quotas else 0
            quotas.append(Quota(inside[0], inside[-1] + 1, max(0, unit.max_starts_per_day - used)))
    return tuple(quotas)


def _hygiene(problem: Problem, steps: Sequence[Interval]) -> Hygiene | None:
    """What legionella ask for within the horizon; None if that is not yet due."""
    tank = problem.house.tank
    if tank is None or tank.legionella is None:
        return None
    asked, horizon = tank.legionella, problem.horizon
    if problem.state.hygienic_at is not None:
        deadline = problem.state.hygienic_at + timedelta(days=asked.every_days)
    else:  # Nobody knows when it was last. Each plan could put it off by another day: hence not later than announced.
        announced = None if problem.announced is None else problem.announced.hygienic_at
        deadline = min(horizon.start + timedelta(days=1), horizon.end, announced or horizon.end)
    if deadline > horizon.end:
        return None
    return Hygiene(
        hot_c=asked.temperature_c,
        hold=max(1, ceil(asked.hold_s / problem.step_s)),
        due=sum(step.end <= deadline for step in steps),
    )
