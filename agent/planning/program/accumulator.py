"""The battery as columns and rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulp

from agent.planning.grid.battery import Bank
from agent.planning.grid.exchange import Exchange
from agent.planning.program.program import Program


@dataclass(frozen=True)
class Accumulator:
    """The columns of the battery; one entry per step."""

    charge_kw: list[pulp.LpVariable]
    discharge_kw: list[pulp.LpVariable]
    held_kwh: list[pulp.LpVariable]


def add_bank(program: Program, bank: Bank, hours: Sequence[float], known_w: Sequence[float] | None) -> Accumulator:
    """Add the battery: what it holds follows from what goes in and out, less what is lost on the way."""
    columns = Accumulator([], [], [])
    path_wh = None if known_w is None else bank.trajectory(known_w, hours)
    last = len(hours) - 1
    before_kwh: pulp.LpVariable | float = bank.start_wh / 1000
    for step, h in enumerate(hours):
        in_kw = None if known_w is None else max(0.0, known_w[step]) / 1000
        out_kw = None if known_w is None else max(0.0, -known_w[step]) / 1000
        charge_kw = program.column(f"charge_{step}", 0, bank.charge_w / 1000, start=in_kw)
        discharge_kw = program.column(f"discharge_{step}", 0, bank.discharge_w / 1000, start=out_kw)
        low_wh = max(bank.low_wh, bank.end_low_wh) if step == last else bank.low_wh
        kwh = None if path_wh is None else path_wh[step] / 1000
        held_kwh = program.column(f"held_{step}", low_wh / 1000, bank.high_wh / 1000, start=kwh)
        program.row(
            held_kwh
            - before_kwh
            - h * bank.charge_efficiency * charge_kw
            + h / bank.discharge_efficiency * discharge_kw
            == 0
        )
        program.cost(discharge_kw, bank.wear_try_per_wh * 1000 * h)
        columns.charge_kw.append(charge_kw)
        columns.discharge_kw.append(discharge_kw)
        columns.held_kwh.append(held_kwh)
        before_kwh = held_kwh
    if bank.worth_try_per_wh:
        program.cost(columns.held_kwh[-1], -bank.worth_try_per_wh * 1000)
        program.constant_try += bank.worth_try_per_wh * bank.start_wh
    return columns


def add_exclusion(program: Program, columns: Accumulator, bank: Bank, steps: Sequence[int]) -> None:
    """In these steps it charges or discharges, not both: there, burning energy might pay."""
    for step in steps:
        charge_kw, discharge_kw = columns.charge_kw[step], columns.discharge_kw[step]
        start = None if charge_kw.value() is None else float(charge_kw.value() > 0)
        charges = program.column(f"charges_{step}", 0, 1, whole=True, start=start)
        program.row(charge_kw <= bank.charge_w / 1000 * charges)
        program.row(discharge_kw <= bank.discharge_w / 1000 * (1 - charges))


def course_w(
    columns: Accumulator, bank: Bank, exchange: Exchange, others_w: Sequence[float], least_w: Sequence[float]
) -> tuple[float, ...]:
    """What the battery does, without the solver's rounding: within its powers, its energy, and the home's limits.

    `others_w` is the home's net power without it, `least_w` the least that it may be with it. What the program holds is
    kept; where it has charged and discharged at once, which is no gain, the home draws less for the same.
    """
    rows = zip(exchange.import_limit_w, others_w, strict=True)
    most_w = [min(bank.charge_w, limit - others) for limit, others in rows]
    low_wh = _needed_wh(bank, exchange.hours, most_w)
    course, held_wh = [], bank.start_wh
    for step, h in enumerate(exchange.hours):
        target_wh = min(bank.high_wh, max(low_wh[step], 1000 * columns.held_kwh[step].value()))
        power_w = max(_power_w(bank, target_wh - held_wh, h), least_w[step] - others_w[step], -bank.discharge_w)
        power_w = min(power_w, most_w[step], _power_w(bank, bank.high_wh - held_wh, h))
        course.append(max(power_w, _power_w(bank, bank.low_wh - held_wh, h)))
        held_wh += bank.stored_wh(course[-1], h)
    return tuple(course)


def _needed_wh(bank: Bank, hours: Sequence[float], most_w: Sequence[float]) -> list[float]:
    """What it must hold at the ends of the steps, if it is to hold enough at the last."""
    needed_wh = [max(bank.low_wh, bank.end_low_wh)]
    for h, power_w in zip(hours[:0:-1], most_w[:0:-1], strict=True):
        needed_wh.append(max(bank.low_wh, needed_wh[-1] - bank.stored_wh(power_w, h)))
    return needed_wh[::-1]


def _power_w(bank: Bank, more_wh: float, hours: float) -> float:
    """The power by which it holds so much more at the end of a step; `Bank.stored_wh` turned round."""
    if more_wh >= 0:
        return more_wh / hours / bank.charge_efficiency
    return more_wh / hours * bank.discharge_efficiency
