"""What the whole house may do in one step: loads on or off, appliances in a phase, battery in or out.

What a step costs is piecewise linear in the battery's power, and so is what the battery stores. Between two bends both
are straight, so that only the bends need to be counted: every other way through a step is a mixture of two of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from agent.planning.grid.battery import Bank
from agent.planning.grid.exchange import ROUNDING_W
from agent.planning.grid.model import Model
from agent.planning.grid.runs import Errand

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_LEVELS = 64
"""No more combinations of the appliances' phases are told apart in one step."""


@dataclass(frozen=True)
class Choices:
    """All that can be chosen, step after step; every array but `first` and `least_try_per_wh` has an entry for each.

    Limits are as wide as what `Exchange.holds` and `Bank.holds` tolerate, so that a bound over these choices is one
    over all admissible dispatches.
    """

    first: Ints
    """The first choice of each step."""
    step: Ints
    on: NDArray[np.bool_]
    """Choices × loads."""
    level: Ints
    """Choices × errands: the place in the errand's `levels_w`; always 0 for an errand that is not told apart."""
    net_w: Floats
    battery_w: Floats
    stored_wh: Floats
    cost_try: Floats
    """What the exchange costs, and the battery's wear."""
    apart: tuple[bool, ...]
    """For each errand, whether it is told apart here. What others draw costs at least `least_try_per_wh`."""
    least_try_per_wh: Floats
    """The least slope of the exchange in each step."""

    def only(self, chosen: NDArray[np.bool_]) -> "Choices":
        """Some of the choices, at least one in each step."""
        sizes = np.add.reduceat(chosen.astype(np.int64), self.first)
        return replace(
            self,
            first=np.concatenate(([0], np.cumsum(sizes)[:-1])),
            step=self.step[chosen],
            on=self.on[chosen],
            level=self.level[chosen],
            net_w=self.net_w[chosen],
            battery_w=self.battery_w[chosen],
            stored_wh=self.stored_wh[chosen],
            cost_try=self.cost_try[chosen],
        )


def levels_w(errand: Errand) -> tuple[float, ...]:
    """The powers that an errand may draw in a step, 0 first if none of its phases gives power back."""
    return tuple(sorted({0.0, *errand.profile_w}))


def places(errand: Errand) -> Ints:
    """For each step of its run, which of its levels it draws."""
    levels = levels_w(errand)
    return np.array([levels.index(power_w) for power_w in errand.profile_w], np.int64)


def choices_of(model: Model) -> Choices:
    """Count the choices of a house."""
    apart = _told_apart(model.errands, len(model.steps))
    parts = [_in_step(model, step, apart) for step in range(len(model.steps))]
    sizes = [len(part.net_w) for part in parts]
    battery_w = np.concatenate([part.battery_w for part in parts])
    net_w = np.concatenate([part.net_w for part in parts])
    step = np.repeat(np.arange(len(parts)), sizes)
    hours = np.array(model.exchange.hours)
    cost_try, stored_wh = exchange_try(model, step, net_w), np.zeros_like(net_w)
    if model.bank is not None:
        stored_wh = stored(model, model.bank, step, battery_w)
        cost_try += model.bank.wear_try_per_wh * np.maximum(0.0, -battery_w) * hours[step]
    return Choices(
        first=np.concatenate(([0], np.cumsum(sizes)[:-1])),
        step=step,
        on=np.concatenate([part.on for part in parts]),
        level=np.concatenate([part.level for part in parts]),
        net_w=net_w,
        battery_w=battery_w,
        stored_wh=stored_wh,
        cost_try=cost_try,
        apart=apart,
        least_try_per_wh=_least_slopes(model),
    )


def exchange_try(model: Model, step: int | Ints, net_w: Floats) -> Floats:
    """`Exchange.step_try` for many powers at once."""
    exchange = model.exchange
    buy = np.array(exchange.buy_try_per_kwh)[step]
    sell = np.array(exchange.sell_try_per_kwh)[step]
    sold_w = np.minimum(-net_w, np.array(exchange.export_limit_w)[step])
    paid_try: Floats = np.where(net_w >= 0, buy * net_w, -sell * sold_w) * np.array(exchange.hours)[step] / 1000
    return paid_try


