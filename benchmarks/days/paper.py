"""The smart-house paper's day, 1 January 2020 in Istanbul; docs/reproduction.md names every assumption."""

from datetime import date
from pathlib import Path

from agent.commands.day_files import read_prices, read_weather
from agent.domain.house import HouseState
from agent.domain.local_day import local_day
from agent.domain.problem import Problem
from agent.outlook import problem_of
from agent.settings import load_settings

EXAMPLES = Path(__file__).parents[2] / "examples"
DAY = date(2020, 1, 1)


def paper_problem(time_limit_s: float) -> Problem:
    """The paper's house on that day; room and tank start where its thermostats stand."""
    return _problem("paper.toml", 25.0, 45.0, time_limit_s)


def home_problem(time_limit_s: float) -> Problem:
    """The home of examples/home.toml on that day."""
    return _problem("home.toml", 22.0, 55.0, time_limit_s)


def _problem(house: str, room_c: float, tank_c: float, time_limit_s: float) -> Problem:
    settings = load_settings(EXAMPLES / house, environment={})
    planning = settings.planning.model_copy(update={"time_limit_s": time_limit_s})
    zone = settings.home.zone
    span = local_day(DAY, zone)
    return problem_of(
        settings.model_copy(update={"planning": planning}),
        HouseState(at=span.start, room_temperature_c=room_c, tank_temperature_c=tank_c),
        span,
        read_prices(EXAMPLES / "paper-prices.csv", zone),
        read_weather(EXAMPLES / "paper-weather.csv", zone),
    )
