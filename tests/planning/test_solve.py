from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, Band, Collector, House, LoadState
from agent.domain.interval import Interval, Series
from agent.domain.plan import Fallback, Method, Plan, Problem, ProofStatus, Solver
from agent.planning.model import predict
from agent.planning.solve import solve
from tests.planning import oracle
from tests.planning.houses import (
    BOILER,
    BOTH,
    COOLING,
    ROD,
    ROOM,
    START,
    TANK,
    WARM_FLAT,
    problem,
    problems,
    schedule,
)

SLACK_C = 1e-3


def temperatures(series: Series | None) -> tuple[float, ...]:
    assert series is not None
    return series.values


SOLVERS = pytest.mark.parametrize("solver", list(Solver))


def asked_of(solver: Solver, asked: Problem) -> Problem:
    return asked.model_copy(update={"solver": solver})


@SOLVERS
@settings(max_examples=60)
@given(problems())
def test_every_plan_holds_when_simulated_independently(solver: Solver, asked: Problem) -> None:
    plan = solve(asked_of(solver, asked))
    on = schedule(plan, asked)
    assert plan.method is not Method.THERMOSTAT
    assert all(oracle.keeps_times(asked, name, on[name]) for name in on)
    assert oracle.keeps_power(asked, on)
    assert abs(plan.proof.movable_try - oracle.movable_try(asked, on)) < 1e-9
    assert plan.proof.movable_bound_try is not None
    assert plan.proof.movable_bound_try <= plan.proof.movable_try
    if Fallback.COMFORT_RELAXED not in plan.fallbacks:
        assert all(oracle.keeps_band(path_c, band, SLACK_C) for _, path_c, band in oracle.paths_c(asked, on))


@SOLVERS
@settings(max_examples=60)
@given(problems(max_steps=7))
def test_no_schedule_at_all_is_cheaper_than_the_bound(solver: Solver, asked: Problem) -> None:
    plan = solve(asked_of(solver, asked))
    cheapest_try = oracle.cheapest_try(asked, slack_c=-1e-6)
    if cheapest_try is None:
        return
    assert plan.proof.movable_bound_try is not None
    assert plan.proof.movable_bound_try <= cheapest_try + 1e-6
    assert plan.proof.movable_try <= cheapest_try + 1e-4 * abs(cheapest_try) + 1e-6
    on = schedule(plan, asked)
    if all(oracle.is_admissible(asked, name, on[name], SLACK_C) for name in on):
        assert plan.proof.movable_try >= (oracle.cheapest_try(asked, slack_c=2 * SLACK_C) or 0.0) - 1e-9


@pytest.mark.parametrize(
    ("house", "weather"),
    [
        (WARM_FLAT, {"outdoor_c": -4.0}),
        (BOILER, {"draw_kg_per_s": [0.0, 0, 0.02, 0.02, 0, 0, 0, 0.01, 0, 0]}),
        (
            BOILER.model_copy(
                update={"collector": Collector(area_m2=3, heat_removal_factor=0.8, heat_loss_w_per_m2_c=9)}
            ),
            {"sun_w_m2": [420.0, 400, 430, 410, 440, 390, 420, 450, 400, 380], "tank_c": 49.0},
        ),
        (
            WARM_FLAT.model_copy(
                update={"air_conditioner": COOLING.model_copy(update={"min_on_s": 900, "min_off_s": 600})}
            ),
            {"outdoor_c": 36.0, "room_c": 23.5},
        ),
        (
            BOILER.model_copy(update={"water_heater": ROD.model_copy(update={"min_off_s": 900})}),
            {"draw_kg_per_s": 0.008},
        ),
    ],
    ids=["heating", "showers", "collector that may or may not collect", "cooling with minimum times", "long rests"],
)
@SOLVERS
def test_the_optimum_is_what_counting_all_schedules_finds(
    solver: Solver, house: House, weather: dict[str, float]
) -> None:
    asked = problem(house, [3.0, 1.0, 2.0, 0.5, 4.0, 1.0, 3.5, 0.7, 2.2, 1.1], **weather)  # type: ignore[arg-type] # series by name
    plan = solve(asked_of(solver, asked))
    cheapest_try = oracle.cheapest_try(asked, slack_c=1e-6)
    assert cheapest_try is not None
    assert plan.proof.status is ProofStatus.OPTIMAL
    assert plan.proof.movable_try == pytest.approx(cheapest_try, rel=1e-4, abs=1e-6)


