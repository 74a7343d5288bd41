"""The battery's best course for loads and appliances that stay as they are: a small linear program."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from agent.planning.grid.battery import Bank
from agent.planning.grid.exchange import ROUNDING_W
from agent.planning.grid.model import Dispatch, Model
from agent.planning.joint.choices import Floats
from agent.planning.joint.linear import INFINITE, LinearProgram
from agent.planning.joint.prices import windows_of

_NOTHING_W = 1e-9


@dataclass(frozen=True)
class _Bend:
    """One power of the battery at which cost or charge bend."""

    power_w: float
    stored_wh: float
    cost_try: float
    bought_w: float


@dataclass(frozen=True)
class _Course:
    power_w: tuple[float, ...]
    worth_try_per_wh: Floats
    """What a Wh more would be worth, by step."""


def charged(model: Model, dispatch: Dispatch) -> Dispatch:
    """The dispatch with the battery's best course; as it is if there is no battery, or nothing better is found.

    Where cost is not convex in the battery's power, the power stays within the convex part that it is in. The course
    that is given need not fit the switching.
    """
    found = _best_course(model, dispatch)
    if found is None:
        return dispatch
    candidate = replace(dispatch, battery_w=found.power_w)
    if not _holds(model, candidate):
        return dispatch
    is_cheaper = model.predict(candidate).objective_try < model.predict(dispatch).objective_try
    return candidate if is_cheaper or not _holds(model, dispatch) else dispatch


def worth_of_charge(model: Model, dispatch: Dispatch) -> Floats:
    """What a Wh stored in each step is worth on the battery's best course, TRY; 0 without a battery."""
    found = _best_course(model, dispatch)
    return np.zeros(len(model.steps)) if found is None else found.worth_try_per_wh


def _holds(model: Model, dispatch: Dispatch) -> bool:
    hours, course_w = model.exchange.hours, dispatch.battery_w
    return model.exchange.holds(model.net_w(dispatch)) and (
        model.bank is None or course_w is None or model.bank.holds(course_w, hours)
    )


def _best_course(model: Model, dispatch: Dispatch) -> _Course | None:
    bank, known_w = model.bank, dispatch.battery_w
    if bank is None or known_w is None:
        return None
    parts = []
    for step, net_w in enumerate(model.net_w(replace(dispatch, battery_w=None))):
        bends = _bends(model, bank, step, net_w)
        if not bends:
            return None
        parts.append(_convex_part(bends, known_w[step]))
    return _course(model, bank, parts)


def _bends(model: Model, bank: Bank, step: int, net_w: float) -> list[_Bend]:
    """The battery's powers at which cost or charge bend; none if nothing keeps the connection's limits."""
    exchange, hours = model.exchange, model.exchange.hours[step]
    sold_w = exchange.export_limit_w[step]
    least_w = max(-exchange.generation_w[step] - sold_w - net_w, -bank.discharge_w)
    most_w = min(exchange.import_limit_w[step] - net_w, bank.charge_w)
    if least_w > most_w + ROUNDING_W:
        return []
    inside = (power_w for power_w in (0.0, -net_w, -net_w - sold_w) if least_w < power_w < most_w)
    return [
        _Bend(
            power_w=power_w,
            stored_wh=bank.stored_wh(power_w, hours),
            cost_try=exchange.step_try(step, net_w + power_w) + bank.wear_try_per_wh * max(0.0, -power_w) * hours,
            bought_w=max(0.0, net_w + power_w),
        )
        for power_w in _apart(sorted({least_w, max(least_w, most_w), *inside}))
    ]


def _apart(powers_w: Sequence[float]) -> list[float]:
    """Powers without those that are so near the one before that nothing can be told between them."""
    kept_w = [powers_w[0]]
    kept_w += [power_w for before_w, power_w in pairwise(powers_w) if power_w - before_w > _NOTHING_W]
    return kept_w


def _convex_part(bends: Sequence[_Bend], known_w: float) -> list[_Bend]:
    """The bends around a power between which cost is a convex function of what is stored."""
    if len(bends) == 1:
        return list(bends)
    slopes = [(b.cost_try - a.cost_try) / (b.stored_wh - a.stored_wh) for a, b in pairwise(bends)]
    first = last = next((place for place, bend in enumerate(bends[1:]) if known_w <= bend.power_w), len(slopes) - 1)
    while first > 0 and slopes[first - 1] <= slopes[first]:
        first -= 1
    while last < len(slopes) - 1 and slopes[last + 1] >= slopes[last]:
        last += 1
    return list(bends[first : last + 2])


def _course(model: Model, bank: Bank, parts: Sequence[Sequence[_Bend]]) -> _Course | None:
    """A power for each step: its part's first one, and some of each piece up to the next bend."""
    program, count = LinearProgram(), len(parts)
    pieces = [(step, a, b) for step, part in enumerate(parts) for a, b in pairwise(part)]
    step = np.array([step for step, _, _ in pieces], np.int64)
    length_w = np.array([b.power_w - a.power_w for _, a, b in pieces])
    cost_try = np.array([b.cost_try - a.cost_try for _, a, b in pieces])
    stored_wh = np.array([b.stored_wh - a.stored_wh for _, a, b in pieces])
    bought_w = np.array([b.bought_w - a.bought_w for _, a, b in pieces])
    taken = program.add_columns(cost_try, 0.0, 1.0, len(pieces))
    first_wh = np.array([part[0].stored_wh for part in parts])
    first_wh[0] += bank.start_wh
    low_wh, worth_try = np.full(count, bank.low_wh), np.zeros(count)
    low_wh[-1], worth_try[-1] = max(bank.low_wh, bank.end_low_wh), -bank.worth_try_per_wh
    holding = program.add_columns(worth_try, low_wh, bank.high_wh, count)
    balance = program.add_rows(first_wh, first_wh, count)
    program.put(balance, holding, 1.0)
    program.put(balance[1:], holding[:-1], -1.0)
    program.put(balance[step], taken, -stored_wh)
    if model.exchange.demand is not None:
        demand = model.exchange.demand
        shares, window = windows_of(demand, model.exchange.hours)
        first_w: Floats = np.zeros(len(demand.windows))
        np.add.at(first_w, window, shares * np.array([part[0].bought_w for part in parts]))
        rows = program.add_rows(-INFINITE, -first_w, len(first_w))
        program.put(rows[window[step]], taken, shares[step] * bought_w)
        program.put(rows, program.add_columns(demand.try_per_w, demand.peak_w, INFINITE, 1), -1.0)
    found = program.solved()
    if found is None:
        return None
    power_w = np.array([part[0].power_w for part in parts])
    np.add.at(power_w, step, np.clip(found.columns[taken], 0.0, 1.0) * length_w)
    return _Course(tuple(power_w.tolist()), -found.duals[balance])
