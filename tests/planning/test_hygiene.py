from dataclasses import replace
from math import inf

from hypothesis import assume, given, settings

from agent.planning.alone.automaton import Automaton, Way
from agent.planning.alone.hygiene import Hygienic, attainable
from agent.planning.alone.limits import fullest, limits_of
from agent.planning.alone.load_optimum import Optimum, load_optima
from agent.planning.grid.model import Hygiene, Load, model_of
from tests.planning.houses import BOILER, hourly, problem
from tests.planning.loads import Features, admissible, course_c, hot_by, is_hygienic, loads


def optimum_of(load: Load) -> Optimum:
    return load_optima([load], {load.name: limits_of(load)}, {load.name: fullest(load)}, 5.0)[load.name]


def evening(hot_c: float = 58.0, due: int = 144) -> Load:
    """A tank over a day whose electricity is cheapest at noon, to be at 58 °C for half an hour."""
    prices = hourly([3.0, 2.5, 2.0, 1.5, 1.0, 0.5, 0.5, 1.0, 2.0, 3.0, 4.0, 4.0])
    (load,) = model_of(problem(BOILER, prices, tank_c=46.0)).loads
    return replace(load, hygiene=Hygiene(hot_c=hot_c, hold=6, due=due))


@settings(max_examples=80)
@given(loads(Features(hygiene=True), max_steps=9))
def test_where_it_can_be_done_the_cheapest_of_all_schedules_is_enclosed(load: Load) -> None:
    allowed = admissible(load, limits_of(load))
    assume(allowed)
    found = optimum_of(load)
    cheapest_try = min(allowed.values())
    assert found.hygienic is Hygienic.AS_ASKED
    assert found.bound_try <= cheapest_try + 1e-9
    assert cheapest_try <= found.objective_try + 1e-9
    assert is_hygienic(load, found.schedule)
    assert found.missing_try <= 1e-3 * (1 + abs(found.paid_try))


@settings(max_examples=80)
@given(loads(Features(hygiene=True, quotas=True), max_steps=8))
def test_where_it_is_too_late_it_is_due_as_early_as_can_be(load: Load) -> None:
    limits, asked = limits_of(load), load.hygiene
    assert asked is not None
    ways = admissible(replace(load, hygiene=None), limits)
    earliest = min(hot_by(asked, course_c(load, on)) for on in ways)
    found = attainable(load, limits)
    if earliest <= asked.due:
        assert found.fate is Hygienic.AS_ASKED
        assert found.load == load
    elif earliest == inf:
        assert found.fate is Hygienic.DROPPED
        assert found.load.hygiene is None
    else:
        assert found.fate is Hygienic.LATE
        assert found.load.hygiene == replace(asked, due=int(earliest))
        assert found.schedule in ways


def test_a_hold_that_is_interrupted_begins_anew() -> None:
    automaton = Automaton.of(replace(evening(), hygiene=Hygiene(hot_c=58.0, hold=3, due=100)))
    way = Way(0, 4, was_on=False, on=False)
    assert automaton.hot_after(way, 0, [True, True, False, True]) == 1
    assert automaton.hot_after(way, 1, [True, True, False, False]) == 3
    assert automaton.hot_after(way, 2, [False, True, True, False]) == 0


def test_it_is_done_when_it_costs_least() -> None:
    load = evening()
    found = optimum_of(load)
    path_c = load.store.trajectory(found.schedule)
    assert load.hygiene is not None
    assert 60 <= hot_by(load.hygiene, path_c) <= 90
    assert found.missing_try <= 1e-3 * found.paid_try


def test_heat_of_the_sun_counts() -> None:
    load = evening()
    sunny = replace(load, store=replace(load.store, sun_c=(0.0,) * 60 + (1.5,) * 24 + (0.0,) * 60))
    assert optimum_of(sunny).paid_try < optimum_of(load).paid_try / 2
    assert is_hygienic(sunny, optimum_of(sunny).schedule)


def test_being_told_too_late_is_reported_and_done_at_once() -> None:
    found = optimum_of(evening(due=3))
    assert found.hygienic is Hygienic.LATE
    assert found.load.hygiene is not None
    straight = (True,) * 144
    reached = hot_by(found.load.hygiene, evening().store.trajectory(straight))
    assert found.load.hygiene.due == reached
    assert is_hygienic(found.load, found.schedule)


def test_what_the_limits_do_not_allow_is_dropped() -> None:
    load = evening(hot_c=61.0)
    found = optimum_of(load)
    assert found.hygienic is Hygienic.DROPPED
    assert found.objective_try <= optimum_of(replace(load, hygiene=None)).objective_try + 1e-9
