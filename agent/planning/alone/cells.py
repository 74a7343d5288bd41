"""Cells of temperature, and where they may be after a while: the ground that the bound stands on.

At any moment the temperatures of a store are cut into cells. What a schedule still costs from a cell on is bounded from
below by the least over all cells that any of its temperatures may reach: whoever stands in the cell pays no less.
docs/planning.md derives it, the rounding included.

There are two sets of cells, for a load that is off and for one that is on, and each moves with the store. While the
load stays as it is a cell becomes exactly another one of its set, so that nothing is lost; when it is switched, all
cells move to the other set by the same part of a cell, so that a whole layer is a shifted slice of another. Only where
the collector may or may not collect, and where cells double, is each cell followed by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf

import numpy as np
from numpy.typing import NDArray

from agent.planning.alone.automaton import Way
from agent.planning.alone.limits import TOLERANCE_C, Limits
from agent.planning.grid.model import Load
from agent.planning.grid.stores import Store

Costs = NDArray[np.float64]

ROUNDING_C = 1e-9
"""More than all rounding of a horizon: 600 steps err by at most 4 × 2⁻⁵³ × 100 °C each, 3e-11 °C together."""
NARROWEST_C = 1e-6
"""No cell is narrower, so that the rounding is a small part of it."""
_REMEMBERED = 4000
"""Where a layer has no more cells than this, it is remembered where each of them goes."""


@dataclass(frozen=True)
class Step:
    """What one step does to the temperatures of its window, if the load is off."""

    slope: float
    push_c: float
    bends: bool
    """Whether the collector collects at some temperatures of the window and not at others, or may stagnate."""


@dataclass(frozen=True)
class Image:
    """Where the cells of a layer may be behind a way. Cells are counted from the first one of their layer."""

    begin: int
    stop: int
    """Cells from `begin` on and before `stop` may keep the limits; the others need not be asked for."""
    hot_from: tuple[int, ...]
    """By step of the way: from which cell on some temperature may be as hot as hygiene asks."""
    miss: Costs | None
    """What each of those cells misses of comfort on the way at least, °C·h; None if that does not matter."""
    shifts: tuple[int, ...]
    """All cells move by one of these, ..."""
    lower: NDArray[np.int32] | None = None
    """... or, if this is given, each cell from `begin` on to any of the cells from `lower` ..."""
    upper: NDArray[np.int32] | None = None
    """... to `upper`."""

    def least(self, ahead_try: Costs, begin: int, stop: int) -> Costs:
        """Of what is to pay behind the way (by rows and cells), the least that each of some cells may come to."""
        if self.lower is not None and self.upper is not None:
            part = slice(begin - self.begin, stop - self.begin)
            return _least_between(ahead_try, self.lower[part], self.upper[part])
        least_try = np.full((*ahead_try.shape[:-1], stop - begin), inf)
        for shift in self.shifts:
            first, last = max(begin, -shift), min(stop, ahead_try.shape[-1] - shift)
            if first < last:
                into = least_try[..., first - begin : last - begin]
                np.minimum(into, ahead_try[..., first + shift : last + shift], out=into)
        return least_try

    def spread(self, paid_try: Costs, reached_try: Costs) -> None:
        """Let the cells behind the way know what is paid by each of those before it: the least that leads to them."""
        if self.lower is not None and self.upper is not None:
            for further in range(int((self.upper - self.lower).max(initial=-1)) + 1):
                np.minimum.at(reached_try, np.minimum(self.lower + further, self.upper), paid_try)
            return
        for shift in self.shifts:
            first, last = max(self.begin, -shift), min(self.stop, len(reached_try) - shift)
            if first < last:
                into = reached_try[first + shift : last + shift]
                np.minimum(into, paid_try[first - self.begin : last - self.begin], out=into)


def _least_between(ahead_try: Costs, lower: NDArray[np.int32], upper: NDArray[np.int32]) -> Costs:
    least_try = ahead_try.take(lower, axis=-1)
    for further in range(1, int((upper - lower).max(initial=0)) + 1):
        reached = np.minimum(lower + further, upper)
        np.minimum(least_try, ahead_try.take(reached, axis=-1), out=least_try)
    return least_try


class Cells:
    """The cells of one load: number k at time t holds origin[t] + width[t]·[k, k+1), plus lead[t]·width[t] if it is on.

    Time t is the start of step t. Only cells that the limits and the start leave possible are counted: from `first` to
    `last`, both by mode and time. `low_c` and `high_c` are the limits at a time, the tolerance included. With `hours`,
    the length of each step, images know what their cells miss of comfort. With `passes`, by mode and time the lowest
    and the highest temperature that is of interest, cells beyond them are not counted either.
    """

    def __init__(
        self,
        load: Load,
        limits: Limits,
        width_c: float,
        hours: Sequence[float] | None = None,
        passes: Mapping[bool, Sequence[tuple[float, float]]] | None = None,
    ) -> None:
        self.load, self.store = load, load.store
        self.hours = hours
        count = len(load.cost_try)
        self.low_c = [-inf, *(at_c - TOLERANCE_C for at_c in limits.low_c)]
        self.high_c = [inf, *(at_c + TOLERANCE_C for at_c in limits.high_c)]
        self.floor_c, self.ceiling_c = _reach(load, self.low_c, self.high_c)
        self._steps = [_step(self.store, at, self.floor_c[at], self.ceiling_c[at]) for at in range(count)]
        self.origin_c, self.width_c, self.lead = [self.floor_c[0]], [width_c], [0.0]
        self._carry: list[int] = []
        self._doubles = [False] * count
        for at, step in enumerate(self._steps):
            self._move(at, step, width_c)
        self.first: dict[bool, list[int]] = {}
        self.last: dict[bool, list[int]] = {}
        for on in (False, True):
            window = list(zip(self.floor_c, self.ceiling_c, strict=True))
            if passes is not None:
                window = [_common(one, other) for one, other in zip(window, passes[on], strict=True)]
            self.first[on] = [self.number(at, low_c - ROUNDING_C, on=on) for at, (low_c, _) in enumerate(window)]
            self.last[on] = [self.number(at, high_c + ROUNDING_C, on=on) for at, (_, high_c) in enumerate(window)]
        self._known: dict[Way, Image] = {}
        # Whatever counts as hot somewhere counts here.
        self._hot_c = inf if load.hygiene is None else load.hygiene.hot_c - TOLERANCE_C - ROUNDING_C

    def _move(self, at: int, step: Step, widest_c: float) -> None:
        self.origin_c.append(step.slope * self.origin_c[at] + step.push_c)
        narrowed_c = step.slope * self.width_c[at]
        if narrowed_c < widest_c / 2:
            self._doubles[at] = True
            narrowed_c = max(2 * narrowed_c, widest_c / 2)
        self.width_c.append(narrowed_c)
        moved = self.lead[at] + self.store.lift_c[at] / narrowed_c
        self._carry.append(floor(moved))
        self.lead.append(moved - floor(moved))

    def number(self, at: int, temperature_c: float, *, on: bool) -> int:
        """The cell that holds a temperature at a time."""
        return floor((temperature_c - self.origin_c[at]) / self.width_c[at] - (self.lead[at] if on else 0.0))

    def numbers(self, at: int, temperature_c: Costs, *, on: bool) -> NDArray[np.int64]:
        """The cells that hold temperatures, counted from the first of the layer; the nearest for those outside."""
        lead = self.lead[at] if on else 0.0
        number = np.floor((temperature_c - self.origin_c[at]) / self.width_c[at] - lead).astype(np.int64)
        return np.minimum(np.maximum(number - self.first[on][at], 0), self.last[on][at] - self.first[on][at])

    def count(self, at: int, *, on: bool) -> int:
        """The cells of a layer."""
        return self.last[on][at] - self.first[on][at] + 1

    def edges_c(self, at: int, *, on: bool) -> Costs:
        """The borders of the cells of a layer, one more than there are cells."""
        numbers = np.arange(self.first[on][at], self.last[on][at] + 2, dtype=np.float64)
        if on:
            numbers += self.lead[at]
        edges_c: Costs = numbers * self.width_c[at] + self.origin_c[at]
        return edges_c

    def hot_from(self, at: int, *, on: bool) -> int:
        """From which cell of a layer on some temperature may be as hot as hygiene asks."""
        if self.load.hygiene is None:
            return self.count(at, on=on)
        hot = self.number(at, self._hot_c, on=on) - self.first[on][at]
        return min(max(hot, 0), self.count(at, on=on))

    @property
    def most(self) -> int:
        """The cells of the widest window."""
        return max(self.count(at, on=on) for on in (False, True) for at in range(len(self.origin_c)))

    def image(self, way: Way) -> Image:
        """Where the cells before a way may be behind it."""
        known = self._known.get(way)
        if known is not None:
            return known
        if any(self._doubles[at] or self._steps[at].bends for at in range(way.start, way.end)):
            image = self._followed(way)
        else:
            image = self._shifted(way)
        is_small = image.lower is None and image.miss is None
        if is_small or image.stop - image.begin <= _REMEMBERED:
            self._known[way] = image
        return image

    def _shifted(self, way: Way) -> Image:
        """All cells move by the same number, or by the same number and one more."""
        start, end, was_on, on = way
        first, count = self.first[was_on][start], self.count(start, on=was_on)
        # Within one set of cells they move by whole numbers, exactly; what is still added to them then is its lead.
        moved, lowest, highest, hot_from = (self.lead[start] if was_on else 0.0), -inf, inf, []
        hot_c = self._hot_c
        for at in range(start + 1, end + 1):
            origin_c, width_c = self.origin_c[at], self.width_c[at]
            if on:
                moved += self.store.lift_c[at - 1] / width_c
            lowest = max(lowest, (self.low_c[at] - ROUNDING_C - origin_c) / width_c - moved - 1)
            highest = min(highest, (self.high_c[at] + ROUNDING_C - origin_c) / width_c - moved)
            hot = (hot_c - origin_c) / width_c - moved - 1
            hot_from.append(count if hot_c == inf else min(count, max(0, ceil(hot) - first)))
        if on == was_on:
            whole = sum(self._carry[start:end]) if on else 0
            shifts: tuple[int, ...] = (whole,)
        else:
            moved -= self.lead[end] if on else 0.0
            shifts = tuple(range(floor(moved), ceil(moved + 1)))
        begin = max(0, min(count, ceil(max(lowest, first - 1)) - first))
        stop = max(begin, min(count, floor(min(highest, first + count)) + 1 - first))
        to_first = self.first[on][end]
        return Image(
            begin=begin,
            stop=stop,
            hot_from=tuple(hot_from),
            miss=None if self.hours is None else self._missed(way)[begin:stop],
            shifts=tuple(shift + first - to_first for shift in shifts),
        )

    def _followed(self, way: Way) -> Image:
        """Follow the lower and the upper edge of each cell."""
        start, end, was_on, on = way
        edges_c = self.edges_c(start, on=was_on)
        count = len(edges_c) - 1
        begin, stop, hot_from = 0, count, []
        hot_c = self._hot_c
        for at in range(start, end):
            edges_c = after(self.store, at, edges_c, on=on)
            begin = max(begin, int(np.searchsorted(edges_c[1:], self.low_c[at + 1] - ROUNDING_C)))
            stop = min(stop, int(np.searchsorted(edges_c[:-1], self.high_c[at + 1] + ROUNDING_C, side="right")))
            hot_from.append(int(np.searchsorted(edges_c[1:], hot_c)))
        first_c = self.origin_c[end] + self.width_c[end] * (self.first[on][end] + (self.lead[end] if on else 0.0))
        last = self.count(end, on=on) - 1
        begin = max(begin, int(np.searchsorted(edges_c[1:], first_c, side="right")))
        stop = min(stop, int(np.searchsorted(edges_c[:-1], first_c + self.width_c[end] * (last + 1))))
        stop = max(begin, stop)
        edges = (edges_c[begin : stop + 1] - first_c) / self.width_c[end]
        lower = np.floor(edges[:-1]).astype(np.int32)
        upper = np.maximum(lower, np.ceil(edges[1:]).astype(np.int32) - 1)
        return Image(
            begin=begin,
            stop=stop,
            hot_from=tuple(hot_from),
            miss=None if self.hours is None else self._missed(way)[begin:stop],
            shifts=(),
            lower=np.clip(lower, 0, last),
            upper=np.clip(upper, 0, last),
        )

    def _missed(self, way: Way) -> Costs:
        """How far the nearest temperature of each cell is outside the comfort band, summed over a way, °C·h."""
        edges_c = self.edges_c(way.start, on=way.was_on)
        missed = np.zeros(len(edges_c) - 1)
        for at, hours in enumerate((self.hours or ())[way.start : way.end], way.start):
            edges_c = after(self.store, at, edges_c, on=way.on)
            below_c = self.store.wanted_low_c[at] - ROUNDING_C - edges_c[1:]
            above_c = edges_c[:-1] - self.store.wanted_high_c[at] - ROUNDING_C
            missed += hours * np.maximum(0.0, np.maximum(below_c, above_c))
        return missed


def _common(window_c: tuple[float, float], passes_c: tuple[float, float]) -> tuple[float, float]:
    """What two spans have in common; the lower end of the first where that is nothing."""
    low_c, high_c = max(window_c[0], passes_c[0]), min(window_c[1], passes_c[1])
    return (low_c, high_c) if low_c <= high_c else (window_c[0], window_c[0])


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


def after(store: Store, step: int, temperatures_c: Costs, *, on: bool) -> Costs:
    """`Store.after` for many temperatures at once, in the same order of operations."""
    lift_c = store.lift_c[step] if on else 0.0
    dark_c: Costs = store.keep[step] * temperatures_c + store.push_c[step] + lift_c
    if store.sun_c[step] <= 0 and store.fade[step] == 0:
        return dark_c  # nothing is added then, to the last bit
    sun_c = np.maximum(0.0, store.sun_c[step] - store.fade[step] * temperatures_c)
    after_c: Costs = np.minimum(dark_c + sun_c, np.maximum(dark_c, store.stop_c))
    return after_c


def miss_c(store: Store, step: int, after_c: Costs) -> Costs:
    """`Store.miss_c` for many temperatures at once."""
    missed_c: Costs = np.maximum(
        0.0, np.maximum(store.wanted_low_c[step] - after_c, after_c - store.wanted_high_c[step])
    )
    return missed_c
