"""What the home draws besides the loads that the hub switches."""

from datetime import UTC, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

from agent.domain.house import BaseLoadFrom, House
from agent.domain.interval import Interval, Series
from agent.forecasting.daily import daily_moments_s


def base_load(house: House, span: Interval, zone: ZoneInfo) -> Series:
    """The owner's daily profile over the span, W; before its first time of the day the last one still holds.

    Without a profile it is 0. `span` is in whole seconds.
    """
    start_s, end_s = int(span.start.timestamp()), int(span.end.timestamp())
    changes_s = {at_s for entry in house.base_load for at_s in daily_moments_s(entry.at, span, zone)}
    borders_s = sorted(changes_s | {start_s, end_s})
    pieces = list(pairwise(borders_s))
    return Series(
        starts_s=tuple(piece_start_s for piece_start_s, _ in pieces),
        ends_s=tuple(piece_end_s for _, piece_end_s in pieces),
        values=tuple(
            _power_w(house.base_load, datetime.fromtimestamp(piece_start_s, UTC).astimezone(zone).time())
            for piece_start_s, _ in pieces
        ),
    )


def _power_w(profile: tuple[BaseLoadFrom, ...], at: time) -> float:
    if not profile:
        return 0.0
    begun = [entry for entry in profile if entry.at <= at]
    return (begun or profile)[-1].power_w
