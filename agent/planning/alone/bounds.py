"""What a schedule still costs at least: the recursion over cells, from the end of the horizon to its beginning.

A layer belongs to a time and a mode, with an entry for each row (starts left, time hot) and each cell. docs/planning.md
derives why its entries are lower bounds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from agent.planning.alone.automaton import Automaton, Counts, Way
from agent.planning.alone.cells import ROUNDING_C, Cells, Costs, Image
from agent.planning.grid.end import Worth
from agent.planning.grid.model import Load


@dataclass(frozen=True)
class Guide:
    """What a schedule still costs at least, by time, row and cell; kept coarsely enough to be small."""

    cells: Cells
    automaton: Automaton
    every: int
    """So many neighbouring cells share an entry, the least of theirs."""
    layers: dict[tuple[int, bool], NDArray[np.float32]]
    """By time and mode: starts left × time hot × cells. At that time the load is free to be switched."""

    def still_try(
        self, at: int, temperature_c: Costs, *, on: bool, left: Counts | None = None, hot: Counts | None = None
    ) -> Costs:
        """The least that is still to pay at a time from each of these temperatures, in a mode.

        `left` starts are left of the day's, and the store has been `hot` for so many steps, where that counts; without
        them, as many as can be.
        """
        return self.still_in(at, self.cells.numbers(at, temperature_c, on=on), on=on, left=left, hot=hot)

    def still_in(
        self, at: int, place: NDArray[np.int64], *, on: bool, left: Counts | None, hot: Counts | None
    ) -> Costs:
        """The same for cells of the layer, counted from its first one."""
        layer = self.layers[at, on]
        # A single row stands for all.
        row = -1 if left is None or layer.shape[0] == 1 else left
        held = -1 if hot is None or layer.shape[1] == 1 else hot
        still_try: Costs = layer[row, held, place // self.every].astype(np.float64)
        return still_try


def bound(load: Load, cells: Cells, automaton: Automaton, start_try: float, entries: int) -> tuple[float, Guide]:
    """The least that any admissible schedule costs after the steps that are held, and the guide to it.

    Costs are those of the load; the cells may have been made for other ones. Every start of a run costs `start_try`.
    The guide keeps at most about `entries` numbers.
    """
    count = len(load.cost_try)
    all_entries = sum(
        (1 + automaton.full(at)) * (1 + automaton.longest(at)) * cells.count(at, on=on)
        for at in range(load.held, count + 1)
        for on in (False, True)
    )
    every = max(1, ceil(all_entries / entries))
    behind = _Behind(load, cells, automaton, start_try)
    layers: dict[tuple[int, bool], NDArray[np.float32]] = {}
    for at in range(count, load.held - 1, -1):
        if at < count:
            behind.step_back(at)
        for on in (False, True):
            layers[at, on] = _coarse(behind.layers[at, on], every)
    row = automaton.first_row()
    here_try = behind.layers[load.held, load.on_at_start]
    ahead_try = inf if row < 0 else float(here_try[-1, row].min())
    return ahead_try, Guide(cells, automaton, every, layers)


def _coarse(costs_try: Costs, every: int) -> NDArray[np.float32]:
    least_try = costs_try[..., ::every].astype(np.float32)
    for place in range(1, min(every, costs_try.shape[-1])):
        others_try = costs_try[..., place::every]
        into_try = least_try[..., : others_try.shape[-1]]
        np.minimum(into_try, others_try, out=into_try, casting="same_kind")
    return least_try


class _Behind:
    """The layers of the recursion that are still needed, on its way back from the end."""

    def __init__(self, load: Load, cells: Cells, automaton: Automaton, start_try: float) -> None:
        self._load, self._cells, self._automaton = load, cells, automaton
        self._start_try, self._end = start_try, len(cells.load.cost_try)
        self.layers = {(self._end, on): -_most_left_try(cells, on=on)[np.newaxis, np.newaxis] for on in (False, True)}

    def step_back(self, at: int) -> None:
        """Add the layers of a time; those after it are there."""
        for on in (False, True):
            shape = (1 + self._automaton.full(at), 1 + self._automaton.longest(at), self._cells.count(at, on=on))
            self.layers[at, on] = np.full(shape, inf)
        for way in self._automaton.ways(at):
            before, reached = self._automaton.left_rows(way)
            here_try = self.layers[at, way.was_on][before]
            if here_try.size:
                self._take(way, here_try, self.layers[way.end, way.on][reached])
        self.layers.pop((at + self._load.min_off, False), None)
        self.layers.pop((at + self._load.min_on, True), None)

    def _take(self, way: Way, here_try: Costs, ahead_try: Costs) -> None:
        """Let a layer know what follows behind one way, by the starts that are left."""
        image = self._cells.image(way)
        if image.begin >= image.stop:
            return
        cost_try = 0.0
        if way.on:
            cost_try = sum(self._load.cost_try[way.start : way.end]) + (self._start_try if way.starts else 0.0)
        for begin, stop, rows in self._parts(way, image):
            for reached, behind in rows.items():
                least_try = image.least(ahead_try[:, reached], begin, stop)
                if image.miss is not None:
                    least_try += image.miss[begin - image.begin : stop - image.begin]
                if cost_try:
                    least_try += cost_try
                for row in behind:
                    into_try = here_try[:, row, begin:stop]
                    np.minimum(into_try, least_try, out=into_try)

    def _parts(self, way: Way, image: Image) -> Iterator[tuple[int, int, dict[int, list[int]]]]:
        """Cells that can be hot in the same steps of a way; by the row behind it, the rows before that lead there."""
        longest = self._automaton.longest(way.start)
        if not longest:
            yield image.begin, image.stop, {0: [0]}
            return
        # Where no temperature of a cell is hot, only the first and the last row mean anything.
        hot_now = self._cells.hot_from(way.start, on=way.was_on)
        inside = (min(max(at, image.begin), image.stop) for at in (*image.hot_from, hot_now))
        for begin, stop in pairwise(sorted({image.begin, image.stop, *inside})):
            hot = [begin >= hot_from for hot_from in image.hot_from]
            behind: dict[int, list[int]] = {}
            for row in range(longest + 1) if begin >= hot_now else (0, longest):
                reached = self._automaton.hot_after(way, row, hot)
                if reached >= 0:
                    behind.setdefault(reached, []).append(row)
            yield begin, stop, behind


def _most_left_try(cells: Cells, *, on: bool) -> Costs:
    """The most that the end is worth in each of the last cells: at the edge that lies further along."""
    worth = cells.load.worth
    edges_c = cells.edges_c(len(cells.load.cost_try), on=on)
    furthest_c: Costs = (edges_c[1:] if worth.toward > 0 else edges_c[:-1]) + worth.toward * ROUNDING_C
    return left_try(worth, furthest_c)


def left_try(worth: Worth, end_c: Costs) -> Costs:
    """`Worth.left_try` for many temperatures at once, in the same order of operations."""
    start_c = min(worth.toward * worth.start_c, worth.toward * worth.full_c)
    worth_try: Costs = worth.try_per_c * (np.minimum(worth.toward * end_c, worth.toward * worth.full_c) - start_c)
    return worth_try
