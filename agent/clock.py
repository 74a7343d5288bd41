"""Domain time and wall time.

In a real home both are one. In a simulated home a file that hub and simulators share says how they map, so that a day
takes a minute and stands still while the planner thinks:

    {"domain_s": 1577826000.0, "wall_s": 1763686800.0, "speed": 1440.0, "still": false}

At wall time `wall_s` the domain clock showed `domain_s`; since then it has run at `speed`, or not at all if `still`.
"""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import Field, ValidationError

from agent.domain.value import Value
from agent.errors import SettingsInvalid


class SystemClock:
    """The clock of a real home."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)

    def to_wall(self, moment: datetime) -> datetime:
        """Return the moment itself."""
        return moment

    def to_domain(self, wall: datetime) -> datetime:
        """Return the moment itself."""
        return wall

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[bool]:
        """Do nothing: real time does not wait."""
        yield False


class ClockMapping(Value):
    """Where the two clocks met, how fast domain time runs since, and whether it stands still."""

    domain_s: float
    wall_s: float
    speed: float = Field(gt=0)
    still: bool = False

    def domain_at(self, wall_s: float) -> float:
        """Domain time in seconds since 1970 at a wall time."""
        return self.domain_s + (0.0 if self.still else (wall_s - self.wall_s) * self.speed)

    def turned(self, *, still: bool, wall_s: float) -> "ClockMapping":
        """The same clock, stopped or running from `wall_s` on."""
        return ClockMapping(domain_s=self.domain_at(wall_s), wall_s=wall_s, speed=self.speed, still=still)


class SharedClock:
    """A simulated home's clock, shared with the simulators through one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holders = 0
        self._mapping()

    def now(self) -> datetime:
        """Return the present moment of the simulated home in UTC."""
        return self.to_domain(datetime.now(UTC))

    def to_wall(self, moment: datetime) -> datetime:
        """Return when the simulated clock will show `moment`; far away while it stands still."""
        mapping = self._mapping()
        ahead_s = moment.timestamp() - mapping.domain_at(time.time())
        if mapping.still:
            return datetime.now(UTC) + (timedelta(days=1) if ahead_s > 0 else timedelta())
        return datetime.now(UTC) + timedelta(seconds=ahead_s / mapping.speed)

    def to_domain(self, wall: datetime) -> datetime:
        """Return what the simulated clock shows at a wall moment."""
        return datetime.fromtimestamp(self._mapping().domain_at(wall.timestamp()), UTC)

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[bool]:
        """Stop the simulated clock, for the simulators too, and let it run on when the last holder lets go."""
        self._holders += 1
        self._turn(still=True)
        try:
            yield True
        finally:
            self._holders -= 1
            self._turn(still=self._holders > 0)

    def _turn(self, *, still: bool) -> None:
        mapping = self._mapping().turned(still=still, wall_s=time.time())
        new = self._path.with_suffix(".new")
        new.write_text(mapping.model_dump_json())
        new.replace(self._path)

    def _mapping(self) -> ClockMapping:
        try:
            return ClockMapping.model_validate(json.loads(self._path.read_text()))
        except (OSError, ValueError, ValidationError) as error:
            raise SettingsInvalid(f"clock.file {self._path}: {error}; it must hold domain_s, wall_s, speed") from error
