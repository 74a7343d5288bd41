"""`kwh-hub plan`: one day, planned offline from files."""

import argparse
import asyncio
import math
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from agent.commands.day_files import read_prices, read_weather
from agent.commands.day_picture import day_picture
from agent.commands.plan_tables import blocks, verdict
from agent.domain.battery import Battery
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
_SHORTEST_S, _LONGEST_S = 0.1, 3600.0
_SHORTEST_H, _LONGEST_H = 1.0, 48.0
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
_MOST = 1e6


def plan(arguments: argparse.Namespace) -> int:
    """Plan one local day and print it, as a picture and a table or as JSON."""
    settings = load_settings(arguments.config)
    if arguments.time_limit is not None:
        limit = {"time_limit_s": arguments.time_limit}
        settings = settings.model_copy(update={"planning": settings.planning.model_copy(update=limit)})
    problem = _problem(arguments, settings)
    console = Console(stderr=arguments.json)
    zone = settings.home.zone
    with console.status(f"planning (at most {problem.time_limit_s:.0f} s)…"):
        made = without_margins(asyncio.run(ChildProcessPlanner().plan(problem)), settings.house, zone)
    if arguments.json:
        print(made.model_dump_json(indent=2))  # noqa: T201 - the answer itself
    else:
        console.print(day_picture(made, zone, console.width, problem.generation_w))
        console.print(blocks(made, zone, console.width))
        console.print(verdict(made, zone), highlight=False)
    return 0


def _problem(arguments: argparse.Namespace, settings: Settings) -> Problem:
    zone = settings.home.zone
    known = read_prices(arguments.prices, zone) if arguments.prices else {}
    if settings.needs_market and not known:
        raise SettingsInvalid("a tariff follows the market, so prices are needed: give --prices FILE (ts,ptf_tl_mwh)")
    day: date = arguments.date or min(known, default=datetime.now(zone).date())
    if known and day not in known:
        raise SettingsInvalid(f"{arguments.prices} has no prices for {day}; it has {min(known)} to {max(known)}")
    span = _span(arguments, day, zone)
    state = _state(arguments, settings, span.start)
    weather, announced = _weather(arguments, settings, span), _announced(arguments.announced)
    try:
        return problem_of(settings, state, span, known, weather, announced=announced)
    except SeriesGap as error:
        raise SettingsInvalid(f"the files do not cover {day}: {error}") from error


def _span(arguments: argparse.Namespace, day: date, zone: ZoneInfo) -> Interval:
    """To the end of the local day, or as many hours as are asked for."""
    whole = local_day(day, zone)
    start = whole.start
    if arguments.start is not None:
        start = datetime.combine(day, arguments.start, zone).astimezone(whole.start.tzinfo)
    if arguments.hours is not None:
        return Interval(start=start, end=start + timedelta(hours=arguments.hours))
    return Interval(start=start, end=whole.end)


def _announced(path: Path | None) -> Plan | None:
    if path is None:
        return None
    try:
        return Plan.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsInvalid(f"--announced {path} cannot be read: {error}") from error
    except ValueError as error:
        raise SettingsInvalid(f"--announced {path} is no plan; `kwh-hub plan --json` prints one") from error


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
    return HouseState(
        at=at,
        room_temperature_c=room_c,
        tank_temperature_c=tank_c,
        battery_wh=_charge_wh(arguments.charge, house.battery),
        month_peak_w=_peak_w(arguments.peak, settings),
    )


def _charge_wh(given_wh: float | None, battery: Battery | None) -> float | None:
    if battery is None:
        if given_wh is not None:
            raise SettingsInvalid("--charge is given, but the house has no [house.battery]")
        return None
    if given_wh is None:
        return _middle(battery.reserve_wh, battery.capacity_wh)
    if given_wh > battery.capacity_wh:
        raise SettingsInvalid(f"--charge {given_wh:g} is above house.battery.capacity_wh {battery.capacity_wh:g}")
    return given_wh


def _peak_w(given_w: float | None, settings: Settings) -> float:
    if given_w is not None and settings.demand is None:
        raise SettingsInvalid("--peak is given, but nothing is paid for the month's peak: add [demand]")
    return given_w or 0.0


def _middle(low_c: float, high_c: float) -> float:
    return (low_c + high_c) / 2


def time_of_day(text: str) -> time:
    """A time like 07:30 for argparse."""
    try:
        at = time.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time of the day without a zone, like 07:30")
    return at


def celsius(text: str) -> float:
    """A temperature for argparse, °C."""
    return _number(text, _COLDEST_C, _HOTTEST_C, "°C")


def seconds(text: str) -> float:
    """A span of time for argparse, s."""
    return _number(text, _SHORTEST_S, _LONGEST_S, "seconds")


def hours(text: str) -> float:
    """The length of a horizon for argparse, h."""
    return _number(text, _SHORTEST_H, _LONGEST_H, "hours")


def amount(text: str) -> float:
    """A power or an energy for argparse, W or Wh."""
    return _number(text, 0.0, _MOST, "W or Wh")


def day_of_year(text: str) -> date:
    """A date like 2020-01-01 for argparse."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.max
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise argparse.ArgumentTypeError(f"{text!r} is no date from {_FIRST_DAY} to {_LAST_DAY}")
    return day


def _number(text: str, least: float, most: float, unit: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of {unit} from {least:g} to {most:,.0f}")
    return value
