"""A mixed-integer program in the making.

Costs are in TRY, temperatures in °C, powers in kW and energies in kWh, so that all numbers are near one, as solvers
like them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulp

from agent.planning.grid.model import Dispatch, Prediction


@dataclass(frozen=True)
class Known:
    """An admissible dispatch, and what it leads to: where the solver begins."""

    dispatch: Dispatch
    prediction: Prediction


@dataclass
class Flow:
    """A linear expression for what the home draws in one step, kW, and between what it lies."""

    constant_kw: float
    terms: dict[pulp.LpVariable, float] = field(default_factory=dict)
    low_kw: float = 0.0
    high_kw: float = 0.0

    def add(self, power_kw_of: Mapping[pulp.LpVariable, float], low_kw: float, high_kw: float) -> None:
        """Something draws Σ coefficient·variable besides, which is between `low_kw` and `high_kw`."""
        for variable, power_kw in power_kw_of.items():
            self.terms[variable] = self.terms.get(variable, 0.0) + power_kw
        self.low_kw += low_kw
        self.high_kw += high_kw

    @property
    def expression(self) -> pulp.LpAffineExpression:
        """It as PuLP has it."""
        return pulp.LpAffineExpression(list(self.terms.items()), constant=self.constant_kw)


class Program:
    """Columns, rows, and what is minimised."""

    def __init__(self) -> None:
        self.problem = pulp.LpProblem("day", pulp.LpMinimize)
        self.constant_try = 0.0
        self._costs: dict[pulp.LpVariable, float] = {}

    def column(
        self, name: str, low: float, high: float | None = None, *, whole: bool = False, start: float | None = None
    ) -> pulp.LpVariable:
        """A variable between two bounds (no upper one if None), `start` being its value in the known dispatch."""
        column = self.problem.add_variable(name, low, high, pulp.LpInteger if whole else pulp.LpContinuous)
        column.varValue = start  # setInitialValue() leaves out what is past a bound by a rounding
        return column

    def row(self, row: pulp.LpConstraint | bool) -> None:  # noqa: FBT001 (PuLP's comparison of constants is a bool)
        """Something that must hold."""
        self.problem += row

    def cost(self, column: pulp.LpVariable, each_try: float) -> None:
        """One more of a variable costs so much (more)."""
        self._costs[column] = self._costs.get(column, 0.0) + each_try

    def close(self) -> pulp.LpProblem:
        """The problem as it is solved; nothing is added any more.

        PuLP hands a constant in the objective to none of its solvers, and without it their relative gap would be that
        of another number. So it is the cost of a column that is always one.
        """
        self.cost(self.column("constant", 1, 1, start=1.0), self.constant_try)
        self.problem.setObjective(pulp.LpAffineExpression(list(self._costs.items())))
        return self.problem
