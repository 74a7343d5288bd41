"""The schedule that misses least of the comfort band, where none keeps it: cells and labels that count degree-hours."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from agent.planning.alone.automaton import Automaton
from agent.planning.alone.corridor import Corridor
from agent.planning.alone.hygiene import attainable
from agent.planning.alone.limits import fullest, outermost
from agent.planning.alone.pricing import Pricing, cells_of
from agent.planning.grid.end import Worth
from agent.planning.grid.model import Load

ATTEMPTS = (600, 2_400, 9_600, 38_400)
"""Cells at one time, each only in the corridor that the ones before have left, ..."""
_WORTHWHILE = 5e-3
"""... while bound and schedule are further apart than this part of what is missed."""
_NOTHING_C_H = 1e-3
"""Degree-hours that nobody feels."""
_BEAM = 300


@dataclass(frozen=True)
class LeastMiss:
    """A schedule that keeps times, power, quotas and hygiene, and is outside the comfort band as little as can be."""

    schedule: tuple[bool, ...]
    miss_c_h: float
    """How far outside, summed over time, °C·h."""
    bound_c_h: float
    """No such schedule misses less."""


def least_miss(load: Load, hours: Sequence[float]) -> LeastMiss:
    """Find it. `hours` is the length of each step.

    The load may not push its store beyond the comfort band on its own side, nor beyond what comes without it: comfort
    that is missed there can be kept by staying off. What the end is worth, and whether it is restored, does not matter.
    """
    known = fullest(load)
    found = LeastMiss(known, missed_c_h(load, hours, known), 0.0)
    if found.miss_c_h <= _NOTHING_C_H and Automaton.of(load).holds(known):
        return found
    limits = outermost(load)
    sought = attainable(_without_prices(load), limits)
    if not Automaton.of(sought.load).holds(known):
        found = replace(found, miss_c_h=inf)
    if sought.schedule is not None and missed_c_h(load, hours, sought.schedule) < found.miss_c_h:
        found = replace(found, schedule=sought.schedule, miss_c_h=missed_c_h(load, hours, sought.schedule))
    passes: Corridor | None = None
    for count in ATTEMPTS:
        if found.miss_c_h - found.bound_c_h > max(_NOTHING_C_H, _WORTHWHILE * found.miss_c_h):
            pricing = Pricing(sought.load, cells_of(sought.load, limits, count, hours, passes))
            found = _better(sought.load, hours, found, pricing)
            passes = pricing.corridor(found.miss_c_h) if found.miss_c_h < inf else None
    return found


def missed_c_h(load: Load, hours: Sequence[float], schedule: Sequence[bool]) -> float:
    """How far outside the comfort band a schedule leads, summed over time, °C·h."""
    trajectory_c = load.store.trajectory(schedule)
    return sum(
        length * load.store.miss_c(step, at_c)
        for step, (length, at_c) in enumerate(zip(hours, trajectory_c, strict=True))
    )


def _better(load: Load, hours: Sequence[float], known: LeastMiss, pricing: Pricing) -> LeastMiss:
    """What cells add to what is known; beyond the corridor that they are in nothing misses less than that."""
    bound_c_h = max(known.bound_c_h, min(pricing.bound_try, known.miss_c_h))
    best, least_c_h = known.schedule, known.miss_c_h
    for schedule in pricing.schedules(_BEAM, known.miss_c_h):
        here_c_h = missed_c_h(load, hours, schedule)
        if here_c_h < least_c_h:
            best, least_c_h = schedule, here_c_h
    return LeastMiss(best, least_c_h, bound_c_h)


def _without_prices(load: Load) -> Load:
    nothing = Worth(try_per_c=0.0, toward=load.worth.toward, full_c=load.worth.full_c, start_c=load.worth.start_c)
    return replace(load, cost_try=(0.0,) * len(load.cost_try), start_try=0.0, worth=nothing)
