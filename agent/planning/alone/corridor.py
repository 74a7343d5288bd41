"""Where a schedule must pass that costs less than a known one: so finer cells are needed only there.

What has been paid on the way to a cell is bounded from below as what is still to pay from it is. Where the sum of both
is more than a known schedule costs, no cheaper one passes.
"""

from collections.abc import Mapping, Sequence
from math import inf

import numpy as np

from agent.planning.alone.automaton import Automaton
from agent.planning.alone.bounds import Guide
from agent.planning.alone.cells import Costs
from agent.planning.grid.model import Load

Corridor = Mapping[bool, Sequence[tuple[float, float]]]
"""By mode and time: the lowest and highest temperature. The first is above the second where nothing passes."""


def corridor(load: Load, guide: Guide, start_try: float, below_try: float) -> Corridor:
    """The corridor of all schedules that cost less than `below_try`, starts and worth counted as in the guide.

    Held steps are not counted. The guide's numbers have single precision: the caller allows for it. Starts left and
    time hot are taken to be as many as can be, which widens the corridor at most.
    """
    cells, end = guide.cells, len(load.cost_try)
    ahead = _Ahead(load, guide, start_try)
    passes: dict[bool, list[tuple[float, float]]] = {on: [(inf, -inf)] * load.held for on in (False, True)}
    for at in range(load.held, end + 1):
        for on, paid_try in ahead.layers_at(at).items():
            still_try = np.repeat(guide.layers[at, on][-1, -1], guide.every)[: len(paid_try)]
            inside = np.flatnonzero(paid_try + still_try <= below_try)
            edges_c = cells.edges_c(at, on=on)
            passes[on].append(
                (float(edges_c[inside[0]]), float(edges_c[inside[-1] + 1])) if len(inside) else (inf, -inf)
            )
        if at < end:
            ahead.step(at)
    return passes


class _Ahead:
    """What has been paid at least: the layers of the recursion that are still needed, on its way from the start."""

    def __init__(self, load: Load, guide: Guide, start_try: float) -> None:
        self._load, self._cells, self._start_try = load, guide.cells, start_try
        self._automaton = Automaton.of(load, counting=False)
        self._layers: dict[tuple[int, bool], Costs] = {}
        self._layer(load.held, on=load.on_at_start)[:] = 0.0

    def layers_at(self, at: int) -> dict[bool, Costs]:
        """The layers of a time, by mode, which all earlier steps have led to."""
        return {on: self._layer(at, on=on) for on in (False, True)}

    def step(self, at: int) -> None:
        """Follow all ways from a time, whose layers are then no longer needed."""
        for way in self._automaton.ways(at):
            image = self._cells.image(way)
            paid_try = self._layer(at, on=way.was_on)[image.begin : image.stop]
            if image.miss is not None:
                paid_try = paid_try + image.miss
            if way.on:
                step_try = sum(self._load.cost_try[way.start : way.end])
                paid_try = paid_try + step_try + (self._start_try if way.starts else 0.0)
            image.spread(paid_try, self._layer(way.end, on=way.on))
        for on in (False, True):
            del self._layers[at, on]

    def _layer(self, at: int, *, on: bool) -> Costs:
        key = (at, on)
        if key not in self._layers:
            self._layers[key] = np.full(self._cells.count(at, on=on), inf)
        return self._layers[key]
