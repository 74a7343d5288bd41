"""What the rest of a day costs at least, by what the battery holds.

With prices put on everything else a step is a choice between points (energy stored, cost), and mixtures of them: a
convex function of the energy stored. The cost to go from a time on is the least over all ways to share energy among the
steps that follow, an infimal convolution: for convex piecewise linear functions their straight pieces, put in the order
of their slopes. So it is exact, and nothing needs to be known of the battery's own prices.
"""

from collections.abc import Sequence
from math import inf
from typing import Self

import numpy as np

from agent.planning.grid.battery import ROUNDING_WH, Bank
from agent.planning.joint.choices import Choices, Floats


class CostToGo:
    """For each time, the start of a step, the cost to go as a convex function of what the battery holds.

    Without a battery it is a number for each time.
    """

    def __init__(self, holding_wh: Sequence[Floats], still_try: Sequence[Floats]) -> None:
        self._holding_wh, self._still_try = holding_wh, still_try

    @classmethod
    def of(cls, choices: Choices, costs_try: Floats, bank: Bank | None) -> Self:
        """Go back from the end; `costs_try` is what each choice costs at the prices at hand."""
        if bank is None:
            least_try = np.minimum.reduceat(costs_try, choices.first)
            sums_try = [*np.cumsum(least_try[::-1])[::-1], 0.0]
            return cls([np.zeros(1)] * len(sums_try), [np.array([still_try]) for still_try in sums_try])
        low_wh, high_wh = bank.low_wh - ROUNDING_WH, bank.high_wh + ROUNDING_WH
        holding_wh = np.array([max(low_wh, bank.end_low_wh - ROUNDING_WH), high_wh])
        still_try = -bank.worth_try_per_wh * (holding_wh - bank.start_wh)
        layers = [(holding_wh, still_try)]
        ends = np.append(choices.first[1:], len(costs_try))
        for first, end in zip(choices.first[::-1], ends[::-1], strict=True):
            stored_wh, paid_try = hull(choices.stored_wh[first:end], costs_try[first:end])
            holding_wh, still_try = _before(holding_wh, still_try, stored_wh, paid_try)
            holding_wh, still_try = _cut(holding_wh, still_try, low_wh, high_wh)
            layers.append((holding_wh, still_try))
        return cls(*zip(*layers[::-1], strict=True))

    def at(self, time: int, holding_wh: Floats) -> Floats:
        """The cost to go, TRY, for each of these energies; infinite from where the end cannot be reached."""
        points_wh, still_try = self._holding_wh[time], self._still_try[time]
        if len(points_wh) == 1:
            return np.full(holding_wh.shape, still_try[0])
        inside = (holding_wh >= points_wh[0] - ROUNDING_WH) & (holding_wh <= points_wh[-1] + ROUNDING_WH)
        return np.where(inside, np.interp(holding_wh, points_wh, still_try), inf)

    def least_wh(self, time: int) -> float:
        """What the battery must hold at a time, so that the end can be reached."""
        return float(self._holding_wh[time][0]) + ROUNDING_WH

    def slope_try_per_wh(self, time: int, holding_wh: float) -> float:
        """What one Wh less would cost more from a time on: the worth of what the battery holds."""
        points_wh, still_try = self._holding_wh[time], self._still_try[time]
        if len(points_wh) == 1:
            return 0.0
        place = int(np.clip(np.searchsorted(points_wh, holding_wh), 1, len(points_wh) - 1))
        return float((still_try[place - 1] - still_try[place]) / (points_wh[place] - points_wh[place - 1]))


def hull(at: Floats, value: Floats) -> tuple[Floats, Floats]:
    """The corners of the greatest convex function below some points, from left to right."""
    order = np.lexsort((value, at))
    corners: list[tuple[float, float]] = []
    for x, y in zip(at[order].tolist(), value[order].tolist(), strict=True):
        if corners and x - corners[-1][0] <= 0.0:
            continue
        while len(corners) > 1 and _is_above(corners[-2], corners[-1], (x, y)):
            corners.pop()
        corners.append((x, y))
    points = np.array(corners)
    return points[:, 0], points[:, 1]


def _is_above(left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]) -> bool:
    return (middle[1] - left[1]) * (right[0] - left[0]) >= (right[1] - left[1]) * (middle[0] - left[0])


def _before(holding_wh: Floats, still_try: Floats, stored_wh: Floats, paid_try: Floats) -> tuple[Floats, Floats]:
    """The cost to go before a step: the least of what it costs and the cost to go with what it stores."""
    lengths = np.concatenate((np.diff(holding_wh), np.diff(stored_wh)[::-1]))
    rises = np.concatenate((np.diff(still_try), -np.diff(paid_try)[::-1]))
    long = lengths > 0.0
    lengths, rises = lengths[long], rises[long]
    order = np.argsort(rises / lengths, kind="stable")
    before_wh = np.cumsum(np.concatenate(([holding_wh[0] - stored_wh[-1]], lengths[order])))
    before_try = np.cumsum(np.concatenate(([still_try[0] + paid_try[-1]], rises[order])))
    return before_wh, before_try


def _cut(holding_wh: Floats, still_try: Floats, low_wh: float, high_wh: float) -> tuple[Floats, Floats]:
    """The part of a function between two energies."""
    low_wh, high_wh = max(low_wh, float(holding_wh[0])), min(high_wh, float(holding_wh[-1]))
    edges_try = np.interp([low_wh, high_wh], holding_wh, still_try)
    inside = (holding_wh > low_wh) & (holding_wh < high_wh)
    return (
        np.concatenate(([low_wh], holding_wh[inside], [high_wh])),
        np.concatenate((edges_try[:1], still_try[inside], edges_try[1:])),
    )
