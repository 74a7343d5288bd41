"""The battery on the step grid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.battery import Battery
from agent.domain.house import House
from agent.domain.problem import EndRule, Problem
from agent.planning.grid.battery import Bank
from agent.planning.grid.model import model_of
from tests.planning.houses import CELLAR, batteries, problem, whole_problems
from tests.planning.oracle import Oracle

HOUSE = House(battery=CELLAR)


def bank_of(asked: Problem) -> Bank:
    bank = model_of(asked).bank
    assert bank is not None
    return bank


@given(whole_problems(battery=True), st.data())
def test_what_it_holds_is_what_the_house_written_a_second_time_holds(asked: Problem, data: st.DataObject) -> None:
    oracle, bank, battery = Oracle(asked), bank_of(asked), asked.house.battery
    assert battery is not None
    powers_w = st.floats(-1.2 * battery.discharge_w, 1.2 * battery.charge_w)
    course_w = data.draw(st.lists(powers_w, min_size=len(oracle.steps), max_size=len(oracle.steps)))
    assert bank.trajectory(course_w, oracle.hours) == pytest.approx(oracle.charge_wh(course_w), abs=1e-6)
    assert bank.holds(course_w, oracle.hours) == (not list(oracle.battery_faults(course_w)))


@given(batteries(), st.floats(1, 3000), st.floats(0.05, 1))
def test_a_round_trip_loses_what_the_efficiencies_say(battery: Battery, power_w: float, hours: float) -> None:
    bank = bank_of(problem(House(battery=battery), [1.0]))
    stored_wh = bank.stored_wh(power_w, hours)
    given_back_wh = stored_wh * battery.discharge_efficiency
    assert bank.stored_wh(-given_back_wh / hours, hours) == pytest.approx(-stored_wh)
    assert given_back_wh == pytest.approx(
        battery.charge_efficiency * battery.discharge_efficiency * power_w * hours, rel=1e-9
    )


def test_wear_is_counted_on_what_it_gives_and_only_there() -> None:
    bank = bank_of(problem(HOUSE, [1.0] * 3))
    assert bank.wear_try([1200.0, 0.0, 0.0], [1 / 12] * 3) == 0.0
    assert bank.wear_try([0.0, -1200.0, -600.0], [1 / 12] * 3) == pytest.approx(0.1 * 0.15)


def test_a_reserve_that_is_used_already_is_not_used_further() -> None:
    assert bank_of(problem(HOUSE, [1.0], battery_wh=300.0)).low_wh == 300.0
    assert bank_of(problem(HOUSE, [1.0], battery_wh=800.0)).low_wh == 500.0


def test_more_than_its_capacity_it_cannot_have_held() -> None:
    assert bank_of(problem(HOUSE, [1.0], battery_wh=5100.0)).start_wh == 5000.0


def test_what_is_left_is_worth_what_it_saves_and_no_wear() -> None:
    asked = problem(HOUSE, [2.0] * 4)
    assert bank_of(asked).worth_try_per_wh == pytest.approx((2.0 - 0.1) * 0.95 / 1000)
    restored = bank_of(asked.model_copy(update={"end": EndRule.RESTORED}))
    assert (restored.worth_try_per_wh, restored.end_low_wh) == (0.0, 2000.0)


def test_charge_that_is_worth_less_than_its_wear_is_worth_nothing() -> None:
    assert bank_of(problem(HOUSE, [-1.0] * 4)).worth_try_per_wh == 0.0
