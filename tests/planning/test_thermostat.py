"""The thermostat's rule over a whole horizon."""

from datetime import timedelta

import pytest
from hypothesis import given

from agent.domain.appliance import Run
from agent.domain.house import WATER_HEATER, House
from agent.domain.interval import Interval
from agent.domain.plan import Fallback, Method, ProofStatus
from agent.domain.problem import EndRule, Problem
from agent.planning.thermostat import thermostat_plan
from tests.planning.houses import (
    BOILER,
    CELLAR,
    COOLING,
    ROD,
    ROOM,
    START,
    WARM_FLAT,
    WASHING,
    problem,
    problems,
    whole_problems,
)
from tests.planning.oracle import PART_OF, Oracle, is_held_on


@given(whole_problems(max_steps=20, unhurried=True))
def test_the_rule_keeps_every_limit_but_does_not_look_ahead(asked: Problem) -> None:
    oracle = Oracle(asked.model_copy(update={"end": EndRule.VALUED}))
    faults = oracle.violations(oracle.actions(thermostat_plan(oracle.problem)))
    assert [fault for fault in faults if "drives" not in fault] == []


@given(problems(max_steps=40) | whole_problems(max_steps=20))
def test_the_rule_never_drives_a_temperature_out_of_the_band(asked: Problem) -> None:
    oracle = Oracle(asked)
    for name, on in oracle.actions(thermostat_plan(asked)).on.items():
        toward = oracle.toward(name)
        rows = zip(oracle.steps, on, oracle.path_c(name, on), oracle.band(PART_OF[name]), strict=True)
        for step, runs, at_c, (low_c, high_c) in rows:
            if runs and not is_held_on(asked, name, step.start):
                assert at_c <= high_c + 1e-9 if toward > 0 else at_c >= low_c - 1e-9


@given(whole_problems(max_steps=20))
def test_what_the_rule_would_pay_is_what_the_house_written_a_second_time_counts(asked: Problem) -> None:
    oracle, plan = Oracle(asked), thermostat_plan(asked)
    account, proof = oracle.account(oracle.actions(plan)), plan.proof
    assert proof.thermostat_movable_try == proof.movable_try == pytest.approx(account.movable_try, abs=1e-9)
    assert proof.thermostat_wear_try == proof.wear_try == pytest.approx(account.wear_try, abs=1e-9)
    assert proof.thermostat_left_try == proof.left_try == pytest.approx(account.left_try, abs=1e-9)


def test_the_rule_heats_below_its_setpoint_and_rests_above() -> None:
    plan = thermostat_plan(problem(WARM_FLAT, [1.0] * 24, room_c=21.0), Fallback.PLANNER_LATE)
    assert (plan.method, plan.proof.status) == (Method.THERMOSTAT, ProofStatus.UNPROVEN)
    assert plan.fallbacks == frozenset({Fallback.PLANNER_LATE})
    assert plan.proof.movable_bound_try is None
    assert plan.proof.thermostat_movable_try == plan.proof.movable_try > 0
    assert plan.room_temperature_c is not None
    assert max(plan.room_temperature_c.values) < 22.5
    assert min(plan.room_temperature_c.values[6:]) > 21.5


def test_the_rule_cools_above_its_setpoint() -> None:
    flat = WARM_FLAT.model_copy(update={"air_conditioner": COOLING.model_copy(update={"thermostat_c": 22.0})})
    asked = problem(flat, [1.0] * 12, room_c=25.0, outdoor_c=34.0)
    plan = thermostat_plan(asked)
    assert plan.loads[0].is_on(asked.horizon.start)
    assert plan.room_temperature_c is not None
    assert plan.room_temperature_c.values[-1] < ROOM.comfort.high_c
    assert Fallback.COMFORT_RELAXED in plan.fallbacks  # from 25 °C nobody is at 24 °C after five minutes


def test_the_rule_starts_no_more_often_than_it_may() -> None:
    rod = ROD.model_copy(update={"max_starts_per_day": 2})
    house = BOILER.model_copy(update={"water_heater": rod})
    often, seldom = (
        Oracle(asked).starts(WATER_HEATER, Oracle(asked).actions(thermostat_plan(asked)).on[WATER_HEATER])
        for asked in (problem(each, [1.0] * 48, draw_kg_per_s=0.004) for each in (BOILER, house))
    )
    assert len(often) > len(seldom) == 2


def test_by_the_rule_an_appliance_starts_as_soon_as_it_may() -> None:
    window = Interval(start=START + timedelta(minutes=20), end=START + timedelta(hours=2))
    run = Run(appliance="washer", window=window, phases=WASHING)
    plan = thermostat_plan(problem(BOILER, [9.0] * 12 + [1.0] * 12, given={"runs": (run,)}))
    washer = plan.load("washer")
    assert washer is not None
    assert washer.on == (Interval(start=window.start, end=window.start + timedelta(minutes=30)),)


def test_by_the_rule_the_battery_takes_surplus_and_covers_need_as_far_as_it_can() -> None:
    asked = problem(
        House(battery=CELLAR),
        [1.0] * 4,
        step_s=3600,
        base_w=1000.0,
        own_w=[2000.0, 8000.0, 0.0, 0.0],
        battery_wh=4000.0,
    )
    plan = thermostat_plan(asked)
    assert plan.battery_w is not None
    # 1,000 Wh of room take 1,053 W for an hour; then 950 W of each hour's 1,000 W come from 1,000 Wh inside.
    assert plan.battery_w.values == pytest.approx((1000.0, 50 / 0.95, -1000.0, -1000.0))


def test_the_same_problem_gives_the_same_plan_by_the_same_name() -> None:
    asked = problem(BOILER, [1.0] * 12, tank_c=45.0)
    assert thermostat_plan(asked) == thermostat_plan(asked)
    assert thermostat_plan(asked).plan_id.startswith("20260105T060000Z-")
