"""The day as a picture: prices, temperatures within their bands, and when the loads were on."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib import dates
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from agent.domain.comfort import Band
from agent.domain.house import House
from agent.domain.interval import Interval
from simulators.report.record import DayRecord
from simulators.report.table import signed, span_in_words

Axis: TypeAlias = Any
"""A matplotlib axis; the library has no types."""

INK, SOFT, FAINT, PALE, GRID = "#22313f", "#5b6b78", "#8e9aa5", "#c4ccd3", "#e8ecef"
PRICE, ROOM, TANK = "#c98a1b", "#c8553d", "#2f6f9f"
COLOURS = {"air_conditioner": ROOM, "water_heater": TANK}
LOOK: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "kwh-hub",
}


@dataclass(frozen=True)
class _Wish:
    """What is wanted of one temperature, and how it is drawn."""

    label: str
    band: Band
    setpoint_c: float | None
    colour: str


def write_picture(record: DayRecord, folder: Path) -> tuple[Path, Path]:
    """Draw `day.png` and `day.svg` into a folder and return their paths. Raises OSError if it cannot be written."""
    paths = folder / "day.png", folder / "day.svg"
    with mpl.rc_context(LOOK):
        figure = drawn(record)
        figure.savefig(paths[0], dpi=150)
        figure.savefig(paths[1], metadata={"Date": None})
    return paths


def drawn(record: DayRecord) -> Figure:
    """The picture of a day, without a window."""
    figure = Figure(figsize=(11, 8.4), facecolor="white")
    FigureCanvasAgg(figure)
    rooms = [name for name, part in (("room", record.house.room), ("tank", record.house.tank)) if part is not None]
    rows = [1.0, *(1.5 for _ in rooms), 0.36 * len(record.planned.loads)]
    figure.subplots_adjust(left=0.135, right=0.975, top=0.86, bottom=0.065, hspace=0.34)
    axes = list(np.atleast_1d(figure.subplots(len(rows), 1, sharex=True, height_ratios=rows)))
    _headline(figure, record)
    _prices(axes[0], record)
    for axis, name in zip(axes[1:], rooms, strict=False):
        _temperature(axis, record, name)
    _loads(axes[-1], record)
    _hours(axes, record)
    return figure


def _headline(figure: Figure, record: DayRecord) -> None:
    bills = [run.bill_try(record.price_try_per_kwh) for run in (record.planned, record.thermostat)]
    saved = (bills[1] - bills[0] + record.heat_left_try) / abs(bills[1]) if bills[1] else 0.0
    said = f"{abs(saved):.0%} {'cheaper' if saved >= 0 else 'dearer'} with the plan"
    figure.text(0.02, 0.955, f"{span_in_words(record)}: {said}", fontsize=16, fontweight="bold")
    figure.text(
        0.02,
        0.922,
        f"{bills[0]:.2f} TL instead of {bills[1]:.2f} TL for the whole home; "
        f"heat left in walls and tank at the end counts {signed(record.heat_left_try, 2)} TL",
        fontsize=10.5,
        color=SOFT,
    )
    handles = [Patch(color=INK, label="with the plan"), Patch(color=PALE, label="with thermostats")]
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.985, 0.985), frameon=False, fontsize=9.5)


def _prices(axis: Axis, record: DayRecord) -> None:
    spans = [span for span, _ in record.price_try_per_kwh.items()]
    values = list(record.price_try_per_kwh.values)
    edges = [_day_number(moment) for moment in (*(span.start for span in spans), spans[-1].end)]
    axis.stairs(values, edges, baseline=0, fill=True, color=PRICE, alpha=0.2)
    axis.stairs(values, edges, baseline=None, color=PRICE, linewidth=1.8)
    axis.set_ylim(min(0.0, min(values) * 1.1), max(values) * 1.15 or 1.0)
    _title(axis, "Price on the bill", "TL/kWh")


def _temperature(axis: Axis, record: DayRecord, name: str) -> None:
    wish = _wish(record.house, name)
    axis.axhspan(wish.band.low_c, wish.band.high_c, color=wish.colour, alpha=0.08, linewidth=0)
    for limit_c in (wish.band.low_c, wish.band.high_c):
        axis.axhline(limit_c, color=wish.colour, alpha=0.4, linewidth=0.8)
    if wish.setpoint_c is not None:
        axis.axhline(wish.setpoint_c, color=FAINT, linewidth=0.9, linestyle=(0, (2, 3)))
    for run, colour, width in ((record.thermostat, FAINT, 1.1), (record.planned, wish.colour, 2.2)):
        series = run.room_temperature_c if name == "room" else run.water_temperature_c
        if series is not None:
            moments = [span.end for span, _ in series.items()]
            axis.plot(moments, series.values, color=colour, linewidth=width, solid_capstyle="round")
    reach_c = (wish.band.high_c - wish.band.low_c) * 0.15
    low_c, high_c = axis.get_ylim()
    axis.set_ylim(min(low_c, wish.band.low_c - reach_c), max(high_c, wish.band.high_c + reach_c))
    bounds = f"wanted {wish.band.low_c:g} to {wish.band.high_c:g} °C"
    setpoint = f", thermostat at {wish.setpoint_c:g} °C" if wish.setpoint_c is not None else ""
    _title(axis, wish.label, f"°C, {bounds}{setpoint}")


def _wish(house: House, name: str) -> _Wish:
    if name == "room" and house.room is not None:
        unit = house.air_conditioner
        return _Wish("Room", house.room.comfort, unit.thermostat_c if unit else None, ROOM)
    if name == "tank" and house.tank is not None:
        rod = house.water_heater
        return _Wish("Hot water", house.tank.comfort, rod.thermostat_c if rod else None, TANK)
    raise ValueError(f"the house has no {name}")


def _loads(axis: Axis, record: DayRecord) -> None:
    theirs = {load.load: load for load in record.thermostat.loads}
    labels = []
    for row, load in enumerate(record.planned.loads):
        axis.axhline(-row - 0.5, color=GRID, linewidth=0.8)
        axis.broken_barh(_bars(load.on), (-row - 0.1, 0.42), color=COLOURS.get(load.load, INK), linewidth=0)
        axis.broken_barh(_bars(theirs[load.load].on), (-row - 0.34, 0.16), color=PALE, linewidth=0)
        labels.append(f"{load.label}\n{sum(load.energy_wh.values) / 1000:.1f} kWh")
    axis.set_yticks([-row for row in range(len(labels))], labels)
    axis.set_ylim(-len(labels) + 0.5, 0.5)
    _title(axis, "Switched on", "")


def _bars(blocks: tuple[Interval, ...]) -> list[tuple[float, float]]:
    return [(_day_number(block.start), block.duration_s / 86_400) for block in blocks]


def _day_number(moment: datetime) -> float:
    """A moment as matplotlib counts it: in days."""
    return float(dates.date2num(moment))  # type: ignore[no-untyped-call]  # matplotlib is typed in part


def _hours(axes: list[Axis], record: DayRecord) -> None:
    hours = record.span.duration_s / 3600
    step = next(step for step in (1, 2, 4, 24) if hours / step <= 12)
    locator = dates.HourLocator(range(0, 24, step), tz=record.zone)  # type: ignore[no-untyped-call]  # as above
    formatter = dates.DateFormatter("%H:%M", tz=record.zone)  # type: ignore[no-untyped-call]  # as above
    for axis in axes:
        axis.set_xlim(record.span.start, record.span.end)
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(formatter)
        axis.grid(axis="x", color=GRID, linewidth=0.8)
        axis.set_axisbelow(True)
        axis.spines["left"].set_visible(False)
        axis.tick_params(length=0)


def _title(axis: Axis, name: str, unit: str) -> None:
    axis.set_title(name, loc="left", fontsize=11, fontweight="bold", pad=6)
    axis.set_title(unit, loc="right", fontsize=9, color=SOFT, pad=6)
