"""The cheapest schedules of loads that nothing ties together, and the proof of how near they are to the cheapest.

For each load cells give the bound and guide the labels to a schedule; where the two are too far apart, both are sought
again with finer cells, as long as there is time.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, sqrt

from agent.domain.device import Name
from agent.planning.alone.automaton import Automaton
from agent.planning.alone.hygiene import Attainable, Hygienic, attainable
from agent.planning.alone.limits import Limits
from agent.planning.alone.pricing import Pricing, cells_of, priced
from agent.planning.grid.model import Load, Schedule


@dataclass(frozen=True)
class Attempt:
    """How finely something is tried."""

    cells: int
    """At one time, where there are most; fewer where starts are counted, by the root of their number."""
    beam: int
    """Labels that go on from one time and mode."""
    above: float
    """The gap, relative to what all loads pay, above which it is worth its time."""


ATTEMPTS = (
    Attempt(cells=4_000, beam=300, above=0.0),
    Attempt(cells=16_000, beam=1000, above=1e-4),
    Attempt(cells=64_000, beam=1000, above=2e-4),
    Attempt(cells=256_000, beam=1000, above=4e-4),
    Attempt(cells=1_000_000, beam=1000, above=6e-4),
)
"""Each only in the corridor that the one before has left."""
_PROBED = 1000
"""Cells that tell whether starts must be counted."""
_SLOWDOWN = 5
"""An attempt takes at most so much longer than the one before."""


@dataclass(frozen=True)
class Optimum:
    """A schedule of one load that keeps limits, times, quotas, hygiene and its own power, and what is proven of it."""

    load: Load
    """With the hygiene that can be done."""
    limits: Limits
    schedule: tuple[bool, ...]
    bound_try: float
    """No schedule that keeps them has a lower objective."""
    hygienic: Hygienic = Hygienic.AS_ASKED
    counting: bool = False
    """Whether the bound must see how many starts are left, because the cheapest schedules use too many."""
    is_admissible: bool = True
    """False only where the known schedule was not, and none has been found."""
    pricing: Pricing | None = field(default=None, repr=False, compare=False)
    """What the last attempt has shown."""

    @property
    def objective_try(self) -> float:
        """What the schedule costs, wear included, less the worth of what it leaves."""
        return self.load.objective_try(self.schedule)

    @property
    def paid_try(self) -> float:
        """What the schedule costs, wear included."""
        return self.objective_try + self.load.worth.left_try(self.load.store.trajectory(self.schedule)[-1])

    @property
    def missing_try(self) -> float:
        """How much lower the objective of another schedule may be at most."""
        return max(0.0, self.objective_try - self.bound_try)

    def refined(self, attempt: Attempt) -> "Optimum":
        """What an attempt adds to what is known."""
        load, passes = self.load, None
        if self.pricing is not None and self.is_admissible:
            passes = self.pricing.corridor(self.objective_try)
        rows = Automaton.of(replace(load, hygiene=None), counting=self.counting).rows
        count = int(attempt.cells / sqrt(rows))
        pricing = Pricing(load, cells_of(load, self.limits, count, passes=passes), counting=self.counting)
        below_try, bound_try = inf, pricing.bound_try
        if self.is_admissible:
            # Beyond the corridor nothing is cheaper than what is known already.
            bound_try = min(bound_try, self.objective_try)
            below_try = self.objective_try + pricing.tie_try * (len(load.starts(self.schedule)) - 0.5)
        found = pricing.schedules(attempt.beam, below_try)
        return replace(
            self,
            schedule=found[0] if found else self.schedule,
            bound_try=max(self.bound_try, bound_try),
            is_admissible=self.is_admissible or bool(found),
            pricing=pricing,
        )


def load_optima(
    loads: Sequence[Load], limits: Mapping[Name, Limits], known: Schedule, time_limit_s: float
) -> dict[Name, Optimum]:
    """The best schedules found in the time; at the worst the `known` ones, which must keep the limits.

    One attempt at each load is made however short the time is.
    """
    optima: dict[Name, Optimum] = {}
    for found in improving_optima(loads, limits, known, time_limit_s):
        optima = found
    return optima


def improving_optima(
    loads: Sequence[Load], limits: Mapping[Name, Limits], known: Schedule, time_limit_s: float
) -> Iterator[dict[Name, Optimum]]:
    """The same, each time that something has become better; the first time before anything has been tried."""
    began_s = time.monotonic()
    optima = {load.name: _first(load, limits[load.name], known[load.name]) for load in loads}
    yield dict(optima)
    for attempt in ATTEMPTS:
        attempt_began_s = time.monotonic()
        total_try = sum(abs(found.paid_try) for found in optima.values())
        for name, found in optima.items():
            if found.missing_try > attempt.above * total_try / len(loads) or not found.is_admissible:
                optima[name] = found.refined(attempt)
                yield dict(optima)
        now_s = time.monotonic()
        if now_s + _SLOWDOWN * (now_s - attempt_began_s) > began_s + time_limit_s:
            break


def _first(load: Load, limits: Limits, known: Sequence[bool]) -> Optimum:
    """What is known before cells are asked: a schedule, and that hygiene can be done."""
    is_admissible = Automaton.of(load).holds(known)
    # A known schedule that keeps all shows that hygiene can be done.
    asked = Attainable(load, Hygienic.AS_ASKED, tuple(known)) if is_admissible else attainable(load, limits)
    schedule = tuple(known)
    if asked.schedule is not None:
        schedule, is_admissible = asked.schedule, True
    return Optimum(
        load=asked.load,
        limits=limits,
        schedule=schedule,
        bound_try=-inf,
        hygienic=asked.fate,
        counting=_uses_too_many_starts(asked.load, limits),
        is_admissible=is_admissible,
    )


def _uses_too_many_starts(load: Load, limits: Limits) -> bool:
    """Whether the load would be switched on more often than it may, if it might."""
    if not Automaton.of(load).quotas:
        return False
    free = priced(replace(load, quotas=(), hygiene=None), limits, load.cost_try, _PROBED)
    return not free.schedules or not Automaton.of(load).has_starts_for(free.schedules[0])
