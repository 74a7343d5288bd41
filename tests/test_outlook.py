"""From what is known to the problem: margins, flags, the grid."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.comfort import Band
from agent.domain.house import HouseState
from agent.domain.interval import Interval
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.domain.plan import Fallback
from agent.forecasting.prices import estimated_day
from agent.forecasting.sun import climate_forecast
from agent.outlook import horizon, problem_of, with_margins, without_margins
from agent.planning.thermostat import thermostat_plan
from agent.settings import PlanningSettings, Settings, load_settings

EXAMPLE = Path(__file__).parent.parent / "examples" / "home.toml"
START = datetime(2019, 12, 31, 21, 0, tzinfo=UTC)
SPAN = Interval(start=START, end=START + timedelta(hours=24))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(EXAMPLE, {})


@given(room_c=st.floats(0, 3), tank_c=st.floats(0, 10), width_c=st.floats(0.2, 20))
def test_margins_lie_inside_the_band_and_leave_half_of_it(room_c: float, tank_c: float, width_c: float) -> None:
    house = load_settings(EXAMPLE, {}).house
    assert house.room is not None
    assert house.tank is not None
    room = house.room.model_copy(update={"comfort": Band(low_c=20, high_c=20 + width_c)})
    planned = with_margins(
        house.model_copy(update={"room": room}), PlanningSettings(room_margin_c=room_c, tank_margin_c=tank_c)
    )
    assert planned.room is not None
    assert planned.tank is not None
    narrow, wide = planned.room.comfort, room.comfort
    assert wide.low_c <= narrow.low_c < narrow.high_c <= wide.high_c
    assert narrow.high_c - narrow.low_c >= width_c / 2 - 1e-9
    assert planned.tank.comfort.low_c == pytest.approx(house.tank.comfort.low_c + tank_c)
    assert planned.tank.comfort.high_c == house.tank.comfort.high_c


def test_eating_into_a_margin_is_no_miss_of_comfort(settings: Settings) -> None:
    weather = climate_forecast(SPAN, 41.0, 29.0, START)
    known = {day: estimated_day(day, {}, settings.home.zone) for day in [START.astimezone(settings.home.zone).date()]}
    state = HouseState(at=START, room_temperature_c=20.6, tank_temperature_c=55.0)
    problem = problem_of(settings, state, SPAN, known, weather)
    plan = thermostat_plan(problem, Fallback.COMFORT_RELAXED)
    assert Fallback.COMFORT_RELAXED not in without_margins(plan, settings.house, settings.home.zone).fallbacks
    cold = problem.model_copy(update={"state": state.model_copy(update={"room_temperature_c": 17.0})})
    missed = thermostat_plan(cold, Fallback.COMFORT_RELAXED)
    assert Fallback.COMFORT_RELAXED in without_margins(missed, settings.house, settings.home.zone).fallbacks


def test_what_had_to_be_guessed_is_flagged(settings: Settings) -> None:
    weather = climate_forecast(SPAN, 41.0, 29.0, START)
    state = HouseState(at=START, room_temperature_c=21.0, tank_temperature_c=55.0, estimated=frozenset({"x"}))
    problem = problem_of(settings, state, SPAN, {}, weather)
    assert problem.fallbacks == {
        Fallback.PRICES_ESTIMATED,
        Fallback.WEATHER_CLIMATE,
        Fallback.TEMPERATURE_ESTIMATED,
    }


def test_known_prices_are_not_flagged(settings: Settings) -> None:
    day = START.astimezone(settings.home.zone).date()
    guessed = estimated_day(day, {}, settings.home.zone)
    final = DayAheadPrices(
        day=day, status=PriceStatus.FINAL, fetched_at=START, price_try_per_kwh=guessed.price_try_per_kwh
    )
    weather = climate_forecast(SPAN, 41.0, 29.0, START)
    state = HouseState(at=START, room_temperature_c=21.0, tank_temperature_c=55.0)
    assert problem_of(settings, state, SPAN, {day: final}, weather).fallbacks == {Fallback.WEATHER_CLIMATE}


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)))  # noqa: DTZ001 - made aware below
def test_a_horizon_begins_with_the_step_that_holds_the_moment(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    span = horizon(moment, 300, 86_400)
    assert span.start <= moment < span.start + timedelta(seconds=300)
    assert span.start.timestamp() % 300 == 0
    assert span.duration_s == 86_400