@SOLVERS
def test_two_loads_under_one_limit_are_as_cheap_as_counting_finds(solver: Solver) -> None:
    house = BOTH.model_copy(update={"power_limit_w": 2500.0})
    asked = problem(house, [3.0, 1.0, 2.0, 0.5, 4.0, 1.0, 3.5], base_w=300.0, outdoor_c=10.0, tank_c=50.0)
    plan = solve(asked_of(solver, asked))
    assert plan.method is Method.MILP
    assert plan.proof.movable_try == pytest.approx(oracle.cheapest_try(asked, slack_c=1e-6), rel=1e-4)


def test_loads_that_run_apart_by_themselves_need_no_common_program() -> None:
    prices = [3.0] * 6 + [1.0] * 6
    free = solve(problem(BOTH, prices, outdoor_c=22.0, room_c=22.5, draw_kg_per_s=0.004))
    tied = solve(
        problem(
            BOTH.model_copy(update={"power_limit_w": 3000.0}),
            prices,
            outdoor_c=22.0,
            room_c=22.5,
            draw_kg_per_s=0.004,
        )
    )
    assert tied.method is Method.DYNAMIC_PROGRAMMING
    assert tied.loads == free.loads
    assert tied.proof.movable_bound_try == free.proof.movable_bound_try


def test_a_power_limit_makes_no_plan_cheaper_than_the_loads_by_themselves() -> None:
    prices = [2.0, 0.5, 3.0] * 6
    free = solve(problem(BOTH, prices, outdoor_c=0.0, draw_kg_per_s=0.004))
    tied = solve(problem(BOTH.model_copy(update={"power_limit_w": 2500.0}), prices, outdoor_c=0.0, draw_kg_per_s=0.004))
    assert tied.method is Method.MILP
    assert free.proof.movable_bound_try is not None
    assert tied.proof.movable_bound_try is not None
    assert tied.proof.movable_bound_try >= free.proof.movable_bound_try
    assert tied.proof.movable_try > free.proof.movable_try


def test_an_owner_may_choose_the_exact_program() -> None:
    asked = problem(BOILER, [2.0, 1.0] * 6, tank_c=45.0)
    by_cells, by_program = solve(asked), solve(asked_of(Solver.MILP, asked))
    assert (by_cells.method, by_program.method) == (Method.DYNAMIC_PROGRAMMING, Method.MILP)
    assert by_cells.proof.movable_try == pytest.approx(by_program.proof.movable_try, rel=1e-4)


def test_a_room_at_29_with_limit_26_is_cooled_as_fast_as_can_be() -> None:
    flat = House(room=ROOM.model_copy(update={"comfort": Band(low_c=22, high_c=26)}), air_conditioner=COOLING)
    plan = solve(problem(flat, [2.0] * 6 + [1.0] * 18, room_c=29.0, outdoor_c=33.0))
    path_c = temperatures(plan.room_temperature_c)
    assert plan.method is Method.DYNAMIC_PROGRAMMING
    assert Fallback.COMFORT_RELAXED in plan.fallbacks
    warm = [at_c > 26.0 for at_c in path_c]
    recovered = warm.index(False)
    assert plan.loads[0].on[0] == Interval(start=START, end=plan.loads[0].on[0].end)
    assert plan.loads[0].on[0].duration_s >= 300 * recovered  # on without a pause until it is comfortable
    assert not any(warm[recovered:])


def test_a_tank_at_35_with_limit_42_is_heated_as_fast_as_can_be() -> None:
    plan = solve(problem(BOILER, [5.0] * 6 + [1.0] * 18, tank_c=35.0))
    path_c = temperatures(plan.tank_temperature_c)
    assert plan.method is Method.DYNAMIC_PROGRAMMING
    assert Fallback.COMFORT_RELAXED in plan.fallbacks
    recovered = next(step for step, at_c in enumerate(path_c) if at_c >= 42.0)
    assert plan.loads[0].on[0].start == START
    assert plan.loads[0].on[0].duration_s >= 300 * recovered
    assert min(path_c[recovered:]) >= 42.0 - SLACK_C


