"""Plans against everything that could have been done instead."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.appliance import Phase, Run
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, Collector, House, LoadState
from agent.domain.interval import Interval, Series
from agent.domain.plan import Fallback, Method, Plan, ProofStatus
from agent.domain.problem import EndRule, Problem, Solver
from agent.planning.solve import solve
from tests.planning.houses import (
    BOILER,
    BOTH,
    CELLAR,
    COOLING,
    ROD,
    ROOM,
    START,
    TANK,
    WARM_FLAT,
    problem,
    schedule,
    whole_problems,
)
from tests.planning.oracle import Account, Actions, Oracle, checked

SLACK_C = 1e-3
INSIDE_C = 1e-6
"""So far inside every limit a schedule is admissible by anybody's rounding."""
OUTSIDE_C = 2e-5
"""So far outside them a planner may go: twice its tolerance."""
SOLVERS = pytest.mark.parametrize("solver", [Solver.DP, Solver.MILP])


def temperatures(series: Series | None) -> tuple[float, ...]:
    assert series is not None
    return series.values


def planned(asked: Problem, solver: Solver = Solver.DP) -> tuple[Plan, Account]:
    """A plan that is no thermostat's, that breaks nothing, and that has a bound."""
    plan = solve(asked.model_copy(update={"solver": solver}))
    assert plan.method is not Method.THERMOSTAT
    assert plan.proof.movable_bound_try is not None
    return plan, checked(asked, plan)


@SOLVERS
@settings(max_examples=60)
@given(asked=whole_problems(unhurried=True))
def test_every_plan_holds_when_lived_through_independently(solver: Solver, asked: Problem) -> None:
    plan, account = planned(asked, solver)
    if Fallback.COMFORT_RELAXED not in plan.fallbacks:
        oracle = Oracle(asked)
        assert all(oracle.missed(part, path_c, SLACK_C) == 0.0 for part, path_c in account.paths_c.items())


@settings(max_examples=8)
@given(asked=whole_problems(max_steps=6, unhurried=True))
def test_so_does_every_plan_of_the_other_solver(asked: Problem) -> None:
    planned(asked, Solver.CBC)


@settings(max_examples=60)
@given(asked=whole_problems())
def test_there_is_a_plan_whatever_is_late_and_however_little_power_there_is(asked: Problem) -> None:
    plan = solve(asked)
    oracle = Oracle(asked)
    actions = oracle.actions(plan)
    faults = oracle.violations(actions)
    if Fallback.APPLIANCE_LEFT_OUT in plan.fallbacks:
        faults = [fault for fault in faults if "does not run" not in fault]
    assert [fault for fault in faults if "are drawn" not in fault] == []
    if faults:
        # Only a run that is late and must be may draw more than there is.
        assert any(task.must_begin for task in oracle.tasks)


@SOLVERS
@settings(max_examples=30)
@given(asked=whole_problems(max_steps=5, battery=False, unhurried=True))
def test_no_schedule_at_all_is_cheaper_than_the_bound(solver: Solver, asked: Problem) -> None:
    inside, outside = (Oracle(asked).cheapest(slack_c) for slack_c in (-INSIDE_C, OUTSIDE_C))
    plan, account = planned(asked, solver)
    bound_try = plan.proof.movable_bound_try
    if inside is None or outside is None or bound_try is None or inside.degree_hours > 0 or not inside.hygienic:
        return
    assert bound_try <= inside.objective_try + 1e-6
    assert outside.objective_try - 1e-6 <= account.objective_try
    assert account.objective_try <= inside.objective_try + 1e-3 * abs(inside.objective_try) + 1e-6


@settings(max_examples=60)
@given(asked=whole_problems(max_steps=4, battery=True, unhurried=True))
def test_nor_with_a_battery_of_which_only_full_power_is_tried(asked: Problem) -> None:
    coarse = Oracle(asked).cheapest(-INSIDE_C)
    plan, account = planned(asked)
    if coarse is None or coarse.degree_hours > 0 or not coarse.hygienic or plan.proof.movable_bound_try is None:
        return
    assert plan.proof.movable_bound_try <= coarse.objective_try + 1e-6
    assert account.objective_try <= coarse.objective_try + 1e-2 * abs(coarse.objective_try) + 1e-6


