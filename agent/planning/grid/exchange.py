"""What the home buys and sells: the cost of its net power, step by step.

    f(net) = buy·net                      for net ≥ 0, at most the import limit
    f(net) = -sell·min(-net, limit)       for net < 0: beyond the export limit own generation is throttled

with net = base load - generation + all that is switched (W), and, with a demand charge, a price on what the highest
mean power of a window grows the month's peak. f is one function of the net power: nothing is ever bought and sold in
the same step. It is convex where 0 ≤ sell ≤ buy (without an export limit: sell ≤ buy).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite

from agent.domain.interval import Interval

ROUNDING_W = 1e-6


@dataclass(frozen=True)
class Demand:
    """A demand charge on the step grid."""

    try_per_w: float
    peak_w: float
    """The month's peak so far."""
    windows: tuple[tuple[int, ...], ...]
    """The steps over which power is averaged, in the order of time."""


@dataclass(frozen=True)
class Exchange:
    """The home's connection; every tuple has one entry per step."""

    steps: tuple[Interval, ...]
    hours: tuple[float, ...]
    buy_try_per_kwh: tuple[float, ...]
    sell_try_per_kwh: tuple[float, ...]
    base_w: tuple[float, ...]
    generation_w: tuple[float, ...]
    import_limit_w: tuple[float, ...]
    """Never below what cannot be helped: base load, less generation, and what is held on."""
    export_limit_w: tuple[float, ...]
    demand: Demand | None = None
    is_exceeded: bool = False
    """Whether what is not switched is somewhere more than the limits allow."""

    @cached_property
    def rest_w(self) -> tuple[float, ...]:
        """Net power of the home with nothing switched on."""
        return tuple(base - own for base, own in zip(self.base_w, self.generation_w, strict=True))

    @cached_property
    def spare_w(self) -> tuple[float, ...]:
        """What may be switched on besides; infinite where nothing limits it."""
        return tuple(limit - rest for limit, rest in zip(self.import_limit_w, self.rest_w, strict=True))

    def step_try(self, step: int, net_w: float) -> float:
        """What a net power costs in one step."""
        if net_w >= 0:
            return self.buy_try_per_kwh[step] * net_w / 1000 * self.hours[step]
        sold_w = min(-net_w, self.export_limit_w[step])
        return -self.sell_try_per_kwh[step] * sold_w / 1000 * self.hours[step]

    def grid_w(self, step: int, net_w: float) -> float:
        """What goes through the meter, after throttling."""
        return max(net_w, -self.export_limit_w[step])

    def bill_try(self, net_w: Sequence[float]) -> float:
        """What a course of net power costs over the horizon, the demand charge included."""
        return sum(self.step_try(step, power_w) for step, power_w in enumerate(net_w)) + self.demand_try(net_w)

    def demand_try(self, net_w: Sequence[float]) -> float:
        """What the demand charge adds for the growth of the month's peak."""
        if self.demand is None:
            return 0.0
        highest_w = max(self._mean_w(window, net_w) for window in self.demand.windows)
        return self.demand.try_per_w * max(0.0, highest_w - self.demand.peak_w)

    def _mean_w(self, window: Sequence[int], net_w: Sequence[float]) -> float:
        hours = sum(self.hours[step] for step in window)
        return sum(max(0.0, net_w[step]) * self.hours[step] for step in window) / hours

    def holds(self, net_w: Sequence[float]) -> bool:
        """Whether a course of net power stays within the import limit, and throttles no more than is generated."""
        rows = zip(net_w, self.import_limit_w, self.export_limit_w, self.generation_w, strict=True)
        return all(-own - export - ROUNDING_W <= power <= limit + ROUNDING_W for power, limit, export, own in rows)

    def is_convex(self, step: int) -> bool:
        """Whether f is convex in a step, so that a linear program never buys and sells at once."""
        buy, sell = self.buy_try_per_kwh[step], self.sell_try_per_kwh[step]
        return sell <= buy and (sell >= 0 or not isfinite(self.export_limit_w[step]))

    def is_linear(self, low_w: Sequence[float], high_w: Sequence[float]) -> bool:
        """Whether what is switched costs the same whatever else runs, for net power between these bounds by step."""
        if self.demand is not None and self._may_grow_peak(high_w):
            return False
        return all(
            high_w[step] <= self.import_limit_w[step] + ROUNDING_W
            and (low_w[step] >= -ROUNDING_W or self._is_flat(step, low_w[step], high_w[step]))
            for step in range(len(self.steps))
        )

    def _may_grow_peak(self, high_w: Sequence[float]) -> bool:
        demand = self.demand
        return demand is not None and any(self._mean_w(window, high_w) > demand.peak_w for window in demand.windows)

    def _is_flat(self, step: int, low_w: float, high_w: float) -> bool:
        within = -low_w <= self.export_limit_w[step]
        return within and (high_w <= 0 or self.sell_try_per_kwh[step] == self.buy_try_per_kwh[step])


def without_limit(steps: Sequence[Interval]) -> tuple[float, ...]:
    """No limit in any step."""
    return (inf,) * len(steps)
