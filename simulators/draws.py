"""Hot water as people really draw it: about when and about as much as the plan believes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from agent.domain.house import HotWaterUse

LATEST_S = 300.0
"""A shower begins at most this much before or after its time."""
SIZE_SPREAD = 0.15
HAND_WASHINGS_PER_DAY = 4
HAND_WASHING_S = 60.0
HAND_WASHING_KG = (0.2, 0.8)


@dataclass(frozen=True)
class Draw:
    """Water that runs at a steady flow from `start_s` to `end_s` (seconds since 1970)."""

    start_s: float
    end_s: float
    kg: float

    def kg_between(self, start_s: float, end_s: float) -> float:
        """Kilograms that run in a span."""
        shared_s = max(0.0, min(end_s, self.end_s) - max(start_s, self.start_s))
        return self.kg * shared_s / (self.end_s - self.start_s)


class Household:
    """Who draws the water: a pure function of time and seed.

    Every use that the settings know happens each day a few minutes early or late and a little longer or shorter; some
    hands are washed besides, which no plan knows.
    """

    def __init__(self, uses: tuple[HotWaterUse, ...], zone: ZoneInfo, seed: int) -> None:
        self._uses = uses
        self._zone = zone
        self._seed = seed
        self._of_day = lru_cache(maxsize=4)(self._draws_of)

    def kg_between(self, start: datetime, end: datetime) -> float:
        """Kilograms of hot water drawn in a span."""
        start_s, end_s = start.timestamp(), end.timestamp()
        days = {start.astimezone(self._zone).date(), end.astimezone(self._zone).date()}
        return sum(draw.kg_between(start_s, end_s) for day in days for draw in self._of_day(day))

    def _draws_of(self, day: date) -> tuple[Draw, ...]:
        random = Random(f"draws:{self._seed}:{day}")
        return (*self._showers(day, random), *(self._hand_washings(day, random) if self._uses else ()))

    def _showers(self, day: date, random: Random) -> Iterator[Draw]:
        for use in self._uses:
            planned = datetime.combine(day, use.at, self._zone).timestamp()
            start_s = planned + random.uniform(-LATEST_S, LATEST_S)
            duration_s = use.duration_s * random.uniform(1 - SIZE_SPREAD, 1 + SIZE_SPREAD)
            yield Draw(start_s, start_s + duration_s, use.flow_kg_per_min * duration_s / 60)

    def _hand_washings(self, day: date, random: Random) -> Iterator[Draw]:
        morning = datetime(day.year, day.month, day.day, 7, 0, tzinfo=self._zone)
        for _ in range(HAND_WASHINGS_PER_DAY):
            start_s = (morning + timedelta(hours=random.uniform(0, 15))).timestamp()
            yield Draw(start_s, start_s + HAND_WASHING_S, random.uniform(*HAND_WASHING_KG))
