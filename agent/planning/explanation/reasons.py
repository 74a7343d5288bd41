"""Why a load runs in a block, and what it would cost if it did not.

For each block the load is thought to stay off until its end as far as the limits allow, from the temperature that the
plan has at its beginning, and then to go on as cheaply as it can: step by step along the least of what it pays now and
what must still be paid at least, as the cells know it. What all else does stays as planned.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

import numpy as np

from agent.domain.device import Name
from agent.domain.interval import Interval
from agent.domain.plan import Purpose, Reason
from agent.planning.admissible import hygienic_step
from agent.planning.alone.bounds import Guide
from agent.planning.alone.limits import TOLERANCE_C, Limits
from agent.planning.alone.pricing import Pricing, cells_of
from agent.planning.answer import blocks
from agent.planning.grid.model import Dispatch, Load, Model
from agent.planning.marginal import marginal_try, room_beside

_CELLS = 3_000
_HARDLY = 0.34
"""A block of which no more than this could be spared is there for comfort."""
_MOSTLY = 0.5
"""A block of which more than this would be sold otherwise runs on own generation."""


def reasons_of(model: Model, limits: Mapping[Name, Limits], dispatch: Dispatch) -> tuple[Reason, ...]:
    """A reason for every block of every load and appliance, in the order of time."""
    found = [reason for load in model.loads for reason in _load_reasons(model, limits[load.name], dispatch, load)]
    found += _errand_reasons(model, dispatch)
    return tuple(sorted(found, key=lambda reason: (reason.block.start, reason.load)))


@dataclass(frozen=True)
class _Case:
    """One load, given all else."""

    load: Load
    limits: Limits
    costs_try: tuple[float, ...]
    schedule: Sequence[bool]
    trajectory_c: tuple[float, ...]
    guide: Guide
    others_w: tuple[float, ...]
    """Net power of the home without it."""

    def own_share(self, steps: Sequence[int]) -> float:
        """The part of its energy in these steps that would be sold or lost if it were off."""
        own_w = (min(self.load.power_w, max(0.0, -self.others_w[step])) for step in steps)
        return sum(own_w) / (self.load.power_w * len(steps))

    def holds(self, step: int, at_c: float) -> bool:
        """Whether a step may end at a temperature."""
        return self.limits.low_c[step] - TOLERANCE_C <= at_c <= self.limits.high_c[step] + TOLERANCE_C

    def before_c(self, step: int) -> float:
        """The plan's temperature at the start of a step."""
        return self.trajectory_c[step - 1] if step else self.load.store.start_c

    def still_try(self, at: int, temperature_c: float, *, on: bool) -> float:
        """What must still be paid at least; the worth of the end is in it."""
        return float(self.guide.still_try(at, np.array([temperature_c]), on=on)[0])

    def idle_until(self, step: int) -> int | None:
        """The first step that breaks a limit if the load stays off from `step` on; None if none does."""
        now_c = self.before_c(step)
        for at in range(step, len(self.schedule)):
            now_c = self.load.store.after(at, now_c, on=False)
            if not self.holds(at, now_c):
                return at
        return None


def _load_reasons(model: Model, limits: Limits, dispatch: Dispatch, load: Load) -> Iterator[Reason]:
    schedule = dispatch.loads[load.name]
    if not any(schedule):
        return
    costs_try = marginal_try(model, dispatch, load)
    alone = replace(load, cost_try=costs_try, may_run=room_beside(model, dispatch, load), quotas=(), hygiene=None)
    case = _Case(
        load=alone,
        limits=limits,
        costs_try=costs_try,
        schedule=schedule,
        trajectory_c=load.store.trajectory(schedule),
        guide=Pricing(alone, cells_of(alone, limits, _CELLS)).guide,
        others_w=tuple(net - load.power_w * on for net, on in zip(model.net_w(dispatch), schedule, strict=True)),
    )
    hot_by = hygienic_step(load, case.trajectory_c)
    place = {step.start: index for index, step in enumerate(model.steps)}
    for block in blocks(model.steps, schedule):
        first = place[block.start]
        steps = range(first, place.get(block.end, len(schedule)))
        yield _reason(model, case, block, steps, hygienic=hot_by is not None and _serves(load, steps, hot_by))


def _serves(load: Load, steps: range, hot_by: int) -> bool:
    """Whether a block heats towards the hold against legionella, or holds it."""
    return load.hygiene is not None and steps[0] <= hot_by < steps[-1] + 2 * load.hygiene.hold


def _reason(model: Model, case: _Case, block: Interval, steps: range, *, hygienic: bool) -> Reason:
    load, hours = case.load, model.exchange.hours
    price = sum(case.costs_try[step] for step in steps) / (load.power_w / 1000 * sum(hours[step] for step in steps))
    needed = case.idle_until(steps[0])
    otherwise = _otherwise(case, steps)
    purpose = Purpose.CHEAP
    if load.on_at_start and steps[0] == 0 and load.held:
        purpose = Purpose.HELD
    elif hygienic:
        purpose = Purpose.HYGIENE
    elif price < 0:
        purpose = Purpose.PAID
    elif case.own_share(steps) > _MOSTLY:
        purpose = Purpose.SURPLUS
    elif otherwise.spared <= _HARDLY * len(steps):
        purpose = Purpose.COMFORT
    elif needed is None:
        purpose = Purpose.HEAT_LEFT
    return Reason(
        load=load.name,
        block=block,
        purpose=purpose,
        price_try_per_kwh=price,
        needed_at=None if needed is None else model.steps[needed].end,
        otherwise_start=None if otherwise.starts is None else model.steps[otherwise.starts].start,
        otherwise_try=otherwise.more_try,
    )


