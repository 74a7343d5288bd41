"""One run of an appliance as columns and rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pulp

from agent.planning.grid.runs import Errand
from agent.planning.program.program import Program


@dataclass
class Course:
    """The columns of a run: in each step, what they draw, and by which of them it runs."""

    power_kw: list[dict[pulp.LpVariable, float]]
    runs: list[dict[pulp.LpVariable, float]]
    """Σ coefficient·variable is 1 where it runs, else 0."""
    high_kw: list[float] = field(default_factory=list)

    def read(self) -> tuple[bool, ...]:
        """In which steps it runs."""
        return tuple(sum(part * column.value() for column, part in each.items()) > 0.5 for each in self.runs)


def add_errand(
    program: Program, name: str, errand: Errand, known: Sequence[bool] | None, fixed: Callable[[int], bool], count: int
) -> Course:
    """Add a run to the program's `count` steps; in the steps for which `fixed` says so, it runs as in `known`."""
    add = _add_whole if errand.uninterruptible else _add_parts
    course = add(program, name, errand, known, count)
    course.high_kw = [max((max(0.0, kw) for kw in each.values()), default=0.0) for each in course.power_kw]
    if known is not None:
        for step, each in enumerate(course.runs):
            if each and fixed(step):
                program.row(pulp.LpAffineExpression(list(each.items())) == int(known[step]))
    return course


def _add_whole(program: Program, name: str, errand: Errand, known: Sequence[bool] | None, count: int) -> Course:
    """A binary for each beginning."""
    course = Course(power_kw=[{} for _ in range(count)], runs=[{} for _ in range(count)])
    begun = None if known is None else next((step for step, runs in enumerate(known) if runs), None)
    begins = []
    for begin in errand.begins():
        start = None if known is None else float(begin == begun)
        begins.append(program.column(f"{name}_begin_{begin}", 0, 1, whole=True, start=start))
        for place, power_w in enumerate(errand.profile_w):
            course.power_kw[begin + place][begins[-1]] = power_w / 1000
            course.runs[begin + place][begins[-1]] = 1.0
        if errand.may_skip:
            program.cost(begins[-1], -errand.skipped_try)
    if errand.may_skip:
        program.constant_try += errand.skipped_try
        program.row(pulp.lpSum(begins) <= 1)
    else:
        program.row(pulp.lpSum(begins) == 1)
    return course


def _add_parts(program: Program, name: str, errand: Errand, known: Sequence[bool] | None, count: int) -> Course:
    """For each step of its profile and each of its window, a binary says whether the one is over by the other's end.

    A part begins after the one before is over, so at most one is gone through in a step.
    """
    course = Course(power_kw=[{} for _ in range(count)], runs=[{} for _ in range(count)])
    ran_in = [step for step, runs in enumerate(known or ()) if runs]
    asked = None
    if errand.may_skip:
        asked = program.column(f"{name}_asked", 0, 1, whole=True, start=None if known is None else float(any(ran_in)))
        program.cost(asked, -errand.skipped_try)
        program.constant_try += errand.skipped_try
    earlier: dict[int, pulp.LpVariable] = {}
    for part, power_w in enumerate(errand.profile_w):
        soonest, latest = errand.first + part, errand.stop - errand.duration + part
        over: dict[int, pulp.LpVariable] = {}
        for step in range(soonest, latest + 1):
            start = None if known is None else float(part < len(ran_in) and ran_in[part] <= step)
            must = int(step == latest and asked is None)
            over[step] = program.column(f"{name}_over_{part}_{step}", must, 1, whole=True, start=start)
            course.power_kw[step][over[step]] = power_w / 1000
            course.runs[step][over[step]] = 1.0
            if step - 1 in earlier:
                program.row(over[step] <= earlier[step - 1])
        for before, after in pairwise(over):
            program.row(over[before] <= over[after])
            course.power_kw[after][over[before]] = -power_w / 1000
            course.runs[after][over[before]] = -1.0
        if asked is not None:
            program.row(over[latest] == asked)
        earlier = over
    return course
