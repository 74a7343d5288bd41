"""The cheapest schedules of loads that nothing ties together, and the proof of how near they are to the cheapest.

For each load cells give the bound and guide the labels to a schedule; where the two are too far apart, both are sought
again with finer cells, as long as there is time.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from agent.domain.device import Name
from agent.planning.cells import NARROWEST_C, Cells, bound
from agent.planning.labels import cheapest
from agent.planning.limits import Limits
from agent.planning.model import Load, Schedule

ATTEMPTS = ((8_000, 0.0), (32_000, 1e-4), (128_000, 1e-4), (256_000, 5e-4))
"""How many cells at one time, and above which gap, relative to the cost of all loads, they are worth their time."""
LAYER_ENTRIES = 3_000_000
"""No more cells are in the layers that minimum times look back upon, ..."""
GUIDE_ENTRIES = 3_000_000
"""nor in the guide: what the planner may weigh."""
BEAM = 1000
"""Labels that go on from one time and mode."""
_SLOWDOWN = 5
"""An attempt takes at most so much longer than the one before."""
_START = 1e-7
"""What a start of a run counts besides its cost, in costs of the dearest step: among equals the fewest switches win."""
_SUMMATION = 1e-12
"""What adding up a horizon's costs may round, relative to the sum of their sizes: 1,200 additions of 2⁻⁵³ each."""


@dataclass(frozen=True)
class Optimum:
    """A schedule of one load that keeps limits, times and its own power, and what is proven of it."""

    load: Load
    limits: Limits
    schedule: tuple[bool, ...]
    bound_try: float
    """No schedule that keeps them costs less."""

    @property
    def cost_try(self) -> float:
        """What the schedule costs."""
        return sum(cost for cost, on in zip(self.load.cost_try, self.schedule, strict=True) if on)

    @property
    def missing_try(self) -> float:
        """How much cheaper another schedule may be at most."""
        return max(0.0, self.cost_try - self.bound_try)

    @property
    def starts(self) -> int:
        """How many runs begin."""
        was_on = (self.load.on_at_start, *self.schedule)
        return sum(on and not was for was, on in zip(was_on, self.schedule, strict=False))

    def refined(self, count: int) -> "Optimum":
        """What about `count` cells at one time add to what is known."""
        load, start_try = self.load, _start_try(self.load)
        cells = _cells(load, self.limits, count)
        held_try = sum(load.cost_try[: load.held]) if load.on_at_start else 0.0
        ahead_try, guide = bound(cells, start_try, GUIDE_ENTRIES)
        below_try = self.cost_try - held_try + start_try * (self.starts - 0.5)
        schedule = cheapest(cells, guide, start_try, BEAM, below_try)
        most_starts = len(load.cost_try) // (load.min_on + load.min_off) + 1
        rounded_try = _SUMMATION * sum(map(abs, load.cost_try))
        bound_try = held_try + ahead_try - most_starts * start_try - rounded_try
        free_try = sum(cost for cost in load.cost_try if cost < 0)
        return replace(
            self,
            schedule=self.schedule if schedule is None else schedule,
            bound_try=max(self.bound_try, bound_try, free_try),
        )


def load_optima(
    loads: Sequence[Load], limits: Mapping[Name, Limits], known: Schedule, time_limit_s: float
) -> dict[Name, Optimum]:
    """The best schedules found in the time; at the worst the `known` ones, which must keep the limits.

    One attempt at each load is made however short the time is.
    """
    began_s = time.monotonic()
    optima = {
        load.name: Optimum(
            load=load,
            limits=limits[load.name],
            schedule=tuple(known[load.name]),
            bound_try=-inf,
        )
        for load in loads
    }
    for count, worthwhile_gap in ATTEMPTS:
        attempt_began_s = time.monotonic()
        total_try = abs(sum(found.cost_try for found in optima.values()))
        for name, found in optima.items():
            if found.missing_try > worthwhile_gap * total_try / len(loads):
                optima[name] = found.refined(count)
        now_s = time.monotonic()
        if now_s + _SLOWDOWN * (now_s - attempt_began_s) > began_s + time_limit_s:
            break
    return optima


def _start_try(load: Load) -> float:
    return _START * (max(map(abs, load.cost_try)) or 1.0)


def _cells(load: Load, limits: Limits, count: int) -> Cells:
    """So many cells, about, where the window is widest, but none too narrow and not too many in all layers."""
    count = min(count, LAYER_ENTRIES // (load.min_on + load.min_off))
    wide = Cells(load, limits, max(map(abs, load.store.lift_c)) / 100)
    return Cells(load, limits, max(2 * NARROWEST_C, wide.width_c[0] * wide.most / count))
