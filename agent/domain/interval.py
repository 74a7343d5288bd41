"""Time: instants in UTC, half-open intervals, and series keyed by them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, model_validator

from agent.domain.value import Value


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with a time zone, kept in UTC."""


def _written_out(given: object) -> object:
    """No number: it would silently count as seconds since 1970."""
    if not isinstance(given, datetime | str) or (isinstance(given, str) and "-" not in given[1:]):
        raise ValueError("give a date and time with its zone, written as 2026-07-01T12:00:00+03:00")
    return given


WrittenInstant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
"""A moment as an owner writes it into a file."""


class SeriesGap(LookupError):
    """A series was asked about a time that it does not cover."""


class Interval(Value):
    """A half-open span of time: `start` belongs to it, `end` does not."""

    start: Instant
    end: Instant

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"end {self.end} is not after start {self.start}")
        return self

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return (self.end - self.start).total_seconds()

    def overlap_s(self, other: Interval) -> float:
        """Seconds that both spans share, 0 if none."""
        return max(0.0, (min(self.end, other.end) - max(self.start, other.start)).total_seconds())

    def steps(self, step_s: int) -> tuple[Interval, ...]:
        """Cut into consecutive spans of `step_s` seconds; the last may be shorter."""
        step = timedelta(seconds=step_s)
        count = -(-(self.end - self.start) // step)
        return tuple(
            Interval(start=self.start + k * step, end=min(self.start + (k + 1) * step, self.end)) for k in range(count)
        )


class Series(Value):
    """Numbers over consecutive, non-overlapping intervals; gaps are allowed.

    Kept by column (`starts_s` and `ends_s` in seconds since 1970, `values`), read by interval. The unit stands
    in the name of the field that holds the series.
    """

    starts_s: tuple[int, ...] = ()
    ends_s: tuple[int, ...] = ()
    values: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if not len(self.starts_s) == len(self.ends_s) == len(self.values):
            raise ValueError("starts_s, ends_s and values differ in length")
        border = None
        for start_s, end_s in zip(self.starts_s, self.ends_s, strict=True):
            if end_s <= start_s or (border is not None and start_s < border):
                raise ValueError(f"intervals overlap or run backwards at {start_s}")
            border = end_s
        return self

    @classmethod
    def of(cls, points: Iterable[tuple[Interval, float]]) -> Series:
        """Build from (interval, value) pairs in any order. Raises ValueError if they overlap."""
        ordered = sorted(points, key=lambda point: point[0].start)
        return cls(
            starts_s=tuple(int(span.start.timestamp()) for span, _ in ordered),
            ends_s=tuple(int(span.end.timestamp()) for span, _ in ordered),
            values=tuple(value for _, value in ordered),
        )

    @classmethod
    def constant(cls, span: Interval, value: float) -> Series:
        """One value over the whole span."""
        return cls.of([(span, value)])

    def items(self) -> Iterator[tuple[Interval, float]]:
        """(interval, value) pairs in the order of time."""
        for start_s, end_s, value in zip(self.starts_s, self.ends_s, self.values, strict=True):
            yield (
                Interval(
                    start=datetime.fromtimestamp(start_s, UTC),
                    end=datetime.fromtimestamp(end_s, UTC),
                ),
                value,
            )

    @cached_property
    def span(self) -> Interval | None:
        """From the first start to the last end; None if empty."""
        if not self.values:
            return None
        return Interval(
            start=datetime.fromtimestamp(self.starts_s[0], UTC),
            end=datetime.fromtimestamp(self.ends_s[-1], UTC),
        )

    def get(self, moment: datetime) -> float | None:
        """The value at a moment, or None where the series has a gap."""
        moment_s = moment.timestamp()
        index = bisect_right(self.starts_s, moment_s) - 1
        if index < 0 or moment_s >= self.ends_s[index]:
            return None
        return self.values[index]

    def at(self, moment: datetime) -> float:
        """The value at a moment. Raises SeriesGap where there is none."""
        value = self.get(moment)
        if value is None:
            raise SeriesGap(f"nothing known for {moment.isoformat()}")
        return value

    def mean(self, span: Interval) -> float:
        """Time-weighted mean over a span. Raises SeriesGap unless the span is wholly covered."""
        start_s, end_s = span.start.timestamp(), span.end.timestamp()
        index = max(0, bisect_right(self.starts_s, start_s) - 1)
        covered_s = total = 0.0
        while index < len(self.values) and self.starts_s[index] < end_s:
            shared_s = min(end_s, self.ends_s[index]) - max(start_s, self.starts_s[index])
            if shared_s > 0:
                covered_s += shared_s
                total += shared_s * self.values[index]
            index += 1
        if covered_s < end_s - start_s - 1e-6:
            raise SeriesGap(f"known for {covered_s:.0f} s of the {end_s - start_s:.0f} s from {span.start}")
        return total / covered_s

    def covers(self, span: Interval) -> bool:
        """Whether every moment of the span has a value."""
        try:
            self.mean(span)
        except SeriesGap:
            return False
        return True

    def cut(self, span: Interval) -> Series:
        """The part inside a span."""
        low_s, high_s = int(span.start.timestamp()), int(span.end.timestamp())
        kept = [
            (max(start_s, low_s), min(end_s, high_s), value)
            for start_s, end_s, value in zip(self.starts_s, self.ends_s, self.values, strict=True)
            if start_s < high_s and end_s > low_s
        ]
        return Series(
            starts_s=tuple(start_s for start_s, _, _ in kept),
            ends_s=tuple(end_s for _, end_s, _ in kept),
            values=tuple(value for _, _, value in kept),
        )

    def over(self, other: Series) -> Series:
        """This series, and `other` wherever this one has a gap."""
        points = list(zip(self.starts_s, self.ends_s, self.values, strict=True))
        free: list[tuple[int, int, float]] = []
        for start_s, end_s, value in zip(other.starts_s, other.ends_s, other.values, strict=True):
            at_s = start_s
            for mine_start_s, mine_end_s, _ in points:
                if mine_end_s <= at_s or mine_start_s >= end_s:
                    continue
                if mine_start_s > at_s:
                    free.append((at_s, mine_start_s, value))
                at_s = mine_end_s
            if at_s < end_s:
                free.append((at_s, end_s, value))
        merged = sorted(points + free)
        return Series(
            starts_s=tuple(start_s for start_s, _, _ in merged),
            ends_s=tuple(end_s for _, end_s, _ in merged),
            values=tuple(value for _, _, value in merged),
        )

    def shifted(self, by: timedelta) -> Series:
        """The same values, later by `by`."""
        by_s = int(by.total_seconds())
        return Series(
            starts_s=tuple(start_s + by_s for start_s in self.starts_s),
            ends_s=tuple(end_s + by_s for end_s in self.ends_s),
            values=self.values,
        )
