"""A database that is asked from asyncio: one question at a time, in a thread, with a time limit."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from agent.adapters.store.opening import opened
from agent.adapters.store.schema import Schema
from agent.adapters.store.sqlite import pragma, reading, translated, writing
from agent.errors import JournalBusy, JournalError

_log = logging.getLogger(__name__)
T = TypeVar("T")

TIME_LIMIT_S = 5.0
"""For one question. A card may stop for a second or two to tidy itself up."""
OPENING_LIMIT_S = 120.0
"""The check reads the whole file: 1 GB from a slow card takes this long."""


class Turns:
    """Lets one job at a time run in a thread. Raises JournalBusy after a time limit, waiting for the turn included."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()

    async def run(self, job: Callable[[], T], time_limit_s: float) -> T:
        """Return what a job gives, with its errors translated."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + time_limit_s
        try:
            async with asyncio.timeout_at(deadline):
                await self._turn.acquire()
        except TimeoutError as error:
            raise JournalBusy(f"{self._path} is still at work on what it was asked before") from error
        running = loop.run_in_executor(None, job)
        # A thread cannot be stopped: after a time-out or a cancellation it keeps its turn until it has ended.
        running.add_done_callback(self._end_turn)
        done, _ = await asyncio.wait({running}, timeout=max(0.0, deadline - loop.time()))
        if not done:
            raise JournalBusy(f"{self._path} did not answer within {time_limit_s:g} s")
        with translated(self._path):
            return running.result()

    def _end_turn(self, running: "asyncio.Future[T]") -> None:
        self._turn.release()
        if not running.cancelled():
            running.exception()  # seen, even where nobody waits for the answer any more


class Database:
    """An open database. Every call raises JournalError; JournalBusy leaves open whether a write was kept."""

    def __init__(self, engine: Engine, turns: Turns, time_limit_s: float) -> None:
        self._engine = engine
        self._turns = turns
        self._time_limit_s = time_limit_s

    async def read(self, job: Callable[[Connection], T]) -> T:
        """Return what a job reads, from one state of the database."""
        return await self._turns.run(partial(reading, self._engine, job), self._time_limit_s)

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Return what a job gives once its changes are committed."""
        return await self._turns.run(partial(writing, self._engine, job), self._time_limit_s)


@asynccontextmanager
async def open_database(
    folder: Path, schema: Schema, *, readonly: bool = False, time_limit_s: float = TIME_LIMIT_S
) -> AsyncIterator[Database]:
    """Open `<folder>/<schema.name>.sqlite`, create it if it never was, and close it at the end.

    Raises JournalCorrupt for a file that does not pass its check; JournalError if `readonly` finds none.
    """
    path = folder / f"{schema.name}.sqlite"
    turns = Turns(path)
    engine = await turns.run(partial(opened, path, schema, readonly=readonly), OPENING_LIMIT_S)
    try:
        yield Database(engine, turns, time_limit_s)
    finally:
        try:
            await turns.run(partial(_close, engine, readonly=readonly), time_limit_s)
        except JournalError as error:
            _log.warning("%s was not closed cleanly; what it acknowledged is safe: %s", path, error)


def _close(engine: Engine, *, readonly: bool) -> None:
    try:
        if not readonly:
            pragma(engine, "wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()