@settings(max_examples=30)
@given(asked=whole_problems(max_steps=5, battery=False, unhurried=True))
def test_no_schedule_at_all_has_less_discomfort(asked: Problem) -> None:
    asked = asked.model_copy(update={"end": EndRule.VALUED})
    _, account = planned(asked)
    best = Oracle(asked).cheapest(OUTSIDE_C)
    assert best is not None
    if best.hygienic:
        assert sum(account.degree_hours.values()) <= best.degree_hours + 1e-3
        tank_c = account.paths_c.get("tank")
        assert tank_c is None or Oracle(asked).is_hygienic(tank_c, SLACK_C)


@settings(max_examples=30)
@given(asked=whole_problems(max_steps=20, unhurried=True), data=st.data())
def test_nothing_that_is_drawn_at_random_beats_the_bound(asked: Problem, data: st.DataObject) -> None:
    oracle = Oracle(asked)
    count = len(oracle.steps)
    bits = st.lists(st.booleans(), min_size=count, max_size=count).map(tuple)
    on = {name: data.draw(bits | st.just((False,) * count), label=name) for name in asked.house.loads}
    runs = tuple(data.draw(st.sampled_from(list(task.courses(count)))) for task in oracle.tasks)
    actions = Actions(on, runs, None if asked.house.battery is None else (0.0,) * count)
    paths = {name: oracle.path_c(name, course) for name, course in on.items()}
    if oracle.violations(actions, -INSIDE_C) or not all(
        oracle.ends_well(name, path_c, -INSIDE_C) for name, path_c in paths.items()
    ):
        return
    account = oracle.account(actions)
    tank_c = account.paths_c.get("tank")
    if sum(account.degree_hours.values()) > 0 or (tank_c is not None and not oracle.is_hygienic(tank_c)):
        return
    plan, mine = planned(asked)
    assert plan.proof.movable_bound_try is not None
    assert plan.proof.movable_bound_try <= account.objective_try + 1e-6
    assert mine.objective_try <= account.objective_try + 1e-2 * abs(account.objective_try) + 1e-6


EXAMPLES: dict[str, tuple[House, dict[str, Any]]] = {
    "heating": (WARM_FLAT, {"outdoor_c": -4.0}),
    "showers": (BOILER, {"draw_kg_per_s": [0.0, 0, 0.02, 0.02, 0, 0, 0, 0.01, 0, 0]}),
    "collector that may or may not collect": (
        BOILER.model_copy(update={"collector": Collector(area_m2=3, heat_removal_factor=0.8, heat_loss_w_per_m2_c=9)}),
        {"sun_w_m2": [420.0, 400, 430, 410, 440, 390, 420, 450, 400, 380], "tank_c": 49.0},
    ),
    "cooling with minimum times": (
        House(room=ROOM, air_conditioner=COOLING.model_copy(update={"min_on_s": 900, "min_off_s": 600})),
        {"outdoor_c": 36.0, "room_c": 23.5},
    ),
    "long rests": (
        BOILER.model_copy(update={"water_heater": ROD.model_copy(update={"min_off_s": 900})}),
        {"draw_kg_per_s": 0.008},
    ),
    "one start": (
        BOILER.model_copy(update={"water_heater": ROD.model_copy(update={"max_starts_per_day": 1})}),
        {"draw_kg_per_s": 0.008},
    ),
    "dear starts": (
        BOILER.model_copy(update={"water_heater": ROD.model_copy(update={"start_price_try": 0.4})}),
        {"draw_kg_per_s": 0.008},
    ),
}
PRICES = [3.0, 1.0, 2.0, 0.5, 4.0, 1.0, 3.5, 0.7, 2.2, 1.1]


