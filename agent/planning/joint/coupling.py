"""A house whose loads are tied together: by a power limit, a battery, own generation, a demand charge.

Prices on what ties them together let every load be solved by itself: that gives a lower bound, whatever the prices, and
says from everywhere what is still to pay at least. With that as its guide a search over all of them at once finds a
dispatch near the bound.

    choices.py ───── what the house may do in one step
    relaxation.py ── first prices, from a linear program (linear.py)
    prices.py ────── what the house costs at prices; storage.py: with its battery
    beam.py ──────── the search, over tracks.py and balance.py
    charging.py ──── the battery's course for a given switching
    reply.py ─────── each load's best reply to all else
    shifts.py ────── runs moved by some steps
    ascent.py ────── better prices
    fixing.py ────── what is left for dispatches that are cheaper than the best
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from math import inf
from types import MappingProxyType

import numpy as np

from agent.domain.device import Name
from agent.planning.admissible import is_admissible
from agent.planning.alone.automaton import Automaton
from agent.planning.alone.cells import Cells
from agent.planning.alone.corridor import Corridor
from agent.planning.alone.limits import Limits
from agent.planning.alone.pricing import Pricing, cells_of
from agent.planning.grid.model import Dispatch, Load, Model
from agent.planning.joint.ascent import Ascent
from agent.planning.joint.beam import Scope, beam
from agent.planning.joint.charging import charged
from agent.planning.joint.choices import Floats, choices_of
from agent.planning.joint.fixing import Remainder, corridors, remainder
from agent.planning.joint.prices import PricedHouse, Prices, windows_of
from agent.planning.joint.relaxation import relaxed
from agent.planning.joint.reply import replies
from agent.planning.joint.shifts import Payment, shifts
from agent.planning.joint.tracks import tie_try
from agent.planning.program.milp import Window, optimum

OPTIMAL_GAP = 1e-6
"""A dispatch whose bound is so near, relative to its objective, is as good as the best."""
_CLOSED_GAP = OPTIMAL_GAP / 2
"""How near the exact program must come: its bound is lowered for its rounding."""
_NEAR_GAP = 1e-4
"""One whose bound is so near is not sought any more but by the exact program on what is left."""
_COARSE, _USUAL, _FINE = 4_000, 24_000, 64_000
"""Cells of each load: for the first dispatch, for better prices, and for the bound at the best of them."""
_NARROWING = (_USUAL, _FINE)
"""Cells of each load, each time only in the corridor that the ones before have left."""
_FEW, _SOME, _MORE = 120, 40, 2.0
"""The exact program gets all that is left if there are but few choices, else some, and so many times more when it has
closed on them; fewer if it has not."""
_SHARES = (1.0, 0.5, 0.25, 0.12, 0.06, 0.03)
"""How far from the bound to the best known the objective may lie of what it is given, until that is little enough."""
_CLOSING_SHARE = 0.5
"""Of the time that is left, what it gets each time."""
_NARROW, _USUALLY, _WIDE = 100, 200, 300
"""Labels of the joint search: for the first dispatch, from later times on, and over the whole day."""
_BEGINS = 24
"""From so many times on the search begins anew."""
_REPLY_CELLS = 8_000
_PEAKS = (0.98, 0.93, 0.85)
"""With a demand charge: highest means that are tried, relative to that of the best dispatch."""
_WINDOWS = ((8.0, 2.0), (16.0, 5.0))
"""Hours that the exact program moves at once, all else kept, and how long it may take for them."""
_SCHEDULE_BEAM, _SCHEDULES = 30, 4
"""What the search for better prices learns from each attempt: labels of the search for schedules, and how many."""
_ROWS = 16
"""Starts are counted by the bound where that needs no more rows of cells than this."""
_REFINED_EVERY = 5
_HOPELESS = 0.02
"""A dispatch that is dearer than the best by more than this, relative to it, gets no replies."""
_NOTHING_TRY = 1e-6
"""Where the objective is about nothing, this is near enough."""
_LEAST_TRY = 1e-7
"""A smaller gain is none."""


def improving(
    model: Model, limits: Mapping[Name, Limits], start: Dispatch, time_limit_s: float
) -> Iterator[tuple[Dispatch, float]]:
    """Ever better dispatches, each with the best lower bound known of `Prediction.objective_try` (-inf: none).

    `start` must be admissible, and so is all that comes. The last is within `OPTIMAL_GAP` of the bound, or the best
    that was found in `time_limit_s` (wall time); the first is sought however short that is.
    """
    ends_s = time.monotonic() + time_limit_s
    search = _Search(model, limits, start)
    for _ in search.stages(ends_s):
        yield search.best, search.bound_try
        if search.is_within(OPTIMAL_GAP) or time.monotonic() > ends_s:
            return


@dataclass(frozen=True)
class _Guided:
    """House and loads at some prices: together a bound, and the guide of a joint search."""

    house: PricedHouse
    loads: Mapping[Name, Pricing]

    @property
    def bound_try(self) -> float:
        """No admissible dispatch has a lower objective."""
        return self.house.bound_try + sum(load.bound_try for load in self.loads.values())

    def sought(self, model: Model, scope: Scope) -> Dispatch | None:
        """What the joint search finds."""
        return beam(model, self.house, [load.guide for load in self.loads.values()], scope)


class _Search:
    """What is known so far: the best dispatch, the best bound, and the prices that gave it."""

    def __init__(self, model: Model, limits: Mapping[Name, Limits], start: Dispatch) -> None:
        self._model, self._limits = model, limits
        self.best, self.bound_try = start, -inf
        self.objective_try = model.predict(start).objective_try
        self._counted_try = self._counted(start)
        self._offer(charged(model, start))
        self._choices = choices_of(self._model)
        self._ascent = Ascent(self._model, self._choices, relaxed(self._model, limits, self._choices))
        self._ascent.learn([[tuple(map(bool, start.loads[load.name]))] for load in model.loads])
        self._known_try = -inf
        self._ends_s = inf
        self._cells: dict[tuple[Name, int], Cells] = {}
        self._left: Remainder | None = None
        self._finest: _Guided

    def is_within(self, gap: float) -> bool:
        """Whether the best is as near its bound as that, relative to it."""
        return self.objective_try - self.bound_try <= max(2 * _NOTHING_TRY, gap * abs(self.objective_try))

    def stages(self, ends_s: float) -> Iterator[None]:
        """Search on and on, stopping after each piece of work."""
        self._ends_s = ends_s
        self.bound_try = max(self.bound_try, self._guided(self._ascent.best, _COARSE).bound_try)
        yield
        self._attempt(self._ascent.best, _COARSE, _NARROW)
        yield
        self._follow(self.best)
        yield
        self._known_try = self._attempt(self._ascent.best, _USUAL, _WIDE)
        yield
        self._narrow()
        yield
        pieces = [self._closed_in(ends_s), self._ascended(), self._begun_anew(ends_s), self._moved_windows(ends_s)]
        while pieces and not self.is_within(_NEAR_GAP):
            work = pieces.pop(0)
            if next(work, False):
                pieces.append(work)
            yield
        if time.monotonic() < ends_s:
            self._close(1.0, self._remainder(1.0), ends_s - time.monotonic())
        yield

    def _attempt(self, prices: Prices, cells: int, width: int) -> float:
        """Bound and search at some prices; returns the bound that they give."""
        guided = self._guided(prices, cells)
        self.bound_try = max(self.bound_try, guided.bound_try)
        self._ascent.learn([load.schedules(_SCHEDULE_BEAM, inf, _SCHEDULES) for load in guided.loads.values()])
        for peak_w in (inf, *self._peaks_w()):
            found = guided.sought(self._model, Scope(width, peak_w=peak_w, ends_s=self._ends_s))
            if found is not None:
                found = charged(self._model, found)
                self._offer(found)
                if width > _NARROW:
                    self._follow(found)
        return guided.bound_try

    def _ascended(self) -> Iterator[bool]:
        """Better prices, until those that are proposed are hardly others."""
        for turn in count(1):
            prices = self._ascent.proposed()
            if prices is None:
                return
            bound_try = self._attempt(prices, _USUAL, _WIDE)
            self._ascent.judge(prices, better=bound_try > self._known_try)
            self._known_try = max(self._known_try, bound_try)
            if turn % _REFINED_EVERY == 0:
                self._narrow()
            yield True

    def _begun_anew(self, ends_s: float) -> Iterator[bool]:
        """The joint search from later times on, all before as in the best dispatch, until that finds nothing.

        A search over the whole day keeps labels that differ in the morning; one that begins at noon keeps such as
        differ at noon.
        """
        steps = len(self._model.steps)
        stride = max(1, steps // _BEGINS)
        before_try = inf
        while self.objective_try < before_try - _LEAST_TRY:
            before_try = self.objective_try
            for offset in (0, 3, 1, 4, 2, 5):
                guided = self._guided(self._ascent.best, _USUAL)
                for first in range(offset * stride, steps, 6 * stride):
                    if time.monotonic() > ends_s:
                        return
                    found = guided.sought(self._model, Scope(_USUALLY, known=self.best, first=first, ends_s=ends_s))
                    if found is not None:
                        found = charged(self._model, found)
                        self._offer(found)
                        self._follow(found)
                del guided  # its tables are large, and other work comes first
                yield True

    def _narrow(self) -> None:
        """A better bound at the best prices known, and what they leave of the house, from finer and finer cells."""
        self._finest = self._guided(self._ascent.best, _USUAL)
        for cells in _NARROWING:
            passes = corridors(self._finest.house, self._finest.loads, self.objective_try)
            del self._finest  # its tables are large
            self._finest = self._guided(self._ascent.best, cells, passes)
            # Beyond the corridor nothing is cheaper than the best.
            self.bound_try = max(self.bound_try, min(self._finest.bound_try, self.objective_try))
        left = self._remainder(1.0)
        self._left = left if self._left is None else self._left & left

    def _closed_in(self, ends_s: float) -> Iterator[bool]:
        """The exact program on what is left of the house; if that is much, first on what may be cheapest of it."""
        narrowed_at = self._ascent.best
        few = self._remainder(1.0).size <= _FEW
        if not few:
            self._shift()
        size = float(_FEW if few else _SOME)
        while True:
            if narrowed_at is not self._ascent.best:
                self._narrow()
                narrowed_at = self._ascent.best
            closed = True
            while closed and not self.is_within(OPTIMAL_GAP):
                share, left = self._at_most(size)
                closed = self._close(share, left, _CLOSING_SHARE * (ends_s - time.monotonic()))
                size = size * _MORE if closed else size / _MORE
            yield True

    def _shift(self) -> None:
        """Try the neighbours of the best, until none is better or the time is up."""
        spare_try = self.objective_try - self._finest.bound_try
        payments = {
            load.name: Payment(priced.load, priced.bound_try + spare_try)
            for load, priced in zip(self._model.loads, self._finest.loads.values(), strict=True)
        }
        before_try = inf
        while self.objective_try < before_try - _LEAST_TRY:
            before_try = self.objective_try
            for neighbour in shifts(self._model, self._limits, payments, self.best):
                if time.monotonic() > self._ends_s:
                    return
                self._offer(charged(self._model, neighbour))
                if self.objective_try < before_try - _LEAST_TRY:
                    break

    def _at_most(self, size: float) -> tuple[float, Remainder]:
        """The greatest share whose remainder is no larger than that, and the remainder; else those of the least."""
        share, left = _SHARES[0], self._remainder(_SHARES[0])
        for smaller in _SHARES[1:]:
            if left.size <= size:
                break
            share, left = smaller, self._remainder(smaller)
        return share, left

    def _remainder(self, share: float) -> Remainder:
        """What is left for objectives up to this share of the way from the bound to the best known."""
        objective_try = self.bound_try + share * (self.objective_try - self.bound_try)
        left = remainder(self._finest.house, self._finest.loads, self._model.errands, objective_try)
        return left if self._left is None else self._left & left

    def _close(self, share: float, left: Remainder, time_limit_s: float) -> bool:
        """The exact program on what is left up to a share, and on the best known; whether it has closed on it."""
        if time_limit_s <= 0:
            return False
        below_try = self.bound_try + share * (self.objective_try - self.bound_try)
        left = left.with_known(self._model, self.best)
        model = replace(self._model, errands=left.errands)
        found = optimum(model, self._limits, self.best, time_limit_s, domains=left.loads, relative_gap=_CLOSED_GAP)
        if found.dispatch is not None:
            dispatch = charged(self._model, found.dispatch)
            self._offer(dispatch)
            self._follow(dispatch)
        if found.bound_try is not None:
            self.bound_try = max(self.bound_try, min(found.bound_try, below_try) - _NOTHING_TRY)
        return found.optimal

    def _moved_windows(self, ends_s: float) -> Iterator[bool]:
        """The exact program on some hours after the others, until that finds nothing, then on more hours at once."""
        hours, steps = self._model.exchange.hours, len(self._model.steps)
        for window_h, limit_s in _WINDOWS:
            size = max(1, round(min(1.0, window_h / sum(hours)) * steps))
            before_try = inf
            while self.objective_try < before_try - _LEAST_TRY:
                before_try = self.objective_try
                for first in range(0, max(1, steps - size // 2), max(1, size // 2)):
                    left_s = min(limit_s, ends_s - time.monotonic())
                    if left_s <= 0:
                        return
                    self._move(Window(range(first, min(first + size, steps))), left_s)
                    yield True

    def _move(self, window: Window, time_limit_s: float) -> None:
        """The exact program on some steps, all else as in the best dispatch."""
        found = optimum(self._model, self._limits, self.best, time_limit_s, window=window)
        if found.dispatch is not None:
            self._offer(charged(self._model, found.dispatch))

    def _follow(self, dispatch: Dispatch) -> None:
        """Let loads and appliances reply to each other as long as that helps."""
        now_try, before_try = self._counted(dispatch), inf
        while now_try < min(before_try, self.objective_try + _HOPELESS * abs(self.objective_try)) - _LEAST_TRY:
            before_try = now_try
            for reply in replies(self._model, self._limits, dispatch, _REPLY_CELLS):
                candidate = charged(self._model, reply)
                candidate_try = self._counted(candidate)
                if candidate_try < now_try and is_admissible(self._model, self._limits, candidate):
                    dispatch, now_try = candidate, candidate_try
            self._offer(dispatch)

    def _offer(self, dispatch: Dispatch) -> None:
        """Keep a dispatch if it is better and may be carried out."""
        counted_try = self._counted(dispatch)
        if counted_try < self._counted_try and is_admissible(self._model, self._limits, dispatch):
            self.best, self._counted_try = dispatch, counted_try
            self.objective_try = self._model.predict(dispatch).objective_try

    def _counted(self, dispatch: Dispatch) -> float:
        """The objective, and a trifle for each start."""
        ties = (tie_try(load) * len(load.starts(dispatch.loads[load.name])) for load in self._model.loads)
        return self._model.predict(dispatch).objective_try + sum(ties)

    def _guided(self, prices: Prices, cells: int, passes: Mapping[Name, Corridor] = MappingProxyType({})) -> _Guided:
        """House and loads at some prices; loads only where they pass, if that is given."""
        loads = zip(self._model.loads, prices.on_try, strict=True)
        return _Guided(
            PricedHouse(self._model, self._choices, prices),
            {load.name: self._priced(load, on_try, cells, passes.get(load.name)) for load, on_try in loads},
        )

    def _priced(self, load: Load, on_try: Floats, count: int, passes: Corridor | None) -> Pricing:
        known = self._cells.get((load.name, count)) if passes is None else None
        if known is None:
            known = cells_of(load, self._limits[load.name], count, passes=passes)
            if count == _USUAL and passes is None:
                self._cells[load.name, count] = known
        counting = Automaton.of(load).rows <= _ROWS
        return Pricing(replace(load, cost_try=tuple(on_try.tolist())), known, counting=counting)

    def _peaks_w(self) -> Iterator[float]:
        """With a demand charge, highest means to be tried, each somewhat below that of the best dispatch by then."""
        exchange = self._model.exchange
        if exchange.demand is None:
            return
        shares, window = windows_of(exchange.demand, exchange.hours)
        for share in _PEAKS:
            bought_w = np.maximum(0.0, self._model.net_w(self.best))
            yield share * float(np.bincount(window, shares * bought_w).max())
