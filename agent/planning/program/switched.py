"""One load and its store as columns and rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import pulp

from agent.planning.alone.limits import TOLERANCE_C, Limits
from agent.planning.grid.model import Hygiene, Load
from agent.planning.grid.stores import Store
from agent.planning.program.program import Known, Program

_REACH_C = 1e-2
"""Room around the temperatures that can be reached. They help the solver and bind nothing: where they were as tight as
its own tolerances, CBC has cut off solutions."""


@dataclass(frozen=True)
class _Step:
    """What one step of a load may be: whether it must or may be on, and from where it goes where."""

    index: int
    must: bool
    may: bool
    floor_c: float
    """Before the step, as far as start and limits leave it possible."""
    ceiling_c: float


def add_load(
    program: Program, load: Load, limits: Limits, choices: Sequence[tuple[bool, bool]], known: Known | None
) -> list[pulp.LpVariable]:
    """Add a load; the columns say whether it is on in each step.

    `choices` says of each step whether the load must and whether it may be on.
    """
    known_on = None if known is None else known.dispatch.loads[load.name]
    path_c = None if known is None else (load.store.start_c, *known.prediction.temperatures_c[load.store.name])
    on: list[pulp.LpVariable] = []
    after_c: list[pulp.LpVariable] = []
    before_c: pulp.LpVariable | float = load.store.start_c
    floor_c = ceiling_c = load.store.start_c
    for index, (must, may) in enumerate(choices):
        step = _Step(index, must, may, floor_c, ceiling_c)
        was_on = None if known_on is None else float(known_on[index])
        on.append(program.column(f"{load.name}_on_{index}", int(must), int(may), whole=True, start=was_on))
        floor_c, ceiling_c = _reached(load, limits, step)
        end_c = None if path_c is None else path_c[index + 1]
        after_c.append(program.column(f"{load.name}_c_{index}", floor_c, ceiling_c, start=end_c))
        given_c = _collected(program, load, step, before_c, on[-1], None if path_c is None else path_c[index])
        program.row(
            after_c[-1] - load.store.keep[index] * before_c - load.store.lift_c[index] * on[-1] - given_c
            == load.store.push_c[index]
        )
        before_c = after_c[-1]
    _add_starts(program, load, on, known_on)
    _add_worth(program, load, after_c[-1], None if path_c is None else path_c[-1])
    if load.hygiene is not None:
        _add_hygiene(program, load, load.hygiene, after_c, None if path_c is None else path_c[1:])
    return on


def _reached(load: Load, limits: Limits, step: _Step) -> tuple[float, float]:
    """The coldest and the warmest at the end of a step; more heat before or in it never leads to less after it."""
    coldest_on, warmest_on = (step.may, step.must) if load.cools else (step.must, step.may)
    coldest_c = load.store.after(step.index, step.floor_c, on=coldest_on)
    warmest_c = load.store.after(step.index, step.ceiling_c, on=warmest_on)
    return (
        max(limits.low_c[step.index] - TOLERANCE_C, coldest_c - _REACH_C),
        min(limits.high_c[step.index] + TOLERANCE_C, warmest_c + _REACH_C),
    )


def _collected(
    program: Program,
    load: Load,
    step: _Step,
    before_c: pulp.LpVariable | float,
    on: pulp.LpVariable,
    known_c: float | None,
) -> pulp.LpAffineExpression | float:
    """What the collector gives, max(0, min(sun - fade·T, stop - dark)); binaries only where its case is in doubt."""
    store, t = load.store, step.index
    keep, push_c, lift_c, sun_c, fade = store.keep[t], store.push_c[t], store.lift_c[t], store.sun_c[t], store.fade[t]
    shining_low, shining_high = sun_c - fade * step.ceiling_c, sun_c - fade * step.floor_c
    dark_low = keep * step.floor_c + push_c + min(lift_c * step.must, lift_c * step.may)
    dark_high = keep * step.ceiling_c + push_c + max(lift_c * step.must, lift_c * step.may)
    if shining_high <= 0 or dark_low >= store.stop_c:
        return 0.0
    shining = sun_c - fade * before_c
    # The warmest store comes nearest to the stop; where even that stays below it, the stop decides nothing.
    never_stops = dark_high + sun_c - fade * step.ceiling_c <= store.stop_c
    if never_stops and shining_low >= 0:
        return shining
    left = store.stop_c - (keep * before_c + push_c + lift_c * on) if isfinite(store.stop_c) else None
    left_low, left_high = store.stop_c - dark_high, store.stop_c - dark_low
    given, runs, stops = _known_sun(store, t, known_c, on)
    given_c = program.column(f"{load.name}_sun_{t}", 0, min(shining_high, left_high), start=given)
    running = program.column(f"{load.name}_shines_{t}", 0, 1, whole=True, start=runs)
    program.row(given_c <= min(shining_high, left_high) * running)
    program.row(given_c <= shining - min(0.0, shining_low) * (1 - running))
    if never_stops or left is None:
        program.row(given_c >= shining)
        return pulp.LpAffineExpression(given_c)
    stopping = program.column(f"{load.name}_stops_{t}", 0, 1, whole=True, start=stops)
    program.row(given_c <= left - min(0.0, left_low) * (1 - running))
    program.row(given_c >= shining - shining_high * stopping)
    program.row(given_c >= left - left_high * (1 - stopping))
    return pulp.LpAffineExpression(given_c)


def _known_sun(
    store: Store, step: int, before_c: float | None, on: pulp.LpVariable
) -> tuple[float | None, float | None, float | None]:
    """Where the solver begins: what the collector gives, whether anything, and whether the stop decides."""
    if before_c is None:
        return None, None, None
    dark_c = store.keep[step] * before_c + store.push_c[step] + store.lift_c[step] * on.value()
    shining_c = store.sun_c[step] - store.fade[step] * before_c
    given_c = max(0.0, min(shining_c, store.stop_c - dark_c))
    return given_c, float(given_c > 0), float(shining_c > store.stop_c - dark_c)


def _add_starts(program: Program, load: Load, on: Sequence[pulp.LpVariable], known: Sequence[bool] | None) -> None:
    """Minimum times by Rajan and Takriti's rows (one start at most within a minimum run and its rest), and quotas."""
    if load.min_on == load.min_off == 1 and load.start_try == 0 and not load.quotas:
        return
    begun = None if known is None else set(load.starts(known))
    starts: list[pulp.LpVariable] = []
    for step, runs in enumerate(on):
        started = None if begun is None else float(step in begun)
        starts.append(program.column(f"{load.name}_start_{step}", 0, 1, start=started))
        program.cost(starts[-1], load.start_try)
        program.row(starts[-1] >= runs - (on[step - 1] if step else int(load.on_at_start)))
        if load.min_on > 1 or load.min_off > 1:
            program.row(pulp.lpSum(starts[max(0, step - load.min_on + 1) : step + 1]) <= runs)
            rested_from = step - load.min_off
            before = on[rested_from] if rested_from >= 0 else int(load.on_at_start)
            program.row(pulp.lpSum(starts[max(0, rested_from + 1) : step + 1]) <= 1 - before)
    for quota in load.quotas:
        program.row(pulp.lpSum(starts[quota.first : quota.stop]) <= quota.starts)


