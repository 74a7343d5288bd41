"""The smart-house paper's mixed-integer program (equations 1-9) in PuLP, solved by HiGHS.

One program holds one load, or several that a power limit ties together. The rows are those of docs/planning.md; all of
its numbers come from `agent.planning.model`, so that program and prediction cannot drift apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import highspy
import pulp

from agent.domain.device import Name
from agent.domain.plan import Fallback
from agent.planning.limits import TOLERANCE_C, Limits
from agent.planning.model import Load, Schedule, Store

RELATIVE_GAP = 1e-4
"""A plan whose bound is this near counts as optimal."""

_MISSING = {
    highspy.HighsModelStatus.kInfeasible: Fallback.PLANNER_INFEASIBLE,
    highspy.HighsModelStatus.kTimeLimit: Fallback.PLANNER_LATE,
}


@dataclass(frozen=True)
class Answer:
    """What the solver found in its time."""

    schedule: Schedule | None
    """None if it found no admissible schedule."""
    bound_try: float | None
    """No admissible schedule costs less; None if it proved nothing."""
    optimal: bool
    missing: Fallback | None
    """Why there is no schedule; None if there is one."""


@dataclass(frozen=True)
class _Columns:
    """The variables of one load; lists have one entry per step."""

    on: list[pulp.LpVariable]
    after_c: list[pulp.LpVariable]
    """Temperature at the end of the step; its bounds are the limits, or what can be reached within them."""
    started: list[pulp.LpVariable]
    """At least 1 where a run begins; empty where there is no minimum time to keep."""
    sun_c: dict[int, pulp.LpVariable]
    """What the collector gives, in the steps where the temperature decides whether it gives anything."""
    shines: dict[int, pulp.LpVariable]
    """Whether it gives anything, for the same steps."""


def optimum(
    loads: Sequence[Load],
    limits: Mapping[Name, Limits],
    spare_w: Sequence[float] | None,
    start: Schedule | None,
    time_limit_s: float,
) -> Answer:
    """Find the cheapest admissible schedule of the loads together.

    `spare_w` is what the power limit leaves to them in each step, None if it does not tie them together. `start` is an
    admissible schedule, None if none is known.
    """
    program = pulp.LpProblem("day", pulp.LpMinimize)
    columns = {load.name: _columns(program, load, limits[load.name]) for load in loads}
    costs = [(on, cost) for load in loads for on, cost in zip(columns[load.name].on, load.cost_try, strict=True)]
    program.setObjective(pulp.LpAffineExpression(costs))
    for load in loads:
        _add_physics(program, load.store, columns[load.name])
        _add_minimum_times(program, load, columns[load.name])
    if spare_w is not None:
        _add_power_limit(program, loads, columns, spare_w)
    known: dict[pulp.LpVariable, float] = {}
    if start is not None:
        for load in loads:
            known |= _known(load, columns[load.name], start[load.name])
    return _solved(program, columns, known, time_limit_s)


def _columns(program: pulp.LpProblem, load: Load, limits: Limits) -> _Columns:
    columns = _Columns(on=[], after_c=[], started=[], sun_c={}, shines={})
    store, name = load.store, load.name
    floor_c = ceiling_c = store.start_c
    for step, may_run in enumerate(load.may_run):
        if _collects(store, step, floor_c, ceiling_c) is None:
            columns.sun_c[step] = program.add_variable(f"{name}_sun_{step}", 0)
            columns.shines[step] = program.add_variable(f"{name}_shines_{step}", cat=pulp.LpBinary)
        least, most = (load.on_at_start,) * 2 if step < load.held else (False, may_run)
        columns.on.append(program.add_variable(f"{name}_on_{step}", int(least), int(most), pulp.LpInteger))
        if load.min_on > 1 or load.min_off > 1:
            columns.started.append(program.add_variable(f"{name}_start_{step}", 0, 1))
        floor_c = max(limits.low_c[step], store.after(step, floor_c, on=most if load.cools else least)) - TOLERANCE_C
        ceiling_c = (
            min(limits.high_c[step], store.after(step, ceiling_c, on=least if load.cools else most)) + TOLERANCE_C
        )
        columns.after_c.append(program.add_variable(f"{name}_c_{step}", floor_c, ceiling_c))
    return columns


def _collects(store: Store, step: int, floor_c: float, ceiling_c: float) -> bool | None:
    """Whether the collector's pump runs in a step; None if that hangs on the temperature."""
    if store.sun_c[step] - store.fade[step] * ceiling_c >= 0:
        return True
    if store.sun_c[step] - store.fade[step] * floor_c <= 0:
        return False
    return None


