"""`kwh-hub plan`: one day, planned offline from files."""

import argparse
import asyncio
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from agent.commands.day_files import read_prices, read_weather
from agent.domain.house import HouseState
from agent.domain.interval import Interval, SeriesGap
from agent.domain.local_day import local_day
from agent.domain.plan import Plan
from agent.domain.problem import Problem
from agent.domain.weather import WeatherForecast
from agent.errors import SettingsInvalid
from agent.forecasting.sun import climate_forecast
from agent.forecasting.weather import refined
from agent.outlook import problem_of, without_margins
from agent.planning.planner import ChildProcessPlanner
from agent.settings import Settings, load_settings

_COLDEST_C, _HOTTEST_C = -40.0, 95.0
_LONGEST_S = 3600.0


def plan(arguments: argparse.Namespace) -> int:
    """Plan one local day and print it, as a table or as JSON."""
    settings = load_settings(arguments.config)
    if arguments.time_limit is not None:
        limit = {"time_limit_s": arguments.time_limit}
        settings = settings.model_copy(update={"planning": settings.planning.model_copy(update=limit)})
    problem = _problem(arguments, settings)
    console = Console(stderr=arguments.json)
    with console.status(f"planning (at most {problem.time_limit_s:.0f} s)…"):
        made = without_margins(asyncio.run(ChildProcessPlanner().plan(problem)), settings.house, settings.home.zone)
    if arguments.json:
        print(made.model_dump_json(indent=2))  # noqa: T201 - the answer itself
    else:
        console.print(blocks(made, settings.home.zone))
        console.print(verdict(made))
    return 0


def _problem(arguments: argparse.Namespace, settings: Settings) -> Problem:
    zone = settings.home.zone
    known = read_prices(arguments.prices, zone) if arguments.prices else {}
    if settings.needs_market and not known:
        raise SettingsInvalid("the tariff follows the market, so prices are needed: give --prices FILE (ts,ptf_tl_mwh)")
    day: date = arguments.date or min(known, default=datetime.now(zone).date())
    if known and day not in known:
        raise SettingsInvalid(f"{arguments.prices} has no prices for {day}; it has {min(known)} to {max(known)}")
    span = local_day(day, zone)
    if arguments.start is not None:
        span = Interval(start=datetime.combine(day, arguments.start, zone), end=span.end)
    state = _state(arguments, settings, span.start)
    try:
        return problem_of(settings, state, span, known, _weather(arguments, settings, span))
    except SeriesGap as error:
        raise SettingsInvalid(f"the files do not cover {day}: {error}") from error


def _weather(arguments: argparse.Namespace, settings: Settings, span: Interval) -> WeatherForecast:
    home = settings.home
    if arguments.weather is None:
        return climate_forecast(span, home.latitude, home.longitude, span.start)
    forecast = refined(read_weather(arguments.weather, home.zone), home.latitude, home.longitude)
    for name in ("outdoor_temperature_c", "irradiance_w_m2"):
        if not getattr(forecast, name).covers(span):
            raise SettingsInvalid(f"{arguments.weather} does not cover {span.start} to {span.end}")
    return forecast


def _state(arguments: argparse.Namespace, settings: Settings, at: datetime) -> HouseState:
    house = settings.house
    room_c = tank_c = None
    if house.room is not None:
        room_c = (
            arguments.room
            if arguments.room is not None
            else _middle(house.room.comfort.low_c, house.room.comfort.high_c)
        )
    if house.tank is not None:
        otherwise = house.water_heater.thermostat_c if house.water_heater else house.tank.comfort.low_c
        tank_c = arguments.tank if arguments.tank is not None else otherwise
    return HouseState(at=at, room_temperature_c=room_c, tank_temperature_c=tank_c)


def _middle(low_c: float, high_c: float) -> float:
    return (low_c + high_c) / 2


def blocks(made: Plan, zone: ZoneInfo) -> Table:
    """The on-blocks of a plan with what each costs."""
    table = Table(title=f"Plan {made.plan_id} for {made.horizon.start.astimezone(zone):%Y-%m-%d}")
    table.add_column("load")
    table.add_column("on")
    for name in ("kWh", "TL", "TL/kWh"):
        table.add_column(name, justify="right")
    for load in made.loads:
        for block in load.on:
            kwh = load.power_w / 1000 * block.duration_s / 3600
            price = made.price_try_per_kwh.mean(block)
            when = f"{block.start.astimezone(zone):%H:%M}-{block.end.astimezone(zone):%H:%M}"
            table.add_row(load.load, when, f"{kwh:.2f}", f"{kwh * price:.2f}", f"{price:.3f}")
    return table


def verdict(made: Plan) -> str:
    """What the plan is worth, in words."""
    proof = made.proof
    movable = f"{proof.movable_try:.2f} TL (a thermostat: {proof.thermostat_movable_try:.2f} TL)"
    gap = proof.gap_movable
    proven = "" if gap is None else f", no plan can be more than {gap:.2%} cheaper"
    lines = [
        f"bill {proof.bill_try:.2f} TL, of which the switched loads {movable}",
        f"proof: {proof.status}{proven}",
        f"made by {made.method} in {proof.solve_s:.1f} s",
    ]
    if made.fallbacks:
        lines.append(f"it had to do without: {', '.join(sorted(made.fallbacks))}")
    return "\n".join(lines)


def time_of_day(text: str) -> time:
    """A time like 07:30 for argparse."""
    return time.fromisoformat(text)


def celsius(text: str) -> float:
    """A temperature for argparse, °C."""
    value = float(text)
    if not _COLDEST_C <= value <= _HOTTEST_C:
        raise ValueError(text)
    return value


def seconds(text: str) -> float:
    """A span of time for argparse, s."""
    value = float(text)
    if not 0 < value <= _LONGEST_S:
        raise ValueError(text)
    return value


def day_of_year(text: str) -> date:
    """A date like 2020-01-01 for argparse."""
    return date.fromisoformat(text)
