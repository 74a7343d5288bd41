"""The plain program of the whole house: against prediction, against trying everything, and HiGHS against CBC."""

import os
import shutil
from dataclasses import replace
from itertools import product
from math import inf

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.domain.appliance import Phase, Run
from agent.domain.battery import Battery
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, Collector, House
from agent.domain.plan import Fallback
from agent.domain.problem import EndRule, Problem, Solver
from agent.domain.tariff import DemandCharge
from agent.planning.admissible import is_admissible, is_hygienic, violations
from agent.planning.alone.limits import TOLERANCE_C, Limits, limits_of
from agent.planning.grid.model import Dispatch, Hygiene, Model, model_of
from agent.planning.program.accumulator import add_bank, course_w
from agent.planning.program.milp import Answer, Window, optimum
from agent.planning.program.program import Program
from agent.planning.program.solvers import RELATIVE_GAP, _cbc_bound, cbc_path
from agent.planning.thermostat import thermostat_dispatch
from benchmarks.days.paper import home_problem
from tests.planning.houses import BOILER, TANK, WARM_FLAT, problem, whole_problems
from tests.planning.oracle import Actions, Oracle

CENT = 1e-6
SOLVERS = [
    pytest.param(Solver.MILP, id="highs"),
    pytest.param(Solver.CBC, id="cbc", marks=pytest.mark.skipif(cbc_path() is None, reason="not here: CBC")),
]
LOSSY = Battery(capacity_wh=1000, charge_w=1000, discharge_w=1000, charge_efficiency=0.5, discharge_efficiency=0.5)
STORAGE = House(battery=LOSSY)


def limits(model: Model) -> dict[str, Limits]:
    return {load.name: limits_of(load) for load in model.loads}


def solved(model: Model, solver: Solver = Solver.MILP, start: Dispatch | None = None) -> Answer:
    return optimum(model, limits(model), start, 10.0, solver)


def objective_try(model: Model, answer: Answer) -> float:
    assert answer.dispatch is not None
    return model.predict(answer.dispatch).objective_try


def close(objective: float) -> float:
    return RELATIVE_GAP * abs(objective) + 10 * CENT


def lived(dispatch: Dispatch) -> Actions:
    courses = {name: tuple(map(bool, on)) for name, on in dispatch.loads.items()}
    return Actions(courses, dispatch.runs, dispatch.battery_w)


def cheapest_try(asked: Problem, model: Model, slack_c: float) -> float:
    """The least objective of all there is to do, by the house written a second time; infinite if there is nothing.

    A battery stands still or works at full power, so the true optimum may be cheaper.
    """
    oracle, bounds, count = Oracle(asked), limits(model), len(model.steps)
    courses = [
        [
            on
            for on in product((False, True), repeat=count)
            if not list(oracle.load_faults(load.name, on, slack_c))
            and bounds[load.name].hold(oracle.path_c(load.name, on), slack_c)
            and is_hygienic(load, oracle.path_c(load.name, on), slack_c)
        ]
        for load in model.loads
    ]
    powers_w: list[tuple[float, ...] | None] = [None]
    if asked.house.battery is not None:
        extremes = (0.0, asked.house.battery.charge_w, -asked.house.battery.discharge_w)
        powers_w = [w for w in product(extremes, repeat=count) if not list(oracle.battery_faults(w))]
    least = inf
    for picked in product(*courses):
        on = {load.name: course for load, course in zip(model.loads, picked, strict=True)}
        for runs, battery_w in product(product(*(list(task.courses(count)) for task in oracle.tasks)), powers_w):
            actions = Actions(on, runs, battery_w)
            if not list(oracle.connection_faults(oracle.net_w(actions))):
                least = min(least, oracle.account(actions).objective_try)
    return least


@settings(max_examples=150)
@given(whole_problems(max_steps=10))
def test_an_answer_can_be_carried_out_and_costs_what_the_program_says(asked: Problem) -> None:
    model = model_of(asked)
    answer = solved(model)
    if answer.dispatch is None:
        assert answer.missing is Fallback.PLANNER_INFEASIBLE
        return
    assert list(violations(model, limits(model), answer.dispatch, 2 * TOLERANCE_C)) == []
    assert Oracle(asked).violations(lived(answer.dispatch)) == []
    found_try = Oracle(asked).account(lived(answer.dispatch)).objective_try
    assert answer.optimal
    assert answer.bound_try is not None
    assert answer.bound_try == pytest.approx(found_try, abs=close(found_try))


