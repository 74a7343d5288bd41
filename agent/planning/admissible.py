"""Whether a dispatch may be carried out: everything that no plan may break, each by its own name."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from agent.domain.device import Name
from agent.planning.alone.limits import TOLERANCE_C, Limits
from agent.planning.grid.model import Dispatch, Load, Model


def is_admissible(
    model: Model, limits: Mapping[Name, Limits], dispatch: Dispatch, tolerance_c: float = TOLERANCE_C
) -> bool:
    """Whether a dispatch breaks nothing."""
    return not any(violations(model, limits, dispatch, tolerance_c))


def violations(
    model: Model, limits: Mapping[Name, Limits], dispatch: Dispatch, tolerance_c: float = TOLERANCE_C
) -> Iterator[str]:
    """What a dispatch breaks, in words; nothing if it may be carried out."""
    for load in model.loads:
        yield from _of_load(load, limits[load.name], dispatch.loads[load.name], tolerance_c)
    for errand, runs in zip(model.errands, dispatch.runs, strict=True):
        if not errand.holds(runs):
            yield f"{errand.appliance}: not its run, or not at its time"
    if not model.exchange.holds(model.net_w(dispatch)):
        yield "the connection: more than its limits allow"
    if model.bank is not None and not model.bank.holds(dispatch.battery_w or (), model.exchange.hours):
        yield "the battery: more than it can"


def _of_load(load: Load, limits: Limits, schedule: Sequence[bool], tolerance_c: float) -> Iterator[str]:
    trajectory_c = load.store.trajectory(schedule)
    if not limits.hold(trajectory_c, tolerance_c):
        yield f"{load.name}: {load.store.name} leaves its limits"
    if not keeps_times(load, schedule):
        yield f"{load.name}: a run or a rest is too short"
    for quota in load.quotas:
        if sum(quota.first <= step < quota.stop for step in load.starts(schedule)) > quota.starts:
            yield f"{load.name}: more than {quota.starts} starts"
    if not is_hygienic(load, trajectory_c, tolerance_c):
        yield f"{load.name}: {load.store.name} is not hot for long enough"


def keeps_times(load: Load, schedule: Sequence[bool]) -> bool:
    """Whether what is held stays, and every later run and rest lasts long enough; the last may go on afterwards."""
    if any(on != load.on_at_start for on in schedule[: load.held]):
        return False
    changes = [step for step, (was, on) in enumerate(pairwise((load.on_at_start, *schedule))) if was != on]
    return all(later - step >= (load.min_on if schedule[step] else load.min_off) for step, later in pairwise(changes))


def is_hygienic(load: Load, trajectory_c: Sequence[float], tolerance_c: float = TOLERANCE_C) -> bool:
    """Whether the store is hot for long enough by when it must."""
    return load.hygiene is None or hygienic_step(load, trajectory_c, tolerance_c) is not None


def hygienic_step(load: Load, trajectory_c: Sequence[float], tolerance_c: float = TOLERANCE_C) -> int | None:
    """The step at whose end the store has been hot for long enough for the first time; None if it is not in time."""
    if load.hygiene is None:
        return None
    return hot_for(trajectory_c[: load.hygiene.due], load.hygiene.hot_c - tolerance_c, load.hygiene.hold)


def hot_for(trajectory_c: Sequence[float], hot_c: float, hold: int) -> int | None:
    """The step at whose end a temperature has been reached for so many steps on end for the first time, if ever."""
    held = 0
    for step, at_c in enumerate(trajectory_c):
        held = held + 1 if at_c >= hot_c else 0
        if held == hold:
            return step
    return None
