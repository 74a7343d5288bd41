"""The best plan that can be found in the time a problem allows, and the proof of how good it is.

`solve` is all that the planners know of how it is done.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.domain.device import Name
from agent.domain.plan import Fallback, Method, Plan, Problem, ProofStatus
from agent.planning.answer import Solution, plan_of
from agent.planning.limits import TOLERANCE_C, fullest, limits_of
from agent.planning.milp import Answer, optimum
from agent.planning.model import Load, Model, Schedule, model_of
from agent.planning.thermostat import thermostat_plan, thermostat_schedule

_log = logging.getLogger(__name__)

SIMULATION_TOLERANCE_C = 1e-3
"""How far the solver's rounding may carry a simulated temperature past a limit; far below what can be measured."""
SHORTEST_S = 0.5
"""What the solver gets even where building the program has used the time up."""


def solve(problem: Problem) -> Plan:
    """Answer a problem: by the program where its schedule holds in simulation, else by the thermostat, flagged."""
    began_s = time.monotonic()
    model = model_of(problem)
    baseline = thermostat_schedule(model)
    groups = _groups(model)
    findings: list[_Finding] = []
    for index, group in enumerate(groups):
        left_s = problem.time_limit_s - (time.monotonic() - began_s)
        findings.append(_Search(model, group, baseline).run(max(SHORTEST_S, left_s / (len(groups) - index))))
    missing = frozenset(finding.answer.missing for finding in findings if finding.answer.missing is not None)
    if missing:
        return thermostat_plan(problem, *missing)
    solution = _solution(findings, time.monotonic() - began_s)
    return plan_of(problem, model, solution, thermostat_movable_try=model.movable_try(baseline))


@dataclass(frozen=True)
class _Finding:
    """What became of one program."""

    answer: Answer
    relaxed: bool
    """Whether its limits left the comfort band."""


def _groups(model: Model) -> list[list[Load]]:
    """Loads that a power limit ties together share a program; the others are independent of each other."""
    together_w = (
        sum(load.power_w for load in model.loads if load.may_run[step]) for step in range(len(model.grid.steps))
    )
    if any(drawn_w > spare_w for drawn_w, spare_w in zip(together_w, model.grid.spare_w, strict=True)):
        return [list(model.loads)]
    return [[load] for load in model.loads]


def _solution(findings: Sequence[_Finding], solve_s: float) -> Solution:
    schedule: dict[Name, Sequence[bool]] = {}
    for finding in findings:
        schedule |= finding.answer.schedule or {}
    bounds_try = [finding.answer.bound_try for finding in findings]
    bound_try = sum(known for known in bounds_try if known is not None)
    status = ProofStatus.OPTIMAL if all(finding.answer.optimal for finding in findings) else ProofStatus.BOUNDED
    proven = None not in bounds_try
    return Solution(
        schedule=schedule,
        method=Method.MILP,
        status=status if proven else ProofStatus.UNPROVEN,
        movable_bound_try=bound_try if proven else None,
        fallbacks=frozenset({Fallback.COMFORT_RELAXED} if any(finding.relaxed for finding in findings) else ()),
        solve_s=solve_s,
    )


class _Search:
    """One program: the loads it holds, the limits they must keep, and a schedule that is known to keep them.

    A load alone always can. Where loads share too little power, the limits give way to the known schedule that breaks
    them least.
    """

    def __init__(self, model: Model, group: Sequence[Load], baseline: Schedule) -> None:
        self._group = group
        self._grid = model.grid
        self._limits = {load.name: limits_of(load) for load in group}
        known = [baseline, self._fullest(group), self._fullest(group[::-1])]
        easiest = min(known, key=self._miss_c)
        self._limits = {
            load.name: self._limits[load.name].widened(load.store.trajectory(easiest[load.name])) for load in group
        }
        self._start = min(filter(self._holds, known), key=self._cost_try)

    def run(self, time_limit_s: float) -> _Finding:
        """Solve within the time."""
        spare_w = self._grid.spare_w if len(self._group) > 1 else None
        answer = optimum(self._group, self._limits, spare_w, self._start, time_limit_s)
        if answer.schedule is not None and not self._holds(answer.schedule, SIMULATION_TOLERANCE_C):
            _log.error("the solver's schedule breaks its limits when simulated")
            answer = replace(answer, schedule=None, missing=Fallback.PLANNER_FAILED)
        relaxed = any(self._limits[load.name].are_relaxed(load.store.comfort) for load in self._group)
        return _Finding(answer=answer, relaxed=relaxed)

    def _fullest(self, order: Sequence[Load]) -> Schedule:
        """Each load in turn runs as much as its limits and the power that is left allow."""
        schedule: dict[Name, Sequence[bool]] = {}
        spare_w = [
            left_w - sum(load.power_w for load in order if load.on_at_start and step < load.held)
            for step, left_w in enumerate(self._grid.spare_w)
        ]
        for load in order:
            may_run = tuple(load.power_w <= left_w for left_w in spare_w)
            schedule[load.name] = on = fullest(replace(load, may_run=may_run))
            for step in range(load.held, len(spare_w)):
                spare_w[step] -= load.power_w * on[step]
        return schedule

    def _miss_c(self, schedule: Schedule) -> float:
        """By how much a schedule breaks the limits, summed over steps."""
        return sum(self._limits[load.name].miss_c(load.store.trajectory(schedule[load.name])) for load in self._group)

    def _holds(self, schedule: Schedule, tolerance_c: float = TOLERANCE_C) -> bool:
        return all(
            self._limits[load.name].hold(load.store.trajectory(schedule[load.name]), tolerance_c)
            for load in self._group
        )

    def _cost_try(self, schedule: Schedule) -> float:
        return sum(
            cost for load in self._group for cost, on in zip(load.cost_try, schedule[load.name], strict=True) if on
        )
