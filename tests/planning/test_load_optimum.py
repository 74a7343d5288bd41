from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.device import Name
from agent.domain.house import WATER_HEATER, Band, Collector, House
from agent.domain.plan import Problem
from agent.planning.cells import Cells, bound
from agent.planning.limits import TOLERANCE_C, Limits, fullest, limits_of
from agent.planning.load_optimum import Optimum, load_optima
from agent.planning.milp import optimum
from agent.planning.model import Load, model_of
from tests.planning import oracle
from tests.planning.houses import BOILER, BOTH, COOLING, ROD, WARM_FLAT, problem, problems

ENTRIES = 1_000_000
SUNNY = BOILER.model_copy(update={"collector": Collector(area_m2=4, heat_removal_factor=0.9, heat_loss_w_per_m2_c=9)})


def path_c(asked: Problem, name: Name, on: tuple[bool, ...]) -> list[float]:
    return (oracle.tank_c if name == WATER_HEATER else oracle.room_c)(asked, on)


def admissible(
    asked: Problem, load: Load, limits: Limits, slack_c: float = TOLERANCE_C
) -> dict[tuple[bool, ...], float]:
    """Every schedule that keeps limits, times and power, by trying all there are; and what each costs."""
    return {
        on: sum(cost for cost, runs in zip(load.cost_try, on, strict=True) if runs)
        for on in product((False, True), repeat=len(load.cost_try))
        if all(load.may_run[step] or load.is_held(step) for step, runs in enumerate(on) if runs)
        and oracle.keeps_times(asked, load.name, on)
        and limits.hold(path_c(asked, load.name, on), slack_c)
    }


def optimum_of(load: Load) -> Optimum:
    return load_optima([load], {load.name: limits_of(load)}, {load.name: fullest(load)}, time_limit_s=5.0)[load.name]


@settings(max_examples=150)
@given(problems(max_steps=10), st.sampled_from(["any", "free", "paid for"]))
def test_bound_and_schedule_enclose_the_cheapest_of_all_schedules(asked: Problem, prices: str) -> None:
    for forecast in model_of(asked).loads:
        sign = {"any": None, "free": 0.0, "paid for": -1.0}[prices]
        costs = forecast.cost_try if sign is None else tuple(sign * abs(cost) for cost in forecast.cost_try)
        load = replace(forecast, cost_try=costs)
        found = optimum_of(load)
        cheapest_try = min(admissible(asked, load, limits_of(load)).values())
        assert found.bound_try <= cheapest_try + 1e-12
        assert found.schedule in admissible(asked, load, limits_of(load), 2 * TOLERANCE_C)
        assert cheapest_try <= found.cost_try + 1e-9
        assert found.missing_try <= 1e-4 * abs(cheapest_try) + 1e-6


def free_times(load: Load, on: tuple[bool, ...]) -> Iterator[int]:
    """When the load may be switched: what it did last has lasted long enough."""
    for at in range(load.held, len(on) + 1):
        recent = on[max(load.held, at - (load.min_on if at and on[at - 1] else load.min_off)) : at]
        long_enough = at - load.held == 0 or len(set(recent)) == 1
        if long_enough and (len(recent) >= (load.min_on if recent and recent[-1] else load.min_off) or at == load.held):
            yield at


def assert_the_guide_promises_too_much_to_nobody(asked: Problem, load: Load, width_c: float) -> None:
    limits = limits_of(load)
    _, guide = bound(Cells(load, limits, width_c), 0.0, ENTRIES)
    for on in admissible(asked, load, limits):
        now_c = (load.store.start_c, *path_c(asked, load.name, on))
        for at in free_times(load, on):
            was_on = on[at - 1] if at else load.on_at_start
            still_try = sum(cost for cost, runs in zip(load.cost_try[at:], on[at:], strict=True) if runs)
            (promised_try,) = guide.still_try(at, np.array([now_c[at]]), on=was_on)
            assert promised_try <= still_try + 1e-6


@settings(max_examples=40)
@given(problems(max_steps=7), st.floats(0.003, 2.0))
def test_from_nowhere_on_any_way_is_less_to_pay_than_the_cells_say(asked: Problem, part: float) -> None:
    for load in model_of(asked).loads:
        assert_the_guide_promises_too_much_to_nobody(asked, load, part * max(map(abs, load.store.lift_c)))


@settings(max_examples=60)
@given(
    st.lists(st.floats(1250, 1600), min_size=3, max_size=3),
    st.lists(st.floats(0, 5), min_size=7, max_size=7),
    st.floats(42.5, 50),
    st.sampled_from([1e-3, 1e-2, 0.1, 0.5]),
)
def test_nor_where_the_collector_may_or_may_not_collect(
    sun_w_m2: list[float], prices: list[float], tank_c: float, width_c: float
) -> None:
    leaky = Collector(area_m2=4, heat_removal_factor=0.9, heat_loss_w_per_m2_c=30)
    weak = ROD.model_copy(update={"power_w": 1600.0, "thermostat_c": 50.0})
    house = House(tank=BOILER.tank, water_heater=weak, collector=leaky)
    day: dict[str, list[float]] = {"sun_w_m2": [0, 0, *sun_w_m2, 0, 0], "draw_kg_per_s": [0, 0, 0, 0, 0, 0.01, 0]}
    asked = problem(house, prices, step_s=600, tank_c=tank_c, outdoor_c=0.0, **day)  # type: ignore[arg-type] # series by name
    (load,) = model_of(asked).loads
    assert_the_guide_promises_too_much_to_nobody(asked, load, width_c)


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
    answer = optimum([load], {load.name: limits}, None, {load.name: fullest(load)}, time_limit_s=20.0)
    assert answer.optimal
    assert answer.schedule is not None
    assert answer.bound_try is not None
    theirs_try = sum(cost for cost, on in zip(load.cost_try, answer.schedule[load.name], strict=True) if on)
    assert found.bound_try <= theirs_try + 1e-9
    assert answer.bound_try <= found.cost_try + 1e-6
    assert found.cost_try == pytest.approx(theirs_try, rel=2e-4)


@pytest.mark.parametrize("price", [0.0, 1.0])
def test_among_equally_cheap_schedules_the_one_that_switches_least_is_taken(price: float) -> None:
    asked = problem(BOILER, [price] * 48, tank_c=45.0)
    (load,) = model_of(asked).loads
    assert optimum_of(load).starts == 1


def test_finer_cells_bring_bound_and_schedule_together() -> None:
    prices = [1.0 + 0.1 * (7 * hour % 24) for hour in range(24) for _ in range(12)]
    (load,) = model_of(problem(WARM_FLAT, prices, outdoor_c=3.0)).loads
    first = Optimum(load=load, limits=limits_of(load), schedule=fullest(load), bound_try=0.0).refined(200)
    second = first.refined(20_000)
    assert first.bound_try < second.bound_try <= second.cost_try <= first.cost_try
    assert second.missing_try < 1e-3 * second.cost_try


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
    cost_try = sum(found.cost_try for found in optima.values())
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
        assert found.cost_try == pytest.approx(min(admissible(asked, load, limits_of(load)).values()), rel=1e-4)
