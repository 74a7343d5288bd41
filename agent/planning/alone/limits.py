"""Between which temperatures a plan must stay: the comfort band, relaxed only where no schedule could keep it.

A load can push its store one way. The limit on that side is kept by leaving the load off, so it gives way only to what
happens with the load off: an overheated start, too much sun. The limit on the other side is kept by switching on, so it
gives way only to what happens when the load runs as much as the first limit allows: a cold start, a long shower. The
*fullest* schedule runs so. It keeps every limit, so the program of a single load always has a solution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from agent.planning.grid.model import Load
from agent.planning.grid.stores import Store

TOLERANCE_C = 1e-5
"""Ten times the solver's own tolerance, so that no schedule is lost to rounding at a limit."""
_ROUNDING_C = 1e-9


@dataclass(frozen=True)
class Limits:
    """Temperatures (°C) at the ends of the steps between which a plan must stay."""

    low_c: tuple[float, ...]
    high_c: tuple[float, ...]

    def hold(self, trajectory_c: Sequence[float], tolerance_c: float = TOLERANCE_C) -> bool:
        """Whether a trajectory stays between the limits."""
        return all(
            low_c - tolerance_c <= at_c <= high_c + tolerance_c
            for low_c, at_c, high_c in zip(self.low_c, trajectory_c, self.high_c, strict=True)
        )

    def miss_c(self, trajectory_c: Sequence[float]) -> float:
        """How far a trajectory is outside the limits, summed over the steps."""
        return sum(
            max(0.0, low_c - at_c, at_c - high_c)
            for low_c, at_c, high_c in zip(self.low_c, trajectory_c, self.high_c, strict=True)
        )

    def are_relaxed(self, store: Store) -> bool:
        """Whether they leave the comfort band somewhere."""
        rows = zip(self.low_c, store.wanted_low_c, self.high_c, store.wanted_high_c, strict=True)
        return any(
            low < wanted_low - TOLERANCE_C or high > wanted_high + TOLERANCE_C
            for low, wanted_low, high, wanted_high in rows
        )

    def __and__(self, other: "Limits") -> "Limits":
        """Both of them."""
        return Limits(low_c=tuple(map(max, self.low_c, other.low_c)), high_c=tuple(map(min, self.high_c, other.high_c)))

    def widened(self, trajectory_c: Sequence[float]) -> "Limits":
        """These limits, wide enough for one more trajectory."""
        return Limits(
            low_c=tuple(map(min, self.low_c, trajectory_c)), high_c=tuple(map(max, self.high_c, trajectory_c))
        )


def limits_of(load: Load, known: Sequence[bool] | None = None) -> Limits:
    """The limits of one load; `known`, a schedule that it can keep (the fullest if None is given), keeps them.

    Where the end must be as the start was, the last step asks for more: the store ends no colder (for cooling: no
    warmer) than it began or than the thermostat would have it, whichever is easier and can be reached.
    """
    store, toward = load.store, _toward(load)
    reached_c = store.trajectory(fullest(load) if known is None else known)
    most_c = list(map(max, _most(load, toward), (toward * at_c for at_c in reached_c)))
    near_c = store.wanted_high_c if load.cools else store.wanted_low_c
    least_c = [min(toward * near, toward * at_c) for near, at_c in zip(near_c, reached_c, strict=True)]
    if load.worth.restored:
        end_c = min(toward * store.start_c, toward * load.setpoint_c, toward * reached_c[-1])
        least_c[-1] = max(least_c[-1], end_c)
    if load.cools:
        return Limits(low_c=tuple(-at_c for at_c in most_c), high_c=tuple(-at_c for at_c in least_c))
    return Limits(low_c=tuple(least_c), high_c=tuple(most_c))


def outermost(load: Load) -> Limits:
    """The limit on the side to which a load pushes its store, and none on the other: what it keeps in any case."""
    toward = _toward(load)
    most_c = tuple(toward * at_c for at_c in _most(load, toward))
    boundless_c = (-toward * inf,) * len(most_c)
    return Limits(low_c=most_c, high_c=boundless_c) if load.cools else Limits(low_c=boundless_c, high_c=most_c)


def fullest(load: Load) -> tuple[bool, ...]:
    """The schedule that runs as soon and as long as the limit on its side, its times and its power allow."""
    toward = _toward(load)
    turning_c = _turning_points(load.store, toward, _most(load, toward))
    schedule: list[bool] = []
    now_c, on, bound_until = load.store.start_c, load.on_at_start, load.held
    left = Left(load)
    for step in range(len(turning_c)):
        if step >= bound_until:
            run = range(step, min(step + (1 if on else load.min_on), len(turning_c)))
            wanted = (on or left.may_start(step)) and _may_run(load, toward, turning_c, now_c, run)
            if wanted != on:
                bound_until = step + (load.min_on if wanted else load.min_off)
            if wanted and not on:
                left.start(step)
            on = wanted
        schedule.append(on)
        now_c = load.store.after(step, now_c, on=on)
    return tuple(schedule)


class Left:
    """The starts that are left to a load on its way through the horizon."""

    def __init__(self, load: Load) -> None:
        self._quotas = {
            step: place for place, quota in enumerate(load.quotas) for step in range(quota.first, quota.stop)
        }
        self._left = [quota.starts for quota in load.quotas]

    def may_start(self, step: int) -> bool:
        """Whether a run may begin in a step."""
        place = self._quotas.get(step)
        return place is None or self._left[place] > 0

    def start(self, step: int) -> None:
        """A run begins."""
        place = self._quotas.get(step)
        if place is not None:
            self._left[place] -= 1


def _toward(load: Load) -> float:
    """The sign of what the load does. Below, all is counted in that direction: up for heating, down for cooling."""
    return -1.0 if load.cools else 1.0


def _most(load: Load, toward: float) -> list[float]:
    """The limit on the side to which the load pushes: the comfort band's, or what comes without the load."""
    far_c = load.store.wanted_low_c if load.cools else load.store.wanted_high_c
    idle_c = load.store.trajectory([load.on_at_start and step < load.held for step in range(len(load.cost_try))])
    return [max(toward * far, toward * at_c) for far, at_c in zip(far_c, idle_c, strict=True)]


def _turning_points(store: Store, toward: float, most_c: Sequence[float]) -> list[float]:
    """The farthest that each step may end, if staying off from there on is to keep every later limit."""
    points = [most_c[-1]]
    for step in range(len(most_c) - 1, 0, -1):
        points.append(min(most_c[step - 1], toward * _before(store, step, toward * points[-1], toward)))
    return points[::-1]


def _before(store: Store, step: int, after_c: float, toward: float) -> float:
    """From where a step with the load off leads to `after_c`; with the collector's pump running, if that can be."""
    keep, push_c = store.keep[step], store.push_c[step]
    sun_c, fade = store.sun_c[step], store.fade[step]
    if after_c <= store.stop_c and keep - fade > _ROUNDING_C:
        sunny_c = (after_c - push_c - sun_c) / (keep - fade)
        if sun_c - fade * sunny_c >= 0:
            return sunny_c
    if keep > _ROUNDING_C:
        return (after_c - push_c) / keep
    return toward * inf  # nothing is left of what was before


def _may_run(load: Load, toward: float, turning_c: Sequence[float], now_c: float, run: range) -> bool:
    for at in run:
        now_c = load.store.after(at, now_c, on=True)
        if not load.may_run[at] or toward * now_c > turning_c[at] + _ROUNDING_C:
            return False
    return True
