"""The plain program of a problem by one solver, in a process of its own: asked and answered in JSON."""

import json
import resource
import sys
from collections.abc import Mapping
from typing import Any

from agent.domain.problem import Problem, Solver
from agent.planning.admissible import is_admissible
from agent.planning.alone.limits import TOLERANCE_C
from agent.planning.grid.model import Dispatch, model_of
from agent.planning.program.milp import optimum
from agent.planning.search import Search


def answer(problem: Problem, solver: Solver, seconds: float, known: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the solver found within so many seconds, beginning from nothing; or `known`, its earlier answer, once more.

    `objective_try` is that of the dispatch, simulated, and null if there is none that may be carried out: a known one
    is void where the model has changed.
    """
    search = Search(model_of(problem))
    if known is None:
        found = optimum(search.model, search.limits, None, seconds, solver)
        dispatch, bound_try = found.dispatch, found.bound_try
    else:
        dispatch, bound_try = _read(known["dispatch"]), known["bound_try"]
    holds = dispatch is not None and is_admissible(search.model, search.limits, dispatch, 2 * TOLERANCE_C)
    return {
        "objective_try": search.model.predict(dispatch).objective_try if holds and dispatch is not None else None,
        "bound_try": bound_try,
        "dispatch": None if dispatch is None else _written(dispatch),
    }


def _written(dispatch: Dispatch) -> dict[str, Any]:
    return {
        "loads": {name: _bits(on) for name, on in dispatch.loads.items()},
        "runs": [_bits(runs) for runs in dispatch.runs],
        "battery_w": dispatch.battery_w,
    }


def _read(written: Mapping[str, Any] | None) -> Dispatch | None:
    if written is None:
        return None
    battery_w = written["battery_w"]
    return Dispatch(
        loads={name: _course(bits) for name, bits in written["loads"].items()},
        runs=tuple(_course(bits) for bits in written["runs"]),
        battery_w=None if battery_w is None else tuple(battery_w),
    )


def _bits(course: Any) -> str:  # noqa: ANN401 - a sequence of numpy's or Python's own booleans
    return "".join("1" if on else "0" for on in course)


def _course(bits: str) -> tuple[bool, ...]:
    return tuple(bit == "1" for bit in bits)


def main() -> None:
    """Answer one question."""
    asked = json.load(sys.stdin)
    problem = Problem.model_validate_json(asked["problem"])
    found = answer(problem, Solver(asked["solver"]), asked["seconds"], asked["known"])
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    found["cpu_s"] = sum(one.ru_utime + one.ru_stime for one in used)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
