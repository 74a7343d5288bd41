"""A plan, read as orders: what each load should do at a moment, and when that changes."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from agent.domain.command import Cause
from agent.domain.device import Name
from agent.domain.house import AirConditioner, House
from agent.domain.plan import Plan
from agent.domain.thermostat import thermostat
from agent.domain.value import Value


class Want(Value):
    """What a load should do, before the interlock has spoken."""

    load: Name
    on: bool
    cause: Cause


def switching_instants(plan: Plan, after: datetime) -> Sequence[datetime]:
    """The moments after `after` at which the plan changes a load, in order, each once."""
    borders = {border for load in plan.loads for block in load.on for border in (block.start, block.end)}
    return sorted(border for border in borders if after < border < plan.horizon.end)


def still_good(plan: Plan | None, moment: datetime, max_age: timedelta) -> Plan | None:
    """The plan, unless it is stale: made longer ago than `max_age`, or for another time."""
    if plan is None or moment not in plan.horizon or moment - plan.made_at > max_age:
        return None
    return plan


def wants(
    house: House,
    plan: Plan | None,
    moment: datetime,
    measured_c: Mapping[Name, float | None],
    setpoints_c: Mapping[Name, float] | None = None,
) -> Sequence[Want]:
    """What each load of the house should do now.

    The plan decides where it is given and holds the moment. Otherwise the thermostat rule decides from the temperature
    (°C) that the load serves and the setpoint of the moment (its own where none is given), and without a temperature
    the load stays off.
    """
    return [_want(house, plan, moment, name, measured_c.get(name), setpoints_c or {}) for name in house.loads]


def wants_of_appliances(
    plan: Plan | None,
    moment: datetime,
    appliances: Iterable[Name],
    by_hand: AbstractSet[Name] = frozenset(),
    in_mid_run: AbstractSet[Name] = frozenset(),
) -> Sequence[Want]:
    """What each appliance with a relay should do now.

    It runs in its blocks, goes on where its owner has started it (`by_hand`), and where it has begun and may not be
    interrupted (`in_mid_run`), it goes on to its own end even if the block is over: it may have started late.
    """
    found: list[Want] = []
    for name in appliances:
        part = plan.load(name) if plan is not None and moment in plan.horizon else None
        if part is not None and part.is_on(moment):
            found.append(Want(load=name, on=True, cause=Cause.PLAN))
        elif name in by_hand:
            found.append(Want(load=name, on=True, cause=Cause.OBSERVED))
        elif name in in_mid_run:
            found.append(Want(load=name, on=True, cause=Cause.MIN_ON))
        else:
            found.append(Want(load=name, on=False, cause=Cause.NO_PLAN if plan is None else Cause.PLAN))
    return found


def left_to_owner(wanted: Sequence[Want], overrides: Mapping[Name, bool]) -> Sequence[Want]:
    """The wants, but where its owner has set a load at its button, what that says."""
    return [
        Want(load=want.load, on=overrides[want.load], cause=Cause.OVERRIDE) if want.load in overrides else want
        for want in wanted
    ]


def _want(
    house: House,
    plan: Plan | None,
    moment: datetime,
    name: Name,
    measured_c: float | None,
    setpoints_c: Mapping[Name, float],
) -> Want:
    part = plan.load(name) if plan is not None and moment in plan.horizon else None
    if part is not None:
        return Want(load=name, on=part.is_on(moment), cause=Cause.PLAN)
    if measured_c is None:
        return Want(load=name, on=False, cause=Cause.NO_PLAN)
    load = house.load(name)
    setpoint_c = setpoints_c.get(name, load.thermostat_c)
    if isinstance(load, AirConditioner):
        on = thermostat(measured_c, setpoint_c, mode=load.mode)
    else:
        on = thermostat(measured_c, setpoint_c)
    return Want(load=name, on=on, cause=Cause.THERMOSTAT)
