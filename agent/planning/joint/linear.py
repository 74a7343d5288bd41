"""A linear program, put together column by column and row by row, and solved by HiGHS."""

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent.planning.joint.choices import Floats, Ints

INFINITE = highspy.kHighsInf


@dataclass(frozen=True)
class Optimum:
    """A solution of a linear program."""

    value: float
    columns: Floats
    duals: Floats
    """By row: by how much the value grows with the row's bound."""


class LinearProgram:
    """Minimises cost·x subject to low ≤ A·x ≤ high, and bounds on each column."""

    def __init__(self) -> None:
        self._costs: list[Floats] = []
        self._column_low: list[Floats] = []
        self._column_high: list[Floats] = []
        self._row_low: list[Floats] = []
        self._row_high: list[Floats] = []
        self._entries: list[tuple[Ints, Ints, Floats]] = []
        self._columns = self._rows = 0

    def add_columns(self, cost: ArrayLike, low: ArrayLike, high: ArrayLike, count: int) -> Ints:
        """Add so many columns; numbers stand for all of them. Returns their places."""
        for into, values in ((self._costs, cost), (self._column_low, low), (self._column_high, high)):
            into.append(np.broadcast_to(np.asarray(values, np.float64), count))
        self._columns += count
        return np.arange(self._columns - count, self._columns)

    def add_rows(self, low: ArrayLike, high: ArrayLike, count: int) -> Ints:
        """Add so many rows; numbers stand for all of them. Returns their places."""
        for into, values in ((self._row_low, low), (self._row_high, high)):
            into.append(np.broadcast_to(np.asarray(values, np.float64), count))
        self._rows += count
        return np.arange(self._rows - count, self._rows)

    def put(self, rows: ArrayLike, columns: ArrayLike, values: ArrayLike) -> None:
        """Add to entries of A; numbers stand for all."""
        row, column, value = np.broadcast_arrays(
            np.asarray(rows, np.int64), np.asarray(columns, np.int64), np.asarray(values, np.float64)
        )
        self._entries.append((row.ravel(), column.ravel(), value.ravel()))

    def solved(self, *, centrally: bool = False) -> Optimum | None:
        """The optimum; None if there is none, or the solver fails.

        `centrally`: by interior points, without going on to a corner. Where many duals are optimal, these are in the
        middle of them, and prices made of them say what each thing costs instead of what it may cost at least.
        """
        highs = highspy.Highs()  # type: ignore[no-untyped-call]
        highs.silent()
        highs.setOptionValue("threads", 1)
        if centrally:
            highs.setOptionValue("solver", "ipm")
            highs.setOptionValue("run_crossover", "off")
        if highs.passModel(self._model()) == highspy.HighsStatus.kError:
            return None  # to run what was rejected would be the end of this process
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        solution = highs.getSolution()
        return Optimum(
            value=highs.getInfo().objective_function_value,
            columns=np.array(solution.col_value),
            duals=np.array(solution.row_dual),
        )

    def _model(self) -> highspy.HighsLp:
        row, column, value = (np.concatenate(parts) for parts in zip(*self._entries, strict=True))
        # Each entry once: HiGHS takes no others.
        place, which = np.unique(column * self._rows + row, return_inverse=True)
        value = np.bincount(which, value, len(place))
        used = value != 0.0
        column, row, value = place[used] // self._rows, place[used] % self._rows, value[used]
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = self._columns, self._rows
        model.col_cost_, model.col_lower_ = _joined(self._costs), _joined(self._column_low)
        model.col_upper_ = _joined(self._column_high)
        model.row_lower_, model.row_upper_ = _joined(self._row_low), _joined(self._row_high)
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        starts: NDArray[np.int32] = np.searchsorted(column, np.arange(self._columns + 1)).astype(np.int32)
        model.a_matrix_.start_ = starts
        model.a_matrix_.index_ = row.astype(np.int32)
        model.a_matrix_.value_ = value
        return model


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(parts)
