"""Runs of appliances on the step grid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf

from agent.domain.appliance import Phase, Run
from agent.domain.device import Name
from agent.domain.interval import Interval
from agent.domain.problem import Problem


@dataclass(frozen=True)
class Errand:
    """One run of an appliance: its profile is gone through once, step by step, without pauses unless it may pause."""

    appliance: Name
    profile_w: tuple[float, ...]
    """What it draws in the steps of its run, in their order."""
    first: int
    """The first step in which it may run."""
    stop: int
    """The first step in which it may not run any more; late enough for the whole run."""
    uninterruptible: bool
    is_running: bool
    """It has begun before the horizon, and goes on at once if it may not pause."""
    late: bool
    """Whether `stop` is later than its owner wants."""
    skipped_try: float = 0.0
    """What not running at all costs."""
    may_skip: bool = False

    @property
    def duration(self) -> int:
        """Steps of a run without pauses."""
        return len(self.profile_w)

    def begins(self) -> range:
        """The steps in which a run without pauses may begin."""
        if self.is_running and self.uninterruptible:
            return range(1)
        return range(self.first, self.stop - self.duration + 1)

    def at(self, begin: int | None, count: int) -> tuple[bool, ...]:
        """A run without pauses as whether it runs in each of `count` steps; None: it does not run."""
        if begin is None:
            return (False,) * count
        return tuple(begin <= step < begin + self.duration for step in range(count))

    def power_w(self, runs: Sequence[bool]) -> Iterator[float]:
        """What it draws in each step."""
        progress = iter(self.profile_w)
        for on in runs:
            yield next(progress, 0.0) if on else 0.0

    def holds(self, runs: Sequence[bool]) -> bool:
        """Whether a course is a whole run (or none, where that is allowed) at its time, paused only if it may be."""
        on = [step for step, runs_now in enumerate(runs) if runs_now]
        if not on:
            return self.may_skip
        whole = len(on) == self.duration
        together = on[-1] - on[0] + 1 == len(on) or not self.uninterruptible
        begun = on[0] == 0 or not (self.is_running and self.uninterruptible)
        return whole and together and begun and self.first <= on[0] and on[-1] < self.stop


def errands_of(problem: Problem, steps: Sequence[Interval]) -> tuple[Errand, ...]:
    """The runs that are asked for within the horizon. One whose window ends beyond it may also wait until then."""
    return tuple(errand for run in problem.runs if (errand := _errand(run, problem, steps)) is not None)


def _errand(run: Run, problem: Problem, steps: Sequence[Interval]) -> Errand | None:
    count, start = len(steps), problem.horizon.start
    profile_w = tuple(_per_step(run.phases, problem.step_s))
    first = max(0, ceil((run.window.start - start).total_seconds() / problem.step_s))
    due = int((run.window.end - start).total_seconds() // problem.step_s)
    stop = max(due, first + len(profile_w))
    ends_later = run.window.end > problem.horizon.end
    if stop > count or ends_later:
        # It cannot end here or need not: left to a later plan, unless it runs already or would be late otherwise.
        if run.begun_at is None and ends_later:
            return None
        profile_w, stop = profile_w[: max(0, count - first)], count
    if not profile_w:
        return None
    return Errand(
        appliance=run.appliance,
        profile_w=profile_w,
        first=first,
        stop=stop,
        uninterruptible=run.uninterruptible,
        is_running=run.begun_at is not None,
        late=due < first + len(profile_w),
        skipped_try=0.0 if run.worth_try is None else run.worth_try,
        may_skip=run.worth_try is not None and run.begun_at is None,
    )


def _per_step(phases: Sequence[Phase], step_s: int) -> Iterator[float]:
    """Mean power of each step of a run; energy is kept."""
    borders = [0]
    for phase in phases:
        borders.append(borders[-1] + phase.duration_s)
    for index in range(ceil(borders[-1] / step_s)):
        begin, end = index * step_s, (index + 1) * step_s
        energy_ws = sum(
            phase.power_w * max(0, min(end, borders[place + 1]) - max(begin, borders[place]))
            for place, phase in enumerate(phases)
        )
        yield energy_ws / step_s


def cheapest(errand: Errand, price_try_per_w: Sequence[float]) -> tuple[tuple[bool, ...], float]:
    """The course of an errand that costs least, and what it costs, where each W in a step has its own price.

    Exact: every beginning is tried, or, for a run with pauses, the least over all ways to spread its steps.
    """
    count = len(price_try_per_w)
    if errand.uninterruptible:
        found = [(errand.at(begin, count), _cost_try(errand, begin, price_try_per_w)) for begin in errand.begins()]
    else:
        found = [_spread(errand, price_try_per_w)]
    if errand.may_skip:
        found.append((errand.at(None, count), errand.skipped_try))
    return min(found, key=lambda course: course[1])


def _cost_try(errand: Errand, begin: int, price_try_per_w: Sequence[float]) -> float:
    return sum(power_w * price_try_per_w[begin + place] for place, power_w in enumerate(errand.profile_w))


def _spread(errand: Errand, price_try_per_w: Sequence[float]) -> tuple[tuple[bool, ...], float]:
    """The least that the first k steps of the profile cost if they are over by a step, for all k and steps."""
    window = range(errand.first, errand.stop)
    least_try = [0.0, *([inf] * errand.duration)]
    runs_in: list[list[bool]] = []
    for step in window:
        runs = [False] * (errand.duration + 1)
        for k in range(errand.duration, 0, -1):
            with_try = least_try[k - 1] + errand.profile_w[k - 1] * price_try_per_w[step]
            if with_try < least_try[k]:
                least_try[k], runs[k] = with_try, True
        runs_in.append(runs)
    course, k = [False] * len(price_try_per_w), errand.duration
    for step in reversed(window):
        if runs_in[step - errand.first][k]:
            course[step] = True
            k -= 1
    return tuple(course), least_try[-1]
