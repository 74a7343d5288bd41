"""The hub's life: what it is made of, how it starts, and how it leaves the house safe."""

import asyncio
import fcntl
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx

from agent.adapters.store.ledger import open_ledger
from agent.adapters.store.telemetry import open_telemetry
from agent.composition import device_faults, prices_of, run_faults, weather_of
from agent.control.conditions import Conditions
from agent.day import Day
from agent.errors import JournalError, SettingsInvalid
from agent.fetching import Fetching
from agent.heartbeat import write_heartbeat
from agent.jobs import Timetable
from agent.networks import devices_of, network_faults, networks_of
from agent.planning.planner import ChildProcessPlanner
from agent.ports import Clock, Device, Ledger, Telemetry
from agent.profiles.library import load_profiles
from agent.settings import Settings

_log = logging.getLogger(__name__)

_RELEASE_S = 20.0
"""Wall seconds to put all relays into their safe state on the way out."""


class Hub:
    """One home's hub: the loops of its radios around the work of its day."""

    def __init__(
        self, day: Day, timetable: Timetable, loops: Sequence[Callable[[], Coroutine[None, None, None]]]
    ) -> None:
        self._day = day
        self._timetable = timetable
        self._loops = loops
        self._started = False

    async def run(self, stop: asyncio.Event, ready: Callable[[], Awaitable[None]]) -> None:
        """Work until `stop` is set. Whatever ends it, the relays are put into their safe state first.

        `ready` waits for the radios to have spoken. Raises what broke, as an exception group.
        """
        async with asyncio.TaskGroup() as radios:
            tasks = [radios.create_task(loop()) for loop in self._loops]
            try:
                await self._work(stop, ready)
            finally:
                for task in tasks:
                    task.cancel()

    async def _work(self, stop: asyncio.Event, ready: Callable[[], Awaitable[None]]) -> None:
        """The radios outlive this, so that whatever ends it can still tell the relays."""
        async with asyncio.TaskGroup() as work:
            jobs = work.create_task(self._live(ready))
            try:
                await stop.wait()
            finally:
                self._timetable.rest()
                if not self._started:
                    jobs.cancel()  # a first plan in the making is not waited for
                await self._leave_safely()
                jobs.cancel()

    async def _live(self, ready: Callable[[], Awaitable[None]]) -> None:
        async with self._timetable.standing_still():
            await ready()
            await self._day.start()
        self._started = True
        keep_what_was_loaded()
        self._timetable.add(self._day.table())
        async with asyncio.TaskGroup() as work:
            work.create_task(self._timetable.run())
            work.create_task(self._day.watch())

    async def _leave_safely(self) -> None:
        try:
            async with asyncio.timeout(_RELEASE_S):
                reached = await self._day.release()
        except TimeoutError:
            _log.error("not every relay could be put into its safe state within %.0f s", _RELEASE_S)
        else:
            if reached:
                _log.info("every relay is off")
            else:
                _log.error("not every relay confirmed that it is off")


async def run_hub(settings: Settings, clock: Clock) -> None:
    """Run the hub of a home until SIGTERM or SIGINT. Raises HubError where the home cannot be taken over."""
    stop = _told_to_stop()
    profiles = load_profiles()
    faults = [*device_faults(settings, profiles), *network_faults(settings, profiles)]
    if faults:
        raise SettingsInvalid("the devices cannot be used as they are set:\n  " + "\n  ".join(faults))
    missing = list(run_faults(settings))
    if missing:
        raise SettingsInvalid("this home can be planned, but not be run:\n  " + "\n  ".join(missing))
    async with AsyncExitStack() as stack:
        stack.enter_context(alone_in(settings.storage.folder))
        ledger = await stack.enter_async_context(open_ledger(settings.storage.folder))
        telemetry = await stack.enter_async_context(open_telemetry(settings.storage.folder))
        http = await stack.enter_async_context(httpx.AsyncClient())
        timetable = Timetable(clock)
        networks = networks_of(settings, clock, profiles)
        day = day_of(settings, clock, ledger, telemetry, http, devices_of(settings, networks, clock), timetable)
        networks.listen(day.network_changed)
        await Hub(day, timetable, networks.loops).run(stop, networks.first_words)


def day_of(
    settings: Settings,
    clock: Clock,
    ledger: Ledger,
    telemetry: Telemetry,
    http: httpx.AsyncClient,
    devices: Sequence[Device],
    timetable: Timetable,
) -> Day:
    """The day of a home, with everything that it works with but the life of its networks."""
    conditions = Conditions(ledger, clock)
    fetching = Fetching(
        settings=settings,
        clock=clock,
        ledger=ledger,
        prices=prices_of(settings, http, clock),
        weather=weather_of(settings, http, clock),
        conditions=conditions,
    )
    return Day(
        settings=settings,
        clock=clock,
        ledger=ledger,
        telemetry=telemetry,
        conditions=conditions,
        fetching=fetching,
        planner=ChildProcessPlanner(),
        devices=devices,
        timetable=timetable,
        beat=_beat_to(settings.health.heartbeat_file, settings.planning.step_s, clock),
    )


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep a folder for this hub alone: two would fight for the relays. Raises JournalError if another has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "hub.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise JournalError(f"another hub (process {lock.read().strip()}) is at work in {folder}") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def keep_what_was_loaded() -> None:
    """Spare the collector what lives as long as the hub: looking through it costs a step tens of milliseconds."""
    gc.collect()
    gc.freeze()


def _told_to_stop() -> asyncio.Event:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return stop


def _beat_to(path: Path | None, step_s: float, clock: Clock) -> Callable[[str | None], None]:
    """Writes the heartbeat, if somebody wants one; the check knows only wall time."""

    def beat(plan_id: str | None) -> None:
        if path is not None:
            now = clock.now()
            ahead = clock.to_wall(now + timedelta(seconds=step_s)) - clock.to_wall(now)
            try:
                write_heartbeat(path, step_s=min(ahead.total_seconds(), step_s), plan_id=plan_id)
            except OSError as error:
                _log.warning("the heartbeat cannot be written: %s", error)

    return beat
