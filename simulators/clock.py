"""The clock of a simulated home, from the side of the world: it makes the file that the hub reads.

    {"domain_s": 1577826000.0, "wall_s": 1763686800.0, "speed": 1440.0, "still": false}

At wall time `wall_s` the home's clock showed `domain_s`; since then it runs at `speed`, or stands if `still`. After the
file is made only the hub writes it: it stops the clock while its planner works, so a sped-up day stays true.
"""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import Field

from agent.domain.value import Value

LONGEST_NAP_S = 0.1
"""Wall seconds after which a waiting simulator looks again whether the clock was stopped."""


class Mapping(Value):
    """What the shared file says: times in seconds since 1970, `speed` in simulated seconds per wall second."""

    domain_s: float
    wall_s: float
    speed: float = Field(gt=0)
    still: bool = False


class HomeClock:
    """Simulated time as the shared file tells it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def created(cls, path: Path, moment: datetime, speed: float, *, still: bool = False) -> Self:
        """Write the file so that it is `moment` now, and return its clock.

        A clock that is made `still` waits for the hub, which sets it going when its first plan is made.
        """
        new = path.with_suffix(".new")
        mapping = Mapping(domain_s=moment.timestamp(), wall_s=time.time(), speed=speed, still=still)
        new.write_text(mapping.model_dump_json(), encoding="utf-8")
        new.replace(path)
        return cls(path)

    def now(self) -> datetime:
        """The present simulated moment in UTC."""
        mapping = self._mapping()
        passed_s = 0.0 if mapping.still else (time.time() - mapping.wall_s) * mapping.speed
        return datetime.fromtimestamp(mapping.domain_s + passed_s, UTC)

    @property
    def still(self) -> bool:
        """Whether the clock stands: before the hub is ready, and while its planner works."""
        return self._mapping().still

    async def wait_until(self, moment: datetime) -> None:
        """Return when the clock shows `moment`, however often it is stopped before."""
        while (ahead_s := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - another process may stop it
            await asyncio.sleep(min(max(ahead_s / self._mapping().speed, 0.001), LONGEST_NAP_S))

    def _mapping(self) -> Mapping:
        return Mapping.model_validate(json.loads(self._path.read_text(encoding="utf-8")))
