"""What is wanted at each moment, over clock changes and absences."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.comfort import Away, Band, BandFrom, Weekday
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, House
from agent.domain.interval import Interval
from agent.domain.local_day import local_day
from agent.forecasting.comfort import room_band, room_wanted, setpoint_c, tank_band, tank_wanted
from agent.forecasting.hot_water import hot_water
from tests.forecasting.zones import BERLIN, ISTANBUL, spans, zones

DAY_BAND, NIGHT_BAND = Band(low_c=20, high_c=24), Band(low_c=16, high_c=20)
times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
bands = st.tuples(st.floats(10, 20), st.floats(0.5, 10)).map(lambda at: Band(low_c=at[0], high_c=at[0] + at[1]))
weekdays = st.sets(st.sampled_from(Weekday), min_size=1).map(lambda days: tuple(sorted(days)))
schedules = st.lists(st.builds(BandFrom, at=times, band=bands, days=weekdays), max_size=5, unique_by=lambda e: e.at)


def house(*schedule: BandFrom, away: tuple[Away, ...] = (), mode: str = "heat") -> House:
    return House.model_validate(
        {
            "room": {
                "heat_capacity_wh_per_c": 4000,
                "heat_loss_w_per_c": 160,
                "comfort": DAY_BAND,
                "schedule": schedule,
            },
            "air_conditioner": {"power_w": 1400, "cop": 3, "mode": mode, "thermostat_c": 22},
            "tank": {
                "water_kg": 100,
                "heat_loss_w_per_c": 2,
                "cold_water_c": 10,
                "comfort": {"low_c": 42, "high_c": 62},
                "schedule": [{"at": time(6), "band": {"low_c": 42, "high_c": 62}}, {"at": time(9), "band": LOW_TANK}],
                "uses": [{"at": time(7), "duration_s": 600, "flow_kg_per_min": 6}],
            },
            "water_heater": {"power_w": 2000, "thermostat_c": 55},
            "away": away,
        }
    )


LOW_TANK = Band(low_c=30, high_c=62)


@given(schedules.map(tuple), spans(), zones)
def test_the_limits_cover_the_span_without_gaps(schedule: tuple[BandFrom, ...], span: Interval, zone: ZoneInfo) -> None:
    wanted = room_wanted(house(*schedule), span, zone)
    if wanted is None:
        return
    assert wanted.low_c.covers(span)
    assert wanted.low_c.span == wanted.high_c.span == span
    assert all(low < high for low, high in zip(wanted.low_c.values, wanted.high_c.values, strict=True))


@given(schedules.filter(bool).map(tuple), st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)))  # noqa: DTZ001
def test_the_band_of_a_moment_is_the_last_that_began(schedule: tuple[BandFrom, ...], local: datetime) -> None:
    begun = [
        (datetime.combine(local.date() - timedelta(days=back), entry.at), entry.band)
        for back in range(9)
        for entry in schedule
        if tuple(Weekday)[(local.date() - timedelta(days=back)).weekday()] in entry.days
    ]
    expected = max((at, place) for place, (at, _) in enumerate(begun) if at <= local)
    assert room_band(house(*schedule), local.replace(tzinfo=ISTANBUL), ISTANBUL) == begun[expected[1]][1]


@given(schedules.map(tuple), spans(), zones, st.floats(0, 1, exclude_max=True))
def test_the_series_says_at_each_moment_what_the_moment_says(
    schedule: tuple[BandFrom, ...], span: Interval, zone: ZoneInfo, share: float
) -> None:
    home = house(*schedule)
    moment = span.start + timedelta(seconds=int(share * span.duration_s))
    wanted, band = room_wanted(home, span, zone), room_band(home, moment, zone)
    assert band is not None
    assert (band.low_c, band.high_c) == (
        (wanted.low_c.at(moment), wanted.high_c.at(moment)) if wanted else (DAY_BAND.low_c, DAY_BAND.high_c)
    )


def test_a_band_that_never_changes_needs_no_series() -> None:
    day = local_day(date(2020, 1, 1), ISTANBUL)
    assert room_wanted(house(), day, ISTANBUL) is None
    assert room_wanted(house(BandFrom(at=time(8), band=DAY_BAND)), day, ISTANBUL) is None
    assert tank_wanted(house(), day, ISTANBUL) is not None


@pytest.mark.parametrize(
    ("day", "night_h"),
    [(date(2026, 3, 29), 6.0), (date(2026, 10, 25), 8.0), (date(2026, 6, 1), 7.0)],
)
def test_the_night_is_as_long_as_the_clocks_make_it(day: date, night_h: float) -> None:
    home = house(BandFrom(at=time(7), band=DAY_BAND), BandFrom(at=time(23), band=NIGHT_BAND))
    wanted = room_wanted(home, local_day(day, BERLIN), BERLIN)
    assert wanted is not None
    assert [(low, part.duration_s / 3600) for part, low in wanted.low_c.items()][:1] == [(16, night_h)]


def test_times_that_a_clock_change_skips_keep_their_order() -> None:
    home = house(BandFrom(at=time(2, 30), band=NIGHT_BAND), BandFrom(at=time(3, 15), band=DAY_BAND))
    night = local_day(date(2026, 3, 29), BERLIN)
    wanted = room_wanted(home, night, BERLIN)
    assert wanted is None  # the night's band, skipped, gives way at once


def test_a_skipped_time_is_over_when_the_entry_after_it_begins() -> None:
    late = Band(low_c=18, high_c=22)
    times_and_bands = ((time(2, 15), NIGHT_BAND), (time(2, 45), DAY_BAND), (time(3, 20), late))
    home = house(*(BandFrom(at=at, band=band) for at, band in times_and_bands))
    lows = [room_band(home, datetime(2026, 3, 29, 3, minute, tzinfo=BERLIN), BERLIN) for minute in (10, 15, 20, 50)]
    assert lows == [late, NIGHT_BAND, late, late]


def test_a_schedule_of_the_weekend_holds_until_the_next_one() -> None:
    saturday = BandFrom(at=time(8), band=NIGHT_BAND, days=(Weekday.SATURDAY,))
    assert room_band(house(saturday), datetime(2026, 6, 5, 23, tzinfo=ISTANBUL), ISTANBUL) == NIGHT_BAND


AWAY = Away(start=datetime(2026, 2, 1, 8, tzinfo=ISTANBUL), end=datetime(2026, 2, 8, 18, tzinfo=ISTANBUL))


def test_an_empty_home_is_only_kept_from_frost_and_nobody_draws() -> None:
    home = house(BandFrom(at=time(7), band=NIGHT_BAND), away=(AWAY,))
    span = Interval(start=AWAY.start - timedelta(hours=2), end=AWAY.start + timedelta(hours=2))
    room, tank = room_wanted(home, span, ISTANBUL), tank_wanted(home, span, ISTANBUL)
    assert room is not None
    assert tank is not None
    assert [room.low_c.at(AWAY.start + timedelta(seconds=k)) for k in (-1, 0)] == [16, 7]
    assert room.high_c.at(AWAY.start) == 35
    assert [tank.low_c.at(AWAY.start + timedelta(seconds=k)) for k in (-1, 0)] == [42, 7]
    drawn = [hot_water(home, local_day(date(2026, 2, day), ISTANBUL), ISTANBUL).values for day in (1, 2, 8, 9)]
    assert [bool(values) for values in drawn] == [True, False, False, True]
    assert room_band(home, AWAY.end, ISTANBUL) == NIGHT_BAND


def test_a_shower_ends_when_everybody_leaves() -> None:
    leaving = AWAY.model_copy(update={"start": datetime(2026, 2, 1, 4, 5, tzinfo=UTC)})
    drawn = hot_water(house(away=(leaving,)), local_day(date(2026, 2, 1), ISTANBUL), ISTANBUL)
    assert [part.duration_s for part, _ in drawn.items()] == [300]


def test_an_absence_never_asks_for_a_warmer_tank_than_the_schedule() -> None:
    warm = AWAY.model_copy(update={"tank_low_c": 50.0})
    band = tank_band(house(away=(warm,)), AWAY.start + timedelta(hours=5), ISTANBUL)
    assert band == Band(low_c=30, high_c=62)


@pytest.mark.parametrize(
    ("mode", "local", "expected"),
    [
        ("heat", datetime(2026, 1, 20, 12, tzinfo=ISTANBUL), 22),
        ("heat", datetime(2026, 1, 20, 23, 30, tzinfo=ISTANBUL), 20),
        ("heat", datetime(2026, 2, 3, 12, tzinfo=ISTANBUL), 7),
        ("cool", datetime(2026, 2, 3, 12, tzinfo=ISTANBUL), 35),
    ],
)
def test_a_thermostat_follows_the_schedule_and_does_not_heat_an_empty_home(
    mode: str, local: datetime, expected: float
) -> None:
    home = house(BandFrom(at=time(7), band=DAY_BAND), BandFrom(at=time(23), band=NIGHT_BAND), away=(AWAY,), mode=mode)
    assert setpoint_c(home, AIR_CONDITIONER, local, ISTANBUL) == expected


def test_a_heater_stands_at_its_setpoint_unless_nobody_is_there() -> None:
    home = house(away=(AWAY,))
    assert setpoint_c(home, WATER_HEATER, AWAY.end, ISTANBUL) == 55
    assert setpoint_c(home, WATER_HEATER, AWAY.start, ISTANBUL) == 7
