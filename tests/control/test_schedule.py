"""A plan read as orders, and when it is not to be followed."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.control.circuits import in_mid_run
from agent.control.schedule import still_good, switching_instants, wants, wants_of_appliances
from agent.domain.command import Cause
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, LoadState
from agent.domain.interval import Interval
from agent.domain.plan import LoadPlan, Plan
from tests.control.test_interlock import DISHWASHER, house
from tests.control.test_situation import START, plan

HOME = house()
HOUR = timedelta(hours=1)


def planned() -> Plan:
    """The heater on from minute 5 to 10, and from 12 to the end of the 15-minute horizon."""
    blocks = [(5, 10), (12, 15)]
    on = tuple(Interval(start=START + timedelta(minutes=a), end=START + timedelta(minutes=b)) for a, b in blocks)
    return plan().model_copy(update={"loads": (LoadPlan(load=WATER_HEATER, power_w=2000, on=on),)})


def test_switching_instants_are_the_borders_ahead_inside_the_horizon() -> None:
    minutes = [(at - START) / timedelta(minutes=1) for at in switching_instants(planned(), START)]
    assert minutes == [5, 10, 12]
    assert switching_instants(planned(), START + timedelta(minutes=10)) == [START + timedelta(minutes=12)]


@given(st.integers(0, 899))
def test_a_load_is_wanted_on_exactly_within_its_blocks(second: int) -> None:
    moment = START + timedelta(seconds=second)
    want = {w.load: w for w in wants(HOME, planned(), moment, {})}[WATER_HEATER]
    assert want.cause is Cause.PLAN
    assert want.on == (300 <= second < 600 or second >= 720)


@pytest.mark.parametrize(
    ("measured_c", "expected"),
    [(None, (False, Cause.NO_PLAN)), (54.9, (True, Cause.THERMOSTAT)), (55.1, (False, Cause.THERMOSTAT))],
)
def test_without_a_plan_the_thermostat_rules_and_without_a_temperature_nothing_runs(
    measured_c: float | None, expected: tuple[bool, Cause]
) -> None:
    want = {w.load: w for w in wants(HOME, None, START, {WATER_HEATER: measured_c})}[WATER_HEATER]
    assert (want.on, want.cause) == expected


def test_without_a_plan_the_thermostat_stands_where_the_moment_wants_it() -> None:
    want = wants(HOME, None, START, {AIR_CONDITIONER: 18.0}, {AIR_CONDITIONER: 7.0})[0]
    assert (want.load, want.on, want.cause) == (AIR_CONDITIONER, False, Cause.THERMOSTAT)


def test_an_appliance_runs_in_its_blocks_and_on_where_its_owner_started_it() -> None:
    block = Interval(start=START, end=START + timedelta(minutes=5))
    loads = (LoadPlan(load="dishwasher", power_w=900, on=(block,)),)
    planned_run = plan().model_copy(update={"loads": loads})
    names = ["dishwasher", "washer"]
    during = wants_of_appliances(planned_run, START, names, {"washer"})
    assert [(want.on, want.cause) for want in during] == [(True, Cause.PLAN), (True, Cause.OBSERVED)]
    after = wants_of_appliances(planned_run, block.end, names)
    assert [(want.on, want.cause) for want in after] == [(False, Cause.PLAN)] * 2
    assert wants_of_appliances(None, START, ["dishwasher"])[0].cause is Cause.NO_PLAN


def test_a_load_that_the_plan_does_not_know_is_ruled_by_its_thermostat() -> None:
    want = {w.load: w for w in wants(HOME, planned(), START, {AIR_CONDITIONER: 18.0})}[AIR_CONDITIONER]
    assert (want.on, want.cause) == (True, Cause.THERMOSTAT)


@given(minutes=st.integers(-10, 30), age_min=st.integers(0, 30))
def test_a_stale_plan_is_not_followed(minutes: int, age_min: int) -> None:
    moment = START + timedelta(minutes=minutes)
    good = still_good(planned(), moment, timedelta(minutes=age_min)) is not None
    assert good == (0 <= minutes < 15 and minutes <= age_min)
    assert still_good(None, moment, HOUR) is None


@given(st.integers(0, 7200))
def test_a_run_that_began_late_goes_on_until_its_own_end(ran_s: int) -> None:
    home = house().model_copy(update={"appliances": (DISHWASHER,)})
    begun = {"dishwasher": LoadState(on=True, since=START - timedelta(seconds=ran_s))}
    at = START  # the plan has no block for it any more
    (want,) = wants_of_appliances(planned(), at, ["dishwasher"], frozenset(), in_mid_run(home, begun, at))
    assert want.on == (ran_s < DISHWASHER.duration_s - 30)
