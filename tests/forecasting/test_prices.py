"""Prices before they are known."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.interval import Interval, Series
from agent.domain.local_day import local_day, local_days
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.forecasting.prices import PRICE_OF_THE_UNKNOWN_TRY_PER_KWH, estimated_day, market_prices
from simulators.feeds import FileMarket
from tests.forecasting.zones import BERLIN, ISTANBUL, spans, zones

FETCHED = datetime(2026, 1, 1, 11, tzinfo=UTC)
WORST_LAST = [PriceStatus.FINAL, PriceStatus.INTERIM, PriceStatus.ESTIMATED]


def priced(
    day: date, zone: ZoneInfo = ISTANBUL, status: PriceStatus = PriceStatus.FINAL, step_s: int = 3600
) -> DayAheadPrices:
    """A day on which every price tells the day of its month and its local time: 15014.25 is 14:15 on a 15th."""
    series = Series.of((step, label(step.start, zone)) for step in local_day(day, zone).steps(step_s))
    return DayAheadPrices(day=day, status=status, fetched_at=FETCHED, price_try_per_kwh=series)


def label(at: datetime, zone: ZoneInfo) -> float:
    local = at.astimezone(zone)
    return local.day * 1000 + local.hour + local.minute / 60


def week(last: date, zone: ZoneInfo = ISTANBUL) -> dict[date, DayAheadPrices]:
    return {day: priced(day, zone) for day in (last - timedelta(days=k) for k in range(14))}


MONDAY = date(2026, 6, 15)


@pytest.mark.parametrize(("weekday", "days_back"), [(0, 7), (1, 1), (2, 1), (3, 1), (4, 1), (5, 7), (6, 7)])
def test_tuesday_to_friday_are_like_yesterday_and_the_others_like_last_week(weekday: int, days_back: int) -> None:
    day = MONDAY + timedelta(days=weekday)
    estimate = estimated_day(day, week(day - timedelta(days=1)), ISTANBUL)
    assert (estimate.day, estimate.status, estimate.fetched_at) == (day, PriceStatus.ESTIMATED, FETCHED)
    like = (day - timedelta(days=days_back)).day
    assert estimate.price_try_per_kwh.values == tuple(1000 * like + hour for hour in range(24))


def test_last_week_stands_in_for_an_unknown_yesterday() -> None:
    wednesday = MONDAY + timedelta(days=2)
    known = {day: prices for day, prices in week(MONDAY).items() if day != MONDAY}
    assert estimated_day(wednesday, known, ISTANBUL).price_try_per_kwh.values[0] == 10_000


def test_the_newest_known_day_stands_in_for_an_unknown_week() -> None:
    known = {MONDAY - timedelta(days=k): priced(MONDAY - timedelta(days=k)) for k in (20, 25)}
    assert estimated_day(MONDAY, known, ISTANBUL).price_try_per_kwh.values[0] == 26_000


def test_when_nothing_is_known_every_hour_costs_the_same() -> None:
    estimate = estimated_day(MONDAY, {}, ISTANBUL)
    assert estimate.status is PriceStatus.ESTIMATED
    assert set(estimate.price_try_per_kwh.values) == {PRICE_OF_THE_UNKNOWN_TRY_PER_KWH}
    assert estimate.price_try_per_kwh.covers(local_day(MONDAY, ISTANBUL))


def test_a_day_is_not_estimated_from_itself_or_the_future() -> None:
    known = {day: priced(day) for day in (MONDAY, MONDAY + timedelta(days=1))}
    assert estimated_day(MONDAY, known, ISTANBUL) == estimated_day(MONDAY, {}, ISTANBUL)


def test_an_estimate_is_no_evidence_for_another() -> None:
    guess = priced(MONDAY, status=PriceStatus.ESTIMATED)
    assert estimated_day(MONDAY + timedelta(days=1), {MONDAY: guess}, ISTANBUL) == estimated_day(
        MONDAY + timedelta(days=1), {}, ISTANBUL
    )


@pytest.mark.parametrize("step_s", [3600, 900])
@pytest.mark.parametrize(
    ("day", "like"),
    [
        (date(2026, 3, 29), date(2026, 3, 22)),  # 23 hours, like 24
        (date(2026, 4, 5), date(2026, 3, 29)),  # 24 hours, like 23
        (date(2026, 10, 25), date(2026, 10, 18)),  # 25 hours, like 24
        (date(2026, 11, 1), date(2026, 10, 25)),  # 24 hours, like 25
    ],
)
def test_prices_keep_their_local_time_across_a_clock_change(day: date, like: date, step_s: int) -> None:
    estimate = estimated_day(day, {like: priced(like, BERLIN, step_s=step_s)}, BERLIN)
    assert len(estimate.price_try_per_kwh.values) == local_day(day, BERLIN).duration_s / step_s
    for step, price in estimate.price_try_per_kwh.items():
        at = step.start.astimezone(BERLIN)
        skipped_hour = like == date(2026, 3, 29) and at.hour == 2
        assert price == 1000 * like.day + at.hour + at.minute / 60 + (1 if skipped_hour else 0)


@st.composite
def known_days(draw: st.DrawFn, zone: ZoneInfo, span: Interval) -> dict[date, DayAheadPrices]:
    """Some of the days of the span and before, whole or in part."""
    first = local_days(span, zone)[0]
    days = draw(st.sets(st.integers(-9, 3).map(lambda k: first + timedelta(days=k))))
    known = {day: priced(day, zone, draw(st.sampled_from(WORST_LAST))) for day in days}
    for day in draw(st.sets(st.sampled_from(sorted(days)))) if days else ():
        whole = known[day].price_try_per_kwh
        kept = draw(st.integers(0, len(whole.values) - 1))
        part = Series(starts_s=whole.starts_s[:kept], ends_s=whole.ends_s[:kept], values=whole.values[:kept])
        known[day] = known[day].model_copy(update={"price_try_per_kwh": part})
    return known


@given(st.data(), spans(), zones)
def test_market_prices_cover_the_span_whatever_is_known(data: st.DataObject, span: Interval, zone: ZoneInfo) -> None:
    known = data.draw(known_days(zone, span))
    prices, status = market_prices(span, known, zone)
    assert prices.covers(span)
    assert prices.span == span
    given_days = [known.get(day) for day in local_days(span, zone)]
    if status is not PriceStatus.ESTIMATED:
        assert all(day is not None and day.status in WORST_LAST[:2] for day in given_days)
        assert status is max((day.status for day in given_days if day is not None), key=WORST_LAST.index)
    for step, price in prices.items():
        published = known.get(step.start.astimezone(zone).date())
        price_published = None if published is None else published.price_try_per_kwh.get(step.start)
        assert price_published in (None, price)


def test_the_worst_price_gives_its_name_to_all() -> None:
    tuesday = MONDAY + timedelta(days=1)
    known = {MONDAY: priced(MONDAY), tuesday: priced(tuesday, status=PriceStatus.INTERIM)}
    monday, both = (
        local_day(MONDAY, ISTANBUL),
        Interval(start=local_day(MONDAY, ISTANBUL).start, end=local_day(tuesday, ISTANBUL).end),
    )
    beyond = Interval(start=both.start, end=both.end + timedelta(hours=1))
    assert [market_prices(span, known, ISTANBUL)[1] for span in (monday, both, beyond)] == WORST_LAST


def test_naive_3_beats_the_same_hour_last_week_on_the_real_market(shared_data: Path) -> None:
    market = FileMarket.read(shared_data / "ptf_hourly.csv")
    days = [date(2019, 1, 1) + timedelta(days=k) for k in range(-7, 365)]
    known = {
        day: DayAheadPrices(
            day=day, status=PriceStatus.FINAL, fetched_at=FETCHED, price_try_per_kwh=market.ptf_try_per_mwh(day)
        )
        for day in days
    }
    naive = last_week = 0.0
    for day in (day for day in days[7:] if day.weekday() < 5):
        estimate = estimated_day(
            day, {d: known[d] for d in (day - timedelta(days=1), day - timedelta(days=7))}, ISTANBUL
        )
        truth = known[day].price_try_per_kwh.values
        naive += sum(abs(e - t) for e, t in zip(estimate.price_try_per_kwh.values, truth, strict=True))
        before = known[day - timedelta(days=7)].price_try_per_kwh.values
        last_week += sum(abs(b - t) for b, t in zip(before, truth, strict=True))
    assert naive / last_week == pytest.approx(0.754, abs=0.001)  # as published for the weekdays of 2019
