"""HiGHS and CBC on a program in PuLP, each with one thread, from a known solution, and with its proven bound.

LpProblem.solve() calls a solution found at the time limit "Optimal", gives no bound, and has no place where HiGHS could
be handed a known solution. So HiGHS is taken step by step and asked itself; CBC's bound stands in its log.
"""

import logging
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path

import highspy
import pulp

from agent.domain.plan import Fallback

_log = logging.getLogger(__name__)

RELATIVE_GAP = 1e-4
"""A solution whose bound is this near counts as optimal."""
_MISSING = {
    highspy.HighsModelStatus.kInfeasible: Fallback.PLANNER_INFEASIBLE,
    highspy.HighsModelStatus.kTimeLimit: Fallback.PLANNER_LATE,
}
_CBC_BOUND = re.compile(r"^Lower bound:\s+(\S+)$", re.MULTILINE)
_CBC_VALUE = re.compile(r"^Objective value:\s+(\S+)$", re.MULTILINE)
_CBC_INFEASIBLE = re.compile(r"proven infeasible|Pre-processing says infeasible|Problem is infeasible")


@dataclass(frozen=True)
class Outcome:
    """How far a solver came; the variables of the problem hold its solution, if it has one."""

    bound_try: float | None = None
    """On the objective; None if it proved nothing."""
    optimal: bool = False
    missing: Fallback | None = None
    """Why there is no solution; None if there is one."""


def by_highs(problem: pulp.LpProblem, time_limit_s: float, relative_gap: float = RELATIVE_GAP) -> Outcome:
    """Solve by HiGHS; the values that the variables have are where it begins, if they all have one."""
    solver = pulp.HiGHS(msg=False, threads=1, timeLimit=time_limit_s, gapRel=relative_gap)
    solver.createAndConfigureSolver(problem)
    solver.buildSolverModel(problem)
    highs, variables = problem.solverModel, problem.variables()
    known = [variable.value() for variable in variables]
    if None not in known:
        start = highspy.HighsSolution()
        start.col_value = known
        highs.setSolution(start)
    solver.callSolver(problem)
    info, status = highs.getInfo(), highs.getModelStatus()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return Outcome(missing=_MISSING.get(status, Fallback.PLANNER_FAILED))
    for variable, value in zip(variables, highs.getSolution().col_value, strict=True):
        variable.varValue = value
    optimal = status == highspy.HighsModelStatus.kOptimal
    return Outcome(bound_try=_bound_try(problem, info.mip_dual_bound, optimal=optimal), optimal=optimal)


def by_cbc(problem: pulp.LpProblem, time_limit_s: float) -> Outcome:
    """Solve by CBC; the values that the variables have are where it begins, if they all have one.

    CBC is a program of its own: the one that is installed, else the one in PuLP's wheel. It looks at the time now and
    then only, and may take a second longer.
    """
    path = cbc_path()
    if path is None:
        _log.error('there is no CBC on this machine: install it (coinor-cbc), or choose solver = "milp"')
        return Outcome(missing=Fallback.PLANNER_FAILED)
    known = None not in [variable.value() for variable in problem.variables()]
    with tempfile.TemporaryDirectory(prefix="kwh-hub-cbc-") as directory:
        log = Path(directory, "log")
        # No `threads`: with none CBC works in its own, with one it waits for another.
        solver = pulp.COIN_CMD(
            path=path, msg=False, timeLimit=time_limit_s, gapRel=RELATIVE_GAP, warmStart=known, logPath=str(log)
        )
        solver.tmpDir = directory
        try:
            problem.solve(solver)
        except pulp.PulpSolverError as error:
            _log.error("CBC failed: %s", error)
            return Outcome(missing=Fallback.PLANNER_FAILED)
        said = log.read_text(errors="replace")
    if problem.sol_status not in {pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible}:
        infeasible = problem.sol_status == pulp.LpSolutionInfeasible or _CBC_INFEASIBLE.search(said) is not None
        return Outcome(missing=Fallback.PLANNER_INFEASIBLE if infeasible else Fallback.PLANNER_LATE)
    optimal = problem.sol_status == pulp.LpSolutionOptimal
    return Outcome(bound_try=_bound_try(problem, _cbc_bound(said), optimal=optimal), optimal=optimal)


def cbc_path() -> str | None:
    """Where CBC is; None if there is none that may be run."""
    installed = shutil.which("cbc")
    if installed is not None:
        return installed
    carried = pulp.PULP_CBC_CMD.pulp_cbc_path
    return carried if os.access(carried, os.X_OK) else None


def _cbc_bound(said: str) -> float:
    """The bound in CBC's log, -infinity without one; it prints one only where it differs from the objective.

    It prints three places, and may have rounded up.
    """
    found = _CBC_BOUND.findall(said) or _CBC_VALUE.findall(said)
    if not found:
        return -inf
    places = len(found[-1].partition(".")[2])
    return float(found[-1]) - 0.5 * 10.0**-places


def _bound_try(problem: pulp.LpProblem, of_branches: float, *, optimal: bool) -> float | None:
    """What is proven; a linear program, without whole numbers, has no branches, and its optimum is its bound."""
    if not problem.isMIP():
        return float(pulp.value(problem.objective)) if optimal else None
    return of_branches if isfinite(of_branches) else None
