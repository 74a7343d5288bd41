"""Bodies of heat on the step grid: one exact step, shared by rule, program, cells and prediction.

Room and tank are both a *store*: over step t its temperature goes to

    dark = keep[t]·T + push[t] + lift[t]·u[t]
    T'   = min(dark + max(0, sun[t] - fade[t]·T), max(dark, stop))          (docs/planning.md has the physics)

with u[t] whether the load in it is on. Temperatures are in °C, powers in W.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf

from agent.domain.comfort import Band
from agent.domain.house import (
    SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C,
    AirConditioner,
    AirConditionerMode,
    Collector,
)
from agent.domain.interval import Interval, Series
from agent.domain.problem import Problem, Wanted

ROOM = "room"
TANK = "tank"


@dataclass(frozen=True)
class Store:
    """A body of heat on the step grid; every tuple has one entry per step."""

    name: str
    start_c: float
    wanted_low_c: tuple[float, ...]
    """Comfort at the end of each step."""
    wanted_high_c: tuple[float, ...]
    keep: tuple[float, ...]
    push_c: tuple[float, ...]
    lift_c: tuple[float, ...]
    """What its load adds in one step; negative where it cools."""
    sun_c: tuple[float, ...]
    fade: tuple[float, ...]
    """The collector gives max(0, sun_c - fade·T): its pump stands still where it would lose heat."""
    stop_c: float = inf
    """The collector's pump stands still where it would warm the store further than this."""

    def after(self, step: int, temperature_c: float, *, on: bool) -> float:
        """The temperature at the end of a step that begins at `temperature_c`."""
        sun_c = max(0.0, self.sun_c[step] - self.fade[step] * temperature_c)
        lift_c = self.lift_c[step] if on else 0.0
        dark_c = self.keep[step] * temperature_c + self.push_c[step] + lift_c
        return min(dark_c + sun_c, max(dark_c, self.stop_c))

    def trajectory(self, schedule: Sequence[bool]) -> tuple[float, ...]:
        """Temperatures at the ends of the steps."""
        steps = enumerate(schedule)
        return tuple(
            accumulate(steps, lambda now_c, step: self.after(step[0], now_c, on=step[1]), initial=self.start_c)
        )[1:]

    def miss_c(self, step: int, after_c: float) -> float:
        """How far outside the comfort band a temperature at the end of a step is."""
        return max(0.0, self.wanted_low_c[step] - after_c, after_c - self.wanted_high_c[step])


def room_of(problem: Problem, steps: Sequence[Interval], hours: Sequence[float]) -> Store | None:
    """The air-conditioned room; None if there is none."""
    room, start_c, unit = problem.house.room, problem.state.room_temperature_c, problem.house.air_conditioner
    if room is None or start_c is None:
        return None
    outdoor_c = [problem.outdoor_temperature_c.mean(step) for step in steps]
    sunshine_w_m2 = [problem.irradiance_w_m2.mean(step) for step in steps]
    # Never more than all: with steps longer than the house's own time constant the explicit step would oscillate.
    lost = [min(1.0, room.heat_loss_w_per_c * h / room.heat_capacity_wh_per_c) for h in hours]
    gain_w = [room.internal_gain_w + room.solar_aperture_m2 * sun for sun in sunshine_w_m2]
    moved_w = [0.0 if unit is None else _moved_w(unit, out_c) for out_c in outdoor_c]
    low_c, high_c = _wanted(problem.room_wanted, room.comfort, steps)
    return Store(
        name=ROOM,
        start_c=start_c,
        wanted_low_c=low_c,
        wanted_high_c=high_c,
        keep=tuple(1 - part for part in lost),
        push_c=tuple(
            part * out_c + gain * h / room.heat_capacity_wh_per_c
            for part, out_c, gain, h in zip(lost, outdoor_c, gain_w, hours, strict=True)
        ),
        lift_c=tuple(heat_w * h / room.heat_capacity_wh_per_c for heat_w, h in zip(moved_w, hours, strict=True)),
        sun_c=(0.0,) * len(steps),
        fade=(0.0,) * len(steps),
    )


def _moved_w(unit: AirConditioner, outdoor_c: float) -> float:
    heat_w = unit.power_w * cop_of(unit, outdoor_c)
    return -heat_w if unit.mode is AirConditionerMode.COOL else heat_w


