"""One search for cheap schedules: the loads, the limits they must keep, and schedules that are known to keep them.

By cells each load is solved by itself. If the schedules together stay below the power limit, nothing cheaper exists;
else the exact program puts them together, begins from what they show, and is held to their bound as well as its own.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agent.domain.device import Name
from agent.domain.plan import Fallback, Method
from agent.planning.limits import TOLERANCE_C, fullest, limits_of
from agent.planning.load_optimum import load_optima
from agent.planning.milp import Answer, optimum
from agent.planning.model import Grid, Load, Schedule

_log = logging.getLogger(__name__)

SIMULATION_TOLERANCE_C = 1e-3
"""How far a solver's rounding may carry a simulated temperature past a limit; far below what can be measured."""
SHORTEST_S = 0.5
"""What the program's solver gets even where the time is used up."""
CELLS_SHARE = 0.25
"""Of the time, for the loads by themselves where a power limit may tie them together; as much for them in turn."""
_ROUNDING_W = 1e-6


@dataclass(frozen=True)
class Finding:
    """What became of one search."""

    schedule: Schedule | None
    """None if none was found that keeps the limits."""
    bound_try: float | None
    """No schedule that keeps them costs less; None if nothing is proven."""
    method: Method
    relaxed: bool
    """Whether the limits left the comfort band."""
    missing: Fallback | None = None
    """Why there is no schedule."""


def are_tied(grid: Grid, loads: Sequence[Load]) -> bool:
    """Whether the power limit keeps loads from running together that may run apart."""
    together_w = (sum(load.power_w for load in loads if load.may_run[step]) for step in range(len(grid.steps)))
    return any(drawn_w > spare_w for drawn_w, spare_w in zip(together_w, grid.spare_w, strict=True))


class Search:
    """Loads that are planned together.

    A load alone can always keep its limits. Where loads share too little power, the limits give way to the known
    schedule that breaks them least.
    """

    def __init__(self, grid: Grid, loads: Sequence[Load], baseline: Schedule) -> None:
        self._grid, self._loads = grid, loads
        self._limits = {load.name: limits_of(load) for load in loads}
        known = [baseline, self._fullest(loads), self._fullest(loads[::-1])]
        easiest = min(known, key=self._miss_c)
        self._limits = {
            load.name: self._limits[load.name].widened(load.store.trajectory(easiest[load.name])) for load in loads
        }
        self._start = min(filter(self._holds, known), key=self._cost_try)

    def by_cells(self, time_limit_s: float) -> Finding:
        """Solve each load by itself, and all together only if they would draw too much."""
        began_s = time.monotonic()
        apart_s = CELLS_SHARE * time_limit_s if are_tied(self._grid, self._loads) else time_limit_s
        optima = load_optima(self._loads, self._limits, self._start, apart_s)
        bound_try = sum(found.bound_try for found in optima.values())
        schedule = {name: found.schedule for name, found in optima.items()}
        if self._fits(schedule):
            return self._finding(schedule, bound_try, Method.DYNAMIC_PROGRAMMING)
        orders = (self._loads, self._loads[::-1])
        each_s = apart_s / (len(orders) * len(self._loads))
        starts = [self._start, *(self._in_turn(order, each_s) for order in orders)]
        start = min(filter(self._holds, starts), key=self._cost_try)
        found = self._program(start, time_limit_s - (time.monotonic() - began_s))
        if found.schedule is None:
            return self._finding(start, bound_try, Method.DYNAMIC_PROGRAMMING)
        best = min(start, found.schedule, key=self._cost_try)
        proven_try = bound_try if found.bound_try is None else max(bound_try, found.bound_try)
        return self._finding(best, proven_try, Method.MILP)

    def by_program(self, time_limit_s: float) -> Finding:
        """Solve the exact program of all loads."""
        answer = self._program(self._start, time_limit_s)
        return self._finding(answer.schedule, answer.bound_try, Method.MILP, answer.missing)

    def _program(self, start: Schedule, time_limit_s: float) -> Answer:
        spare_w = self._grid.spare_w if len(self._loads) > 1 else None
        answer = optimum(self._loads, self._limits, spare_w, start, max(SHORTEST_S, time_limit_s))
        if answer.schedule is not None and not self._holds(answer.schedule, SIMULATION_TOLERANCE_C):
            _log.error("the solver's schedule breaks its limits when simulated")
            return replace(answer, schedule=None, missing=Fallback.PLANNER_FAILED)
        return answer

    def _finding(
        self, schedule: Schedule | None, bound_try: float | None, method: Method, missing: Fallback | None = None
    ) -> Finding:
        relaxed = any(self._limits[load.name].are_relaxed(load.store.comfort) for load in self._loads)
        return Finding(schedule=schedule, bound_try=bound_try, method=method, relaxed=relaxed, missing=missing)

    def _in_turn(self, order: Sequence[Load], time_limit_s: float) -> Schedule:
        """Each load in turn is solved with the power that is left; where that keeps no limits, it runs as it can."""

        def cheapest(load: Load) -> Sequence[bool]:
            known = fullest(load)
            if not self._limits[load.name].hold(load.store.trajectory(known)):
                return known
            return load_optima([load], self._limits, {load.name: known}, time_limit_s)[load.name].schedule

        return self._shared_out(order, cheapest)

    def _fullest(self, order: Sequence[Load]) -> Schedule:
        """Each load in turn runs as much as its limits and the power that is left allow."""
        return self._shared_out(order, fullest)

    def _shared_out(self, order: Sequence[Load], schedule_of: Callable[[Load], Sequence[bool]]) -> Schedule:
        schedule: dict[Name, Sequence[bool]] = {}
        spare_w = [
            left_w - sum(load.power_w for load in order if load.on_at_start and step < load.held)
            for step, left_w in enumerate(self._grid.spare_w)
        ]
        for load in order:
            may_run = tuple(load.power_w <= left_w for left_w in spare_w)
            schedule[load.name] = on = schedule_of(replace(load, may_run=may_run))
            for step in range(load.held, len(spare_w)):
                spare_w[step] -= load.power_w * on[step]
        return schedule

    def _fits(self, schedule: Schedule) -> bool:
        """Whether the loads together stay below the power limit; what is held may be above it."""
        for step, left_w in enumerate(self._grid.spare_w):
            drawn_w = sum(load.power_w for load in self._loads if schedule[load.name][step])
            held_w = sum(load.power_w for load in self._loads if load.on_at_start and load.is_held(step))
            if drawn_w > max(left_w, held_w) + _ROUNDING_W:
                return False
        return True

    def _miss_c(self, schedule: Schedule) -> float:
        """By how much a schedule breaks the limits, summed over steps."""
        return sum(self._limits[load.name].miss_c(load.store.trajectory(schedule[load.name])) for load in self._loads)

    def _holds(self, schedule: Schedule, tolerance_c: float = TOLERANCE_C) -> bool:
        return all(
            self._limits[load.name].hold(load.store.trajectory(schedule[load.name]), tolerance_c)
            for load in self._loads
        )

    def _cost_try(self, schedule: Schedule) -> float:
        return sum(
            cost for load in self._loads for cost, on in zip(load.cost_try, schedule[load.name], strict=True) if on
        )
