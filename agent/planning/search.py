"""The search for a cheap dispatch: who is asked for it, and what must hold.

Where nothing ties loads together each is solved by itself, and the bounds add up. Where something does (a power limit,
own generation at another price, a battery, a demand charge) `coupling` takes over, and begins with what each load can
do in turn. Every finding is whole and better than the one before, so that the search can be stopped at any time.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

from agent.domain.device import Name
from agent.domain.plan import Fallback, Method
from agent.domain.problem import Solver
from agent.planning.admissible import is_admissible
from agent.planning.alone.automaton import Automaton
from agent.planning.alone.hygiene import Hygienic, attainable
from agent.planning.alone.least_miss import least_miss
from agent.planning.alone.limits import Limits, limits_of
from agent.planning.alone.load_optimum import improving_optima
from agent.planning.grid.model import Dispatch, Load, Model
from agent.planning.grid.runs import Errand, cheapest
from agent.planning.joint.coupling import improving
from agent.planning.program.milp import optimum
from agent.planning.rules import fitting, own_use, placed
from agent.planning.thermostat import thermostat_dispatch

_log = logging.getLogger(__name__)

SIMULATION_TOLERANCE_C = 1e-3
"""How far a solver's rounding may carry a simulated temperature past a limit; far below what can be measured."""
SHORTEST_S = 0.5
"""What the program's solver gets even where the time is used up."""
_OFTEN_S = 1.0
"""Findings that come faster than this are not worth being told."""


@dataclass(frozen=True)
class Finding:
    """What a search has come to."""

    dispatch: Dispatch | None
    """None if none was found that keeps the limits."""
    bound_try: float | None
    """No dispatch that keeps them has a lower objective; None if nothing is proven."""
    method: Method
    missing: Fallback | None = None
    """Why there is no dispatch."""


def are_tied(model: Model) -> bool:
    """Whether what one load costs or may do hangs on what another does."""
    if model.bank is not None:
        return True
    rest_w = model.exchange.rest_w
    most_w = [
        rest + sum(load.power_w for load in model.loads if load.may_run[step] or load.is_held(step))
        for step, rest in enumerate(rest_w)
    ]
    for errand in model.errands:
        for step in range(errand.first, errand.stop):
            most_w[step] += max(errand.profile_w)
    return not model.exchange.is_linear(rest_w, most_w)


