"""Appliances whose run may be shifted: a dishwasher, a washing machine, a pool pump."""

from typing import Self

from pydantic import Field, model_validator

from agent.domain.comfort import Weekday
from agent.domain.device import Name
from agent.domain.interval import Instant, Interval
from agent.domain.local_day import LocalTime
from agent.domain.value import Value


class Phase(Value):
    """One part of a run."""

    duration_s: int = Field(gt=0)
    power_w: float = Field(ge=0)


class Appliance(Value):
    """An appliance that is to run once on each of its days, between two local times."""

    name: Name
    phases: tuple[Phase, ...] = Field(min_length=1)
    earliest: LocalTime
    latest: LocalTime
    """When it must have ended; not later than `earliest` means on the next day."""
    uninterruptible: bool = True
    days: tuple[Weekday, ...] = tuple(Weekday)
    worth_try: float | None = None
    """It runs only if that costs no more than this; None if it must run."""
    must_end: bool = False
    """Whether it must go off by itself if the hub is gone: then its relay must be able to."""

    @property
    def duration_s(self) -> int:
        """How long a run takes without pauses."""
        return sum(phase.duration_s for phase in self.phases)

    @model_validator(mode="after")
    def _fits_its_window(self) -> Self:
        begin_s, end_s = (at.hour * 3600 + at.minute * 60 + at.second for at in (self.earliest, self.latest))
        window_s = (end_s - begin_s) % 86_400 or 86_400
        if self.duration_s > window_s:
            raise ValueError(
                f"{self.name} runs {self.duration_s} s, but between earliest {self.earliest} and latest {self.latest} "
                f"there are only {window_s} s"
            )
        if not any(phase.power_w for phase in self.phases):
            raise ValueError(f"{self.name} draws nothing in any of its phases: give power_w where it does")
        return self


class Run(Value):
    """One run of an appliance that is asked for, or has begun."""

    appliance: Name
    window: Interval
    """It must be over at the end of it, if that can still be."""
    phases: tuple[Phase, ...] = Field(min_length=1)
    """What is left of it."""
    uninterruptible: bool = True
    begun_at: Instant | None = None
    worth_try: float | None = None
