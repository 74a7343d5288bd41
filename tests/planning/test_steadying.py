"""Staying near what was announced."""

from datetime import timedelta

import pytest

from agent.domain.house import AIR_CONDITIONER
from agent.planning.solve import solve
from agent.planning.steadying import PATIENCE
from benchmarks.days.paper import home_problem
from tests.planning.houses import WARM_FLAT, problem, schedule


@pytest.mark.slow
@pytest.mark.parametrize("off_c", [-0.3, 0.3])
def test_a_room_that_is_a_little_off_turns_little_over(off_c: float) -> None:
    first = home_problem(20.0)
    plan = solve(first)
    assert plan.room_temperature_c is not None
    assert plan.tank_temperature_c is not None
    later = first.horizon.model_copy(update={"start": first.horizon.start + timedelta(hours=2)})
    before = later.start - timedelta(seconds=first.step_s)
    loads = {
        load.load: {
            "on": load.is_on(before),
            "since": max((b for block in load.on for b in (block.start, block.end) if b <= later.start), default=None),
        }
        for load in plan.loads
    }
    state = type(first.state).model_validate(
        first.state.model_dump()
        | {
            "at": later.start,
            "room_temperature_c": plan.room_temperature_c.at(before) + off_c,
            "tank_temperature_c": plan.tank_temperature_c.at(before),
            "loads": loads,
        }
    )
    asked = first.model_copy(update={"horizon": later, "state": state})
    cheapest = solve(asked)
    steady = solve(asked.model_copy(update={"announced": plan}))
    assert steady.proof.objective_try <= cheapest.proof.objective_try * (1 + PATIENCE) + 1e-9

    def changed_steps(other: object) -> int:
        ours, theirs = schedule(other, asked), schedule(plan, asked)  # type: ignore[arg-type]
        return sum(a != b for name in ours for a, b in zip(ours[name], theirs[name], strict=True))

    assert changed_steps(steady) <= changed_steps(cheapest)
    assert changed_steps(steady) <= 24  # of 528


def test_a_tie_goes_to_the_announced_plan() -> None:
    asked = problem(WARM_FLAT, [1.0] * 12, room_c=22.0)
    plan = solve(asked)
    on = schedule(plan, asked)[AIR_CONDITIONER]
    assert any(on)
    assert not all(on)
    again = solve(asked.model_copy(update={"announced": plan}))
    assert schedule(again, asked)[AIR_CONDITIONER] == on
