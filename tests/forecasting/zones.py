"""Zones with and without clock changes, and spans that cross them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from agent.domain.interval import Interval

BERLIN = ZoneInfo("Europe/Berlin")
ISTANBUL = ZoneInfo("Europe/Istanbul")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
"""Its clock changes by half an hour."""

zones = st.sampled_from([BERLIN, ISTANBUL, LORD_HOWE])


@st.composite
def spans(draw: st.DrawFn, longest_s: int = 172_800) -> Interval:
    """Whole seconds; every other one near a clock change of Berlin's."""
    around = draw(st.sampled_from([datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)]))
    distance_s = draw(st.integers(-100_000, 100_000) | st.integers(-20_000_000, 20_000_000))
    start = around + timedelta(seconds=distance_s)
    return Interval(start=start, end=start + timedelta(seconds=draw(st.integers(1, longest_s))))
