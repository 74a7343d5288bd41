"""The day at a glance, in a terminal: one line of bars each for prices, loads, temperatures, sun, battery and grid."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.text import Text

from agent.domain.interval import Interval, Series
from agent.domain.plan import LoadPlan, Plan

_BARS = " ▁▂▃▄▅▆▇█"
_LABEL_WIDTH = 16
_SCALE_WIDTH = 22
_MINUTES_PER_COLUMN = (10, 15, 20, 30, 60, 120, 180, 240)
_QUARTER = 0.25
_HOURS_BETWEEN_MARKS = (1, 2, 3, 6, 12, 24)
_MARK_WIDTH = 3


@dataclass(frozen=True)
class _Row:
    """One line: a bar for each column, between 0 and 1, and what the line says beside."""

    label: str
    shares: Sequence[float]
    styles: Sequence[str]
    scale: str


def day_picture(plan: Plan, zone: ZoneInfo, width: int, generation_w: Series | None = None) -> Text:
    """The plan's horizon as lines of bars, as fine as `width` characters allow."""
    with_scale = width >= _LABEL_WIDTH + _SCALE_WIDTH + plan.horizon.duration_s / 3600
    room = max(1, width - _LABEL_WIDTH - (_SCALE_WIDTH if with_scale else 0))
    minutes = next(
        (m for m in _MINUTES_PER_COLUMN if plan.horizon.duration_s / 60 <= m * room), _MINUTES_PER_COLUMN[-1]
    )
    columns = plan.horizon.steps(minutes * 60)
    picture = Text(no_wrap=True, overflow="crop")
    picture.append(_marks(columns, zone, minutes), style="dim")
    for row in _rows(plan, columns, generation_w):
        picture.append(f"\n{row.label[: _LABEL_WIDTH - 1]:<{_LABEL_WIDTH}}")
        for share, style in zip(row.shares, row.styles, strict=True):
            picture.append(_bar(share), style=style)
        if with_scale:
            picture.append(f" {row.scale}", style="dim")
    return picture


def _rows(plan: Plan, columns: Sequence[Interval], generation_w: Series | None) -> Iterator[_Row]:
    yield _price_row(plan, columns)
    for load in plan.loads:
        shares = [_share_on(load, column) for column in columns]
        yield _Row(load.load, shares, ["cyan"] * len(columns), f"{load.power_w:.0f} W")
    if generation_w is not None:
        yield _from_zero("own generation", generation_w, columns, lambda _: "yellow", "W")
    if plan.battery_wh is not None and plan.battery_w is not None:
        flows_w = [plan.battery_w.mean(column) for column in columns]
        colours = ["green" if flow > 0 else "magenta" if flow < 0 else "blue" for flow in flows_w]
        level = _from_zero("battery", plan.battery_wh, columns, lambda _: "blue", "Wh")
        yield _Row(level.label, level.shares, colours, level.scale)
    if plan.grid_w is not None:
        yield _from_zero("from grid", plan.grid_w, columns, lambda _: "red", "W")
        if min(plan.grid_w.values) < 0:
            sold = plan.grid_w.model_copy(update={"values": tuple(-value for value in plan.grid_w.values)})
            yield _from_zero("to grid", sold, columns, lambda _: "green", "W")
    for label, trajectory in (("room", plan.room_temperature_c), ("tank", plan.tank_temperature_c)):
        if trajectory is not None:
            yield _temperature_row(label, trajectory, columns)


def _price_row(plan: Plan, columns: Sequence[Interval]) -> _Row:
    """Cheap hours green, dear hours red."""
    prices = [plan.price_try_per_kwh.mean(column) for column in columns]
    ordered = sorted(prices)
    cheap, dear = ordered[int(_QUARTER * len(ordered))], ordered[-1 - int(_QUARTER * len(ordered))]
    styles = ["green" if price <= cheap < dear else "red" if price >= dear > cheap else "white" for price in prices]
    floor = min(0.0, ordered[0])
    extent = ordered[-1] - floor or 1.0
    return _Row("price", [(price - floor) / extent for price in prices], styles, _scale(ordered, "TL/kWh", 2))


def _from_zero(
    label: str, series: Series, columns: Sequence[Interval], style: Callable[[float], str], unit: str
) -> _Row:
    values = [max(0.0, series.mean(column)) for column in columns]
    most = max(values) or 1.0
    return _Row(label, [value / most for value in values], [style(value) for value in values], f"≤ {most:.0f} {unit}")


def _temperature_row(label: str, trajectory: Series, columns: Sequence[Interval]) -> _Row:
    values = [trajectory.mean(column) for column in columns]
    low, high = min(values), max(values)
    extent = high - low or 1.0
    shares = [1 / 8 + (value - low) / extent * 7 / 8 for value in values]
    return _Row(label, shares, ["white"] * len(columns), _scale(trajectory.values, "°C", 1))


def _scale(values: Sequence[float], unit: str, digits: int) -> str:
    return f"{min(values):.{digits}f} to {max(values):.{digits}f} {unit}"


def _share_on(load: LoadPlan, column: Interval) -> float:
    return sum(block.overlap_s(column) for block in load.on) / column.duration_s


def _bar(share: float) -> str:
    """Eighths of a character; the least that is not nothing is seen too."""
    if share <= 0:
        return _BARS[0]
    return _BARS[min(8, max(1, round(share * 8)))]


def _marks(columns: Sequence[Interval], zone: ZoneInfo, minutes: int) -> str:
    """Full hours of the clock above the columns in which they begin, as many as there is room for."""
    every_h = next((h for h in _HOURS_BETWEEN_MARKS if h * 60 / minutes >= _MARK_WIDTH), _HOURS_BETWEEN_MARKS[-1])
    line = ""
    for place, column in enumerate(columns):
        at = _first_hour(column, zone)
        fits = len(line) <= place <= len(columns) - len("00")
        if at is not None and at.hour % every_h == 0 and fits:
            line = f"{line:<{place}}{at:%H}"
    return " " * _LABEL_WIDTH + line


def _first_hour(column: Interval, zone: ZoneInfo) -> datetime | None:
    """The first full hour that begins in a column."""
    start_s = -(-int(column.start.timestamp()) // 3600) * 3600
    at = column.start + timedelta(seconds=start_s - column.start.timestamp())
    return at.astimezone(zone) if at in column else None
