"""The linear relaxation of the whole house: where its prices come from.

Loads may be on for a part of a step, and a step is a mixture of choices. That is far from a schedule, but what it says
of prices is nearly what the best prices are. It is a guess and no proof: any prices give a valid bound.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.domain.device import Name
from agent.planning.alone.limits import Limits
from agent.planning.grid.model import Load, Model
from agent.planning.grid.runs import Errand
from agent.planning.joint.choices import Choices, Floats, Ints, levels_w
from agent.planning.joint.linear import INFINITE, LinearProgram
from agent.planning.joint.prices import Prices, fair, windows_of

_SEVERAL = 2
_MISS_TRY_PER_C = 1e3
"""What leaving the limits costs: so much that it only happens where no mixture keeps them."""


@dataclass(frozen=True)
class Balance:
    """Prices at which a relaxation is in balance."""

    prices: Prices
    stored_try_per_wh: Floats
    """What a Wh stored is worth, by step."""


def relaxed(model: Model, limits: Mapping[Name, Limits], choices: Choices) -> Balance:
    """The balance of the linear relaxation; the bare costs of each load if the solver fails."""
    program = Relaxation(model, choices)
    for row, load in zip(program.on, model.loads, strict=True):
        program.add_load(row, load, limits[load.name])
    for errand in model.errands:
        program.add_errand(errand)
    found = program.solved()
    if found is not None:
        return found
    free = tuple(np.zeros((len(model.steps), len(levels_w(errand)))) for errand in model.errands)
    windows = 0 if model.exchange.demand is None else len(model.exchange.demand.windows)
    on_try: Floats = np.array([load.cost_try for load in model.loads]).reshape(len(model.loads), len(model.steps))
    worthless = np.zeros(len(model.steps))
    return Balance(fair(model, choices, Prices(on_try, free, np.zeros(windows)), worthless), worthless)


class Relaxation:
    """Rows: one choice in each step, loads on, power of errands, what the battery holds, mean power of windows."""

    def __init__(self, model: Model, choices: Choices, among: NDArray[np.bool_] | None = None) -> None:
        self._model, self._all = model, choices
        plain = _plain(choices)
        self._choices = choices = choices.only(plain if among is None else plain & among)
        self._program = program = LinearProgram()
        count = len(model.steps)
        chosen = program.add_columns(choices.cost_try, 0.0, INFINITE, len(choices.step))
        one = program.add_rows(1.0, 1.0, count)
        program.put(one[choices.step], chosen, 1.0)
        self.on = [program.add_rows(0.0, 0.0, count) for _ in model.loads]
        for row, on in zip(self.on, choices.on.T, strict=True):
            program.put(row[choices.step], chosen, -1.0 * on)
        self._phases = program.add_rows(0.0, 0.0, count)
        for errand, level, apart in zip(model.errands, choices.level.T, choices.apart, strict=True):
            program.put(self._phases[choices.step], chosen, -np.array(levels_w(errand))[level] * apart)
        self._stored = program.add_rows(0.0, 0.0, count)
        program.put(self._stored[choices.step], chosen, choices.stored_wh)
        self._add_battery()
        self._peaks = self._add_demand(chosen)

    def _add_battery(self) -> None:
        bank, count = self._model.bank, len(self._model.steps)
        if bank is None:
            return
        low_wh = np.full(count, bank.low_wh)
        low_wh[-1] = max(bank.low_wh, bank.end_low_wh)
        worth_try = np.zeros(count)
        worth_try[-1] = -bank.worth_try_per_wh
        holding = self._program.add_columns(worth_try, low_wh, bank.high_wh, count)
        self._program.put(self._stored, holding, -1.0)
        self._program.put(self._stored[1:], holding[:-1], 1.0)
        start = self._program.add_columns(0.0, bank.start_wh, bank.start_wh, 1)
        self._program.put(self._stored[:1], start, 1.0)

    def _add_demand(self, chosen: Ints) -> Ints:
        exchange, choices = self._model.exchange, self._choices
        if exchange.demand is None:
            return np.empty(0, np.int64)
        demand = exchange.demand
        shares, window = windows_of(demand, exchange.hours)
        rows = self._program.add_rows(-INFINITE, 0.0, len(demand.windows))
        bought_w = np.maximum(0.0, choices.net_w)
        self._program.put(rows[window[choices.step]], chosen, shares[choices.step] * bought_w)
        peak = self._program.add_columns(demand.try_per_w, demand.peak_w, INFINITE, 1)
        self._program.put(rows, peak, -1.0)
        return rows

    def add_load(self, on_rows: Ints, load: Load, limits: Limits) -> None:
        """A load that may be on in part; the collector gives what it would in the middle of the limits."""
        store, count, program = load.store, len(on_rows), self._program
        low_c, high_c = np.array(limits.low_c), np.array(limits.high_c)
        keep, lift_c = np.array(store.keep), np.array(store.lift_c)
        sun_c = np.maximum(0.0, np.array(store.sun_c) - np.array(store.fade) * (low_c + high_c) / 2)
        push_c = np.array(store.push_c) + sun_c
        push_c[0] += keep[0] * store.start_c
        on = program.add_columns(0.0, 0.0, 1.0, count)
        program.put(on_rows, on, 1.0)
        after_c = program.add_columns(0.0, low_c, high_c, count)
        rows = program.add_rows(push_c, push_c, count)
        program.put(rows, after_c, 1.0)
        program.put(rows[1:], after_c[:-1], -keep[1:])
        program.put(rows, on, -lift_c)
        for sign in (1.0, -1.0):
            program.put(rows, program.add_columns(_MISS_TRY_PER_C, 0.0, INFINITE, count), sign)
        if load.worth.try_per_c > 0:
            counted_c = load.worth.toward * load.worth.full_c
            worth = program.add_columns(-load.worth.try_per_c, -INFINITE, counted_c, 1)
            row = program.add_rows(-INFINITE, 0.0, 1)
            program.put(row, worth, 1.0)
            program.put(row, after_c[-1:], -load.worth.toward)

    def add_errand(self, errand: Errand) -> None:
        """A run that may begin in parts at different times."""
        program, one = self._program, self._program.add_rows(1.0, 1.0, 1)
        begins = np.array(errand.begins())
        begun = program.add_columns(0.0, 0.0, INFINITE, len(begins))
        program.put(one, begun, 1.0)
        for place, power_w in enumerate(errand.profile_w):
            program.put(self._phases[begins + place], begun, power_w)
        if errand.may_skip:
            program.put(one, program.add_columns(errand.skipped_try, 0.0, INFINITE, 1), 1.0)

    def add_schedules(self, on_rows: Ints, load: Load, schedules: Sequence[Sequence[bool]]) -> None:
        """A load that mixes some schedules."""
        own_try = [load.objective_try(schedule) for schedule in schedules]
        mixed = self._program.add_columns(own_try, 0.0, INFINITE, len(schedules))
        self._program.put(self._program.add_rows(1.0, 1.0, 1), mixed, 1.0)
        which, step = np.nonzero(np.array(schedules))
        self._program.put(on_rows[step], mixed[which], 1.0)

    def add_leeway(self, on_rows: Ints, least_try: Floats, most_try: Floats) -> None:
        """Keep what a load pays for being on between two prices, by what it costs to be on apart from all choices."""
        for cost_try, sign in ((-least_try, 1.0), (most_try, -1.0)):
            apart = self._program.add_columns(cost_try, 0.0, INFINITE, len(on_rows))
            self._program.put(on_rows, apart, sign)

    def solved(self) -> Balance | None:
        """The prices at which all is in balance, read from the rows; None if the solver fails."""
        found = self._program.solved(centrally=True) or self._program.solved()
        if found is None:
            return None
        peak_try_per_w = np.maximum(0.0, -found.duals[self._peaks])
        if self._model.exchange.demand is not None:
            # The solver's tolerance may let them be more than the charge, and the bound asks that they are not.
            charge_try_per_w = self._model.exchange.demand.try_per_w
            peak_try_per_w *= min(1.0, charge_try_per_w / max(float(peak_try_per_w.sum()), 1e-300))
        power_try = -found.duals[self._phases]
        prices = Prices(
            on_try=np.array([-found.duals[rows] for rows in self.on]).reshape(len(self.on), len(self._model.steps)),
            phases_try=tuple(np.outer(power_try, levels_w(errand)) for errand in self._model.errands),
            peak_try_per_w=peak_try_per_w,
        )
        stored_try_per_wh = found.duals[self._stored]
        return Balance(fair(self._model, self._all, prices, stored_try_per_wh), stored_try_per_wh)


def _plain(choices: Choices) -> NDArray[np.bool_]:
    """Where several appliances can run at once: the choices in which at most one does, in its strongest phase.

    The relaxation mixes them anyway, and the others would make it many times as large.
    """
    if choices.level.shape[1] < _SEVERAL:
        return np.ones(len(choices.step), dtype=bool)
    strongest = choices.level == choices.level.max(axis=0, initial=0)
    runs = choices.level > 0
    plain: NDArray[np.bool_] = (runs.sum(axis=1) == 0) | ((runs.sum(axis=1) == 1) & (runs & strongest).any(axis=1))
    return plain
