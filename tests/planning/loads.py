"""Loads of a few steps, drawn straight, and all that they can do, by counting: no cell and no label is asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import inf

from hypothesis import strategies as st

from agent.domain.house import WATER_HEATER, AirConditionerMode
from agent.planning.alone.limits import TOLERANCE_C, Limits
from agent.planning.grid.end import Worth
from agent.planning.grid.model import Hygiene, Load, Quota
from agent.planning.grid.stores import TANK, Store

Course = tuple[bool, ...]


def course_c(load: Load, on: Sequence[bool]) -> list[float]:
    """Temperatures at the ends of the steps, with the collector's pump as its owner would describe it."""
    store, now_c, path = load.store, load.store.start_c, []
    for step, runs in enumerate(on):
        dark_c = store.keep[step] * now_c + store.push_c[step] + (store.lift_c[step] if runs else 0.0)
        sunny_c = dark_c + max(0.0, store.sun_c[step] - store.fade[step] * now_c)
        if sunny_c > store.stop_c:
            sunny_c = max(dark_c, store.stop_c)
        now_c = sunny_c
        path.append(now_c)
    return path


def starts(load: Load, on: Course) -> list[int]:
    return [step for step, (was, runs) in enumerate(pairwise((load.on_at_start, *on))) if runs and not was]


def keeps_times(load: Load, on: Course) -> bool:
    """Held steps stay; what is switched stays switched for its time, or until the end."""
    if any(runs is not load.on_at_start for runs in on[: load.held]):
        return False
    was = (load.on_at_start, *on)
    switched = [step for step, (before, runs) in enumerate(pairwise(was)) if before is not runs]
    for here, there in pairwise([*switched, inf]):
        shortest = load.min_on if on[int(here)] else load.min_off
        if there - here < shortest and there != inf:
            return False
    return all(load.may_run[step] or step < load.held for step, runs in enumerate(on) if runs)


def keeps_quotas(load: Load, on: Course) -> bool:
    return all(
        sum(quota.first <= step < quota.stop for step in starts(load, on)) <= quota.starts for quota in load.quotas
    )


def hot_by(hygiene: Hygiene, path_c: Sequence[float]) -> float:
    """Behind which step the store has been hot for long enough; infinite if never."""
    for stop in range(hygiene.hold, len(path_c) + 1):
        if all(at_c >= hygiene.hot_c for at_c in path_c[stop - hygiene.hold : stop]):
            return stop
    return inf


def is_hygienic(load: Load, on: Course) -> bool:
    return load.hygiene is None or hot_by(load.hygiene, course_c(load, on)) <= load.hygiene.due


def objective_try(load: Load, on: Course) -> float:
    cost_try = sum(cost for cost, runs in zip(load.cost_try, on, strict=True) if runs)
    worth, end_c = load.worth, course_c(load, on)[-1]
    counted = [min(worth.toward * at_c, worth.toward * worth.full_c) for at_c in (end_c, worth.start_c)]
    return cost_try + load.start_try * len(starts(load, on)) - worth.try_per_c * (counted[0] - counted[1])


def possible(load: Load) -> Iterator[Course]:
    """What keeps times, quotas and power, whatever the temperatures."""
    for on in product((False, True), repeat=len(load.cost_try)):
        if keeps_times(load, on) and keeps_quotas(load, on):
            yield on


def admissible(load: Load, limits: Limits, slack_c: float = TOLERANCE_C) -> dict[Course, float]:
    """Every schedule that keeps everything, and its objective."""
    return {
        on: objective_try(load, on)
        for on in possible(load)
        if limits.hold(course_c(load, on), slack_c) and is_hygienic(load, on)
    }


def free_times(load: Load, on: Course) -> Iterator[int]:
    """When the load may be switched: what it did last has lasted long enough."""
    for at in range(load.held, len(on) + 1):
        recent = on[max(load.held, at - (load.min_on if at and on[at - 1] else load.min_off)) : at]
        long_enough = at - load.held == 0 or len(set(recent)) == 1
        if long_enough and (len(recent) >= (load.min_on if recent and recent[-1] else load.min_off) or at == load.held):
            yield at


@dataclass(frozen=True)
class Features:
    """What a drawn load may have."""

    collector: bool = True
    quotas: bool = False
    hygiene: bool = False
    bands: bool = False


@st.composite
def loads(draw: st.DrawFn, features: Features, max_steps: int = 10) -> Load:
    """A load whose temperatures move visibly in a few steps."""
    count = draw(st.integers(2, max_steps))
    cools = draw(st.booleans()) and not features.hygiene
    toward = -1.0 if cools else 1.0

    def each(values: st.SearchStrategy[float]) -> tuple[float, ...]:
        return tuple(draw(st.lists(values, min_size=count, max_size=count)))

    collects = features.collector and not cools and draw(st.booleans())
    harsh = draw(st.booleans())  # what drains the store may be more than what its load adds
    drift = st.floats(-2.5, 0.5).map(lambda c: toward * c) if harsh else st.floats(-1.0, 1.0)
    lift_c = toward * draw(st.floats(0.5, 3.0))
    low_c = draw(st.floats(40, 46))
    high_c = low_c + draw(st.floats(2, 9))
    steps_low_c = each(st.sampled_from([low_c, low_c, low_c + 1.5])) if features.bands else (low_c,) * count
    store = Store(
        name=TANK,
        start_c=draw(st.floats(low_c - 2, high_c + 2)),
        wanted_low_c=steps_low_c,
        wanted_high_c=(high_c,) * count,
        keep=(keep := each(st.floats(0.9, 1.0))),
        push_c=tuple((1 - part) * 45 + more for part, more in zip(keep, each(drift), strict=True)),
        lift_c=tuple(lift_c * share for share in each(st.floats(0.7, 1.3))),
        sun_c=each(st.floats(0, 5)) if collects else (0.0,) * count,
        fade=each(st.floats(0, 0.1)) if collects else (0.0,) * count,
        stop_c=draw(st.sampled_from([inf, low_c + 1, high_c - 0.5])) if collects else inf,
    )
    on_at_start = draw(st.booleans())
    setpoint_c = draw(st.floats(low_c, high_c))
    load = Load(
        name=WATER_HEATER,
        store=store,
        power_w=2000.0,
        setpoint_c=setpoint_c,
        thermostat_c=(setpoint_c,) * count,
        mode=AirConditionerMode.COOL if cools else AirConditionerMode.HEAT,
        min_on=draw(st.integers(1, 3)),
        min_off=draw(st.integers(1, 3)),
        on_at_start=on_at_start,
        held=draw(st.integers(0, 2)),
        may_run=tuple(draw(st.lists(st.sampled_from([True, True, True, False]), min_size=count, max_size=count))),
        cost_try=each(st.floats(-1, 5)),
        worth=Worth(
            try_per_c=draw(st.sampled_from([0.0, 0.3, 1.0])),
            toward=toward,
            full_c=draw(st.floats(low_c, high_c)),
            start_c=store.start_c,
            restored=draw(st.booleans()),
        ),
        start_try=draw(st.sampled_from([0.0, 0.2, 1.0])),
    )
    if features.quotas:
        border = draw(st.integers(0, count))
        sides = ((0, border), (border, count))
        load = replace(load, quotas=tuple(Quota(*side, draw(st.integers(0, 2))) for side in sides if side[0] < side[1]))
    if features.hygiene:
        hygiene = Hygiene(
            hot_c=draw(st.floats(low_c, high_c - 0.5)), hold=draw(st.integers(1, 4)), due=draw(st.integers(0, count))
        )
        load = replace(load, hygiene=hygiene)
    return load
