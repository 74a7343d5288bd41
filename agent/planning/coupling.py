"""A house whose loads are tied together: by a power limit, a battery, own generation, a demand charge.

Prices on what ties them together let every load be solved by itself: that gives a lower bound, whatever the prices, and
says from everywhere what is still to pay at least. With that as its guide a search over all of them at once finds a
dispatch near the bound.

    joint/choices.py ───── what the house may do in one step
    joint/relaxation.py ── first prices, from a linear program (joint/linear.py)
    joint/prices.py ────── what the house costs at prices; joint/storage.py: with its battery
    joint/beam.py ──────── the search, over joint/tracks.py and joint/balance.py
    joint/charging.py ──── the battery's course for a given switching
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf

from agent.domain.device import Name
from agent.planning.admissible import is_admissible
from agent.planning.cells import Cells
from agent.planning.joint.beam import beam
from agent.planning.joint.charging import charged
from agent.planning.joint.choices import choices_of
from agent.planning.joint.prices import PricedHouse
from agent.planning.joint.relaxation import relaxed_prices
from agent.planning.limits import Limits
from agent.planning.model import Dispatch, Model
from agent.planning.pricing import Pricing, cells_of

OPTIMAL_GAP = 1e-4
"""A dispatch whose bound is so near, relative to its objective, is good enough."""
_ROUNDS = ((4_000, 100), (32_000, 300), (128_000, 1000))
"""Cells of each load, and labels of the joint search."""
_PEAKS = (1.0, 1.03, 1.1, 1.25)
"""With a demand charge: peaks that are tried, relative to the one at which the relaxation is in balance."""


def improving(
    model: Model, limits: Mapping[Name, Limits], start: Dispatch, time_limit_s: float
) -> Iterator[tuple[Dispatch, float]]:
    """Ever better dispatches, each with the best lower bound known of `Prediction.objective_try` (-inf: none).

    `start` must be admissible, and so is all that comes. The last is within `OPTIMAL_GAP` of the bound, or the best
    that was found in `time_limit_s` (wall time); the first is sought however short that is.
    """
    search = _Search(model, limits, start)
    ends_s = time.monotonic() + time_limit_s
    for cells, width in _ROUNDS:
        search.round(cells, width)
        yield search.best, search.bound_try
        if search.is_near or time.monotonic() > ends_s:
            return


class _Search:
    def __init__(self, model: Model, limits: Mapping[Name, Limits], start: Dispatch) -> None:
        self._model, self._limits = model, limits
        self.best, self.bound_try = start, -inf
        self._objective_try = model.predict(start).objective_try
        self._offer(charged(model, start))
        self._choices = choices_of(model)
        self._prices = relaxed_prices(model, limits, self._choices)

    @property
    def is_near(self) -> bool:
        """Whether the best is as near its bound as anyone asks."""
        return self._objective_try - self.bound_try <= OPTIMAL_GAP * abs(self._objective_try)

    def round(self, cells: int, width: int) -> None:
        """Bound and search at the prices at hand."""
        house = PricedHouse(self._model, self._choices, self._prices)
        loads = [self._priced(place, cells) for place in range(len(self._model.loads))]
        self.bound_try = max(self.bound_try, house.bound_try + sum(load.bound_try for load in loads))
        found = beam(self._model, house, [load.guide for load in loads], width, inf)
        if found is not None:
            self._offer(found)
            self._offer(charged(self._model, found))

    def _priced(self, place: int, count: int) -> Pricing:
        load = self._model.loads[place]
        asked = replace(load, cost_try=tuple(self._prices.on_try[place].tolist()))
        return Pricing(asked, self._cells(place, count))

    def _cells(self, place: int, count: int) -> Cells:
        load = self._model.loads[place]
        return cells_of(load, self._limits[load.name], count)

    def _offer(self, dispatch: Dispatch) -> None:
        """Keep a dispatch if it is better and may be carried out."""
        objective_try = self._model.predict(dispatch).objective_try
        if objective_try < self._objective_try and is_admissible(self._model, self._limits, dispatch):
            self.best, self._objective_try = dispatch, objective_try
