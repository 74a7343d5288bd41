"""Problems small enough to be checked by hand or by counting all schedules."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from agent.domain.appliance import Phase, Run
from agent.domain.battery import Battery
from agent.domain.comfort import Band
from agent.domain.device import Name
from agent.domain.generation import Photovoltaics
from agent.domain.house import (
    AIR_CONDITIONER,
    AirConditioner,
    AirConditionerMode,
    Collector,
    CopAt,
    House,
    HouseState,
    Legionella,
    LoadState,
    Room,
    Tank,
    WaterHeater,
)
from agent.domain.interval import Interval, Series
from agent.domain.plan import Plan
from agent.domain.problem import EndRule, Problem, Wanted
from agent.domain.tariff import DemandCharge
from tests.planning.oracle import Oracle

START = datetime(2026, 1, 5, 6, tzinfo=UTC)
ROOM = Room(heat_capacity_wh_per_c=800, heat_loss_w_per_c=150, comfort=Band(low_c=20, high_c=24))
HEATING = AirConditioner(power_w=1500, cop=3, mode=AirConditionerMode.HEAT, thermostat_c=22, min_on_s=0, min_off_s=0)
COOLING = HEATING.model_copy(update={"mode": AirConditionerMode.COOL, "thermostat_c": 24.0})
TANK = Tank(water_kg=80, heat_loss_w_per_c=2, cold_water_c=10, comfort=Band(low_c=42, high_c=60))
ROD = WaterHeater(power_w=2000, thermostat_c=50, min_on_s=0, min_off_s=0)
CELLAR = Battery(capacity_wh=5000, charge_w=2500, discharge_w=2500, reserve_wh=500, wear_try_per_kwh=0.1)
WASHING = (Phase(duration_s=600, power_w=2000), Phase(duration_s=900, power_w=200), Phase(duration_s=300, power_w=600))
WARM_FLAT = House(room=ROOM, air_conditioner=HEATING)
COOL_FLAT = House(room=ROOM, air_conditioner=COOLING)
BOILER = House(tank=TANK, water_heater=ROD)
BOTH = House(room=ROOM, air_conditioner=HEATING, tank=TANK, water_heater=ROD)
SUNNY = House(
    tank=TANK,
    water_heater=ROD,
    battery=CELLAR,
    photovoltaics=Photovoltaics(peak_w=4000),
    power_limit_w=6000,
    export_limit_w=3000,
)


def problem(
    house: House,
    prices: Sequence[float],
    *,
    start: datetime = START,
    step_s: int = 300,
    room_c: float | None = None,
    tank_c: float | None = None,
    battery_wh: float | None = None,
    loads: Mapping[Name, LoadState] | None = None,
    given: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
    **series: float | Sequence[float],
) -> Problem:
    """A problem with one price per step; the other series are given per step too, or as one number for all.

    `given` are other fields of the problem, `state` of its state.
    """
    end = start + len(prices) * timedelta(seconds=step_s)
    steps = Interval(start=start, end=end).steps(step_s)

    def over(name: str, default: float) -> Series:
        values = series.get(name, default)
        return per_step(steps, values if isinstance(values, Sequence) else [values] * len(steps))

    optional = {"sell_try_per_kwh": "export_try_per_kwh", "own_w": "generation_w", "feeder_w": "feeder_limit_w"}
    fields: dict[str, Any] = {
        "horizon": Interval(start=start, end=end),
        "step_s": step_s,
        "house": house,
        "state": HouseState(
            at=start,
            room_temperature_c=22.0 if room_c is None and house.room else room_c,
            tank_temperature_c=50.0 if tank_c is None and house.tank else tank_c,
            battery_wh=2000.0 if battery_wh is None and house.battery else battery_wh,
            loads=dict(loads or {}),
            **(state or {}),
        ),
        "price_try_per_kwh": per_step(steps, prices),
        "outdoor_temperature_c": over("outdoor_c", 5.0),
        "irradiance_w_m2": over("sun_w_m2", 0.0),
        "base_load_w": over("base_w", 0.0),
        "hot_water_kg_per_s": over("draw_kg_per_s", 0.0),
        **{field: over(name, 0.0) for name, field in optional.items() if name in series},
        "time_limit_s": 5.0,
    }
    return Problem(**(fields | dict(given or {})))


def per_step(steps: Iterable[Interval], values: Sequence[float]) -> Series:
    """One value for each step."""
    return Series.of(zip(steps, values, strict=True))


def hourly(values: Sequence[float], step_s: int = 300) -> list[float]:
    """One value per hour as one per step."""
    return [value for value in values for _ in range(3600 // step_s)]


def schedule(plan: Plan, asked: Problem) -> dict[Name, tuple[bool, ...]]:
    """A plan as whether each load is on in each step."""
    steps = asked.horizon.steps(asked.step_s)
    return {load.load: tuple(load.is_on(step.start) for step in steps) for load in plan.loads}


def times(draw: st.DrawFn) -> dict[str, int]:
    some = st.sampled_from([0, 300, 600, 900])
    return {"min_on_s": draw(some), "min_off_s": draw(some)}


def _moved_c(unit: AirConditioner, capacity_wh_per_c: float) -> float:
    return unit.power_w * unit.cop * max(0, unit.min_on_s - 300) / 3600 / capacity_wh_per_c


@st.composite
def houses(draw: st.DrawFn) -> House:
    """Homes with one or two loads whose temperatures move visibly in a few steps."""
    kinds = draw(st.sampled_from(["flat", "boiler", "both"]))
    parts: dict[str, Any] = {}
    if kinds != "boiler":
        low_c, capacity_wh_per_c = draw(st.floats(19, 21)), draw(st.floats(400, 2000))
        unit = AirConditioner(
            power_w=draw(st.floats(800, 2500)),
            cop=draw(st.floats(2, 4)),
            mode=draw(st.sampled_from(AirConditionerMode)),
            thermostat_c=draw(st.floats(low_c, low_c + 2)),
            **times(draw),
        )
        parts["air_conditioner"] = unit
        parts["room"] = Room(
            heat_capacity_wh_per_c=capacity_wh_per_c,
            heat_loss_w_per_c=draw(st.floats(50, 250)),
            # A band that is narrower than what a minimum run moves is refused.
            comfort=Band(low_c=low_c, high_c=low_c + draw(st.floats(2, 7)) + _moved_c(unit, capacity_wh_per_c)),
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
            power_w=draw(st.floats(1000, 3000)), thermostat_c=draw(st.floats(42, 55)), **times(draw)
        )
        if draw(st.booleans()):
            parts["collector"] = Collector(
                area_m2=draw(st.floats(1, 4)), heat_removal_factor=0.8, heat_loss_w_per_m2_c=draw(st.floats(0, 10))
            )
    return House(power_limit_w=draw(st.none() | st.floats(2500, 6500)), **parts)


def _mostly(usual: st.SearchStrategy[float], extreme: st.SearchStrategy[float]) -> st.SearchStrategy[float]:
    """Three times in four the usual."""
    return st.one_of(usual, usual, usual, extreme)


_SERIES: dict[str, st.SearchStrategy[float]] = {
    "outdoor_c": _mostly(st.floats(8, 28), st.floats(-5, 35)),
    "sun_w_m2": st.floats(0, 900),
    "base_w": st.floats(0, 2500),
    "draw_kg_per_s": st.sampled_from([0.0, 0.0, 0.0, 0.02, 0.04]),
}


def _load_state(draw: st.DrawFn, start: datetime) -> LoadState:
    return LoadState(
        on=draw(st.booleans()),
        since=draw(st.none() | st.integers(0, 1200).map(lambda ago_s: start - timedelta(seconds=ago_s))),
    )


@st.composite
def problems(draw: st.DrawFn, max_steps: int = 12, end: EndRule = EndRule.RESTORED) -> Problem:
    """Short problems of such homes, with any start, weather and price."""
    house = draw(houses())
    count = draw(st.integers(2, max_steps))
    loads = {name: _load_state(draw, START) for name in house.loads}
    series: dict[str, Any] = {
        name: draw(st.lists(value, min_size=count, max_size=count)) for name, value in _SERIES.items()
    }
    return problem(
        house,
        draw(st.lists(st.floats(-1, 5), min_size=count, max_size=count)),
        step_s=draw(st.sampled_from([300, 600])),
        room_c=draw(_mostly(st.floats(21, 22.5), st.floats(17, 29))) if house.room else None,
        tank_c=draw(_mostly(st.floats(44, 56), st.floats(33, 66))) if house.tank else None,
        loads=loads,
        given={"end": end},
        **series,
    )


@st.composite
def whole_houses(draw: st.DrawFn, *, battery: bool | None = None) -> House:
    """Such homes with all that a home may have besides."""
    house = draw(houses())
    changes: dict[str, Any] = {
        "export_limit_w": draw(st.none() | st.floats(0, 2000)),
        "photovoltaics": draw(st.none() | st.builds(Photovoltaics, peak_w=st.just(3000.0), curtailable=st.booleans())),
    }
    for name in house.loads:
        switching = {
            "max_starts_per_day": draw(st.none() | st.integers(1, 3)),
            "start_price_try": draw(st.sampled_from([0.0, 0.0, 0.3])),
        }
        changes[name] = house.load(name).model_copy(update=switching)
    if house.room is not None:
        gains = {"solar_aperture_m2": draw(st.floats(0, 2)), "internal_gain_w": draw(st.floats(0, 400))}
        changes["room"] = house.room.model_copy(update=gains)
        changes[AIR_CONDITIONER] = changes[AIR_CONDITIONER].model_copy(update={"cop_at": draw(_cop_tables())})
    if house.tank is not None:
        asked = st.builds(Legionella, temperature_c=st.floats(55, 58), hold_s=st.sampled_from([300, 600]))
        changes["tank"] = house.tank.model_copy(update={"legionella": draw(st.none() | asked)})
    if house.collector is not None:
        curve = {
            "heat_loss_w_per_m2_c2": draw(st.sampled_from([0.0, 0.015, 0.1])),
            "stops_at_c": draw(st.none() | st.floats(50, 65)),
        }
        changes["collector"] = house.collector.model_copy(update=curve)
    if battery is True or (battery is None and draw(st.booleans())):
        changes["battery"] = draw(batteries())
    return house.model_copy(update=changes)


def _cop_tables() -> st.SearchStrategy[tuple[CopAt, ...]]:
    return st.just(()) | st.tuples(
        st.builds(CopAt, outdoor_c=st.floats(-5, 5), cop=st.floats(1.5, 3)),
        st.builds(CopAt, outdoor_c=st.floats(10, 20), cop=st.floats(2, 4)),
        st.builds(CopAt, outdoor_c=st.floats(25, 40), cop=st.floats(2, 4)),
    )


def batteries() -> st.SearchStrategy[Battery]:
    """Batteries that are full or empty within the hour."""
    return st.builds(
        Battery,
        capacity_wh=st.floats(800, 4000),
        charge_w=st.floats(500, 3000),
        discharge_w=st.floats(500, 3000),
        charge_efficiency=st.floats(0.8, 1),
        discharge_efficiency=st.floats(0.8, 1),
        reserve_wh=st.floats(0, 700),
        wear_try_per_kwh=st.sampled_from([0.0, 0.2, 1.0]),
    )


@st.composite
def runs(draw: st.DrawFn, horizon: Interval, step_s: int, name: Name = "washer") -> Run:
    """A run whose window may lie in, across or beyond the horizon, and which may have begun."""
    begun = draw(st.sampled_from([False, False, False, True]))
    steps = int(horizon.duration_s) // step_s
    opens = 0 if begun else draw(st.integers(-2, steps - 1))
    closes = draw(st.integers(max(1, opens + 1), steps + 2))
    phases = st.builds(Phase, duration_s=st.sampled_from([200, 300, 600]), power_w=st.floats(0, 2500))
    return Run(
        appliance=name,
        window=Interval(
            start=horizon.start + timedelta(seconds=opens * step_s),
            end=horizon.start + timedelta(seconds=closes * step_s),
        ),
        phases=tuple(draw(st.lists(phases, min_size=1, max_size=3))),
        uninterruptible=draw(st.booleans()),
        begun_at=horizon.start - timedelta(seconds=300) if begun else None,
        worth_try=draw(st.none() | st.floats(0, 2)),
    )


def _wanted(draw: st.DrawFn, steps: Sequence[Interval], comfort: Band) -> Wanted:
    """The band of the house, moved and narrowed as the hours ask, if need be to less than a run moves."""
    lows = [comfort.low_c + draw(st.sampled_from([0.0, 0.0, 1.0, -5.0])) for _ in steps]
    highs = [max(comfort.high_c + draw(st.sampled_from([0.0, 0.0, 2.0, -3.0])), low_c + 0.5) for low_c in lows]
    return Wanted(low_c=per_step(steps, lows), high_c=per_step(steps, highs))


@st.composite
def whole_problems(
    draw: st.DrawFn, max_steps: int = 10, *, battery: bool | None = None, unhurried: bool = False
) -> Problem:
    """Short problems with everything. `unhurried`: nothing is late, and the connection holds what must run."""
    house = draw(whole_houses(battery=battery))
    count, step_s = draw(st.integers(2, max_steps)), draw(st.sampled_from([300, 600]))
    start = draw(st.sampled_from([START, datetime(2026, 1, 5, 20, 40, tzinfo=UTC)]))
    horizon = Interval(start=start, end=start + count * timedelta(seconds=step_s))
    steps = horizon.steps(step_s)
    given: dict[str, Any] = {"end": draw(st.sampled_from(EndRule))}
    if house.room is not None and draw(st.booleans()):
        given["room_wanted"] = _wanted(draw, steps, house.room.comfort)
    if house.tank is not None and draw(st.booleans()):
        given["tank_wanted"] = _wanted(draw, steps, house.tank.comfort)
    if draw(st.booleans()):
        given["demand"] = DemandCharge(try_per_kw=draw(st.floats(0.1, 3)), window_s=draw(st.sampled_from([600, 900])))
    if not unhurried and draw(st.booleans()):
        given["runs"] = (draw(runs(horizon, step_s)),)
    elif draw(st.booleans()):
        phases = (Phase(duration_s=step_s, power_w=draw(st.floats(0, 1500))),) * draw(st.integers(1, min(2, count)))
        worth_try = draw(st.none() | st.floats(0, 1))
        uninterruptible = draw(st.booleans())
        given["runs"] = (
            Run(
                appliance="washer",
                window=horizon,
                phases=phases,
                worth_try=worth_try,
                uninterruptible=uninterruptible,
            ),
        )
    if "runs" not in given and draw(st.booleans()):  # the last step may be a short one
        given["horizon"] = Interval(start=start, end=horizon.end - timedelta(seconds=120))
    series = dict(_SERIES)
    if house.photovoltaics is not None or draw(st.booleans()):
        series |= {"own_w": st.floats(0, 3000), "sell_try_per_kwh": st.floats(-1, 4)}
    if unhurried:
        house = house.model_copy(update={"power_limit_w": None})
    elif draw(st.booleans()):
        series["feeder_w"] = st.floats(2000, 8000)
    return problem(
        house,
        draw(st.lists(st.floats(-1, 5), min_size=count, max_size=count)),
        start=start,
        step_s=step_s,
        room_c=draw(_mostly(st.floats(21, 22.5), st.floats(17, 29))) if house.room else None,
        tank_c=draw(_mostly(st.floats(44, 57), st.floats(33, 66))) if house.tank else None,
        battery_wh=draw(st.floats(0, 2500)) if house.battery else None,
        loads={
            name: _load_state(draw, start).model_copy(update={"starts_today": draw(st.integers(0, 3))})
            for name in house.loads
        },
        given=given,
        state={
            "month_peak_w": draw(st.sampled_from([0.0, 2000.0, 4000.0])),
            "hygienic_at": draw(st.sampled_from([None, start - timedelta(days=7) + count * timedelta(seconds=step_s)])),
        },
        **{name: draw(st.lists(value, min_size=count, max_size=count)) for name, value in series.items()},
    )


def followed(asked: Problem, plan: Plan, count: int, **changes: Any) -> Problem:  # noqa: ANN401 - any field of a problem
    """The problem after `count` steps of a plan, each as it was expected; `changes` are other fields of it.

    Its series must go on as far as the horizon of `changes` does; without one the end stays where it was.
    """
    oracle = Oracle(asked)
    actions = oracle.actions(plan)
    account = oracle.account(actions)
    now = oracle.steps[count].start
    expected: dict[str, Any] = {f"{part}_temperature_c": path_c[count - 1] for part, path_c in account.paths_c.items()}
    if account.battery_wh:
        expected["battery_wh"] = account.battery_wh[count - 1]
    if "tank" in account.paths_c and asked.house.tank is not None and asked.house.tank.legionella is not None:
        expected["hygienic_at"] = oracle.last_hygienic_at(account.paths_c["tank"][:count]) or asked.state.hygienic_at
    state = asked.state.model_copy(
        update={
            "at": now,
            "loads": {name: _followed_load(oracle, name, on[:count], now) for name, on in actions.on.items()},
            **expected,
        }
    )
    horizon = Interval(start=now, end=asked.horizon.end)
    return asked.model_copy(update={"horizon": horizon, "state": state, "announced": plan, **changes})


def _followed_load(oracle: Oracle, name: Name, on: tuple[bool, ...], now: datetime) -> LoadState:
    before = oracle.problem.state.loads.get(name, LoadState(on=False))
    switched = [k for k, (was, runs) in enumerate(pairwise((before.on, *on))) if was != runs]
    zone = oracle.problem.zone
    today = now.astimezone(zone).date()
    began = oracle.problem.horizon.start.astimezone(zone).date()
    starts = [k for k in oracle.starts(name, on) if oracle.steps[k].start.astimezone(zone).date() == today]
    return LoadState(
        on=on[-1],
        since=oracle.steps[switched[-1]].start if switched else before.since,
        starts_today=len(starts) + (before.starts_today if today == began else 0),
    )
