"""Between which temperatures a plan must stay."""

from hypothesis import given
from hypothesis import strategies as st

from agent.domain.house import WATER_HEATER, LoadState
from agent.domain.problem import EndRule, Problem
from agent.planning.alone.limits import Left, fullest, limits_of
from agent.planning.grid.model import Quota, model_of
from tests.planning.houses import BOILER, ROD, problem, problems, whole_problems
from tests.planning.oracle import Oracle


@given(problems(max_steps=40))
def test_the_fullest_schedule_keeps_the_limits_and_the_times(asked: Problem) -> None:
    oracle = Oracle(asked)
    for load in model_of(asked).loads:
        on = fullest(load)
        assert limits_of(load).hold(load.store.trajectory(on))
        assert not list(oracle.load_faults(load.name, on, slack_c=1e-6))


@given(whole_problems(max_steps=20))
def test_so_it_does_in_a_house_with_everything_and_never_starts_too_often(asked: Problem) -> None:
    oracle = Oracle(asked)
    for load in model_of(asked).loads:
        on = fullest(load)
        assert limits_of(load).hold(load.store.trajectory(on))
        assert not list(oracle.load_faults(load.name, on, slack_c=1e-6))


@given(whole_problems(max_steps=20), st.data())
def test_the_limits_are_the_band_wherever_some_schedule_keeps_it(asked: Problem, data: st.DataObject) -> None:
    """What is hard and in the band for anything that is admissible is within the limits."""
    oracle = Oracle(asked.model_copy(update={"end": EndRule.VALUED}))
    for load in model_of(oracle.problem).loads:
        count = len(oracle.steps)
        on = tuple(data.draw(st.lists(st.booleans(), min_size=count, max_size=count), label=load.name))
        if list(oracle.load_faults(load.name, on, slack_c=0.0)):
            continue
        path_c = load.store.trajectory(on)
        part = "tank" if load.name == WATER_HEATER else "room"
        if oracle.missed(part, path_c) == 0.0:
            assert limits_of(load).hold(path_c)


def test_an_overheated_tank_may_cool_as_it_does_by_itself_and_no_slower() -> None:
    (load,) = model_of(problem(BOILER, [1.0] * 12, tank_c=63.0)).loads
    idle_c = load.store.trajectory((False,) * 12)
    assert limits_of(load).high_c == idle_c
    assert not any(fullest(load))


def test_a_cold_tank_must_warm_as_fast_as_it_can_and_no_faster() -> None:
    (load,) = model_of(problem(BOILER, [1.0] * 12, tank_c=35.0)).loads
    busy_c = load.store.trajectory((True,) * 12)
    assert limits_of(load).low_c == tuple(min(42.0, at_c) for at_c in busy_c)


def test_a_load_without_starts_left_is_not_asked_for_what_it_cannot_do() -> None:
    rod = ROD.model_copy(update={"max_starts_per_day": 1})
    used_up = {WATER_HEATER: LoadState(on=False, starts_today=1)}
    asked = problem(BOILER.model_copy(update={"water_heater": rod}), [1.0] * 12, tank_c=35.0, loads=used_up)
    (load,) = model_of(asked).loads
    assert load.quotas == (Quota(first=0, stop=12, starts=0),)
    assert not any(fullest(load))
    assert limits_of(load).are_relaxed(load.store)


def test_starts_are_counted_down_day_by_day() -> None:
    rod = ROD.model_copy(update={"max_starts_per_day": 2})
    asked = problem(
        BOILER.model_copy(update={"water_heater": rod}),
        [1.0] * 24,
        step_s=3600,  # from 9 o'clock in Istanbul: fifteen hours of this day, nine of the next
        loads={WATER_HEATER: LoadState(on=False, starts_today=1)},
    )
    (load,) = model_of(asked).loads
    left = Left(load)
    assert left.may_start(0)
    left.start(0)
    assert [left.may_start(step) for step in (1, 14, 15, 23)] == [False, False, True, True]
    left.start(15)
    left.start(16)
    assert not left.may_start(17)
