"""What a load remembers besides its mode and temperature: the starts left today, and how long its store has been hot.

Both are small numbers, the *rows* of a layer of cells. More is never worse: whatever can be done with fewer starts
left, or a shorter time hot, can be done with more. So a bound may always count too many of either.

A *way* is what decides: off or on from one time to another, in one piece. Time t is the start of step t.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.planning.alone.limits import TOLERANCE_C
from agent.planning.grid.model import Load, Quota

Counts = NDArray[np.int16]

ALL = slice(None)


class Way(NamedTuple):
    """From a time at which the load may be switched to the next one."""

    start: int
    end: int
    was_on: bool
    on: bool

    @property
    def starts(self) -> bool:
        """Whether a run begins with it."""
        return self.on and not self.was_on


@dataclass(frozen=True)
class Automaton:
    """The rows of one load, and how they follow from each other."""

    load: Load
    quotas: tuple[Quota, ...]
    """Those that can be used up; none where starts are not to be counted."""
    quota_at: tuple[int | None, ...]
    """Which quota a start at a time belongs to."""

    @classmethod
    def of(cls, load: Load, *, counting: bool = True) -> "Automaton":
        """The automaton of a load; unless `counting`, one that has as many starts left as it likes."""
        apart = load.min_on + load.min_off
        quotas = tuple(
            quota for quota in load.quotas if counting and quota.starts < 1 + (quota.stop - quota.first - 1) // apart
        )
        quota_at: list[int | None] = [None] * (len(load.cost_try) + 1)
        for index, quota in enumerate(quotas):
            quota_at[quota.first : quota.stop] = [index] * (quota.stop - quota.first)
        return cls(load=load, quotas=quotas, quota_at=tuple(quota_at))

    def ways(self, at: int) -> list[Way]:
        """All ways from a time, those that lead to runs last; rows may forbid some of them."""
        load, end = self.load, len(self.load.cost_try)
        ways = [
            Way(at, at + 1, was_on=False, on=False),
            Way(at, min(at + load.min_off, end), was_on=True, on=False),
        ]
        run = Way(at, min(at + load.min_on, end), was_on=False, on=True)
        if all(load.may_run[at : run.end]):
            ways.append(run)
        if load.may_run[at]:
            ways.append(Way(at, at + 1, was_on=True, on=True))
        return ways

    def full(self, at: int) -> int:
        """The starts that are left if none of the day's has been used; 0 where they are not counted."""
        index = self.quota_at[at]
        return 0 if index is None else self.quotas[index].starts

    def longest(self, at: int) -> int:
        """What being hot for long enough counts; 0 where it is not asked for any more."""
        hygiene = self.load.hygiene
        return 0 if hygiene is None or at >= hygiene.due else hygiene.hold

    @property
    def rows(self) -> int:
        """The most rows that a layer has."""
        return max((1 + self.full(at)) * (1 + self.longest(at)) for at in range(len(self.quota_at)))

    def left_rows(self, way: Way) -> tuple[slice, slice]:
        """The rows from which a way may lead, and those to which it does; one of them stands for all if it is alone."""
        index = self.quota_at[way.start]
        same = index is not None and index == self.quota_at[way.end]
        if index is None or not way.starts:
            before, reached = ALL, ALL
        else:
            before, reached = slice(1, None), slice(0, self.quotas[index].starts)
        return before, reached if same else slice(self.full(way.end), None)

    def left_after(self, way: Way, left: Counts) -> Counts:
        """The starts left behind a way, of labels that have so many; negative where it is forbidden."""
        index = self.quota_at[way.start]
        after = left - np.int16(way.starts and index is not None)
        if index is None or index != self.quota_at[way.end]:
            return np.where(after < 0, after, np.int16(self.full(way.end)))
        return after

    def hot_after(self, way: Way, row: int, hot: Sequence[bool]) -> int:
        """The row behind a way at the ends of whose steps the store is hot or not; negative if it comes too late."""
        hygiene = self.load.hygiene
        if hygiene is None or way.start >= hygiene.due:
            return 0
        for at, is_hot in enumerate(hot, way.start + 1):
            row = self.hold(row, is_hot=is_hot)
            if at == hygiene.due:
                return 0 if row == hygiene.hold else -1
        return row

    def first_row(self) -> int:
        """How long the store has been hot at the first free time; negative if it is too late for what is asked."""
        load, hygiene = self.load, self.load.hygiene
        if hygiene is None:
            return 0
        if hygiene.due <= 0:
            return -1
        held = (load.on_at_start,) * load.held
        hot = [at_c >= hygiene.hot_c - TOLERANCE_C for at_c in load.store.trajectory(held)]
        return self.hot_after(Way(0, load.held, load.on_at_start, load.on_at_start), 0, hot)

    def hold(self, row: int, *, is_hot: bool) -> int:
        """The row at the end of one step."""
        hygiene = self.load.hygiene
        if hygiene is None or row >= hygiene.hold:
            return row
        return row + 1 if is_hot else 0

    def holds(self, schedule: Sequence[bool]) -> bool:
        """Whether a schedule keeps to its starts, and makes the store hot in time."""
        return self.has_starts_for(schedule) and self.is_hot_in_time(self.load.store.trajectory(schedule))

    def has_starts_for(self, schedule: Sequence[bool]) -> bool:
        """Whether a schedule needs no more starts than there are."""
        return all(used <= quota.starts for quota, used in zip(self.load.quotas, self.used(schedule), strict=True))

    def used(self, schedule: Sequence[bool]) -> tuple[int, ...]:
        """The starts of a schedule within each quota."""
        starts = self.load.starts(schedule)
        return tuple(sum(quota.first <= step < quota.stop for step in starts) for quota in self.load.quotas)

    def is_hot_in_time(self, trajectory_c: Sequence[float]) -> bool:
        """Whether a course of temperatures is hot for long enough by the time that is asked for."""
        hygiene = self.load.hygiene
        if hygiene is None:
            return True
        row = 0
        for at_c in trajectory_c[: hygiene.due]:
            row = self.hold(row, is_hot=at_c >= hygiene.hot_c - TOLERANCE_C)
        return row >= hygiene.hold
