"""What a dispatch that is cheaper than the best known may still do: fixing by Lagrangian bounds.

At given prices a schedule of one load costs the whole house at least what it pays, and what all else costs at least.
Where that is more than the best known dispatch, no cheaper one has it. What is left is often so little that the exact
program closes on it, or sees at a glance that there is nothing cheaper.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from agent.domain.device import Name
from agent.planning.alone.corridor import Corridor, Domain
from agent.planning.alone.pricing import Pricing
from agent.planning.grid.model import Dispatch, Model
from agent.planning.grid.runs import Errand
from agent.planning.joint.choices import Floats, places
from agent.planning.joint.prices import PricedHouse, errand_to_go

_LEEWAY_TRY = 1e-6
"""More than all rounding of the sums below."""


@dataclass(frozen=True)
class Remainder:
    """What is left of a house. Nothing outside of it is cheaper than what was known when it was found."""

    loads: Mapping[Name, Domain]
    errands: tuple[Errand, ...]
    """With what is left of their windows."""

    def __and__(self, other: "Remainder") -> "Remainder":
        """What both leave."""
        return Remainder(
            loads={name: domain & other.loads[name] for name, domain in self.loads.items()},
            errands=tuple(map(_common, self.errands, other.errands)),
        )

    def with_known(self, model: Model, dispatch: Dispatch) -> "Remainder":
        """This and a certain dispatch of the model's loads and errands."""
        return Remainder(
            loads={
                load.name: self.loads[load.name].with_known(
                    dispatch.loads[load.name], load.store.trajectory(dispatch.loads[load.name])
                )
                for load in model.loads
            },
            errands=tuple(map(_with_course, self.errands, dispatch.runs)),
        )

    @property
    def size(self) -> int:
        """How many choices are open."""
        windows = sum(len(errand.begins()) - 1 for errand in self.errands)
        return windows + sum(domain.open_steps for domain in self.loads.values())


def remainder(
    house: PricedHouse, loads: Mapping[Name, Pricing], errands: Sequence[Errand], objective_try: float
) -> Remainder:
    """What prices leave of dispatches whose objective is at most `objective_try`, TRY."""
    spare_try = _spare_try(house, loads, objective_try)
    return Remainder(
        loads={name: load.domain(load.bound_try + spare_try) for name, load in loads.items()},
        errands=tuple(
            _narrowed(errand, phases_try, spare_try)
            for errand, phases_try in zip(errands, house.prices.phases_try, strict=True)
        ),
    )


def corridors(house: PricedHouse, loads: Mapping[Name, Pricing], objective_try: float) -> dict[Name, Corridor]:
    """Where each load passes in dispatches whose objective is at most `objective_try`, TRY."""
    spare_try = _spare_try(house, loads, objective_try)
    return {name: load.corridor(load.bound_try + spare_try) for name, load in loads.items()}


def _spare_try(house: PricedHouse, loads: Mapping[Name, Pricing], objective_try: float) -> float:
    """By how much what any part pays may exceed the least that it can."""
    return objective_try - house.bound_try - sum(load.bound_try for load in loads.values()) + _LEEWAY_TRY


def _narrowed(errand: Errand, phases_try: Floats, spare_try: float) -> Errand:
    """The errand within the steps of the runs that pay no more than the least and what may be spared."""
    if errand.is_running:
        return errand
    still_try, phase = errand_to_go(errand, phases_try), places(errand)
    most_try = still_try[0, 0] + spare_try
    paid_try = np.full(errand.duration + 1, inf)
    paid_try[0] = 0.0
    steps = []
    for step in range(errand.first, errand.stop):
        run_try = paid_try[:-1] + phases_try[step, phase]
        if (run_try + still_try[step + 1, 1:] <= most_try).any():
            steps.append(step)
        if errand.uninterruptible:
            paid_try[1:-1] = inf
        np.minimum(paid_try[1:], run_try, out=paid_try[1:])
    return replace(errand, first=steps[0], stop=steps[-1] + 1) if steps else errand


def _common(one: Errand, other: Errand) -> Errand:
    """An errand within both of two windows; within the first if that leaves no room for it."""
    first, stop = max(one.first, other.first), min(one.stop, other.stop)
    return replace(one, first=first, stop=stop) if stop - first >= one.duration else one


def _with_course(errand: Errand, course: Sequence[bool]) -> Errand:
    """An errand within its window and the steps of a certain course."""
    runs = [step for step, on in enumerate(course) if on]
    return replace(errand, first=min(errand.first, *runs), stop=max(errand.stop, runs[-1] + 1)) if runs else errand
