from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.planning.alone.automaton import Automaton
from agent.planning.alone.limits import fullest, limits_of
from agent.planning.alone.load_optimum import Optimum, load_optima
from agent.planning.grid.model import Load, Quota, model_of
from tests.planning.houses import WARM_FLAT, hourly, problem
from tests.planning.loads import Features, admissible, keeps_quotas, loads, possible


def optimum_of(load: Load, time_limit_s: float = 5.0) -> Optimum:
    return load_optima([load], {load.name: limits_of(load)}, {load.name: fullest(load)}, time_limit_s)[load.name]


@settings(max_examples=80)
@given(loads(Features(quotas=True), max_steps=9))
def test_with_few_starts_the_cheapest_of_all_schedules_is_enclosed(load: Load) -> None:
    allowed = admissible(load, limits_of(load))
    found = optimum_of(load)
    cheapest_try = min(allowed.values())
    assert found.bound_try <= cheapest_try + 1e-9
    assert cheapest_try <= found.objective_try + 1e-9
    assert keeps_quotas(load, found.schedule)
    assert found.missing_try <= 1e-3 * (1 + abs(found.paid_try))


@given(loads(Features(quotas=True), max_steps=6))
def test_the_automaton_counts_as_the_calendar_does(load: Load) -> None:
    everything = replace(load, quotas=())
    automaton = Automaton.of(load)
    for on in possible(everything):
        assert automaton.has_starts_for(on) is keeps_quotas(load, on)


def test_a_quota_that_cannot_be_used_up_is_not_counted() -> None:
    (load,) = model_of(problem(WARM_FLAT, hourly([1.0, 2.0]))).loads
    plenty = replace(load, min_on=3, min_off=3, quotas=(Quota(0, 24, 4),))
    assert not Automaton.of(plenty).quotas
    assert Automaton.of(replace(plenty, quotas=(Quota(0, 24, 3),))).quotas


@pytest.mark.parametrize("left", [0, 1, 2, 4])
def test_a_day_with_few_starts_is_proven_as_closely_as_any(left: int) -> None:
    prices = hourly([1.0 + 0.1 * (7 * hour % 24) for hour in range(24)])
    (load,) = model_of(problem(WARM_FLAT, prices, outdoor_c=16.0)).loads
    load = replace(load, min_on=3, min_off=3, quotas=(Quota(0, 180, left), Quota(180, 288, 3)))
    found = optimum_of(load)
    assert found.missing_try <= 1e-3 * found.paid_try
    starts = load.starts(found.schedule)
    assert sum(step < 180 for step in starts) <= left
    assert sum(step >= 180 for step in starts) <= 3


@settings(max_examples=20)
@given(loads(Features(quotas=True), max_steps=8), st.integers(1, 2))
def test_more_starts_never_cost_more(load: Load, more: int) -> None:
    limits = limits_of(load)
    richer = replace(load, quotas=tuple(replace(quota, starts=quota.starts + more) for quota in load.quotas))
    known = {load.name: fullest(load)}
    poor = load_optima([load], {load.name: limits}, known, 5.0)[load.name]
    rich = load_optima([richer], {load.name: limits}, known, 5.0)[load.name]
    assert rich.bound_try <= poor.objective_try + 1e-9
