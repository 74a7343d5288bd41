"""Prices on what ties the loads together, and what the rest of the house costs at least at them.

Each load pays `on_try` for being on and each appliance for its phases, instead of what the house pays for all of them
together. The house, which gets these payments, does in every step what is best for itself. Whatever the prices, what
loads, appliances and house cost at least adds up to a lower bound: the payments cancel (docs/planning.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from agent.planning.grid.exchange import Demand
from agent.planning.grid.model import Model
from agent.planning.grid.runs import Errand
from agent.planning.joint.choices import Choices, Floats, Ints, levels_w, places
from agent.planning.joint.storage import CostToGo

_SUMMATION = 1e-11
"""What adding up a horizon's costs may round, relative to the sum of their sizes: 10,000 additions of 2⁻⁵³ each."""
_NEVER_TRY = 1e6
"""The price of a phase in a step in which the connection has no room for it."""


@dataclass(frozen=True)
class Prices:
    """What ties a house together, priced. TRY."""

    on_try: Floats
    """Loads × steps: what each load pays for being on."""
    phases_try: tuple[Floats, ...]
    """For each errand: steps × levels, what it pays for drawing that power; nothing for the first level, 0 W."""
    peak_try_per_w: Floats
    """For each window of the demand charge, what its mean power costs; together no more than the charge."""


class PricedHouse:
    """A house without its loads at given prices: what is still to pay from any time on."""

    def __init__(self, model: Model, choices: Choices, prices: Prices) -> None:
        self.prices = prices
        costs_try = costs_of(model, choices, prices)
        self.storage = CostToGo.of(choices, costs_try, model.bank)
        """What steps and battery cost from a time on."""
        self.errands = tuple(map(errand_to_go, model.errands, prices.phases_try))
        """What each errand pays from a time on with so many steps done: times × steps done."""
        self.fixed_try = _fixed_try(model, prices)
        """What is in the costs above, and not in the objective."""
        self.bound_try = self._bound_try(model, choices, costs_try)
        """What house and appliances add at least to the objective."""

    def _bound_try(self, model: Model, choices: Choices, costs_try: Floats) -> float:
        start_wh = np.array([0.0 if model.bank is None else model.bank.start_wh])
        parts_try = [float(self.storage.at(0, start_wh)[0]), *(float(still[0, 0]) for still in self.errands)]
        parts_try.append(-self.fixed_try)
        sizes_try = float(np.maximum.reduceat(np.abs(costs_try), choices.first).sum()) + sum(map(abs, parts_try))
        return sum(parts_try) - _SUMMATION * sizes_try


def _fixed_try(model: Model, prices: Prices) -> float:
    """What costs with nothing switched, and what the windows' prices ask for the month's peak so far."""
    exchange = model.exchange
    peak_w = 0.0 if exchange.demand is None else exchange.demand.peak_w
    return exchange.bill_try(exchange.rest_w) + float(prices.peak_try_per_w.sum()) * peak_w


def costs_of(model: Model, choices: Choices, prices: Prices) -> Floats:
    """What each choice costs the house, less what it is paid for it."""
    costs_try = choices.cost_try.copy()
    for on, on_try in zip(choices.on.T, prices.on_try, strict=True):
        costs_try -= on * on_try[choices.step]
    for level, phases_try in zip(choices.level.T, prices.phases_try, strict=True):
        costs_try -= phases_try[choices.step, level]
    demand = model.exchange.demand
    if demand is not None:
        shares, window = windows_of(demand, model.exchange.hours)
        peak_try_per_w = shares * prices.peak_try_per_w[window]
        costs_try += peak_try_per_w[choices.step] * np.maximum(0.0, choices.net_w)
    return costs_try


def windows_of(demand: Demand, hours: Sequence[float]) -> tuple[Floats, Ints]:
    """For each step, its share in the mean of its window, and which window that is."""
    shares, window = np.zeros(len(hours)), np.zeros(len(hours), np.int64)
    for index, steps in enumerate(demand.windows):
        for step in steps:
            shares[step], window[step] = hours[step] / sum(hours[step] for step in steps), index
    return shares, window


def fair(model: Model, choices: Choices, prices: Prices, stored_try_per_wh: Floats) -> Prices:
    """Prices at which each appliance and each load in turn pays exactly what it adds, given what the others pay.

    A load that pays more leaves a gain with the house wherever it does not run, and the bound counts that gain as made;
    one that pays less seems to gain by running where it does not. So this never lowers the bound, as far as what is
    stored keeps its worth, and often lifts it much.
    """
    on_try, phases_try = prices.on_try.copy(), list(prices.phases_try)
    costs_try = costs_of(model, choices, prices) - choices.stored_wh * stored_try_per_wh[choices.step]
    for place, errand in enumerate(model.errands):
        level, before_try = choices.level[:, place], phases_try[place]
        costs_try += before_try[choices.step, level]
        phases_try[place] = _phases_try(model, choices, errand, place, costs_try)
        costs_try -= phases_try[place][choices.step, level]
    for place in range(len(model.loads)):
        on = choices.on[:, place]
        costs_try += on * on_try[place][choices.step]
        least_try = _least(choices, on.astype(np.int64), 2, costs_try)
        either = np.isfinite(least_try).all(axis=1)
        on_try[place][either] = (least_try[:, 1] - least_try[:, 0])[either]
        costs_try -= on * on_try[place][choices.step]
    return Prices(on_try, tuple(phases_try), prices.peak_try_per_w)


def _phases_try(model: Model, choices: Choices, errand: Errand, place: int, costs_try: Floats) -> Floats:
    """What each level of an errand adds in each step."""
    levels = np.array(levels_w(errand))
    if not choices.apart[place]:
        least_try: Floats = np.outer(choices.least_try_per_wh * np.array(model.exchange.hours), levels)
        return least_try
    least_try = _least(choices, choices.level[:, place], len(levels), costs_try)
    added_try: Floats = np.where(np.isfinite(least_try), least_try, _NEVER_TRY) - least_try[:, :1]
    added_try[:, 0] = 0.0
    return added_try


def _least(choices: Choices, kind: Ints, kinds: int, costs_try: Floats) -> Floats:
    """The least cost of the choices of each kind in each step; infinite where there are none."""
    least_try = np.full((len(choices.first), kinds), inf)
    np.minimum.at(least_try, (choices.step, kind), costs_try)
    return least_try


def errand_to_go(errand: Errand, phases_try: Floats) -> Floats:
    """What an errand still pays at least, by time and steps done; infinite where it cannot be done any more."""
    count, duration = len(phases_try), errand.duration
    still_try = np.full((count + 1, duration + 1), inf)
    still_try[:, duration] = 0.0
    if errand.may_skip:
        still_try[count, 0] = errand.skipped_try
    phase = places(errand)
    begun = np.arange(duration) > 0
    must_go_on = errand.uninterruptible & (begun | errand.is_running)
    for step in range(count - 1, -1, -1):
        still_try[step, :-1] = np.where(must_go_on, inf, still_try[step + 1, :-1])
        if errand.first <= step < errand.stop:
            run_try = phases_try[step, phase] + still_try[step + 1, 1:]
            np.minimum(still_try[step, :-1], run_try, out=still_try[step, :-1])
    return still_try
