"""Loads that are tied together: bounds and dispatches against the exact program, counting, and the house written twice."""

from collections.abc import Mapping

import numpy as np
from hypothesis import assume, given, settings

from agent.domain.device import Name
from agent.domain.problem import Problem
from agent.planning.admissible import is_admissible
from agent.planning.coupling import improving
from agent.planning.limits import Limits, limits_of
from agent.planning.milp import optimum
from agent.planning.model import Dispatch, Model, model_of
from agent.planning.thermostat import thermostat_dispatch
from tests.planning.houses import whole_problems
from tests.planning.oracle import Actions, Oracle

CENT = 1e-6
PROGRAM_GAP = 2e-4
"""What the exact program may leave open."""


def begun(asked: Problem) -> tuple[Model, Mapping[Name, Limits], Dispatch]:
    """A model, limits that its thermostats keep, and what these do."""
    model = model_of(asked)
    start = thermostat_dispatch(model)
    limits = {load.name: limits_of(load).widened(load.store.trajectory(start.loads[load.name])) for load in model.loads}
    return model, limits, start


def lived(dispatch: Dispatch) -> Actions:
    courses = {name: tuple(map(bool, on)) for name, on in dispatch.loads.items()}
    return Actions(courses, dispatch.runs, dispatch.battery_w)


@settings(max_examples=50)
@given(whole_problems(max_steps=10))
def test_whatever_is_found_can_be_carried_out_and_is_no_dearer_than_before(asked: Problem) -> None:
    model, limits, start = begun(asked)
    assume(is_admissible(model, limits, start))
    before_try, before_bound_try = model.predict(start).objective_try, -np.inf
    for dispatch, bound_try in improving(model, limits, start, 0.1):
        found_try = Oracle(asked).account(lived(dispatch)).objective_try
        assert is_admissible(model, limits, dispatch)
        assert Oracle(asked).violations(lived(dispatch)) == []
        assert found_try <= before_try + CENT
        assert before_bound_try <= bound_try <= found_try + CENT
        before_try, before_bound_try = found_try, bound_try


@settings(max_examples=50)
@given(whole_problems(max_steps=10))
def test_the_exact_optimum_lies_between_bound_and_dispatch(asked: Problem) -> None:
    model, limits, start = begun(asked)
    assume(is_admissible(model, limits, start))
    *_, (dispatch, bound_try) = improving(model, limits, start, 0.1)
    exact = optimum(model, limits, start, 10.0)
    assert exact.optimal
    assert exact.dispatch is not None
    assert exact.bound_try is not None
    exact_try = model.predict(exact.dispatch).objective_try
    slack_try = PROGRAM_GAP * abs(exact_try) + 10 * CENT
    assert bound_try <= exact_try + slack_try
    assert exact.bound_try <= model.predict(dispatch).objective_try + slack_try
