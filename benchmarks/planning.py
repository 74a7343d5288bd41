"""Real days, planned as the hub plans them: gap, CPU and memory, beside plain HiGHS and plain CBC on the same problems.

Each plan is made in a process of its own on one core. Gaps are those of the movable objective, without base load. The
answers of the plain solvers are kept, so that only the first run takes long: 2 × 60 s for each of about 40 problems, an
hour and a half with both solvers; the planner's own part takes some minutes. With `--all` it is about 150 problems, 5
hours. It can be stopped and taken up again at any time. `--no-plain` leaves the solvers out.
"""

import argparse
import contextlib
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf, isnan, nan
from pathlib import Path
from typing import Any

from agent.domain.plan import Fallback, Plan
from agent.domain.problem import Problem, Solver
from agent.planning.planner import COMMAND
from benchmarks.days.homes import COUPLED, HOMES, day_problem, suits
from benchmarks.days.market import SHARED_DATA, Day, Kind, market_days

REFERENCE = Path("var") / "bench-planning.jsonl"
PLAIN = (sys.executable, "-m", "benchmarks._plain")
GRACE_S = 60.0
"""Wall seconds that a process gets besides its time limit before it is ended."""
CHEAPER = 1e-6
"""A plain solver is better if it is cheaper by more than so much of the objective and 1e-6 TRY; less is rounding."""
PROVEN = 1e-3
"""A solver whose gap is below this has stopped, or might as well have."""
LONG_DAYS = {Kind.WINTER: 2, Kind.SUMMER: 1, Kind.CAPPED: 1, Kind.ZERO: 1}
"""How many days of each kind are planned over two days as well."""
UNPLANNED = {Fallback.PLANNER_INFEASIBLE, Fallback.PLANNER_LATE, Fallback.PLANNER_FAILED}
LIMITS: Mapping[str, Mapping[str, float]] = {
    "loads_24h": {"worst_gap_movable": 0.001, "median_cpu_s": 1.0, "p95_cpu_s": 2.0},
    "loads_48h": {"worst_gap_movable": 0.002, "p95_cpu_s": 4.0},
    "coupled_24h": {"worst_gap_movable": 0.01, "p95_cpu_s": 20.0, "slowest_first_plan_cpu_s": 2.0},
    "coupled_48h": {"worst_gap_movable": 0.01, "p95_cpu_s": 20.0, "slowest_first_plan_cpu_s": 2.0},
    "all": {"peak_rss_mb": 150.0, "worse_than_highs": 0, "infeasible": 0},
}
"""What must hold, by group."""


@dataclass(frozen=True)
class Case:
    """One home on one day."""

    home: str
    day: Day
    days: int

    @property
    def group(self) -> str:
        """Problems that are judged together."""
        return f"{'coupled' if self.home in COUPLED else 'loads'}_{24 * self.days}h"


@dataclass(frozen=True)
class Measured:
    """One plan, and what making it took."""

    plan: Plan | None
    cpu_s: float
    first_plan_cpu_s: float
    """Until the first whole plan was said."""
    wall_s: float
    rss_mb: float
    exit_code: int
    said: str
    """On standard error."""


@dataclass(frozen=True)
class Plain:
    """What a plain solver came to; costs are those of the objective, None where it has none."""

    objective_try: float | None
    bound_try: float | None
    cpu_s: float
    """Less than its seconds where other work shared the core."""

    @property
    def gap(self) -> float:
        """Relative, infinite without a solution or a bound."""
        if self.objective_try is None or self.bound_try is None:
            return inf
        return max(0.0, self.objective_try - self.bound_try) / max(abs(self.objective_try), 1e-9)

    def is_starved(self, seconds: float) -> bool:
        """Whether it is not proven, and other work has taken much of the CPU of its seconds."""
        return self.gap > PROVEN and self.cpu_s < 0.8 * seconds


