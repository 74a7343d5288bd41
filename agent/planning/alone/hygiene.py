"""When the tank can be made hot for long enough: as asked, as early as can be, or not at all within the horizon."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from agent.planning.alone.automaton import Automaton
from agent.planning.alone.limits import Limits, fullest
from agent.planning.alone.pricing import Pricing, cells_of
from agent.planning.grid.model import Hygiene, Load

_CELLS = 1500
_FINER = 12_000
_BEAM = 300


class Hygienic(StrEnum):
    """What becomes of the hygiene that is asked for."""

    AS_ASKED = "as_asked"
    """Also where none is."""
    LATE = "late"
    """It cannot be done in time, but later within the horizon."""
    DROPPED = "dropped"
    """It cannot be done within the horizon."""


@dataclass(frozen=True)
class Attainable:
    """A load with the hygiene that can be asked of it, and a schedule that keeps limits, quotas and that hygiene."""

    load: Load
    fate: Hygienic
    schedule: tuple[bool, ...] | None
    """None if there was nothing to ask, or nothing to be done."""


def attainable(load: Load, limits: Limits) -> Attainable:
    """Ask of a load what can be done: if its hygiene cannot be in time, it is due as early as it can be.

    That a schedule exists is shown by one. That none does is shown by the bound, as finely as cells are.
    """
    if load.hygiene is None:
        return Attainable(load, Hygienic.AS_ASKED, None)
    asked = load.hygiene
    found = _schedule(load, limits, (_CELLS, _FINER))
    if found is not None:
        return Attainable(load, Hygienic.AS_ASKED, found)
    count = len(load.cost_try)
    latest = _schedule(_due(load, asked, count), limits, (_CELLS, _FINER))
    if latest is None:
        return Attainable(replace(load, hygiene=None), Hygienic.DROPPED, None)
    witnesses = [latest, *(on for on in (fullest(load),) if limits.hold(load.store.trajectory(on)))]
    return _earliest(load, limits, asked, witnesses)


def _earliest(load: Load, limits: Limits, asked: Hygiene, witnesses: Sequence[Sequence[bool]]) -> Attainable:
    """By bisection between what is too early and what a schedule shows to be possible: later is never harder."""
    done = {on: _done(load, asked, on) for on in map(tuple, witnesses)}
    schedule = min(done, key=lambda on: done[on])
    too_early, due = asked.due, done[schedule]
    while due - too_early > 1:
        middle = (too_early + due) // 2
        found = _schedule(_due(load, asked, middle), limits, (_CELLS,))
        if found is None:
            too_early = middle
        else:
            schedule, due = found, min(middle, _done(load, asked, found))
    return Attainable(_due(load, asked, due), Hygienic.LATE, schedule)


def _due(load: Load, asked: Hygiene, due: int) -> Load:
    return replace(load, hygiene=replace(asked, due=due))


def _done(load: Load, asked: Hygiene, schedule: Sequence[bool]) -> int:
    """The first step behind the hold of a schedule that keeps to its starts; beyond the horizon if there is none."""
    trajectory_c = load.store.trajectory(schedule)
    row, automaton = 0, Automaton.of(load)
    if not automaton.has_starts_for(schedule):
        return len(schedule) + 1
    for step, at_c in enumerate(trajectory_c):
        row = automaton.hold(row, is_hot=at_c >= asked.hot_c)
        if row >= asked.hold:
            return step + 1
    return len(schedule) + 1


def _schedule(load: Load, limits: Limits, counts: Sequence[int]) -> tuple[bool, ...] | None:
    """A schedule that does what the load is asked, if one is found."""
    for count in counts:
        pricing = Pricing(load, cells_of(load, limits, count), counting=False)
        if pricing.bound_try == inf:
            return None
        found = pricing.schedules(_BEAM, inf)
        if found:
            return found[0]
    return None
