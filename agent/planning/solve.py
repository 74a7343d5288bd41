"""The best plan that can be found in the time a problem allows, and the proof of how good it is.

`solve` is all that the planners know of how it is done.
"""

import time
from collections.abc import Iterator, Sequence

from agent.domain.device import Name
from agent.domain.plan import Fallback, Plan, Problem, ProofStatus, Solver
from agent.planning.answer import Solution, plan_of
from agent.planning.model import Model, model_of
from agent.planning.search import Finding, Search, are_tied
from agent.planning.thermostat import thermostat_plan, thermostat_schedule

OPTIMAL_GAP = 1e-3
"""A plan whose bound is so near, relative to its movable cost, counts as optimal."""
_NOTHING_TRY = 1e-6
"""A smaller difference is none."""


def solve(problem: Problem) -> Plan:
    """Answer a problem: by what the search finds, else by the thermostat, flagged."""
    began_s = time.monotonic()
    model = model_of(problem)
    baseline = thermostat_schedule(model)
    findings = list(_findings(problem, model, baseline, began_s))
    missing = frozenset(finding.missing for finding in findings if finding.missing is not None)
    if missing:
        return thermostat_plan(problem, *missing)
    solution = _solution(model, findings, time.monotonic() - began_s)
    return plan_of(problem, model, solution, thermostat_movable_try=model.movable_try(baseline))


def _findings(
    problem: Problem, model: Model, baseline: dict[Name, tuple[bool, ...]], began_s: float
) -> Iterator[Finding]:
    """What each search finds; a program holds no more loads than a power limit ties together."""
    by_program = problem.solver is Solver.MILP
    apart = by_program and not are_tied(model.grid, model.loads)
    groups = [[load] for load in model.loads] if apart else [list(model.loads)]
    for index, group in enumerate(groups):
        left_s = problem.time_limit_s - (time.monotonic() - began_s)
        search = Search(model.grid, group, baseline)
        time_limit_s = left_s / (len(groups) - index)
        yield search.by_program(time_limit_s) if by_program else search.by_cells(time_limit_s)


def _solution(model: Model, findings: Sequence[Finding], solve_s: float) -> Solution:
    schedule: dict[Name, Sequence[bool]] = {}
    for finding in findings:
        schedule |= finding.schedule or {}
    bounds_try = [finding.bound_try for finding in findings if finding.bound_try is not None]
    bound_try = sum(bounds_try) if len(bounds_try) == len(findings) else None
    return Solution(
        schedule=schedule,
        method=findings[0].method,
        status=_status(model.movable_try(schedule), bound_try),
        movable_bound_try=bound_try,
        fallbacks=frozenset({Fallback.COMFORT_RELAXED} if any(finding.relaxed for finding in findings) else ()),
        solve_s=solve_s,
    )


def _status(movable_try: float, bound_try: float | None) -> ProofStatus:
    if bound_try is None:
        return ProofStatus.UNPROVEN
    if movable_try - bound_try <= max(_NOTHING_TRY, OPTIMAL_GAP * abs(movable_try)):
        return ProofStatus.OPTIMAL
    return ProofStatus.BOUNDED
