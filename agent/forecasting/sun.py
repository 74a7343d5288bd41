"""Where the sun stands, how bright a clear sky is, and what weather a date usually has.

Position after Spencer's Fourier series (declination, equation of time): within half a degree, which is a minute or two
of sunrise. Clear sky after Haurwitz (1945).
"""

import math
from datetime import UTC, datetime

from agent.domain.interval import Interval, Series
from agent.domain.weather import WeatherForecast, WeatherSource

CLEAR_AIR = 0.885
"""Share of Haurwitz's sky that reaches the ground at Istanbul; within a few per cent of Ineichen's model."""
CLIMATE_STEP_S = 300

_YEAR_DAYS = 365.25
_CLOUDY_MEAN, _CLOUDY_SWING, _CLOUDIEST_DAY = 0.75, 0.12, 10
_MEAN_C, _SEASON_C, _COLDEST_DAY = 14.5, 9.0, 32
_DAILY_C, _COLDEST_SOLAR_HOUR = 3.0, 4.0


def sun_elevation_deg(at: datetime, latitude: float, longitude: float) -> float:
    """Height of the sun's centre above the horizon, degrees, negative below; refraction is left out."""
    return math.degrees(math.asin(_sine_of_elevation(at.timestamp(), latitude, longitude)))


def clear_sky_w_m2(at: datetime, latitude: float, longitude: float) -> float:
    """Global horizontal irradiance under a cloudless sky (Haurwitz), W/m²."""
    return _haurwitz_w_m2(_sine_of_elevation(at.timestamp(), latitude, longitude))


def mean_clear_sky_w_m2(start_s: int, end_s: int, latitude: float, longitude: float) -> float:
    """Mean of the clear sky over a span given in seconds since 1970, from samples at most five minutes apart."""
    count = max(1, -(-(end_s - start_s) // 300))
    length_s = (end_s - start_s) / count
    middles_s = (start_s + (k + 0.5) * length_s for k in range(count))
    return sum(_haurwitz_w_m2(_sine_of_elevation(at_s, latitude, longitude)) for at_s in middles_s) / count


def climate_forecast(span: Interval, latitude: float, longitude: float, issued_at: datetime) -> WeatherForecast:
    """What such days usually bring, for when nobody can be asked; marked CLIMATE. `span` is in whole seconds.

    Made for the coast of Türkiye: 14.5 °C over the year, coldest at the start of February (5.5 °C) and warmest in
    August (23.5 °C), 3 °C up and down within the day. The sky lets 63 % of a clear day through in January and 87 %
    in July. Elsewhere it is a guess; the plan says that it rests on it.
    """
    steps = span.steps(CLIMATE_STEP_S)
    columns = [(int(step.start.timestamp()), int(step.end.timestamp())) for step in steps]
    starts_s, ends_s = tuple(start_s for start_s, _ in columns), tuple(end_s for _, end_s in columns)
    middles_s = [(start_s + end_s) / 2 for start_s, end_s in columns]
    temperature_c = tuple(_usual_temperature_c(at_s, longitude) for at_s in middles_s)
    irradiance_w_m2 = tuple(
        CLEAR_AIR * _usual_share_of_clear_sky(start_s) * mean_clear_sky_w_m2(start_s, end_s, latitude, longitude)
        for start_s, end_s in columns
    )
    return WeatherForecast(
        issued_at=issued_at,
        source=WeatherSource.CLIMATE,
        outdoor_temperature_c=Series(starts_s=starts_s, ends_s=ends_s, values=temperature_c),
        irradiance_w_m2=Series(starts_s=starts_s, ends_s=ends_s, values=irradiance_w_m2),
    )


def _haurwitz_w_m2(sine_of_elevation: float) -> float:
    if sine_of_elevation <= 0:
        return 0.0
    return 1098.0 * sine_of_elevation * math.exp(-0.059 / sine_of_elevation)


def _sine_of_elevation(at_s: float, latitude: float, longitude: float) -> float:
    year_angle = 2 * math.pi * _day_of_year(at_s) / _YEAR_DAYS
    declination = _declination(year_angle)
    solar_hour = _utc_hour(at_s) + longitude / 15 + _equation_of_time_h(year_angle)
    hour_angle = math.radians(15 * (solar_hour - 12))
    height = math.radians(latitude)
    sine = math.sin(height) * math.sin(declination) + math.cos(height) * math.cos(declination) * math.cos(hour_angle)
    return max(-1.0, min(1.0, sine))


def _declination(year_angle: float) -> float:
    """Radians; Spencer 1971."""
    return (
        0.006918
        - 0.399912 * math.cos(year_angle)
        + 0.070257 * math.sin(year_angle)
        - 0.006758 * math.cos(2 * year_angle)
        + 0.000907 * math.sin(2 * year_angle)
        - 0.002697 * math.cos(3 * year_angle)
        + 0.001480 * math.sin(3 * year_angle)
    )


def _equation_of_time_h(year_angle: float) -> float:
    """Sundial minus clock, hours; Spencer 1971."""
    radians = (
        0.000075
        + 0.001868 * math.cos(year_angle)
        - 0.032077 * math.sin(year_angle)
        - 0.014615 * math.cos(2 * year_angle)
        - 0.040849 * math.sin(2 * year_angle)
    )
    return radians * 24 / (2 * math.pi)


def _day_of_year(at_s: float) -> float:
    """Days since 1 January, 0 at its midnight, with the fraction of the day (UTC)."""
    return datetime.fromtimestamp(at_s, UTC).timetuple().tm_yday - 1 + _utc_hour(at_s) / 24


def _utc_hour(at_s: float) -> float:
    return (at_s % 86_400) / 3600


def _usual_share_of_clear_sky(at_s: float) -> float:
    return _CLOUDY_MEAN - _CLOUDY_SWING * math.cos(2 * math.pi * (_day_of_year(at_s) - _CLOUDIEST_DAY) / _YEAR_DAYS)


def _usual_temperature_c(at_s: float, longitude: float) -> float:
    season = math.cos(2 * math.pi * (_day_of_year(at_s) - _COLDEST_DAY) / _YEAR_DAYS)
    solar_hour = _utc_hour(at_s) + longitude / 15
    time_of_day = math.cos(2 * math.pi * (solar_hour - _COLDEST_SOLAR_HOUR) / 24)
    return _MEAN_C - _SEASON_C * season - _DAILY_C * time_of_day
