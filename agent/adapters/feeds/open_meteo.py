"""Weather from Open-Meteo. Free use is for homes, not for business."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated

import httpx
from pydantic import Field, ValidationError

from agent.adapters.feeds.asking import Answer, answer_to, unreadable
from agent.domain.interval import Interval, Series
from agent.domain.weather import WeatherForecast, WeatherSource
from agent.errors import FeedImplausible, FeedIncomplete, FeedMalformed
from agent.ports import Clock

FEED = "open-meteo"
ATTRIBUTION = "Weather data by Open-Meteo.com (CC BY 4.0)"
"""Must be shown wherever the forecast is."""

HOUR_S = 3600
FEWEST_DAYS = 3
"""Asked for even if the span is shorter: the rest is the last good forecast when the service goes away."""
MOST_DAYS = 16
COLDEST_C, HOTTEST_C = -60.0, 60.0
BRIGHTEST_W_M2 = 1500.0
STRONGEST_M_S = 120.0

_Moment = Annotated[int, Field(ge=0, lt=4_102_444_800)]  # before 2100


class _Hourly(Answer):
    time: tuple[_Moment, ...] = Field(min_length=2)
    temperature_2m: tuple[float | None, ...]
    shortwave_radiation: tuple[float | None, ...]
    wind_speed_10m: tuple[float | None, ...] | None = None


class _Forecast(Answer):
    hourly: _Hourly


class OpenMeteoWeather:
    """The forecast for one place, by the hour. The client is the hub's, and lives longer than this."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        clock: Clock,
        *,
        base_url: str,
        latitude: float,
        longitude: float,
        timeout_s: float = 20.0,
    ) -> None:
        self._client = client
        self._clock = clock
        self._url = f"{base_url.rstrip('/')}/v1/forecast"
        self._latitude = latitude
        self._longitude = longitude
        self._timeout_s = timeout_s

    async def forecast(self, span: Interval) -> WeatherForecast:
        """Return hourly means that cover the span, and what else the service sent. Raises FeedError."""
        now = self._clock.now()
        body = await answer_to(
            self._client,
            lambda: self._client.build_request(
                "GET", self._url, params=self._question(span, now), timeout=self._timeout_s
            ),
            FEED,
            self._timeout_s,
        )
        return forecast_of(body, span, now)

    def _question(self, span: Interval, now: datetime) -> Mapping[str, str]:
        """Days are those of UTC; the last hour of a day needs the first value of the next."""
        ahead = (span.end + timedelta(hours=1)).date() - now.date()
        back = now.date() - span.start.date()
        return {
            "latitude": f"{self._latitude:g}",
            "longitude": f"{self._longitude:g}",
            "timeformat": "unixtime",
            "forecast_days": str(min(max(ahead.days + 1, FEWEST_DAYS), MOST_DAYS)),
            "past_days": str(max(back.days, 0)),
            "hourly": "temperature_2m,shortwave_radiation,wind_speed_10m",
            "wind_speed_unit": "ms",
        }


def forecast_of(body: bytes, span: Interval, now: datetime) -> WeatherForecast:
    """The forecast in an answer. Raises FeedError.

    Temperature and wind are given at the hours; the mean of an hour is taken as that of its two ends. Radiation is
    given as the mean of the hour *before* its time, so it belongs to the interval that ends there. Not every model
    knows the wind; no home loses its forecast for that.
    """
    try:
        hourly = _Forecast.model_validate_json(body).hourly
    except ValidationError as error:
        raise unreadable(error, FEED) from error
    _check_shape(hourly)
    temperature_c = _plausible(hourly.temperature_2m, hourly.time, "temperature_2m", COLDEST_C, HOTTEST_C)
    radiation_w_m2 = _plausible(hourly.shortwave_radiation, hourly.time, "shortwave_radiation", 0.0, BRIGHTEST_W_M2)
    forecast = WeatherForecast(
        issued_at=now,
        source=WeatherSource.FORECAST,
        outdoor_temperature_c=_between_the_hours(hourly, temperature_c),
        irradiance_w_m2=Series(
            starts_s=tuple(end_s - HOUR_S for end_s in hourly.time),
            ends_s=hourly.time,
            values=tuple(radiation_w_m2),
        ),
        wind_speed_m_s=_wind(hourly),
    )
    if not (forecast.outdoor_temperature_c.covers(span) and forecast.irradiance_w_m2.covers(span)):
        raise FeedIncomplete(FEED, f"asked for {span.start} to {span.end}, got {_when(hourly.time[0])} and on")
    return forecast


def _between_the_hours(hourly: _Hourly, values: Sequence[float]) -> Series:
    return Series(
        starts_s=hourly.time[:-1],
        ends_s=hourly.time[1:],
        values=tuple((first + second) / 2 for first, second in pairwise(values)),
    )


def _wind(hourly: _Hourly) -> Series | None:
    values = hourly.wind_speed_10m
    if values is None or None in values:
        return None
    return _between_the_hours(hourly, _plausible(values, hourly.time, "wind_speed_10m", 0.0, STRONGEST_M_S))


def _check_shape(hourly: _Hourly) -> None:
    for name, values in (
        ("temperature_2m", hourly.temperature_2m),
        ("shortwave_radiation", hourly.shortwave_radiation),
        ("wind_speed_10m", hourly.wind_speed_10m),
    ):
        if values is not None and len(values) != len(hourly.time):
            raise FeedMalformed(FEED, f"{name} has {len(values)} values for {len(hourly.time)} times")
    for earlier_s, later_s in pairwise(hourly.time):
        if later_s - earlier_s != HOUR_S:
            raise FeedMalformed(FEED, f"{_when(later_s)} follows {_when(earlier_s)}: not an hour")


def _plausible(values: Sequence[float | None], times: Sequence[int], name: str, low: float, high: float) -> list[float]:
    plausible = []
    for moment_s, value in zip(times, values, strict=True):
        if value is None:
            raise FeedImplausible(FEED, f"{name} at {_when(moment_s)} is null")
        if not low <= value <= high:
            raise FeedImplausible(FEED, f"{name} at {_when(moment_s)}: {value} is outside {low:g} to {high:g}")
        plausible.append(value)
    return plausible


def _when(moment_s: int) -> str:
    return datetime.fromtimestamp(moment_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
