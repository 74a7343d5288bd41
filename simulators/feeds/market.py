"""The market that the simulated EPİAŞ reports on."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Protocol, Self
from zoneinfo import ZoneInfo

from agent.domain.interval import Interval, Series
from agent.domain.local_day import local_day

ISTANBUL = ZoneInfo("Europe/Istanbul")
HOUR_S = 3600

PAPER_DAY = date(2020, 1, 1)
# fmt: off
PAPER_DAY_PTF_TRY_PER_MWH = (
    311.65, 313.24, 311.08, 310.70, 200.01, 179.99, 254.00, 300.01, 209.99, 200.01, 310.14, 311.12,
    310.81, 311.28, 288.57, 290.01, 312.41, 315.56, 316.22, 314.08, 311.12, 310.20, 274.57, 250.64,
)
# fmt: on
"""The clearing prices of that day, hour by hour: the day of the smart-house paper."""


class Market(Protocol):
    """Prices of whole local days, TRY/MWh; empty for a day that it does not know."""

    def ptf_try_per_mwh(self, day: date) -> Series:
        """Day-ahead clearing prices."""

    def smf_try_per_mwh(self, day: date) -> Series:
        """System marginal prices."""


class ShippedMarket:
    """The paper's day as it was, and an invented price for every other day.

    What is invented: a valley at four in the morning, a shoulder at ten, a peak at 18:00 in winter and at 15:00 in
    summer, cheaper Sundays, and a restlessness that is the same whenever the same date and seed are asked for.
    With `step_s` of 900 it is the market of quarter-hours that is yet to come.
    """

    def __init__(self, zone: ZoneInfo = ISTANBUL, *, step_s: int = HOUR_S, seed: int = 0) -> None:
        self._zone = zone
        self._step_s = step_s
        self._seed = seed

    def ptf_try_per_mwh(self, day: date) -> Series:
        """Day-ahead clearing prices of any day."""
        steps = local_day(day, self._zone).steps(self._step_s)
        hours = [_hour(step, self._zone) for step in steps]
        if day == PAPER_DAY:
            return Series.of(
                (step, PAPER_DAY_PTF_TRY_PER_MWH[int(hour)]) for step, hour in zip(steps, hours, strict=True)
            )
        random = Random(f"ptf:{self._seed}:{day}")
        level = 290.0 * random.uniform(0.88, 1.12) * (0.85 if day.isoweekday() == 7 else 1.0)
        return Series.of(
            (step, round(level * _shape(day, hour) * random.uniform(0.97, 1.03), 2))
            for step, hour in zip(steps, hours, strict=True)
        )

    def smf_try_per_mwh(self, day: date) -> Series:
        """Invented system marginal prices of any day, around its clearing prices."""
        return _imbalance(self.ptf_try_per_mwh(day), f"smf:{self._seed}:{day}")


class FileMarket:
    """Prices from the owner's own table; days that do not stand in it are never published."""

    def __init__(self, days: Mapping[date, Series]) -> None:
        self._days = days

    @classmethod
    def read(cls, path: Path, zone: ZoneInfo = ISTANBUL) -> Self:
        """Read a CSV file with the columns `ts` (start of delivery, with its offset) and `ptf_tl_mwh`.

        Raises ValueError with the line that cannot be read, OSError if the file cannot.
        """
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            prices = dict(_price(row, f"{path.name}, line {rows.line_num}") for row in rows)
        starts = sorted(prices)
        step_s = min([HOUR_S, *(int((later - earlier).total_seconds()) for earlier, later in pairwise(starts))])
        days: dict[date, list[tuple[Interval, float]]] = defaultdict(list)
        for start in starts:
            delivery = Interval(start=start, end=start + timedelta(seconds=step_s))
            days[start.astimezone(zone).date()].append((delivery, prices[start]))
        return cls({day: Series.of(points) for day, points in days.items()})

    def ptf_try_per_mwh(self, day: date) -> Series:
        """Day-ahead clearing prices as the table has them."""
        return self._days.get(day, Series())

    def smf_try_per_mwh(self, day: date) -> Series:
        """Invented system marginal prices around those of the table."""
        return _imbalance(self.ptf_try_per_mwh(day), f"smf:{day}")


def _price(row: Mapping[str, str | None], where: str) -> tuple[datetime, float]:
    try:
        start, price = datetime.fromisoformat(row["ts"] or ""), float(row["ptf_tl_mwh"] or "")
    except KeyError as error:
        raise ValueError(f"{where}: there is no column {error}; needed are ts and ptf_tl_mwh") from error
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if start.tzinfo is None or not math.isfinite(price):
        raise ValueError(f"{where}: ts must carry its offset, and ptf_tl_mwh be a finite number")
    return start, price


def _imbalance(ptf: Series, seed: str) -> Series:
    random = Random(seed)
    return Series(
        starts_s=ptf.starts_s,
        ends_s=ptf.ends_s,
        values=tuple(_rounded(price * random.uniform(0.8, 1.2) for price in ptf.values)),
    )


def _rounded(prices: Iterable[float]) -> Iterable[float]:
    return (round(price, 2) for price in prices)


def _shape(day: date, hour: float) -> float:
    winter = 0.5 + 0.5 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 15) / 365.25)
    return (
        1.0
        - 0.32 * _bump(hour, 4.0, 2.2)
        + 0.10 * _bump(hour, 10.0, 2.5)
        + (0.05 + 0.12 * winter) * _bump(hour, 18.0, 2.0)
        + 0.14 * (1 - winter) * _bump(hour, 15.0, 2.5)
    )


def _bump(hour: float, middle: float, width: float) -> float:
    return math.exp(-(((hour - middle) / width) ** 2))


def _hour(step: Interval, zone: ZoneInfo) -> float:
    local = step.start.astimezone(zone)
    return local.hour + local.minute / 60
