"""The homes that are planned on the days of `market`, from the shipped examples."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path

from agent.domain.comfort import Band
from agent.domain.house import AirConditionerMode, Collector, House, HouseState, Switched
from agent.domain.problem import Problem
from agent.outlook import problem_of
from agent.settings import Settings, load_settings
from benchmarks.days.market import Day

EXAMPLES = Path(__file__).parents[2] / "examples"
WARM_BAND = Band(low_c=23.0, high_c=26.0)
QUARTER_OF_AN_HOUR_S = 900


def paper(_day: Day) -> Settings:
    """The house of the smart-house paper: a strong heater, a collector, no minimum times. Its unit heats only."""
    return _example("paper.toml")


def home(day: Day) -> Settings:
    """A Turkish flat; cooled in summer."""
    return _in_season(_example("home.toml"), day)


def collector(day: Day) -> Settings:
    """The same flat with a collector, a quarter of an hour for every run and rest, and few starts a day."""
    settings = home(day)
    changes = {"min_on_s": QUARTER_OF_AN_HOUR_S, "min_off_s": QUARTER_OF_AN_HOUR_S}
    house = settings.house
    return _with(
        settings,
        air_conditioner=_changed(house.air_conditioner, **changes, max_starts_per_day=12, start_price_try=0.005),
        water_heater=_changed(house.water_heater, **changes, max_starts_per_day=6),
        collector=Collector(area_m2=2.0, heat_removal_factor=0.75, heat_loss_w_per_m2_c=4.5, stops_at_c=64.0),
    )


def full(day: Day) -> Settings:
    """Cells, battery, dishwasher, contracted power, and a price for what is fed in."""
    return _in_season(_example("full-house.toml"), day)


HOMES: Mapping[str, Callable[[Day], Settings]] = {"paper": paper, "home": home, "collector": collector, "full": full}
COUPLED = frozenset({"full"})
"""Where one thing's cost hangs on what another does."""


def suits(name: str, day: Day) -> bool:
    """Whether a home has something to plan on a day: the paper's cannot be cooled."""
    return name != "paper" or not day.is_warm


def day_problem(name: str, day: Day, days: int, time_limit_s: float) -> Problem:
    """The problem of a home from a day's midnight on; room and tank stand where their thermostats do."""
    settings = HOMES[name](day)
    house, span = settings.house, day.span(days)
    state = HouseState(
        at=span.start,
        room_temperature_c=None if house.air_conditioner is None else house.air_conditioner.thermostat_c,
        tank_temperature_c=None if house.water_heater is None else house.water_heater.thermostat_c,
        battery_wh=None if house.battery is None else 0.4 * house.battery.capacity_wh,
        hygienic_at=span.start - timedelta(days=day.day.toordinal() % 7),
    )
    planning = settings.planning.model_copy(update={"time_limit_s": time_limit_s})
    return problem_of(settings.model_copy(update={"planning": planning}), state, span, day.prices, day.weather)


@cache
def _example(name: str) -> Settings:
    return load_settings(EXAMPLES / name, environment={})


def _in_season(settings: Settings, day: Day) -> Settings:
    house = settings.house
    if not day.is_warm or house.room is None:
        return settings
    return _with(
        settings,
        room=house.room.model_copy(update={"comfort": WARM_BAND, "schedule": ()}),
        air_conditioner=_changed(house.air_conditioner, mode=AirConditionerMode.COOL, thermostat_c=24.5, cop_at=()),
    )


def _changed(unit: Switched | None, **changes: object) -> Switched | None:
    return None if unit is None else unit.model_copy(update=changes)


def _with(settings: Settings, **parts: object) -> Settings:
    """Other parts of the house, checked as if the owner had written them."""
    house = House.model_validate({**dict(settings.house), **parts})
    return settings.model_copy(update={"house": house})
