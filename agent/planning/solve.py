"""The best plan that can be found in the time a problem allows, and the proof of how good it is.

`improving` gives plan after plan, each whole and better than the one before; whoever stops it has the best so far.
`solve` takes the last.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import replace

from agent.domain.plan import Fallback, Plan, ProofStatus
from agent.domain.problem import Problem
from agent.planning.answer import Solution, named, plan_of
from agent.planning.explanation.explained import described, explained
from agent.planning.grid.model import Dispatch, Model, model_of
from agent.planning.search import Finding, Search
from agent.planning.steadying import steadied
from agent.planning.thermostat import thermostat_plan

_log = logging.getLogger(__name__)

OPTIMAL_GAP = 1e-3
"""A plan whose bound is so near, relative to its objective, counts as optimal."""
_WRONG = 1e-4
"""A bound above an admissible plan by more than this, relative to it, is no rounding of a solver's."""
_NOTHING_TRY = 1e-6
"""A smaller difference is none."""
_SHARE_FOR_SEARCH = 0.85
"""Of the time; the rest is for staying near the announced plan and for reasons."""


def solve(problem: Problem) -> Plan:
    """Answer a problem by the best plan that its time allows."""
    *_, best = improving(problem)
    return best


def improving(problem: Problem) -> Iterator[Plan]:
    """Ever better plans, the last one with its reasons; the thermostat's, flagged, where the search finds none."""
    began_s = time.monotonic()
    search = Search(model_of(problem))
    model, baseline = search.model, search.baseline
    best: Solution | None = None
    left_s = _SHARE_FOR_SEARCH * problem.time_limit_s - (time.monotonic() - began_s)
    for finding in search.findings(problem.solver, left_s):
        if finding.missing is not None or finding.dispatch is None:
            yield thermostat_plan(problem, finding.missing or Fallback.PLANNER_FAILED)
            return
        best = _solution(model, search, finding, finding.dispatch, time.monotonic() - began_s)
        yield named(described(problem, model, best, plan_of(problem, model, best, baseline=baseline)))
    if best is None:
        return
    steady = steadied(problem, model, search.limits, best.dispatch)
    solution = _judged(model, replace(best, dispatch=steady, solve_s=time.monotonic() - began_s))
    plan = plan_of(problem, model, solution, baseline=baseline)
    yield named(explained(problem, model, search.limits, solution, plan))


def _solution(model: Model, search: Search, finding: Finding, dispatch: Dispatch, solve_s: float) -> Solution:
    flags = {
        Fallback.COMFORT_RELAXED: search.relaxed,
        Fallback.HYGIENE_LATE: search.hygiene_is_late,
        Fallback.APPLIANCE_LATE: any(errand.late for errand in model.errands),
        Fallback.APPLIANCE_LEFT_OUT: search.leaves_out,
        Fallback.POWER_LIMIT_EXCEEDED: model.exchange.is_exceeded,
    }
    solution = Solution(
        dispatch=dispatch,
        method=finding.method,
        status=ProofStatus.UNPROVEN,
        bound_try=finding.bound_try,
        fallbacks=frozenset(flag for flag, raised in flags.items() if raised),
        solve_s=solve_s,
    )
    return _judged(model, solution)


def _judged(model: Model, solution: Solution) -> Solution:
    """The solution with what its bound says of it."""
    if solution.bound_try is None:
        return solution
    objective_try = model.predict(solution.dispatch).objective_try
    if solution.bound_try > objective_try + _WRONG * max(1.0, abs(objective_try)):
        _log.error("a bound of %.6f above an admissible plan's %.6f is wrong", solution.bound_try, objective_try)
        return replace(solution, bound_try=None)
    near = objective_try - solution.bound_try <= max(_NOTHING_TRY, OPTIMAL_GAP * abs(objective_try))
    return replace(solution, status=ProofStatus.OPTIMAL if near else ProofStatus.BOUNDED)
