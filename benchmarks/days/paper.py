"""The smart-house paper's day, 1 January 2020 in Istanbul; docs/reproduction.md names every assumption."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.domain.house import HouseState
from agent.domain.interval import Interval, Series
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.domain.plan import Problem
from agent.domain.weather import WeatherForecast, WeatherSource
from agent.outlook import problem_of
from agent.settings import load_settings

ROOT = Path(__file__).parents[2]
ZONE = ZoneInfo("Europe/Istanbul")
DAY = date(2020, 1, 1)
STEP = timedelta(minutes=5)

PTF_TRY_PER_MWH = (
    *(311.65, 313.24, 311.08, 310.70, 200.01, 179.99, 254.00, 300.01, 209.99, 200.01, 310.14, 311.12),
    *(310.81, 311.28, 288.57, 290.01, 312.41, 315.56, 316.22, 314.08, 311.12, 310.20, 274.57, 250.64),
)
"""EPİAŞ, hour by hour."""

MEAN_OUTDOOR_C, SWING_C, COLDEST_H = 7.0, 2.5, 3.0
SUNRISE_H, SUNSET_H, SUN_W_M2 = 8.2, 17.6, 420.0
ROOM_START_C, TANK_START_C = 25.0, 45.0


def paper_problem(time_limit_s: float) -> Problem:
    """The paper's house on that day."""
    return _problem("paper.toml", ROOM_START_C, TANK_START_C, time_limit_s)


def home_problem(time_limit_s: float) -> Problem:
    """The home of examples/home.toml on that day."""
    return _problem("home.toml", 22.0, 55.0, time_limit_s)


def _problem(example: str, room_c: float, tank_c: float, time_limit_s: float) -> Problem:
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=ZONE).astimezone(UTC)
    span = Interval(start=start, end=start + timedelta(days=1))
    settings = load_settings(ROOT / "examples" / example, environment={})
    planning = settings.planning.model_copy(update={"time_limit_s": time_limit_s})
    state = HouseState(at=start, room_temperature_c=room_c, tank_temperature_c=tank_c)
    prices = DayAheadPrices(
        day=DAY, status=PriceStatus.FINAL, fetched_at=start, price_try_per_kwh=_prices_try_per_kwh(span)
    )
    weather = WeatherForecast(
        issued_at=start,
        source=WeatherSource.FORECAST,
        outdoor_temperature_c=_sampled(span, _outdoor_c),
        irradiance_w_m2=_sampled(span, _irradiance_w_m2),
    )
    return problem_of(settings.model_copy(update={"planning": planning}), state, span, {DAY: prices}, weather)


def _prices_try_per_kwh(span: Interval) -> Series:
    return Series.of(zip(span.steps(3600), (price / 1000 for price in PTF_TRY_PER_MWH), strict=True))


def _sampled(span: Interval, curve: Callable[[float], float]) -> Series:
    """A curve over the hours of the day, taken at the middle of each step."""
    borders = [span.start + k * STEP for k in range(int(span.duration_s / STEP.total_seconds()) + 1)]
    steps = [Interval(start=begin, end=end) for begin, end in pairwise(borders)]
    return Series.of((step, curve((step.start - span.start + STEP / 2).total_seconds() / 3600)) for step in steps)


def _outdoor_c(hour: float) -> float:
    return MEAN_OUTDOOR_C - SWING_C * math.cos(2 * math.pi * (hour - COLDEST_H) / 24)


def _irradiance_w_m2(hour: float) -> float:
    if not SUNRISE_H < hour < SUNSET_H:
        return 0.0
    return SUN_W_M2 * math.sin(math.pi * (hour - SUNRISE_H) / (SUNSET_H - SUNRISE_H))
