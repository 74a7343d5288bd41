"""The last word before a relay: what a want may become.

In falling order: a house that would draw more than it may sheds load; a tank that is too hot puts its heater off; a
load that was switched a short while ago stays as it is. Pure functions: the same situation gives the same verdict.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from agent.control.circuits import ORDERS_TAKE, circuit_of
from agent.control.schedule import Want
from agent.domain.command import Cause
from agent.domain.device import Name
from agent.domain.house import WATER_HEATER, House, LoadState
from agent.domain.value import Value


class Situation(Value):
    """What the interlock looks at."""

    at: datetime
    loads: dict[Name, LoadState]
    """As reported; a load that does not answer is missing."""
    tank_at_most_c: float | None
    """The warmest that the tank can be by now; None if it has no thermometer at all."""
    other_power_w: float
    """What the house draws besides its switched loads; negative where its meter sees more of its own generation."""
    drawn_w: dict[Name, float]
    """What the meters of the loads see."""


def verdicts(house: House, wanted: Sequence[Want], situation: Situation) -> Sequence[Want]:
    """The wants as they may be carried out, each with the cause that decided."""
    held = [_held_by_rest(house, want, situation) for want in wanted]
    cool = [_held_by_heat(house, want, situation) for want in held]
    return _held_by_power(house, cool, situation)


def _held_by_rest(house: House, want: Want, situation: Situation) -> Want:
    """Minimum on and off times: relays, compressors and elements live longer when left alone."""
    state = situation.loads.get(want.load)
    if state is None or state.since is None or state.on == want.on:
        return want
    load = circuit_of(house, want.load)
    least_s, cause = (load.min_on_s, Cause.MIN_ON) if state.on else (load.min_off_s, Cause.MIN_OFF)
    if situation.at < state.since + timedelta(seconds=least_s) - ORDERS_TAKE:
        return Want(load=want.load, on=state.on, cause=cause)
    return want


def _held_by_heat(house: House, want: Want, situation: Situation) -> Want:
    if want.load != WATER_HEATER or not want.on or house.tank is None or situation.tank_at_most_c is None:
        return want
    if situation.tank_at_most_c >= house.tank.safety_limit_c:
        return Want(load=want.load, on=False, cause=Cause.TANK_TOO_HOT)
    return want


def _held_by_power(house: House, wanted: Sequence[Want], situation: Situation) -> Sequence[Want]:
    """Shed until the house stays below its limit: first what is off and would start, then the largest."""
    if house.power_limit_w is None:
        return wanted
    free_w = house.power_limit_w - situation.other_power_w
    kept: set[Name] = set()
    for want in sorted((want for want in wanted if want.on), key=lambda want: _shed_last(house, want, situation)):
        power_w = power_on_w(house, want.load, situation)
        if power_w <= free_w:
            free_w -= power_w
            kept.add(want.load)
    return [
        want if not want.on or want.load in kept else Want(load=want.load, on=False, cause=Cause.POWER_LIMIT)
        for want in wanted
    ]


def _shed_last(house: House, want: Want, situation: Situation) -> tuple[bool, bool, float]:
    """What is to go on sorts first: what runs, of that what may not stop, of that the smallest."""
    state, circuit = situation.loads.get(want.load), circuit_of(house, want.load)
    running = state is not None and state.on
    return (not running, want.cause is not Cause.MIN_ON and not circuit.in_runs, circuit.power_w)


def power_on_w(house: House, load: Name, situation: Situation) -> float:
    """What a load draws while it is on, W: what is expected of it at this moment, or more if its meter sees more.

    That is its rating; of an appliance whose start is known, or would be now, the power of the phase it has come to.
    """
    state = situation.loads.get(load)
    running: timedelta | None = timedelta()
    if state is not None and state.on:
        running = None if state.since is None else situation.at - state.since
    return max(circuit_of(house, load).power_at_w(running), situation.drawn_w.get(load, 0.0))


def other_power_w(
    house_meter_w: float | None, load_powers_w: Mapping[Name, float], base_load_w: float, silent_w: float
) -> float:
    """What the house draws besides the loads that answer, W.

    Metered where the house has a meter, and negative where it generates more than that itself; else what is expected,
    and what silent loads were last told to draw. Without a meter own generation is unknown and counts as nothing.
    """
    if house_meter_w is not None:
        return house_meter_w - sum(load_powers_w.values())
    return base_load_w + silent_w
