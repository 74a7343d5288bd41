"""How a price of the market becomes a price on the bill of a home."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from agent.domain.interval import Interval, Series, SeriesGap
from agent.domain.local_day import LocalTime
from agent.domain.value import Value


class FlatTariff(Value):
    """One price at every hour."""

    kind: Literal["flat"] = "flat"
    price_try_per_kwh: float

    @property
    def follows_market(self) -> bool:
        """Whether day-ahead prices are needed."""
        return False

    def prices(self, span: Interval, _market_try_per_kwh: Series, _zone: ZoneInfo) -> Series:
        """What a kWh costs over the span, TRY/kWh."""
        return Series.constant(span, self.price_try_per_kwh)


class ThreeTimeTariff(Value):
    """Day, peak and night prices by the clock of the home; windows as the regulator defines them."""

    kind: Literal["three_time"] = "three_time"
    day_try_per_kwh: float
    peak_try_per_kwh: float
    night_try_per_kwh: float
    day_from: LocalTime = time(6)
    peak_from: LocalTime = time(17)
    night_from: LocalTime = time(22)

    @model_validator(mode="after")
    def _windows_follow_each_other(self) -> Self:
        begins = [self.day_from, self.peak_from, self.night_from]
        first = begins.index(min(begins))
        if len(set(begins)) < len(begins) or begins[first:] + begins[:first] != sorted(begins):
            raise ValueError(
                f"day_from {self.day_from}, peak_from {self.peak_from} and night_from {self.night_from} must follow "
                "each other in this order around the clock: correct one of them"
            )
        return self

    @property
    def follows_market(self) -> bool:
        """Whether day-ahead prices are needed."""
        return False

    def prices(self, span: Interval, _market_try_per_kwh: Series, zone: ZoneInfo) -> Series:
        """What a kWh costs over the span, TRY/kWh."""
        borders = [span.start]
        day = span.start.astimezone(zone).date() - timedelta(days=1)
        while datetime.combine(day, time(0), zone) < span.end:
            for at in (self.day_from, self.peak_from, self.night_from):
                border = datetime.combine(day, at, zone).astimezone(span.start.tzinfo)
                if span.start < border < span.end:
                    borders.append(border)
            day += timedelta(days=1)
        borders = [*sorted(borders), span.end]
        return Series.of(
            (Interval(start=start, end=end), self._price_at(start.astimezone(zone).time()))
            for start, end in pairwise(borders)
        )

    def _price_at(self, at: time) -> float:
        """The price of the window that began last, which before the first of the day is the last of them."""
        windows = sorted(
            (
                (self.day_from, self.day_try_per_kwh),
                (self.peak_from, self.peak_try_per_kwh),
                (self.night_from, self.night_try_per_kwh),
            )
        )
        return next((price for begin, price in reversed(windows) if begin <= at), windows[-1][1])


class HourlyMarketTariff(Value):
    """((PTF + YEKDEM) × KBK × (1 + energy tax) + distribution) × (1 + VAT), hour by hour.

    The defaults pass the market's price through unchanged. The formula is that of the Turkish last-resource
    tariff with hourly settlement.
    """

    kind: Literal["ptf_hourly"] = "ptf_hourly"
    yekdem_try_per_kwh: float = 0.0
    kbk: float = Field(default=1.0, gt=0)
    distribution_try_per_kwh: float = Field(default=0.0, ge=0)
    energy_tax_rate: float = Field(default=0.0, ge=0, lt=1)
    vat_rate: float = Field(default=0.0, ge=0, lt=1)

    @property
    def follows_market(self) -> bool:
        """Whether day-ahead prices are needed."""
        return True

    def prices(self, span: Interval, market_try_per_kwh: Series, _zone: ZoneInfo) -> Series:
        """What a kWh costs over the span, TRY/kWh. Raises SeriesGap where the market's price is unknown."""
        if not market_try_per_kwh.covers(span):
            raise SeriesGap(f"market prices do not cover {span.start} to {span.end}")
        inside = market_try_per_kwh.cut(span)
        return inside.model_copy(update={"values": tuple(self._retail(price) for price in inside.values)})

    def _retail(self, market_try_per_kwh: float) -> float:
        energy = (market_try_per_kwh + self.yekdem_try_per_kwh) * self.kbk * (1 + self.energy_tax_rate)
        return (energy + self.distribution_try_per_kwh) * (1 + self.vat_rate)


Tariff = Annotated[FlatTariff | ThreeTimeTariff | HourlyMarketTariff, Field(discriminator="kind")]


class DemandCharge(Value):
    """A price on the highest mean power of the month, as double-term tariffs have it."""

    try_per_kw: float = Field(gt=0)
    window_s: int = Field(default=900, ge=300, le=3600)
    """Over which power is averaged; windows begin on whole multiples of it."""
