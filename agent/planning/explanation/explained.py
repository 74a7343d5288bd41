"""A plan with its reasons."""

from collections.abc import Mapping, Sequence
from math import ceil

from agent.domain.device import Name
from agent.domain.plan import Plan
from agent.domain.problem import Problem
from agent.planning.admissible import hot_for
from agent.planning.alone.limits import TOLERANCE_C, Limits
from agent.planning.answer import Solution
from agent.planning.explanation.changes import changes_of
from agent.planning.explanation.misses import misses_of
from agent.planning.explanation.reasons import reasons_of
from agent.planning.grid.model import Model
from agent.planning.grid.stores import TANK


def described(problem: Problem, model: Model, solution: Solution, plan: Plan) -> Plan:
    """The plan of a solution, with the comfort that it misses, and when the tank is hot for long enough."""
    temperatures_c = model.predict(solution.dispatch).temperatures_c
    step = _hygienic(problem, temperatures_c)
    return plan.model_copy(
        update={
            "misses": misses_of(model, temperatures_c),
            "hygienic_at": None if step is None else model.steps[step].end,
        }
    )


def explained(problem: Problem, model: Model, limits: Mapping[Name, Limits], solution: Solution, plan: Plan) -> Plan:
    """The same, with a reason for each block, and what it changes."""
    return described(problem, model, solution, plan).model_copy(
        update={
            "reasons": reasons_of(model, limits, solution.dispatch),
            "changes": changes_of(problem, model, limits, solution.dispatch),
        }
    )


def _hygienic(problem: Problem, temperatures_c: Mapping[str, Sequence[float]]) -> int | None:
    """When the tank has been hot for long enough, asked for or not: what the sun brings counts."""
    tank = problem.house.tank
    if tank is None or tank.legionella is None:
        return None
    hold = max(1, ceil(tank.legionella.hold_s / problem.step_s))
    return hot_for(temperatures_c[TANK], tank.legionella.temperature_c - TOLERANCE_C, hold)
