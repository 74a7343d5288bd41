"""Energy out of a device's own counter, which may begin anew, jump, or fall silent: it only rises, as far as it can."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum

from agent.domain.device import Reading
from agent.domain.interval import Instant
from agent.domain.value import Value

MOST_OF_A_HOME_W = 44_000.0
"""What three phases of 63 A carry: no home draws more."""
_MARGIN = 1.25
"""Mains voltage, a label that rounds, and a clock that is not exact."""
_COARSEST_WH = 100
"""Some counters go up by so much at once."""


class Flaw(StrEnum):
    """What was wrong with a counter."""

    RESET = "reset"
    """It was smaller than before, and counts from zero."""
    JUMP = "jump"
    """It rose by more than can have been drawn: that is not counted."""


class Rise(Value):
    """What a counter says of a span; None where it says nothing that can be believed."""

    start: Instant
    end: Instant
    energy_wh: int | None
    flaw: Flaw | None = None


def rises(readings: Sequence[Reading], most_w: float) -> Iterator[Rise]:
    """The spans between readings (in the order of time) one after the other, each with its energy, Wh.

    `most_w` is the most that can flow there. A value that cannot be is passed over, and the next one is compared with
    the last that could be; if the counter stays where it jumped to, it is believed from there on.
    """
    trusted: Reading | None = None
    doubted: Reading | None = None
    for reading in readings:
        before = trusted if doubted is None else doubted
        if reading.energy_wh is None or (before is not None and reading.at <= before.at):
            continue
        if trusted is None:
            if readings[0].at < reading.at:
                yield Rise(start=readings[0].at, end=reading.at, energy_wh=None)
            trusted = reading
        elif (rise := _rise(trusted, reading, most_w)) is not None:
            yield rise
            trusted, doubted = reading, None
        elif doubted is not None and (rise := _rise(doubted, reading, most_w)) is not None:
            yield Rise(start=trusted.at, end=doubted.at, energy_wh=None, flaw=Flaw.JUMP)
            yield rise
            trusted, doubted = reading, None
        else:
            doubted = reading
    if readings and (since := (trusted or readings[0]).at) < readings[-1].at:
        yield Rise(start=since, end=readings[-1].at, energy_wh=None, flaw=None if doubted is None else Flaw.JUMP)


def energy_wh(readings: Sequence[Reading], most_w: float) -> int | None:
    """What flowed between the first and the last of the readings, Wh; None if no counter says."""
    counted = [rise.energy_wh for rise in rises(readings, most_w) if rise.energy_wh is not None]
    return sum(counted) if counted else None


def _rise(before: Reading, after: Reading, most_w: float) -> Rise | None:
    """None where no home could draw so much in that time."""
    was_wh, is_wh = before.energy_wh or 0, after.energy_wh or 0
    flaw, rise_wh = (None, is_wh - was_wh) if is_wh >= was_wh else (Flaw.RESET, is_wh)
    hours = (after.at - before.at) / timedelta(hours=1)
    if rise_wh > most_w * hours * _MARGIN + _COARSEST_WH:
        return None
    return Rise(start=before.at, end=after.at, energy_wh=rise_wh, flaw=flaw)