def _plain(answer: Mapping[str, Any]) -> Plain:
    return Plain(answer["objective_try"], answer["bound_try"], answer["cpu_s"])


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    case: Case
    measured: Measured
    plain: Mapping[Solver, Plain]

    @property
    def gap(self) -> float:
        """Of the plan; infinite if nothing is proven or there is none."""
        gap = None if self.measured.plan is None else self.measured.plan.proof.gap_movable
        return inf if gap is None else gap

    @property
    def is_planned(self) -> bool:
        """Whether the planner went to its end, and there is more than the thermostat's plan."""
        plan = self.measured.plan
        return plan is not None and self.measured.exit_code == 0 and not plan.fallbacks & UNPLANNED

    def dearer(self, solver: Solver) -> float:
        """By how much of its objective the solver's plan is dearer than ours, negative if cheaper; NaN if unknown."""
        theirs = self.plain[solver].objective_try if solver in self.plain else None
        if theirs is None or self.measured.plan is None:
            return nan
        return (theirs - self.measured.plan.proof.objective_try) / max(abs(theirs), 1e-9)

    def is_beaten_by(self, solver: Solver) -> bool:
        """Whether the solver's plan is cheaper, by more than rounding."""
        theirs = self.plain[solver].objective_try if solver in self.plain else None
        if theirs is None or self.measured.plan is None:
            return False
        return self.measured.plan.proof.objective_try - theirs > CHEAPER * abs(theirs) + 1e-6


# ---- Processes ----


def planned(problem: Problem) -> Measured:
    """Plan in a child, as the hub does."""
    began_s = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said)
        watchdog = threading.Timer(problem.time_limit_s + GRACE_S, child.kill)
        watchdog.start()
        lines: list[bytes] = []
        first_plan_cpu_s = nan
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("the child has no pipes")
        with contextlib.suppress(BrokenPipeError):  # it has died already; its exit code tells
            child.stdin.write(problem.model_dump_json().encode())
            child.stdin.close()
        for line in child.stdout:
            if not lines:
                first_plan_cpu_s = _cpu_s(child.pid)
            lines.append(line)
        _, status, used = os.wait4(child.pid, 0)
        watchdog.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        child.stdout.close()
        said.seek(0)
        last_words = said.read().decode(errors="replace")[-400:]
    return Measured(
        plan=Plan.model_validate_json(lines[-1]) if lines else None,
        cpu_s=used.ru_utime + used.ru_stime,
        first_plan_cpu_s=first_plan_cpu_s,
        wall_s=time.monotonic() - began_s,
        rss_mb=_megabytes(used.ru_maxrss),
        exit_code=child.returncode,
        said=last_words,
    )


def _cpu_s(process: int) -> float:
    """CPU that a running process has used; NaN where the system has no /proc."""
    try:
        fields = Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return nan
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(max_rss: int) -> float:
    return max_rss / (1024**2 if sys.platform == "darwin" else 1024)


class Reference:
    """The answers of the plain solvers, kept in a file: a line of JSON each, by problem, solver and seconds."""

    def __init__(self, path: Path, seconds: float, *, anew_if_starved: bool = False) -> None:
        self._path, self._seconds = path, seconds
        self._known: dict[str, Mapping[str, Any]] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                kept = json.loads(line)
                self._known[kept["key"]] = kept
        if anew_if_starved:
            self._known = {key: kept for key, kept in self._known.items() if not _plain(kept).is_starved(seconds)}

    def is_known(self, problem: Problem, solver: Solver) -> bool:
        """Whether there is an answer already."""
        return self._key(problem, solver) in self._known

    def plain(self, problem: Problem, solver: Solver) -> Plain:
        """A solver's answer. One that is known is simulated again, and sought anew where the model has changed."""
        known = self._known.get(self._key(problem, solver))
        if known is not None:
            again = self._ask(problem, solver, known)
            if again["objective_try"] is not None or known["objective_try"] is None:
                return replace(_plain(again), cpu_s=known["cpu_s"])
        found = self._ask(problem, solver, None)
        self._keep({"key": self._key(problem, solver), **found})
        return _plain(found)

    def _key(self, problem: Problem, solver: Solver) -> str:
        asked = problem.model_copy(update={"time_limit_s": 1.0, "solver": Solver.MILP, "announced": None})
        digest = hashlib.sha256(asked.model_dump_json().encode()).hexdigest()[:24]
        return f"{digest}-{solver.value}-{self._seconds:g}s"

    def _ask(self, problem: Problem, solver: Solver, known: Mapping[str, Any] | None) -> dict[str, Any]:
        question = json.dumps(
            {"problem": problem.model_dump_json(), "solver": solver, "seconds": self._seconds, "known": known}
        )
        try:
            done = subprocess.run(
                PLAIN, input=question, capture_output=True, text=True, timeout=2 * self._seconds + GRACE_S, check=True
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            print(f"  {solver.value}: {error}; {error.stderr!r}", file=sys.stderr)
            return {"objective_try": None, "bound_try": None, "dispatch": None, "cpu_s": 0.0}
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    def _keep(self, answer: dict[str, Any]) -> None:
        self._known[answer["key"]] = answer
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(answer) + "\n")