@dataclass(frozen=True)
class _Turn:
    """One way to go on: on or off until the load may be switched again."""

    on: bool
    until: int
    end_c: float
    paid_try: float
    still_try: float
    """What is still to pay after it; infinite if it breaks a limit or leads to where every way does."""


def _turn(case: _Case, at: int, now_c: float, *, was_on: bool, on: bool) -> _Turn:
    load, count = case.load, len(case.schedule)
    length = 1 if on == was_on else (load.min_on if on else load.min_off)
    until, paid_try, holds = min(at + length, count), load.start_try if on and not was_on else 0.0, True
    for step in range(at, until):
        now_c = load.store.after(step, now_c, on=on)
        paid_try += case.costs_try[step] if on else 0.0
        holds &= case.holds(step, now_c) and (load.may_run[step] or not on)
    still_try = inf
    if holds:
        still_try = -load.worth.left_try(now_c) if until == count else case.still_try(until, now_c, on=on)
    return _Turn(on, until, now_c, paid_try, still_try)


@dataclass(frozen=True)
class _Otherwise:
    """The course that spares a block as far as the limits allow, and goes on as cheaply as it can."""

    more_try: float | None
    """What it costs more than the plan; None if none was found."""
    starts: int | None
    """When the load starts in it for the first time after the block's beginning."""
    spared: int
    """In how many steps of the block it is off."""


def _otherwise(case: _Case, steps: range) -> _Otherwise:
    load, at, now_c, on = case.load, steps[0], case.before_c(steps[0]), False
    if load.is_held(at):
        return _Otherwise(None, None, 0)
    paid_try, starts, spared = 0.0, None, 0
    while at < len(case.schedule):
        turns = [_turn(case, at, now_c, was_on=on, on=way) for way in (False, True)]
        spares = at in steps and isfinite(turns[0].still_try)
        turn = turns[0] if spares else min(turns, key=lambda way: way.paid_try + way.still_try)
        if not isfinite(turn.still_try):
            return _Otherwise(None, starts, spared)
        if turn.on and not on and at > steps[0] and starts is None:
            starts = at
        spared += sum(step in steps for step in range(at, turn.until)) if not turn.on else 0
        at, now_c, on, paid_try = turn.until, turn.end_c, turn.on, paid_try + turn.paid_try
    more_try = paid_try - load.worth.left_try(now_c) - _from(case, steps[0])
    return _Otherwise(max(0.0, more_try), starts, spared)


def _from(case: _Case, first: int) -> float:
    """What the plan pays from a step on, less the worth of its end."""
    load = case.load
    paid_try = sum(cost for cost, on in zip(case.costs_try[first:], case.schedule[first:], strict=True) if on)
    starts = sum(step >= first for step in load.starts(case.schedule))
    return paid_try + load.start_try * starts - load.worth.left_try(case.trajectory_c[-1])


def _errand_reasons(model: Model, dispatch: Dispatch) -> Iterator[Reason]:
    """An appliance runs because it was asked to; otherwise it would begin at the next-best time."""
    exchange, net_w = model.exchange, model.net_w(dispatch)
    for errand, course in zip(model.errands, dispatch.runs, strict=True):
        if not any(course):
            continue
        own_w = list(errand.power_w(course))
        others_w = [net - own for net, own in zip(net_w, own_w, strict=True)]
        price_try = [
            exchange.step_try(step, other + own) - exchange.step_try(step, other)
            for step, (other, own) in enumerate(zip(others_w, own_w, strict=True))
        ]
        kwh = sum(own / 1000 * h for own, h in zip(own_w, exchange.hours, strict=True))
        first = course.index(True)
        costs_try = {
            begin: sum(
                exchange.step_try(begin + place, others_w[begin + place] + power_w)
                - exchange.step_try(begin + place, others_w[begin + place])
                for place, power_w in enumerate(errand.profile_w)
            )
            for begin in errand.begins()
            if begin != first
        }
        next_best = min(costs_try, key=lambda begin: costs_try[begin], default=None)
        last = max(step for step, on in enumerate(course) if on)
        yield Reason(
            load=errand.appliance,
            block=Interval(start=model.steps[first].start, end=model.steps[last].end),
            purpose=Purpose.ASKED,
            price_try_per_kwh=sum(price_try) / max(kwh, 1e-9),
            otherwise_start=None if next_best is None else model.steps[next_best].start,
            otherwise_try=None if next_best is None else max(0.0, costs_try[next_best] - sum(price_try)),
        )
