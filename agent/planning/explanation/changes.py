"""What a plan does otherwise than the one before, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from agent.domain.device import Name
from agent.domain.interval import Interval, Series
from agent.domain.plan import ChangeCause, Changes, Plan
from agent.domain.problem import Problem
from agent.planning.admissible import is_admissible
from agent.planning.alone.limits import Limits
from agent.planning.answer import blocks
from agent.planning.grid.model import Dispatch, Model
from agent.planning.steadying import spoken

_SAME_PRICE = 1e-6
_SAME_OUTDOOR_C = 0.2
_AS_EXPECTED_C = 0.1


def changes_of(problem: Problem, model: Model, limits: Mapping[Name, Limits], dispatch: Dispatch) -> Changes | None:
    """How a dispatch differs from the announced plan; None if none was announced for this time."""
    announced = problem.announced
    if announced is None or announced.horizon.overlap_s(problem.horizon) <= 0:
        return None
    now_on: list[tuple[Name, Interval]] = []
    now_off: list[tuple[Name, Interval]] = []
    for load in model.loads:
        said, schedule = spoken(model, announced, load.name), dispatch.loads[load.name]
        more = [was is False and on for was, on in zip(said, schedule, strict=True)]
        less = [was is True and not on for was, on in zip(said, schedule, strict=True)]
        now_on += [(load.name, block) for block in blocks(model.steps, more)]
        now_off += [(load.name, block) for block in blocks(model.steps, less)]
    return Changes(
        since=announced.plan_id,
        now_on=tuple(now_on),
        now_off=tuple(now_off),
        causes=tuple(_causes(problem, model, announced)),
        announced_try=_announced_try(model, limits, dispatch, announced),
    )


def _announced_try(model: Model, limits: Mapping[Name, Limits], dispatch: Dispatch, announced: Plan) -> float | None:
    """What going on with the announced schedule would cost more, where it says nothing as now planned."""
    loads = {}
    for load in model.loads:
        said, schedule = spoken(model, announced, load.name), dispatch.loads[load.name]
        loads[load.name] = tuple(on if was is None else was for was, on in zip(said, schedule, strict=True))
    other = replace(dispatch, loads=loads)
    if not is_admissible(model, limits, other):
        return None
    return model.predict(other).objective_try - model.predict(dispatch).objective_try


def _causes(problem: Problem, model: Model, announced: Plan) -> Iterator[ChangeCause]:
    shared = Interval(
        start=max(problem.horizon.start, announced.horizon.start), end=min(problem.horizon.end, announced.horizon.end)
    )
    if _differ(problem.price_try_per_kwh, announced.price_try_per_kwh, shared, _SAME_PRICE):
        yield ChangeCause.PRICES
    if announced.outdoor_temperature_c is not None and _differ(
        problem.outdoor_temperature_c, announced.outdoor_temperature_c, shared, _SAME_OUTDOOR_C
    ):
        yield ChangeCause.WEATHER
    if _is_elsewhere(problem, announced):
        yield ChangeCause.MEASURED
    if problem.horizon.end > announced.horizon.end:
        yield ChangeCause.HORIZON
    known = {load.load: load.power_w for load in announced.loads}
    if any(known.get(load.name) != load.power_w for load in model.loads):
        yield ChangeCause.HOUSE


def _differ(now: Series, before: Series, span: Interval, least: float) -> bool:
    hours = span.steps(3600)
    return any(
        abs(now.mean(hour) - before.mean(hour)) > least for hour in hours if now.covers(hour) and before.covers(hour)
    )


def _is_elsewhere(problem: Problem, announced: Plan) -> bool:
    """Whether room or tank are not where the announced plan has them at the start."""
    before = problem.horizon.start - timedelta(seconds=announced.step_s)
    pairs = (
        (announced.room_temperature_c, problem.state.room_temperature_c),
        (announced.tank_temperature_c, problem.state.tank_temperature_c),
    )
    for expected, measured_c in pairs:
        expected_c = None if expected is None else expected.get(before)
        if expected_c is not None and measured_c is not None and abs(expected_c - measured_c) > _AS_EXPECTED_C:
            return True
    return False
