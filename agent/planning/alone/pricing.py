"""One load at given prices: a proven bound, schedules near it, and what is still to pay from anywhere.

This is what a master problem asks again and again while it looks for the prices at which its loads agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf

from agent.planning.alone.automaton import Automaton
from agent.planning.alone.bounds import Guide, bound
from agent.planning.alone.cells import NARROWEST_C, Cells
from agent.planning.alone.corridor import Corridor, Domain, corridor, domain
from agent.planning.alone.labels import cheapest
from agent.planning.alone.limits import Limits
from agent.planning.grid.model import Load

LAYER_ENTRIES = 3_000_000
"""No more cells are in the layers that minimum times look back upon, ..."""
GUIDE_ENTRIES = 3_000_000
"""nor in the guide: what the planner may weigh."""
_TIE = 1e-9
"""What a start counts besides its price, in costs of the dearest step: among equals the fewest switches win."""
_SUMMATION = 1e-12
"""What adding up a horizon's costs may round, relative to the sum of their sizes: 1,200 additions of 2⁻⁵³ each."""
_SINGLE = 1e-6
"""What single precision may round, relative to the same: 2⁻²⁴, and some room."""
_SCHEDULES = 4
_ROWS = 16


@dataclass(frozen=True)
class Priced:
    """What is known of one load at given prices."""

    bound_try: float
    """No admissible schedule has a lower objective at these prices; infinite if there is certainly none."""
    schedules: tuple[tuple[bool, ...], ...]
    """Admissible ones, the best first; empty if none was found."""
    guide: Guide
    """What is still to pay at least by time, mode and temperature, where the load is free to switch."""


def priced(load: Load, limits: Limits, cost_try: Sequence[float], count: int, beam: int = 100) -> Priced:
    """Solve a load with `cost_try` as the cost of being on in each step (TRY; negative where it is paid for).

    The objective is `Load.objective_try` with these costs: starts have their price, and what is left its worth. About
    `count` cells are used where the window is widest, and `beam` labels at most go on from each time and mode. The
    guide's values include both; it holds at times at which minimum times leave the load free to be switched, in the
    mode that it is in: a run that has begun is counted on to the end of its minimum time, and so is a rest.

    Schedules keep quotas and hygiene. The bound counts starts only where that needs few rows, and is valid either way.
    Without a `beam` there are only bound and guide, at a quarter of the work.
    """
    asked = replace(load, cost_try=tuple(cost_try))
    cells = _remembered(replace(load, cost_try=(0.0,) * len(load.cost_try)), limits, count)
    pricing = Pricing(asked, cells, counting=Automaton.of(load).rows <= _ROWS)
    return Priced(pricing.bound_try, pricing.schedules(beam, inf, _SCHEDULES) if beam else (), pricing.guide)


class Pricing:
    """What cells show about a load; of degree-hours outside the comfort band too, where the cells have hours.

    `counting` starts by rows makes the bound see quotas, and costs as many times the work as there are starts.
    """

    def __init__(self, load: Load, cells: Cells, *, counting: bool = True) -> None:
        self.load, self._cells = load, cells
        self.tie_try = _TIE * (max(map(abs, load.cost_try)) or 1.0)
        """What each start counts besides, to break ties; not part of any result."""
        self._start_try = load.start_try + self.tie_try
        self._held_try = _held_try(load, cells)
        ahead_try, self.guide = bound(
            load, cells, Automaton.of(load, counting=counting), self._start_try, GUIDE_ENTRIES
        )
        self._most_starts = len(load.cost_try) // (load.min_on + load.min_off) + 1
        most_left_try = load.worth.left_try(load.worth.full_c)
        self._sizes_try = sum(map(abs, load.cost_try)) + self._most_starts * load.start_try + abs(most_left_try)
        self._sizes_try += abs(load.worth.try_per_c) * _spread_c(cells)
        self._sizes_try += ahead_try if cells.hours is not None and ahead_try < inf else 0.0
        free_try = sum(cost for cost in load.cost_try if cost < 0) - most_left_try
        bound_try = self._held_try + ahead_try - self._most_starts * self.tie_try
        self.bound_try: float = max(free_try, bound_try) - _SUMMATION * self._sizes_try
        """No admissible schedule has a lower objective."""

    def corridor(self, objective_try: float) -> Corridor:
        """Where all schedules pass whose objective is lower than this."""
        return corridor(self.load, self.guide, self._start_try, self._most_try(objective_try))

    def domain(self, objective_try: float) -> Domain:
        """What all schedules do whose objective is lower than this."""
        return domain(self.load, self.guide, self._start_try, self._most_try(objective_try))

    def _most_try(self, objective_try: float) -> float:
        """What such schedules pay at most, held steps left out, in the guide's numbers."""
        # With as many starts as can be, and more than single precision may round.
        return objective_try - self._held_try + self._most_starts * self.tie_try + _SINGLE * (1 + self._sizes_try)

    def schedules(self, beam: int, below_try: float, most: int = 1) -> tuple[tuple[bool, ...], ...]:
        """Up to `most` admissible schedules with an objective (ties included) below this; the best first."""
        return cheapest(self.load, self.guide, self._start_try, beam, below_try - self._held_try, most)


def _spread_c(cells: Cells) -> float:
    """How far apart the temperatures may be that the end has a worth for."""
    reached_c = (*cells.floor_c, *cells.ceiling_c)
    return max(reached_c) - min(reached_c)


def _held_try(load: Load, cells: Cells) -> float:
    """What the steps cost, or miss, in which the load is held as it is."""
    held = (load.on_at_start,) * load.held
    paid_try = sum(load.cost_try[: load.held]) if load.on_at_start else 0.0
    if cells.hours is not None:
        for step, at_c in enumerate(load.store.trajectory(held)):
            paid_try += cells.hours[step] * load.store.miss_c(step, at_c)
    return paid_try


def cells_of(
    load: Load,
    limits: Limits,
    count: int,
    hours: Sequence[float] | None = None,
    passes: Corridor | None = None,
) -> Cells:
    """So many cells, about, where the window is widest, but none too narrow and not too many in all layers."""
    count = min(count, LAYER_ENTRIES // (load.min_on + load.min_off))
    wide = Cells(load, limits, max(map(abs, load.store.lift_c)) / 100, passes=passes)
    return Cells(load, limits, max(2 * NARROWEST_C, wide.width_c[0] * wide.most / count), hours, passes)


@lru_cache(maxsize=4)
def _remembered(load: Load, limits: Limits, count: int) -> Cells:
    """Cells do not depend on prices: those of a few loads are kept, with where they go."""
    return cells_of(load, limits, count)
