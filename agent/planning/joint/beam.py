"""All that the house does, sought at once: labels, each an exactly simulated beginning of the day.

A label knows where each load and appliance stands and what the battery holds. It promises what it has paid and what all
of them will pay at least at the prices at hand, which is a lower bound for everything it can become: labels that
promise most go on. Of those that stand at nearly the same place only the best does. The battery's power is chosen among
the bends of what it costs: in between nothing can be won but a finer balance, which `charging` strikes afterwards.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import inf

import numpy as np
from numpy.typing import NDArray

from agent.planning.alone.bounds import Guide
from agent.planning.grid.model import Dispatch, Model
from agent.planning.joint.balance import Balance
from agent.planning.joint.choices import Floats, Ints
from agent.planning.joint.prices import PricedHouse
from agent.planning.joint.tracks import ErrandMoves, Flags, LoadMoves, Track

_ALL_AT_ONCE = 4
"""So many appliances may run in any combination; of more no more than two at once, which may miss what is best."""
_PLACES_PER_LIFT = 16
"""How many places are told apart in what a load moves its store in one step, ..."""
_PLACES_OF_BATTERY = 50
"""and in what the battery holds."""


_Tracks = Sequence[Sequence[tuple[Flags, Track, Floats]]]
"""By load: what it may do if it is off in this step, and if it is on."""
_Courses = Sequence[Sequence[tuple[Flags, Ints, Floats, Floats]]]
"""The same by errand."""


@dataclass(frozen=True)
class _Labels:
    tracks: tuple[Track, ...]
    done: tuple[Ints, ...]
    """By errand: the steps of its run that are done."""
    holding_wh: Floats
    paid_try: Floats
    """What exchange, battery wear and starts have cost, the demand charge at its prices."""
    mean_w: Floats
    """What has been bought so far in a window of the demand charge, as its share in the window's mean."""


@dataclass(frozen=True)
class _Candidates:
    """Ways to go on: a label, a choice of loads and appliances, and a power of the battery each."""

    source: NDArray[np.intp]
    choice: NDArray[np.intp]
    battery_w: Floats
    holding_wh: Floats
    paid_try: Floats
    promised_try: Floats
    mean_w: Floats

    def taken(self, chosen: NDArray[np.intp]) -> "_Candidates":
        """Some of them."""
        return _Candidates(*(values[chosen] for values in vars(self).values()))


@dataclass(frozen=True)
class Scope:
    """What is asked of a joint search."""

    width: int
    """So many labels at most go on from each step."""
    below_try: float = inf
    """Only what promises a lower objective goes on."""
    peak_w: float = inf
    """The most that any window of a demand charge may average."""
    known: Dispatch | None = None
    """What is done before `first`; from there on the search is free."""
    first: int = 0
    ends_s: float = inf
    """When to give up, by `time.monotonic`."""


def beam(model: Model, priced: PricedHouse, guides: Sequence[Guide], scope: Scope) -> Dispatch | None:
    """A dispatch sought with what each load still pays at least as its guide; None if none was found."""
    return _Beam(model, priced, guides, scope).dispatch()


def _choices(loads: int, errands: int) -> list[tuple[bool, ...]]:
    """Which loads are on and which appliances run."""
    together = errands if errands <= _ALL_AT_ONCE else 2
    runs = [choice for choice in product((False, True), repeat=errands) if sum(choice) <= together]
    return [on + choice for on in product((False, True), repeat=loads) for choice in runs]


