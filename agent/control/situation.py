"""What the home is like, from the newest snapshot, older readings and the plan's own prediction."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from agent.control.circuits import circuit_of
from agent.control.interlock import Situation, other_power_w
from agent.control.sampler import Snapshot
from agent.domain.comfort import Band
from agent.domain.device import Name, Reading
from agent.domain.house import (
    AIR_CONDITIONER,
    SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C,
    WATER_HEATER,
    House,
    HouseState,
    LoadState,
)
from agent.domain.interval import Series
from agent.domain.plan import Plan

BOILING_C = 100.0


def fresh_temperature_c(reading: Reading | None, moment: datetime, max_age_s: float) -> float | None:
    """The temperature of a reading that is not older than `max_age_s`, else None."""
    if reading is None or reading.temperature_c is None:
        return None
    return reading.temperature_c if moment - reading.at <= timedelta(seconds=max_age_s) else None


def house_state(
    house: House,
    at: datetime,
    measured_c: Mapping[Name, float | None],
    plan: Plan | None,
    loads: Mapping[Name, LoadState],
) -> HouseState:
    """The home at a moment.

    Where no thermometer answers, the plan's prediction stands in, then the colder end of the comfort band; what was
    not measured is named in `estimated`.
    """
    estimated: set[str] = set()
    room_c = tank_c = None
    if house.room is not None:
        room_c = measured_c.get(AIR_CONDITIONER)
        if room_c is None:
            estimated.add("room_temperature_c")
            room_c = predicted_c(plan, plan.room_temperature_c, at) if plan else None
            room_c = house.room.comfort.low_c if room_c is None else room_c
    if house.tank is not None:
        tank_c = measured_c.get(WATER_HEATER)
        if tank_c is None:
            estimated.add("tank_temperature_c")
            tank_c = predicted_c(plan, plan.tank_temperature_c, at) if plan else None
            tank_c = house.tank.comfort.low_c if tank_c is None else tank_c
    return HouseState(
        at=at,
        room_temperature_c=room_c,
        tank_temperature_c=tank_c,
        estimated=frozenset(estimated),
        loads=dict(loads),
    )


def predicted_c(plan: Plan, trajectory: Series | None, at: datetime) -> float | None:
    """What the plan expects a temperature to be at a moment, °C; None outside it.

    A trajectory holds the temperature at the end of each step; in between it runs straight, but for the first step,
    whose beginning it does not hold.
    """
    if trajectory is None:
        return None
    before_c, after_c = trajectory.get(at - timedelta(seconds=plan.step_s)), trajectory.get(at)
    if after_c is None:
        return None
    if before_c is None:
        return after_c
    passed = (at - plan.horizon.start) / timedelta(seconds=plan.step_s) % 1
    return before_c + (after_c - before_c) * passed


def situation(
    snapshot: Snapshot,
    state: HouseState,
    house: House,
    powers: Mapping[Name, Name],
    house_meter: Name | None,
    base_load_w: float,
    silent_w: float,
    tank_at_most_c: float | None,
) -> Situation:
    """What the interlock looks at.

    `powers` names the device that meters each load; of one without a meter the house's meter is thought to see what it
    draws as a rule. `silent_w` is what loads that do not answer may be drawing.
    """
    metered = {reading.device: reading.power_w for reading in snapshot.readings if reading.power_w is not None}
    loads_w = {load: metered[device] for load, device in powers.items() if device in metered}
    unmetered_w = {
        load: circuit_of(house, load).power_at_w(None if now.since is None else state.at - now.since)
        for load, now in state.loads.items()
        if now.on and load not in loads_w
    }
    house_w = metered.get(house_meter) if house_meter else None
    return Situation(
        at=state.at,
        loads=state.loads,
        tank_at_most_c=tank_at_most_c,
        drawn_w=loads_w,
        other_power_w=other_power_w(house_w, loads_w | unmetered_w, base_load_w, silent_w),
    )


def tank_at_most_c(house: House, reading: Reading | None, on_s: float) -> float:
    """The warmest that the tank can be: as it was last measured, and all that its heater gave in `on_s` since.

    Whoever draws or loses heat only makes it colder. Without any reading it may be as warm as water gets, so that a
    heater whose thermometer was never heard stays off.
    """
    if reading is None or reading.temperature_c is None or house.tank is None or house.water_heater is None:
        return BOILING_C
    heat_wh = house.water_heater.power_w * on_s / 3600
    warmed_c = heat_wh / (house.tank.water_kg * SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C)
    return min(BOILING_C, reading.temperature_c + warmed_c)


def deviation(plan: Plan, state: HouseState, wanted: Mapping[str, Band], limits_c: Mapping[str, float]) -> str | None:
    """In words how far the home has drifted from the plan, or None while it is within the limits.

    `wanted` gives the bands of room and tank at this moment; `limits_c` says by how much they may differ from the plan,
    and a part that it does not name is not looked at. Outside the band half of that is enough, if the plan expected to
    be inside. Estimated temperatures never count.
    """
    checks = (
        ("room", plan.room_temperature_c, state.room_temperature_c),
        ("tank", plan.tank_temperature_c, state.tank_temperature_c),
    )
    for name, trajectory, measured_c in checks:
        expected_c, band = predicted_c(plan, trajectory, state.at), wanted.get(name)
        if band is None or measured_c is None or expected_c is None or name not in limits_c:
            continue
        missed = _is_outside(band, measured_c) and not _is_outside(band, expected_c)
        limit_c = limits_c[name] / 2 if missed else limits_c[name]
        if f"{name}_temperature_c" not in state.estimated and abs(measured_c - expected_c) > limit_c:
            return f"{name} is at {measured_c:.1f} °C, the plan expected {expected_c:.1f} °C"
    return None


def _is_outside(band: Band, temperature_c: float) -> bool:
    return not band.low_c <= temperature_c <= band.high_c
