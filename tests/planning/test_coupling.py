"""Loads that are tied together: bounds and dispatches against the exact program and the house written twice."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from agent.domain.battery import Battery
from agent.domain.device import Name
from agent.domain.house import House
from agent.domain.interval import Interval
from agent.domain.problem import EndRule, Problem
from agent.planning.admissible import is_admissible
from agent.planning.alone.limits import Limits, fullest, limits_of
from agent.planning.alone.pricing import Pricing, cells_of
from agent.planning.grid.model import Dispatch, Load, Model, model_of
from agent.planning.joint.charging import charged
from agent.planning.joint.choices import Choices, choices_of, levels_w
from agent.planning.joint.coupling import OPTIMAL_GAP, improving
from agent.planning.joint.fixing import remainder
from agent.planning.joint.linear import INFINITE, LinearProgram
from agent.planning.joint.prices import PricedHouse, Prices, fair
from agent.planning.program.milp import optimum
from agent.planning.rules import own_use
from agent.planning.thermostat import thermostat_dispatch
from benchmarks.days.paper import home_problem
from tests.planning.houses import problem, whole_problems
from tests.planning.oracle import Actions, Oracle

CENT = 1e-6
PROGRAM_GAP = 2e-4
"""What the exact program may leave open."""


def begun(asked: Problem) -> tuple[Model, Mapping[Name, Limits], Dispatch]:
    """A model, its limits, and what keeps them: thermostats, or each load in turn as soon and as long as it may."""
    model = model_of(asked)
    limits = {load.name: limits_of(load) for load in model.loads}
    thermostats = thermostat_dispatch(model)
    for start in (thermostats, hasty(model, model.loads), hasty(model, model.loads[::-1])):
        if is_admissible(model, limits, start):
            return model, limits, start
    return reject()


def hasty(model: Model, order: Sequence[Load]) -> Dispatch:
    spare_w, loads = list(model.exchange.spare_w), {}
    for load in order:
        may_run = tuple(load.power_w <= left_w for left_w in spare_w)
        loads[load.name] = fullest(replace(load, may_run=may_run))
        spare_w = [left_w - load.power_w * on for left_w, on in zip(spare_w, loads[load.name], strict=True)]
    switched = replace(thermostat_dispatch(model), loads=loads, battery_w=None)
    return replace(switched, battery_w=own_use(model, switched))


def lived(dispatch: Dispatch) -> Actions:
    courses = {name: tuple(map(bool, on)) for name, on in dispatch.loads.items()}
    return Actions(courses, dispatch.runs, dispatch.battery_w)


@settings(max_examples=50)
@given(whole_problems(max_steps=10))
def test_whatever_is_found_can_be_carried_out_and_is_no_dearer_than_before(asked: Problem) -> None:
    model, limits, start = begun(asked)
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
    *_, (dispatch, bound_try) = improving(model, limits, start, 0.1)
    exact = optimum(model, limits, start, 10.0)
    assert exact.optimal
    assert exact.dispatch is not None
    assert exact.bound_try is not None
    exact_try = model.predict(exact.dispatch).objective_try
    slack_try = PROGRAM_GAP * abs(exact_try) + 10 * CENT
    assert bound_try <= exact_try + slack_try
    assert exact.bound_try <= model.predict(dispatch).objective_try + slack_try


@pytest.mark.parametrize("battery", [None, Battery(capacity_wh=5000, charge_w=2500, discharge_w=2500)])
def test_a_whole_day_is_soon_proven_within_a_percent(battery: Battery | None) -> None:
    asked = home_problem(20.0)
    house = asked.house.model_copy(update={"power_limit_w": 3600.0, "battery": battery})
    state = asked.state.model_copy(update={"battery_wh": battery and 1000.0})
    model, limits, start = begun(asked.model_copy(update={"house": house, "state": state}))
    searched = improving(model, limits, start, 60.0)
    next(searched), next(searched)
    dispatch, bound_try = next(searched)
    objective_try = model.predict(dispatch).objective_try
    assert objective_try < model.predict(start).objective_try
    assert 0 <= objective_try - bound_try <= 0.01 * objective_try


def priced_at_random(model: Model, choices: Choices, draw: np.random.Generator) -> Prices:
    count = len(model.steps)
    windows = 0 if model.exchange.demand is None else len(model.exchange.demand.windows)
    charge_try = 0.0 if model.exchange.demand is None else model.exchange.demand.try_per_w
    shares = draw.dirichlet(np.ones(windows + 1))[:windows] if windows else np.zeros(0)
    phases_try = [draw.uniform(-0.5, 1.0, (count, len(levels_w(errand)))) for errand in model.errands]
    for paid_try in phases_try:
        paid_try[:, 0] = 0.0  # who draws nothing pays nothing
    prices = Prices(
        on_try=draw.uniform(-0.5, 1.0, (len(model.loads), count)),
        phases_try=tuple(phases_try),
        peak_try_per_w=charge_try * shares,
    )
    return fair(model, choices, prices, np.zeros(count)) if draw.random() < 0.5 else prices


@settings(max_examples=100)
@given(whole_problems(max_steps=10), st.integers(0, 1000))
def test_whatever_the_prices_what_all_pay_at_least_is_no_more_than_a_dispatch_costs(asked: Problem, seed: int) -> None:
    model, _, start = begun(asked)
    choices = choices_of(model)
    prices = priced_at_random(model, choices, np.random.default_rng(seed))
    house = PricedHouse(model, choices, prices)
    loads_try = 0.0
    for load, on_try in zip(model.loads, prices.on_try, strict=True):
        at_prices = replace(load, cost_try=tuple(on_try.tolist()))
        loads_try += at_prices.objective_try(start.loads[load.name])
    assert house.bound_try + loads_try <= model.predict(charged(model, start)).objective_try + CENT


@settings(max_examples=60)
@given(whole_problems(max_steps=10), st.integers(0, 1000))
def test_whatever_the_prices_a_dispatch_that_is_no_dearer_is_left(asked: Problem, seed: int) -> None:
    model, limits, start = begun(asked)
    choices = choices_of(model)
    prices = priced_at_random(model, choices, np.random.default_rng(seed))
    house = PricedHouse(model, choices, prices)
    loads = {
        load.name: Pricing(replace(load, cost_try=tuple(on_try.tolist())), cells_of(load, limits[load.name], 200))
        for load, on_try in zip(model.loads, prices.on_try, strict=True)
    }
    for dispatch in (charged(model, start), *(found for found, _ in improving(model, limits, start, 0.1))):
        left = remainder(house, loads, model.errands, model.predict(dispatch).objective_try)
        for load in model.loads:
            domain, on = left.loads[load.name], dispatch.loads[load.name]
            known = domain.with_known(on, load.store.trajectory(on))
            assert known.open_steps == domain.open_steps
            assert (known.may_rest, known.may_run) == (domain.may_rest, domain.may_run)
            assert domain.limits.hold(load.store.trajectory(on))
        for errand, course in zip(left.errands, dispatch.runs, strict=True):
            assert errand.holds(course)


def test_the_exact_program_closes_on_what_bounds_leave_of_half_a_day() -> None:
    asked = home_problem(60.0)
    house = asked.house.model_copy(update={"battery": Battery(capacity_wh=5000, charge_w=2500, discharge_w=2500)})
    state = asked.state.model_copy(update={"battery_wh": 1000.0})
    horizon = Interval(start=asked.horizon.start, end=asked.horizon.start + timedelta(hours=12))
    model, limits, start = begun(asked.model_copy(update={"house": house, "state": state, "horizon": horizon}))
    *_, (dispatch, bound_try) = improving(model, limits, start, 60.0)
    objective_try = model.predict(dispatch).objective_try
    assert 0 <= objective_try - bound_try <= OPTIMAL_GAP * objective_try + 2 * CENT


@settings(max_examples=60)
@given(whole_problems(max_steps=10), st.integers(0, 1000))
def test_paying_what_it_adds_never_lowers_what_house_and_load_pay_at_least(asked: Problem, seed: int) -> None:
    model = model_of(asked)
    model = replace(model, bank=None, errands=(), loads=model.loads[:1])
    choices = choices_of(model)
    draw = np.random.default_rng(seed)
    some = Prices(draw.uniform(-0.5, 1.0, (len(model.loads), len(model.steps))), (), np.zeros(0))
    model = replace(model, exchange=replace(model.exchange, demand=None))
    paid = fair(model, choices, some, np.zeros(len(model.steps)))
    before_try, after_try = (PricedHouse(model, choices, prices).bound_try for prices in (some, paid))
    free_try, paid_try = (sum(min(0.0, on_try) for on_try in prices.on_try.ravel()) for prices in (some, paid))
    assert after_try + paid_try >= before_try + free_try - CENT


def test_a_battery_alone_is_charged_as_cheaply_as_its_bound_says() -> None:
    battery = Battery(capacity_wh=2000, charge_w=1000, discharge_w=1000, wear_try_per_kwh=0.05)
    hours = [1.0, 0.5, 3.0, 4.0]
    asked = problem(
        House(battery=battery),
        [price for price in hours for _ in range(12)],
        base_w=600.0,
        battery_wh=500.0,
        given={"end": EndRule.RESTORED},
    )
    model, limits, start = begun(asked)
    *_, (dispatch, bound_try) = improving(model, limits, start, 1.0)
    assert model.predict(dispatch).objective_try == pytest.approx(bound_try, abs=1e-5)
    assert model.predict(dispatch).objective_try < model.predict(start).objective_try - 0.5


def test_an_entry_that_is_put_twice_counts_twice() -> None:
    program = LinearProgram()
    amounts = program.add_columns([1.0, 3.0], 0.0, 10.0, 2)
    row = program.add_rows(4.0, INFINITE, 1)
    for _ in range(2):
        program.put(row, amounts, 1.0)
    found = program.solved()
    assert found is not None
    assert found.columns.tolist() == [2.0, 0.0]
    assert found.duals.tolist() == [0.5]
