"""What one sees while a simulated day goes by."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent.domain.interval import Interval
from simulators.report.record import LOAD_LABELS

LINE_EVERY = timedelta(hours=2)


@dataclass(frozen=True)
class Glance:
    """The home at one moment, as much as fits on a line."""

    at: datetime
    price_try_per_kwh: float
    outdoor_c: float
    room_c: float | None
    tank_c: float | None
    on: tuple[str, ...]
    planning: bool


class Progress(Protocol):
    """Shows one glance after the other."""

    def show(self, glance: Glance) -> None:
        """Show the home as it is."""


class LineProgress:
    """One line every two simulated hours, for a log."""

    def __init__(self, console: Console, span: Interval, zone: ZoneInfo) -> None:
        self._console = console
        self._zone = zone
        self._next = span.start

    def show(self, glance: Glance) -> None:
        """Print a line if one is due."""
        if glance.at >= self._next:
            line = Text(f"{glance.at.astimezone(self._zone):%H:%M}  {in_words(glance)}")
            self._console.print(line, soft_wrap=True)
            self._next += ((glance.at - self._next) // LINE_EVERY + 1) * LINE_EVERY


class LiveProgress:
    """A bar and the present state, redrawn in place."""

    def __init__(self, live: Live, span: Interval, zone: ZoneInfo) -> None:
        self._live = live
        self._span = span
        self._zone = zone

    def show(self, glance: Glance) -> None:
        """Redraw."""
        done_s = (glance.at - self._span.start).total_seconds()
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(f"{glance.at.astimezone(self._zone):%d %b %H:%M}", style="bold"),
            ProgressBar(total=self._span.duration_s, completed=min(max(done_s, 0.0), self._span.duration_s), width=50),
            Text("planning…" if glance.planning else "", style="yellow"),
        )
        self._live.update(Group(head, Text(in_words(glance, planning=False), style="dim")))


@contextmanager
def progress(console: Console, span: Interval, zone: ZoneInfo) -> Iterator[Progress]:
    """The fitting way to show progress: in place on a terminal, else as lines."""
    if not console.is_terminal:
        yield LineProgress(console, span, zone)
        return
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield LiveProgress(live, span, zone)


def in_words(glance: Glance, *, planning: bool = True) -> str:
    """A glance as one line without its time."""
    parts = [f"{glance.price_try_per_kwh:.3f} TL/kWh", f"outside {glance.outdoor_c:.1f} °C"]
    parts += [f"{name} {value:.1f} °C" for name, value in (("room", glance.room_c), ("tank", glance.tank_c)) if value]
    on = [LOAD_LABELS.get(load, load).lower() for load in glance.on]
    parts.append(f"on: {', '.join(on) or 'nothing'}")
    if planning and glance.planning:
        parts.append("planning…")
    return "  ".join(parts)
