"""From a schedule on the grid to a plan that can be kept and shown."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.domain.interval import Interval, Series
from agent.domain.plan import Fallback, LoadPlan, Method, Plan, Problem, Proof, ProofStatus
from agent.planning.model import ROOM, TANK, Load, Model, Schedule


@dataclass(frozen=True)
class Solution:
    """A schedule, and what is known about it."""

    schedule: Schedule
    method: Method
    status: ProofStatus
    movable_bound_try: float | None = None
    """No admissible schedule has a lower movable cost."""
    fallbacks: frozenset[Fallback] = frozenset()
    solve_s: float = 0.0


def plan_of(problem: Problem, model: Model, solution: Solution, *, thermostat_movable_try: float) -> Plan:
    """The plan that a solution means; costs and temperatures are those of the schedule simulated once more."""
    prediction = model.predict(solution.schedule)
    bound_try = solution.movable_bound_try
    plan = Plan(
        plan_id="",
        made_at=problem.state.at,
        horizon=problem.horizon,
        step_s=problem.step_s,
        method=solution.method,
        loads=tuple(_load_plan(load, model, solution.schedule[load.name]) for load in model.loads),
        room_temperature_c=_series(model, prediction.temperatures_c.get(ROOM)),
        tank_temperature_c=_series(model, prediction.temperatures_c.get(TANK)),
        price_try_per_kwh=problem.price_try_per_kwh.cut(problem.horizon),
        proof=Proof(
            status=solution.status,
            bill_try=prediction.bill_try,
            movable_try=prediction.movable_try,
            movable_bound_try=None if bound_try is None else min(bound_try, prediction.movable_try),
            thermostat_movable_try=thermostat_movable_try,
        ),
        fallbacks=problem.fallbacks | solution.fallbacks,
    )
    digest = hashlib.sha256(plan.model_dump_json().encode()).hexdigest()
    proof = plan.proof.model_copy(update={"solve_s": solution.solve_s})
    plan_id = f"{plan.made_at:%Y%m%dT%H%M%SZ}-{digest[:8]}"  # the same answer has the same name, however long it took
    return plan.model_copy(update={"plan_id": plan_id, "proof": proof})


def _load_plan(load: Load, model: Model, schedule: Sequence[bool]) -> LoadPlan:
    return LoadPlan(load=load.name, power_w=load.power_w, on=tuple(_blocks(model.grid.steps, schedule)))


def _blocks(steps: Sequence[Interval], schedule: Sequence[bool]) -> Iterator[Interval]:
    first: Interval | None = None
    for step, on in zip(steps, schedule, strict=True):
        if on and first is None:
            first = step
        elif not on and first is not None:
            yield Interval(start=first.start, end=step.start)
            first = None
    if first is not None:
        yield Interval(start=first.start, end=steps[-1].end)


def _series(model: Model, values: Sequence[float] | None) -> Series | None:
    return None if values is None else Series.of(zip(model.grid.steps, values, strict=True))
