"""The day in words and numbers that its owner understands."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TypeAlias

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agent.domain.interval import Series
from agent.domain.plan import Fallback
from simulators.report.record import DayRecord, LoadRecord, Outside, RunRecord, cost_try

FALLBACK_WORDS: Mapping[Fallback, str] = {
    Fallback.PRICES_INTERIM: "used provisional market prices, because the final ones were not out yet",
    Fallback.PRICES_ESTIMATED: "estimated prices of hours that the market had not published yet",
    Fallback.WEATHER_LAST_GOOD: "used an older weather forecast, because no new one came",
    Fallback.WEATHER_CLIMATE: "used the usual weather of the season, because there was no forecast",
    Fallback.TEMPERATURE_ESTIMATED: "estimated a temperature that no thermometer gave",
    Fallback.COMFORT_RELAXED: "could not keep every comfort limit and came as close as possible",
    Fallback.APPLIANCE_LATE: "could not let an appliance end in its time",
    Fallback.APPLIANCE_LEFT_OUT: "had no power for an appliance within its time",
    Fallback.HYGIENE_LATE: "could not keep the tank hot for long enough in time",
    Fallback.POWER_LIMIT_EXCEEDED: "found that what cannot be switched already draws more than the limit",
    Fallback.PLANNER_INFEASIBLE: "found no schedule that keeps the limits and followed the thermostats",
    Fallback.PLANNER_LATE: "ran out of time and followed the thermostats",
    Fallback.PLANNER_FAILED: "broke while planning and followed the thermostats",
}
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
Row: TypeAlias = tuple[str, str, str, str]


def summary(record: DayRecord) -> RenderableType:
    """Table and sentences about a day."""
    sentences = [*_saving(record), *_discomfort(record.planned), *_plan_sentences(record)]
    return Group(_table(record), *(Padding(Text(f"• {sentence}"), (0, 1)) for sentence in sentences))


def day_in_words(day: date) -> str:
    """A date as people say it, whatever the locale."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def span_in_words(record: DayRecord) -> str:
    """The day, and its hours if it is not a whole one."""
    start, end = (moment.astimezone(record.zone) for moment in (record.span.start, record.span.end))
    hours = "" if end.date() > start.date() else f", {start:%H:%M} to {end:%H:%M}"
    return f"{day_in_words(record.day)}{hours}"


def signed(value: float, digits: int) -> str:
    """A number with its sign, the minus a real one; what rounds to nothing has none."""
    rounded = round(value, digits)
    sign = "+" if rounded > 0 else "−" if rounded < 0 else ""
    return f"{sign}{abs(rounded):.{digits}f}"


def _table(record: DayRecord) -> Table:
    table = Table(title=span_in_words(record), title_style="bold", header_style="bold")
    table.add_column("")
    for column in ("plan", "thermostats", "difference"):
        table.add_column(column, justify="right", no_wrap=True)
    for rows in (_bill_rows(record), _load_rows(record), _comfort_rows(record)):
        for row in rows:
            table.add_row(*row)
        table.add_section()
    return table


def _bill_rows(record: DayRecord) -> Iterator[Row]:
    prices = record.price_try_per_kwh
    plan_try, thermostat_try = record.planned.bill_try(prices), record.thermostat.bill_try(prices)
    yield _bold(_money_row("Electricity bill", plan_try, thermostat_try))
    for mine, theirs in _pairs(record):
        yield _money_row(
            f"  {mine.label.lower()}", cost_try(mine.energy_wh, prices), cost_try(theirs.energy_wh, prices)
        )
    rest_try = cost_try(record.planned.base_energy_wh, prices)
    yield "  everything else", f"{rest_try:.2f} TL", f"{cost_try(record.thermostat.base_energy_wh, prices):.2f} TL", ""
    yield _money_row("Counting heat left", plan_try - record.heat_left_try, thermostat_try)


def _load_rows(record: DayRecord) -> Iterator[Row]:
    for mine, theirs in _pairs(record):
        used_kwh = [sum(load.energy_wh.values) / 1000 for load in (mine, theirs)]
        cells = [f"{len(load.on)}×, {kwh:.1f} kWh" for kwh, load in zip(used_kwh, (mine, theirs), strict=True)]
        yield f"{mine.label} on", cells[0], cells[1], f"{signed(used_kwh[0] - used_kwh[1], 1)} kWh"