class Search:
    """Loads that are planned together.

    A load alone can always keep its limits. Where loads share too little power, the limits give way to the known
    dispatch that breaks them least.
    """

    def __init__(self, model: Model) -> None:
        self.hygiene_is_late = False
        self.leaves_out = False
        """Whether an appliance cannot run for want of power."""
        for errands in _less_and_less(model):
            self.model = replace(model, errands=errands)
            self.baseline = thermostat_dispatch(self.model)
            self.leaves_out = len(errands) < len(model.errands)
            self._start = self._begin()
            if self._start is not None:
                return

    def _begin(self) -> Dispatch | None:
        """Set limits and hygiene to what can be; return an admissible dispatch, None if there is none."""
        loads, hours = self.model.loads, self.model.exchange.hours
        mild = {load.name: least_miss(load, hours).schedule for load in loads}
        self.limits: Mapping[Name, Limits] = {load.name: limits_of(load, mild[load.name]) for load in loads}
        asked = {load.name: attainable(load, self.limits[load.name]) for load in loads}
        self.hygiene_is_late = any(one.fate is not Hygienic.AS_ASKED for one in asked.values())
        self.model = replace(self.model, loads=tuple(asked[load.name].load for load in loads))
        if are_tied(self.model):
            return self._shared()
        spare_w = list(self.model.exchange.spare_w)
        runs = placed(self.model.errands, spare_w)
        alone = {
            load.name: self._cheaper(load, self.baseline.loads[load.name], asked[load.name].schedule or mild[load.name])
            for load in self.model.loads
        }
        return Dispatch(loads=alone, runs=runs)

    def _cheaper(self, load: Load, wanted: Sequence[bool], known: Sequence[bool]) -> Sequence[bool]:
        """The first schedule if it may be kept and costs less, else the second."""
        may = Automaton.of(load).holds(wanted) and self.limits[load.name].hold(load.store.trajectory(wanted))
        return wanted if may and load.objective_try(wanted) < load.objective_try(known) else known

    def _shared(self) -> Dispatch | None:
        """Let the limits give way to the known dispatch that breaks them least; return the cheapest within them."""
        known = [self.baseline, *(self._in_turn(order) for order in (self.model.loads, self.model.loads[::-1]))]
        feasible = [dispatch for dispatch in known if self._holds(dispatch, anywhere(self.model))]
        if not feasible:  # hygiene may be more than the power that is shared allows
            self.hygiene_is_late |= any(load.hygiene is not None for load in self.model.loads)
            self.model = replace(self.model, loads=tuple(replace(load, hygiene=None) for load in self.model.loads))
            feasible = [dispatch for dispatch in known if self._holds(dispatch, anywhere(self.model))]
        if not feasible:
            return None
        easiest = min(feasible, key=self._miss_c)
        self.limits = {
            load.name: self.limits[load.name].widened(load.store.trajectory(easiest.loads[load.name]))
            for load in self.model.loads
        }
        return min((one for one in feasible if self._holds(one, self.limits)), key=self._objective_try)

    def findings(self, solver: Solver, time_limit_s: float) -> Iterator[Finding]:
        """Ever better ones."""
        if self._start is None:
            yield Finding(None, None, Method.THERMOSTAT, Fallback.PLANNER_INFEASIBLE)
        elif solver is not Solver.DP:
            yield self._by_program(self._start, solver, time_limit_s)
        elif are_tied(self.model):
            yield from self._together(self._start, time_limit_s)
        else:
            yield from self._apart(self._start, time_limit_s)

    @property
    def relaxed(self) -> bool:
        """Whether comfort is given up somewhere."""
        return any(self.limits[load.name].are_relaxed(load.store) for load in self.model.loads)

    def _apart(self, start: Dispatch, time_limit_s: float) -> Iterator[Finding]:
        """Each load by itself; what is known at once comes first, and then what is better, but not every second."""
        runs = [cheapest(errand, self._price_try_per_w()) for errand in self.model.errands]
        said_s, finding = -inf, None
        for optima in improving_optima(self.model.loads, self.limits, start.loads, time_limit_s):
            finding = Finding(
                dispatch=Dispatch(
                    loads={name: found.schedule for name, found in optima.items()}, runs=tuple(run for run, _ in runs)
                ),
                bound_try=_proven(sum(found.bound_try for found in optima.values()) + sum(cost for _, cost in runs)),
                method=Method.DYNAMIC_PROGRAMMING,
            )
            if all(found.is_admissible for found in optima.values()) and time.monotonic() - said_s > _OFTEN_S:
                yield finding
                said_s, finding = time.monotonic(), None
        if finding is not None:
            yield finding

    def _price_try_per_w(self) -> list[float]:
        exchange = self.model.exchange
        return [
            exchange.step_try(step, rest_w + 1) - exchange.step_try(step, rest_w)
            for step, rest_w in enumerate(exchange.rest_w)
        ]

    def _together(self, start: Dispatch, time_limit_s: float) -> Iterator[Finding]:
        method, began_s = Method.DYNAMIC_PROGRAMMING, time.monotonic()
        yield Finding(dispatch=start, bound_try=None, method=method)
        left_s = time_limit_s - (time.monotonic() - began_s)
        for dispatch, bound_try in improving(self.model, self.limits, start, left_s):
            yield Finding(dispatch=dispatch, bound_try=_proven(bound_try), method=method)

    def _by_program(self, start: Dispatch, solver: Solver, time_limit_s: float) -> Finding:
        """Solve the exact program of all."""
        known = start if self._holds(start, self.limits) else None
        answer = optimum(self.model, self.limits, known, max(SHORTEST_S, time_limit_s), solver)
        dispatch, missing = answer.dispatch, answer.missing
        if dispatch is not None and not is_admissible(self.model, self.limits, dispatch, SIMULATION_TOLERANCE_C):
            _log.error("the solver's schedule breaks its limits when simulated")
            dispatch, missing = None, Fallback.PLANNER_FAILED
        return Finding(dispatch=dispatch, bound_try=answer.bound_try, method=Method.MILP, missing=missing)

    def _in_turn(self, order: Sequence[Load]) -> Dispatch:
        """Appliances as soon as they may, then each load in turn as comfortably as the power left allows."""
        exchange = self.model.exchange
        spare_w = list(exchange.spare_w)
        runs = placed(self.model.errands, spare_w)
        for load in order:
            for step in range(load.held if load.on_at_start else 0):
                spare_w[step] -= load.power_w
        schedule: dict[Name, Sequence[bool]] = {}
        for load in order:
            may_run = tuple(load.power_w <= left_w for left_w in spare_w)
            schedule[load.name] = on = least_miss(replace(load, may_run=may_run), exchange.hours).schedule
            for step in range(load.held, len(spare_w)):
                spare_w[step] -= load.power_w * on[step]
        dispatch = Dispatch(loads=schedule, runs=runs)
        return replace(dispatch, battery_w=own_use(self.model, dispatch))

    def _miss_c(self, dispatch: Dispatch) -> float:
        """By how much a dispatch breaks the limits, summed over steps."""
        return sum(
            self.limits[load.name].miss_c(load.store.trajectory(dispatch.loads[load.name])) for load in self.model.loads
        )

    def _holds(self, dispatch: Dispatch, limits: Mapping[Name, Limits]) -> bool:
        return is_admissible(self.model, limits, dispatch)

    def _objective_try(self, dispatch: Dispatch) -> float:
        return self.model.predict(dispatch).objective_try


def _proven(bound_try: float) -> float | None:
    return bound_try if isfinite(bound_try) else None


def _less_and_less(model: Model) -> Iterator[tuple[Errand, ...]]:
    """The appliances' runs for which there may be power, with all that a battery gives, without it, and none.

    What runs already goes on, unless it may pause and leaves too little power; what may not pause counts as base load.
    """
    given_w = 0.0 if model.bank is None else model.bank.discharge_w
    for helped_w in (given_w, 0.0):
        yield fitting(model.errands, [spare_w + helped_w for spare_w in model.exchange.spare_w])
    yield tuple(errand for errand in model.errands if errand.is_running)
    yield tuple(errand for errand in model.errands if errand.is_running and errand.uninterruptible)


def anywhere(model: Model) -> Mapping[Name, Limits]:
    """No limits on temperatures."""
    count = len(model.steps)
    return {load.name: Limits(low_c=(-inf,) * count, high_c=(inf,) * count) for load in model.loads}
