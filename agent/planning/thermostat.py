"""The thermostat's rule over a whole horizon: what a plan is measured against, and the plan when all else fails.

It needs no solver and always has an answer. It keeps minimum run and rest times, starts per day and the power limit,
and begins no run that would heat (or cool) past the comfort band. Appliances start as soon as they may, and the battery
follows the rule that inverters come with: it takes what would be sold and gives what would be bought.
"""

from collections.abc import Sequence

from agent.domain.plan import Fallback, Method, Plan, ProofStatus
from agent.domain.problem import Problem
from agent.domain.thermostat import thermostat
from agent.planning.admissible import is_hygienic
from agent.planning.alone.limits import Left, limits_of
from agent.planning.answer import Solution, named, plan_of
from agent.planning.grid.model import Dispatch, Load, Model, model_of
from agent.planning.rules import own_use, placed


def thermostat_plan(problem: Problem, *fallbacks: Fallback) -> Plan:
    """The rule's plan of a problem, flagged with the reasons why a better one is missing."""
    model = model_of(problem)
    dispatch = thermostat_dispatch(model)
    paths = [(load, load.store.trajectory(dispatch.loads[load.name])) for load in model.loads]
    flags = {
        Fallback.COMFORT_RELAXED: any(limits_of(load).are_relaxed(load.store) for load in model.loads),
        Fallback.HYGIENE_LATE: not all(is_hygienic(load, path_c) for load, path_c in paths),
        Fallback.APPLIANCE_LATE: any(errand.late for errand in model.errands),
        Fallback.POWER_LIMIT_EXCEEDED: model.exchange.is_exceeded,
    }
    solution = Solution(
        dispatch=dispatch,
        method=Method.THERMOSTAT,
        status=ProofStatus.UNPROVEN,
        fallbacks=frozenset(fallbacks) | {flag for flag, raised in flags.items() if raised},
    )
    return named(plan_of(problem, model, solution, baseline=dispatch))


def thermostat_dispatch(model: Model) -> Dispatch:
    """What would run by thermostats on the forecast; where power is short the first load goes first."""
    spare_w = list(model.exchange.spare_w)
    runs = [_Run(load, spare_w) for load in model.loads]
    errands = placed(model.errands, spare_w)
    for step in range(len(spare_w)):
        for run in runs:
            run.decide(step)
    loads = {run.load.name: tuple(run.schedule) for run in runs}
    return Dispatch(loads=loads, runs=errands, battery_w=own_use(model, Dispatch(loads=loads, runs=errands)))


class _Run:
    """One load on its way through the horizon; takes from `spare_w`, which all loads share, what it will draw."""

    def __init__(self, load: Load, spare_w: list[float]) -> None:
        self.load = load
        self.schedule: list[bool] = []
        self._spare_w = spare_w
        self._now_c = load.store.start_c
        self._on = load.on_at_start
        self._bound_until = load.held
        self._left = Left(load)
        if self._on:
            self._take(range(load.held))

    def decide(self, step: int) -> None:
        """Go one step further."""
        if step >= self._bound_until:
            self._turn(step)
        self.schedule.append(self._on)
        self._now_c = self.load.store.after(step, self._now_c, on=self._on)

    def _turn(self, step: int) -> None:
        load = self.load
        run = range(step, min(step + (1 if self._on else load.min_on), len(self._spare_w)))
        wanted = (
            thermostat(self._now_c, load.thermostat_c[step], mode=load.mode)
            and (self._on or self._left.may_start(step))
            and all(self._spare_w[at] >= load.power_w for at in run)
            and self._stays_in_band(run)
        )
        if wanted != self._on:
            self._bound_until = step + (load.min_on if wanted else load.min_off)
        if wanted:
            self._take(run)
            if not self._on:
                self._left.start(step)
        self._on = wanted

    def _stays_in_band(self, run: Sequence[int]) -> bool:
        store, now_c = self.load.store, self._now_c
        for at in run:
            now_c = store.after(at, now_c, on=True)
            if now_c < store.wanted_low_c[at] if self.load.cools else now_c > store.wanted_high_c[at]:
                return False
        return True

    def _take(self, run: Sequence[int]) -> None:
        for at in run:
            self._spare_w[at] -= self.load.power_w
