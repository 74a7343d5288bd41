"""Named days of the Turkish day-ahead market, with the weather of Istanbul.

Prices and weather were measured where the folder of shared data is present (SHARED_DATA, else `shared/data` beside the
repository); else they are the shipped day and variations of it, and the weather is that of the climate.
"""

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.commands.day_files import read_prices, read_weather
from agent.domain.interval import Interval, Series
from agent.domain.local_day import local_day
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.domain.weather import WeatherForecast, WeatherSource
from agent.forecasting.sun import climate_forecast
from agent.forecasting.weather import refined

ROOT = Path(__file__).parents[2]
SHARED_DATA = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))
ZONE = ZoneInfo("Europe/Istanbul")
LATITUDE, LONGITUDE = 41.01, 28.98
WARMEST_MONTHS = range(6, 10)
DAYS_KNOWN = 2
"""Days come with the one after them, for longer horizons."""


class Kind(StrEnum):
    """What is special about a day."""

    WINTER = "winter"
    SUMMER = "summer"
    CAPPED = "capped"
    """The price stands at its cap for hours."""
    ZERO = "zero"
    """For hours electricity costs nothing."""
    MILD = "mild"


REAL: Mapping[Kind, tuple[str, ...]] = {
    Kind.WINTER: (
        "2016-01-13",
        "2017-01-10",
        "2018-01-17",
        "2019-01-15",
        "2019-12-11",
        "2021-01-20",
        "2023-12-06",
        "2024-01-10",
        "2025-02-12",
    ),
    Kind.SUMMER: (
        "2016-07-20",
        "2017-07-12",
        "2018-08-15",
        "2019-07-17",
        "2020-08-05",
        "2022-07-06",
        "2024-06-12",
        "2025-07-02",
    ),
    Kind.CAPPED: (
        "2021-08-04",
        "2021-12-22",
        "2022-02-10",
        "2022-03-14",
        "2022-12-14",
        "2023-10-30",
        "2024-07-17",
        "2024-11-20",
    ),
    Kind.ZERO: ("2016-02-21", "2019-05-05", "2020-04-12", "2020-05-24", "2022-04-03", "2025-06-08"),
    Kind.MILD: ("2020-10-14", "2023-10-04", "2024-04-03"),
}


@dataclass(frozen=True)
class Day:
    """One day and what was known of it and of the next."""

    name: str
    kind: Kind
    day: date
    prices: Mapping[date, DayAheadPrices]
    weather: WeatherForecast
    days_known: int = DAYS_KNOWN

    @property
    def is_warm(self) -> bool:
        """Whether homes are cooled."""
        return self.day.month in WARMEST_MONTHS

    def span(self, days: int) -> Interval:
        """So many days from its midnight on."""
        last = local_day(self.day + timedelta(days=days - 1), ZONE)
        return Interval(start=local_day(self.day, ZONE).start, end=last.end)


def market_days(folder: Path = SHARED_DATA) -> tuple[Day, ...]:
    """The shipped day, and the real ones, or what is made of the shipped one where the folder is absent."""
    return (_shipped_day(), *(_real_days(folder) if folder.is_dir() else _made_up_days()))


def _shipped_day() -> Day:
    """1 January 2020, the paper's day; nothing is known of the next one."""
    examples, first = ROOT / "examples", date(2020, 1, 1)
    prices, weather = (
        read_prices(examples / "paper-prices.csv", ZONE),
        read_weather(examples / "paper-weather.csv", ZONE),
    )
    return Day("paper", Kind.WINTER, first, prices, weather, days_known=1)


def _real_days(folder: Path) -> Iterator[Day]:
    price_try_per_mwh = _column(folder / "ptf_hourly.csv", "ptf_tl_mwh")
    outdoor_c = _column(folder / "weather_istanbul_hourly.csv", "temperature_c")
    irradiance_w_m2 = _column(folder / "weather_istanbul_hourly.csv", "ghi_derived_w_m2")
    for kind, names in REAL.items():
        for name in names:
            first = date.fromisoformat(name)
            days = [first + timedelta(days=k) for k in range(DAYS_KNOWN)]
            prices = {day: _published(day, _hours(price_try_per_mwh, day)) for day in days}
            yield Day(name, kind, first, prices, _weather(days, outdoor_c, irradiance_w_m2))


def _column(path: Path, column: str) -> dict[date, list[float]]:
    """The hours of a file by local day."""
    days: dict[date, list[float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            days.setdefault(datetime.fromisoformat(row["ts"]).date(), []).append(float(row[column]))
    return days


def _hours(by_day: Mapping[date, Sequence[float]], day: date) -> Sequence[float]:
    hours = by_day.get(day, ())
    if len(hours) != 24:
        raise ValueError(f"{day} has {len(hours)} hours of prices; choose another day")
    return hours


def _published(day: date, try_per_mwh: Sequence[float]) -> DayAheadPrices:
    span = local_day(day, ZONE)
    return DayAheadPrices(
        day=day,
        status=PriceStatus.FINAL,
        fetched_at=span.start,
        price_try_per_kwh=_hourly(span, [price / 1000 for price in try_per_mwh]),
    )


def _hourly(span: Interval, values: Sequence[float]) -> Series:
    return Series.of(zip(span.steps(3600), values, strict=True))


def _weather(
    days: Sequence[date], outdoor_c: Mapping[date, Sequence[float]], irradiance_w_m2: Mapping[date, Sequence[float]]
) -> WeatherForecast:
    """As it was measured, if it was on all of the days; else as such days usually are."""
    span = Interval(start=local_day(days[0], ZONE).start, end=local_day(days[-1], ZONE).end)
    if not all(len(outdoor_c.get(day, ())) == 24 for day in days):
        return climate_forecast(span, LATITUDE, LONGITUDE, span.start)
    measured = WeatherForecast(
        issued_at=span.start,
        source=WeatherSource.FORECAST,
        outdoor_temperature_c=_hourly(span, [value for day in days for value in outdoor_c[day]]),
        irradiance_w_m2=_hourly(span, [value for day in days for value in irradiance_w_m2[day]]),
    )
    return refined(measured, LATITUDE, LONGITUDE)


# ---- Without the shared data ----

_SHAPES: Mapping[str, tuple[Kind | None, Callable[[Sequence[float]], list[float]]]] = {
    "shipped": (None, list),
    "capped": (Kind.CAPPED, lambda hours: [min(1.4 * price, 340.0) for price in hours]),
    "zero": (Kind.ZERO, lambda hours: [0.0 if 9 <= hour < 16 else price for hour, price in enumerate(hours)]),
    "steep": (None, lambda hours: [price**3 / max(hours) ** 2 for price in hours]),
    "turned": (None, lambda hours: [*hours[8:], *hours[:8]]),
}
_DATES = ("2020-01-01", "2020-02-12", "2020-04-15", "2020-06-17", "2020-08-12", "2020-10-14")


def _made_up_days() -> Iterator[Day]:
    shipped = next(iter(read_prices(ROOT / "examples" / "paper-prices.csv", ZONE).values()))
    hours = [1000 * price for price in shipped.price_try_per_kwh.values]
    for name in _DATES:
        first = date.fromisoformat(name)
        usual = Kind.SUMMER if first.month in WARMEST_MONTHS else Kind.WINTER
        for shape, (kind, change) in _SHAPES.items():
            days = [first + timedelta(days=k) for k in range(DAYS_KNOWN)]
            prices = {day: _published(day, change(hours)) for day in days}
            yield Day(f"{name}-{shape}", kind or usual, first, prices, _weather(days, {}, {}))
