"""What the transparency platform answers, turned into prices of one local day.

Whether the envelope calls its summary `statistic`, `statistics` or leaves it out does not matter: only `items` is read.
The instant of an item is its `date` with the offset in it; it is the start of delivery. How long the delivery lasts
follows from the spacing, so that a market of quarter-hours is read too; how many there must be, from the home's zone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, ValidationError

from agent.adapters.feeds.asking import Answer, unreadable
from agent.domain.interval import Interval, Series
from agent.domain.local_day import local_day
from agent.errors import FeedImplausible, FeedIncomplete, FeedMalformed, FeedNotYet

FEED = "epias"
KWH_PER_MWH = 1000
HOUR_S = 3600
SPACINGS_S = (900, 1800, HOUR_S)


class Item(Answer):
    """One delivery; null stands for a price that is not there."""

    date: AwareDatetime
    price_try_per_mwh: float | None


class Items(Answer):
    """The deliveries that an answer speaks of. Every question has a name of its own for the price."""

    items: tuple[Item, ...]


class _FinalItem(Item):
    price_try_per_mwh: float | None = Field(validation_alias="price")


class FinalItems(Items):
    """The day-ahead prices (PTF) after objections."""

    items: tuple[_FinalItem, ...]


class _InterimItem(Item):
    price_try_per_mwh: float | None = Field(validation_alias="marketTradePrice")


class InterimItems(Items):
    """The day-ahead prices while objections are possible."""

    items: tuple[_InterimItem, ...]


class _ImbalanceItem(Item):
    price_try_per_mwh: float | None = Field(validation_alias="systemMarginalPrice")


class ImbalanceItems(Items):
    """The prices of the balancing market (SMF)."""

    items: tuple[_ImbalanceItem, ...]


@dataclass(frozen=True)
class Bounds:
    """The lowest and the highest price that the market's rules allow, TRY/MWh."""

    floor_try_per_mwh: float
    cap_try_per_mwh: float


def whole_day(body: bytes, kind: type[Items], day: date, zone: ZoneInfo, bounds: Bounds) -> Series:
    """Every price of a local day, TRY/kWh. Raises FeedError."""
    span = local_day(day, zone)
    items = _items_of(body, kind, span, zone)
    spacing_s = _spacing_s(items, span, zone)
    due = span.steps(spacing_s)
    if len(items) < len(due):
        there = {item.date for item in items}
        missing = next(delivery.start for delivery in due if delivery.start not in there)
        raise FeedIncomplete(
            FEED, f"{len(items)} of the {len(due)} prices of {day}; the first missing is {_label(missing, zone)}"
        )
    return _series(items, spacing_s, zone, bounds)


def part_of_day(body: bytes, kind: type[Items], day: date, zone: ZoneInfo, bounds: Bounds) -> Series:
    """The prices of a local day that are settled so far, TRY/kWh; an item without a price is not. Raises FeedError."""
    span = local_day(day, zone)
    items = _items_of(body, kind, span, zone)
    spacing_s = _spacing_s(items, span, zone)
    settled = [item for item in items if item.price_try_per_mwh is not None]
    if not settled:
        raise FeedNotYet(FEED, f"nothing of {day} is settled yet")
    return _series(settled, spacing_s, zone, bounds)


def _items_of(body: bytes, kind: type[Items], span: Interval, zone: ZoneInfo) -> list[Item]:
    """The items that belong to the day, in the order of time, each instant once."""
    try:
        given = kind.model_validate_json(body).items
    except ValidationError as error:
        raise unreadable(error, FEED) from error
    day = span.start.astimezone(zone).date()
    if not given:
        raise FeedNotYet(FEED, f"{day} is not published yet")
    items = sorted((item for item in given if span.start <= item.date < span.end), key=lambda item: item.date)
    if not items:
        raise FeedImplausible(FEED, f"asked for {day}, got {given[0].date.date()}")
    for earlier, later in pairwise(items):
        if earlier.date == later.date:
            raise FeedMalformed(FEED, f"{_label(later.date, zone)} is given twice")
    return items


def _spacing_s(items: Sequence[Item], span: Interval, zone: ZoneInfo) -> int:
    gaps_s = [(later.date - earlier.date).total_seconds() for earlier, later in pairwise(items)]
    spacing_s = min([*gaps_s, HOUR_S])
    if spacing_s not in SPACINGS_S:
        raise FeedMalformed(FEED, f"prices stand {spacing_s:g} s apart")
    for item in items:
        if (item.date - span.start).total_seconds() % spacing_s:
            raise FeedMalformed(FEED, f"{_label(item.date, zone)} is not the start of a delivery")
    return int(spacing_s)


def _series(items: Sequence[Item], spacing_s: int, zone: ZoneInfo, bounds: Bounds) -> Series:
    length = timedelta(seconds=spacing_s)
    return Series.of(
        (Interval(start=item.date, end=item.date + length), _plausible(item, zone, bounds) / KWH_PER_MWH)
        for item in items
    )


def _plausible(item: Item, zone: ZoneInfo, bounds: Bounds) -> float:
    price, hour = item.price_try_per_mwh, _label(item.date, zone)
    if price is None:
        raise FeedImplausible(FEED, f"{hour} has no price (null)")
    if price < bounds.floor_try_per_mwh:
        raise FeedImplausible(FEED, f"{hour}: {price} TRY/MWh is below the floor of {bounds.floor_try_per_mwh}")
    if price > bounds.cap_try_per_mwh:
        raise FeedImplausible(FEED, f"{hour}: {price} TRY/MWh is above the cap of {bounds.cap_try_per_mwh}")
    return price


def _label(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
