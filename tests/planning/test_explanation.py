"""Why a plan is as it is: reasons, misses, changes."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given, settings

from agent.domain.appliance import Phase, Run
from agent.domain.comfort import Band
from agent.domain.device import Name
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, LoadState
from agent.domain.interval import Interval, Series
from agent.domain.plan import ChangeCause, Fallback, MissCause, Plan, Purpose, Reason
from agent.domain.problem import Problem
from agent.planning.alone.limits import limits_of
from agent.planning.grid.model import Load, model_of
from agent.planning.solve import solve
from tests.planning.houses import BOILER, BOTH, HEATING, ROD, ROOM, START, TANK, WARM_FLAT, problem, problems, schedule

STEP = timedelta(seconds=300)


def reason_at(plan: Plan, name: Name, step: int) -> Reason:
    at = START + step * STEP
    return next(reason for reason in plan.reasons if reason.load == name and at in reason.block)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_every_block_has_one_reason(asked: Problem) -> None:
    plan = solve(asked)
    given_for = sorted((reason.load, reason.block.start) for reason in plan.reasons)
    assert given_for == sorted((load.load, block.start) for load in plan.loads for block in load.on)


def cheapest_rest_try(load: Load, spared: range, begun_c: float) -> float | None:
    """By counting: the least that is paid from a block on without it; None if the whole of it cannot be spared."""
    limits, count = limits_of(load), len(load.cost_try)
    found = []
    for rest in product((False, True), repeat=count - spared.stop):
        now_c, paid_try, was = begun_c, 0.0, False
        for step, on in enumerate((*(False for _ in spared), *rest), spared.start):
            now_c = load.store.after(step, now_c, on=on)
            paid_try += load.cost_try[step] * on + load.start_try * (on and not was)
            was = on
            if not limits.low_c[step] - 1e-5 <= now_c <= limits.high_c[step] + 1e-5:
                break
        else:
            found.append(paid_try - load.worth.left_try(now_c))
    return min(found, default=None)


def test_the_next_best_alternative_costs_what_counting_finds() -> None:
    asked = problem(BOILER, [1.0, 1.0, 4.0, 3.0, 3.5, 2.0, 5.0, 5.0, 2.5, 4.0], tank_c=45.5, draw_kg_per_s=0.008)
    plan = solve(asked)
    model = model_of(asked)
    load, on = model.loads[0], schedule(plan, asked)[WATER_HEATER]
    path_c = (load.store.start_c, *load.store.trajectory(on))
    checked = 0
    for reason in plan.reasons:
        if reason.purpose is not Purpose.CHEAP:
            continue
        first = (reason.block.start - START) // STEP
        spared = range(first, first + round(reason.block.duration_s / 300))
        paid_try = sum(load.cost_try[step] for step in range(first, len(on)) if on[step])
        planned_try = paid_try - load.worth.left_try(path_c[-1])
        otherwise_try = cheapest_rest_try(load, spared, path_c[first])
        if otherwise_try is not None:
            assert reason.otherwise_try == pytest.approx(otherwise_try - planned_try, abs=0.02 * abs(planned_try))
            checked += 1
    assert checked


def test_heat_before_a_dear_hour_is_there_because_it_is_cheap() -> None:
    plan = solve(problem(WARM_FLAT, [1.0] * 6 + [9.0] * 12, room_c=20.5))
    reason = reason_at(plan, AIR_CONDITIONER, 5)
    assert reason.purpose is Purpose.CHEAP
    assert reason.needed_at is not None
    assert reason.otherwise_try is not None
    assert reason.otherwise_try > 0


def test_the_last_heat_before_a_limit_is_there_for_comfort() -> None:
    plan = solve(problem(WARM_FLAT, [5.0, 5.0, 1.0, 1.0, 1.0, 1.0], room_c=20.05))
    assert reason_at(plan, AIR_CONDITIONER, 0).purpose is Purpose.COMFORT


def test_a_negative_price_pays() -> None:
    plan = solve(problem(BOILER, [-1.0] * 3 + [2.0] * 3))
    assert reason_at(plan, WATER_HEATER, 0).purpose is Purpose.PAID


def test_own_surplus_is_a_reason() -> None:
    asked = problem(BOILER, [2.0] * 12, tank_c=45.0, draw_kg_per_s=0.01)
    sun_w = Series.of(zip(asked.horizon.steps(300), [3000.0] * 6 + [0.0] * 6, strict=True))
    plan = solve(asked.model_copy(update={"generation_w": sun_w}))
    reason = next(reason for reason in plan.reasons if reason.block.start < START + 6 * STEP)
    assert reason.purpose is Purpose.SURPLUS
    assert reason.price_try_per_kwh == pytest.approx(0.0, abs=1e-9)


def test_an_appliance_runs_because_it_was_asked_to() -> None:
    run = Run(
        appliance="dishwasher",
        window=Interval(start=START, end=START + 6 * STEP),
        phases=(Phase(duration_s=600, power_w=1000),),
    )
    plan = solve(problem(WARM_FLAT, [3.0, 3.0, 1.0, 1.0, 2.0, 2.0]).model_copy(update={"runs": (run,)}))
    reason = reason_at(plan, "dishwasher", 2)
    assert reason.purpose is Purpose.ASKED
    assert reason.otherwise_start in {START + STEP, START + 3 * STEP}
    assert reason.otherwise_try == pytest.approx(1000 / 1000 / 12 * 1.0)  # one of its two steps at 2 instead of 1


def test_a_cold_start_is_named_with_its_recovery() -> None:
    plan = solve(problem(WARM_FLAT, [1.0] * 24, room_c=18.0))
    (miss,) = plan.misses
    assert plan.room_temperature_c is not None
    path_c = plan.room_temperature_c.values
    outside_c = [max(0.0, ROOM.comfort.low_c - at_c) for at_c in path_c]
    recovered = next(step for step, at_c in enumerate(outside_c) if at_c < 1e-5)
    assert (miss.part, miss.cause, miss.recovers) == ("room", MissCause.START, True)
    assert miss.span == Interval(start=START, end=START + recovered * STEP)
    assert miss.degree_hours == pytest.approx(sum(outside_c) / 12)
    assert miss.worst_c == path_c[0]
    assert all(schedule(plan, problem(WARM_FLAT, [1.0] * 24))[AIR_CONDITIONER][:recovered])
    assert Fallback.COMFORT_RELAXED in plan.fallbacks


def test_too_little_power_is_the_cause() -> None:
    house = WARM_FLAT.model_copy(update={"power_limit_w": 1600.0})
    plan = solve(problem(house, [1.0] * 24, room_c=20.2, outdoor_c=-5.0, base_w=[300.0] * 24))
    assert {miss.cause for miss in plan.misses} == {MissCause.POWER_LIMIT}


def test_a_weak_unit_is_the_cause() -> None:
    weak = WARM_FLAT.model_copy(update={"air_conditioner": HEATING.model_copy(update={"power_w": 300.0})})
    plan = solve(problem(weak, [1.0] * 24, room_c=20.2, outdoor_c=-10.0))
    assert {miss.cause for miss in plan.misses} == {MissCause.TOO_WEAK}


def test_used_up_starts_are_the_cause() -> None:
    tank = TANK.model_copy(update={"comfort": Band(low_c=42, high_c=60)})
    rod = ROD.model_copy(update={"max_starts_per_day": 1})
    house = BOILER.model_copy(update={"tank": tank, "water_heater": rod})
    asked = problem(house, [1.0] * 60, tank_c=43.0, draw_kg_per_s=0.005)
    state = asked.state.model_copy(update={"loads": {WATER_HEATER: LoadState(on=False, starts_today=1)}})
    plan = solve(asked.model_copy(update={"state": state}))
    assert {miss.cause for miss in plan.misses} == {MissCause.STARTS_USED_UP}
    assert not any(schedule(plan, asked)[WATER_HEATER])


def test_the_same_question_changes_nothing() -> None:
    asked = problem(BOTH, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0] * 4, draw_kg_per_s=0.01)
    plan = solve(asked)
    again = solve(asked.model_copy(update={"announced": plan}))
    assert again.changes is not None
    assert again.changes.since == plan.plan_id
    assert (again.changes.now_on, again.changes.now_off, again.changes.causes) == ((), (), ())
    assert again.changes.announced_try == pytest.approx(0.0, abs=1e-9)


def test_other_prices_are_a_cause() -> None:
    asked = problem(BOILER, [1.0] * 6 + [5.0] * 18, tank_c=44.0, draw_kg_per_s=0.01)
    plan = solve(asked)
    turned = problem(BOILER, [5.0] * 18 + [1.0] * 6, tank_c=44.0, draw_kg_per_s=0.01)
    again = solve(turned.model_copy(update={"announced": plan}))
    assert again.changes is not None
    assert again.changes.causes == (ChangeCause.PRICES,)
    assert again.changes.now_off
    assert again.changes.announced_try is None or again.changes.announced_try > 0


def test_a_measured_difference_and_a_longer_horizon_are_causes() -> None:
    asked = problem(BOILER, [1.0, 2.0] * 12)
    plan = solve(asked)
    later = asked.horizon.model_copy(update={"start": START + STEP})
    assert plan.tank_temperature_c is not None
    expected_c = plan.tank_temperature_c.at(START)
    for off_c, causes in ((0.0, set()), (1.0, {ChangeCause.MEASURED})):
        state = asked.state.model_copy(update={"at": later.start, "tank_temperature_c": expected_c + off_c})
        again = solve(asked.model_copy(update={"horizon": later, "state": state, "announced": plan}))
        assert again.changes is not None
        assert set(again.changes.causes) == causes
