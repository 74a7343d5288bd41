"""Why a load runs in a block, and what it would cost if it did not.

For each block the load is thought to stay off until its end, from the temperature that the plan has there, and then to
go on as cheaply as it can: step by step along the least of what it pays now and what must still be paid at least, as
the cells know it. What all else does stays as planned.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

import numpy as np

from agent.domain.device import Name
from agent.domain.interval import Interval
from agent.domain.plan import Purpose, Reason
from agent.planning.admissible import hygienic_step
from agent.planning.answer import blocks
from agent.planning.cells import Guide
from agent.planning.limits import TOLERANCE_C, Limits
from agent.planning.marginal import marginal_try, room_beside
from agent.planning.model import Dispatch, Load, Model
from agent.planning.pricing import priced

_CELLS = 3_000
_SURPLUS = 0.98
"""A block that pays less than this share of the price of buying runs on own generation."""


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
    alone = replace(load, may_run=room_beside(model, dispatch, load), quotas=(), hygiene=None)
    case = _Case(
        load=alone,
        limits=limits,
        costs_try=costs_try,
        schedule=schedule,
        trajectory_c=load.store.trajectory(schedule),
        guide=priced(alone, limits, costs_try, _CELLS).guide,
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
    kwh = load.power_w / 1000 * sum(hours[step] for step in steps)
    price = sum(case.costs_try[step] for step in steps) / kwh
    needed = case.idle_until(steps[0])
    otherwise_try, begins = _otherwise(case, steps)
    purpose = Purpose.CHEAP
    bought_try = sum(model.exchange.buy_try_per_kwh[step] * load.power_w / 1000 * hours[step] for step in steps)
    if load.on_at_start and steps[0] == 0 and load.held:
        purpose = Purpose.HELD
    elif hygienic:
        purpose = Purpose.HYGIENE
    elif needed is not None and needed < steps.stop:
        purpose = Purpose.COMFORT
    elif price < 0:
        purpose = Purpose.PAID
    elif price < _SURPLUS * bought_try / kwh:
        purpose = Purpose.SURPLUS
    elif needed is None:
        purpose = Purpose.HEAT_LEFT
    return Reason(
        load=load.name,
        block=block,
        purpose=purpose,
        price_try_per_kwh=price,
        needed_at=None if needed is None else model.steps[needed].end,
        otherwise_start=None if begins is None else model.steps[begins].start,
        otherwise_try=otherwise_try,
    )


def _otherwise(case: _Case, steps: range) -> tuple[float | None, int | None]:
    """What the best course without this block costs more, and when the load starts in it."""
    load, now_c = case.load, case.before_c(steps[0])
    if load.is_held(steps[0]):
        return None, None
    for step in steps:
        now_c = load.store.after(step, now_c, on=False)
        if not case.holds(step, now_c):
            return None, None
    planned_try = _from(case, steps[0])
    after_try = case.still_try(steps.stop, now_c, on=False) if steps.stop < len(case.schedule) else 0.0
    found_try, begins = _greedy(case, steps.stop, now_c)
    if found_try is None:
        if not isfinite(after_try):
            return None, None
        found_try = after_try
    return max(0.0, found_try - planned_try), begins


def _from(case: _Case, first: int) -> float:
    """What the plan pays from a step on, less the worth of its end."""
    load = case.load
    paid_try = sum(cost for cost, on in zip(case.costs_try[first:], case.schedule[first:], strict=True) if on)
    starts = sum(step >= first for step in load.starts(case.schedule))
    return paid_try + load.start_try * starts - load.worth.left_try(case.trajectory_c[-1])


def _greedy(case: _Case, at: int, now_c: float) -> tuple[float | None, int | None]:
    """From a temperature with the load off: what the course along the guide costs, and when it first starts."""
    load, count = case.load, len(case.schedule)
    paid_try, on, begins = 0.0, False, None
    while at < count:
        best = (inf, at, now_c, on, 0.0)
        for turn in (False, True):
            length = 1 if turn == on else (load.min_on if turn else load.min_off)
            until, then_c = min(at + length, count), now_c
            step_try = load.start_try if turn and not on else 0.0
            for step in range(at, until):
                then_c = load.store.after(step, then_c, on=turn)
                step_try += case.costs_try[step] if turn else 0.0
                if not case.holds(step, then_c) or (turn and not load.may_run[step]):
                    step_try = inf
                    break
            if isfinite(step_try):
                end_try = -load.worth.left_try(then_c) if until == count else case.still_try(until, then_c, on=turn)
                best = min(best, (step_try + end_try, until, then_c, turn, step_try))
        if not isfinite(best[0]):
            return None, begins
        if best[3] and not on and begins is None:
            begins = at
        _, at, now_c, on, step_try = best
        paid_try += step_try
    return paid_try - load.worth.left_try(now_c), begins


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
