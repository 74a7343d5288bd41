"""Of plans that cost nearly the same, the one nearest to what was announced.

People and compressors dislike a plan that turns over whenever it is made anew. A change has a price: first none may be
made at all, then each changed step must save a part of `PATIENCE`, and less and less of it. The first plan that is
within `PATIENCE` of the cheapest is taken, and if none is, the cheapest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from agent.domain.device import Name
from agent.domain.plan import Plan
from agent.domain.problem import Problem
from agent.planning.admissible import is_admissible
from agent.planning.alone.limits import Limits
from agent.planning.alone.pricing import priced
from agent.planning.grid.model import Dispatch, Load, Model
from agent.planning.marginal import marginal_try, room_beside

PATIENCE = 5e-4
"""What staying near the announced plan may cost, relative to the objective."""
_SHARES = (0.25, 0.05, 0.01)
"""Of that, which each changed step must save at least."""
_CELLS = 4_000


def steadied(problem: Problem, model: Model, limits: Mapping[Name, Limits], cheapest: Dispatch) -> Dispatch:
    """A dispatch that keeps to the announced plan where changing it does not pay."""
    announced = problem.announced
    if announced is None or announced.horizon.overlap_s(problem.horizon) <= 0:
        return cheapest
    cheapest_try = model.predict(cheapest).objective_try
    allowed_try = cheapest_try + PATIENCE * abs(cheapest_try)
    best = cheapest
    for load in model.loads:
        said = spoken(model, announced, load.name)
        for schedule in _nearer(model, limits, best, load, said, allowed_try - cheapest_try):
            candidate = replace(best, loads={**best.loads, load.name: schedule})
            if (
                changed(schedule, said) < changed(best.loads[load.name], said)
                and is_admissible(model, limits, candidate)
                and model.predict(candidate).objective_try <= allowed_try
            ):
                best = candidate
                break
    return best


def spoken(model: Model, announced: Plan, name: Name) -> tuple[bool | None, ...]:
    """What an announced plan says of a load in each step; None where it says nothing."""
    plan = announced.load(name)
    return tuple(
        None if plan is None or step.start not in announced.horizon else plan.is_on(step.start) for step in model.steps
    )


def changed(schedule: Sequence[bool], said: Sequence[bool | None]) -> int:
    """In how many steps a schedule does otherwise than announced."""
    return sum(was is not None and on != was for on, was in zip(schedule, said, strict=True))


def _nearer(
    model: Model,
    limits: Mapping[Name, Limits],
    dispatch: Dispatch,
    load: Load,
    said: Sequence[bool | None],
    patience_try: float,
) -> Iterator[Sequence[bool]]:
    """Schedules that change less and less reluctantly, the most reluctant first."""
    now = dispatch.loads[load.name]
    if not changed(now, said):
        return
    yield tuple(on if was is None else was for on, was in zip(now, said, strict=True))
    costs_try = marginal_try(model, dispatch, load)
    beside = replace(load, may_run=room_beside(model, dispatch, load))
    for share in _SHARES:
        price_try = share * patience_try
        reluctant_try = [
            cost if was is None else cost + (-price_try if was else price_try)
            for cost, was in zip(costs_try, said, strict=True)
        ]
        yield from priced(beside, limits[load.name], reluctant_try, _CELLS).schedules[:1]
