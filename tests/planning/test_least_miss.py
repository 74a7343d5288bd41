from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.planning.alone.least_miss import least_miss, missed_c_h
from agent.planning.alone.limits import fullest, limits_of, outermost
from agent.planning.alone.load_optimum import load_optima
from agent.planning.grid.model import Load, Quota, model_of
from tests.planning.houses import WARM_FLAT, hourly, problem
from tests.planning.loads import Course, Features, course_c, is_hygienic, loads, possible

TOLERANCE_C = 2e-5


def missed(load: Load, hours: tuple[float, ...], on: Course) -> float:
    rows = zip(hours, load.store.wanted_low_c, load.store.wanted_high_c, course_c(load, on), strict=True)
    return sum(length * max(0.0, low - at_c, at_c - high) for length, low, high, at_c in rows)


@settings(max_examples=200)
@given(loads(Features(quotas=True, bands=True, hygiene=True), max_steps=8), st.floats(-6, 6), st.booleans())
def test_no_schedule_misses_less(load: Load, off_c: float, hygienic: bool) -> None:  # noqa: FBT001 - drawn
    load = replace(
        load,
        store=replace(load.store, start_c=load.store.start_c + off_c),
        hygiene=load.hygiene if hygienic else None,
    )
    hours = tuple(0.1 + 0.05 * (step % 3) for step in range(len(load.cost_try)))
    found = least_miss(load, hours)
    bounded = [on for on in possible(load) if outermost(load).hold(course_c(load, on), TOLERANCE_C)]
    allowed = [on for on in bounded if is_hygienic(load, on)]
    assert found.schedule in bounded
    if allowed:
        least_c_h = min(missed(load, hours, on) for on in allowed)
        assert found.schedule in allowed
        assert found.bound_c_h <= least_c_h + 1e-9
        assert found.miss_c_h == pytest.approx(missed(load, hours, found.schedule), abs=1e-9)
        assert found.miss_c_h <= 1.006 * least_c_h + 2e-3


def cold_day(starts: int) -> Load:
    (load,) = model_of(problem(WARM_FLAT, hourly([2.0] * 24), outdoor_c=2.0, room_c=21.0)).loads
    return replace(load, min_on=3, min_off=3, quotas=(Quota(0, 288, starts),))


def test_few_starts_are_spread_over_the_day() -> None:
    load, hours = cold_day(starts=8), (1 / 12,) * 288
    found = least_miss(load, hours)
    assert missed_c_h(load, hours, fullest(load)) > 5 * found.miss_c_h
    assert found.bound_c_h <= found.miss_c_h <= 1.01 * found.bound_c_h
    assert len(load.starts(found.schedule)) <= 8


def test_the_bill_is_minimised_within_what_it_leaves() -> None:
    load, hours = cold_day(starts=8), (1 / 12,) * 288
    found = least_miss(load, hours)
    limits = {load.name: limits_of(load, found.schedule)}
    cheapest = load_optima([load], limits, {load.name: found.schedule}, 5.0)[load.name]
    assert limits[load.name].hold(load.store.trajectory(cheapest.schedule))
    assert missed_c_h(load, hours, cheapest.schedule) <= found.miss_c_h + 288 * 1e-5 / 12
    assert cheapest.objective_try <= load.objective_try(found.schedule)


def test_where_the_band_can_be_kept_nothing_is_missed() -> None:
    found = least_miss(cold_day(starts=48), (1 / 12,) * 288)
    assert found.miss_c_h == 0.0
    assert found.bound_c_h == 0.0
