"""Better prices, step by step: those of a master program over the schedules that pricing has found so far.

The master mixes schedules of each load and choices of each step, and its prices would be the best ones if it knew all
schedules. As it does not, it is only asked within a certain reach of the best prices known: column generation with a
trust region. Of the choices only those are in it that could become best within that reach.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agent.planning.grid.model import Model
from agent.planning.joint.choices import Choices
from agent.planning.joint.prices import Prices, costs_of
from agent.planning.joint.relaxation import Balance, Relaxation

_REACH = 0.006
"""How far prices may move at first, relative to the dearest step."""
_FARTHER, _NEARER = 1.5, 0.6
_LEAST_REACH = 2e-5
_CHOICES_WITHIN = 0.25
"""Choices that cost more than the best of their step, relative to the dearest step, are left out of the master."""
_MOST_SCHEDULES = 80


class Ascent:
    """The search for better prices from those that are known."""

    def __init__(self, model: Model, choices: Choices, first: Balance) -> None:
        self._model, self._choices = model, choices
        self._loads = tuple(replace(load, cost_try=(0.0,) * len(load.cost_try)) for load in model.loads)
        self._scale_try = np.array([max(*map(abs, load.cost_try), 1e-6) for load in model.loads])
        self._reach = _REACH
        self.best = first.prices
        self._stored_try_per_wh = first.stored_try_per_wh
        self._known: list[dict[tuple[bool, ...], None]] = [{} for _ in model.loads]

    def learn(self, schedules: Sequence[Sequence[tuple[bool, ...]]]) -> None:
        """Take in schedules of each load, the newest last."""
        for known, found in zip(self._known, schedules, strict=True):
            for schedule in found:
                known.pop(schedule, None)
                known[schedule] = None
            for oldest in list(known)[:-_MOST_SCHEDULES]:
                del known[oldest]

    def judge(self, prices: Prices, *, better: bool) -> None:
        """Say whether the prices that were proposed give a better bound."""
        if better:
            self.best = prices
        self._reach *= _FARTHER if better else _NEARER

    def proposed(self) -> Prices | None:
        """Prices to be tried next; None if they would hardly be others."""
        if self._reach < _LEAST_REACH or not self._loads:
            return None
        model, choices = self._model, self._choices
        costs_try = costs_of(model, choices, self.best) - choices.stored_wh * self._stored_try_per_wh[choices.step]
        least_try = np.minimum.reduceat(costs_try, choices.first)
        within_try = _CHOICES_WITHIN * float(self._scale_try.max(initial=0.0))
        near = costs_try <= least_try[choices.step] + within_try
        near |= choices.level.sum(axis=1) == 0  # no step may be left without a choice
        master = Relaxation(model, choices, near)
        parts = zip(master.on, self._loads, self._known, self.best.on_try, self._scale_try, strict=True)
        for rows, load, known, on_try, scale_try in parts:
            master.add_schedules(rows, load, list(known))
            master.add_leeway(rows, on_try - self._reach * scale_try, on_try + self._reach * scale_try)
        for errand in model.errands:
            master.add_errand(errand)
        found = master.solved()
        if found is None:
            return None
        self._stored_try_per_wh = found.stored_try_per_wh
        return found.prices
