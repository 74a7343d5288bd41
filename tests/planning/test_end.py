"""What heat and charge are worth when the horizon ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, CopAt
from agent.domain.problem import EndRule, Problem
from agent.planning.alone.limits import fullest, limits_of
from agent.planning.grid.end import Worth, price_of_the_end
from agent.planning.grid.model import model_of
from tests.planning.houses import BOILER, COOL_FLAT, HEATING, WARM_FLAT, hourly, problem, whole_problems
from tests.planning.oracle import PART_OF, Oracle


def worth(asked: Problem) -> Worth:
    (load,) = model_of(asked).loads
    return load.worth


@given(whole_problems())
def test_the_price_of_the_end_is_the_lower_quartile_of_the_last_day_and_never_negative(asked: Problem) -> None:
    assert price_of_the_end(asked, model_of(asked).exchange) == pytest.approx(Oracle(asked).end_try_per_kwh)


@given(whole_problems(), st.floats(-20, 95))
def test_what_is_left_is_worth_what_the_house_written_a_second_time_says(asked: Problem, end_c: float) -> None:
    oracle = Oracle(asked)
    for load in model_of(asked).loads:
        assert load.worth.left_try(end_c) == pytest.approx(oracle.left_try(load.name, [end_c]), abs=1e-9)


@given(whole_problems(), st.floats(-20, 95), st.floats(0, 5))
def test_more_is_never_worth_less(asked: Problem, end_c: float, more_c: float) -> None:
    for load in model_of(asked).loads:
        toward = -1.0 if load.cools else 1.0
        assert load.worth.left_try(end_c + toward * more_c) >= load.worth.left_try(end_c) - 1e-12


def test_ending_as_it_began_is_worth_nothing() -> None:
    assert worth(problem(BOILER, [2.0] * 4, tank_c=45.0)).left_try(45.0) == 0.0


def test_a_degree_in_the_tank_is_worth_the_electricity_that_it_takes() -> None:
    asked = problem(BOILER, [2.0] * 4, tank_c=45.0)
    assert worth(asked).left_try(46.0) == pytest.approx(2.0 * 80 * 1.163 / 1000)


def test_heat_beyond_the_thermostat_is_worth_nothing() -> None:
    asked = problem(BOILER, [2.0] * 4, tank_c=45.0)
    assert worth(asked).left_try(50.0) == worth(asked).left_try(59.0)


def test_a_degree_in_the_room_costs_by_the_cop_of_the_weather() -> None:
    table = (CopAt(outdoor_c=0, cop=2), CopAt(outdoor_c=10, cop=4))
    house = WARM_FLAT.model_copy(update={"air_conditioner": HEATING.model_copy(update={"cop_at": table})})
    asked = problem(house, [2.0] * 4, room_c=20.5, outdoor_c=[0.0, 0.0, 10.0, 10.0])
    assert worth(asked).left_try(21.5) == pytest.approx(2.0 * 800 / 3 / 1000)


def test_where_it_cools_cold_is_what_is_worth() -> None:
    asked = problem(COOL_FLAT, [2.0] * 4, room_c=26.0)
    assert worth(asked).left_try(25.0) == pytest.approx(2.0 * 800 / 3 / 1000)
    assert worth(asked).left_try(27.0) == pytest.approx(-2.0 * 800 / 3 / 1000)
    assert worth(asked).left_try(24.0) == worth(asked).left_try(21.0)  # its thermostat stands at 24 °C


def test_only_the_last_day_says_what_the_end_is_worth() -> None:
    cheap_first = problem(BOILER, hourly([0.1] * 24 + [4.0] * 24, 3600), step_s=3600)
    assert price_of_the_end(cheap_first, model_of(cheap_first).exchange) == 4.0


def test_a_single_cheap_hour_does_not_make_the_end_cheap() -> None:
    asked = problem(BOILER, hourly([0.0] + [3.0] * 23, 3600), step_s=3600)
    assert price_of_the_end(asked, model_of(asked).exchange) == 3.0


@given(whole_problems())
def test_where_the_end_must_be_as_the_start_was_it_has_no_price_but_a_limit(asked: Problem) -> None:
    asked = asked.model_copy(update={"end": EndRule.RESTORED})
    oracle = Oracle(asked)
    for load in model_of(asked).loads:
        assert load.worth.left_try(0.0) == load.worth.left_try(90.0) == 0.0
        limits, toward = limits_of(load), oracle.toward(load.name)
        reached_c = load.store.trajectory(fullest(load))[-1]
        start_c = {"room": asked.state.room_temperature_c, "tank": asked.state.tank_temperature_c}[PART_OF[load.name]]
        assert start_c is not None
        wanted = min(toward * start_c, toward * load.setpoint_c, toward * reached_c)
        nearest = limits.high_c[-1] if load.cools else limits.low_c[-1]
        assert toward * nearest >= wanted - 1e-9


def test_the_loads_of_a_house_have_their_own_worth() -> None:
    (room,) = model_of(problem(WARM_FLAT, [2.0] * 4)).loads
    (tank,) = model_of(problem(BOILER, [2.0] * 4)).loads
    assert (room.name, tank.name) == (AIR_CONDITIONER, WATER_HEATER)
    assert room.worth.try_per_c == pytest.approx(2.0 * 800 / 3 / 1000)
    assert tank.worth.try_per_c == pytest.approx(2.0 * 80 * 1.163 / 1000)
