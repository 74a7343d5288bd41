import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.planning.alone.automaton import Automaton
from agent.planning.alone.bounds import bound
from agent.planning.alone.cells import ROUNDING_C, Cells, after, miss_c
from agent.planning.alone.limits import limits_of
from agent.planning.grid.model import Load, model_of
from agent.planning.grid.stores import Store
from tests.planning.houses import WARM_FLAT, problem
from tests.planning.loads import Course, Features, admissible, course_c, free_times, loads, objective_try, starts

ENTRIES = 1_000_000
ALL = Features(quotas=True, hygiene=True, bands=True)


@given(loads(Features()), st.lists(st.floats(30, 70), min_size=1, max_size=5), st.booleans())
def test_many_temperatures_at_once_go_where_each_goes(load: Load, now_c: list[float], on: bool) -> None:  # noqa: FBT001 - drawn
    store: Store = load.store
    for step in range(len(load.cost_try)):
        together = after(store, step, np.array(now_c), on=on)
        assert together.tolist() == [store.after(step, at_c, on=on) for at_c in now_c]
        assert miss_c(store, step, together).tolist() == [store.miss_c(step, at_c) for at_c in together]


@settings(max_examples=60)
@given(loads(Features(hygiene=True, bands=True)), st.floats(0.01, 1.0), st.data())
def test_every_cell_knows_where_its_temperatures_go(load: Load, width_c: float, data: st.DataObject) -> None:
    """Follow a temperature along a way: it ends in a cell that its own may reach, missing and hot as that says."""
    limits, hours = limits_of(load), (0.25,) * len(load.cost_try)
    cells, automaton = Cells(load, limits, width_c, hours), Automaton.of(load)
    for way in automaton.ways(data.draw(st.integers(0, len(load.cost_try) - 1))):
        edges_c = cells.edges_c(way.start, on=way.was_on)
        now_c = data.draw(st.floats(float(edges_c[0]), float(edges_c[-1]), exclude_max=True))
        (place,) = cells.numbers(way.start, np.array([now_c]), on=way.was_on)
        image, missed, hot = cells.image(way), 0.0, []
        keeps_limits = True
        for step in range(way.start, way.end):
            now_c = load.store.after(step, now_c, on=way.on)
            keeps_limits &= cells.low_c[step + 1] <= now_c <= cells.high_c[step + 1]
            missed += 0.25 * load.store.miss_c(step, now_c)
            assert load.hygiene is not None
            hot.append(now_c >= load.hygiene.hot_c)
        if (
            not keeps_limits
            or not edges_c[0] <= now_c
            or not cells.floor_c[way.end] <= now_c <= cells.ceiling_c[way.end]
        ):
            continue
        assert image.begin <= place < image.stop
        assert image.miss is not None
        assert image.miss[place - image.begin] <= missed + 1e-7
        assert all(place >= hot_from for is_hot, hot_from in zip(hot, image.hot_from, strict=True) if is_hot)
        # Two cells where rounding may put it on either side of their border.
        reached = cells.numbers(way.end, np.array([now_c - ROUNDING_C, now_c + ROUNDING_C]), on=way.on)
        ahead_try = np.full((1, cells.count(way.end, on=way.on)), np.inf)
        ahead_try[0, reached] = 1.0
        assert image.least(ahead_try, int(place), int(place) + 1)[0, 0] == 1.0


def test_while_nothing_is_switched_a_cell_becomes_one_cell() -> None:
    count = 20
    load = _plain(count)
    cells = Cells(load, limits_of(load), 0.013)
    for at in range(count):
        for way in Automaton.of(load).ways(at):
            if way.on is way.was_on:
                assert len(cells.image(way).shifts) == 1


def _plain(count: int) -> Load:
    (load,) = model_of(problem(WARM_FLAT, [1.0, 2.0] * (count // 2), outdoor_c=3.0)).loads
    return load


@settings(max_examples=60)
@given(loads(ALL, max_steps=7), st.floats(0.003, 2.0), st.booleans())
def test_from_nowhere_on_any_way_is_less_to_pay_than_the_cells_say(load: Load, width_c: float, counting: bool) -> None:  # noqa: FBT001 - drawn
    limits, automaton = limits_of(load), Automaton.of(load)
    ahead_try, guide = bound(
        load, Cells(load, limits, width_c), Automaton.of(load, counting=counting), load.start_try, ENTRIES
    )
    for on in admissible(load, limits):
        path_c, whole_try = (load.store.start_c, *course_c(load, on)), objective_try(load, on)
        held_try = sum(load.cost_try[: load.held]) if load.on_at_start else 0.0
        assert ahead_try + held_try <= whole_try + 1e-9
        for at in free_times(load, on):
            gone_try = sum(cost for cost, runs in zip(load.cost_try[:at], on[:at], strict=True) if runs)
            gone_try += load.start_try * sum(step < at for step in starts(load, on))
            was_on = on[at - 1] if at else load.on_at_start
            rows = _rows(automaton, on, path_c, at)
            (promised_try,) = guide.still_try(at, np.array([path_c[at]]), on=was_on, left=rows[0], hot=rows[1])
            assert promised_try <= whole_try - gone_try + 1e-6
            (without_rows_try,) = guide.still_try(at, np.array([path_c[at]]), on=was_on)
            assert without_rows_try <= promised_try


def _rows(
    automaton: Automaton, on: Course, path_c: tuple[float, ...], at: int
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int16]], np.ndarray[tuple[int], np.dtype[np.int16]]]:
    """The starts left at a time, and how long the store has been hot then."""
    load, left = automaton.load, automaton.full(at)
    for quota in automaton.quotas:
        if quota.first <= at < quota.stop:
            left = quota.starts - sum(quota.first <= step < at for step in starts(load, on))
    row = 0
    if load.hygiene is not None and at < load.hygiene.due:
        for at_c in path_c[1 : at + 1]:
            row = automaton.hold(row, is_hot=at_c >= load.hygiene.hot_c)
    return np.array([left], np.int16), np.array([row], np.int16)
