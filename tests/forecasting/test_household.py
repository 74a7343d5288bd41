"""Base load and hot water by the clock of the home."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.comfort import Band
from agent.domain.house import BaseLoadFrom, HotWaterUse, House, Tank, WaterHeater
from agent.domain.interval import Interval
from agent.domain.local_day import local_day
from agent.forecasting.base_load import base_load
from agent.forecasting.hot_water import hot_water
from tests.forecasting.zones import BERLIN, ISTANBUL, spans, zones

TANK = Tank(water_kg=100, heat_loss_w_per_c=2, cold_water_c=10, comfort=Band(low_c=40, high_c=60))
HEATER = WaterHeater(power_w=2000, thermostat_c=50)
times = st.times().map(lambda at: at.replace(second=0, microsecond=0))


def house(base: tuple[BaseLoadFrom, ...] = (), uses: tuple[HotWaterUse, ...] = ()) -> House:
    return House(tank=TANK.model_copy(update={"uses": uses}), water_heater=HEATER, base_load=base)


@st.composite
def profiles(draw: st.DrawFn) -> tuple[BaseLoadFrom, ...]:
    begin = sorted(draw(st.sets(times, max_size=6)))
    return tuple(BaseLoadFrom(at=at, power_w=draw(st.floats(0, 3000))) for at in begin)


uses_strategy = st.lists(
    st.builds(HotWaterUse, at=times, duration_s=st.integers(1, 7200), flow_kg_per_min=st.floats(0.1, 12)),
    max_size=5,
).map(tuple)


def test_the_load_of_the_evening_lasts_until_the_first_time_of_the_day() -> None:
    profile = (BaseLoadFrom(at=time(7), power_w=300), BaseLoadFrom(at=time(17, 45), power_w=900))
    span = Interval(
        start=datetime(2020, 1, 1, 17, 30, tzinfo=ISTANBUL), end=datetime(2020, 1, 2, 7, 5, tzinfo=ISTANBUL)
    )
    series = base_load(house(profile), span, ISTANBUL)
    assert [(start.start.astimezone(ISTANBUL).time(), power) for start, power in series.items()] == [
        (time(17, 30), 300),
        (time(17, 45), 900),
        (time(7), 300),
    ]


def test_a_home_without_a_profile_draws_nothing() -> None:
    day = local_day(date(2020, 1, 1), ISTANBUL)
    assert base_load(house(), day, ISTANBUL).mean(day) == 0


@given(profiles(), spans(), zones, st.floats(0, 1, exclude_max=True))
def test_the_load_at_a_moment_is_that_of_the_clock_on_the_wall(
    profile: tuple[BaseLoadFrom, ...], span: Interval, zone: ZoneInfo, share: float
) -> None:
    series = base_load(house(profile), span, zone)
    assert series.covers(span)
    assert series.span == span
    moment = span.start + timedelta(seconds=int(share * span.duration_s))
    days = {(moment + timedelta(days=k)).astimezone(zone).utcoffset() for k in (-1, 0, 1)}
    if len(days) > 1:
        return  # an hour that is repeated has two answers
    at = moment.astimezone(zone).time()
    begun = [entry.power_w for entry in profile if entry.at <= at]
    expected = begun[-1] if begun else profile[-1].power_w if profile else 0.0
    assert series.at(moment) == expected


def test_a_repeated_hour_does_not_switch_the_evening_back_on() -> None:
    profile = (BaseLoadFrom(at=time(2, 30), power_w=100), BaseLoadFrom(at=time(23), power_w=500))
    night = local_day(date(2026, 10, 25), BERLIN)
    series = base_load(house(profile), night, BERLIN)
    assert [(power, step.duration_s / 3600) for step, power in series.items()] == [(500, 2.5), (100, 21.5), (500, 1)]


def test_a_skipped_time_takes_effect_when_the_clock_has_jumped() -> None:
    profile = (BaseLoadFrom(at=time(1), power_w=500), BaseLoadFrom(at=time(2, 30), power_w=100))
    night = local_day(date(2026, 3, 29), BERLIN)
    series = base_load(house(profile), night, BERLIN)
    assert series.at(datetime(2026, 3, 29, 3, 30, tzinfo=BERLIN)) == 100


@given(uses_strategy, st.integers(0, 365))
def test_a_whole_day_draws_all_that_is_used(uses: tuple[HotWaterUse, ...], day_number: int) -> None:
    day = local_day((datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day_number)).date(), ISTANBUL)
    drawn_kg = sum(flow * step.duration_s for step, flow in hot_water(house(uses=uses), day, ISTANBUL).items())
    assert drawn_kg == pytest.approx(sum(use.flow_kg_per_min * use.duration_s / 60 for use in uses))


@given(uses_strategy, spans(), zones)
def test_parts_of_a_span_draw_as_much_as_the_whole(
    uses: tuple[HotWaterUse, ...], span: Interval, zone: ZoneInfo
) -> None:
    def drawn_kg(part: Interval) -> float:
        return sum(flow * step.duration_s for step, flow in hot_water(house(uses=uses), part, zone).items())

    parts = span.steps(5431)
    assert sum(drawn_kg(part) for part in parts) == pytest.approx(drawn_kg(span))
    series = hot_water(house(uses=uses), span, zone)
    assert series.span is None or span.overlap_s(series.span) == series.span.duration_s


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 1)])
@pytest.mark.parametrize("at", [time(0), time(2, 30), time(12)])
def test_water_is_drawn_once_a_day_even_when_the_clock_changes(day: date, at: time) -> None:
    use = HotWaterUse(at=at, duration_s=600, flow_kg_per_min=6)
    drawn = hot_water(house(uses=(use,)), local_day(day, BERLIN), BERLIN)
    assert [(step.duration_s, flow) for step, flow in drawn.items()] == [(600, 0.1)]


def test_a_shower_that_crosses_midnight_is_cut_at_the_span() -> None:
    late = HotWaterUse(at=time(23, 55), duration_s=600, flow_kg_per_min=6)
    day = local_day(date(2020, 1, 1), ISTANBUL)
    drawn = hot_water(house(uses=(late,)), day, ISTANBUL)
    assert [(step.duration_s, flow) for step, flow in drawn.items()] == [(300, 0.1), (300, 0.1)]
    assert drawn.span == day


def test_two_showers_at_once_add_up() -> None:
    uses = tuple(HotWaterUse(at=time(7, minute), duration_s=600, flow_kg_per_min=6) for minute in (0, 5))
    day = local_day(date(2020, 1, 1), ISTANBUL)
    assert [flow for _, flow in hot_water(house(uses=uses), day, ISTANBUL).items()] == pytest.approx([0.1, 0.2, 0.1])


def test_without_a_tank_no_water_is_drawn() -> None:
    room_only = House.model_validate(
        {
            "room": {"heat_capacity_wh_per_c": 500, "heat_loss_w_per_c": 90, "comfort": {"low_c": 20, "high_c": 25}},
            "air_conditioner": {"power_w": 1000, "cop": 3, "mode": "heat", "thermostat_c": 22},
        }
    )
    day = local_day(date(2020, 1, 1), ISTANBUL)
    assert hot_water(room_only, day, ISTANBUL).values == ()
