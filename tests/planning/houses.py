"""Problems small enough to be checked by hand or by counting all schedules."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from agent.domain.device import Name
from agent.domain.house import (
    AirConditioner,
    AirConditionerMode,
    Band,
    Collector,
    House,
    HouseState,
    LoadState,
    Room,
    Tank,
    WaterHeater,
)
from agent.domain.interval import Interval, Series
from agent.domain.plan import Plan, Problem

START = datetime(2026, 1, 5, 6, tzinfo=UTC)
ROOM = Room(heat_capacity_wh_per_c=800, heat_loss_w_per_c=150, comfort=Band(low_c=20, high_c=24))
HEATING = AirConditioner(power_w=1500, cop=3, mode=AirConditionerMode.HEAT, thermostat_c=22, min_on_s=0, min_off_s=0)
COOLING = HEATING.model_copy(update={"mode": AirConditionerMode.COOL, "thermostat_c": 24.0})
TANK = Tank(water_kg=80, heat_loss_w_per_c=2, cold_water_c=10, comfort=Band(low_c=42, high_c=60))
ROD = WaterHeater(power_w=2000, thermostat_c=50, min_on_s=0, min_off_s=0)
WARM_FLAT = House(room=ROOM, air_conditioner=HEATING)
BOILER = House(tank=TANK, water_heater=ROD)
BOTH = House(room=ROOM, air_conditioner=HEATING, tank=TANK, water_heater=ROD)


def problem(
    house: House,
    prices: Sequence[float],
    *,
    step_s: int = 300,
    room_c: float | None = None,
    tank_c: float | None = None,
    loads: Mapping[Name, LoadState] | None = None,
    **series: float | Sequence[float],
) -> Problem:
    """A problem with one price per step; the other series are given per step too, or as one number for all."""
    end = START + len(prices) * timedelta(seconds=step_s)
    steps = Interval(start=START, end=end).steps(step_s)

    def over(name: str, default: float) -> Series:
        given = series.get(name, default)
        values = given if isinstance(given, Sequence) else [given] * len(steps)
        return Series.of(zip(steps, values, strict=True))

    return Problem(
        horizon=Interval(start=START, end=end),
        step_s=step_s,
        house=house,
        state=HouseState(
            at=START,
            room_temperature_c=22.0 if room_c is None and house.room else room_c,
            tank_temperature_c=50.0 if tank_c is None and house.tank else tank_c,
            loads=dict(loads or {}),
        ),
        price_try_per_kwh=Series.of(zip(steps, prices, strict=True)),
        outdoor_temperature_c=over("outdoor_c", 5.0),
        irradiance_w_m2=over("sun_w_m2", 0.0),
        base_load_w=over("base_w", 0.0),
        hot_water_kg_per_s=over("draw_kg_per_s", 0.0),
        time_limit_s=5.0,
    )


def schedule(plan: Plan, asked: Problem) -> dict[Name, tuple[bool, ...]]:
    """A plan as whether each load is on in each step."""
    steps = asked.horizon.steps(asked.step_s)
    return {load.load: tuple(load.is_on(step.start) for step in steps) for load in plan.loads}


@st.composite
def houses(draw: st.DrawFn) -> House:
    """Homes with one or two loads whose temperatures move visibly in a few steps."""
    times = st.sampled_from([0, 300, 600, 900])
    kinds = draw(st.sampled_from(["flat", "boiler", "both"]))
    parts: dict[str, Any] = {}
    if kinds != "boiler":
        cools = draw(st.booleans())
        low_c = draw(st.floats(19, 21))
        parts["room"] = Room(
            heat_capacity_wh_per_c=draw(st.floats(400, 2000)),
            heat_loss_w_per_c=draw(st.floats(50, 250)),
            comfort=Band(low_c=low_c, high_c=low_c + draw(st.floats(2, 7))),
        )
        parts["air_conditioner"] = AirConditioner(
            power_w=draw(st.floats(800, 2500)),
            cop=draw(st.floats(2, 4)),
            mode=AirConditionerMode.COOL if cools else AirConditionerMode.HEAT,
            thermostat_c=draw(st.floats(20.5, 22.5)),
            min_on_s=draw(times),
            min_off_s=draw(times),
        )
    if kinds != "flat":
        parts["tank"] = Tank(
            water_kg=draw(st.floats(60, 200)),
            heat_loss_w_per_c=draw(st.floats(0.5, 5)),
            ambient_c=draw(st.none() | st.floats(10, 22)),
            cold_water_c=10,
            comfort=Band(low_c=40, high_c=60),
        )
        parts["water_heater"] = WaterHeater(
            power_w=draw(st.floats(1000, 3000)),
            thermostat_c=draw(st.floats(42, 55)),
            min_on_s=draw(times),
            min_off_s=draw(times),
        )
        if draw(st.booleans()):
            parts["collector"] = Collector(
                area_m2=draw(st.floats(1, 4)), heat_removal_factor=0.8, heat_loss_w_per_m2_c=draw(st.floats(0, 10))
            )
    return House(power_limit_w=draw(st.none() | st.floats(2500, 6500)), **parts)


def _mostly(usual: st.SearchStrategy[float], extreme: st.SearchStrategy[float]) -> st.SearchStrategy[float]:
    """Three times in four the usual."""
    return st.one_of(usual, usual, usual, extreme)


@st.composite
def problems(draw: st.DrawFn, max_steps: int = 12) -> Problem:
    """Short problems of such homes, with any start, weather and price."""
    house = draw(houses())
    count = draw(st.integers(2, max_steps))
    each = {
        "outdoor_c": _mostly(st.floats(8, 28), st.floats(-5, 35)),
        "sun_w_m2": st.floats(0, 900),
        "base_w": st.floats(0, 2500),
        "draw_kg_per_s": st.sampled_from([0.0, 0.0, 0.0, 0.02, 0.04]),
    }
    loads = {
        name: LoadState(
            on=draw(st.booleans()),
            since=draw(st.none() | st.integers(0, 1200).map(lambda ago_s: START - timedelta(seconds=ago_s))),
        )
        for name in house.loads
    }
    return problem(
        house,
        draw(st.lists(st.floats(-1, 5), min_size=count, max_size=count)),
        step_s=draw(st.sampled_from([300, 600])),
        room_c=draw(_mostly(st.floats(21, 22.5), st.floats(17, 29))) if house.room else None,
        tank_c=draw(_mostly(st.floats(44, 56), st.floats(33, 66))) if house.tank else None,
        loads=loads,
        **{name: draw(st.lists(value, min_size=count, max_size=count)) for name, value in each.items()},
    )
