"""What has already happened, as far as the planner must know: starts, runs, a hot tank, the month's peak.

Nothing here is known only here: what is remembered between two questions only spares reading the same rows again.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from agent.control.metering import MOST_OF_A_HOME_W, rises
from agent.domain.command import Command, Stage
from agent.domain.device import Name, Reading
from agent.domain.house import House, HouseState, LoadState
from agent.domain.interval import Interval
from agent.domain.plan import Plan
from agent.domain.tariff import DemandCharge
from agent.errors import JournalUnreadable
from agent.ports import Ledger, Telemetry

_log = logging.getLogger(__name__)

_UNHEARD = timedelta(minutes=30)
"""Between readings that are farther apart nothing is known."""
_LONGEST_RUN_AGO = timedelta(hours=26)
"""A run that began earlier belongs to a window that has closed."""
_PLAN_MADE_AGO = timedelta(hours=50)
_CARRIED_OUT = (Stage.VERIFIED, Stage.ACKNOWLEDGED, Stage.UNKNOWN)
"""An order of unknown fate counts: rather a start too many than one too few."""


class History:
    """Answers what has happened up to a moment, from ledger and telemetry."""

    def __init__(
        self,
        *,
        house: House,
        zone: ZoneInfo,
        demand: DemandCharge | None,
        ledger: Ledger,
        telemetry: Telemetry,
        tank_thermometer: Name | None,
        house_meter: Name | None,
        switched: frozenset[Name],
    ) -> None:
        """`switched` are the appliances that have a relay; the others are started by their owner as planned."""
        self._house = house
        self._zone = zone
        self._demand = demand
        self._ledger = ledger
        self._telemetry = telemetry
        self._tank_thermometer = tank_thermometer
        self._house_meter = house_meter
        self._switched = switched
        self._hygienic_at: datetime | None = None
        self._tank_heard_until: datetime | None = None
        self._peak_w = 0.0
        self._meter_heard_until: datetime | None = None

    async def completed(self, state: HouseState) -> HouseState:
        """The state of a moment with what happened before it. Raises JournalError."""
        loads = dict(state.loads)
        for name, starts in (await self._starts_today(state.at)).items():
            loads[name] = loads.get(name, LoadState(on=False)).model_copy(update={"starts_today": starts})
        return state.model_copy(
            update={
                "loads": loads,
                "hygienic_at": await self._last_hygienic(state.at),
                "month_peak_w": await self._month_peak_w(state.at),
            }
        )

    async def ran(self, state: HouseState) -> Mapping[Name, Sequence[Interval]]:
        """When each appliance has run of late, in the order of time. Raises JournalError.

        One with a relay: by its commands. One without: as the plans of the time had it.
        """
        names = [appliance.name for appliance in self._house.appliances]
        if not names:
            return {}
        span = Interval(start=state.at - _LONGEST_RUN_AGO, end=state.at + timedelta(seconds=1))
        commands = await self._ledger.commands(span)
        ran = {
            name: on_blocks(
                [command for command in commands if command.load == name], span, on_now=_on_now(state, name)
            )
            for name in names
            if name in self._switched
        }
        by_hand = [name for name in names if name not in self._switched]
        if by_hand:
            plans = await self._plans_made(Interval(start=state.at - _PLAN_MADE_AGO, end=span.end))
            ran |= {name: planned_blocks(plans, name, span) for name in by_hand}
        return ran

    async def _plans_made(self, span: Interval) -> Sequence[Plan]:
        """None where one of them was written by another version in words that this one lacks."""
        try:
            return await self._ledger.plans(span)
        except JournalUnreadable as error:
            _log.warning("when appliances ran of late is not known: %s", error)
            return ()

    async def _starts_today(self, now: datetime) -> Mapping[Name, int]:
        limited = [name for name in self._house.loads if self._house.load(name).max_starts_per_day is not None]
        if not limited:
            return {}
        midnight = datetime.combine(now.astimezone(self._zone).date(), time(0), self._zone).astimezone(UTC)
        commands = await self._ledger.commands(Interval(start=midnight, end=now + timedelta(seconds=1)))
        return {name: starts([command for command in commands if command.load == name]) for name in limited}

    async def _last_hygienic(self, now: datetime) -> datetime | None:
        asked = None if self._house.tank is None else self._house.tank.legionella
        if asked is None or self._tank_thermometer is None:
            return None
        hold = timedelta(seconds=asked.hold_s)
        since = now - timedelta(days=asked.every_days + 1)
        if self._tank_heard_until is not None:
            since = max(since, self._tank_heard_until - hold - _UNHEARD)
        readings = await self._telemetry.readings(self._tank_thermometer, _up_to(since, now))
        found = last_hot(readings, asked.temperature_c, hold)
        self._tank_heard_until = now
        self._hygienic_at = found if found is not None else self._hygienic_at
        return self._hygienic_at

    async def _month_peak_w(self, now: datetime) -> float:
        if self._demand is None or self._house_meter is None:
            return 0.0
        first = now.astimezone(self._zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        heard = self._meter_heard_until
        if heard is None or heard < first:
            self._peak_w, heard = 0.0, first
        since = max(first, heard - _UNHEARD - timedelta(seconds=self._demand.window_s))
        readings = await self._telemetry.readings(self._house_meter, _up_to(since, now))
        self._meter_heard_until = now
        self._peak_w = max(self._peak_w, highest_mean_w(readings, self._demand.window_s))
        return self._peak_w


def starts(commands: Sequence[Command]) -> int:
    """How often a load was switched on by its commands, oldest first."""
    carried_out = [command.on for command in commands if command.stage in _CARRIED_OUT]
    return sum(on and not was_on for was_on, on in pairwise((False, *carried_out)))


def on_blocks(commands: Sequence[Command], span: Interval, *, on_now: bool | None) -> list[Interval]:
    """When a load was on within a span by its commands there, oldest first.

    `on_now` says how it stands at the end; None where it does not answer: then it stands as it was last ordered.
    """
    carried_out = [command for command in commands if command.stage in _CARRIED_OUT]
    if on_now is None:
        on_now = bool(carried_out) and carried_out[-1].on
    was_on = carried_out[0].on is False if carried_out else on_now
    since = span.start if was_on else None
    blocks: list[Interval] = []
    for command in carried_out:
        if command.on:
            since = command.at if since is None else since
        elif since is not None:
            blocks += _block(since, command.at)
            since = None
    if since is not None and on_now:
        blocks += _block(since, span.end)
    return blocks


def planned_blocks(plans: Sequence[Plan], load: Name, span: Interval) -> list[Interval]:
    """When a load was to be on within a span, by the plan that was in force at each moment; plans are oldest first."""
    blocks: list[Interval] = []
    borders = (*(plan.made_at for plan in plans), span.end)
    for plan, (_, end) in zip(plans, pairwise(borders), strict=True):
        part = plan.load(load)
        for block in () if part is None else part.on:
            inside = _block(max(block.start, plan.made_at, span.start), min(block.end, end, span.end))
            if blocks and inside and blocks[-1].end == inside[0].start:
                inside = [Interval(start=blocks.pop().start, end=inside[0].end)]  # the new plan goes on with it
            blocks += inside
    return blocks


def last_hot(readings: Sequence[Reading], hot_c: float, hold: timedelta) -> datetime | None:
    """The newest moment at which it had been so hot for so long, °C; None if it never was. Readings are in order."""
    since: datetime | None = None
    last: datetime | None = None
    found: datetime | None = None
    for reading in readings:
        if reading.temperature_c is None:
            continue
        if reading.temperature_c < hot_c:
            since = None
        elif since is None or last is None or reading.at - last > _UNHEARD:
            since = reading.at
        elif reading.at - since >= hold:
            found = reading.at
        last = reading.at
    return found


def highest_mean_w(readings: Sequence[Reading], window_s: int) -> float:
    """The highest mean power of a window, W; windows begin on whole multiples of their length.

    Where the meter counts energy, by its counter, else by its powers; what was not heard counts as nothing.
    """
    energy_ws: dict[int, float] = {}
    for start_s, end_s, power_w in _pieces(readings):
        at_s = start_s
        while at_s < end_s:
            window = int(at_s // window_s)
            until_s = min(end_s, (window + 1.0) * window_s)
            energy_ws[window] = energy_ws.get(window, 0.0) + power_w * (until_s - at_s)
            at_s = until_s
    return max(energy_ws.values(), default=0.0) / window_s


def _pieces(readings: Sequence[Reading]) -> Iterator[tuple[float, float, float]]:
    """From, to (seconds since 1970) and mean power between readings, W."""
    for rise in rises(readings, MOST_OF_A_HOME_W):
        if rise.energy_wh is None or rise.flaw is not None:
            yield from _pieces_of_power([reading for reading in readings if rise.start <= reading.at <= rise.end])
        elif rise.end - rise.start <= _UNHEARD:
            start_s, end_s = rise.start.timestamp(), rise.end.timestamp()
            yield start_s, end_s, rise.energy_wh * 3600 / (end_s - start_s)


def _pieces_of_power(readings: Sequence[Reading]) -> Iterator[tuple[float, float, float]]:
    for before, after in pairwise(readings):
        if before.at < after.at <= before.at + _UNHEARD:
            powers_w = [reading.power_w for reading in (before, after) if reading.power_w is not None]
            mean_w = sum(powers_w) / len(powers_w) if powers_w else 0.0
            yield before.at.timestamp(), after.at.timestamp(), max(0.0, mean_w)


def _block(start: datetime, end: datetime) -> list[Interval]:
    return [Interval(start=start, end=end)] if start < end else []


def _up_to(since: datetime, now: datetime) -> Interval:
    return Interval(start=since, end=max(now, since) + timedelta(microseconds=1))


def _on_now(state: HouseState, name: Name) -> bool | None:
    """None where the load does not answer."""
    return state.loads[name].on if name in state.loads else None