def _add_worth(program: Program, load: Load, end_c: pulp.LpVariable, known_c: float | None) -> None:
    """The end counts as far as a thermostat would have it: the lesser of two, for which a column is enough."""
    worth = load.worth
    if worth.try_per_c == 0:
        return
    most_c = worth.toward * worth.full_c
    reach = [worth.toward * bound for bound in (end_c.lowBound, end_c.upBound)]
    start = None if known_c is None else min(worth.toward * known_c, most_c)
    counted_c = program.column(f"{load.name}_left", min(*reach, most_c), most_c, start=start)
    program.row(counted_c <= worth.toward * end_c)
    program.cost(counted_c, -worth.try_per_c)
    program.constant_try += worth.try_per_c * min(worth.toward * worth.start_c, most_c)


def _add_hygiene(
    program: Program,
    load: Load,
    hygiene: Hygiene,
    after_c: Sequence[pulp.LpVariable],
    known_c: Sequence[float] | None,
) -> None:
    """Hot at the ends of so many steps on end, somewhere before it is due; nowhere means that there is no solution."""
    hot_c, hold = hygiene.hot_c - TOLERANCE_C, hygiene.hold
    begins = [
        begin
        for begin in range(min(hygiene.due, len(after_c)) - hold + 1)
        if all(after.upBound >= hot_c for after in after_c[begin : begin + hold])
    ]
    held = None
    if known_c is not None:
        held = next((b for b in begins if min(known_c[b : b + hold]) >= hot_c), None)
    columns = {
        begin: program.column(
            f"{load.name}_hot_{begin}", 0, 1, whole=True, start=None if held is None else float(begin == held)
        )
        for begin in begins
    }
    program.row(pulp.lpSum(columns.values()) >= 1)
    for step, after in enumerate(after_c):
        holding = [columns[begin] for begin in range(step - hold + 1, step + 1) if begin in columns]
        if holding and after.lowBound < hot_c:
            program.row(after >= after.lowBound + (hot_c - after.lowBound) * pulp.lpSum(holding))
