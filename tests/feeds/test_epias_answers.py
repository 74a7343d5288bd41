"""What is made of the platform's answers, whatever they are."""

import json
import math
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.adapters.feeds.epias_answers import FinalItems, part_of_day, whole_day
from agent.domain.local_day import local_day
from agent.errors import FeedError, FeedImplausible, FeedIncomplete, FeedMalformed, FeedNotYet
from tests.feeds.worlds import BERLIN, BOUNDS, ISTANBUL, PAPER_DAY

Row = dict[str, Any]
HALF_HOUR = timedelta(minutes=30)
MIDNIGHT = datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=3)))


def rows(count: int = 24, spacing_s: int = 3600, price: object = 300.0, first: datetime = MIDNIGHT) -> list[Row]:
    starts = [first + timedelta(seconds=k * spacing_s) for k in range(count)]
    return [{"date": start.isoformat(), "hour": start.strftime("%H:%M"), "price": price} for start in starts]


def body(items: object, **more: object) -> bytes:
    return json.dumps({"items": items, **more}).encode()


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)
nearly_dates = st.sampled_from(
    [
        "2020-01-01T00:00:00+03:00",
        "2020-01-01T05:00:00.000+03:00",
        "2020-01-01T02:00:00Z",
        "2019-12-31T00:00:00+03:00",
        "0001-01-01T00:00:00+03:00",
        "9999-12-31T23:59:59-03:00",
        "2020-01-01T00:00:00",
        "2020-01-01T00:17:00+03:00",
    ]
)
nearly_prices = st.none() | st.floats() | st.integers() | st.just("311.65") | st.booleans()
nearly_rows = st.lists(
    st.fixed_dictionaries(
        {"date": nearly_dates | any_json}, optional={"price": nearly_prices, "hour": any_json, "priceUsd": any_json}
    ),
    max_size=26,
)
nearly_answers = st.fixed_dictionaries({"items": nearly_rows | any_json}, optional={"statistics": any_json})


def settles(answer: bytes, day: date = PAPER_DAY) -> None:
    """Either a series inside the day comes of it, or a FeedError; anything else fails the test."""
    for read in (whole_day, part_of_day):
        try:
            series = read(answer, FinalItems, day, ISTANBUL, BOUNDS)
        except FeedError:
            continue
        assert series.span is not None
        assert all(0 <= price <= 4.5 for price in series.values)
        assert local_day(day, ISTANBUL).overlap_s(series.span) == series.span.duration_s


@given(st.binary())
@example(b"[" * 100_000)
@example(b'{"items":[{"date":"2020-01-01T00:00:00+03:00","price":' + b"9" * 5000 + b"}]}")
def test_any_bytes_are_read_or_refused(answer: bytes) -> None:
    settles(answer)


@given(any_json | nearly_answers)
def test_any_json_is_read_or_refused(answer: object) -> None:
    settles(json.dumps(answer).encode())


@given(st.lists(st.floats(min_value=0, max_value=4500), min_size=24, max_size=24), st.randoms())
def test_prices_are_read_in_any_order(prices: list[float], random: Any) -> None:  # noqa: ANN401 - hypothesis names no type
    items = [{**row, "price": price} for row, price in zip(rows(), prices, strict=True)]
    random.shuffle(items)
    series = whole_day(body(items), FinalItems, PAPER_DAY, ISTANBUL, BOUNDS)
    assert series.values == tuple(price / 1000 for price in prices)


@given(st.sets(st.integers(min_value=0, max_value=23), min_size=1, max_size=23))
def test_no_hour_can_be_left_out_unnoticed(left_out: set[int]) -> None:
    items = [row for hour, row in enumerate(rows()) if hour not in left_out]
    with pytest.raises((FeedIncomplete, FeedMalformed)):
        whole_day(body(items), FinalItems, PAPER_DAY, ISTANBUL, BOUNDS)


@pytest.mark.parametrize("envelope", [{}, {"statistic": {"priceAvg": 1}}, {"statistics": None, "page": None}])
def test_the_summary_may_have_either_name_or_be_absent(envelope: dict[str, object]) -> None:
    assert whole_day(body(rows(), **envelope), FinalItems, PAPER_DAY, ISTANBUL, BOUNDS).covers(
        local_day(PAPER_DAY, ISTANBUL)
    )


def test_the_instant_is_that_of_the_date_with_its_offset() -> None:
    in_utc = [{**row, "date": datetime.fromisoformat(row["date"]).astimezone(BERLIN).isoformat()} for row in rows()]
    read = whole_day(body(in_utc), FinalItems, PAPER_DAY, ISTANBUL, BOUNDS)
    assert read == whole_day(body(rows()), FinalItems, PAPER_DAY, ISTANBUL, BOUNDS)


def test_quarter_hours_are_read_as_quarter_hours() -> None:
    read = whole_day(body(rows(96, 900)), FinalItems, PAPER_DAY, ISTANBUL, BOUNDS)
    assert {end_s - start_s for start_s, end_s in zip(read.starts_s, read.ends_s, strict=True)} == {900}
    assert len(read.values) == 96


def test_hours_of_other_days_are_left_aside() -> None:
    with_the_next = rows(25)
    assert len(whole_day(body(with_the_next), FinalItems, PAPER_DAY, ISTANBUL, BOUNDS).values) == 24


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (body([]), FeedNotYet, "2020-01-01 is not published yet"),
        (body(None), FeedMalformed, "items: Input should be a valid"),
        (b"", FeedMalformed, "Invalid JSON"),
        (b"<html>", FeedMalformed, "Invalid JSON"),
        (body(rows(price="311")), FeedMalformed, r"items\.0\.price: .* \(and 23 more\)"),
        (body(rows(price=math.nan)), FeedMalformed, "finite number"),
        (body(rows(price=math.inf)), FeedMalformed, "finite number"),
        (body([{"date": row["date"]} for row in rows()]), FeedMalformed, "Field required"),
        (body([*rows(), rows()[3]]), FeedMalformed, "2020-01-01 03:00 is given twice"),
        (body(rows(30, 600)), FeedMalformed, "600 s apart"),
        (body(rows(first=MIDNIGHT + HALF_HOUR)), FeedMalformed, "2020-01-01 00:30 is not the start of a delivery"),
        (body(rows(price=-0.01)), FeedImplausible, r"-0\.01 TRY/MWh is below the floor of 0"),
        (body(rows(price=4500.01)), FeedImplausible, r"4500\.01 TRY/MWh is above the cap of 4500"),
    ],
)
def test_what_is_wrong_has_its_name(answer: bytes, error: type[FeedError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        whole_day(answer, FinalItems, PAPER_DAY, ISTANBUL, BOUNDS)
    assert type(caught.value) is error


def test_an_interim_answer_is_not_taken_for_a_final_one() -> None:
    interim = [{"date": row["date"], "marketTradePrice": row["price"]} for row in rows()]
    with pytest.raises(FeedMalformed, match=r"items\.0\.price"):
        whole_day(body(interim), FinalItems, PAPER_DAY, ISTANBUL, BOUNDS)
