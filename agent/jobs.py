"""What APScheduler starts, and when: the one table of the hub's periodic work, on domain time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from agent.ports import Clock

Run = Callable[[], Awaitable[object]]

_GRID_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
"""A midnight from which all steps are counted, so that they fall on the same minutes every day."""


@dataclass(frozen=True)
class Job:
    """One line of the table."""

    name: str
    run: Run
    trigger: BaseTrigger


def every(seconds: int, *, after: timedelta = timedelta()) -> BaseTrigger:
    """Each `seconds` on the grid of the day, moved by `after`."""
    return IntervalTrigger(seconds=seconds, start_date=_GRID_ORIGIN + after, timezone=UTC)


def daily(hour: int, minute: int, zone: str) -> BaseTrigger:
    """Once a day by the clock of the home."""
    return CronTrigger(hour=hour, minute=minute, timezone=zone)


class OnDomainTime(BaseTrigger):  # type: ignore[misc]  # APScheduler 3 has no types
    """A trigger that counts in domain time and tells APScheduler the wall time.

    APScheduler asks more than once for what follows a run; only the first time moves on.
    """

    def __init__(self, inner: BaseTrigger, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._due: datetime | None = None
        self._due_wall: datetime | None = None

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """The wall time of the next domain moment; never the same domain moment twice."""
        if previous is None:
            self._due = self._inner.get_next_fire_time(None, self._clock.to_domain(now))
            return self.due_wall()
        if self._due is not None and previous == self._due_wall:
            later = max(self._clock.to_domain(now), self._due + timedelta(microseconds=1))
            once = isinstance(self._inner, DateTrigger)
            self._due = None if once else self._inner.get_next_fire_time(None, later)
            return self.due_wall()
        return self._due_wall

    def due_wall(self) -> datetime | None:
        """When the next moment comes by the wall clock as it is mapped now; None if there is none."""
        self._due_wall = None if self._due is None else self._clock.to_wall(self._due)
        return self._due_wall


class Timetable:
    """APScheduler, run by the domain clock. A job that breaks ends `run` with its exception."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )
        self._broken: asyncio.Queue[BaseException] = asyncio.Queue()
        self._scheduler.add_listener(self._job_broke, EVENT_JOB_ERROR)

    def add(self, jobs: Iterable[Job]) -> None:
        """Enter periodic jobs."""
        for job in jobs:
            self._enter(job.name, job.run, job.trigger)

    def soon(self, name: str, run: Run) -> None:
        """Start something once, as soon as the loop is free; asked twice before it starts, it runs once."""
        self._enter(name, run, DateTrigger(self._clock.now(), UTC))

    def at(self, group: str, moments: Iterable[datetime], run: Run) -> None:
        """Start something at each of the domain moments, instead of those given for the same group before."""
        for job in self._scheduler.get_jobs():
            if job.id.startswith(f"{group}@"):
                job.remove()
        for moment in moments:
            self._enter(f"{group}@{moment.isoformat()}", run, DateTrigger(moment, UTC))

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[None]:
        """Stop a simulated clock while something slow is done, and let no job start meanwhile.

        Real time goes on, and so do the jobs: relays are held to the last plan while the next one is made.
        """
        paused = False
        try:
            async with self._clock.standing_still() as stands:
                paused = stands and self._scheduler.running
                if paused:
                    self._scheduler.pause()
                yield
        finally:
            if paused and self._scheduler.running:
                self._follow_clock()
                self._scheduler.resume()

    def rest(self) -> None:
        """Start no further job; those that run may end."""
        if self._scheduler.running:
            self._scheduler.pause()

    async def run(self) -> None:
        """Run the jobs until one breaks; raises what it raised."""
        self._scheduler.start()
        try:
            raise await self._broken.get()
        finally:
            self._scheduler.shutdown(wait=False)

    def _enter(self, name: str, run: Run, trigger: BaseTrigger) -> None:
        self._scheduler.add_job(run, OnDomainTime(trigger, self._clock), id=name, name=name, replace_existing=True)

    def _follow_clock(self) -> None:
        for job in self._scheduler.get_jobs():
            wall = job.trigger.due_wall()
            if wall is not None:
                job.modify(next_run_time=wall)

    def _job_broke(self, event: JobExecutionEvent) -> None:
        self._broken.put_nowait(event.exception)