@settings(max_examples=60)
@given(whole_problems(max_steps=5, battery=False))
def test_nothing_that_can_be_tried_is_cheaper_nor_the_bound_above_it(asked: Problem) -> None:
    model = model_of(asked)
    answer, least_try = solved(model), cheapest_try(asked, model, TOLERANCE_C)
    if answer.dispatch is None:
        assert least_try == inf
        return
    assert objective_try(model, answer) == pytest.approx(least_try, abs=close(least_try))
    assert answer.bound_try is not None
    assert answer.bound_try <= least_try + CENT


@settings(max_examples=40)
@given(whole_problems(max_steps=4, battery=True))
def test_no_battery_at_full_power_or_at_rest_is_cheaper(asked: Problem) -> None:
    model = model_of(asked)
    answer, least_try = solved(model), cheapest_try(asked, model, TOLERANCE_C)
    if answer.dispatch is None:
        assert least_try == inf
        return
    assert objective_try(model, answer) <= least_try + close(least_try)


@pytest.mark.skipif(cbc_path() is None, reason="not here: CBC")
@settings(max_examples=40)
@given(whole_problems(max_steps=7))
def test_highs_and_cbc_agree(asked: Problem) -> None:
    model = model_of(asked)
    highs, cbc = solved(model), solved(model, Solver.CBC)
    assert highs.missing == cbc.missing
    if highs.dispatch is not None:
        assert cbc.bound_try is not None
        assert objective_try(model, highs) == pytest.approx(objective_try(model, cbc), abs=close(cbc.bound_try))
        assert cbc.bound_try <= objective_try(model, highs) + close(cbc.bound_try)
        assert cbc.dispatch is not None
        assert list(violations(model, limits(model), cbc.dispatch, 2 * TOLERANCE_C)) == []


@settings(max_examples=40)
@given(whole_problems(max_steps=8), st.data())
def test_within_a_window_the_rest_stays_as_it_was(asked: Problem, data: st.DataObject) -> None:
    model = model_of(asked)
    start = thermostat_dispatch(model)
    assume(is_admissible(model, limits(model), start))
    first = data.draw(st.integers(0, len(model.steps) - 1))
    steps = range(first, data.draw(st.integers(first + 1, len(model.steps))))
    unmoved = data.draw(st.sets(st.sampled_from([AIR_CONDITIONER, WATER_HEATER, "washer"])))
    answer = optimum(model, limits(model), start, 10.0, window=Window(steps, frozenset(unmoved)))
    assert answer.dispatch is not None
    names = [*model.loads, *(errand.appliance for errand in model.errands)]
    before = [*(start.loads[load.name] for load in model.loads), *start.runs]
    after = [*(answer.dispatch.loads[load.name] for load in model.loads), *answer.dispatch.runs]
    for name, was, now in zip(names, before, after, strict=True):
        changed = [step for step in range(len(model.steps)) if was[step] != now[step]]
        assert all(step in steps for step in changed)
        assert not changed or getattr(name, "name", name) not in unmoved
    assert list(violations(model, limits(model), answer.dispatch, 2 * TOLERANCE_C)) == []
    assert objective_try(model, answer) <= model.predict(start).objective_try + close(objective_try(model, answer))


@settings(max_examples=40)
@given(whole_problems(max_steps=8))
def test_a_window_over_all_steps_changes_nothing(asked: Problem) -> None:
    model = model_of(asked)
    free = solved(model)
    assume(free.dispatch is not None)
    window = Window(range(len(model.steps)))
    held = optimum(model, limits(model), free.dispatch, 10.0, window=window)
    assert objective_try(model, held) == pytest.approx(
        objective_try(model, free), abs=close(objective_try(model, free))
    )


