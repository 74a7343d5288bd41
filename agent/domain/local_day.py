"""The days of a home: they begin at local midnight, and a clock change makes one of them 23 or 25 hours long."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator

from agent.domain.interval import Interval


def _by_the_clock(given: object) -> object:
    """Only a time without a zone, or the text of one: a number would silently count as seconds since midnight."""
    if isinstance(given, str):
        try:
            given = time.fromisoformat(given)
        except ValueError:
            given = None
    if not isinstance(given, time) or given.tzinfo is not None:
        raise ValueError("give a local time without a zone, written as 06:30:00")
    return given


LocalTime = Annotated[time, BeforeValidator(_by_the_clock)]
"""A time of the day by the clock of the home."""


def local_day(day: date, zone: ZoneInfo) -> Interval:
    """From local midnight to the next, in UTC."""
    return Interval(
        start=datetime.combine(day, time(0), zone).astimezone(UTC),
        end=datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(UTC),
    )


def local_days(span: Interval, zone: ZoneInfo) -> tuple[date, ...]:
    """The local days that a span touches, in the order of time."""
    first = span.start.astimezone(zone).date()
    last = span.end.astimezone(zone).date()
    days = tuple(first + timedelta(days=k) for k in range((last - first).days + 1))
    return tuple(day for day in days if local_day(day, zone).overlap_s(span) > 0)
