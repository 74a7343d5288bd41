"""Sun and wind as power."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.generation import Photovoltaics, WindTurbine
from agent.domain.house import House
from agent.domain.interval import Interval, Series
from agent.domain.weather import WeatherForecast, WeatherSource
from agent.forecasting.generation import generation, solar_power_w, wind_power_w
from agent.forecasting.sun import climate_forecast
from agent.forecasting.weather import refined

NOON = datetime(2026, 6, 21, 10, tzinfo=UTC)
SPAN = Interval(start=NOON, end=NOON + timedelta(hours=2))
CELLS, TURBINE = Photovoltaics(peak_w=4000), WindTurbine(rated_w=1000)
BATTERY = {"capacity_wh": 5000, "charge_w": 2500, "discharge_w": 2500}


def house(cells: Photovoltaics | None = CELLS, turbine: WindTurbine | None = None) -> House:
    return House.model_validate({"battery": BATTERY, "photovoltaics": cells, "wind_turbine": turbine})


def weather(sun_w_m2: float, outdoor_c: float, wind_m_s: float | None = None) -> WeatherForecast:
    return WeatherForecast(
        issued_at=NOON,
        source=WeatherSource.FORECAST,
        outdoor_temperature_c=Series.constant(SPAN, outdoor_c),
        irradiance_w_m2=Series.constant(SPAN, sun_w_m2),
        wind_speed_m_s=None if wind_m_s is None else Series.constant(SPAN, wind_m_s),
    )


@given(st.floats(0, 1500), st.floats(-40, 50), st.floats(0, 120))
def test_power_is_never_negative_and_a_turbine_never_above_its_rating(
    sun_w_m2: float, outdoor_c: float, wind_m_s: float
) -> None:
    assert solar_power_w(CELLS, sun_w_m2, outdoor_c) >= 0
    assert 0 <= wind_power_w(TURBINE, wind_m_s) <= TURBINE.rated_w


@given(st.floats(0, 1500), st.floats(-40, 49))
def test_warmer_cells_give_less(sun_w_m2: float, outdoor_c: float) -> None:
    assert solar_power_w(CELLS, sun_w_m2, outdoor_c + 1) <= solar_power_w(CELLS, sun_w_m2, outdoor_c)


@given(st.floats(0, 24), st.floats(0, 1))
def test_below_its_storm_more_wind_gives_more_power(wind_m_s: float, more_m_s: float) -> None:
    assert wind_power_w(TURBINE, wind_m_s) <= wind_power_w(TURBINE, min(wind_m_s + more_m_s, 24.9))


def test_full_sun_at_the_standard_temperature_gives_the_peak_less_the_losses() -> None:
    assert solar_power_w(CELLS, 1000, -5) == pytest.approx(4000 * 0.86)
    assert solar_power_w(CELLS, 1000, 25) == pytest.approx(4000 * 0.86 * (1 - 0.0035 * 30))


@pytest.mark.parametrize(("wind_m_s", "expected_w"), [(2.9, 0), (5.5, 125), (11, 1000), (24.9, 1000), (25, 0)])
def test_a_turbine_follows_the_cube_of_the_wind(wind_m_s: float, expected_w: float) -> None:
    assert wind_power_w(TURBINE, wind_m_s) == pytest.approx(expected_w)


def test_cells_and_turbine_add_up_and_without_wind_the_turbine_stands_still() -> None:
    both = house(turbine=TURBINE)
    windy, calm = (generation(both, weather(1000, -5, wind), SPAN) for wind in (11.0, None))
    assert windy is not None
    assert calm is not None
    assert windy.mean(SPAN) == pytest.approx(4000 * 0.86 + 1000)
    assert calm.mean(SPAN) == pytest.approx(4000 * 0.86)


def test_a_home_without_either_generates_nothing() -> None:
    assert generation(house(cells=None), weather(1000, 20), SPAN) is None


def test_a_whole_day_of_the_climate_is_covered() -> None:
    day = Interval(start=NOON, end=NOON + timedelta(days=1))
    made = generation(house(turbine=TURBINE), climate_forecast(day, 41, 29, NOON), day)
    assert made is not None
    assert made.span == day
    assert 12_000 < made.mean(day) * 24 < 30_000
    assert made.at(NOON + timedelta(hours=12)) == 0


def test_wind_is_refined_like_temperature() -> None:
    hours = Series.of(
        (Interval(start=NOON + timedelta(hours=k), end=NOON + timedelta(hours=k + 1)), 6.0 * k) for k in range(2)
    )
    fine = refined(weather(0, 20).model_copy(update={"wind_speed_m_s": hours}), 41, 29)
    assert fine.wind_speed_m_s is not None
    assert fine.wind_speed_m_s.at(NOON + timedelta(hours=1)) == pytest.approx(3.25)


def test_a_forecast_from_before_wind_was_asked_for_is_still_read() -> None:
    old = weather(0, 20).model_dump(mode="json", exclude={"wind_speed_m_s"})
    assert WeatherForecast.model_validate(old).wind_speed_m_s is None