def test_a_window_needs_something_to_differ_from() -> None:
    model = model_of(problem(WARM_FLAT, [1.0] * 4))
    with pytest.raises(ValueError, match="differ from"):
        optimum(model, limits(model), None, 1.0, window=Window(range(2)))


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_paid_battery_does_not_burn_by_charging_and_discharging_at_once(solver: Solver) -> None:
    # Full at the start: it must first give 250 Wh to take 1,000 Wh. At once both it could take them in every step.
    asked = problem(STORAGE, [-1.0] * 4, step_s=3600, base_w=2000.0, battery_wh=1000.0, given={"end": EndRule.RESTORED})
    model = model_of(asked)
    answer = solved(model, solver)
    assert answer.dispatch is not None
    assert answer.dispatch.battery_w is not None
    # Given 250 W in one hour, 500 Wh are gone, and one hour of charging at full power brings them back.
    assert objective_try(model, answer) == pytest.approx(-1.5, abs=1e-5)
    assert answer.bound_try == pytest.approx(-1.5, abs=1e-3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_buying_to_sell_in_the_same_step_earns_nothing(solver: Solver) -> None:
    asked = problem(WARM_FLAT, [1.0] * 4, base_w=500.0, own_w=1000.0, sell_try_per_kwh=3.0, room_c=23.0)
    model = model_of(asked)
    answer = solved(model, solver)
    # Selling the 500 W that are left over earns more than heat is worth, so nothing runs.
    assert answer.dispatch == Dispatch(loads={AIR_CONDITIONER: (False,) * 4})
    assert answer.bound_try == pytest.approx(objective_try(model, answer), abs=CENT)


@pytest.mark.parametrize("solver", SOLVERS)
def test_what_is_sold_at_a_loss_is_throttled_only_beyond_the_export_limit(solver: Solver) -> None:
    house = WARM_FLAT.model_copy(update={"export_limit_w": 400.0})
    asked = problem(house, [1.0] * 4, own_w=1000.0, sell_try_per_kwh=-2.0, room_c=23.0)
    model = model_of(asked)
    answer = solved(model, solver)
    # 400 W sold at a loss cost 0.8 TRY an hour; the unit draws 1,500 W and makes that 500 W bought for 0.5 TRY.
    # Without the rule the program would throttle all for nothing, and neither sell nor run.
    assert answer.dispatch is not None
    assert all(answer.dispatch.loads[AIR_CONDITIONER])
    assert model.predict(answer.dispatch).movable_try == pytest.approx((0.5 - 0.8) / 3, abs=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_run_with_pauses_takes_the_cheap_steps_in_the_order_of_its_phases(solver: Solver) -> None:
    phases = (Phase(duration_s=300, power_w=2000.0), Phase(duration_s=300, power_w=500.0))
    asked = problem(WARM_FLAT, [9.0, 3.0, 9.0, 1.0, 1.6, 9.0], room_c=23.9, outdoor_c=23.9)
    run = Run(appliance="washer", window=asked.horizon, phases=phases, uninterruptible=False)
    model = model_of(asked.model_copy(update={"runs": (run,)}))
    answer = solved(model, solver)
    assert answer.dispatch is not None
    assert answer.dispatch.runs == ((False, False, False, True, True, False),)
    whole = model_of(asked.model_copy(update={"runs": (run.model_copy(update={"phases": phases[::-1]}),)}))
    reverse = solved(whole, solver)
    assert reverse.dispatch is not None
    # The strong phase comes last now: it waits for neither of the two cheapest steps to be past.
    assert reverse.dispatch.runs == ((False, True, False, True, False, False),)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_run_that_is_not_worth_its_price_is_left_out(solver: Solver) -> None:
    asked = problem(WARM_FLAT, [4.0] * 6, room_c=23.0)
    run = Run(
        appliance="pump", window=asked.horizon, phases=(Phase(duration_s=600, power_w=1200.0),), worth_try=0.79
    )  # it costs 0.8
    model = model_of(asked.model_copy(update={"runs": (run,)}))
    answer = solved(model, solver)
    assert answer.dispatch is not None
    assert answer.dispatch.runs == ((False,) * 6,)
    assert model.predict(answer.dispatch).wear_try == pytest.approx(0.79)
    dearer = replace(model, errands=(replace(model.errands[0], skipped_try=0.81),))
    ran = solved(dearer, solver).dispatch
    assert ran is not None
    assert sum(ran.runs[0]) == 2


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_demand_charge_spreads_what_must_run(solver: Solver) -> None:
    phases = (Phase(duration_s=900, power_w=1000.0),)
    prices = [1.0, 1.0, 1.0, 1.1, 1.1, 1.1]
    asked = problem(WARM_FLAT, prices, room_c=23.0, given={"demand": DemandCharge(try_per_kw=50.0)})
    runs = tuple(Run(appliance=name, window=asked.horizon, phases=phases) for name in ("washer", "dryer"))
    model = model_of(asked.model_copy(update={"runs": runs}))
    answer = solved(model, solver)
    assert answer.dispatch is not None
    # As much in either quarter of an hour: without the charge both would run in the first one.
    assert model.exchange.demand_try(model.net_w(answer.dispatch)) == pytest.approx(50.0)
    free = solved(replace(model, exchange=replace(model.exchange, demand=None)), solver)
    assert free.dispatch is not None
    assert model.exchange.demand_try(model.net_w(free.dispatch)) == pytest.approx(100.0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_legionella_are_met_at_the_cheapest_time_before_they_are_due(solver: Solver) -> None:
    asked = problem(BOILER, [5.0] * 6 + [1.0] * 6 + [0.5] * 12, tank_c=50.0)
    model = model_of(asked)
    hot = replace(model.loads[0], hygiene=Hygiene(hot_c=54.0, hold=2, due=14))
    model = replace(model, loads=(hot,))
    answer = solved(model, solver)
    assert answer.dispatch is not None
    path_c = model.predict(answer.dispatch).temperatures_c["tank"]
    assert any(min(path_c[step : step + 2]) >= 54.0 - TOLERANCE_C for step in range(13))
    assert not any(answer.dispatch.loads[WATER_HEATER][:6])
    unmet = replace(model, loads=(replace(hot, hygiene=Hygiene(hot_c=54.0, hold=2, due=1)),))
    assert solved(unmet, solver).missing is Fallback.PLANNER_INFEASIBLE


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_collector_that_stops_leaves_the_rod_to_go_on(solver: Solver) -> None:
    stagnant = House(
        tank=TANK.model_copy(update={"water_kg": 40.0}),
        water_heater=BOILER.water_heater,
        collector=Collector(area_m2=6, heat_removal_factor=0.8, heat_loss_w_per_m2_c=4, stops_at_c=52.0),
    )
    asked = problem(stagnant, [-1.0] * 8, tank_c=49.0, sun_w_m2=800.0, outdoor_c=20.0)
    model = model_of(asked)
    answer = solved(model, solver)
    assert objective_try(model, answer) == pytest.approx(cheapest_try(asked, model, TOLERANCE_C), abs=1e-5)
    assert answer.dispatch is not None
    assert max(model.predict(answer.dispatch).temperatures_c["tank"]) > 52.0 + 1.0


@pytest.mark.parametrize("solver", SOLVERS)
def test_without_time_the_answer_is_no_worse_than_what_was_known(solver: Solver) -> None:
    model = model_of(home_problem(1.0))
    start = optimum(model, limits(model), thermostat_dispatch(model), 1.0).dispatch
    assert start is not None
    answer = optimum(model, limits(model), start, 0.0, solver)
    assert answer.missing is None
    assert objective_try(model, answer) <= model.predict(start).objective_try + CENT
    assert answer.bound_try is None or answer.bound_try <= objective_try(model, answer)


def test_what_a_solver_rounds_does_not_leave_the_battery_emptier_than_it_must_be() -> None:
    asked = problem(STORAGE, [1.0] * 2, step_s=3600, base_w=5000.0, battery_wh=500.0, given={"end": EndRule.RESTORED})
    model = model_of(asked)
    assert model.bank is not None
    columns = add_bank(Program(), model.bank, model.exchange.hours, None)
    columns.held_kwh[0].varValue, columns.held_kwh[1].varValue = -0.001, 0.499
    power_w = course_w(columns, model.bank, model.exchange, model.exchange.rest_w, [-inf] * 2)
    # Charging at full power puts 500 Wh back in the last hour, so the first may take 500 Wh and no more.
    assert power_w == pytest.approx((-250.0, 1000.0))
    assert model.bank.holds(power_w, model.exchange.hours)


def test_the_bound_of_an_interrupted_cbc_is_not_its_objective() -> None:
    said = "Result - Stopped on time limit\n\nObjective value:         5.80114728\nLower bound:             5.759\n"
    assert _cbc_bound(said) == pytest.approx(5.7585)  # it may have been rounded up to what is printed
    assert _cbc_bound("Result - Optimal solution found\n\nObjective value:      5.80000000\n") == pytest.approx(5.8)
    assert _cbc_bound("Cbc3007W No integer variables - nothing to do\n") == -inf


def test_without_cbc_on_the_machine_the_planner_has_failed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(os, "access", lambda *_: False)
    answer = solved(model_of(problem(WARM_FLAT, [1.0] * 4)), Solver.CBC)
    assert answer == Answer(dispatch=None, bound_try=None, optimal=False, missing=Fallback.PLANNER_FAILED)
    assert "there is no CBC" in caplog.text
