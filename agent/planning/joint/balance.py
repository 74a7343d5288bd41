"""What the battery may do in one step of a joint search, by label, and what that costs."""

from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from agent.planning.grid.exchange import ROUNDING_W
from agent.planning.grid.model import Model
from agent.planning.joint.choices import Floats, exchange_try, stored
from agent.planning.joint.prices import PricedHouse, windows_of

_POWERS = 2
"""How many of the battery's powers go on from one label and one choice of loads."""


@dataclass(frozen=True)
class Balanced:
    """What follows from some powers of the battery: powers × labels."""

    possible: NDArray[np.bool_]
    battery_w: Floats
    holding_wh: Floats
    paid_try: Floats
    """In this step; the demand charge at its prices."""
    ahead_try: Floats
    """What steps and battery cost at least after it."""
    mean_w: Floats
    """What has been bought in this window of the demand charge, as its share in the window's mean."""


class Balance:
    """The exchange and the battery at given prices; no window of the demand charge may average more than `peak_w`."""

    def __init__(self, model: Model, priced: PricedHouse, peak_w: float) -> None:
        self._model, self._storage, self._peak_w = model, priced.storage, peak_w
        count = len(model.steps)
        self._shares, self._window = np.zeros(count), np.zeros(count, np.int64)
        self._peak_try_per_w = np.zeros(count)
        if model.exchange.demand is not None:
            self._shares, self._window = windows_of(model.exchange.demand, model.exchange.hours)
            self._peak_try_per_w = self._shares * priced.prices.peak_try_per_w[self._window]

    def begins_window(self, step: int) -> bool:
        """Whether the mean of a demand charge begins anew."""
        return step == 0 or bool(self._window[step] != self._window[step - 1])

    def options(
        self, step: int, net_w: Floats, holding_wh: Floats, mean_w: Floats, known_w: float | None = None
    ) -> Balanced:
        """What the battery may do for labels with a net power without it, what it holds, and what is bought so far.

        With `known_w` only that power, or the nearest to it that can be.
        """
        least_w, most_w = self._range_w(step, net_w, holding_wh, mean_w)
        if known_w is None:
            battery_w = self._bends_w(step, net_w, least_w, most_w)
        else:
            battery_w = np.minimum(np.maximum(np.full((1, len(net_w)), known_w), least_w), most_w)
        total_w = net_w + battery_w
        bought_w = np.maximum(0.0, total_w)
        paid_try = exchange_try(self._model, step, total_w) + self._peak_try_per_w[step] * bought_w
        after_wh = np.broadcast_to(holding_wh, battery_w.shape)
        bank = self._model.bank
        if bank is not None:
            after_wh = holding_wh + stored(self._model, bank, step, battery_w)
            paid_try += bank.wear_try_per_wh * self._model.exchange.hours[step] * np.maximum(0.0, -battery_w)
        ahead_try = self._storage.at(step + 1, after_wh)
        possible = np.isfinite(ahead_try) & (least_w <= most_w + ROUNDING_W)
        mean_w = mean_w + self._shares[step] * bought_w
        return _best(Balanced(possible, battery_w, after_wh, paid_try, ahead_try, mean_w))

    def _range_w(self, step: int, net_w: Floats, holding_wh: Floats, mean_w: Floats) -> tuple[Floats, Floats]:
        """The least and the most that the battery may take."""
        exchange, bank = self._model.exchange, self._model.bank
        limit_w = np.full(len(net_w), exchange.import_limit_w[step])
        if isfinite(self._peak_w):
            limit_w = np.minimum(limit_w, (self._peak_w - mean_w) / self._shares[step])
        least_w = -exchange.generation_w[step] - exchange.export_limit_w[step] - net_w
        most_w = limit_w - net_w
        if bank is None:
            return np.maximum(least_w, 0.0), np.minimum(most_w, 0.0)
        hours = exchange.hours[step]
        missing_wh = self._storage.least_wh(step + 1) - holding_wh
        needed_w = np.where(missing_wh > 0, missing_wh / bank.charge_efficiency, missing_wh * bank.discharge_efficiency)
        room_wh = (bank.high_wh - holding_wh) / bank.charge_efficiency
        return (
            np.maximum(least_w, np.maximum(-bank.discharge_w, needed_w / hours)),
            np.minimum(most_w, np.minimum(bank.charge_w, np.maximum(0.0, room_wh) / hours)),
        )

    def _bends_w(self, step: int, net_w: Floats, least_w: Floats, most_w: Floats) -> Floats:
        """Powers at which cost or charge bend, and those at both ends: powers × labels."""
        if self._model.bank is None:
            return np.zeros((1, len(net_w)))
        sold_w = self._model.exchange.export_limit_w[step]
        bends_w = [least_w, most_w, np.zeros(len(net_w)), -net_w]
        if isfinite(sold_w):
            bends_w.append(-net_w - sold_w)
        return np.minimum(np.maximum(np.stack(bends_w), least_w), np.maximum(least_w, most_w))


def _best(options: Balanced) -> Balanced:
    """For each label its best few, each power once."""
    if len(options.battery_w) == 1:
        return options
    promised_try = np.where(options.possible, options.paid_try + options.ahead_try, inf)
    order = np.argsort(promised_try, axis=0, kind="stable")[:_POWERS]
    best = Balanced(
        possible=np.take_along_axis(options.possible, order, axis=0),
        battery_w=np.take_along_axis(options.battery_w, order, axis=0),
        holding_wh=np.take_along_axis(options.holding_wh, order, axis=0),
        paid_try=np.take_along_axis(options.paid_try, order, axis=0),
        ahead_try=np.take_along_axis(options.ahead_try, order, axis=0),
        mean_w=np.take_along_axis(options.mean_w, order, axis=0),
    )
    for place in range(1, len(best.battery_w)):
        others_w = np.abs(best.battery_w[:place] - best.battery_w[place])
        best.possible[place] &= others_w.min(axis=0) > ROUNDING_W
    return best
