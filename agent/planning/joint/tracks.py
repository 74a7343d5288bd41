"""One load, or one appliance, on its way through a joint search: where it stands on each label, and what it may do.

A load that has just been switched is bound for its minimum time. It is taken to the end of that at once: what its
store goes through until then is known, and what follows is asked of the guide at the time at which it is free again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.planning.alone.automaton import Automaton, Counts, Way
from agent.planning.alone.bounds import Guide
from agent.planning.alone.cells import after
from agent.planning.grid.model import Hygiene, Load
from agent.planning.grid.runs import Errand
from agent.planning.joint.choices import Floats, Ints

Flags = NDArray[np.bool_]


_TIE = 1e-7


def tie_try(load: Load) -> float:
    """What a start counts besides its price, so that among equals the fewest switches win: nothing that shows."""
    return _TIE * max(map(abs, load.cost_try))


@dataclass(frozen=True)
class Track:
    """Where a load stands, by label."""

    temperature_c: Floats
    """Of its store, at the time at which it is free."""
    free_at: Ints
    on: Flags
    ahead_try: Floats
    """What it pays at least from now on, at the prices; what is left at the end is taken off."""
    left: Counts
    """Starts, at the time at which it is free, where they are counted."""
    hot: Counts

    def taken(self, chosen: NDArray[np.intp]) -> "Track":
        """Some of the labels."""
        return Track(
            self.temperature_c[chosen],
            self.free_at[chosen],
            self.on[chosen],
            self.ahead_try[chosen],
            self.left[chosen],
            self.hot[chosen],
        )


class LoadMoves:
    """What a load may do in a step, at prices for being on."""

    def __init__(self, load: Load, on_try: Sequence[float], guide: Guide) -> None:
        self.load, self._guide = load, guide
        self._on_try = np.array(on_try)
        self._sum_try = np.concatenate(([0.0], np.cumsum(self._on_try)))
        self._automaton = Automaton.of(load)
        self._start_try = load.start_try + tie_try(load)
        self._ways: dict[int, dict[tuple[bool, bool], Way]] = {}

    def begin(self) -> Track:
        """A single label at the start of the horizon; none if hygiene comes too late."""
        load, row = self.load, self._automaton.first_row()
        reached_c = (load.store.start_c, *load.store.trajectory((load.on_at_start,) * load.held))
        track = Track(
            temperature_c=np.array([reached_c[-1]]),
            free_at=np.array([load.held]),
            on=np.array([load.on_at_start]),
            ahead_try=np.zeros(1),
            left=np.array([self._automaton.full(load.held)], np.int16),
            hot=np.array([row], np.int16),
        )
        if row < 0:
            return track.taken(np.empty(0, np.intp))
        still_try = self._guide.still_try(
            load.held, track.temperature_c, on=load.on_at_start, left=track.left, hot=track.hot
        )
        held_try = self._sum_try[load.held] if load.on_at_start else 0.0
        return Track(track.temperature_c, track.free_at, track.on, still_try + held_try, track.left, track.hot)

    def after(self, step: int, track: Track, *, on: bool) -> tuple[Flags, Track, Floats]:
        """Which labels may have the load so in a step, where they stand then, and what starting costs them."""
        free = track.free_at == step
        bound = ~free & (track.on == on)
        possible, cost_try = bound.copy(), np.zeros(len(free))
        moved = Track(
            track.temperature_c.copy(),
            track.free_at.copy(),
            np.full(len(free), on),
            track.ahead_try - (self._on_try[step] if on else 0.0),
            track.left.copy(),
            track.hot.copy(),
        )
        for was_on in (False, True):
            way = self._ways_from(step).get((was_on, on))
            (index,) = np.nonzero(free & (track.on == was_on))
            if way is not None and len(index):
                index = self._go(way, track, index, moved)
                possible[index] = True
                cost_try[index] = self._start_try if way.starts else 0.0
        return possible, moved, cost_try

    def _ways_from(self, step: int) -> dict[tuple[bool, bool], Way]:
        if step not in self._ways:
            self._ways = {step: {(way.was_on, way.on): way for way in self._automaton.ways(step)}}
        return self._ways[step]

    def _go(self, way: Way, track: Track, index: NDArray[np.intp], moved: Track) -> NDArray[np.intp]:
        """Take labels along a way, into `moved`; returns those that can."""
        cells, now_c, hot = self._guide.cells, track.temperature_c[index], track.hot[index]
        possible = np.ones(len(index), dtype=bool)
        for at in range(way.start, way.end):
            now_c = after(cells.store, at, now_c, on=way.on)
            possible &= (now_c >= cells.low_c[at + 1]) & (now_c <= cells.high_c[at + 1])
            if self.load.hygiene is not None and self._automaton.longest(at):
                hot, in_time = _held_hot(self.load.hygiene, at, hot, now_c)
                possible &= in_time
        left = track.left[index]
        if self._automaton.quotas:
            left = self._automaton.left_after(way, left)
            possible &= left >= 0
        index, now_c, left, hot = index[possible], now_c[possible], left[possible], hot[possible]
        if len(index):
            still_try = self._guide.still_try(way.end, now_c, on=way.on, left=left, hot=hot)
            paid_try = self._sum_try[way.end] - self._sum_try[way.start + 1] if way.on else 0.0
            moved.temperature_c[index], moved.free_at[index] = now_c, way.end
            moved.ahead_try[index], moved.left[index], moved.hot[index] = still_try + paid_try, left, hot
        return index


class ErrandMoves:
    """What an appliance may do in a step; a label knows how many steps of the run are done."""

    def __init__(self, errand: Errand, still_try: Floats) -> None:
        self.errand, self._still_try = errand, still_try
        self._profile_w = np.array([*errand.profile_w, 0.0])

    def after(self, step: int, done: Ints, *, runs: bool) -> tuple[Flags, Ints, Floats, Floats]:
        """Which labels may have it so in a step; the steps done then, the power, and what it still pays after."""
        errand = self.errand
        if runs:
            possible = (done < errand.duration) & (errand.first <= step < errand.stop)
            now = np.minimum(done + 1, errand.duration)
            power_w = self._profile_w[done]
        else:
            waits = not (errand.uninterruptible and errand.is_running)
            free = (done == 0) & waits if errand.uninterruptible else done < errand.duration
            possible, now, power_w = free | (done == errand.duration), done, np.zeros(len(done))
        ahead_try = self._still_try[step + 1, now]
        return possible & np.isfinite(ahead_try), now, power_w, ahead_try


def _held_hot(hygiene: Hygiene, at: int, hot: Counts, now_c: Floats) -> tuple[Counts, Flags]:
    """How long the store has been hot at the end of a step, and whether that is long enough by then."""
    more = np.where(now_c >= hygiene.hot_c, hot + np.int16(1), np.int16(0))
    hot = np.where(hot >= hygiene.hold, hot, more)
    if at + 1 < hygiene.due:
        return hot, np.ones(len(hot), dtype=bool)
    return np.zeros_like(hot), hot >= hygiene.hold
