from hypothesis import given

from agent.domain.plan import Problem
from agent.planning.limits import fullest, limits_of
from agent.planning.model import model_of
from tests.planning import oracle
from tests.planning.houses import BOILER, problem, problems


@given(problems(max_steps=40))
def test_the_fullest_schedule_keeps_the_limits_and_the_times(asked: Problem) -> None:
    for load in model_of(asked).loads:
        on = fullest(load)
        assert limits_of(load).hold(load.store.trajectory(on))
        assert oracle.keeps_times(asked, load.name, on)


def test_an_overheated_tank_may_cool_as_it_does_by_itself_and_no_slower() -> None:
    (load,) = model_of(problem(BOILER, [1.0] * 12, tank_c=63.0)).loads
    idle_c = load.store.trajectory((False,) * 12)
    assert limits_of(load).high_c == idle_c
    assert not any(fullest(load))


def test_a_cold_tank_must_warm_as_fast_as_it_can_and_no_faster() -> None:
    (load,) = model_of(problem(BOILER, [1.0] * 12, tank_c=35.0)).loads
    busy_c = load.store.trajectory((True,) * 12)
    assert limits_of(load).low_c[:-1] == tuple(min(42.0, at_c) for at_c in busy_c[:-1])
    assert limits_of(load).low_c[-1] == 42.0
