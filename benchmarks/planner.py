"""What a plan costs and is worth: gap by time limit, the child's CPU seconds and memory, on the example homes."""

import argparse
import asyncio
import json
import os
import resource
import time

from agent.domain.plan import Problem
from agent.planning.planner import ChildProcessPlanner
from benchmarks.days.paper import home_problem, paper_problem

HOMES = {"home": home_problem, "paper": paper_problem}


def measured(name: str, problem: Problem) -> dict[str, object]:
    """Plan once in a child of its own. Its memory is the largest of all children so far."""
    before = os.times()
    began_s = time.perf_counter()
    plan = asyncio.run(ChildProcessPlanner().plan(problem))
    wall_s = time.perf_counter() - began_s
    after = os.times()
    return {
        "home": name,
        "time_limit_s": problem.time_limit_s,
        "method": plan.method.value,
        "movable_try": plan.proof.movable_try,
        "thermostat_movable_try": plan.proof.thermostat_movable_try,
        "gap_movable": plan.proof.gap_movable,
        "solve_s": plan.proof.solve_s,
        "wall_s": wall_s,
        "child_cpu_s": after.children_user + after.children_system - before.children_user - before.children_system,
        "child_rss_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def main() -> None:
    """Print a line per home and time limit, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time-limits", type=float, nargs="+", default=[5.0, 20.0], help="seconds (default: 5 20)")
    limits_s = parser.parse_args().time_limits
    print(f"{'home':<8}{'limit s':>8}{'loads TL':>10}{'gap':>8}{'wall s':>8}{'CPU s':>8}{'RSS MB':>8}")
    found = []
    for name, problem_of in HOMES.items():
        for limit_s in limits_s:
            one = measured(name, problem_of(limit_s))
            found.append(one)
            gap = "-" if one["gap_movable"] is None else f"{one['gap_movable']:.2%}"
            print(
                f"{name:<8}{limit_s:>8.1f}{one['movable_try']:>10.3f}{gap:>8}"
                f"{one['wall_s']:>8.1f}{one['child_cpu_s']:>8.1f}{one['child_rss_mb']:>8.0f}"
            )
    print(json.dumps({"benchmark": "planner", "plans": found}))


if __name__ == "__main__":
    main()
