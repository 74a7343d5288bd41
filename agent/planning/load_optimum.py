"""The cheapest schedules of loads that nothing ties together, and the proof of how near they are to the cheapest.

For each load cells give the bound and guide the labels to a schedule; where the two are too far apart, both are sought
again with finer cells, as long as there is time.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from agent.domain.device import Name
from agent.planning.automaton import Automaton
from agent.planning.hygiene import Hygienic, attainable
from agent.planning.limits import Limits
from agent.planning.model import Load, Schedule
from agent.planning.pricing import Pricing, cells_of

ATTEMPTS = ((32_000, 0.0), (128_000, 4e-4), (256_000, 6e-4))
"""How many cells at one time, and above which gap, relative to what all loads pay, they are worth their time."""
BEAM = 1000
"""Labels that go on from one time and mode."""
_FEWEST = 3000
"""Cells to each row where starts are counted."""
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
    is_admissible: bool = True
    """False only where the known schedule was not, and none has been found."""

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

    @property
    def uses_up_starts(self) -> bool:
        """Whether there is a day with no start to spare, so that counting them may raise the bound."""
        used = Automaton.of(self.load).used(self.schedule)
        return any(count >= quota.starts for quota, count in zip(self.load.quotas, used, strict=True))

    def refined(self, count: int, *, counting: bool = False) -> "Optimum":
        """What about `count` cells at one time, of all rows together, add to what is known."""
        load = self.load
        rows = 1 + max(map(Automaton.of(load).full, range(len(load.cost_try)))) if counting else 1
        cells = cells_of(load, self.limits, max(count // rows, min(count, _FEWEST)))
        pricing = Pricing(load, cells, counting=counting)
        below_try = inf
        if self.is_admissible:
            below_try = self.objective_try + pricing.tie_try * (len(load.starts(self.schedule)) - 0.5)
        found = pricing.schedules(BEAM, below_try)
        return replace(
            self,
            schedule=found[0] if found else self.schedule,
            bound_try=max(self.bound_try, pricing.bound_try),
            is_admissible=self.is_admissible or bool(found),
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
    for count, worthwhile_gap in ATTEMPTS:
        attempt_began_s = time.monotonic()
        total_try = sum(abs(found.paid_try) for found in optima.values())
        for name, found in optima.items():
            if found.missing_try > worthwhile_gap * total_try / len(loads) or not found.is_admissible:
                counting = found.bound_try > -inf and found.uses_up_starts
                optima[name] = found.refined(count, counting=counting)
                yield dict(optima)
        now_s = time.monotonic()
        if now_s + _SLOWDOWN * (now_s - attempt_began_s) > began_s + time_limit_s:
            break


def _first(load: Load, limits: Limits, known: Sequence[bool]) -> Optimum:
    """What is known before cells are asked: a schedule, and that hygiene can be done."""
    asked = attainable(load, limits)
    automaton = Automaton.of(asked.load)
    schedule, is_admissible = tuple(known), automaton.holds(known)
    if not is_admissible and asked.schedule is not None:
        schedule, is_admissible = asked.schedule, True
    return Optimum(
        load=asked.load,
        limits=limits,
        schedule=schedule,
        bound_try=-inf,
        hygienic=asked.fate,
        is_admissible=is_admissible,
    )
