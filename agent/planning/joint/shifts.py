"""Dispatches in which one run begins or ends otherwise: what neither prices nor replies tell apart.

Between hours of the same price a run may stand here or there for the same payment, and only the battery's course and
the other loads tell which is better. So such neighbours are tried one by one, those that pay least first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from agent.domain.device import Name
from agent.planning.admissible import keeps_times
from agent.planning.alone.automaton import Automaton
from agent.planning.alone.limits import Limits
from agent.planning.grid.model import Dispatch, Load, Model

_AS_A_WHOLE = range(-12, 13)
"""Steps by which a run is moved as it is, ..."""
_BY_ONE_END = range(-4, 5)
"""... and by which one of its ends is."""

Schedule = tuple[bool, ...]


@dataclass(frozen=True)
class Payment:
    """What a load pays at some prices, and the most that it may pay in a dispatch that is cheaper than the best."""

    load: Load
    """With the prices as its costs."""
    most_try: float


def shifts(
    model: Model, limits: Mapping[Name, Limits], payments: Mapping[Name, Payment], dispatch: Dispatch
) -> Iterator[Dispatch]:
    """The neighbours of a dispatch that may be cheaper than the best known; the battery's course is left as it is."""
    found: list[tuple[float, Name, Schedule]] = []
    for load in model.loads:
        payment = payments[load.name]
        automaton = Automaton.of(load)
        for schedule in _neighbours(tuple(map(bool, dispatch.loads[load.name]))):
            may = keeps_times(load, schedule) and all(
                may_run or not on or load.is_held(step)
                for step, (may_run, on) in enumerate(zip(load.may_run, schedule, strict=True))
            )
            if may and automaton.holds(schedule) and limits[load.name].hold(load.store.trajectory(schedule)):
                paid_try = payment.load.objective_try(schedule)
                if paid_try <= payment.most_try:
                    found.append((paid_try - payment.most_try, load.name, schedule))
    for _, name, schedule in sorted(found, key=lambda one: one[0]):
        yield replace(dispatch, loads={**dispatch.loads, name: schedule})
    for place, errand in enumerate(model.errands):
        if errand.uninterruptible and any(dispatch.runs[place]):
            begin = dispatch.runs[place].index(True)
            for other in sorted(errand.begins(), key=lambda at: abs(at - begin)):
                course = errand.at(other, len(model.steps))
                if other != begin:
                    yield replace(dispatch, runs=(*dispatch.runs[:place], course, *dispatch.runs[place + 1 :]))


def _neighbours(on: Schedule) -> Iterator[Schedule]:
    """Schedules in which one run is moved, or one of its ends; each once."""
    known = {on}
    count = len(on)
    for begin, end in _runs(on):
        moves = [(by, by) for by in _AS_A_WHOLE]
        moves += [move for by in _BY_ONE_END for move in ((by, 0), (0, by))]
        without = [*on[:begin], *((False,) * (end - begin)), *on[end:]]
        for early, late in moves:
            first, stop = max(0, begin + early), min(count, end + late)
            if first < stop:
                moved = tuple(was or first <= step < stop for step, was in enumerate(without))
                if moved not in known:
                    known.add(moved)
                    yield moved


def _runs(on: Schedule) -> list[tuple[int, int]]:
    edges = [step for step, (was, now) in enumerate(pairwise((False, *on, False))) if was != now]
    return list(zip(edges[::2], edges[1::2], strict=True))
