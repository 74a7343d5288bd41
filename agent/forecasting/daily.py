"""Things that happen at the same local time every day."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.domain.interval import Interval


def daily_moments_s(at: time, span: Interval, zone: ZoneInfo, reach_s: int = 0) -> Iterator[int]:
    """Seconds since 1970 of every `at` that lies in the span or at most `reach_s` before it.

    A time that a clock change repeats happens once, at its first pass; one that it skips happens at the change's end,
    as late as it was due before.
    """
    earliest = span.start - timedelta(seconds=reach_s)
    day = earliest.astimezone(zone).date()
    last = span.end.astimezone(zone).date()
    while day <= last:
        moment = datetime.combine(day, at, zone).astimezone(UTC)
        if earliest <= moment < span.end:
            yield int(moment.timestamp())
        day += timedelta(days=1)
