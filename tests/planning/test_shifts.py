"""Runs that are moved: only what may be carried out, and only what may be cheaper."""

from dataclasses import replace
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.problem import Problem
from agent.planning.admissible import is_admissible, keeps_times
from agent.planning.alone.limits import limits_of
from agent.planning.grid.model import model_of
from agent.planning.joint.charging import charged
from agent.planning.joint.shifts import Payment, shifts
from agent.planning.thermostat import thermostat_dispatch
from tests.planning.houses import WARM_FLAT, hourly, problem, whole_problems


@settings(max_examples=80)
@given(whole_problems(max_steps=24), st.floats(-1, 5))
def test_neighbours_keep_what_they_must_and_pay_no_more_than_they_may(asked: Problem, most_try: float) -> None:
    model = model_of(asked)
    limits = {load.name: limits_of(load) for load in model.loads}
    start = thermostat_dispatch(model)
    payments = {load.name: Payment(load, most_try) for load in model.loads}
    for neighbour in shifts(model, limits, payments, start):
        changed = [load for load in model.loads if neighbour.loads[load.name] != start.loads[load.name]]
        courses = sum(one != other for one, other in zip(neighbour.runs, start.runs, strict=True))
        assert len(changed) + courses == 1
        for load in changed:
            on = neighbour.loads[load.name]
            assert keeps_times(load, on)
            assert limits[load.name].hold(load.store.trajectory(on))
            assert load.objective_try(on) <= most_try
            assert all(may or not runs for may, runs in zip(load.may_run[load.held :], on[load.held :], strict=True))
        for errand, course in zip(model.errands, neighbour.runs, strict=True):
            assert errand.holds(course) or neighbour.runs == start.runs


def test_a_run_moves_to_where_it_costs_less() -> None:
    prices = hourly([2.0] * 6 + [1.0] * 6)
    model = model_of(problem(WARM_FLAT, prices, outdoor_c=5.0))
    (load,) = model.loads
    limits = {load.name: limits_of(load)}
    best = thermostat_dispatch(model)
    before_try = model.predict(best).objective_try
    for _ in range(4):
        neighbours = shifts(model, limits, {load.name: Payment(load, inf)}, best)
        cheaper = min(neighbours, key=lambda other: model.predict(other).objective_try)
        if model.predict(cheaper).objective_try >= model.predict(best).objective_try - 1e-9:
            break
        best = charged(model, replace(cheaper))
    assert is_admissible(model, limits, best)
    assert model.predict(best).objective_try < before_try
