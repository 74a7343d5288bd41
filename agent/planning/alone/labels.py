"""A schedule near the bound: labels, each an exactly simulated way through the day, guided by what must still be paid.

A label stands at a time at which its load may be switched: its temperature, its rows (starts left, time hot), what it
has paid, and where it came from. Of the labels in one cell and row only the cheapest goes on, of all only those that
promise most. What is lost so is in the gap between bound and schedule, which is measured and not assumed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from agent.planning.alone.automaton import Automaton, Counts, Way
from agent.planning.alone.bounds import Guide, left_try
from agent.planning.alone.cells import Costs, after, miss_c
from agent.planning.grid.model import Load

_ROWS = 1 << 20
"""More than there are cells in a layer's row, so that row and cell make one number."""


@dataclass(frozen=True)
class Labels:
    """Some ways to one time, in one mode; those that broke a limit on the way have paid infinitely much."""

    temperature_c: Costs
    paid_try: Costs
    left: Counts
    hot: Counts

    def taken(self, chosen: NDArray[np.intp]) -> "Labels":
        """Some of them."""
        return Labels(self.temperature_c[chosen], self.paid_try[chosen], self.left[chosen], self.hot[chosen])


@dataclass(frozen=True)
class Origins:
    """Where labels came from: for each the way that it took last, and which it was of those kept before that."""

    ways: tuple[Way, ...]
    way: NDArray[np.intp]
    index: NDArray[np.intp]


def _together(parts: Sequence[Labels]) -> Labels:
    if len(parts) == 1:
        return parts[0]
    return Labels(
        np.concatenate([part.temperature_c for part in parts]),
        np.concatenate([part.paid_try for part in parts]),
        np.concatenate([part.left for part in parts]),
        np.concatenate([part.hot for part in parts]),
    )


def cheapest(
    load: Load, guide: Guide, start_try: float, beam: int, below_try: float, most: int = 1
) -> tuple[tuple[bool, ...], ...]:
    """Up to `most` schedules that cost less than `below_try`, every start counted with `start_try`; cheapest first.

    They keep limits, times, quotas and hygiene. What the end is worth is taken off, and held steps are not counted.
    `beam` labels at most go on from each time and mode.
    """
    return _Beam(load, guide, start_try, beam, below_try).schedules(most)


