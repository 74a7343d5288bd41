"""What the circuits tell of orders: desired states that were never reached, switchings that nobody wanted, drift.

All moments are monotonic seconds, which all processes of a machine share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf


@dataclass(frozen=True)
class Switched:
    """One change of a circuit."""

    at_s: float
    on: bool
    by_power: bool = False
    """Whether the mains did it, not an order."""


@dataclass(frozen=True)
class Verified:
    """An order that the hub took for carried out."""

    from_s: float
    to_s: float
    on: bool


@dataclass(frozen=True)
class Story:
    """One relay from the beginning to the end."""

    name: str
    began_on: bool
    """How the circuit stood at the beginning."""
    desired: Sequence[tuple[float, bool]]
    """From when on, which state; the first at the beginning."""
    switched: Sequence[Switched]
    away: Sequence[tuple[float, float]]
    """When it could not be reached."""
    ended_s: float
    verified: Sequence[Verified] = ()


@dataclass(frozen=True)
class Verdict:
    """What became of one relay."""

    lost: int
    """Desired states that were never reached, though the device could be."""
    doubled: int
    """Switchings by orders that were not wanted when they happened, or beyond what was desired."""
    unfounded: int
    """Orders that were taken for carried out while the circuit stood otherwise all along."""
    drift_s: float
    """The longest time in one piece that it could be reached and was other than desired."""
    drifted_at_s: float = field(default=0.0, compare=False)


def judged(story: Story) -> Verdict:
    """Judge one relay by its circuit."""
    ends = [at for at, _ in story.desired[1:]] + [story.ended_s]
    epochs = [(began_s, end_s, on) for (began_s, on), end_s in zip(story.desired, ends, strict=True)]
    lost = sum(not _stood(story, *epoch) and _reachable_s(story, epoch[0], epoch[1]) > 0 for epoch in epochs)
    unwanted = sum(not change.by_power and change.on is not _desired(story, change.at_s) for change in story.switched)
    ordered = sum(not change.by_power for change in story.switched)
    excused = len(story.desired) + sum(change.by_power for change in story.switched)
    unfounded = sum(not _stood(story, order.from_s, order.to_s, order.on) for order in story.verified)
    drift_s, at_s = _drift(story)
    return Verdict(lost, max(unwanted, ordered - excused), unfounded, drift_s, at_s)


def _desired(story: Story, at_s: float) -> bool:
    return next(on for since_s, on in reversed(story.desired) if since_s <= at_s or since_s == story.desired[0][0])


def _actual(story: Story, at_s: float) -> bool:
    return next((change.on for change in reversed(story.switched) if change.at_s <= at_s), story.began_on)


def _stood(story: Story, from_s: float, to_s: float, on: bool) -> bool:  # noqa: FBT001 - a state
    """Whether the circuit was so at any time of a span."""
    return _actual(story, from_s) is on or any(
        change.on is on for change in story.switched if from_s <= change.at_s <= to_s
    )


def _reachable_s(story: Story, from_s: float, to_s: float) -> float:
    away_s = sum(max(0.0, min(to_s, end_s) - max(from_s, began_s)) for began_s, end_s in _merged(story.away))
    return to_s - from_s - away_s


def _merged(spans: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for began_s, end_s in sorted(spans):
        if merged and began_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_s))
        else:
            merged.append((began_s, end_s))
    return merged


def _drift(story: Story) -> tuple[float, float]:
    """The longest stretch, and when it began."""
    away = _merged(story.away)
    moments = {at for at, _ in story.desired} | {change.at_s for change in story.switched} | {story.ended_s}
    moments |= {at for span in away for at in span}
    began_s = story.desired[0][0]
    longest_s, since_s, at_s = 0.0, inf, began_s
    for from_s, to_s in pairwise(sorted(at for at in moments if began_s <= at <= story.ended_s)):
        there = not any(left <= from_s < back for left, back in away)
        if there and _actual(story, from_s) is not _desired(story, from_s):
            since_s = min(since_s, from_s)
            if to_s - since_s > longest_s:
                longest_s, at_s = to_s - since_s, since_s
        else:
            since_s = inf
    return longest_s, at_s
