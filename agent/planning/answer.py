"""From a schedule on the grid to a plan that can be kept and shown."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.domain.device import Name
from agent.domain.interval import Interval, Series
from agent.domain.plan import Fallback, LoadPlan, Method, Plan, Proof, ProofStatus
from agent.domain.problem import Problem
from agent.planning.grid.model import Dispatch, Model
from agent.planning.grid.runs import Errand
from agent.planning.grid.stores import ROOM, TANK


@dataclass(frozen=True)
class Solution:
    """A dispatch, and what is known about it."""

    dispatch: Dispatch
    method: Method
    status: ProofStatus
    bound_try: float | None = None
    """No admissible dispatch has a lower objective."""
    fallbacks: frozenset[Fallback] = frozenset()
    solve_s: float = 0.0


def plan_of(problem: Problem, model: Model, solution: Solution, *, baseline: Dispatch) -> Plan:
    """The plan that a solution means, without its name; costs and temperatures are those of the dispatch simulated."""
    prediction, rule = model.predict(solution.dispatch), model.predict(baseline)
    bound_try = solution.bound_try
    return Plan(
        plan_id="",
        made_at=problem.state.at,
        horizon=problem.horizon,
        step_s=problem.step_s,
        method=solution.method,
        loads=(*_load_plans(model, solution.dispatch), *_appliance_plans(model, solution.dispatch)),
        room_temperature_c=_series(model, prediction.temperatures_c.get(ROOM)),
        tank_temperature_c=_series(model, prediction.temperatures_c.get(TANK)),
        battery_w=_series(model, solution.dispatch.battery_w),
        battery_wh=_series(model, prediction.battery_wh),
        grid_w=_series(model, [model.exchange.grid_w(step, net_w) for step, net_w in enumerate(prediction.net_w)]),
        price_try_per_kwh=problem.price_try_per_kwh.cut(problem.horizon),
        outdoor_temperature_c=problem.outdoor_temperature_c.cut(problem.horizon),
        proof=Proof(
            status=solution.status,
            bill_try=prediction.bill_try,
            movable_try=prediction.movable_try,
            wear_try=prediction.wear_try,
            left_try=prediction.left_try,
            movable_bound_try=None if bound_try is None else min(bound_try, prediction.objective_try),
            thermostat_movable_try=rule.movable_try,
            thermostat_wear_try=rule.wear_try,
            thermostat_left_try=rule.left_try,
            solve_s=solution.solve_s,
        ),
        fallbacks=problem.fallbacks | solution.fallbacks,
    )


def named(plan: Plan) -> Plan:
    """The plan under its name: the same answer has the same name, however long it took."""
    timeless = plan.proof.model_copy(update={"solve_s": 0.0})
    nameless = plan.model_copy(update={"plan_id": "", "proof": timeless})
    digest = hashlib.sha256(nameless.model_dump_json().encode()).hexdigest()
    return plan.model_copy(update={"plan_id": f"{plan.made_at:%Y%m%dT%H%M%SZ}-{digest[:8]}"})


def _load_plans(model: Model, dispatch: Dispatch) -> Iterator[LoadPlan]:
    for load in model.loads:
        on = tuple(blocks(model.steps, dispatch.loads[load.name]))
        yield LoadPlan(load=load.name, power_w=load.power_w, on=on)


def _appliance_plans(model: Model, dispatch: Dispatch) -> Iterator[LoadPlan]:
    """One plan for each appliance, whatever the number of its runs."""
    courses: dict[Name, list[tuple[Errand, Sequence[bool]]]] = {}
    for errand, course in zip(model.errands, dispatch.runs, strict=True):
        courses.setdefault(errand.appliance, []).append((errand, course))
    for appliance, runs in courses.items():
        on = tuple(any(course[step] for _, course in runs) for step in range(len(model.steps)))
        profile_w = [power_w for errand, _ in runs for power_w in errand.profile_w]
        power_w = sum(profile_w) / len(profile_w)
        yield LoadPlan(load=appliance, power_w=power_w, on=tuple(blocks(model.steps, on)))


def blocks(steps: Sequence[Interval], schedule: Sequence[bool]) -> Iterator[Interval]:
    """The spans in which a schedule is on."""
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
    return None if values is None else Series.of(zip(model.steps, values, strict=True))
