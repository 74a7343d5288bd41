"""A server shaped like Open-Meteo's forecast, of weather that it knows almost."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Protocol

from aiohttp import web

from simulators.feeds.served import EVERYWHERE, Clock, FailingServer, Fault

HOUR = timedelta(hours=1)
SAMPLES_PER_HOUR = 12
MODEL_RUN_S = 6 * 3600
WIND_MEAN_M_S, WIND_SWING_M_S, WIND_PERIOD_H = 5.0, 3.0, 31
KMH_PER_M_S = 3.6
NULL_HOUR = 12


class WeatherTruth(Protocol):
    """What the air and the sun do at a moment."""

    def temperature_c(self, at: datetime) -> float:
        """Outdoor air temperature, °C."""

    def irradiance_w_m2(self, at: datetime) -> float:
        """Global horizontal irradiance, W/m²."""


@dataclass(frozen=True)
class ForecastError:
    """How wrong the forecast is a day ahead: smoothly, growing from nothing, another way with each model run."""

    temperature_c: float = 0.8
    irradiance_share: float = 0.1
    seed: int = 0

    def waves(self, now: datetime) -> tuple[Callable[[datetime], float], Callable[[datetime], float]]:
        """What to add to the temperature (°C) and to one for the factor on the sun, at a moment."""
        run = int(now.timestamp()) // MODEL_RUN_S
        random = Random(f"forecast:{self.seed}:{run}")
        phases = [random.uniform(0, 2 * math.pi) for _ in range(2)]

        def wave(amplitude: float, phase: float) -> Callable[[datetime], float]:
            def at(moment: datetime) -> float:
                ahead_h = max(0.0, (moment - now).total_seconds() / 3600)
                return amplitude * min(1.0, ahead_h / 24) * math.sin(2 * math.pi * ahead_h / 19 + phase)

            return at

        return wave(self.temperature_c, phases[0]), wave(self.irradiance_share, phases[1])


NO_ERROR = ForecastError(temperature_c=0.0, irradiance_share=0.0)


class OpenMeteoServer(FailingServer):
    """Answers `/v1/forecast` in unix time or ISO, hourly, for the three variables that the hub asks for.

    Every place on Earth has the same weather here: that of the simulated home. Nothing in it turns by the wind, which
    comes and goes as a wave.
    """

    faults = EVERYWHERE | {Fault.NULLS, Fault.BRIGHT}

    def __init__(
        self,
        truth: WeatherTruth,
        clock: Clock,
        *,
        error: ForecastError | None = None,
        fault: Fault | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(fault=fault, host=host, port=port)
        self._truth = truth
        self._clock = clock
        self._error = error or ForecastError()

    @property
    def base_url(self) -> str:
        """What the hub's setting of the same name should say."""
        return self.url

    def routes(self) -> list[web.RouteDef]:
        """The one service."""
        return [web.get("/v1/forecast", self._forecast)]

    async def _forecast(self, request: web.Request) -> web.Response:
        latitude = _number(request, "latitude", -90, 90)
        longitude = _number(request, "longitude", -180, 180)
        days = _number(request, "forecast_days", 0, 16, default=7)
        past_days = _number(request, "past_days", 0, 92, default=0)
        names = [name for name in request.query.get("hourly", "").split(",") if name]
        now = self._clock.now().astimezone(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        times = [midnight + k * HOUR for k in range(-24 * int(past_days), 24 * int(days))]
        unix = request.query.get("timeformat", "iso8601") == "unixtime"
        hourly: dict[str, list[int] | list[str] | list[float | None]] = {
            "time": [int(t.timestamp()) for t in times] if unix else [t.strftime("%Y-%m-%dT%H:%M") for t in times]
        }
        in_m_s = request.query.get("wind_speed_unit", "kmh") == "ms"
        for name in names:
            hourly[name] = self._column(name, times, now, in_m_s=in_m_s)
        units = {
            "time": "unixtime" if unix else "iso8601",
            "temperature_2m": "°C",
            "shortwave_radiation": "W/m²",
            "wind_speed_10m": "m/s" if in_m_s else "km/h",
        }
        return web.json_response(
            {
                "latitude": latitude,
                "longitude": longitude,
                "generationtime_ms": 0.1,
                "utc_offset_seconds": 0,
                "timezone": "GMT",
                "timezone_abbreviation": "GMT",
                "elevation": 38.0,
                "hourly_units": {name: units[name] for name in hourly},
                "hourly": hourly,
            }
        )

    def _column(self, name: str, times: list[datetime], now: datetime, *, in_m_s: bool) -> list[float | None]:
        temperature_error, irradiance_error = self._error.waves(now)
        column: list[float | None]
        if name == "temperature_2m":
            column = [round(self._truth.temperature_c(at) + temperature_error(at), 1) for at in times]
        elif name == "shortwave_radiation":
            factor = 10 if self._fault is Fault.BRIGHT else 1
            column = [round(factor * self._mean_of_hour_before(at) * (1 + irradiance_error(at)), 1) for at in times]
        elif name == "wind_speed_10m":
            column = [round(wind_m_s(at) * (1 if in_m_s else KMH_PER_M_S), 1) for at in times]
        else:
            raise _refusal(f"Data corrupted at path ''. Cannot initialize hourly variable from invalid value {name}.")
        if self._fault is Fault.NULLS:
            column[NULL_HOUR:] = [None] * len(column[NULL_HOUR:])
        return column

    def _mean_of_hour_before(self, at: datetime) -> float:
        samples = [at - (k + 0.5) * HOUR / SAMPLES_PER_HOUR for k in range(SAMPLES_PER_HOUR)]
        return sum(self._truth.irradiance_w_m2(moment) for moment in samples) / SAMPLES_PER_HOUR


def wind_m_s(at: datetime) -> float:
    """What the wind does at a moment, m/s."""
    return WIND_MEAN_M_S + WIND_SWING_M_S * math.sin(2 * math.pi * at.timestamp() / 3600 / WIND_PERIOD_H)


def _number(request: web.Request, name: str, low: float, high: float, default: float | None = None) -> float:
    text = request.query.get(name, "" if default is None else str(default))
    try:
        value = float(text)
    except ValueError as error:
        raise _refusal(f"Value of type 'Float' required for key '{name}'.") from error
    if not low <= value <= high:
        raise _refusal(f"{name} must be in range of {low:g} to {high:g}. Given: {text}.")
    return value


def _refusal(reason: str) -> web.HTTPBadRequest:
    body = web.json_response({"error": True, "reason": reason}).text or ""
    return web.HTTPBadRequest(text=body, content_type="application/json")