@pytest.mark.parametrize("name", list(EXAMPLES))
@pytest.mark.parametrize("end", list(EndRule))
@SOLVERS
def test_the_optimum_is_what_counting_all_schedules_finds(solver: Solver, end: EndRule, name: str) -> None:
    house, weather = EXAMPLES[name]
    asked = problem(house, PRICES, given={"end": end}, **weather)
    plan, account = planned(asked, solver)
    cheapest = Oracle(asked).cheapest(INSIDE_C)
    assert cheapest is not None
    assert plan.proof.status is ProofStatus.OPTIMAL
    assert account.objective_try == pytest.approx(cheapest.objective_try, rel=1e-4, abs=1e-6)


@SOLVERS
def test_two_loads_under_one_limit_are_as_cheap_as_counting_finds(solver: Solver) -> None:
    house = BOTH.model_copy(update={"power_limit_w": 2500.0})
    asked = problem(house, PRICES[:7], base_w=300.0, outdoor_c=10.0, tank_c=50.0)
    cheapest = Oracle(asked).cheapest(INSIDE_C)
    assert cheapest is not None
    assert planned(asked, solver)[1].objective_try == pytest.approx(cheapest.objective_try, rel=1e-3, abs=1e-6)


@SOLVERS
def test_a_run_beside_a_load_under_one_limit_is_as_cheap_as_counting_finds(solver: Solver) -> None:
    house = BOILER.model_copy(update={"power_limit_w": 2500.0})
    phases = (Phase(duration_s=600, power_w=1000), Phase(duration_s=300, power_w=400))
    run = Run(appliance="washer", window=Interval(start=START, end=START + timedelta(seconds=2700)), phases=phases)
    asked = problem(house, PRICES, draw_kg_per_s=0.006, given={"runs": (run,)})
    cheapest = Oracle(asked).cheapest(INSIDE_C)
    assert cheapest is not None
    assert planned(asked, solver)[1].objective_try == pytest.approx(cheapest.objective_try, rel=1e-3, abs=1e-6)


def test_loads_that_run_apart_by_themselves_need_no_common_program() -> None:
    prices = [3.0] * 6 + [1.0] * 6
    weather: dict[str, Any] = {"outdoor_c": 22.0, "room_c": 22.5, "draw_kg_per_s": 0.004}
    free, tied = (
        planned(problem(house, prices, **weather))[0]
        for house in (BOTH, BOTH.model_copy(update={"power_limit_w": 3000.0}))
    )
    assert tied.method is Method.DYNAMIC_PROGRAMMING
    assert tied.loads == free.loads
    assert tied.proof.movable_bound_try == pytest.approx(free.proof.movable_bound_try, rel=1e-3)


def test_a_power_limit_makes_no_plan_cheaper_than_the_loads_by_themselves() -> None:
    prices = [2.0, 0.5, 3.0] * 6
    free, tied = (
        planned(problem(house, prices, outdoor_c=0.0, draw_kg_per_s=0.004))[0].proof
        for house in (BOTH, BOTH.model_copy(update={"power_limit_w": 2500.0}))
    )
    assert free.movable_bound_try is not None
    assert tied.movable_bound_try is not None
    assert tied.movable_bound_try >= free.movable_bound_try - 1e-6
    assert tied.objective_try > free.objective_try


def test_an_owner_may_choose_the_exact_program() -> None:
    asked = problem(BOILER, [2.0, 1.0] * 6, tank_c=45.0)
    by_cells, by_program = (planned(asked, solver)[0] for solver in (Solver.DP, Solver.MILP))
    assert (by_cells.method, by_program.method) == (Method.DYNAMIC_PROGRAMMING, Method.MILP)
    assert by_cells.proof.objective_try == pytest.approx(by_program.proof.objective_try, rel=1e-4)


def test_negative_prices_are_taken_until_the_tank_is_full_and_no_further() -> None:
    plan, _ = planned(problem(BOILER, [2.0] * 6 + [-1.0] * 12 + [2.0] * 6, tank_c=50.0))
    path_c = temperatures(plan.tank_temperature_c)
    assert plan.proof.status is ProofStatus.OPTIMAL
    assert plan.proof.movable_try < 0
    assert plan.proof.gap_movable is not None
    assert plan.proof.gap_movable <= 1e-3
    assert max(path_c) <= TANK.comfort.high_c + SLACK_C
    # The six steps of 1.8 °C that fit below 60 °C, and no other, are in the hour that pays.
    assert all(
        START + timedelta(minutes=30) <= block.start and block.end <= START + timedelta(minutes=90)
        for block in plan.loads[0].on
    )