class _Beam:
    def __init__(self, model: Model, priced: PricedHouse, guides: Sequence[Guide], scope: Scope) -> None:
        self._model, self._scope = model, scope
        self._balance = Balance(model, priced, scope.peak_w)
        prices = priced.prices
        self._loads = [LoadMoves(*parts) for parts in zip(model.loads, prices.on_try, guides, strict=True)]
        self._errands = [ErrandMoves(*parts) for parts in zip(model.errands, priced.errands, strict=True)]
        self._choices = _choices(len(self._loads), len(self._errands))
        self._is_on = np.array(self._choices, np.bool_)
        self._below_try = scope.below_try + priced.fixed_try
        self._promised_try = np.zeros(1)
        self._history: list[tuple[NDArray[np.int32], NDArray[np.int32], Floats]] = []

    def dispatch(self) -> Dispatch | None:
        """Go through the day and back along the best label."""
        labels = self._begin()
        for step in range(len(self._model.steps)):
            if time.monotonic() > self._scope.ends_s:
                return None
            if self._balance.begins_window(step):
                labels = replace(labels, mean_w=np.zeros(len(labels.mean_w)))
            tracks = [
                [moves.after(step, track, on=on) for on in (False, True)]
                for moves, track in zip(self._loads, labels.tracks, strict=True)
            ]
            courses = [
                [moves.after(step, done, runs=runs) for runs in (False, True)]
                for moves, done in zip(self._errands, labels.done, strict=True)
            ]
            parts = list(self._onward(step, labels, tracks, courses))
            kept = self._kept(parts, tracks, courses) if parts else None
            if kept is None:
                return None
            labels = kept
        return self._way_back()

    def _begin(self) -> _Labels:
        bank = self._model.bank
        return _Labels(
            tracks=tuple(moves.begin() for moves in self._loads),
            done=tuple(np.zeros(1, np.int64) for _ in self._errands),
            holding_wh=np.array([0.0 if bank is None else bank.start_wh]),
            paid_try=np.zeros(1),
            mean_w=np.zeros(1),
        )

    def _onward(self, step: int, labels: _Labels, tracks: _Tracks, courses: _Courses) -> Iterator[_Candidates]:
        """All ways to go on from all labels, by choice of loads and appliances."""
        for place, choice in self._choices_in(step):
            possible = np.ones(len(labels.paid_try), dtype=bool)
            net_w = np.full(len(possible), self._model.exchange.rest_w[step])
            paid_try, ahead_try = labels.paid_try.copy(), np.zeros(len(possible))
            for moves, on, track in zip(self._loads, choice, tracks, strict=False):
                can, moved, start_try = track[on]
                possible &= can
                net_w += moves.load.power_w * on
                paid_try += start_try
                ahead_try += moved.ahead_try
            for runs, course in zip(choice[len(self._loads) :], courses, strict=True):
                can, _, power_w, still_try = course[runs]
                possible &= can
                net_w += power_w
                ahead_try += still_try
            (source,) = np.nonzero(possible)
            if len(source):
                found = self._balance.options(
                    step, net_w[source], labels.holding_wh[source], labels.mean_w[source], self._known_w(step)
                )
                paid_try = paid_try[source] + found.paid_try
                promised_try = paid_try + ahead_try[source] + found.ahead_try
                power, index = np.nonzero(found.possible & (promised_try < self._below_try))
                yield _Candidates(
                    source=source[index],
                    choice=np.full(len(index), place),
                    battery_w=found.battery_w[power, index],
                    holding_wh=found.holding_wh[power, index],
                    paid_try=paid_try[power, index],
                    promised_try=promised_try[power, index],
                    mean_w=found.mean_w[power, index],
                )

    def _choices_in(self, step: int) -> Iterable[tuple[int, tuple[bool, ...]]]:
        known = self._scope.known
        if known is None or step >= self._scope.first:
            idle = [not errand.first <= step < errand.stop for errand in self._model.errands]
            return [
                (place, choice)
                for place, choice in enumerate(self._choices)
                if not any(runs and rests for runs, rests in zip(choice[len(self._loads) :], idle, strict=True))
            ]
        courses = [*(known.loads[moves.load.name] for moves in self._loads), *known.runs]
        choice = tuple(bool(course[step]) for course in courses)
        return [(self._choices.index(choice), choice)] if choice in self._choices else []

    def _known_w(self, step: int) -> float | None:
        known = self._scope.known
        if known is None or known.battery_w is None or step >= self._scope.first:
            return None
        return known.battery_w[step]

    def _kept(self, parts: Sequence[_Candidates], tracks: _Tracks, courses: _Courses) -> _Labels | None:
        """Of the candidates that stand at the same place the best, and of these the ones that promise most."""
        found = _Candidates(
            *(np.concatenate(values) for values in zip(*(vars(part).values() for part in parts), strict=True))
        )
        if not len(found.source):
            return None
        chosen = self._best(found, tracks, courses)
        found = found.taken(chosen)
        self._history.append((found.source.astype(np.int32), found.choice.astype(np.int32), found.battery_w))
        is_on = self._is_on[found.choice]
        self._promised_try = found.promised_try
        return _Labels(
            tracks=tuple(
                _either(on, [moved.taken(found.source) for _, moved, _ in track])
                for on, track in zip(is_on.T, tracks, strict=False)
            ),
            done=tuple(
                np.where(runs, course[True][1][found.source], course[False][1][found.source])
                for runs, course in zip(is_on.T[len(self._loads) :], courses, strict=True)
            ),
            holding_wh=found.holding_wh,
            paid_try=found.paid_try,
            mean_w=found.mean_w,
        )

    def _best(self, found: _Candidates, tracks: _Tracks, courses: _Courses) -> NDArray[np.intp]:
        is_on = self._is_on[found.choice]
        place = np.zeros(len(found.source), np.int64)
        if self._model.bank is not None:
            place = _with(place, np.floor(found.holding_wh * (_PLACES_OF_BATTERY / self._model.bank.high_wh)))
        for moves, on, track in zip(self._loads, is_on.T, tracks, strict=False):
            width_c = max(map(abs, moves.load.store.lift_c)) / _PLACES_PER_LIFT
            (_, off, _), (_, run, _) = track
            at_c = np.where(on, run.temperature_c[found.source], off.temperature_c[found.source])
            free_at = np.where(on, run.free_at[found.source], off.free_at[found.source])
            place = _with(_with(_with(place, np.floor(at_c / width_c)), free_at), on)
        for runs, course in zip(is_on.T[len(self._loads) :], courses, strict=True):
            place = _with(place, np.where(runs, course[True][1][found.source], course[False][1][found.source]))
        order = np.lexsort((found.promised_try, place))
        is_first = np.ones(len(order), dtype=bool)
        np.not_equal(place[order][1:], place[order][:-1], out=is_first[1:])
        chosen = order[is_first]
        if len(chosen) > self._scope.width:
            chosen = chosen[np.argpartition(found.promised_try[chosen], self._scope.width)[: self._scope.width]]
        return chosen

    def _way_back(self) -> Dispatch:
        index, ways = int(np.argmin(self._promised_try)), []
        for source, choice, battery_w in reversed(self._history):
            ways.append((self._choices[choice[index]], float(battery_w[index])))
            index = int(source[index])
        ways.reverse()
        courses = list(zip(*(choice for choice, _ in ways), strict=True))
        return Dispatch(
            loads={moves.load.name: course for moves, course in zip(self._loads, courses, strict=False)},
            runs=tuple(courses[len(self._loads) :]),
            battery_w=None if self._model.bank is None else tuple(battery_w for _, battery_w in ways),
        )


def _with(place: Ints, values: NDArray[np.generic]) -> Ints:
    """Places told apart further by whole numbers."""
    numbers = values.astype(np.int64)
    numbers -= numbers.min()
    return place * (int(numbers.max()) + 1) + numbers


def _either(on: Flags, tracks: Sequence[Track]) -> Track:
    off, run = (vars(track).values() for track in tracks)
    return Track(*(np.where(on, if_on, if_off) for if_off, if_on in zip(off, run, strict=True)))
