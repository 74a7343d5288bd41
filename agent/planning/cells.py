"""A lower bound on the cost of one load, by dynamic programming over cells of temperature.

At any moment the temperatures of a store are cut into cells. What a schedule still costs from a cell on is bounded from
below by the least over all cells that any of its temperatures may reach: whoever stands in the cell pays no less.
docs/planning.md derives it, the rounding included.

The cells move with the store. While the load is off a cell becomes exactly the cell of the same number, so that nothing
is lost; while it is on, all cells move on by one number, so that a step is a shifted slice of an array. Only where the
collector may or may not collect, and where cells double, is each cell followed by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, inf

import numpy as np
from numpy.typing import NDArray

from agent.planning.end import Worth
from agent.planning.limits import TOLERANCE_C, Limits
from agent.planning.model import Load
from agent.planning.stores import Store

Costs = NDArray[np.float64]

ROUNDING_C = 1e-9
"""More than all rounding of a horizon: 600 steps err by at most 4 × 2⁻⁵³ × 100 °C each, 3e-11 °C together."""
NARROWEST_C = 1e-6
"""No cell is narrower, so that the rounding is a small part of it."""


@dataclass(frozen=True)
class Step:
    """What one step does to the temperatures of its window, if the load is off."""

    slope: float
    push_c: float
    bends: bool
    """Whether the collector collects at some temperatures of the window and not at others, or may stagnate."""


class Cells:
    """The cells of one load: number k at time t holds origin[t] + width[t]·[k, k+1). Time t is the start of step t.

    Only cells that the limits and the start leave possible are counted: `first[t]` to `last[t]`. `low_c` and `high_c`
    are the limits at a time, the tolerance included.
    """

    def __init__(self, load: Load, limits: Limits, width_c: float) -> None:
        self.load, self.store = load, load.store
        count = len(load.cost_try)
        self.low_c = [-inf, *(at_c - TOLERANCE_C for at_c in limits.low_c)]
        self.high_c = [inf, *(at_c + TOLERANCE_C for at_c in limits.high_c)]
        floor_c, ceiling_c = _reach(load, self.low_c, self.high_c)
        self.steps = [_step(self.store, at, floor_c[at], ceiling_c[at]) for at in range(count)]
        self.origin_c, self.width_c = [floor_c[0]], [width_c]
        self.doubles = [False] * count
        for at, step in enumerate(self.steps):
            self.origin_c.append(step.slope * self.origin_c[at] + step.push_c)
            narrowed_c = step.slope * self.width_c[at]
            if narrowed_c < width_c / 2:
                self.doubles[at] = True
                narrowed_c = max(2 * narrowed_c, width_c / 2)
            self.width_c.append(narrowed_c)
        self.first = [self.number(at, floor_c[at] - ROUNDING_C) for at in range(count + 1)]
        self.last = [self.number(at, ceiling_c[at] + ROUNDING_C) for at in range(count + 1)]

    def number(self, at: int, temperature_c: float) -> int:
        """The cell that holds a temperature at a time."""
        return floor((temperature_c - self.origin_c[at]) / self.width_c[at])

    @property
    def most(self) -> int:
        """The cells of the widest window."""
        return max(last - first + 1 for first, last in zip(self.first, self.last, strict=True))

    def moves_evenly(self, start: int, end: int) -> bool:
        """Whether all cells move on by the same number from one time to another."""
        return not any(self.doubles[at] or self.steps[at].bends for at in range(start, end))


def _reach(load: Load, low_c: Sequence[float], high_c: Sequence[float]) -> tuple[list[float], list[float]]:
    """The lowest and highest temperature that start and limits leave possible at each time."""
    floor_c, ceiling_c = [load.store.start_c], [load.store.start_c]
    for at in range(len(load.cost_try)):
        choices = (load.on_at_start,) if load.is_held(at) else (False, True)
        reached_c = min(load.store.after(at, floor_c[at], on=on) for on in choices)
        floor_c.append(max(low_c[at + 1], reached_c - ROUNDING_C))
        reached_c = max(load.store.after(at, ceiling_c[at], on=on) for on in choices)
        ceiling_c.append(max(floor_c[-1], min(high_c[at + 1], reached_c + ROUNDING_C)))
    return floor_c, ceiling_c


def _step(store: Store, at: int, floor_c: float, ceiling_c: float) -> Step:
    keep, push_c, sun_c, fade = store.keep[at], store.push_c[at], store.sun_c[at], store.fade[at]
    collects = sun_c - fade * (floor_c - ROUNDING_C) > 0
    hottest_c = keep * ceiling_c + push_c + max(0.0, store.lift_c[at]) + max(0.0, sun_c - fade * ceiling_c)
    stagnates = collects and hottest_c > store.stop_c - ROUNDING_C
    if sun_c - fade * (ceiling_c + ROUNDING_C) >= 0:
        return Step(slope=keep - fade, push_c=push_c + sun_c, bends=stagnates)
    return Step(slope=keep, push_c=push_c, bends=collects)


@dataclass(frozen=True)
class Guide:
    """What a schedule still costs at least, by time and cell; kept coarsely enough to be small."""

    cells: Cells
    every: int
    """So many neighbouring cells share an entry, the least of theirs."""
    off_try: list[NDArray[np.float32]]
    """If the load is off and may start, by time."""
    on_try: list[NDArray[np.float32]]
    """If the load is on and may stop, by time."""

    def still_try(self, at: int, temperature_c: Costs, *, on: bool) -> Costs:
        """The least that is still to pay at a time from each of these temperatures."""
        cells = self.cells
        number = np.floor((temperature_c - cells.origin_c[at]) / cells.width_c[at]).astype(np.int64)
        inside = np.clip(number, cells.first[at], cells.last[at]) - cells.first[at]
        still_try: Costs = (self.on_try if on else self.off_try)[at][inside // self.every].astype(np.float64)
        return still_try


def bound(cells: Cells, start_try: float, entries: int) -> tuple[float, Guide]:
    """The least that any admissible schedule costs after the steps that are held, and the guide to it.

    Every start of a run costs `start_try` besides. The guide keeps at most `entries` numbers.
    """
    load, count = cells.load, len(cells.load.cost_try)
    every = max(1, ceil(2 * (count + 1) * cells.most / entries))
    guide = Guide(cells=cells, every=every, off_try=[], on_try=[])
    behind = _Behind(cells, start_try)
    for at in range(count, load.held - 1, -1):
        if at < count:
            behind.step_back(at)
        guide.off_try.append(_coarse(behind.off_try[at], every))
        guide.on_try.append(_coarse(behind.on_try[at], every))
    here_try = (behind.on_try if load.on_at_start else behind.off_try)[load.held]
    for table in (guide.off_try, guide.on_try):
        table.extend([np.empty(0, np.float32)] * load.held)
        table.reverse()
    return float(here_try.min()), guide


def _coarse(costs_try: Costs, every: int) -> NDArray[np.float32]:
    return np.minimum.reduceat(costs_try, np.arange(0, len(costs_try), every)).astype(np.float32)


def _most_left_try(cells: Cells) -> Costs:
    """The most that the end is worth in each of the last cells: at the edge that lies further along."""
    worth = cells.load.worth
    numbers = np.arange(cells.first[-1], cells.last[-1] + 1, dtype=np.float64) + (worth.toward > 0)
    edges_c: Costs = numbers * cells.width_c[-1] + (cells.origin_c[-1] + worth.toward * ROUNDING_C)
    return left_try(worth, edges_c)


def left_try(worth: Worth, end_c: Costs) -> Costs:
    """`Worth.left_try` for many temperatures at once, in the same order of operations."""
    start_c = min(worth.toward * worth.start_c, worth.toward * worth.full_c)
    worth_try: Costs = worth.try_per_c * (np.minimum(worth.toward * end_c, worth.toward * worth.full_c) - start_c)
    return worth_try


class _Behind:
    """The layers of the recursion that are still needed, on its way back from the end."""

    def __init__(self, cells: Cells, start_try: float) -> None:
        self._cells, self._load, self._start_try = cells, cells.load, start_try
        self._end = len(cells.load.cost_try)
        free_try = -_most_left_try(cells)
        self.off_try = {self._end: free_try}
        self.on_try = {self._end: free_try}

    def step_back(self, at: int) -> None:
        """Add the layer of a time; those after it are there."""
        load = self._load
        off_try = self._after(at, at + 1, on=False)
        started = min(at + load.min_on, self._end)
        if all(load.may_run[at:started]):
            np.minimum(off_try, self._after(at, started, on=True, besides_try=self._start_try), out=off_try)
        on_try = self._after(at, min(at + load.min_off, self._end), on=False)
        if load.may_run[at]:
            np.minimum(on_try, self._after(at, at + 1, on=True), out=on_try)
        self.off_try[at], self.on_try[at] = off_try, on_try
        self.off_try.pop(at + load.min_off, None)
        self.on_try.pop(at + load.min_on, None)

    def _after(self, start: int, end: int, *, on: bool, besides_try: float = 0.0) -> Costs:
        """What follows at least, for each cell at `start`, if the load stays on or off until `end`."""
        ahead_try = (self.on_try if on else self.off_try)[end]
        if self._cells.moves_evenly(start, end):
            least_try = self._evenly(start, end, ahead_try, on=on)
        else:
            least_try = self._each(start, end, ahead_try, on=on)
        if on:
            least_try += sum(self._load.cost_try[start:end]) + besides_try
        return least_try

    def _evenly(self, start: int, end: int, ahead_try: Costs, *, on: bool) -> Costs:
        """All cells move on by the same number: the least of two shifted slices."""
        cells = self._cells
        moved, lowest, highest = 0.0, -inf, inf
        for at in range(start + 1, end + 1):
            width_c = cells.width_c[at]
            if on:
                moved += cells.store.lift_c[at - 1] / width_c
            low = (cells.low_c[at] - ROUNDING_C - cells.origin_c[at]) / width_c
            high = (cells.high_c[at] + ROUNDING_C - cells.origin_c[at]) / width_c
            lowest, highest = max(lowest, low - moved - 1), min(highest, high - moved)
        first = max(cells.first[start], ceil(lowest))
        last = min(cells.last[start], floor(highest))
        least_try = np.full(cells.last[start] - cells.first[start] + 1, inf)
        for shift in range(floor(moved), ceil(moved + 1)):
            begin = max(first, cells.first[end] - shift)
            stop = min(last, cells.last[end] - shift) + 1
            if begin < stop:
                into = least_try[begin - cells.first[start] : stop - cells.first[start]]
                reached = ahead_try[begin + shift - cells.first[end] : stop + shift - cells.first[end]]
                np.minimum(into, reached, out=into)
        return least_try

    def _each(self, start: int, end: int, ahead_try: Costs, *, on: bool) -> Costs:
        """Follow the lower and the upper edge of each cell: the least of the cells between them."""
        cells = self._cells
        numbers = np.arange(cells.first[start], cells.last[start] + 2, dtype=np.float64)
        edges_c: Costs = cells.origin_c[start] + cells.width_c[start] * numbers
        least_try = np.full(len(numbers) - 1, inf)
        first, stop = 0, len(least_try)
        for at in range(start, end):
            edges_c = after(cells.store, at, edges_c, on=on)
            first = max(first, int(np.searchsorted(edges_c[1:], cells.low_c[at + 1] - ROUNDING_C)))
            stop = min(stop, int(np.searchsorted(edges_c[:-1], cells.high_c[at + 1] + ROUNDING_C, side="right")))
        if first >= stop:
            return least_try
        # The entry before the first cell and the one after the last stand for all that is outside.
        padded_try = np.concatenate(([inf], ahead_try, [inf]))
        edges = (edges_c[first : stop + 1] - cells.origin_c[end]) / cells.width_c[end] - (cells.first[end] - 1)
        lower = np.floor(edges[:-1]).astype(np.int32)
        upper = np.maximum(lower, np.ceil(edges[1:]).astype(np.int32) - 1)
        for further in range(int((upper - lower).max()) + 1):
            reached = np.minimum(lower + further, upper)
            found_try = padded_try.take(reached, mode="clip")
            np.minimum(least_try[first:stop], found_try, out=least_try[first:stop])
        return least_try


def after(store: Store, step: int, temperatures_c: Costs, *, on: bool) -> Costs:
    """`Store.after` for many temperatures at once, in the same order of operations."""
    sun_c = np.maximum(0.0, store.sun_c[step] - store.fade[step] * temperatures_c)
    lift_c = store.lift_c[step] if on else 0.0
    dark_c = store.keep[step] * temperatures_c + store.push_c[step] + lift_c
    after_c: Costs = np.minimum(dark_c + sun_c, np.maximum(dark_c, store.stop_c))
    return after_c
