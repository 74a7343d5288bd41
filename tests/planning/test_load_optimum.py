from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.comfort import Band
from agent.domain.house import Collector, House
from agent.domain.problem import Problem
from agent.planning.alone.limits import TOLERANCE_C, Limits, fullest, limits_of
from agent.planning.alone.load_optimum import Attempt, Optimum, improving_optima, load_optima
from agent.planning.grid.model import Load, model_of
from agent.planning.program.milp import optimum
from tests.planning.houses import BOILER, BOTH, COOLING, ROD, WARM_FLAT, problem, problems
from tests.planning.loads import Features, admissible, course_c, loads

SUNNY = BOILER.model_copy(update={"collector": Collector(area_m2=4, heat_removal_factor=0.9, heat_loss_w_per_m2_c=9)})


def optimum_of(load: Load) -> Optimum:
    return load_optima([load], {load.name: limits_of(load)}, {load.name: fullest(load)}, time_limit_s=5.0)[load.name]


def assert_encloses_the_cheapest(found: Optimum, limits: Limits) -> None:
    """That the bound is below, and the schedule nearly as cheap as, the cheapest of all there are."""
    load = found.load
    cheapest_try = min(admissible(load, limits).values())
    assert found.bound_try <= cheapest_try + 1e-9
    assert found.schedule in admissible(load, limits, 2 * TOLERANCE_C)
    assert cheapest_try <= found.objective_try + 1e-9
    assert found.missing_try <= 1e-3 * (1 + abs(found.paid_try))


@settings(max_examples=150)
@given(loads(Features(), max_steps=9))
def test_bound_and_schedule_enclose_the_cheapest_of_all_schedules(load: Load) -> None:
    assert_encloses_the_cheapest(optimum_of(load), limits_of(load))


@settings(max_examples=50)
@given(problems(max_steps=9), st.sampled_from(["any", "free", "paid for"]))
def test_so_they_do_in_homes_whatever_the_prices(asked: Problem, prices: str) -> None:
    for forecast in model_of(asked).loads:
        sign = {"any": None, "free": 0.0, "paid for": -1.0}[prices]
        costs = forecast.cost_try if sign is None else tuple(sign * abs(cost) for cost in forecast.cost_try)
        load = replace(forecast, cost_try=costs)
        assert_encloses_the_cheapest(optimum_of(load), limits_of(load))


@settings(max_examples=50)
@given(loads(Features(quotas=True, hygiene=True, bands=True), max_steps=8))
def test_so_they_do_with_quotas_hygiene_and_bands_together(load: Load) -> None:
    limits = limits_of(load)
    found = optimum_of(load)
    if admissible(found.load, limits):
        assert found.is_admissible
        assert_encloses_the_cheapest(found, limits)


@given(loads(Features(), max_steps=7))
def test_all_that_is_known_at_any_moment_holds(load: Load) -> None:
    limits = limits_of(load)
    seen = [
        optima[load.name]
        for optima in improving_optima([load], {load.name: limits}, {load.name: fullest(load)}, time_limit_s=0.0)
    ]
    assert seen[0].schedule == fullest(load)
    assert all(limits.hold(course_c(load, found.schedule)) for found in seen)
    for before, found in pairwise(seen):
        assert found.objective_try <= before.objective_try + 1e-6
        assert found.bound_try >= before.bound_try