def _add_physics(program: pulp.LpProblem, store: Store, columns: _Columns) -> None:
    before_c: pulp.LpVariable | float = store.start_c
    floor_c = ceiling_c = store.start_c
    for step, after_c in enumerate(columns.after_c):
        sun_c = store.sun_c[step] - store.fade[step] * before_c
        row = after_c - store.keep[step] * before_c - store.lift_c[step] * columns.on[step]
        collects = _collects(store, step, floor_c, ceiling_c)
        if collects:
            row -= sun_c
        elif collects is None:
            given_c, shines = columns.sun_c[step], columns.shines[step]
            row -= given_c
            program += given_c >= sun_c
            program += given_c <= sun_c + (store.fade[step] * ceiling_c - store.sun_c[step]) * (1 - shines)
            program += given_c <= (store.sun_c[step] - store.fade[step] * floor_c) * shines
        program += row == store.push_c[step]
        before_c, floor_c, ceiling_c = after_c, after_c.lowBound, after_c.upBound


def _add_minimum_times(program: pulp.LpProblem, load: Load, columns: _Columns) -> None:
    """Rajan and Takriti's rows: one start at most within a minimum run and its rest, and the run lasts."""
    on = columns.on
    for step, started in enumerate(columns.started):
        before = on[step - 1] if step else int(load.on_at_start)
        program += started >= on[step] - before
        program += pulp.lpSum(columns.started[max(0, step - load.min_on + 1) : step + 1]) <= on[step]
        rested_from = step - load.min_off
        before = on[rested_from] if rested_from >= 0 else int(load.on_at_start)
        program += pulp.lpSum(columns.started[max(0, rested_from + 1) : step + 1]) <= 1 - before


def _add_power_limit(
    program: pulp.LpProblem, loads: Sequence[Load], columns: Mapping[Name, _Columns], spare_w: Sequence[float]
) -> None:
    for step, left_w in enumerate(spare_w):
        held_w = sum(load.power_w for load in loads if step < load.held and load.on_at_start)
        drawn_w = pulp.LpAffineExpression([(columns[load.name].on[step], load.power_w) for load in loads])
        program += drawn_w <= max(left_w, held_w)


def _known(load: Load, columns: _Columns, schedule: Sequence[bool]) -> dict[pulp.LpVariable, float]:
    after_c = load.store.trajectory(schedule)
    before_c = (load.store.start_c, *after_c)
    was_on = (load.on_at_start, *schedule)
    sun_c = {step: load.store.sun_c[step] - load.store.fade[step] * before_c[step] for step in columns.sun_c}
    return {
        **dict(zip(columns.on, map(float, schedule), strict=True)),
        **dict(zip(columns.after_c, after_c, strict=True)),
        **{started: float(schedule[step] and not was_on[step]) for step, started in enumerate(columns.started)},
        **{variable: max(0.0, sun_c[step]) for step, variable in columns.sun_c.items()},
        **{variable: float(sun_c[step] > 0) for step, variable in columns.shines.items()},
    }


def _solved(
    program: pulp.LpProblem,
    columns: Mapping[Name, _Columns],
    known: Mapping[pulp.LpVariable, float],
    time_limit_s: float,
) -> Answer:
    """Solve by PuLP's HiGHS, taken step by step.

    LpProblem.solve() offers no place to hand a known solution over, calls one found at the time limit "Optimal", and
    reads values where there are none.
    """
    solver = pulp.HiGHS(msg=False, threads=1, timeLimit=time_limit_s, gapRel=RELATIVE_GAP)
    solver.createAndConfigureSolver(program)
    solver.buildSolverModel(program)
    highs = program.solverModel
    if known:
        start = highspy.HighsSolution()
        start.col_value = [known[variable] for variable in program.variables()]
        highs.setSolution(start)
    solver.callSolver(program)
    info, status = highs.getInfo(), highs.getModelStatus()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        missing = _MISSING.get(status, Fallback.PLANNER_FAILED)
        return Answer(schedule=None, bound_try=None, optimal=False, missing=missing)
    values = highs.getSolution().col_value
    return Answer(
        schedule={name: tuple(values[on.index] > 0.5 for on in mine.on) for name, mine in columns.items()},
        bound_try=info.mip_dual_bound if isfinite(info.mip_dual_bound) else None,
        optimal=status == highspy.HighsModelStatus.kOptimal,
        missing=None,
    )