def test_too_much_sun_overheats_the_tank_but_the_rod_adds_nothing() -> None:
    sunny = BOILER.model_copy(
        update={"collector": Collector(area_m2=10, heat_removal_factor=0.9, heat_loss_w_per_m2_c=0)}
    )
    asked = problem(sunny, [-1.0] * 24, tank_c=58.0, sun_w_m2=900.0)
    plan = solve(asked)
    idle_c = predict(asked, {WATER_HEATER: (False,) * 24}).temperatures_c["tank"]
    assert plan.method is Method.DYNAMIC_PROGRAMMING
    assert Fallback.COMFORT_RELAXED in plan.fallbacks
    assert max(idle_c) > TANK.comfort.high_c
    assert all(
        at_c <= max(TANK.comfort.high_c, idle) + SLACK_C
        for at_c, idle in zip(temperatures(plan.tank_temperature_c), idle_c, strict=True)
    )


def test_the_day_of_23_hours_has_a_plan_for_each_of_them() -> None:
    zone = ZoneInfo("Europe/Berlin")
    span = Interval(start=datetime(2026, 3, 29, tzinfo=zone), end=datetime(2026, 3, 30, tzinfo=zone))
    template = problem(BOILER, [1.0] * 92, step_s=900)
    asked = Problem(
        **{
            **dict(template),
            "horizon": span,
            "price_try_per_kwh": Series.of((hour, 1 + k % 5) for k, hour in enumerate(span.steps(3600))),
            **{
                name: Series.constant(span, value)
                for name, value in (("outdoor_temperature_c", 5.0), ("irradiance_w_m2", 0.0), ("base_load_w", 100.0))
            },
            "hot_water_kg_per_s": Series(),
            "time_limit_s": 2.0,
        }
    )
    plan = solve(asked)
    assert plan.method is Method.DYNAMIC_PROGRAMMING
    assert len(temperatures(plan.tank_temperature_c)) == 23 * 4
    assert plan.tank_temperature_c is not None
    assert plan.tank_temperature_c.span == Interval(
        start=datetime(2026, 3, 28, 23, tzinfo=UTC), end=datetime(2026, 3, 29, 22, tzinfo=UTC)
    )


def test_negative_prices_are_taken_until_the_tank_is_full_and_no_further() -> None:
    plan = solve(problem(BOILER, [2.0] * 6 + [-1.0] * 12 + [2.0] * 6, tank_c=50.0))
    path_c = temperatures(plan.tank_temperature_c)
    assert plan.proof.status is ProofStatus.OPTIMAL
    assert plan.proof.movable_try < 0
    assert plan.proof.gap_movable is not None
    assert plan.proof.gap_movable <= 1e-4
    assert max(path_c) <= TANK.comfort.high_c + SLACK_C
    # The six steps of 1.8 °C that fit below 60 °C, and no other, are in the hour that pays.
    assert all(
        START + timedelta(minutes=30) <= block.start and block.end <= START + timedelta(minutes=90)
        for block in plan.loads[0].on
    )


def test_no_plan_lives_on_the_heat_it_leaves_behind() -> None:
    plan = solve(problem(BOTH, [2.0] * 24, room_c=22.0, tank_c=50.0))
    assert temperatures(plan.room_temperature_c)[-1] >= 22.0 - SLACK_C
    assert temperatures(plan.tank_temperature_c)[-1] >= 50.0 - SLACK_C


def test_a_load_switched_a_minute_ago_finishes_its_minimum_run() -> None:
    house = House(tank=TANK, water_heater=ROD.model_copy(update={"min_on_s": 900}))
    just_on = {WATER_HEATER: LoadState(on=True, since=START - timedelta(seconds=60))}
    plan = solve(problem(house, [9.0] * 3 + [1.0] * 9, tank_c=52.0, loads=just_on))
    assert plan.loads[0].on[0] == Interval(start=START, end=START + timedelta(seconds=900))


def test_where_power_is_short_there_is_a_plan_and_it_says_that_comfort_gave_way() -> None:
    house = BOTH.model_copy(update={"power_limit_w": 2100.0})
    asked = problem(house, [1.0] * 12, room_c=20.1, tank_c=42.1, outdoor_c=-15.0, draw_kg_per_s=0.03)
    plan = solve(asked)
    assert plan.method is Method.DYNAMIC_PROGRAMMING
    assert Fallback.COMFORT_RELAXED in plan.fallbacks
    assert oracle.keeps_power(asked, schedule(plan, asked))


def test_a_house_of_stores_without_loads_is_predicted_all_the_same() -> None:
    house = House(room=ROOM, tank=TANK, water_heater=ROD)
    plan: Plan = solve(problem(house, [1.0] * 6))
    assert plan.load(AIR_CONDITIONER) is None
    assert len(temperatures(plan.room_temperature_c)) == 6
