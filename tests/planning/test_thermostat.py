from hypothesis import given

from agent.domain.house import AirConditionerMode
from agent.domain.plan import Fallback, Method, Problem, ProofStatus
from agent.planning.thermostat import thermostat_plan
from tests.planning import oracle
from tests.planning.houses import BOILER, COOLING, ROOM, WARM_FLAT, problem, problems, schedule


@given(problems(max_steps=40))
def test_the_rule_keeps_minimum_times_and_the_power_limit(asked: Problem) -> None:
    on = schedule(thermostat_plan(asked), asked)
    assert all(oracle.keeps_times(asked, name, on[name]) for name in on)
    assert oracle.keeps_power(asked, on)


@given(problems(max_steps=40))
def test_the_rule_never_drives_a_temperature_out_of_the_band(asked: Problem) -> None:
    on = schedule(thermostat_plan(asked), asked)
    for name, path_c, band in oracle.paths_c(asked, on):
        cools = getattr(asked.house.load(name), "mode", None) is AirConditionerMode.COOL
        for at, runs, at_c in zip(oracle.step_starts(asked), on[name], path_c, strict=True):
            if runs and not oracle.is_held_on(asked, name, at):
                assert at_c >= band.low_c - 1e-9 if cools else at_c <= band.high_c + 1e-9


def test_the_rule_heats_below_its_setpoint_and_rests_above() -> None:
    plan = thermostat_plan(problem(WARM_FLAT, [1.0] * 24, room_c=21.0), Fallback.PLANNER_LATE)
    assert (plan.method, plan.proof.status) == (Method.THERMOSTAT, ProofStatus.UNPROVEN)
    assert plan.fallbacks == frozenset({Fallback.PLANNER_LATE})
    assert plan.proof.movable_bound_try is None
    assert plan.proof.thermostat_movable_try == plan.proof.movable_try > 0
    assert plan.room_temperature_c is not None
    assert max(plan.room_temperature_c.values) < 22.5
    assert min(plan.room_temperature_c.values[6:]) > 21.5


def test_the_rule_cools_above_its_setpoint() -> None:
    flat = WARM_FLAT.model_copy(update={"air_conditioner": COOLING.model_copy(update={"thermostat_c": 22.0})})
    asked = problem(flat, [1.0] * 12, room_c=25.0, outdoor_c=34.0)
    plan = thermostat_plan(asked)
    assert plan.loads[0].is_on(asked.horizon.start)
    assert plan.room_temperature_c is not None
    assert plan.room_temperature_c.values[-1] < ROOM.comfort.high_c
    assert Fallback.COMFORT_RELAXED in plan.fallbacks  # from 25 °C nobody is at 24 °C after five minutes


def test_the_same_problem_gives_the_same_plan_by_the_same_name() -> None:
    asked = problem(BOILER, [1.0] * 12, tank_c=45.0)
    assert thermostat_plan(asked) == thermostat_plan(asked)
    assert thermostat_plan(asked).plan_id.startswith("20260105T060000Z-")
