"""A day put together by hand, for everything that tells of days."""

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, House
from agent.domain.interval import Interval, Series
from agent.domain.local_day import local_day
from agent.domain.plan import Fallback, Method
from simulators.home_file import read_home
from simulators.report.record import DayRecord, LoadRecord, Outside, PlanSummary, RunRecord

ZONE = ZoneInfo("Europe/Istanbul")
DAY = date(2020, 1, 1)
SPAN = local_day(DAY, ZONE)
EXAMPLES = Path(__file__).parents[2] / "examples"
HOURS = SPAN.steps(3600)
STEPS = SPAN.steps(300)
CHEAP_HOURS = (4, 5)
PRICES = Series.of((hour, 0.2 if k in CHEAP_HOURS else 0.3) for k, hour in enumerate(HOURS))


def house() -> House:
    """The example home."""
    return read_home(EXAMPLES / "home.toml").house


def hours(first: int, last: int) -> Interval:
    """From one full hour to another."""
    return Interval(start=SPAN.start + timedelta(hours=first), end=SPAN.start + timedelta(hours=last))


def load_on(load: str, power_w: float, *blocks: Interval) -> LoadRecord:
    """A load that drew its power in its blocks."""
    drawn = [(step, power_w * sum(step.overlap_s(block) for block in blocks) / 3600) for step in STEPS]
    return LoadRecord(load=load, energy_wh=Series.of(drawn), on=blocks)


def run(air: tuple[Interval, ...], water: tuple[Interval, ...], *, minutes: float = 0.0) -> RunRecord:
    """A day with these blocks, a room at 21 °C and a tank at 50 °C."""
    return RunRecord(
        loads=(load_on(AIR_CONDITIONER, 1000, *air), load_on(WATER_HEATER, 2000, *water)),
        base_energy_wh=Series.of((step, 25.0) for step in STEPS),
        room_temperature_c=Series.of((step, 21.0) for step in STEPS),
        tank_temperature_c=Series.of((step, 50.0) for step in STEPS),
        water_temperature_c=Series.of((step, 51.0) for step in STEPS),
        room_outside=Outside(minutes=minutes, worst_c=0.3 if minutes else 0.0),
        water_outside=Outside(),
    )


def record() -> DayRecord:
    """Four hours of heating at 0.2 TL with the plan, at 0.3 TL without; an hour of hot water likewise."""
    return DayRecord(
        day=DAY,
        time_zone="Europe/Istanbul",
        span=SPAN,
        house=house(),
        price_try_per_kwh=PRICES,
        planned=run((hours(4, 6),), (hours(5, 6),), minutes=12),
        thermostat=run((hours(1, 2), hours(20, 21)), (hours(20, 21),)),
        plans=(
            PlanSummary(method=Method.MILP, gap_movable=0.004),
            PlanSummary(method=Method.MILP, gap_movable=0.012, fallbacks=frozenset({Fallback.PRICES_ESTIMATED})),
        ),
    )