# ---- Results ----


def summary(rows: Sequence[Row]) -> dict[str, float | int | None]:
    """The figures of some rows. Null stands for what is not known or not finite."""
    cpu_s = sorted(row.measured.cpu_s for row in rows)
    firsts_s = [row.measured.first_plan_cpu_s for row in rows]
    figures = {
        "problems": len(rows),
        "worst_gap_movable": max(row.gap for row in rows),
        "median_gap_movable": statistics.median(row.gap for row in rows),
        "median_cpu_s": statistics.median(cpu_s),
        "p95_cpu_s": cpu_s[ceil(0.95 * len(cpu_s)) - 1],
        "slowest_first_plan_cpu_s": inf if any(map(isnan, firsts_s)) else max(firsts_s),
        "peak_rss_mb": max(row.measured.rss_mb for row in rows),
        "compared_with_highs": sum(not isnan(row.dearer(Solver.MILP)) for row in rows),
        "worse_than_highs": sum(row.is_beaten_by(Solver.MILP) for row in rows),
        "worse_than_cbc": sum(row.is_beaten_by(Solver.CBC) for row in rows),
        "infeasible": sum(not row.is_planned for row in rows),
    }
    return {name: value if -inf < value < inf else None for name, value in figures.items()}


def by(rows: Sequence[Row], name_of: Callable[[Row], str]) -> dict[str, dict[str, float | int | None]]:
    """The figures of the rows that have the same name."""
    names = sorted({name_of(row) for row in rows})
    return {name: summary([row for row in rows if name_of(row) == name]) for name in names}


def warnings(groups: Mapping[str, Mapping[str, float | int | None]]) -> Iterator[str]:
    """What is above its limit, and what is not known where it should be."""
    for group, limits in LIMITS.items():
        for name, limit in limits.items():
            value = groups.get(group, {}).get(name, 0)
            if value is None or value > limit:
                yield f"{group}: {name} is {'unknown' if value is None else f'{value:.6g}'}, above {limit:g}"


HEADER = (
    f"{'day':<20}{'kind':<8}{'home':<10}{'h':>3}{'TL':>10}{'gap':>9}{'CPU s':>7}{'first':>7}{'wall':>7}{'MB':>6}"
    f"{'HiGHS':>9}{'its gap':>9}{'CBC':>9}{'its gap':>9}"
)


def line(row: Row) -> str:
    """A row of the table; a solver's column says by how much it is dearer than the plan."""
    case, measured = row.case, row.measured
    cost_try = nan if measured.plan is None else measured.plan.proof.objective_try
    text = (
        f"{case.day.name:<20}{case.day.kind:<8}{case.home:<10}{24 * case.days:>3}{cost_try:>10.3f}{row.gap:>9.3%}"
        f"{measured.cpu_s:>7.2f}{measured.first_plan_cpu_s:>7.2f}{measured.wall_s:>7.1f}{measured.rss_mb:>6.0f}"
    )
    for solver in (Solver.MILP, Solver.CBC):
        if solver in row.plain:
            text += f"{row.dearer(solver):>+9.3%}{row.plain[solver].gap:>9.2%}"
    remarks = (
        [] if row.is_planned else [f"NOT PLANNED (exit {measured.exit_code}) {' '.join(measured.said.split())[-160:]}"]
    )
    remarks += ["DEARER"] if row.is_beaten_by(Solver.MILP) else []
    return "  ".join([text, *remarks])


