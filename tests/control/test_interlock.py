"""Rules of the interlock, as properties over any situation."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.control.circuits import ORDERS_TAKE
from agent.control.interlock import Situation, other_power_w, verdicts
from agent.control.schedule import Want
from agent.domain.appliance import Appliance, Phase
from agent.domain.comfort import Band
from agent.domain.command import Cause
from agent.domain.house import (
    AIR_CONDITIONER,
    WATER_HEATER,
    AirConditioner,
    AirConditionerMode,
    BaseLoadFrom,
    House,
    LoadState,
    Room,
    Tank,
    WaterHeater,
)

NOW = datetime(2020, 1, 1, 12, 0, tzinfo=UTC)
LIMIT_C = 65.0


def house(power_limit_w: float | None = None) -> House:
    return House(
        room=Room(heat_capacity_wh_per_c=4000, heat_loss_w_per_c=170, comfort=Band(low_c=20, high_c=24)),
        air_conditioner=AirConditioner(
            power_w=1400, cop=3, mode=AirConditionerMode.HEAT, thermostat_c=22, min_on_s=900, min_off_s=600
        ),
        tank=Tank(
            water_kg=80,
            heat_loss_w_per_c=1.5,
            ambient_c=20,
            cold_water_c=10,
            comfort=Band(low_c=42, high_c=60),
            safety_limit_c=LIMIT_C,
        ),
        water_heater=WaterHeater(power_w=2000, thermostat_c=55, min_on_s=300, min_off_s=300),
        base_load=(BaseLoadFrom(at=time(0), power_w=300),),
        power_limit_w=power_limit_w,
    )


loads = st.sampled_from([AIR_CONDITIONER, WATER_HEATER])
states = st.builds(
    LoadState,
    on=st.booleans(),
    since=st.none() | st.integers(0, 3000).map(lambda ago_s: NOW - timedelta(seconds=ago_s)),
)
situations = st.builds(
    Situation,
    at=st.just(NOW),
    loads=st.dictionaries(loads, states),
    tank_at_most_c=st.none() | st.floats(5, 95),
    other_power_w=st.floats(0, 4000),
    drawn_w=st.dictionaries(loads, st.floats(0, 4000)),
)
wishes = st.sampled_from([Cause.PLAN, Cause.OVERRIDE, Cause.THERMOSTAT])  # the interlock goes before each of them
wanted = st.tuples(st.booleans(), st.booleans(), wishes, wishes).map(
    lambda drawn: [
        Want(load=AIR_CONDITIONER, on=drawn[0], cause=drawn[2]),
        Want(load=WATER_HEATER, on=drawn[1], cause=drawn[3]),
    ]
)


@given(wanted, situations)
def test_a_tank_above_its_limit_never_keeps_its_heater(wants: list[Want], now: Situation) -> None:
    verdict = {v.load: v for v in verdicts(house(), wants, now)}[WATER_HEATER]
    if now.tank_at_most_c is not None and now.tank_at_most_c >= LIMIT_C:
        assert not verdict.on


@given(wanted, situations, st.floats(500, 6000))
def test_what_is_on_fits_under_the_limit(wants: list[Want], now: Situation, limit_w: float) -> None:
    home = house(limit_w)
    on = [v.load for v in verdicts(home, wants, now) if v.on]
    on_w = sum(max(home.load(load).power_w, now.drawn_w.get(load, 0.0)) for load in on)
    assert on_w == 0 or on_w + now.other_power_w <= limit_w


@given(wanted, situations)
def test_a_load_is_left_alone_for_its_minimum_time_unless_the_tank_is_too_hot(
    wants: list[Want], now: Situation
) -> None:
    home = house()
    for verdict in verdicts(home, wants, now):
        state = now.loads.get(verdict.load)
        if state is None or state.since is None or state.on == verdict.on:
            continue
        rested_s = (NOW - state.since + ORDERS_TAKE).total_seconds()
        least_s = home.load(verdict.load).min_on_s if state.on else home.load(verdict.load).min_off_s
        assert rested_s >= least_s or verdict.cause is Cause.TANK_TOO_HOT


@given(wanted, situations)
def test_without_a_reason_the_plan_is_carried_out(wants: list[Want], now: Situation) -> None:
    for want, verdict in zip(wants, verdicts(house(), wants, now), strict=True):
        assert want.load == verdict.load
        assert (verdict == want) or verdict.cause in {Cause.MIN_ON, Cause.MIN_OFF, Cause.TANK_TOO_HOT}


DISHWASHER = Appliance(
    name="dishwasher",
    phases=(Phase(duration_s=1800, power_w=2200), Phase(duration_s=3600, power_w=100)),
    earliest=time(8),
    latest=time(20),
)


@pytest.mark.parametrize(
    ("limit_w", "kept"), [(2500, {"dishwasher"}), (4000, {"dishwasher", AIR_CONDITIONER}), (2400, {AIR_CONDITIONER})]
)
def test_an_appliance_that_runs_keeps_its_power_before_loads_that_can_wait(limit_w: float, kept: set[str]) -> None:
    now = Situation(
        at=NOW,
        loads={name: LoadState(on=True) for name in (WATER_HEATER, AIR_CONDITIONER, "dishwasher")},
        tank_at_most_c=50,
        other_power_w=300,
        drawn_w={},
    )
    home = house(limit_w).model_copy(update={"appliances": (DISHWASHER,)})
    wants = [Want(load=name, on=True, cause=Cause.PLAN) for name in now.loads]
    assert {verdict.load for verdict in verdicts(home, wants, now) if verdict.on} == kept


def test_a_running_load_is_shed_last() -> None:
    now = Situation(
        at=NOW,
        loads={WATER_HEATER: LoadState(on=True), AIR_CONDITIONER: LoadState(on=False)},
        tank_at_most_c=50,
        other_power_w=300,
        drawn_w={},
    )
    wants = [
        Want(load=AIR_CONDITIONER, on=True, cause=Cause.PLAN),
        Want(load=WATER_HEATER, on=True, cause=Cause.PLAN),
    ]
    by_load = {v.load: v for v in verdicts(house(2500), wants, now)}
    assert by_load[WATER_HEATER].on
    assert by_load[AIR_CONDITIONER] == Want(load=AIR_CONDITIONER, on=False, cause=Cause.POWER_LIMIT)


@pytest.mark.parametrize(("ran_s", "kept"), [(600, {"dishwasher"}), (1900, {"dishwasher", WATER_HEATER})])
def test_an_appliance_counts_with_the_phase_that_it_has_come_to(ran_s: int, kept: set[str]) -> None:
    begun = LoadState(on=True, since=NOW - timedelta(seconds=ran_s))
    now = Situation(
        at=NOW,
        loads={WATER_HEATER: LoadState(on=False), "dishwasher": begun},
        tank_at_most_c=50,
        other_power_w=300,
        drawn_w={"dishwasher": 90.0},
    )
    home = house(2500).model_copy(update={"appliances": (DISHWASHER,)})
    wants = [Want(load=name, on=True, cause=Cause.PLAN) for name in now.loads]
    assert {verdict.load for verdict in verdicts(home, wants, now) if verdict.on} == kept


def test_own_generation_that_the_house_meter_sees_leaves_room_for_a_load() -> None:
    assert other_power_w(-1500.0, {WATER_HEATER: 0.0}, 300.0, 0.0) == -1500.0
    assert other_power_w(None, {}, 300.0, 200.0) == 500.0
