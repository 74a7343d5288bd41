from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.weather import ISTANBUL, TrueWeather

MIDNIGHT = datetime(2020, 1, 1, tzinfo=ISTANBUL).astimezone(UTC)
MINUTES = [MIDNIGHT + timedelta(minutes=minute) for minute in range(24 * 60)]


def test_the_smooth_first_of_january_is_the_day_of_the_paper() -> None:
    weather = TrueWeather(restlessness=0)
    temperatures = [weather.temperature_c(moment) for moment in MINUTES]
    assert min(temperatures) == pytest.approx(4.5, abs=0.02)
    assert max(temperatures) == pytest.approx(9.5, abs=0.02)
    assert temperatures.index(min(temperatures)) == 3 * 60
    sun = [weather.irradiance_w_m2(moment) for moment in MINUTES]
    assert sum(sun) / 60 == pytest.approx(2510, rel=0.005)
    lit = [minute for minute, irradiance in enumerate(sun) if irradiance > 0]
    assert lit[0] == pytest.approx(8 * 60 + 12, abs=1)
    assert lit[-1] == pytest.approx(17 * 60 + 36, abs=1)


@given(seed=st.integers())
def test_a_restless_day_stays_near_the_smooth_one(seed: int) -> None:
    smooth, restless = TrueWeather(restlessness=0), TrueWeather(seed)
    differences = [restless.temperature_c(at) - smooth.temperature_c(at) for at in MINUTES[::10]]
    assert max(abs(difference) for difference in differences) <= 0.76
    assert abs(sum(differences) / len(differences)) < 0.2


@given(seed=st.integers(), day=st.integers(0, 3000), minute=st.integers(0, 1439))
def test_weather_has_no_jumps_and_no_negative_sun(seed: int, day: int, minute: int) -> None:
    weather = TrueWeather(seed)
    at = MIDNIGHT + timedelta(days=day, minutes=minute)
    assert abs(weather.temperature_c(at + timedelta(minutes=1)) - weather.temperature_c(at)) < 0.15
    assert 0 <= weather.irradiance_w_m2(at) < 1150


def test_summer_is_warmer_and_lighter_than_winter() -> None:
    weather = TrueWeather(restlessness=0)
    july = MIDNIGHT + timedelta(days=196, hours=13)
    january = MIDNIGHT + timedelta(hours=13)
    assert weather.temperature_c(july) > weather.temperature_c(january) + 15
    assert weather.irradiance_w_m2(july) > 2 * weather.irradiance_w_m2(january)
