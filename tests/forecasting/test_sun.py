"""The sun and the climate."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.interval import Interval
from agent.domain.weather import WeatherSource
from agent.forecasting.sun import CLEAR_AIR, clear_sky_w_m2, climate_forecast, mean_clear_sky_w_m2, sun_elevation_deg
from tests.forecasting.zones import spans

LATITUDE, LONGITUDE = 41.01, 28.98
REFRACTION_AND_RADIUS_DEG = 0.83
moments = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - aware by timezones
latitudes, longitudes = st.floats(-66, 66), st.floats(-180, 180)


@pytest.mark.parametrize(
    ("rise_or_set", "latitude", "longitude"),
    [
        (datetime(2020, 1, 1, 5, 29, tzinfo=UTC), 41.01, 28.98),  # Istanbul, sunrise by the almanac
        (datetime(2020, 1, 1, 14, 46, tzinfo=UTC), 41.01, 28.98),
        (datetime(2020, 6, 21, 3, 43, tzinfo=UTC), 51.48, 0.0),  # Greenwich
        (datetime(2020, 6, 21, 20, 21, tzinfo=UTC), 51.48, 0.0),
    ],
)
def test_the_sun_rises_and_sets_with_the_almanac(rise_or_set: datetime, latitude: float, longitude: float) -> None:
    assert sun_elevation_deg(rise_or_set, latitude, longitude) == pytest.approx(-REFRACTION_AND_RADIUS_DEG, abs=0.5)


@pytest.mark.parametrize(
    ("day", "declination"),
    [((2020, 6, 20), 23.44), ((2020, 12, 21), -23.44), ((2021, 3, 20), 0.0), ((2023, 11, 3), -15.0)],
)
def test_the_noon_sun_stands_as_high_as_the_season_says(day: tuple[int, int, int], declination: float) -> None:
    minutes = (datetime(*day, 8, tzinfo=UTC) + timedelta(minutes=k) for k in range(300))
    highest = max(sun_elevation_deg(minute, LATITUDE, LONGITUDE) for minute in minutes)
    assert highest == pytest.approx(90 - LATITUDE + declination, abs=0.5)


@pytest.mark.parametrize(
    ("day", "minutes"), [((2023, 2, 11), -14.2), ((2023, 4, 1), -4.0), ((2023, 5, 14), 3.7), ((2023, 10, 1), 10.2)]
)
def test_the_sundial_differs_from_the_clock_by_the_equation_of_time(day: tuple[int, int, int], minutes: float) -> None:
    noon = datetime(*day, 12, tzinfo=UTC)
    highest = max(
        (noon + timedelta(seconds=10 * k) for k in range(-180, 180)), key=lambda at: sun_elevation_deg(at, 51.48, 0.0)
    )
    assert (noon - highest).total_seconds() / 60 == pytest.approx(minutes, abs=1)


@given(moments, latitudes, longitudes)
def test_the_clear_sky_is_dark_exactly_at_night_and_never_beyond_the_sun(
    at: datetime, latitude: float, longitude: float
) -> None:
    brightness = clear_sky_w_m2(at, latitude, longitude)
    assert 0 <= brightness < 1098
    if sun_elevation_deg(at, latitude, longitude) <= 0:
        assert brightness == 0
    elif sun_elevation_deg(at, latitude, longitude) > 1:
        assert brightness > 0


def test_haurwitz_at_thirty_degrees() -> None:
    noon = max(
        (datetime(2020, 11, 19, 9, tzinfo=UTC) + timedelta(minutes=k) for k in range(120)),
        key=lambda at: sun_elevation_deg(at, LATITUDE, LONGITUDE),
    )
    sine = math.sin(math.radians(sun_elevation_deg(noon, LATITUDE, LONGITUDE)))
    assert clear_sky_w_m2(noon, LATITUDE, LONGITUDE) == pytest.approx(1098 * sine * math.exp(-0.059 / sine))


@given(spans(), latitudes, longitudes)
def test_the_climate_covers_the_span_and_stays_below_the_clear_sky(
    span: Interval, latitude: float, longitude: float
) -> None:
    climate = climate_forecast(span, latitude, longitude, span.start)
    assert climate.source is WeatherSource.CLIMATE
    assert climate.outdoor_temperature_c.covers(span)
    assert climate.irradiance_w_m2.covers(span)
    assert all(2 < value < 27 for value in climate.outdoor_temperature_c.values)
    for step, value in climate.irradiance_w_m2.items():
        start_s, end_s = int(step.start.timestamp()), int(step.end.timestamp())
        assert 0 <= value <= CLEAR_AIR * mean_clear_sky_w_m2(start_s, end_s, latitude, longitude)


@pytest.mark.parametrize(
    ("month", "kwh_per_m2", "temperature_c"), [(1, 1.6, 6), (4, 4.7, 12), (7, 6.8, 24), (10, 3.1, 16)]
)
def test_the_climate_is_that_of_istanbul(month: int, kwh_per_m2: float, temperature_c: float) -> None:
    day = Interval(start=datetime(2023, month, 15, tzinfo=UTC), end=datetime(2023, month, 16, tzinfo=UTC))
    climate = climate_forecast(day, LATITUDE, LONGITUDE, day.start)
    assert climate.irradiance_w_m2.mean(day) * 24 / 1000 == pytest.approx(kwh_per_m2, rel=0.12)
    assert climate.outdoor_temperature_c.mean(day) == pytest.approx(temperature_c, abs=1.5)


def test_the_climate_is_coldest_before_dawn() -> None:
    day = Interval(start=datetime(2023, 5, 15, tzinfo=UTC), end=datetime(2023, 5, 16, tzinfo=UTC))
    temperature = climate_forecast(day, LATITUDE, LONGITUDE, day.start).outdoor_temperature_c
    coldest = min(temperature.items(), key=lambda item: item[1])[0]
    assert coldest.start.hour in (1, 2)
