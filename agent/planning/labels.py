"""A schedule near the bound: labels, each an exactly simulated way through the day, guided by what must still be paid.

A label stands at a time at which its load may be switched: its temperature, what it has paid, and where it came from.
Of the labels in one cell only the cheapest goes on, of all cells only those that promise most. What is lost so is in
the gap between bound and schedule, which is measured and not assumed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.planning.cells import Cells, Costs, Guide, after, left_try

Indices = NDArray[np.int32]


@dataclass(frozen=True)
class Labels:
    """Some ways to one time, in one mode."""

    temperature_c: Costs
    paid_try: Costs
    from_time: Indices
    from_on: NDArray[np.bool_]
    from_index: Indices
    """Which of the labels that were kept there."""

    def taken(self, chosen: NDArray[np.intp]) -> "Labels":
        """Some of them."""
        return Labels(
            self.temperature_c[chosen],
            self.paid_try[chosen],
            self.from_time[chosen],
            self.from_on[chosen],
            self.from_index[chosen],
        )

    @property
    def origins(self) -> "Labels":
        """Only where they came from: all that the way back asks for."""
        nothing = np.empty(0)
        return replace(self, temperature_c=nothing, paid_try=nothing)


def _together(parts: Sequence[Labels]) -> Labels:
    return Labels(
        np.concatenate([part.temperature_c for part in parts]),
        np.concatenate([part.paid_try for part in parts]),
        np.concatenate([part.from_time for part in parts]),
        np.concatenate([part.from_on for part in parts]),
        np.concatenate([part.from_index for part in parts]),
    )


def cheapest(
    cells: Cells, guide: Guide, start_try: float, beam: int, below_try: float, most: int = 1
) -> tuple[tuple[bool, ...], ...]:
    """Up to `most` schedules that cost less than `below_try`, every start counted with `start_try`; cheapest first.

    They keep limits and times. What the end is worth is taken off. `beam` labels at most go on from each time and mode.
    """
    return _Beam(cells, guide, start_try, beam, below_try).schedules(most)


class _Beam:
    def __init__(self, cells: Cells, guide: Guide, start_try: float, beam: int, below_try: float) -> None:
        self._cells, self._load = cells, cells.load
        self._guide, self._start_try, self._beam, self._below_try = guide, start_try, beam, below_try
        self._end = len(self._load.cost_try)
        self._coming: dict[tuple[int, bool], list[Labels]] = {}
        self._kept: dict[tuple[int, bool], Labels] = {}

    def schedules(self, most: int) -> tuple[tuple[bool, ...], ...]:
        """Go through the day and back along the cheapest labels."""
        load = self._load
        self._begin()
        for at in range(load.held, self._end):
            for on in (False, True):
                if self._keep(at, on=on):
                    self._expand(at, on=on)
                    self._kept[at, on] = self._kept[at, on].origins
        return tuple(self._way(on=on, index=index) for on, index in self._cheapest(most))

    def _cheapest(self, most: int) -> list[tuple[bool, int]]:
        """Mode and index of the labels that have arrived and cost least, what they leave taken off."""
        arrived: list[tuple[float, bool, int]] = []
        for on in (False, True):
            if self._keep(self._end, on=on):
                labels = self._kept[self._end, on]
                costs_try = labels.paid_try - left_try(self._load.worth, labels.temperature_c)
                arrived += [(float(costs_try[index]), on, int(index)) for index in np.argsort(costs_try)[:most]]
        return [(on, index) for _, on, index in sorted(arrived)[:most]]

    def _begin(self) -> None:
        load, now_c = self._load, self._load.store.start_c
        for at in range(load.held):
            now_c = load.store.after(at, now_c, on=load.on_at_start)
        nowhere = np.array([-1], np.int32)
        first = Labels(np.array([now_c]), np.zeros(1), nowhere, np.array([load.on_at_start]), nowhere)
        self._coming[load.held, load.on_at_start] = [first]

    def _keep(self, at: int, *, on: bool) -> bool:
        """Choose among the labels that have come to a time; whether there are any."""
        parts = self._coming.pop((at, on), [])
        if not parts:
            return False
        labels = _together(parts)
        promised_try = labels.paid_try + self._guide.still_try(at, labels.temperature_c, on=on)
        hopeful = np.flatnonzero(promised_try < self._below_try)
        cells = self._cells
        cell = np.floor((labels.temperature_c[hopeful] - cells.origin_c[at]) / cells.width_c[at])
        order = np.lexsort((labels.paid_try[hopeful], cell))
        hopeful = hopeful[order][np.diff(cell[order], prepend=-np.inf) > 0]
        if len(hopeful) > self._beam:
            hopeful = hopeful[np.argpartition(promised_try[hopeful], self._beam)[: self._beam]]
        self._kept[at, on] = labels.taken(hopeful)
        return bool(len(hopeful))

    def _expand(self, at: int, *, on: bool) -> None:
        load, labels = self._load, self._kept[at, on]
        if on:
            self._go(labels, at, min(at + load.min_off, self._end), was_on=True, on=False)
        else:
            self._go(labels, at, at + 1, was_on=False, on=False)
        runs_until = at + 1 if on else min(at + load.min_on, self._end)
        if all(load.may_run[at:runs_until]):
            self._go(labels, at, runs_until, was_on=on, on=True)

    def _go(self, labels: Labels, start: int, end: int, *, was_on: bool, on: bool) -> None:
        cells, now_c = self._cells, labels.temperature_c
        possible = np.ones(len(now_c), dtype=bool)
        for at in range(start, end):
            now_c = after(cells.store, at, now_c, on=on)
            possible &= (now_c >= cells.low_c[at + 1]) & (now_c <= cells.high_c[at + 1])
        paid_try = sum(self._load.cost_try[start:end]) + (0.0 if was_on else self._start_try) if on else 0.0
        index = np.flatnonzero(possible)
        if len(index):
            come = Labels(
                now_c[index],
                labels.paid_try[index] + paid_try,
                np.full(len(index), start, np.int32),
                np.full(len(index), was_on),
                index.astype(np.int32),
            )
            self._coming.setdefault((end, on), []).append(come)

    def _way(self, *, on: bool, index: int) -> tuple[bool, ...]:
        return tuple(reversed(list(self._way_back(on=on, index=index))))

    def _way_back(self, *, on: bool, index: int) -> Iterator[bool]:
        at = self._end
        while at > self._load.held:
            label = self._kept[at, on]
            before = int(label.from_time[index])
            yield from [on] * (at - before)
            at, on, index = before, bool(label.from_on[index]), int(label.from_index[index])
        yield from [self._load.on_at_start] * self._load.held
