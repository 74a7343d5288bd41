"""Comfort that no schedule could keep: when, how much, why, and when it is over."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf

from agent.domain.interval import Interval
from agent.domain.plan import ComfortMiss, MissCause
from agent.planning.alone.limits import TOLERANCE_C, fullest
from agent.planning.grid.model import Load, Model
from agent.planning.grid.stores import Store


def misses_of(model: Model, temperatures_c: Mapping[str, Sequence[float]]) -> tuple[ComfortMiss, ...]:
    """The times at which a course of temperatures (°C, at the ends of the steps, by store) is outside comfort."""
    loads = {load.store.name: load for load in model.loads}
    return tuple(
        miss
        for store in model.stores
        for miss in _misses(model, store, loads.get(store.name), temperatures_c[store.name])
    )


def _misses(model: Model, store: Store, load: Load | None, trajectory_c: Sequence[float]) -> Iterator[ComfortMiss]:
    first: int | None = None
    for step, at_c in enumerate((*trajectory_c, None)):
        outside = at_c is not None and store.miss_c(step, at_c) > TOLERANCE_C
        if outside and first is None:
            first = step
        elif not outside and first is not None:
            yield _miss(model, store, load, trajectory_c, range(first, step))
            first = None


def _miss(model: Model, store: Store, load: Load | None, trajectory_c: Sequence[float], steps: range) -> ComfortMiss:
    hours, grid = model.exchange.hours, model.steps
    worst = max(steps, key=lambda step: store.miss_c(step, trajectory_c[step]))
    return ComfortMiss(
        part=store.name,
        span=Interval(start=grid[steps[0]].start, end=grid[steps[-1]].end),
        recovers=steps[-1] + 1 < len(grid),
        degree_hours=sum(store.miss_c(step, trajectory_c[step]) * hours[step] for step in steps),
        worst_c=trajectory_c[worst],
        cause=_cause(store, load, trajectory_c, steps),
    )


def _cause(store: Store, load: Load | None, trajectory_c: Sequence[float], steps: range) -> MissCause:
    """What would have to be otherwise: asked one thing after the other, the nearest first."""
    low, high = store.wanted_low_c[steps[0]], store.wanted_high_c[steps[0]]
    if steps[0] == 0 and not low - TOLERANCE_C <= store.start_c <= high + TOLERANCE_C:
        return MissCause.START
    too_warm = trajectory_c[steps[0]] > high
    if load is None or too_warm != load.cools:
        return MissCause.SUN  # on the side to which the load pushes: it stays off, and still it is too much
    count = len(trajectory_c)
    if _helps(replace(load, may_run=(True,) * count), steps):
        return MissCause.POWER_LIMIT
    if load.quotas and _helps(replace(load, quotas=()), steps):
        return MissCause.STARTS_USED_UP
    return MissCause.TOO_WEAK


def _helps(load: Load, steps: range) -> bool:
    """Whether a load that may do this keeps comfort at the worst of these steps."""
    reached_c = load.store.trajectory(fullest(load))
    return max((load.store.miss_c(step, reached_c[step]) for step in steps), default=inf) <= TOLERANCE_C
