"""What the home is like, and when it has drifted from the plan."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.control.sampler import Snapshot
from agent.control.situation import (
    BOILING_C,
    deviation,
    fresh_temperature_c,
    house_state,
    predicted_c,
    situation,
    tank_at_most_c,
)
from agent.domain.comfort import Band
from agent.domain.device import Reading
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, LoadState
from agent.domain.interval import Interval, Series
from agent.domain.plan import Method, Plan, Proof, ProofStatus
from tests.control.test_interlock import house

START = datetime(2020, 1, 1, 12, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)
HOME = house()
WANTED = {"room": Band(low_c=20, high_c=24), "tank": Band(low_c=42, high_c=60)}
LIMITS_C = {"room": 0.7, "tank": 2.5}


def plan(room_c: tuple[float, ...] = (21.0, 22.0, 23.0)) -> Plan:
    steps = [Interval(start=START + k * STEP, end=START + (k + 1) * STEP) for k in range(len(room_c))]
    span = Interval(start=START, end=steps[-1].end)
    return Plan(
        plan_id="p",
        made_at=START,
        horizon=span,
        step_s=300,
        method=Method.THERMOSTAT,
        loads=(),
        room_temperature_c=Series.of(zip(steps, room_c, strict=True)),
        tank_temperature_c=Series.constant(span, 50.0),
        price_try_per_kwh=Series.constant(span, 1.0),
        proof=Proof(status=ProofStatus.UNPROVEN, bill_try=1, movable_try=1, thermostat_movable_try=1),
    )


def test_a_prediction_stands_at_the_end_of_each_step_and_runs_straight_between() -> None:
    made = plan()
    seen = [predicted_c(made, made.room_temperature_c, START + k * STEP / 2) for k in range(7)]
    assert seen == [21.0, 21.0, 21.0, 21.5, 22.0, 22.5, None]


@given(st.floats(-5, 45))
def test_drift_is_what_leaves_the_limit_or_misses_comfort_by_half_of_it(measured_c: float) -> None:
    state = house_state(HOME, START + STEP, {AIR_CONDITIONER: measured_c, WATER_HEATER: 50.0}, plan(), {})
    off_c = abs(measured_c - 21.0)  # the plan is inside the band of 20 to 24 °C
    uncomfortable = not 20 <= measured_c <= 24
    expected = off_c > 0.7 or (uncomfortable and off_c > 0.35)
    assert (deviation(plan(), state, WANTED, LIMITS_C) is not None) == expected


def test_a_home_that_is_empty_by_now_may_be_colder_than_people_want_it() -> None:
    state = house_state(HOME, START + STEP, {AIR_CONDITIONER: 20.5, WATER_HEATER: 50.0}, plan(), {})
    warm = WANTED | {"room": Band(low_c=20.7, high_c=24)}
    assert deviation(plan(), state, warm, LIMITS_C) == "room is at 20.5 °C, the plan expected 21.0 °C"
    assert deviation(plan(), state, warm | {"room": Band(low_c=7, high_c=35)}, LIMITS_C) is None


def test_near_a_draw_the_tank_is_not_looked_at() -> None:
    state = house_state(HOME, START + STEP, {AIR_CONDITIONER: 21.0, WATER_HEATER: 40.0}, plan(), {})
    assert deviation(plan(), state, WANTED, LIMITS_C) == "tank is at 40.0 °C, the plan expected 50.0 °C"
    assert deviation(plan(), state, WANTED, {"room": 0.7}) is None


def test_an_estimate_is_named_and_never_counts_as_drift() -> None:
    state = house_state(HOME, START + 2 * STEP, {}, plan((21.0, 30.0, 30.0)), {})
    assert state.estimated == {"room_temperature_c", "tank_temperature_c"}
    assert state.room_temperature_c == 30.0
    assert deviation(plan((21.0, 22.0, 23.0)), state, WANTED, LIMITS_C) is None


def test_without_plan_and_thermometer_the_home_is_taken_to_be_at_the_cold_end_of_its_band() -> None:
    state = house_state(HOME, START, {}, None, {})
    assert (state.room_temperature_c, state.tank_temperature_c) == (20.0, 42.0)


@pytest.mark.parametrize(("age_s", "expected"), [(0, 21.0), (1800, 21.0), (1801, None)])
def test_an_old_temperature_is_none(age_s: int, expected: float | None) -> None:
    reading = Reading(device="room", at=START, temperature_c=21.0)
    assert fresh_temperature_c(reading, START + timedelta(seconds=age_s), 1800) == expected


@given(meter_w=st.none() | st.floats(-6000, 9000), heater_w=st.floats(0, 2500), silent_w=st.floats(0, 2000))
def test_what_else_the_house_draws_is_metered_or_else_expected_with_what_is_silent(
    meter_w: float | None, heater_w: float, silent_w: float
) -> None:
    readings = [Reading(device="rod", at=START, power_w=heater_w)]
    if meter_w is not None:
        readings.append(Reading(device="main", at=START, power_w=meter_w))
    snapshot = Snapshot(at=START, readings=tuple(readings), relays={}, lost={})
    state = house_state(HOME, START, {}, None, {})
    seen = situation(snapshot, state, HOME, {WATER_HEATER: "rod"}, "main", 300.0, silent_w, None).other_power_w
    assert seen == pytest.approx(300.0 + silent_w if meter_w is None else meter_w - heater_w)


@pytest.mark.parametrize("on", [False, True])
def test_a_load_without_a_meter_is_not_counted_twice_where_the_house_has_one(on: bool) -> None:  # noqa: FBT001
    readings = (Reading(device="main", at=START, power_w=2300.0),)
    snapshot = Snapshot(at=START, readings=readings, relays={}, lost={})
    state = house_state(HOME, START, {}, None, {WATER_HEATER: LoadState(on=on)})
    seen = situation(snapshot, state, HOME, {}, "main", 300.0, 0.0, None)
    assert seen.other_power_w == (300.0 if on else 2300.0)


@given(measured_c=st.floats(5, 80), on_s=st.floats(0, 20_000))
def test_the_tank_is_never_taken_for_colder_than_it_can_be(measured_c: float, on_s: float) -> None:
    reading = Reading(device="tank", at=START, temperature_c=measured_c)
    assert HOME.tank is not None
    capacity_wh_per_c = HOME.tank.water_kg * 1.163
    heated_c = 2000 * on_s / 3600 / capacity_wh_per_c
    assert tank_at_most_c(HOME, reading, on_s) == pytest.approx(min(BOILING_C, measured_c + heated_c))


def test_a_tank_whose_thermometer_was_never_heard_may_be_as_warm_as_can_be() -> None:
    assert tank_at_most_c(HOME, None, 0.0) == BOILING_C
    assert tank_at_most_c(HOME, Reading(device="tank", at=START, power_w=3.0), 0.0) == BOILING_C
