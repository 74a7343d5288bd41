"""The house once more, written straight from the paper's equations and knowing nothing of agent.planning."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import product
from math import inf

from agent.domain.device import Name
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, AirConditionerMode, Band, LoadState
from agent.domain.plan import Problem

Schedule = dict[Name, tuple[bool, ...]]


def step_starts(problem: Problem) -> list[datetime]:
    count = round(problem.horizon.duration_s / problem.step_s)
    return [problem.horizon.start + k * timedelta(seconds=problem.step_s) for k in range(count)]


def room_c(problem: Problem, on: Sequence[bool]) -> list[float]:
    """Temperatures at the ends of the steps."""
    room, unit = problem.house.room, problem.house.air_conditioner
    now_c = problem.state.room_temperature_c
    assert room is not None
    assert now_c is not None
    hours, path = problem.step_s / 3600, []
    for at, runs in zip(step_starts(problem), on, strict=True):
        heat_w = room.heat_loss_w_per_c * (problem.outdoor_temperature_c.at(at) - now_c)
        if runs and unit is not None:
            heat_w += unit.power_w * unit.cop * (-1 if unit.mode is AirConditionerMode.COOL else 1)
        now_c += heat_w * hours / room.heat_capacity_wh_per_c
        path.append(now_c)
    return path


def tank_c(problem: Problem, on: Sequence[bool]) -> list[float]:
    """Temperatures at the ends of the steps."""
    tank, rod, collector = problem.house.tank, problem.house.water_heater, problem.house.collector
    now_c = problem.state.tank_temperature_c
    assert tank is not None
    assert now_c is not None
    hours, path = problem.step_s / 3600, []
    for at, runs in zip(step_starts(problem), on, strict=True):
        outdoor_c = problem.outdoor_temperature_c.at(at)
        around_c = outdoor_c if tank.ambient_c is None else tank.ambient_c
        heat_w = -tank.heat_loss_w_per_c * (now_c - around_c)
        if runs and rod is not None:
            heat_w += rod.power_w
        if collector is not None:
            gain_w_m2 = problem.irradiance_w_m2.at(at) - collector.heat_loss_w_per_m2_c * (now_c - outdoor_c)
            heat_w += collector.area_m2 * collector.heat_removal_factor * max(0.0, gain_w_m2)
        drawn_kg = (problem.hot_water_kg_per_s.get(at) or 0.0) * problem.step_s
        now_c += heat_w * hours / (1.163 * tank.water_kg) + drawn_kg * (tank.cold_water_c - now_c) / tank.water_kg
        path.append(now_c)
    return path


def paths_c(problem: Problem, schedule: Schedule) -> Iterator[tuple[Name, list[float], Band]]:
    """Of each load: the temperatures it leads to, and the band they should keep."""
    if problem.house.air_conditioner is not None and problem.house.room is not None:
        yield AIR_CONDITIONER, room_c(problem, schedule[AIR_CONDITIONER]), problem.house.room.comfort
    if problem.house.water_heater is not None and problem.house.tank is not None:
        yield WATER_HEATER, tank_c(problem, schedule[WATER_HEATER]), problem.house.tank.comfort


def movable_try(problem: Problem, schedule: Schedule) -> float:
    return sum(
        problem.price_try_per_kwh.at(at) * problem.house.load(name).power_w / 1000 * problem.step_s / 3600
        for name, on in schedule.items()
        for at, runs in zip(step_starts(problem), on, strict=True)
        if runs
    )


def keeps_times(problem: Problem, name: Name, on: Sequence[bool]) -> bool:
    """Whether every run and rest lasts long enough, counting what was before; the last may go on afterwards."""
    unit, before = problem.house.load(name), problem.state.loads.get(name, LoadState(on=False))
    age_s = inf if before.since is None else (problem.horizon.start - before.since).total_seconds()
    blocks = [(before.on, age_s)]
    for runs in on:
        was, length_s = blocks[-1]
        if runs == was:
            blocks[-1] = (was, length_s + problem.step_s)
        else:
            blocks.append((runs, problem.step_s))
    return all(length_s >= (unit.min_on_s if runs else unit.min_off_s) for runs, length_s in blocks[:-1])


def is_held_on(problem: Problem, name: Name, at: datetime) -> bool:
    """Whether a load that was on at the start may not be switched off yet."""
    before = problem.state.loads.get(name)
    if before is None or not before.on or before.since is None:
        return False
    return (at - before.since).total_seconds() < problem.house.load(name).min_on_s


def keeps_power(problem: Problem, schedule: Schedule) -> bool:
    """Whether nothing is on beyond the power limit that could be off."""
    limit_w = problem.house.power_limit_w
    if limit_w is None:
        return True
    for index, at in enumerate(step_starts(problem)):
        on = [name for name in schedule if schedule[name][index]]
        drawn_w = problem.base_load_w.at(at) + sum(problem.house.load(name).power_w for name in on)
        if drawn_w > limit_w + 1e-6 and not all(is_held_on(problem, name, at) for name in on):
            return False
    return True


def keeps_band(path_c: Sequence[float], band: Band, slack_c: float) -> bool:
    return all(band.low_c - slack_c <= at_c <= band.high_c + slack_c for at_c in path_c)


def ends_well(problem: Problem, name: Name, path_c: Sequence[float], slack_c: float) -> bool:
    """Whether no heat (or cold) that was there at the start has been used up."""
    start_c = problem.state.tank_temperature_c if name == WATER_HEATER else problem.state.room_temperature_c
    unit = problem.house.load(name)
    assert start_c is not None
    if getattr(unit, "mode", None) is AirConditionerMode.COOL:
        return path_c[-1] <= max(start_c, unit.thermostat_c) + slack_c
    return path_c[-1] >= min(start_c, unit.thermostat_c) - slack_c


def is_admissible(problem: Problem, name: Name, on: tuple[bool, ...], slack_c: float) -> bool:
    """Whether one load alone may run so, in band and with what it began with."""
    if not keeps_times(problem, name, on):
        return False
    idle = {other: (False,) * len(on) for other in problem.house.loads}
    paths = {key: (path_c, band) for key, path_c, band in paths_c(problem, {**idle, name: on})}
    path_c, band = paths[name]
    return keeps_band(path_c, band, slack_c) and ends_well(problem, name, path_c, slack_c)


def cheapest_try(problem: Problem, slack_c: float) -> float | None:
    """The least movable cost over all admissible schedules, by counting them; None if there is none."""
    count = len(step_starts(problem))
    choices = [
        [(name, on) for on in product((False, True), repeat=count) if is_admissible(problem, name, on, slack_c)]
        for name in problem.house.loads
    ]
    costs = (movable_try(problem, dict(pick)) for pick in product(*choices) if keeps_power(problem, dict(pick)))
    return min(costs, default=None)
