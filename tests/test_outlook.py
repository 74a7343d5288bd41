"""From what is known to the problem: margins, flags, the grid."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.comfort import Away, Band, BandFrom
from agent.domain.house import Cooling, HouseState, Legionella
from agent.domain.interval import Interval, Series
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.domain.plan import ComfortMiss, Fallback, MissCause
from agent.domain.problem import EndRule, Problem
from agent.domain.tariff import FlatTariff
from agent.forecasting.prices import estimated_day
from agent.forecasting.sun import climate_forecast
from agent.outlook import horizon, planned_horizon, problem_of, with_margins, without_margins
from agent.planning.thermostat import thermostat_plan
from agent.settings import PlanningSettings, Settings, load_settings

EXAMPLE = Path(__file__).parent.parent / "examples" / "home.toml"
START = datetime(2019, 12, 31, 21, 0, tzinfo=UTC)
SPAN = Interval(start=START, end=START + timedelta(hours=24))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(EXAMPLE, {})


@given(room_c=st.floats(0, 3), tank_c=st.floats(0, 10), width_c=st.floats(0.2, 20))
def test_margins_lie_inside_the_band_and_leave_half_of_it(room_c: float, tank_c: float, width_c: float) -> None:
    house = load_settings(EXAMPLE, {}).house
    assert house.room is not None
    assert house.tank is not None
    room = house.room.model_copy(update={"comfort": Band(low_c=20, high_c=20 + width_c)})
    planned = with_margins(
        house.model_copy(update={"room": room}), PlanningSettings(room_margin_c=room_c, tank_margin_c=tank_c)
    )
    assert planned.room is not None
    assert planned.tank is not None
    narrow, wide = planned.room.comfort, room.comfort
    assert wide.low_c <= narrow.low_c < narrow.high_c <= wide.high_c
    assert narrow.high_c - narrow.low_c >= width_c / 2 - 1e-9
    assert planned.tank.comfort.low_c == pytest.approx(house.tank.comfort.low_c + tank_c)
    assert planned.tank.comfort.high_c == house.tank.comfort.high_c


def test_eating_into_a_margin_is_no_miss_of_comfort(settings: Settings) -> None:
    weather = climate_forecast(SPAN, 41.0, 29.0, START)
    known = {day: estimated_day(day, {}, settings.home.zone) for day in [START.astimezone(settings.home.zone).date()]}
    state = HouseState(at=START, room_temperature_c=20.6, tank_temperature_c=55.0)
    problem = problem_of(settings, state, SPAN, known, weather)
    plan = thermostat_plan(problem, Fallback.COMFORT_RELAXED)
    assert Fallback.COMFORT_RELAXED not in without_margins(plan, settings.house, settings.home.zone).fallbacks
    cold = problem.model_copy(update={"state": state.model_copy(update={"room_temperature_c": 17.0})})
    missed = thermostat_plan(cold, Fallback.COMFORT_RELAXED)
    assert Fallback.COMFORT_RELAXED in without_margins(missed, settings.house, settings.home.zone).fallbacks


def test_what_had_to_be_guessed_is_flagged(settings: Settings) -> None:
    weather = climate_forecast(SPAN, 41.0, 29.0, START)
    state = HouseState(at=START, room_temperature_c=21.0, tank_temperature_c=55.0, estimated=frozenset({"x"}))
    problem = problem_of(settings, state, SPAN, {}, weather)
    assert problem.fallbacks == {
        Fallback.PRICES_ESTIMATED,
        Fallback.WEATHER_CLIMATE,
        Fallback.TEMPERATURE_ESTIMATED,
    }


def test_known_prices_are_not_flagged(settings: Settings) -> None:
    day = START.astimezone(settings.home.zone).date()
    guessed = estimated_day(day, {}, settings.home.zone)
    final = DayAheadPrices(
        day=day, status=PriceStatus.FINAL, fetched_at=START, price_try_per_kwh=guessed.price_try_per_kwh
    )
    weather = climate_forecast(SPAN, 41.0, 29.0, START)
    state = HouseState(at=START, room_temperature_c=21.0, tank_temperature_c=55.0)
    assert problem_of(settings, state, SPAN, {day: final}, weather).fallbacks == {Fallback.WEATHER_CLIMATE}


FULL = Path(__file__).parent.parent / "examples" / "full-house.toml"
MIDDAY = datetime(2026, 3, 4, 9, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def full() -> Settings:
    return load_settings(FULL, {})


def known(settings: Settings, *days: date, status: PriceStatus = PriceStatus.FINAL) -> dict[date, DayAheadPrices]:
    zone = settings.home.zone
    return {day: estimated_day(day, {}, zone).model_copy(update={"status": status}) for day in days}


TODAY, TOMORROW, AFTER = (date(2026, 3, day) for day in (4, 5, 6))


@pytest.mark.parametrize(
    ("days", "hours"),
    [((), 24), ((TODAY,), 24), ((TODAY, TOMORROW), 38 + 55 / 60), ((TODAY, TOMORROW, AFTER), 48), ((TOMORROW,), 24)],
)
def test_a_horizon_reaches_to_the_end_of_the_known_prices(
    settings: Settings, days: tuple[date, ...], hours: float
) -> None:
    moment = MIDDAY - timedelta(hours=3)  # 09:07 by the clock of the home
    span = planned_horizon(settings, moment, known(settings, *days))
    assert span.start == moment.replace(minute=5)
    assert span.duration_s == hours * 3600


def test_estimated_prices_of_the_ledger_do_not_lengthen_a_horizon(settings: Settings) -> None:
    guessed = known(settings, TODAY, TOMORROW, status=PriceStatus.ESTIMATED)
    assert planned_horizon(settings, MIDDAY, guessed).duration_s == 86_400


def test_where_no_price_follows_the_market_the_shortest_horizon_is_enough(settings: Settings) -> None:
    flat = settings.model_copy(update={"tariff": FlatTariff(price_try_per_kwh=3)})
    assert planned_horizon(flat, MIDDAY, known(settings, TODAY, TOMORROW)).duration_s == 86_400


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 47), (date(2026, 10, 25), 49)])
def test_a_horizon_ends_at_midnight_on_days_of_any_length(settings: Settings, day: date, hours: int) -> None:
    home = settings.home.model_copy(update={"time_zone": "Europe/Berlin"})
    planning = settings.planning.model_copy(update={"longest_horizon_s": 172_800})
    berlin = settings.model_copy(update={"home": home, "planning": planning})
    moment = datetime.combine(day, time(0), berlin.home.zone)
    span = planned_horizon(berlin, moment, known(berlin, day, day + timedelta(days=1)))
    assert span.duration_s == min(hours, 48) * 3600


def question(settings: Settings, span: Interval = SPAN, **more: Any) -> Problem:  # noqa: ANN401 - as problem_of takes it
    state = HouseState(at=span.start, room_temperature_c=21.0, tank_temperature_c=55.0, battery_wh=2000)
    return problem_of(settings, state, span, {}, climate_forecast(span, 41.0, 29.0, START), **more)


def test_the_whole_question_is_asked(full: Settings) -> None:
    problem = question(full)
    assert problem.export_try_per_kwh is not None
    assert problem.export_try_per_kwh.at(START) == pytest.approx(0.8 * problem.price_try_per_kwh.at(START))
    assert problem.generation_w is not None
    assert problem.generation_w.span == SPAN
    assert max(problem.generation_w.values) > 500
    assert [run.appliance for run in problem.runs] == ["dishwasher"]
    assert problem.room_wanted is not None
    assert problem.tank_wanted is not None
    assert (problem.time_zone, problem.end) == ("Europe/Istanbul", EndRule.VALUED)


def test_margins_narrow_every_band_of_the_schedule(full: Settings) -> None:
    problem = question(full)
    assert problem.room_wanted is not None
    assert problem.tank_wanted is not None
    assert {round(low, 6) for low in problem.room_wanted.low_c.values} == {18.8, 20.8}
    assert set(problem.room_wanted.high_c.values) == {23.2}
    assert set(problem.tank_wanted.low_c.values) == {36.0, 43.0}
    assert set(problem.tank_wanted.high_c.values) == {68.0}
    assert problem.house.tank is not None
    assert problem.house.tank.legionella is not None
    assert problem.house.tank.legionella.temperature_c == 61


def test_hygiene_is_planned_no_farther_above_than_half_of_the_way_to_the_limit(full: Settings) -> None:
    tank = full.house.tank
    assert tank is not None
    asked = tank.model_copy(update={"legionella": Legionella(temperature_c=67.0)})
    weak = asked.model_copy(update={"heat_loss_w_per_c": 2000 / 48})  # the rod brings it to 68 °C and no farther
    for changed, expected_c in ((asked, 67.5), (weak, 67.5), (weak.model_copy(update={"ambient_c": 19.2}), 67.1)):
        problem = question(full.model_copy(update={"house": full.house.model_copy(update={"tank": changed})}))
        assert problem.house.tank is not None
        assert problem.house.tank.legionella is not None
        assert problem.house.tank.legionella.temperature_c == pytest.approx(expected_c)


@given(st.floats(55, 80), st.floats(0.01, 10), st.floats(-8, 20), st.floats(0, 10))
def test_a_hotter_tank_is_still_one_that_the_owner_could_have_asked_for(
    asked_c: float, above_c: float, schedule_above_c: float, margin_c: float
) -> None:
    full = load_settings(FULL, {})
    tank = full.house.tank
    assert tank is not None
    bands = {
        "comfort": Band(low_c=40, high_c=asked_c + above_c),
        "schedule": (BandFrom(at=time(6), band=Band(low_c=40, high_c=asked_c + schedule_above_c)),),
        "safety_limit_c": 110,  # above what is measured here
        "legionella": Legionella(temperature_c=asked_c),
    }
    house = full.house.model_copy(update={"tank": tank.model_copy(update=bands)})
    planning = PlanningSettings(tank_margin_c=margin_c)
    asked = question(full.model_copy(update={"house": house, "planning": planning})).house.tank
    assert asked is not None
    assert asked.legionella is not None
    assert asked_c <= asked.legionella.temperature_c <= min(80, asked_c + max(0, schedule_above_c), asked_c + margin_c)
    assert asked.legionella.temperature_c < asked.comfort.high_c


@pytest.mark.parametrize("thermostat_c", [20.5, 23.5])
def test_a_thermostat_at_the_edge_of_the_band_is_no_fault_for_having_margins(
    settings: Settings, thermostat_c: float
) -> None:
    assert settings.house.air_conditioner is not None
    unit = settings.house.air_conditioner.model_copy(update={"thermostat_c": thermostat_c})
    edge = settings.model_copy(update={"house": settings.house.model_copy(update={"air_conditioner": unit})})
    problem = question(edge)
    assert Problem.model_validate_json(problem.model_dump_json()) == problem


def test_without_margins_a_constant_band_needs_no_series(settings: Settings) -> None:
    planning = PlanningSettings(room_margin_c=0, tank_margin_c=0)
    plain = question(settings.model_copy(update={"planning": planning}))
    assert (plain.room_wanted, plain.tank_wanted) == (None, None)
    assert question(settings).room_wanted is not None


def test_an_absence_has_margins_too(full: Settings) -> None:
    away = Away(start=START, end=START + timedelta(days=3))
    problem = question(full.model_copy(update={"house": full.house.model_copy(update={"away": (away,)})}))
    assert problem.room_wanted is not None
    assert problem.tank_wanted is not None
    assert (set(problem.room_wanted.low_c.values), set(problem.tank_wanted.low_c.values)) == ({7.3}, {8.0})
    assert problem.hot_water_kg_per_s.values == ()


def test_only_a_plan_that_reaches_into_the_horizon_is_announced(full: Settings) -> None:
    plan = thermostat_plan(question(full))
    assert question(full, announced=plan).announced == plan
    later = Interval(start=SPAN.end, end=SPAN.end + timedelta(hours=24))
    assert question(full, later, announced=plan).announced is None


def test_a_run_that_is_done_is_not_asked_for_again(full: Settings) -> None:
    noon = Interval(start=START + timedelta(hours=12), end=START + timedelta(hours=20))
    morning = Interval(start=START + timedelta(hours=9), end=START + timedelta(hours=10, minutes=25))
    assert [run.appliance for run in question(full, noon).runs] == ["dishwasher"]
    assert question(full, noon, ran={"dishwasher": [morning]}).runs == ()


COOLING = Cooling(cop=3, thermostat_c=25, comfort=Band(low_c=23, high_c=27))


@pytest.mark.parametrize(("month", "expected"), [(1, "heat"), (8, "cool")])
def test_the_season_chooses_mode_and_band_of_plan_and_judgement(settings: Settings, month: int, expected: str) -> None:
    assert settings.house.air_conditioner is not None
    unit = settings.house.air_conditioner.model_copy(update={"cooling": COOLING})
    seasonal = settings.model_copy(update={"house": settings.house.model_copy(update={"air_conditioner": unit})})
    start = datetime(2026, month, 10, tzinfo=UTC)
    problem = question(seasonal, Interval(start=start, end=start + timedelta(hours=24)))
    assert problem.house.air_conditioner is not None
    assert problem.house.air_conditioner.mode == expected
    assert problem.room_wanted is not None
    assert set(problem.room_wanted.low_c.values) == {20.8 if expected == "heat" else 23.3}


def test_a_miss_is_judged_by_what_the_owner_wants_at_that_time(full: Settings) -> None:
    plan = thermostat_plan(question(full))
    hours = [Interval(start=START + timedelta(hours=k), end=START + timedelta(hours=k + 1)) for k in range(24)]
    cold = [
        19.0 if k < 8 or k == 12 else 21.0 for k in range(24)
    ]  # 19 °C is enough until 06:30, too little from then to 08:00
    plan = plan.model_copy(
        update={
            "room_temperature_c": Series.of(
                (step, cold[int(step.start.astimezone(full.home.zone).hour)]) for step in SPAN.steps(300)
            ),
            "fallbacks": frozenset({Fallback.COMFORT_RELAXED}),
            "misses": (
                ComfortMiss(
                    part="room",
                    span=Interval(start=hours[6].start, end=hours[8].start),
                    recovers=True,
                    degree_hours=3,
                    worst_c=19,
                    cause=MissCause.TOO_WEAK,
                ),
                ComfortMiss(
                    part="tank",
                    span=hours[3],
                    recovers=True,
                    degree_hours=0.5,
                    worst_c=plan.tank_temperature_c.at(hours[3].start) if plan.tank_temperature_c else 0.0,
                    cause=MissCause.START,
                ),
            ),
        }
    )
    judged = without_margins(plan, full.house, full.home.zone)
    (miss,) = judged.misses
    assert miss.span == Interval(start=START + timedelta(hours=6.5), end=hours[8].start)
    assert miss.degree_hours == pytest.approx(2.25)
    assert miss.worst_c == 19
    assert Fallback.COMFORT_RELAXED in judged.fallbacks


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)))  # noqa: DTZ001 - made aware below
def test_a_horizon_begins_with_the_step_that_holds_the_moment(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    span = horizon(moment, 300, 86_400)
    assert span.start <= moment < span.start + timedelta(seconds=300)
    assert span.start.timestamp() % 300 == 0
    assert span.duration_s == 86_400