class _Beam:
    def __init__(self, load: Load, guide: Guide, start_try: float, beam: int, below_try: float) -> None:
        self._load, self._guide, self._cells = load, guide, guide.cells
        self._automaton = Automaton.of(self._load)
        self._start_try, self._beam, self._below_try = start_try, beam, below_try
        self._has_rows = bool(self._automaton.quotas or load.hygiene)
        self._end = len(load.cost_try)
        self._coming: dict[tuple[int, bool], dict[Way, Labels]] = {}
        self._origins: dict[tuple[int, bool], Origins] = {}

    def schedules(self, most: int) -> tuple[tuple[bool, ...], ...]:
        """Go through the day and back along the cheapest labels."""
        load = self._load
        self._begin()
        for at in range(load.held, self._end):
            kept = {on: labels for on in (False, True) if (labels := self._keep(at, on=on)) is not None}
            for way in self._automaton.ways(at) if kept else ():
                if way.was_on in kept:
                    self._go(kept[way.was_on], way)
        return tuple(self._way(on=on, index=index) for on, index in self._cheapest(most))

    def _cheapest(self, most: int) -> list[tuple[bool, int]]:
        """Mode and index of the labels that have arrived and cost least, what they leave taken off."""
        arrived: list[tuple[float, bool, int]] = []
        for on in (False, True):
            labels = self._keep(self._end, on=on)
            if labels is not None:
                costs_try = labels.paid_try - left_try(self._load.worth, labels.temperature_c)
                arrived += [(float(costs_try[index]), on, int(index)) for index in np.argsort(costs_try)[:most]]
        return [(on, index) for cost_try, on, index in sorted(arrived)[:most] if cost_try < self._below_try]

    def _begin(self) -> None:
        load, row = self._load, self._automaton.first_row()
        if row < 0:
            return
        reached_c = load.store.trajectory((load.on_at_start,) * load.held)
        held = Way(0, load.held, load.on_at_start, load.on_at_start)
        first = Labels(
            temperature_c=np.array([(load.store.start_c, *reached_c)[-1]]),
            paid_try=np.zeros(1),
            left=np.array([self._automaton.full(load.held)], np.int16),
            hot=np.array([row], np.int16),
        )
        self._coming[load.held, load.on_at_start] = {held: first}

    def _keep(self, at: int, *, on: bool) -> Labels | None:
        """Choose among the labels that have come to a time; None if there are none."""
        parts = self._coming.pop((at, on), {})
        if not parts:
            return None
        labels = _together(list(parts.values()))
        place = self._cells.numbers(at, labels.temperature_c, on=on)
        promised_try = labels.paid_try + self._guide.still_in(at, place, on=on, left=labels.left, hot=labels.hot)
        (hopeful,) = np.nonzero(promised_try < self._below_try)
        if len(hopeful) > 1:
            hopeful = self._best(at, labels, hopeful, place[hopeful], promised_try)
        if not len(hopeful):
            return None
        begins = np.cumsum([0, *(len(part.paid_try) for part in parts.values())])
        way = np.searchsorted(begins, hopeful, side="right") - 1
        self._origins[at, on] = Origins(tuple(parts), way, hopeful - begins[way])
        return labels.taken(hopeful)

    def _best(
        self, at: int, labels: Labels, hopeful: NDArray[np.intp], place: NDArray[np.int64], promised_try: Costs
    ) -> NDArray[np.intp]:
        """The cheapest label of each row and cell, and of these the ones that promise most."""
        if self._has_rows:
            rows = labels.left[hopeful].astype(np.int64) * (1 + self._automaton.longest(at)) + labels.hot[hopeful]
            place += rows * _ROWS
        order = np.lexsort((labels.paid_try[hopeful], place))
        place = place[order]
        is_first = np.ones(len(place), dtype=bool)
        np.not_equal(place[1:], place[:-1], out=is_first[1:])
        hopeful = hopeful[order][is_first]
        if len(hopeful) > self._beam:
            hopeful = hopeful[np.argpartition(promised_try[hopeful], self._beam)[: self._beam]]
        return hopeful

    def _go(self, labels: Labels, way: Way) -> None:
        cells, now_c = self._cells, labels.temperature_c
        possible = np.ones(1, dtype=bool)
        hot, missed = labels.hot, np.zeros(1)
        for at in range(way.start, way.end):
            now_c = after(cells.store, at, now_c, on=way.on)
            possible = possible & (now_c >= cells.low_c[at + 1]) & (now_c <= cells.high_c[at + 1])
            if cells.hours is not None:
                missed = missed + cells.hours[at] * miss_c(cells.store, at, now_c)
            if self._automaton.longest(at):
                hot, in_time = self._held_hot(at, hot, now_c)
                possible = possible & in_time
        left = labels.left
        if self._automaton.quotas:
            left = self._automaton.left_after(way, left)
            possible = possible & (left >= 0)
        paid_try = labels.paid_try
        if way.on:
            step_try = sum(self._load.cost_try[way.start : way.end])
            paid_try = paid_try + step_try + (self._start_try if way.starts else 0.0)
        if cells.hours is not None:
            paid_try = paid_try + missed
        come = Labels(now_c, np.where(possible, paid_try, inf), left, hot)
        self._coming.setdefault((way.end, way.on), {})[way] = come

    def _held_hot(self, at: int, hot: Counts, now_c: Costs) -> tuple[Counts, NDArray[np.bool_]]:
        """How long the store has been hot at the end of a step, and whether that is long enough by then."""
        hygiene = self._load.hygiene
        if hygiene is None:
            return hot, np.ones(len(hot), dtype=bool)
        more = np.where(now_c >= hygiene.hot_c, hot + np.int16(1), np.int16(0))
        hot = np.where(hot >= hygiene.hold, hot, more)
        if at + 1 < hygiene.due:
            return hot, np.ones(len(hot), dtype=bool)
        return np.zeros_like(hot), hot >= hygiene.hold

    def _way(self, *, on: bool, index: int) -> tuple[bool, ...]:
        return tuple(reversed(list(self._way_back(on=on, index=index))))

    def _way_back(self, *, on: bool, index: int) -> Iterator[bool]:
        at = self._end
        while at > self._load.held:
            origins = self._origins[at, on]
            way = origins.ways[origins.way[index]]
            yield from [on] * (at - way.start)
            at, on, index = way.start, way.was_on, int(origins.index[index])
        yield from [self._load.on_at_start] * self._load.held