def _comfort_rows(record: DayRecord) -> Iterator[Row]:
    mine, theirs = record.planned, record.thermostat
    if record.house.room is not None:
        band = record.house.room.comfort
        yield f"Room {band.low_c:g}–{band.high_c:g} °C", _kept(mine.room_outside), _kept(theirs.room_outside), ""
        yield _end_row("Room at the end", mine.room_temperature_c, theirs.room_temperature_c)
    if record.house.tank is not None:
        band = record.house.tank.comfort
        yield f"Hot water {band.low_c:g}–{band.high_c:g} °C", _kept(mine.water_outside), _kept(theirs.water_outside), ""
        yield _end_row("Tank at the end", mine.tank_temperature_c, theirs.tank_temperature_c)


def _money_row(label: str, mine_try: float, theirs_try: float) -> Row:
    share = f" ({signed((mine_try - theirs_try) / theirs_try * 100, 1)}%)" if theirs_try > 0 else ""
    return label, f"{mine_try:.2f} TL", f"{theirs_try:.2f} TL", f"{signed(mine_try - theirs_try, 2)} TL{share}"


def _end_row(label: str, mine_c: Series | None, theirs_c: Series | None) -> Row:
    if mine_c is None or theirs_c is None:
        return label, "", "", ""
    mine, theirs = mine_c.values[-1], theirs_c.values[-1]
    return label, f"{mine:.1f} °C", f"{theirs:.1f} °C", f"{signed(mine - theirs, 1)} °C"


def _bold(row: Row) -> Row:
    label, mine, theirs, difference = (f"[bold]{cell}[/]" for cell in row)
    return label, mine, theirs, difference


def _kept(outside: Outside | None) -> str:
    minutes = round(outside.minutes) if outside is not None else 0
    return f"{minutes} min outside" if minutes else "always kept"


def _saving(record: DayRecord) -> Iterator[str]:
    thermostat_try = record.thermostat.bill_try(record.price_try_per_kwh)
    plan_try = record.planned.bill_try(record.price_try_per_kwh)
    fair_try = plan_try - record.heat_left_try
    saved = (thermostat_try - fair_try) / abs(thermostat_try) if thermostat_try else 0.0
    verb = "saved" if saved >= 0 else "cost"
    amount = f"{abs(thermostat_try - fair_try):.2f} TL ({abs(saved):.1%})"
    yield f"The plan {verb} {amount}{' more' if saved < 0 else ''}, after counting the heat left in walls and tank."
    left = "less" if record.heat_left_try < 0 else "more"
    yield f"It left heat worth {abs(record.heat_left_try):.2f} TL {left} than the thermostats did for the next day."


def _discomfort(run: RunRecord) -> Iterator[str]:
    """How far outside its band something was; a few tenths at the edge of a band nobody feels."""
    for name, outside in (("room", run.room_outside), ("hot water", run.water_outside)):
        if outside is not None and round(outside.minutes):
            yield f"With the plan the {name} was outside its band by {outside.worst_c:.2g} °C at most."


def _plan_sentences(record: DayRecord) -> Iterator[str]:
    if not record.plans:
        yield "The hub gave no account of its plans."
        return
    yield f"The hub planned {_times(len(record.plans))} that day. {_proof_in_words(record)}"
    for fallback in sorted(set().union(*(plan.fallbacks for plan in record.plans))):
        count = sum(fallback in plan.fallbacks for plan in record.plans)
        yield f"In {count} of {len(record.plans)} plans it {FALLBACK_WORDS[fallback]}."


def _proof_in_words(record: DayRecord) -> str:
    gaps = [plan.gap_movable for plan in record.plans if plan.gap_movable is not None]
    if not gaps:
        return "How good that was could not be proven."
    who = "Every plan" if len(gaps) == len(record.plans) else f"{len(gaps)} of the plans"
    verb = "is" if len(gaps) == len(record.plans) or len(gaps) == 1 else "are"
    if max(gaps) < 0.0005:
        return f"{who} {verb} proven to be the cheapest possible on its forecast."
    return f"{who} {verb} proven to cost at most {max(gaps):.1%} more than the cheapest possible on its forecast."


def _pairs(record: DayRecord) -> Iterator[tuple[LoadRecord, LoadRecord]]:
    theirs = _by_name(record.thermostat)
    for mine in record.planned.loads:
        yield mine, theirs[mine.load]


def _by_name(run: RunRecord) -> dict[str, LoadRecord]:
    return {load.load: load for load in run.loads}


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
