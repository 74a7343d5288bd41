from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.planning.alone.limits import TOLERANCE_C, fullest, limits_of
from agent.planning.alone.pricing import priced
from agent.planning.grid.model import Load, model_of
from tests.planning.houses import WARM_FLAT, hourly, problem
from tests.planning.loads import Features, admissible, loads


@settings(max_examples=100)
@given(loads(Features(quotas=True, hygiene=True), max_steps=7), st.data())
def test_at_any_prices_the_bound_is_below_and_the_schedules_are_among_all_there_are(
    load: Load, data: st.DataObject
) -> None:
    limits = limits_of(load)
    count = len(load.cost_try)
    cost_try = data.draw(st.lists(st.floats(-5, 5), min_size=count, max_size=count))
    allowed = admissible(replace(load, cost_try=tuple(cost_try)), limits)
    found = priced(load, limits, cost_try, 300)
    assert found.bound_try <= min(allowed.values(), default=np.inf) + 1e-9
    within = admissible(replace(load, cost_try=tuple(cost_try)), limits, 2 * TOLERANCE_C)
    assert set(found.schedules) <= set(within)
    assert len(set(found.schedules)) == len(found.schedules)
    costs_try = [within[on] for on in found.schedules]
    assert costs_try == sorted(costs_try) or np.allclose(costs_try, sorted(costs_try), atol=1e-5)
    if allowed and load.hygiene is None:
        assert found.schedules


def test_what_was_found_at_other_prices_does_not_show() -> None:
    (load,) = model_of(problem(WARM_FLAT, hourly([1.0, 2.0, 3.0, 1.0]), outdoor_c=3.0)).loads
    limits = limits_of(load)
    first = priced(load, limits, load.cost_try, 500)
    other = priced(load, limits, [-cost for cost in load.cost_try], 500)
    again = priced(load, limits, load.cost_try, 500)
    assert (again.bound_try, again.schedules) == (first.bound_try, first.schedules)
    assert sum(other.schedules[0]) > sum(first.schedules[0])


def test_few_cells_are_enough_for_a_bound_within_two_per_cent() -> None:
    (load,) = model_of(problem(WARM_FLAT, hourly([1.0 + 0.1 * (7 * hour % 24) for hour in range(24)]))).loads
    limits = limits_of(load)
    found = priced(load, limits, load.cost_try, 1500)
    best_try = load.objective_try(found.schedules[0])
    assert 0.98 * best_try <= found.bound_try <= best_try <= load.objective_try(fullest(load))


def test_bound_and_guide_come_without_schedules_too() -> None:
    (load,) = model_of(problem(WARM_FLAT, hourly([1.0, 2.0, 3.0, 1.0]), outdoor_c=3.0)).loads
    limits = limits_of(load)
    found = priced(load, limits, load.cost_try, 500, beam=0)
    assert found.schedules == ()
    assert found.bound_try == priced(load, limits, load.cost_try, 500).bound_try
