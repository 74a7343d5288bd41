"""The weather that really happens: a smooth seasonal day over Istanbul with a seeded restlessness.

On 1 January it is 7 ± 2.5 °C, coldest about 03:00, and the sun gives 2.51 kWh/m² between 08:12 and 17:36, the day on
which the smart-house paper was rebuilt. Other dates follow the climate of Istanbul. What is *forecast* is a little
wrong; that error is added by the server that forecasts.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Protocol
from zoneinfo import ZoneInfo

ISTANBUL = ZoneInfo("Europe/Istanbul")
YEAR_DAYS = 365.25
COLDEST_HOUR = 3.0
SOLAR_NOON_HOUR = 12.9


class WeatherTruth(Protocol):
    """What the air and the sun do at a moment."""

    def temperature_c(self, at: datetime) -> float:
        """Outdoor air temperature, °C."""

    def irradiance_w_m2(self, at: datetime) -> float:
        """Global horizontal irradiance, W/m²."""


@dataclass(frozen=True)
class _Wave:
    amplitude: float
    period_s: float
    phase: float

    def at(self, moment_s: float) -> float:
        return self.amplitude * math.sin(2 * math.pi * moment_s / self.period_s + self.phase)


class TrueWeather:
    """Weather as a pure function of time and seed.

    `restlessness` scales the departures from the smooth day: at 1 about ±0.5 °C and ±12 % of the sun;
    0 is the smooth day.
    """

    def __init__(self, seed: int = 0, *, zone: ZoneInfo = ISTANBUL, restlessness: float = 1.0) -> None:
        random = Random(f"weather:{seed}")
        self._zone = zone
        # Periods that share no multiple, so that no two days are alike.
        self._air = _waves(random, restlessness * 0.25, (5.3, 3.1, 1.7))
        self._clouds = _waves(random, restlessness * 0.06, (2.9, 1.3, 0.6))

    def temperature_c(self, at: datetime) -> float:
        """Outdoor air temperature, °C."""
        local = at.astimezone(self._zone)
        season = _season(local, coldest_day=34)
        mean_c, swing_c = 15.2 - 9.83 * season, 3.4 - 1.08 * season
        smooth_c = mean_c - swing_c * math.cos(2 * math.pi * (_hour(local) - COLDEST_HOUR) / 24)
        return smooth_c + sum(wave.at(at.timestamp()) for wave in self._air)

    def irradiance_w_m2(self, at: datetime) -> float:
        """Global horizontal irradiance, W/m²: a half sine between sunrise and sunset, dimmed and lit by clouds."""
        local = at.astimezone(self._zone)
        darkness = _season(local, coldest_day=-11)
        daylight_h, peak_w_m2 = 12.15 - 2.8 * darkness, 660.0 - 244.4 * darkness
        since_sunrise_h = _hour(local) - (SOLAR_NOON_HOUR - daylight_h / 2)
        if not 0 < since_sunrise_h < daylight_h:
            return 0.0
        clouds = 1 + sum(wave.at(at.timestamp()) for wave in self._clouds)
        return peak_w_m2 * math.sin(math.pi * since_sunrise_h / daylight_h) * max(0.0, clouds)


def mean_temperature_c(weather: WeatherTruth, start: datetime, hours: int = 24) -> float:
    """Mean outdoor temperature over whole hours from `start`, °C."""
    return _mean(weather.temperature_c(start + timedelta(minutes=10 * k)) for k in range(6 * hours))


def _waves(random: Random, amplitude: float, periods_h: tuple[float, ...]) -> tuple[_Wave, ...]:
    return tuple(_Wave(amplitude, period_h * 3600, random.uniform(0, 2 * math.pi)) for period_h in periods_h)


def _season(local: datetime, coldest_day: int) -> float:
    """1 on the coldest (or darkest) day of the year, counted from 1 January as 0, and -1 half a year later."""
    return math.cos(2 * math.pi * (local.timetuple().tm_yday - 1 - coldest_day) / YEAR_DAYS)


def _hour(local: datetime) -> float:
    return local.hour + local.minute / 60 + local.second / 3600


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)
