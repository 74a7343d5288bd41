"""What the search may claim, and what it may leave out: bounds as they are found, before any plan shows them."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings

from agent.domain.appliance import Phase, Run
from agent.domain.battery import Battery
from agent.domain.house import House
from agent.domain.interval import Interval
from agent.domain.plan import Fallback
from agent.domain.problem import Problem, Solver
from agent.planning.admissible import is_admissible
from agent.planning.grid.model import model_of
from agent.planning.joint.linear import LinearProgram
from agent.planning.search import Search
from agent.planning.solve import improving, solve
from tests.planning.houses import BOILER, START, problem, schedule, whole_problems

STEP = timedelta(seconds=300)


def run(name: str, first: int, stop: int, *powers_w: float, pausable: bool = False) -> Run:
    return Run(
        appliance=name,
        window=Interval(start=START + first * STEP, end=START + stop * STEP),
        phases=tuple(Phase(duration_s=300, power_w=power_w) for power_w in powers_w),
        uninterruptible=not pausable,
    )


@settings(max_examples=25, deadline=None)
@given(whole_problems())
def test_every_finding_may_be_carried_out_and_no_bound_is_above_any_of_them(asked: Problem) -> None:
    search = Search(model_of(asked))
    found = list(search.findings(Solver.DP, 1.0))
    objectives, bounds = [], []
    for finding in found:
        assert finding.dispatch is not None
        assert is_admissible(search.model, search.limits, finding.dispatch)
        objectives.append(search.model.predict(finding.dispatch).objective_try)
        bounds.append(finding.bound_try)
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(objectives))
    least_try = min(objectives)
    assert all(bound_try is None or bound_try <= least_try + 1e-5 * max(1.0, abs(least_try)) for bound_try in bounds)


def test_a_battery_may_give_to_appliances_that_are_not_told_apart() -> None:
    battery = Battery(capacity_wh=500, charge_w=3000, discharge_w=3000, charge_efficiency=1, discharge_efficiency=1)
    small = run("small", 0, 9, *(500.0 + 10 * k for k in range(9)))
    big = run("big", 8, 18, *(2000.0 + 10 * k for k in range(9)))
    asked = problem(
        House(battery=battery, export_limit_w=0.0),
        [0.0] * 9 + [-10.0] * 9,
        battery_wh=500.0,
        given={"runs": (small, big)},
    )
    search = Search(model_of(asked))
    found = list(search.findings(Solver.DP, 5.0))
    best_try = min(search.model.predict(one.dispatch).objective_try for one in found if one.dispatch is not None)
    assert best_try == pytest.approx(-19.35)
    assert all(one.bound_try is None or one.bound_try <= best_try + 1e-5 for one in found)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("solver", [Solver.DP, Solver.MILP])
def test_a_run_that_can_wait_makes_room_for_one_that_cannot(order: tuple[int, int], solver: Solver) -> None:
    runs = (run("patient", 0, 24, *[2000.0] * 3), run("urgent", 0, 3, *[2000.0] * 3))
    house = BOILER.model_copy(update={"power_limit_w": 2500.0})
    asked = problem(house, [1.0] * 24, given={"runs": tuple(runs[place] for place in order), "solver": solver})
    plan = solve(asked)
    rows = schedule(plan, asked)
    assert [sum(rows[name]) for name in ("patient", "urgent")] == [3, 3]
    assert not plan.fallbacks


def test_a_run_with_pauses_takes_the_power_where_it_is() -> None:
    feeder_w = [2500.0, 2500.0, 500.0, 500.0, 2500.0, 2500.0] + [500.0] * 6
    wash = run("pump", 0, 12, *[2000.0] * 4, pausable=True)
    asked = problem(BOILER, [1.0] * 12, feeder_w=feeder_w, given={"runs": (wash,)})
    plan = solve(asked)
    assert [step for step, on in enumerate(schedule(plan, asked)["pump"]) if on] == [0, 1, 4, 5]


def test_a_run_for_which_there_is_no_power_is_left_out_by_name() -> None:
    house = BOILER.model_copy(update={"power_limit_w": 2500.0})
    oven = run("oven", 0, 24, 3000.0)
    plan = solve(problem(house, [1.0] * 24, given={"runs": (oven,)}))
    assert plan.load("oven") is None
    assert Fallback.APPLIANCE_LEFT_OUT in plan.fallbacks


def test_a_run_that_may_pause_waits_where_the_base_load_leaves_no_power_for_it() -> None:
    house = BOILER.model_copy(update={"power_limit_w": 2500.0})
    washer = run("washer", 0, 4, *[1800.0] * 3, pausable=True)
    begun = washer.model_copy(update={"begun_at": START - STEP})
    crowded = problem(house, [1.0] * 24, base_w=[1000.0] * 4 + [100.0] * 20, given={"runs": (begun,)})
    plan = solve(crowded)
    assert plan.load("washer") is None
    assert plan.fallbacks == {Fallback.APPLIANCE_LEFT_OUT}


def test_a_run_is_not_hidden_in_a_short_last_step() -> None:
    wash = run("washer", 0, 24, *[2000.0] * 3)
    short = Interval(start=START, end=START + 24 * STEP - timedelta(seconds=240))
    plan = solve(problem(BOILER, [1.0] * 24, given={"runs": (wash,), "horizon": short}))
    assert plan.load("washer") is None  # its window goes on: a later plan will see to it


def test_two_appliances_beside_a_battery_do_not_break_the_solver() -> None:
    house = BOILER.model_copy(update={"battery": Battery(capacity_wh=2000, charge_w=1000, discharge_w=1000)})
    runs = (run("washer", 0, 24, *[1500.0] * 3), run("dryer", 0, 24, *[1500.0] * 3))
    *_, plan = improving(problem(house, [1.0, 2.0] * 12, battery_wh=500.0, given={"runs": runs}))
    assert plan.proof.gap_movable is not None
    assert plan.proof.gap_movable < 0.05


def test_a_program_that_the_solver_rejects_has_no_optimum() -> None:
    program = LinearProgram()
    columns = program.add_columns(1.0, 0.0, 1.0, 2)
    rows = program.add_rows(1.0, 1.0, 1)
    program.put(rows, columns, [1.0, float("inf")])
    assert program.solved() is None


def test_a_base_load_of_next_to_nothing_is_no_bend() -> None:
    battery = Battery(capacity_wh=800, charge_w=500, discharge_w=500)
    house = BOILER.model_copy(update={"battery": battery})
    plan = solve(problem(house, [0.0, 0.0], base_w=[0.0, 5e-324], battery_wh=0.0))
    assert plan.proof.movable_try == pytest.approx(0.0)