def test_no_plan_lives_on_the_heat_it_leaves_behind_where_that_must_be_as_it_was() -> None:
    given_end = {"end": EndRule.RESTORED}
    plan, _ = planned(problem(BOTH, [2.0] * 24, room_c=22.0, tank_c=50.0, given=given_end))
    assert temperatures(plan.room_temperature_c)[-1] >= 22.0 - SLACK_C
    assert temperatures(plan.tank_temperature_c)[-1] >= 50.0 - SLACK_C


def test_a_plan_does_not_coast_to_its_limits_where_heat_is_cheaper_now_than_it_is_worth() -> None:
    plan, account = planned(problem(BOILER, [3.0] * 12 + [1.0] * 6 + [3.0] * 18, tank_c=43.0))
    assert temperatures(plan.tank_temperature_c)[-1] >= 49.0
    assert account.left_try > account.movable_try > 0


def test_a_load_switched_a_minute_ago_finishes_its_minimum_run() -> None:
    house = House(tank=TANK, water_heater=ROD.model_copy(update={"min_on_s": 900}))
    just_on = {WATER_HEATER: LoadState(on=True, since=START - timedelta(seconds=60))}
    plan, _ = planned(problem(house, [9.0] * 3 + [1.0] * 9, tank_c=52.0, loads=just_on))
    assert plan.loads[0].on[0] == Interval(start=START, end=START + timedelta(seconds=900))


def test_where_power_is_short_there_is_a_plan_and_it_says_that_comfort_gave_way() -> None:
    house = BOTH.model_copy(update={"power_limit_w": 2100.0})
    asked = problem(house, [1.0] * 12, room_c=20.1, tank_c=42.1, outdoor_c=-15.0, draw_kg_per_s=0.03)
    plan, account = planned(asked)
    assert Fallback.COMFORT_RELAXED in plan.fallbacks
    assert sum(account.degree_hours.values()) > 0


def test_a_run_that_needs_more_power_than_there_is_does_not_cost_the_others_their_plan() -> None:
    window = Interval(start=START, end=START + timedelta(minutes=20))
    run = Run(appliance="washer", window=window, phases=(Phase(duration_s=900, power_w=3000),))
    house = BOILER.model_copy(update={"power_limit_w": 2500.0})
    asked = problem(house, [1.0] * 12, tank_c=41.0, given={"runs": (run,)})
    plan = solve(asked)
    oracle = Oracle(asked)
    faults = oracle.violations(oracle.actions(plan))
    assert [fault for fault in faults if "are drawn" not in fault and "does not run" not in fault] == []
    assert plan.fallbacks & {Fallback.POWER_LIMIT_EXCEEDED, Fallback.APPLIANCE_LEFT_OUT}


def test_a_house_of_stores_without_loads_is_predicted_all_the_same() -> None:
    plan, _ = planned(problem(House(room=ROOM, tank=TANK, water_heater=ROD), [1.0] * 6))
    assert plan.load(AIR_CONDITIONER) is None
    assert len(temperatures(plan.room_temperature_c)) == 6


def test_a_house_of_a_battery_alone_is_planned() -> None:
    asked = problem(House(battery=CELLAR), [1.0] * 12 + [4.0] * 12, base_w=2000.0, battery_wh=500.0)
    plan, account = planned(asked)
    assert plan.loads == ()
    assert max(account.battery_wh) > 2000.0
    assert account.objective_try < 0


def test_the_same_problem_gives_the_same_plan() -> None:
    asked = problem(BOTH, PRICES * 2, outdoor_c=2.0, draw_kg_per_s=0.004)
    first, second = solve(asked), solve(asked)
    assert first.plan_id == second.plan_id
    assert schedule(first, asked) == schedule(second, asked)
