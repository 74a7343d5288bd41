"""Intervals and series."""

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.domain.interval import Interval, Series, SeriesGap

START = datetime(2020, 1, 1, tzinfo=UTC)


def span(from_s: int, to_s: int) -> Interval:
    return Interval(start=START + timedelta(seconds=from_s), end=START + timedelta(seconds=to_s))


@st.composite
def series(draw: st.DrawFn) -> Series:
    borders = sorted(draw(st.sets(st.integers(0, 5000), min_size=2, max_size=12)))
    pairs = [(a, b) for a, b in itertools.pairwise(borders) if draw(st.booleans())]
    return Series.of((span(a, b), draw(st.floats(-100, 100))) for a, b in pairs)


@given(series(), st.integers(0, 5000))
def test_a_series_knows_a_moment_exactly_where_an_interval_holds_it(known: Series, at_s: int) -> None:
    moment = START + timedelta(seconds=at_s)
    expected = [value for interval, value in known.items() if moment in interval]
    assert known.get(moment) == (expected[0] if expected else None)


@given(series(), st.integers(0, 4000), st.integers(1, 1000))
def test_a_mean_is_weighted_by_time_or_refused(known: Series, at_s: int, length_s: int) -> None:
    asked = span(at_s, at_s + length_s)
    covered_s = sum(asked.overlap_s(interval) for interval, _ in known.items())
    if covered_s < length_s:
        with pytest.raises(SeriesGap):
            known.mean(asked)
    else:
        total = sum(asked.overlap_s(interval) * value for interval, value in known.items())
        assert known.mean(asked) == pytest.approx(total / length_s, abs=1e-9)


@given(series(), series(), st.integers(0, 5000))
def test_over_keeps_the_first_and_fills_from_the_second(first: Series, second: Series, at_s: int) -> None:
    moment = START + timedelta(seconds=at_s)
    expected = first.get(moment)
    assert first.over(second).get(moment) == (second.get(moment) if expected is None else expected)


@given(series())
def test_a_series_survives_the_journal(known: Series) -> None:
    assert Series.model_validate_json(known.model_dump_json()) == known


def test_steps_cut_a_span_without_gap() -> None:
    steps = span(0, 1000).steps(300)
    assert [step.duration_s for step in steps] == [300, 300, 300, 100]
    assert all(before.end == after.start for before, after in itertools.pairwise(steps))


def test_overlapping_and_backward_intervals_are_refused() -> None:
    with pytest.raises(ValidationError, match="overlap"):
        Series.of([(span(0, 10), 1.0), (span(5, 20), 2.0)])
    with pytest.raises(ValidationError, match="not after start"):
        span(10, 10)


def test_instants_are_kept_in_utc() -> None:
    local = datetime(2020, 1, 1, 3, tzinfo=timezone(timedelta(hours=3)))
    assert Interval(start=local, end=local + timedelta(hours=1)).start == START
    with pytest.raises(ValidationError):
        Interval(start=datetime(2020, 1, 1), end=START)  # noqa: DTZ001 - that is what is refused
