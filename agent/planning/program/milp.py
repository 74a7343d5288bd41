"""The plain mixed-integer program of the whole house in PuLP, solved by HiGHS or CBC.

It is what every other way of planning is compared with, and a solver that the owner can choose. Its equations are those
of docs/planning.md; all of its numbers come from `agent.planning.grid`, so that program and prediction cannot drift
apart. What it minimises is `Prediction.objective_try`.

    switched.py ───── a load and its store: physics, collector, minimum times, starts, hygiene, worth of the end
    errand.py ─────── a run of an appliance
    accumulator.py ── the battery
    meter.py ──────── what is bought and sold, its limits and prices
    solvers.py ────── HiGHS and CBC
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pulp

from agent.domain.device import Name
from agent.domain.plan import Fallback
from agent.domain.problem import Solver
from agent.planning.alone.corridor import Domain
from agent.planning.alone.limits import Limits
from agent.planning.grid.model import Dispatch, Load, Model
from agent.planning.program.accumulator import Accumulator, add_bank, add_exclusion, course_w
from agent.planning.program.errand import Course, add_errand
from agent.planning.program.meter import add_meter, lowest_w, may_fall
from agent.planning.program.program import Flow, Known, Program
from agent.planning.program.solvers import RELATIVE_GAP, by_cbc, by_highs
from agent.planning.program.switched import add_load

SHORTEST_S = 0.1
"""What a solver gets even where building the program has taken all of its time."""


@dataclass(frozen=True)
class Answer:
    """What the solver found in its time."""

    dispatch: Dispatch | None
    """None if it found no admissible dispatch."""
    bound_try: float | None
    """No admissible dispatch (within the window, if one was given) has a lower objective; None if nothing is proven."""
    optimal: bool
    missing: Fallback | None
    """Why there is no dispatch; None if there is one."""


@dataclass(frozen=True)
class Window:
    """Where a dispatch may differ from the known one. The battery always may: it costs the solver little."""

    steps: range
    unmoved: frozenset[Name] = frozenset()
    """Loads and appliances that stay as they are even in these steps."""

    def holds(self, name: Name, step: int) -> bool:
        """Whether a load or appliance stays as it is in a step."""
        return step not in self.steps or name in self.unmoved


def optimum(
    model: Model,
    limits: Mapping[Name, Limits],
    start: Dispatch | None,
    time_limit_s: float,
    solver: Solver = Solver.MILP,
    window: Window | None = None,
    domains: Mapping[Name, Domain] = MappingProxyType({}),
    relative_gap: float = RELATIVE_GAP,
) -> Answer:
    """Find the cheapest admissible dispatch.

    `limits` are those of each load; what the model's hygiene asks for must be possible within them. `start` is an
    admissible dispatch from which the solver begins, None if none is known; a window needs one. `time_limit_s` is wall
    time. What is outside of the `domains` of loads is not looked at. HiGHS stops when its bound is within the
    `relative_gap`. Raises ValueError for a window without a start.
    """
    if window is not None and start is None:
        raise ValueError("a window needs a dispatch to differ from")
    began_s = time.monotonic()
    day = _Day(model, limits, start, window, domains)
    problem = day.program.close()
    left_s = max(SHORTEST_S, time_limit_s - (time.monotonic() - began_s))
    outcome = by_cbc(problem, left_s) if solver is Solver.CBC else by_highs(problem, left_s, relative_gap)
    return Answer(
        dispatch=day.read() if outcome.missing is None else None,
        bound_try=outcome.bound_try,
        optimal=outcome.optimal,
        missing=outcome.missing,
    )


class _Day:
    """The program of a model, and how its solution is read."""

    def __init__(
        self,
        model: Model,
        limits: Mapping[Name, Limits],
        start: Dispatch | None,
        window: Window | None,
        domains: Mapping[Name, Domain],
    ) -> None:
        self._model, self._domains = model, domains
        self._known = None if start is None else Known(start, model.predict(start))
        self._window = window
        self.program = Program()
        self._flows = [Flow(rest / 1000, {}, rest / 1000, rest / 1000) for rest in model.exchange.rest_w]
        self._on = {load.name: self._add_load(load, limits[load.name]) for load in model.loads}
        self._runs = [self._add_errand(place) for place in range(len(model.errands))]
        self._accumulator = self._add_bank()
        add_meter(
            self.program, model.exchange, self._flows, None if self._known is None else self._known.prediction.net_w
        )

    def read(self) -> Dispatch:
        """The dispatch that the solver's values mean."""
        loads = {name: tuple(column.value() > 0.5 for column in on) for name, on in self._on.items()}
        switched = Dispatch(loads=loads, runs=tuple(course.read() for course in self._runs))
        model = self._model
        if model.bank is None or self._accumulator is None:
            return switched
        least_w = [lowest_w(model.exchange, step) for step in range(len(model.steps))]
        others_w = model.net_w(switched)
        battery_w = course_w(self._accumulator, model.bank, model.exchange, others_w, least_w)
        return Dispatch(loads=switched.loads, runs=switched.runs, battery_w=battery_w)

    def _add_load(self, load: Load, limits: Limits) -> list[pulp.LpVariable]:
        choices = [self._choice(load, step) for step in range(len(self._flows))]
        domain = self._domains.get(load.name)
        within = limits if domain is None else limits & domain.limits
        on = add_load(self.program, load, within, choices, self._known)
        power_kw = load.power_w / 1000
        for flow, column, (must, may) in zip(self._flows, on, choices, strict=True):
            flow.add({column: power_kw}, power_kw * must, power_kw * may)
        return on

    def _choice(self, load: Load, step: int) -> tuple[bool, bool]:
        """Whether a load must and whether it may be on."""
        if self._known is not None and self._window is not None and self._window.holds(load.name, step):
            was_on = bool(self._known.dispatch.loads[load.name][step])
            return was_on, was_on
        if load.is_held(step):
            return load.on_at_start, load.on_at_start
        domain = self._domains.get(load.name)
        if domain is None:
            return False, load.may_run[step]
        return not domain.may_rest[step], load.may_run[step] and domain.may_run[step]

    def _add_errand(self, place: int) -> Course:
        errand, known, window = self._model.errands[place], self._known, self._window
        course = add_errand(
            self.program,
            f"run_{place}",
            errand,
            None if known is None else known.dispatch.runs[place],
            lambda step: window is not None and window.holds(errand.appliance, step),
            len(self._flows),
        )
        for flow, power_kw, high_kw in zip(self._flows, course.power_kw, course.high_kw, strict=True):
            flow.add(power_kw, 0.0, high_kw)
        return course

    def _add_bank(self) -> Accumulator | None:
        model, known = self._model, self._known
        if model.bank is None:
            return None
        exchange, bank = model.exchange, model.bank
        columns = add_bank(self.program, bank, exchange.hours, None if known is None else known.dispatch.battery_w)
        for step, flow in enumerate(self._flows):
            power_kw = {columns.charge_kw[step]: 1.0, columns.discharge_kw[step]: -1.0}
            flow.add(power_kw, -bank.discharge_w / 1000, bank.charge_w / 1000)
        # Burning energy means to draw more for the same. That pays where drawing more does; or in any step, if what is
        # burned makes room for such a gain and cannot be used or sold.
        falls = [may_fall(exchange, step, flow) for step, flow in enumerate(self._flows)]
        stuck = [1000 * flow.low_kw < lowest_w(exchange, step) for step, flow in enumerate(self._flows)]
        tempting = [step for step in range(len(falls)) if falls[step] or (any(falls) and stuck[step])]
        add_exclusion(self.program, columns, bank, tempting)
        return columns
