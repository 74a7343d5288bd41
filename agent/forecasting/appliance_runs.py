"""Which runs of the appliances lie ahead: those of the owner's wishes that are not done yet."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from agent.domain.appliance import Appliance, Phase, Run
from agent.domain.comfort import Weekday
from agent.domain.device import Name
from agent.domain.interval import Interval

LONGEST_WINDOW = timedelta(hours=25)
"""A window reaches no farther than to the same time of the next day, which may be a day of 25 hours."""
_AS_GOOD_AS_DONE_S = 150
"""Relays answer some seconds after the grid; less than half a step of a run is no reason for another step."""
_WEEKDAYS = tuple(Weekday)


def runs_ahead(
    appliances: Sequence[Appliance],
    span: Interval,
    zone: ZoneInfo,
    ran: Mapping[Name, Sequence[Interval]] | None = None,
) -> tuple[Run, ...]:
    """The runs that are still to be made or to be ended, for every window that is open or opens within the span.

    `ran` says when each appliance has run up to now, in the order of time; now is the first step of the span. A run
    belongs to the window in which it began. What has begun goes on with what is left of its phases, also beyond its
    window; a window that has closed without a beginning is over.
    """
    return tuple(
        run for appliance in appliances for run in _runs(appliance, span, zone, (ran or {}).get(appliance.name, ()))
    )


def _runs(appliance: Appliance, span: Interval, zone: ZoneInfo, ran: Sequence[Interval]) -> Iterator[Run]:
    windows = list(_windows(appliance, span, zone))
    openings = (*(window.start for window in windows), span.end)
    for window, (_, next_opens) in zip(windows, pairwise(openings), strict=True):
        blocks = [block for block in ran if window.start <= block.start < next_opens]
        run = _run(appliance, window, span.start, blocks)
        if run is not None:
            yield run


def _windows(appliance: Appliance, span: Interval, zone: ZoneInfo) -> Iterator[Interval]:
    """Those that begin before the end of the span; of the past ones all in which a run may still be under way."""
    day, last = (span.start - 2 * LONGEST_WINDOW).astimezone(zone).date(), span.end.astimezone(zone).date()
    while day <= last:
        if _WEEKDAYS[day.weekday()] in appliance.days:
            window = _window(appliance, day, zone)
            if window is not None and window.start < span.end:
                yield window
        day += timedelta(days=1)


def _window(appliance: Appliance, day: date, zone: ZoneInfo) -> Interval | None:
    """The window that opens on a local day; None where a clock change leaves nothing of it."""
    overnight = timedelta(days=1 if appliance.latest <= appliance.earliest else 0)
    start = datetime.combine(day, appliance.earliest, zone).astimezone(UTC)
    end = datetime.combine(day + overnight, appliance.latest, zone).astimezone(UTC)
    return Interval(start=start, end=end) if start < end else None


def _run(appliance: Appliance, window: Interval, now: datetime, blocks: Sequence[Interval]) -> Run | None:
    """What is left to do of a window's run; `blocks` are when it has run."""
    asked = Run(
        appliance=appliance.name,
        window=window,
        phases=appliance.phases,
        uninterruptible=appliance.uninterruptible,
        worth_try=appliance.worth_try,
    )
    if not blocks:
        return asked if now < window.end else None
    ran_s = sum(max(0.0, (min(block.end, now) - block.start).total_seconds()) for block in blocks)
    left = _left(appliance.phases, ran_s)
    if sum(phase.duration_s for phase in left) < min(_AS_GOOD_AS_DONE_S, appliance.duration_s):
        return None
    return asked.model_copy(update={"phases": left, "begun_at": blocks[0].start})


def _left(phases: Sequence[Phase], ran_s: float) -> tuple[Phase, ...]:
    """What is left of a run's phases, in whole seconds."""
    left: list[Phase] = []
    for phase in phases:
        passed_s = min(ran_s, phase.duration_s)
        ran_s -= passed_s
        if phase.duration_s - int(passed_s) > 0:
            left.append(phase.model_copy(update={"duration_s": phase.duration_s - int(passed_s)}))
    return tuple(left)
