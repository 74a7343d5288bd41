"""The days of a home."""

from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.interval import Interval
from agent.domain.local_day import local_day, local_days
from tests.forecasting.zones import BERLIN, ISTANBUL, LORD_HOWE, spans, zones


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 3, 29), BERLIN, 23),
        (date(2026, 3, 29), ISTANBUL, 24),
        (date(2026, 10, 25), BERLIN, 25),
        (date(2026, 4, 5), LORD_HOWE, 24.5),
    ],
)
def test_a_clock_change_makes_a_day_longer_or_shorter(day: date, zone: ZoneInfo, hours: float) -> None:
    assert local_day(day, zone).duration_s == hours * 3600


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)), zones)
def test_one_day_begins_where_the_last_one_ends(day: date, zone: ZoneInfo) -> None:
    assert local_day(day, zone).end == local_day(day + timedelta(days=1), zone).start


@given(spans(), zones)
def test_the_days_of_a_span_hold_all_of_it(span: Interval, zone: ZoneInfo) -> None:
    days = local_days(span, zone)
    assert all((later - earlier).days == 1 for earlier, later in pairwise(days))
    assert sum(local_day(day, zone).overlap_s(span) for day in days) == span.duration_s
    assert all(local_day(day, zone).overlap_s(span) > 0 for day in days)