def stored(model: Model, bank: Bank, step: int | Ints, battery_w: Floats) -> Floats:
    """`Bank.stored_wh` for many powers at once."""
    efficiency = np.where(battery_w >= 0, bank.charge_efficiency, 1 / bank.discharge_efficiency)
    stored_wh: Floats = battery_w * np.array(model.exchange.hours)[step] * efficiency
    return stored_wh


@dataclass(frozen=True)
class _Part:
    on: NDArray[np.bool_]
    level: Ints
    net_w: Floats
    battery_w: Floats


def _in_step(model: Model, step: int, apart: Sequence[bool]) -> _Part:
    rows = [
        (on, level, net_w, battery_w)
        for on, level, net_w in _switched(model, step, apart)
        for battery_w in _bends_w(model, step, net_w, _untold_w(model, step, apart))
    ]
    on, level, net_w, battery_w = zip(*rows, strict=True)
    return _Part(
        on=np.array(on, np.bool_).reshape(len(rows), -1),
        level=np.array(level, np.int64).reshape(len(rows), -1),
        net_w=np.array(net_w) + np.array(battery_w),
        battery_w=np.array(battery_w),
    )


def _switched(
    model: Model, step: int, apart: Sequence[bool]
) -> Iterator[tuple[tuple[bool, ...], tuple[int, ...], float]]:
    """Combinations of loads and phases, and the net power with them, the battery left out."""
    loads = [
        (load.on_at_start,) if load.is_held(step) else (False, True) if load.may_run[step] else (False,)
        for load in model.loads
    ]
    levels = [
        range(len(levels_w(errand))) if told and errand.first <= step < errand.stop else range(1)
        for errand, told in zip(model.errands, apart, strict=True)
    ]
    for on in product(*loads):
        drawn_w = sum(load.power_w for load, runs in zip(model.loads, on, strict=True) if runs)
        for level in product(*levels):
            phases_w = sum(levels_w(errand)[place] for errand, place in zip(model.errands, level, strict=True))
            yield on, level, model.exchange.rest_w[step] + drawn_w + phases_w


def _untold_w(model: Model, step: int, apart: Sequence[bool]) -> float:
    """The most that appliances may draw besides, which are not told apart."""
    return sum(
        max(errand.profile_w)
        for errand, told in zip(model.errands, apart, strict=True)
        if not told and errand.first <= step < errand.stop
    )


def _bends_w(model: Model, step: int, net_w: float, untold_w: float) -> list[float]:
    """The battery's powers at which cost or charge bend, and the least and most it may be; empty if none keeps all.

    It may also give what goes to appliances that are not told apart: else these would not be all choices there are.
    """
    exchange, bank = model.exchange, model.bank
    least_w, most_w = (0.0, 0.0) if bank is None else (-bank.discharge_w - ROUNDING_W, bank.charge_w + ROUNDING_W)
    sold_w = exchange.export_limit_w[step]
    least_w = max(least_w, -exchange.generation_w[step] - sold_w - ROUNDING_W - net_w - untold_w)
    most_w = min(most_w, exchange.import_limit_w[step] + ROUNDING_W - net_w)
    if least_w > most_w:
        return []
    inside = (power_w for power_w in (0.0, -net_w, -net_w - sold_w) if least_w < power_w < most_w)
    return sorted({least_w, most_w, *inside})


def _told_apart(errands: Sequence[Errand], count: int) -> tuple[bool, ...]:
    """The errands of most energy, as many as can be told apart in every step."""
    combinations, told = [1] * count, [False] * len(errands)
    for index in sorted(range(len(errands)), key=lambda index: -sum(errands[index].profile_w)):
        window = slice(errands[index].first, errands[index].stop)
        levels = len(levels_w(errands[index]))
        if all(others * levels <= MOST_LEVELS for others in combinations[window]):
            combinations[window] = [others * levels for others in combinations[window]]
            told[index] = True
    return tuple(told)


def _least_slopes(model: Model) -> Floats:
    exchange = model.exchange
    sold = np.array(exchange.sell_try_per_kwh)
    # Where own generation is throttled, what is drawn more costs nothing.
    sold = np.where(np.isfinite(exchange.export_limit_w), np.minimum(sold, 0.0), sold)
    slopes: Floats = np.minimum(np.array(exchange.buy_try_per_kwh), sold) / 1000
    return slopes