@pytest.mark.parametrize(
    ("house", "weather"),
    [
        (WARM_FLAT, {"outdoor_c": 0.0}),
        (House(room=WARM_FLAT.room, air_conditioner=COOLING), {"outdoor_c": 33.0, "room_c": 23.0}),
        (BOILER, {"draw_kg_per_s": [0.0] * 8 + [0.02] * 4 + [0.0] * 12}),
        (SUNNY, {"sun_w_m2": [0.0] * 4 + [430.0] * 12 + [0.0] * 8, "tank_c": 47.0}),
    ],
    ids=["heating", "cooling", "showers", "collector"],
)
@pytest.mark.parametrize("min_s", [0, 900])
def test_the_exact_program_finds_nothing_cheaper_where_it_closes(
    house: House, weather: dict[str, float], min_s: int
) -> None:
    (name,) = house.loads
    unit = house.load(name).model_copy(update={"min_on_s": min_s, "min_off_s": min_s})
    prices = [3.0, 3.0, 1.0, 1.0, 2.0, 2.5, 0.5, 0.5, 4.0, 4.0, 1.5, 1.2] * 2
    asked = problem(house.model_copy(update={name: unit}), prices, **weather)  # type: ignore[arg-type] # series by name
    (load,) = model_of(asked).loads
    limits, found = limits_of(load), optimum_of(load)
    answer = optimum(model_of(asked), {load.name: limits}, None, time_limit_s=20.0)
    assert answer.optimal
    assert answer.dispatch is not None
    assert answer.bound_try is not None
    theirs_try = load.objective_try(answer.dispatch.loads[load.name])
    assert found.bound_try <= theirs_try + 1e-9
    assert answer.bound_try <= found.objective_try + 1e-6
    assert found.objective_try == pytest.approx(theirs_try, rel=2e-4)


@pytest.mark.parametrize("price", [0.0, 1.0])
def test_among_equally_cheap_schedules_the_one_that_switches_least_is_taken(price: float) -> None:
    asked = problem(BOILER, [price] * 48, tank_c=45.0)
    (load,) = model_of(asked).loads
    assert len(load.starts(optimum_of(load).schedule)) == 1


def test_finer_cells_bring_bound_and_schedule_together() -> None:
    prices = [1.0 + 0.1 * (7 * hour % 24) for hour in range(24) for _ in range(12)]
    (load,) = model_of(problem(WARM_FLAT, prices, outdoor_c=3.0)).loads
    first = Optimum(load=load, limits=limits_of(load), schedule=fullest(load), bound_try=0.0).refined(
        Attempt(200, 1000, 0.0)
    )
    second = first.refined(Attempt(20_000, 1000, 0.0))
    assert first.bound_try < second.bound_try <= second.objective_try <= first.objective_try
    assert second.missing_try < 1e-3 * second.objective_try


def test_two_days_of_two_loads_are_proven_within_a_fifth_of_a_per_cent() -> None:
    prices = [1.0 + 0.1 * (7 * hour % 24) for hour in range(48) for _ in range(12)]
    draws = [0.02 if 84 <= step % 288 < 90 else 0.0 for step in range(576)]
    house = BOTH.model_copy(
        update={
            "air_conditioner": WARM_FLAT.load("air_conditioner").model_copy(update={"min_on_s": 900, "min_off_s": 900}),
            "water_heater": ROD.model_copy(update={"min_on_s": 900, "min_off_s": 900}),
        }
    )
    model = model_of(problem(house, prices, outdoor_c=4.0, draw_kg_per_s=draws))
    limits = {load.name: limits_of(load) for load in model.loads}
    optima = load_optima(model.loads, limits, {load.name: fullest(load) for load in model.loads}, time_limit_s=20.0)
    cost_try = sum(found.objective_try for found in optima.values())
    assert sum(found.missing_try for found in optima.values()) < 2e-3 * cost_try
    for name, found in optima.items():
        assert limits[name].hold(found.load.store.trajectory(found.schedule))


def test_a_band_wider_than_what_one_step_adds_and_one_far_narrower_are_both_planned() -> None:
    for high_c in (42.5, 60.0):
        tank = BOILER.tank
        assert tank is not None
        house = BOILER.model_copy(
            update={"tank": tank.model_copy(update={"comfort": Band(low_c=42, high_c=high_c), "water_kg": 300.0})}
        )
        asked = problem(house, [1.0, 2.0, 3.0] * 4, tank_c=42.2)
        (load,) = model_of(asked).loads
        found = optimum_of(load)
        assert found.objective_try == pytest.approx(min(admissible(load, limits_of(load)).values()), rel=1e-4)