# ---- The command ----


def cases(args: argparse.Namespace) -> list[Case]:
    """Which homes are planned on which days: one on each, in turn, or all that suit it."""
    days = [day for day in market_days() if not args.days or day.name in args.days or day.kind in args.days]
    found = [Case(home, day, 1) for turn, day in enumerate(days) for home in _homes(args, day, turn)]
    for kind, count in LONG_DAYS.items():
        long_days = [day for day in days if day.kind is kind and day.days_known > 1][:count]
        found += [Case(home, day, 2) for turn, day in enumerate(long_days) for home in _homes(args, day, turn)]
    return [case for case in found if 24 * case.days in args.hours][:: args.every]


def _homes(args: argparse.Namespace, day: Day, turn: int) -> Sequence[str]:
    homes = [home for home in args.houses if suits(home, day)]
    return homes if args.all or not homes else [homes[turn % len(homes)]]


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", nargs="+", default=[], help="names or kinds of days (default: all)")
    parser.add_argument("--houses", nargs="+", choices=HOMES, default=list(HOMES), help="default: all")
    parser.add_argument("--all", action="store_true", help="every home on every day, not one in turn")
    parser.add_argument("--hours", nargs="+", type=int, choices=(24, 48), default=[24, 48], help="default: both")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th problem")
    parser.add_argument("--time-limit", type=float, default=20.0, help="the planner's seconds (default: 20)")
    parser.add_argument("--solver-seconds", type=float, default=60.0, help="a plain solver's seconds (default: 60)")
    parser.add_argument("--no-cbc", action="store_true", help="leave CBC out")
    parser.add_argument("--no-plain", action="store_true", help="leave both plain solvers out")
    parser.add_argument("--reference", type=Path, default=REFERENCE, help=f"their answers (default: {REFERENCE})")
    parser.add_argument("--redo", action="store_true", help="seek anew what was found while the machine was busy")
    parser.add_argument("--core", type=int, help="the core on which everything runs (default: the last)")
    return parser.parse_args()


def pin(core: int | None) -> None:
    """Keep this process and its children on one core, where the system knows how."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0)) if core is None else core})
    else:
        print("this system pins no processes: CPU times are those of all cores", file=sys.stderr)


def main() -> None:
    """Print a line for each problem as it is done, the warnings, and last one line of JSON."""
    args = arguments()
    pin(args.core)
    asked = cases(args)
    solvers = [] if args.no_plain else [Solver.MILP] if args.no_cbc else [Solver.MILP, Solver.CBC]
    reference = Reference(args.reference, args.solver_seconds, anew_if_starved=args.redo)
    problems = [day_problem(case.home, case.day, case.days, args.time_limit) for case in asked]
    unknown = sum(not reference.is_known(problem, solver) for problem in problems for solver in solvers)
    where = "shared data" if SHARED_DATA.is_dir() else "made up from the shipped day"
    print(f"{len(asked)} problems ({where}); the plain solvers need up to {unknown * args.solver_seconds / 60:.0f} min")
    print(HEADER, flush=True)
    rows = []
    for case, problem in zip(asked, problems, strict=True):
        measured = planned(problem)
        rows.append(Row(case, measured, {solver: reference.plain(problem, solver) for solver in solvers}))
        print(line(rows[-1]), flush=True)
    groups = by(rows, lambda row: row.case.group)
    kinds = by(rows, lambda row: row.case.day.kind.value)
    everything = summary(rows)
    for warning in warnings({**groups, "all": everything}):
        print(f"above the limit: {warning}")
    starved = sum(plain.is_starved(args.solver_seconds) for row in rows for plain in row.plain.values())
    if starved:
        print(f"{starved} answers of plain solvers had little CPU, as this machine was busy: --redo seeks them anew")
    own_mb = _megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    if own_mb > min(row.measured.rss_mb for row in rows) - 1:
        print(f"above the limit: memory below {own_mb:.0f} MB cannot be told from this process's own")
    print(json.dumps({"benchmark": "planning", "data": where, **everything, "groups": groups, "kinds": kinds}))


if __name__ == "__main__":
    main()
