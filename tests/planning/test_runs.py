"""Runs of appliances on the step grid."""

from datetime import timedelta
from itertools import product
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.appliance import Phase, Run
from agent.domain.interval import Interval
from agent.domain.problem import Problem
from agent.planning.grid.model import model_of
from agent.planning.grid.runs import Errand, cheapest
from tests.planning.houses import BOILER, START, WASHING, problem, runs
from tests.planning.oracle import Oracle

COUNT = 8
HORIZON = Interval(start=START, end=START + timedelta(seconds=300 * COUNT))


def asked_of(run: Run) -> Problem:
    return problem(BOILER, [1.0] * COUNT, given={"runs": (run,)})


def errand_of(run: Run) -> Errand | None:
    return next(iter(model_of(asked_of(run)).errands), None)


def window(opens: int, closes: int) -> Interval:
    """Steps from the start of the horizon."""
    return Interval(start=START + timedelta(seconds=300 * opens), end=START + timedelta(seconds=300 * closes))


def washer(opens: int = 0, closes: int = COUNT, **changes: object) -> Run:
    return Run(appliance="washer", window=window(opens, closes), phases=WASHING).model_copy(update=changes)


@given(runs(HORIZON, 300))
def test_a_run_is_what_the_house_written_a_second_time_makes_of_it(run: Run) -> None:
    errand, tasks = errand_of(run), Oracle(asked_of(run)).tasks
    assert (errand is None) == (not tasks)
    if errand is None:
        return
    (task,) = tasks
    assert errand.profile_w == pytest.approx(task.profile_w)
    assert errand.may_skip == task.may_skip
    allowed = set(task.courses(COUNT))
    for course in product((False, True), repeat=COUNT):
        assert errand.holds(course) == (course in allowed)
        assert (not list(task.faults(course))) == (course in allowed)


@given(runs(HORIZON, 300), st.lists(st.floats(-2e-3, 5e-3), min_size=COUNT, max_size=COUNT))
def test_the_cheapest_course_is_what_trying_all_of_them_finds(run: Run, price_try_per_w: list[float]) -> None:
    errand = errand_of(run)
    if errand is None:
        return
    best_try = inf
    for course in product((False, True), repeat=COUNT):
        if errand.holds(course):
            drawn_w = errand.power_w(course)
            cost_try = sum(power * price for power, price in zip(drawn_w, price_try_per_w, strict=True))
            best_try = min(best_try, cost_try if any(course) else errand.skipped_try)
    course, cost_try = cheapest(errand, price_try_per_w)
    assert errand.holds(course)
    assert cost_try == pytest.approx(best_try, abs=1e-12)


@given(runs(HORIZON, 300))
def test_a_run_draws_its_energy_whole_unless_the_horizon_cuts_it(run: Run) -> None:
    errand = errand_of(run)
    if errand is None:
        return
    asked_ws = sum(phase.duration_s * phase.power_w for phase in run.phases)
    drawn_ws = 300 * sum(errand.profile_w)
    if errand.duration * 300 >= sum(phase.duration_s for phase in run.phases):
        assert drawn_ws == pytest.approx(asked_ws)
    else:
        assert drawn_ws <= asked_ws + 1e-6
        assert errand.stop == COUNT


def test_its_power_follows_its_profile_step_by_step() -> None:
    errand = errand_of(washer())
    assert errand is not None
    assert errand.profile_w == (2000.0, 2000.0, 200.0, 200.0, 200.0, 600.0)
    assert list(errand.power_w(errand.at(1, COUNT))) == [0.0, 2000.0, 2000.0, 200.0, 200.0, 200.0, 600.0, 0.0]


def test_a_phase_that_ends_within_a_step_keeps_its_energy() -> None:
    errand = errand_of(washer(phases=(Phase(duration_s=100, power_w=900), Phase(duration_s=350, power_w=300))))
    assert errand is not None
    assert errand.profile_w == pytest.approx((500.0, 150.0))


def test_a_run_that_may_end_after_the_horizon_waits_unless_it_has_begun() -> None:
    assert errand_of(washer(2, COUNT + 1)) is None
    begun = errand_of(washer(-2, COUNT + 1, begun_at=START - timedelta(seconds=300)))
    assert begun is not None
    assert begun.begins() == range(1)


def test_a_run_that_can_no_longer_be_in_time_runs_at_once() -> None:
    errand = errand_of(washer(-4, 3))
    assert errand is not None
    assert errand.late
    assert errand.begins() == range(1)


def test_a_run_is_skipped_exactly_where_it_costs_more_than_it_is_worth() -> None:
    energy_kwh = (600 * 2000 + 900 * 200 + 300 * 600) / 3.6e6
    for worth_try, runs_ in ((energy_kwh * 0.99, False), (energy_kwh * 1.01, True)):
        errand = errand_of(washer(worth_try=worth_try))
        assert errand is not None
        course, cost_try = cheapest(errand, [1 / 12_000] * COUNT)
        assert any(course) is runs_
        assert cost_try == pytest.approx(energy_kwh if runs_ else worth_try)


def test_a_run_with_pauses_stops_where_it_is_dear() -> None:
    errand = errand_of(washer(uninterruptible=False, phases=(Phase(duration_s=900, power_w=1000),)))
    assert errand is not None
    course, _ = cheapest(errand, [1e-3, 1.0, 1e-3, 1.0, 1.0, 1e-3, 1.0, 1.0])
    assert [step for step, on in enumerate(course) if on] == [0, 2, 5]


def test_a_run_that_may_pause_and_has_begun_goes_on_when_it_is_cheap() -> None:
    begun = {"uninterruptible": False, "begun_at": START - timedelta(seconds=300)}
    errand = errand_of(washer(-1, COUNT, phases=(Phase(duration_s=300, power_w=1000),), **begun))
    assert errand is not None
    course, _ = cheapest(errand, [1.0, 1.0, 0.1, *[1.0] * (COUNT - 3)])
    assert course.index(True) == 2
