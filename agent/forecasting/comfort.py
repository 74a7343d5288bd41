"""What people want of room and tank at each moment: comfort bands, their schedules, and times without people."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from agent.domain.comfort import Away, Band, BandFrom, Weekday
from agent.domain.device import Name
from agent.domain.house import AIR_CONDITIONER, AirConditioner, AirConditionerMode, House
from agent.domain.interval import Interval, Series
from agent.domain.problem import Wanted

_WEEK_AND_A_DAY = timedelta(days=8)
"""A schedule may name a single day of the week; its band then holds for a whole week."""
_WEEKDAYS = tuple(Weekday)
_MOMENT = timedelta(seconds=1)


def room_wanted(house: House, span: Interval, zone: ZoneInfo) -> Wanted | None:
    """The room's limits over a span in whole seconds; None where its comfort band holds throughout."""
    if house.room is None:
        return None
    return _wanted(house.room.comfort, _room_pieces(house, span, zone))


def tank_wanted(house: House, span: Interval, zone: ZoneInfo) -> Wanted | None:
    """The tank's limits over a span in whole seconds; None where its comfort band holds throughout."""
    if house.tank is None:
        return None
    return _wanted(house.tank.comfort, _tank_pieces(house, span, zone))


def room_band(house: House, at: datetime, zone: ZoneInfo) -> Band | None:
    """What is wanted of the room at a moment; None without a room."""
    pieces = _room_pieces(house, Interval(start=at, end=at + _MOMENT), zone)
    return pieces[0][2] if pieces else None


def tank_band(house: House, at: datetime, zone: ZoneInfo) -> Band | None:
    """What is wanted of the tank at a moment; None without a tank."""
    pieces = _tank_pieces(house, Interval(start=at, end=at + _MOMENT), zone)
    return pieces[0][2] if pieces else None


def setpoint_c(house: House, load: Name, at: datetime, zone: ZoneInfo) -> float:
    """Where a thermostat that knows the schedule would stand, °C: at the owner's setpoint, moved into the wanted band.

    In an empty home it stands at the end of the band that costs least. Raises KeyError if the house has no such load.
    """
    unit = house.load(load)
    band = room_band(house, at, zone) if load == AIR_CONDITIONER else tank_band(house, at, zone)
    if band is None:
        return unit.thermostat_c
    if any(at in Interval(start=away.start, end=away.end) for away in house.away):
        cools = isinstance(unit, AirConditioner) and unit.mode is AirConditionerMode.COOL
        return band.high_c if cools else band.low_c
    return min(max(unit.thermostat_c, band.low_c), band.high_c)


_Piece = tuple[int, int, Band]
"""From, to (seconds since 1970), and what is wanted there."""


def _room_pieces(house: House, span: Interval, zone: ZoneInfo) -> Sequence[_Piece]:
    room = house.room
    if room is None:
        return ()
    return _pieces(room.comfort, room.schedule, house.away, lambda away, _: away.room, span, zone)


def _tank_pieces(house: House, span: Interval, zone: ZoneInfo) -> Sequence[_Piece]:
    tank = house.tank
    if tank is None:
        return ()
    return _pieces(tank.comfort, tank.schedule, house.away, _tank_while_away, span, zone)


def _tank_while_away(away: Away, at_home: Band) -> Band:
    """Never more than when people are at home."""
    return Band(low_c=min(away.tank_low_c, at_home.low_c), high_c=at_home.high_c)


def _pieces(
    comfort: Band,
    schedule: Sequence[BandFrom],
    away: Sequence[Away],
    while_away: Callable[[Away, Band], Band],
    span: Interval,
    zone: ZoneInfo,
) -> Sequence[_Piece]:
    """The wanted bands over a span, in the order of time, without gaps."""
    changes = _changes(schedule, span, zone)
    changes_s = [at_s for at_s, _ in changes]
    absences_s = [(entry.start.timestamp(), entry.end.timestamp(), entry) for entry in away]
    start_s, end_s = int(span.start.timestamp()), int(span.end.timestamp())
    inner_s = {*changes_s, *(int(at_s) for begin_s, back_s, _ in absences_s for at_s in (begin_s, back_s))}
    borders_s = sorted({start_s, end_s, *(at_s for at_s in inner_s if start_s < at_s < end_s)})
    pieces: list[_Piece] = []
    for from_s, to_s in pairwise(borders_s):
        place = bisect_right(changes_s, from_s) - 1
        band = changes[place][1] if place >= 0 else comfort
        absent = next((entry for begin_s, back_s, entry in absences_s if int(begin_s) <= from_s < int(back_s)), None)
        pieces.append((from_s, to_s, band if absent is None else while_away(absent, band)))
    return pieces


def _changes(schedule: Sequence[BandFrom], span: Interval, zone: ZoneInfo) -> Sequence[tuple[int, Band]]:
    """When which band begins, in seconds since 1970 and in the order of time, from before the span to its end.

    A time that a clock change repeats counts at its first pass. One that it skips comes as late as it was due before,
    but no later than the entry after it.
    """
    day, last = (span.start - _WEEK_AND_A_DAY).astimezone(zone).date(), span.end.astimezone(zone).date()
    entries = sorted(schedule, key=lambda entry: entry.at)
    moments_s: list[int] = []
    bands: list[Band] = []
    while day <= last:
        for entry in entries:
            if _WEEKDAYS[day.weekday()] in entry.days:
                moments_s.append(int(datetime.combine(day, entry.at, zone).astimezone(UTC).timestamp()))
                bands.append(entry.band)
        day += timedelta(days=1)
    in_order_s = list(accumulate(reversed(moments_s), min))[::-1]
    return list(zip(in_order_s, bands, strict=True))


def _wanted(comfort: Band, pieces: Sequence[_Piece]) -> Wanted | None:
    if all(band == comfort for _, _, band in pieces):
        return None
    starts_s, ends_s = tuple(piece[0] for piece in pieces), tuple(piece[1] for piece in pieces)
    return Wanted(
        low_c=Series(starts_s=starts_s, ends_s=ends_s, values=tuple(band.low_c for _, _, band in pieces)),
        high_c=Series(starts_s=starts_s, ends_s=ends_s, values=tuple(band.high_c for _, _, band in pieces)),
    )
