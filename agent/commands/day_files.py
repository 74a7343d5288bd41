"""Prices and weather of a day from CSV files, parsed strictly: a bad line is named by its number."""

import csv
import itertools
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.domain.interval import Interval, Series
from agent.domain.local_day import local_day, local_days
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.domain.weather import WeatherForecast, WeatherSource
from agent.errors import SettingsInvalid

PRICE_COLUMNS = ("ts", "ptf_tl_mwh")
_FIRST_YEAR, _LAST_YEAR = 2000, 2100
_LARGEST = 100_000.0
WEATHER_COLUMNS = ("ts", "temperature_c", "irradiance_w_m2")
WIND_COLUMN = "wind_speed_m_s"


def read_prices(path: Path, zone: ZoneInfo) -> Mapping[date, DayAheadPrices]:
    """Day-ahead prices by local day from `ts,ptf_tl_mwh` (start of delivery, TRY/MWh). Raises SettingsInvalid."""
    (price_try_per_mwh,) = _read(path, PRICE_COLUMNS, zone)
    span = price_try_per_mwh.span
    if span is None:
        raise SettingsInvalid(f"{path} holds no prices; it needs lines below {','.join(PRICE_COLUMNS)}")
    per_kwh = price_try_per_mwh.model_copy(update={"values": tuple(v / 1000 for v in price_try_per_mwh.values)})
    return {
        day: DayAheadPrices(
            day=day,
            status=PriceStatus.FINAL,
            fetched_at=span.start,
            price_try_per_kwh=per_kwh.cut(local_day(day, zone)),
        )
        for day in local_days(span, zone)
    }


def read_weather(path: Path, zone: ZoneInfo) -> WeatherForecast:
    """A forecast from `ts,temperature_c,irradiance_w_m2` and perhaps `wind_speed_m_s`. Raises SettingsInvalid.

    `ts` is the start of the interval.
    """
    columns = (*WEATHER_COLUMNS, WIND_COLUMN) if WIND_COLUMN in _head(path) else WEATHER_COLUMNS
    temperature_c, irradiance_w_m2, *wind_speed_m_s = _read(path, columns, zone)
    span = temperature_c.span
    if span is None:
        raise SettingsInvalid(f"{path} holds no weather; it needs lines below {','.join(WEATHER_COLUMNS)}")
    return WeatherForecast(
        issued_at=span.start,
        source=WeatherSource.FORECAST,
        outdoor_temperature_c=temperature_c,
        irradiance_w_m2=irradiance_w_m2,
        wind_speed_m_s=wind_speed_m_s[0] if wind_speed_m_s else None,
    )


def _head(path: Path) -> Sequence[str]:
    """The names in the first line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return csv.DictReader(file).fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsInvalid(f"{path} cannot be read: {error}") from error


def _read(path: Path, columns: Sequence[str], zone: ZoneInfo) -> tuple[Series, ...]:
    """One series per column after the first, each interval lasting until the next line's."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = set(columns) - set(reader.fieldnames or ())
            if missing:
                raise SettingsInvalid(
                    f"{path}: the column {', '.join(sorted(missing))} is missing; the first line must name "
                    f"{', '.join(columns)}"
                )
            rows = [_row(path, reader.line_num, row, columns, zone) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsInvalid(f"{path} cannot be read: {error}") from error
    rows.sort(key=lambda row: row[0])
    starts = [start for start, _ in rows]
    if len(starts) != len(set(starts)):
        raise SettingsInvalid(f"{path}: a time is given twice")
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    usual = min(gaps, default=timedelta(hours=1))
    spans = [
        Interval(start=start, end=start + min(gap, usual)) for start, gap in zip(starts, [*gaps, usual], strict=False)
    ]
    return tuple(
        Series.of((span, values[k]) for span, (_, values) in zip(spans, rows, strict=True))
        for k in range(len(columns) - 1)
    )


def _row(
    path: Path, line: int, row: Mapping[str, str | None], columns: Sequence[str], zone: ZoneInfo
) -> tuple[datetime, tuple[float, ...]]:
    moment_text = row[columns[0]] or ""
    try:
        moment = datetime.fromisoformat(moment_text)
    except ValueError as error:
        raise SettingsInvalid(
            f"{path}, line {line}: {columns[0]} {moment_text!r} is no time like 2020-01-01T13:00:00+03:00"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise SettingsInvalid(f"{path}, line {line}: {moment_text!r} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return moment.astimezone(UTC), tuple(_number(path, line, name, row[name]) for name in columns[1:])


def _number(path: Path, line: int, name: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError as error:
        raise SettingsInvalid(f"{path}, line {line}: {name} {text!r} is not a number") from error
    if not math.isfinite(value):
        raise SettingsInvalid(f"{path}, line {line}: {name} {text!r} is not a finite number")
    if abs(value) > _LARGEST:
        raise SettingsInvalid(f"{path}, line {line}: {name} {text} cannot be; is the unit right?")
    return value
