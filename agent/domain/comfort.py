"""What people want of a temperature, and when."""

from enum import StrEnum
from typing import Self

from pydantic import model_validator

from agent.domain.interval import WrittenInstant
from agent.domain.local_day import LocalTime
from agent.domain.value import Value

FROST_FREE_C = 7.0


class Band(Value):
    """Temperatures between which people are content."""

    low_c: float
    high_c: float

    @model_validator(mode="after")
    def _is_open(self) -> Self:
        if self.low_c >= self.high_c:
            raise ValueError(f"low_c {self.low_c} must be below high_c {self.high_c}")
        return self


class Weekday(StrEnum):
    """Days of the week, in the order of `date.weekday()`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class BandFrom(Value):
    """From this local time on, on these days, another band holds."""

    at: LocalTime
    band: Band
    days: tuple[Weekday, ...] = tuple(Weekday)


class Away(Value):
    """A time without people: nothing is drawn, and only frost and heat damage are kept away."""

    start: WrittenInstant
    end: WrittenInstant
    room: Band = Band(low_c=FROST_FREE_C, high_c=35.0)
    tank_low_c: float = FROST_FREE_C

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"end {self.end} is not after start {self.start}")
        return self
