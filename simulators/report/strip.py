"""The day in a few lines of a terminal: price by half hour, and under it when each load was on."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from agent.domain.interval import Interval
from simulators.report.record import DayRecord, LoadRecord, half_hours, on_share

HEIGHTS = "▁▂▃▄▅▆▇█"
SHARES = " ░▒▓█"
LABEL_WIDTH = 18


def strip(record: DayRecord) -> RenderableType:
    """Price, loads under the plan, loads under thermostats, hours: one column per half hour."""
    spans = half_hours(record.span)
    prices = [record.price_try_per_kwh.mean(span) for span in spans]
    lines = [_line("Price, TL/kWh", heights(prices), "yellow", f"{min(prices):.2f}–{max(prices):.2f}")]
    for run, name, style in ((record.planned, "plan", "bold"), (record.thermostat, "thermostat", "dim")):
        lines.append(Text(f" {name}", style="italic"))
        lines.extend(_load_line(load, spans, style) for load in run.loads)
    lines.append(_line("", _hours(record, spans), "dim", ""))
    return Group(*lines)


def heights(values: Sequence[float]) -> str:
    """One block per value, between the lowest and the highest of them."""
    low, high = min(values), max(values)
    reach = high - low or 1.0
    return "".join(HEIGHTS[round((value - low) / reach * (len(HEIGHTS) - 1))] for value in values)


def shares(blocks: tuple[Interval, ...], spans: Sequence[Interval]) -> str:
    """One block per span, the darker the longer something was on in it; however short, it is seen."""
    full = len(SHARES) - 1
    parts = [on_share(blocks, span) for span in spans]
    return "".join(SHARES[max(1, round(part * full))] if part > 0 else SHARES[0] for part in parts)


def _load_line(load: LoadRecord, spans: Sequence[Interval], style: str) -> Text:
    colour = "red" if load.load == "air_conditioner" else "blue"
    on_h = sum(block.duration_s for block in load.on) / 3600
    return _line(f"  {load.label}", shares(load.on, spans), f"{style} {colour}", f"{on_h:.1f} h on")


def _line(label: str, blocks: str, style: str, note: str) -> Text:
    return Text.assemble(f" {label:<{LABEL_WIDTH}}", (blocks, style), (f"  {note}", "dim"))


def _hours(record: DayRecord, spans: Sequence[Interval]) -> str:
    marks = [" "] * len(spans)
    for index, span in enumerate(spans):
        local = span.start.astimezone(record.zone)
        if local.hour % 3 == 0 and local.minute < 30:
            for offset, letter in enumerate(f"{local.hour:02d}"):
                if index + offset < len(marks):
                    marks[index + offset] = letter
    return "".join(marks)
