"""From hours to steps."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.interval import Interval, Series
from agent.domain.weather import WeatherForecast, WeatherSource
from agent.forecasting.sun import clear_sky_w_m2, mean_clear_sky_w_m2
from agent.forecasting.weather import refined, refined_by_lines, refined_irradiance_w_m2

LATITUDE, LONGITUDE = 41.01, 28.98
DAWN = datetime(2020, 1, 1, 4, tzinfo=UTC)
starts_s = st.integers(0, 4_000_000).map(lambda k: k * 900)
steps_s = st.sampled_from([60, 300, 420, 3600])
places = st.tuples(st.floats(-66, 66), st.floats(-180, 180))


@st.composite
def hourly(draw: st.DrawFn, low: float, high: float) -> Series:
    """Up to two days of hours, some of them missing."""
    start_s = draw(starts_s)
    kept = sorted(draw(st.sets(st.integers(0, 47), min_size=1)))
    values = draw(st.lists(st.floats(low, high), min_size=len(kept), max_size=len(kept)))
    return Series(
        starts_s=tuple(start_s + 3600 * k for k in kept),
        ends_s=tuple(start_s + 3600 * (k + 1) for k in kept),
        values=tuple(values),
    )


@given(hourly(0, 1500), places, steps_s)
def test_every_hour_keeps_its_energy(hours: Series, place: tuple[float, float], step_s: int) -> None:
    steps = refined_irradiance_w_m2(hours, *place, step_s)
    for hour, value in hours.items():
        assert steps.mean(hour) == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert all(value >= 0 for value in steps.values)


@given(hourly(0, 1500), places)
def test_no_step_glares(hours: Series, place: tuple[float, float]) -> None:
    for step, value in refined_irradiance_w_m2(hours, *place).items():
        clear = mean_clear_sky_w_m2(int(step.start.timestamp()), int(step.end.timestamp()), *place)
        assert value <= 1.2 * clear + hours.at(step.start) + 1e-9


@given(hourly(-60, 60), steps_s)
def test_temperature_covers_the_same_hours_and_invents_no_extremes(hours: Series, step_s: int) -> None:
    steps = refined_by_lines(hours, step_s)
    assert all(steps.covers(hour) for hour, _ in hours.items())
    assert sum(step.duration_s for step, _ in steps.items()) == 3600 * len(hours.values)
    assert min(hours.values) - 1e-9 <= min(steps.values)
    assert max(steps.values) <= max(hours.values) + 1e-9


def test_a_clear_hour_has_the_shape_of_the_clear_sky() -> None:
    hour = Interval(start=DAWN + timedelta(hours=3), end=DAWN + timedelta(hours=4))
    clear = mean_clear_sky_w_m2(int(hour.start.timestamp()), int(hour.end.timestamp()), LATITUDE, LONGITUDE)
    steps = refined_irradiance_w_m2(Series.constant(hour, 0.7 * clear), LATITUDE, LONGITUDE)
    assert len(steps.values) == 12
    assert list(steps.values) == sorted(steps.values)
    for step, value in steps.items():
        middle = step.start + (step.end - step.start) / 2
        assert value == pytest.approx(0.7 * clear_sky_w_m2(middle, LATITUDE, LONGITUDE), rel=1e-6)


def test_the_hour_of_sunrise_is_dark_before_it() -> None:
    hour = Interval(start=datetime(2020, 1, 1, 5, tzinfo=UTC), end=datetime(2020, 1, 1, 6, tzinfo=UTC))
    steps = refined_irradiance_w_m2(Series.constant(hour, 3.0), LATITUDE, LONGITUDE)
    assert steps.values[0] == 0
    assert steps.values[-1] > 10


def test_light_that_the_sun_model_does_not_know_is_spread_evenly() -> None:
    night = Interval(start=datetime(2020, 1, 1, 22, tzinfo=UTC), end=datetime(2020, 1, 1, 23, tzinfo=UTC))
    steps = refined_irradiance_w_m2(Series.constant(night, 6.0), LATITUDE, LONGITUDE)
    assert steps.values == (6.0,) * 12


def test_temperature_rises_on_a_straight_line_through_the_middles_of_the_hours() -> None:
    hours = Series.of(
        (Interval(start=DAWN + timedelta(hours=k), end=DAWN + timedelta(hours=k + 1)), 6.0 * k) for k in range(3)
    )
    steps = refined_by_lines(hours)
    assert steps.values[:6] == (0.0,) * 6
    assert steps.at(DAWN + timedelta(hours=1)) == pytest.approx(3.25)
    assert steps.values[-6:] == (12.0,) * 6


def test_a_refined_forecast_says_the_same_of_itself() -> None:
    span = Interval(start=DAWN, end=DAWN + timedelta(hours=1))
    forecast = WeatherForecast(
        issued_at=DAWN,
        source=WeatherSource.LAST_GOOD,
        outdoor_temperature_c=Series.constant(span, 7.0),
        irradiance_w_m2=Series.constant(span, 0.0),
    )
    steps = refined(forecast, LATITUDE, LONGITUDE)
    assert (steps.issued_at, steps.source) == (DAWN, WeatherSource.LAST_GOOD)
    assert len(steps.outdoor_temperature_c.values) == len(steps.irradiance_w_m2.values) == 12
    assert refined(steps, LATITUDE, LONGITUDE) == steps
