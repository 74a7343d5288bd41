"""Runs of appliances: asked for once a window, gone on with, and not asked for again."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.appliance import Appliance, Phase
from agent.domain.comfort import Weekday
from agent.domain.interval import Interval
from agent.domain.local_day import local_day
from agent.forecasting.appliance_runs import runs_ahead
from tests.forecasting.zones import BERLIN, ISTANBUL, spans, zones

DISHWASHER = Appliance(
    name="dishwasher",
    phases=(
        Phase(duration_s=1800, power_w=2000),
        Phase(duration_s=3600, power_w=150),
        Phase(duration_s=900, power_w=1900),
    ),
    earliest=time(21),
    latest=time(7),
)
EVENING = datetime(2026, 1, 6, 18, tzinfo=ISTANBUL)  # a Tuesday
NIGHT = Interval(start=datetime(2026, 1, 6, 21, tzinfo=ISTANBUL), end=datetime(2026, 1, 7, 7, tzinfo=ISTANBUL))


def day_from(now: datetime) -> Interval:
    return Interval(start=now, end=now + timedelta(hours=24))


def block(begin: datetime, minutes: float) -> Interval:
    return Interval(start=begin, end=begin + timedelta(minutes=minutes))


def test_a_window_over_midnight_is_asked_for_whole() -> None:
    (run,) = runs_ahead((DISHWASHER,), day_from(EVENING), ISTANBUL)
    assert run.window == NIGHT
    assert (run.phases, run.begun_at) == (DISHWASHER.phases, None)


def test_an_open_window_is_asked_for_after_midnight_beside_the_next() -> None:
    runs = runs_ahead((DISHWASHER,), day_from(NIGHT.start + timedelta(hours=5)), ISTANBUL)
    assert [run.window.start for run in runs] == [NIGHT.start, NIGHT.start + timedelta(days=1)]


@given(st.integers(0, 6300), st.integers(0, 6300))
def test_what_has_begun_goes_on_with_what_is_left(offset_s: int, passed_s: int) -> None:
    begun = NIGHT.start + timedelta(seconds=offset_s)
    now = begun + timedelta(seconds=passed_s)
    ran = {"dishwasher": [Interval(start=begun, end=now + timedelta(seconds=1))]}
    tonight = [run for run in runs_ahead((DISHWASHER,), day_from(now), ISTANBUL, ran) if run.window == NIGHT]
    left_s = DISHWASHER.duration_s - passed_s
    if left_s < 150:
        assert tonight == []
    else:
        assert sum(phase.duration_s for phase in tonight[0].phases) == left_s
        assert tonight[0].begun_at == begun
        assert tonight[0].phases[-1] == DISHWASHER.phases[-1] or left_s < 900


def test_a_run_is_not_asked_for_again_in_its_window() -> None:
    ran = {"dishwasher": [block(NIGHT.start, 105)]}
    runs = runs_ahead((DISHWASHER,), day_from(NIGHT.start + timedelta(hours=2)), ISTANBUL, ran)
    assert [run.window.start for run in runs] == [NIGHT.start + timedelta(days=1)]


def test_a_run_that_began_in_this_very_step_has_begun() -> None:
    now = NIGHT.start + timedelta(minutes=5)
    ran = {"dishwasher": [block(now + timedelta(minutes=1), 2)]}
    (run, *_) = runs_ahead((DISHWASHER,), day_from(now), ISTANBUL, ran)
    assert (run.begun_at, run.phases) == (now + timedelta(minutes=1), DISHWASHER.phases)


def test_a_run_that_is_late_goes_on_beyond_its_window() -> None:
    ran = {"dishwasher": [block(NIGHT.end - timedelta(minutes=30), 35)]}
    (run, *_) = runs_ahead((DISHWASHER,), day_from(NIGHT.end + timedelta(minutes=5)), ISTANBUL, ran)
    assert (run.window, sum(phase.duration_s for phase in run.phases)) == (NIGHT, 70 * 60)


def test_a_window_that_closed_without_a_beginning_is_over() -> None:
    (run,) = runs_ahead((DISHWASHER,), day_from(NIGHT.end), ISTANBUL)
    assert run.window.start == NIGHT.start + timedelta(days=1)


def test_what_may_pause_counts_all_that_it_has_run() -> None:
    pump = Appliance(
        name="pump", phases=(Phase(duration_s=7200, power_w=500),), earliest=time(8), latest=time(20),
        uninterruptible=False,
    )  # fmt: skip
    morning = datetime(2026, 1, 6, 8, tzinfo=ISTANBUL)
    ran = {"pump": [block(morning, 30), block(morning + timedelta(hours=2), 45)]}
    (run, *_) = runs_ahead((pump,), day_from(morning + timedelta(hours=4)), ISTANBUL, ran)
    assert sum(phase.duration_s for phase in run.phases) == 45 * 60
    assert not run.uninterruptible


def test_a_run_of_the_last_day_does_not_count_for_this_one() -> None:
    ran = {"dishwasher": [block(NIGHT.start - timedelta(days=1), 105)]}
    (run,) = runs_ahead((DISHWASHER,), day_from(EVENING), ISTANBUL, ran)
    assert run.begun_at is None


def test_only_its_own_days_are_asked_for() -> None:
    weekend = DISHWASHER.model_copy(update={"days": (Weekday.SATURDAY,)})
    assert runs_ahead((weekend,), day_from(EVENING), ISTANBUL) == ()
    saturday = datetime(2026, 1, 10, 12, tzinfo=ISTANBUL)
    assert len(runs_ahead((weekend,), day_from(saturday), ISTANBUL)) == 1


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 28), 9), (date(2026, 10, 24), 11), (date(2026, 6, 1), 10)])
def test_a_window_is_as_long_as_the_clocks_make_it(day: date, hours: int) -> None:
    runs = runs_ahead((DISHWASHER,), local_day(day, BERLIN), BERLIN)
    assert runs[-1].window.duration_s == hours * 3600


@given(spans(), zones)
def test_every_window_is_asked_for_once_and_concerns_the_span(span: Interval, zone: ZoneInfo) -> None:
    runs = runs_ahead((DISHWASHER,), span, zone)
    windows = [run.window for run in runs]
    assert len({window.start for window in windows}) == len(windows)
    assert all(window.overlap_s(span) > 0 for window in windows)
