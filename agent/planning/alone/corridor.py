"""Where a schedule must pass that costs less than a known one: so finer cells are needed only there.

What has been paid on the way to a cell is bounded from below as what is still to pay from it is. Where the sum of both
is more than a known schedule costs, no cheaper one passes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from agent.planning.alone.automaton import Automaton, Way
from agent.planning.alone.bounds import Guide
from agent.planning.alone.cells import ROUNDING_C, Costs, after
from agent.planning.alone.limits import Limits
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
            inside = np.flatnonzero(paid_try + ahead.still_try(at, on=on) <= below_try)
            edges_c = cells.edges_c(at, on=on)
            passes[on].append(
                (float(edges_c[inside[0]]), float(edges_c[inside[-1] + 1])) if len(inside) else (inf, -inf)
            )
        if at < end:
            ahead.step(at)
    return passes


@dataclass(frozen=True)
class Domain:
    """What schedules that cost less than a known one may do, step by step. No step may do neither, if there are any."""

    may_rest: tuple[bool, ...]
    """Whether the load may be off."""
    may_run: tuple[bool, ...]
    """Whether it may be on."""
    limits: Limits
    """Between which temperatures they are at the ends of the steps."""

    def __and__(self, other: "Domain") -> "Domain":
        """What both leave."""
        return Domain(
            may_rest=tuple(one and another for one, another in zip(self.may_rest, other.may_rest, strict=True)),
            may_run=tuple(one and another for one, another in zip(self.may_run, other.may_run, strict=True)),
            limits=self.limits & other.limits,
        )

    def with_known(self, schedule: Sequence[bool], trajectory_c: Sequence[float]) -> "Domain":
        """This one and a certain schedule."""
        return Domain(
            may_rest=tuple(may or not on for may, on in zip(self.may_rest, schedule, strict=True)),
            may_run=tuple(may or bool(on) for may, on in zip(self.may_run, schedule, strict=True)),
            limits=self.limits.widened(trajectory_c),
        )

    @property
    def open_steps(self) -> int:
        """How many steps may be either."""
        return sum(rest and run for rest, run in zip(self.may_rest, self.may_run, strict=True))


def domain(load: Load, guide: Guide, start_try: float, below_try: float) -> Domain:
    """The domain of all schedules that cost less than `below_try`; arguments as for `corridor`.

    A way is in it if what is paid at least on the way to one of its cells, on the way itself, and behind it is less.
    """
    end, held = len(load.cost_try), load.held
    may = {on: [load.on_at_start == on] * held + [False] * (end - held) for on in (False, True)}
    held_c = load.store.trajectory((load.on_at_start,) * held)
    low_c = [at_c - ROUNDING_C for at_c in held_c] + [inf] * (end - held)
    high_c = [at_c + ROUNDING_C for at_c in held_c] + [-inf] * (end - held)
    for way, begin_c in _Ahead(load, guide, start_try).ways(below_try):
        edges_c = begin_c
        for at in range(way.start, way.end):
            edges_c = after(load.store, at, edges_c, on=way.on)
            may[way.on][at] = True
            low_c[at], high_c[at] = min(low_c[at], edges_c[0]), max(high_c[at], edges_c[1])
    return Domain(
        may_rest=tuple(may[False]),
        may_run=tuple(may[True]),
        limits=Limits(
            low_c=tuple(float(at_c) - ROUNDING_C for at_c in low_c),
            high_c=tuple(float(at_c) + ROUNDING_C for at_c in high_c),
        ),
    )


class _Ahead:
    """What has been paid at least: the layers of the recursion that are still needed, on its way from the start."""

    def __init__(self, load: Load, guide: Guide, start_try: float) -> None:
        self._load, self._guide, self._cells, self._start_try = load, guide, guide.cells, start_try
        self._automaton = Automaton.of(load, counting=False)
        self._layers: dict[tuple[int, bool], Costs] = {}
        self._layer(load.held, on=load.on_at_start)[:] = 0.0

    def layers_at(self, at: int) -> dict[bool, Costs]:
        """The layers of a time, by mode, which all earlier steps have led to."""
        return {on: self._layer(at, on=on) for on in (False, True)}

    def still_try(self, at: int, *, on: bool) -> Costs:
        """What each cell of a layer still pays at least."""
        entries = self._guide.layers[at, on][-1, -1].astype(np.float64)
        return np.repeat(entries, self._guide.every)[: self._cells.count(at, on=on)]

    def step(self, at: int) -> None:
        """Follow all ways from a time, whose layers are then no longer needed."""
        for way in self._automaton.ways(at):
            self._cells.image(way).spread(self._paid_behind_try(way), self._layer(way.end, on=way.on))
        for on in (False, True):
            del self._layers[at, on]

    def ways(self, below_try: float) -> Iterator[tuple[Way, Costs]]:
        """All ways on which a schedule that costs less may go, with the lowest and highest temperature before them."""
        for at in range(self._load.held, len(self._load.cost_try)):
            for way in self._automaton.ways(at):
                image = self._cells.image(way)
                paid_try = self._paid_behind_try(way)
                still_try = image.least(self.still_try(way.end, on=way.on), image.begin, image.stop)
                inside = np.flatnonzero(paid_try + still_try <= below_try)
                if len(inside):
                    edges_c = self._cells.edges_c(at, on=way.was_on)
                    yield way, edges_c[[image.begin + inside[0], image.begin + inside[-1] + 1]]
            self.step(at)

    def _paid_behind_try(self, way: Way) -> Costs:
        """What is paid at least at the end of a way, by the cells at its start from which it may lead."""
        image = self._cells.image(way)
        paid_try = self._layer(way.start, on=way.was_on)[image.begin : image.stop]
        if image.miss is not None:
            paid_try = paid_try + image.miss
        if way.on:
            step_try = sum(self._load.cost_try[way.start : way.end])
            paid_try = paid_try + step_try + (self._start_try if way.starts else 0.0)
        return paid_try

    def _layer(self, at: int, *, on: bool) -> Costs:
        key = (at, on)
        if key not in self._layers:
            self._layers[key] = np.full(self._cells.count(at, on=on), inf)
        return self._layers[key]