def cop_of(unit: AirConditioner, outdoor_c: float) -> float:
    """What a unit moves per electricity: between two points of its table straight, beyond them as at the last."""
    if not unit.cop_at:
        return unit.cop
    if outdoor_c <= unit.cop_at[0].outdoor_c:
        return unit.cop_at[0].cop
    for colder, warmer in pairwise(unit.cop_at):
        if outdoor_c <= warmer.outdoor_c:
            share = (outdoor_c - colder.outdoor_c) / (warmer.outdoor_c - colder.outdoor_c)
            return colder.cop + share * (warmer.cop - colder.cop)
    return unit.cop_at[-1].cop


def tank_of(problem: Problem, steps: Sequence[Interval], hours: Sequence[float]) -> Store | None:
    """The hot-water tank; None if there is none."""
    tank, start_c, rod = problem.house.tank, problem.state.tank_temperature_c, problem.house.water_heater
    if tank is None or start_c is None:
        return None
    capacity_wh_per_c = tank.water_kg * SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C
    low_c, high_c = _wanted(problem.tank_wanted, tank.comfort, steps)
    keep, push_c, sun_c, fade = [], [], [], []
    for step, h, low, high in zip(steps, hours, low_c, high_c, strict=True):
        outdoor_c, sun_w_m2 = problem.outdoor_temperature_c.mean(step), problem.irradiance_w_m2.mean(step)
        lost = min(1.0, tank.heat_loss_w_per_c * h / capacity_wh_per_c)
        # A draw larger than the tank leaves it full of cold water, no colder.
        drawn = min(1.0 - lost, _amount(problem.hot_water_kg_per_s, step) / tank.water_kg)
        around_c = outdoor_c if tank.ambient_c is None else tank.ambient_c
        keep.append(1 - lost - drawn)
        push_c.append(lost * around_c + drawn * tank.cold_water_c)
        sun, loss = _collector(problem.house.collector, h / capacity_wh_per_c, sun_w_m2, outdoor_c, (low + high) / 2)
        share = 1.0 if loss <= keep[-1] else keep[-1] / loss  # as above: never past the balance in one step
        sun_c.append(sun * share)
        fade.append(loss * share)
    stop_c = None if problem.house.collector is None else problem.house.collector.stops_at_c
    return Store(
        name=TANK,
        start_c=start_c,
        wanted_low_c=low_c,
        wanted_high_c=high_c,
        keep=tuple(keep),
        push_c=tuple(push_c),
        lift_c=tuple(0.0 if rod is None else rod.power_w * h / capacity_wh_per_c for h in hours),
        sun_c=tuple(sun_c),
        fade=tuple(fade),
        stop_c=inf if stop_c is None else stop_c,
    )


def _collector(
    collector: Collector | None, c_per_w: float, sun_w_m2: float, outdoor_c: float, usual_c: float
) -> tuple[float, float]:
    """What it gives at 0 °C, and what it gives less per °C of the tank, both as °C of the tank.

    The quadratic loss is drawn straight through the usual temperature of the tank: at 20 °C from it, 2 % of the gain
    with a2 = 0.015.
    """
    if collector is None:
        return 0.0, 0.0
    per_w_m2 = collector.area_m2 * collector.heat_removal_factor * c_per_w
    loss = collector.heat_loss_w_per_m2_c + collector.heat_loss_w_per_m2_c2 * max(0.0, usual_c - outdoor_c)
    return per_w_m2 * (sun_w_m2 + loss * outdoor_c), per_w_m2 * loss


def _amount(rate_per_s: Series, span: Interval) -> float:
    """A rate summed over a span; where the series has a gap it adds nothing."""
    return sum(rate * span.overlap_s(part) for part, rate in rate_per_s.cut(span).items())


def _wanted(
    wanted: Wanted | None, comfort: Band, steps: Sequence[Interval]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Comfort at the end of each step: that of the step itself."""
    if wanted is None:
        return (comfort.low_c,) * len(steps), (comfort.high_c,) * len(steps)
    return (
        tuple(wanted.low_c.at(step.start) for step in steps),
        tuple(wanted.high_c.at(step.start) for step in steps),
    )
