"""The thermostat's rule over a whole horizon: what a plan is measured against, and the plan when all else fails.

It needs no solver and always has an answer. It keeps minimum run and rest times and the power limit, and never heats
(or cools) past the comfort band.
"""

from collections.abc import Sequence

from agent.domain.device import Name
from agent.domain.plan import Fallback, Method, Plan, Problem, ProofStatus
from agent.domain.thermostat import thermostat
from agent.planning.answer import Solution, plan_of
from agent.planning.limits import limits_of
from agent.planning.model import Load, Model, model_of


def thermostat_plan(problem: Problem, *fallbacks: Fallback) -> Plan:
    """The rule's plan of a problem, flagged with the reasons why a better one is missing."""
    model = model_of(problem)
    schedule = thermostat_schedule(model)
    relaxed = any(limits_of(load).are_relaxed(load.store.comfort) for load in model.loads)
    solution = Solution(
        schedule=schedule,
        method=Method.THERMOSTAT,
        status=ProofStatus.UNPROVEN,
        fallbacks=frozenset(fallbacks) | ({Fallback.COMFORT_RELAXED} if relaxed else set()),
    )
    return plan_of(problem, model, solution, thermostat_movable_try=model.movable_try(schedule))


def thermostat_schedule(model: Model) -> dict[Name, tuple[bool, ...]]:
    """When each load would run by its thermostat on the forecast; where power is short the first load goes first."""
    spare_w = list(model.grid.spare_w)
    runs = [_Run(load, spare_w) for load in model.loads]
    for step in range(len(spare_w)):
        for run in runs:
            run.decide(step)
    return {run.load.name: tuple(run.schedule) for run in runs}


class _Run:
    """One load on its way through the horizon; takes from `spare_w`, which all loads share, what it will draw."""

    def __init__(self, load: Load, spare_w: list[float]) -> None:
        self.load = load
        self.schedule: list[bool] = []
        self._spare_w = spare_w
        self._now_c = load.store.start_c
        self._on = load.on_at_start
        self._bound_until = load.held
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
            thermostat(self._now_c, load.setpoint_c, mode=load.mode)
            and all(self._spare_w[at] >= load.power_w for at in run)
            and self._stays_in_band(run)
        )
        if wanted != self._on:
            self._bound_until = step + (load.min_on if wanted else load.min_off)
        if wanted:
            self._take(run)
        self._on = wanted

    def _stays_in_band(self, run: Sequence[int]) -> bool:
        comfort, now_c = self.load.store.comfort, self._now_c
        for at in run:
            now_c = self.load.store.after(at, now_c, on=True)
            if now_c < comfort.low_c if self.load.cools else now_c > comfort.high_c:
                return False
        return True

    def _take(self, run: Sequence[int]) -> None:
        for at in run:
            self._spare_w[at] -= self.load.power_w
