"""The cheapest schedules of loads that nothing ties together, and the proof of how near they are to the cheapest.

For each load cells give the bound and guide the labels to a schedule; where the two are too far apart, both are sought
again with finer cells, as long as there is time.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from agent.domain.device import Name
from agent.planning.limits import Limits
from agent.planning.model import Load, Schedule
from agent.planning.pricing import Pricing

ATTEMPTS = ((8_000, 0.0), (32_000, 1e-4), (128_000, 1e-4), (256_000, 5e-4))
"""How many cells at one time, and above which gap, relative to the cost of all loads, they are worth their time."""
BEAM = 1000
"""Labels that go on from one time and mode."""
_SLOWDOWN = 5
"""An attempt takes at most so much longer than the one before."""


@dataclass(frozen=True)
class Optimum:
    """A schedule of one load that keeps limits, times and its own power, and what is proven of it."""

    load: Load
    limits: Limits
    schedule: tuple[bool, ...]
    bound_try: float
    """No schedule that keeps them costs less."""

    @property
    def objective_try(self) -> float:
        """What the schedule costs, wear included, less the worth of what it leaves."""
        return self.load.objective_try(self.schedule)

    @property
    def missing_try(self) -> float:
        """How much cheaper another schedule may be at most."""
        return max(0.0, self.objective_try - self.bound_try)

    def refined(self, count: int) -> "Optimum":
        """What about `count` cells at one time add to what is known."""
        load = self.load
        pricing = Pricing(load, self.limits, load.cost_try, count)
        below_try = self.objective_try + pricing.tie_try * (len(load.starts(self.schedule)) - 0.5)
        found = pricing.schedules(BEAM, below_try)
        return replace(
            self,
            schedule=found[0] if found else self.schedule,
            bound_try=max(self.bound_try, pricing.bound_try),
        )


def load_optima(
    loads: Sequence[Load], limits: Mapping[Name, Limits], known: Schedule, time_limit_s: float
) -> dict[Name, Optimum]:
    """The best schedules found in the time; at the worst the `known` ones, which must keep the limits.

    One attempt at each load is made however short the time is.
    """
    began_s = time.monotonic()
    optima = {
        load.name: Optimum(
            load=load,
            limits=limits[load.name],
            schedule=tuple(known[load.name]),
            bound_try=-inf,
        )
        for load in loads
    }
    for count, worthwhile_gap in ATTEMPTS:
        attempt_began_s = time.monotonic()
        total_try = abs(sum(found.objective_try for found in optima.values()))
        for name, found in optima.items():
            if found.missing_try > worthwhile_gap * total_try / len(loads):
                optima[name] = found.refined(count)
        now_s = time.monotonic()
        if now_s + _SLOWDOWN * (now_s - attempt_began_s) > began_s + time_limit_s:
            break
    return optima
