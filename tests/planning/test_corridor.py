from hypothesis import given, settings
from hypothesis import strategies as st

from agent.planning.alone.automaton import Automaton
from agent.planning.alone.limits import fullest, limits_of
from agent.planning.alone.load_optimum import ATTEMPTS, Optimum
from agent.planning.alone.pricing import Pricing, cells_of
from agent.planning.grid.model import Load, model_of
from tests.planning.houses import WARM_FLAT, hourly, problem
from tests.planning.loads import Features, admissible, course_c, free_times, loads

ROUNDING_C = 1e-9


@settings(max_examples=100)
@given(loads(Features(quotas=True, hygiene=True, bands=True), max_steps=8), st.sampled_from([20, 200]), st.data())
def test_whatever_is_cheaper_than_a_known_schedule_passes_through(load: Load, count: int, data: st.DataObject) -> None:
    limits = limits_of(load)
    allowed = admissible(load, limits)
    if not allowed:
        return
    known_try = data.draw(st.sampled_from(sorted(allowed.values())[:3]))
    passes = Pricing(load, cells_of(load, limits, count)).corridor(known_try)
    for on, objective_try in allowed.items():
        path_c = (load.store.start_c, *course_c(load, on))
        for at in free_times(load, on) if objective_try <= known_try else ():
            low_c, high_c = passes[on[at - 1] if at else load.on_at_start][at]
            assert low_c - ROUNDING_C <= path_c[at] <= high_c + ROUNDING_C


@settings(max_examples=100)
@given(loads(Features(quotas=True, hygiene=True, bands=True), max_steps=8), st.sampled_from([20, 200]), st.data())
def test_whatever_is_cheaper_than_a_known_schedule_lies_in_the_domain(
    load: Load, count: int, data: st.DataObject
) -> None:
    limits = limits_of(load)
    allowed = admissible(load, limits)
    if not allowed:
        return
    known_try = data.draw(st.sampled_from(sorted(allowed.values())[:3]))
    pricing = Pricing(load, cells_of(load, limits, count))
    domain = pricing.domain(known_try) & pricing.domain(max(allowed.values()))
    for on, objective_try in allowed.items():
        if objective_try <= known_try:
            assert all(
                runs if is_on else rests for is_on, rests, runs in zip(on, domain.may_rest, domain.may_run, strict=True)
            )
            assert domain.limits.hold(course_c(load, on), ROUNDING_C)


@settings(max_examples=200)
@given(loads(Features(bands=True), max_steps=8), st.sampled_from([3, 20, 200]))
def test_a_way_that_no_cell_can_go_has_none(load: Load, count: int) -> None:
    cells = cells_of(load, limits_of(load), count)
    automaton = Automaton.of(load)
    for at in range(load.held, len(load.cost_try)):
        for way in automaton.ways(at):
            image = cells.image(way)
            assert 0 <= image.begin <= image.stop <= cells.count(at, on=way.was_on)


def test_it_is_narrow_around_a_good_schedule_and_leaves_nothing_below_the_bound() -> None:
    prices = hourly([1.0 + 0.1 * (7 * hour % 24) for hour in range(24)])
    (load,) = model_of(problem(WARM_FLAT, prices, outdoor_c=3.0)).loads
    limits = limits_of(load)
    found = Optimum(load, limits, fullest(load), 0.0)
    for attempt in ATTEMPTS[:2]:
        found = found.refined(attempt)
    pricing = Pricing(load, cells_of(load, limits, 4000))
    narrow = cells_of(load, limits, 4000, passes=pricing.corridor(found.objective_try))
    wide = cells_of(load, limits, 4000, passes=pricing.corridor(load.objective_try(fullest(load))))
    assert narrow.width_c[0] < wide.width_c[0] / 2
    left = pricing.domain(load.objective_try(fullest(load)))
    assert 0 < pricing.domain(found.objective_try).open_steps < left.open_steps
    nothing = pricing.corridor(0.99 * pricing.bound_try)
    assert all(low_c > high_c for spans in nothing.values() for low_c, high_c in spans)
