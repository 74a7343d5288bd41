"""A plan with its reasons."""

from collections.abc import Mapping

from agent.domain.device import Name
from agent.domain.plan import Plan
from agent.domain.problem import Problem
from agent.planning.admissible import hygienic_step
from agent.planning.answer import Solution, named
from agent.planning.explanation.changes import changes_of
from agent.planning.explanation.misses import misses_of
from agent.planning.explanation.reasons import reasons_of
from agent.planning.limits import Limits
from agent.planning.model import Model


def explained(problem: Problem, model: Model, limits: Mapping[Name, Limits], solution: Solution, plan: Plan) -> Plan:
    """The plan of a solution, with a reason for each block, the comfort it misses, and what it changes."""
    temperatures_c = model.predict(solution.dispatch).temperatures_c
    hygienic = [hygienic_step(load, temperatures_c[load.store.name]) for load in model.loads]
    step = next((at for at in hygienic if at is not None), None)
    whole = plan.model_copy(
        update={
            "reasons": reasons_of(model, limits, solution.dispatch),
            "misses": misses_of(model, temperatures_c),
            "changes": changes_of(problem, model, limits, solution.dispatch),
            "hygienic_at": None if step is None else model.steps[step].end,
        }
    )
    return named(whole, solution.solve_s)
