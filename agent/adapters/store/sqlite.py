"""One SQLite file as an SQLAlchemy engine of one connection; everything here blocks.

A write to the ledger is on the card before it is acknowledged (`synchronous=FULL`). Telemetry (`NORMAL`) leaves that to
the kernel, which writes back within about 30 s, far inside one step. A killed process loses nothing of either.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, TypeVar

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from agent.adapters.store.schema import Schema
from agent.errors import JournalBusy, JournalCorrupt, JournalError

T = TypeVar("T")
Mode = Literal["ro", "rw", "rwc"]
"""Read only; read and write a file that exists; the same, creating it."""

BUSY_TIMEOUT_MS = 2000
"""How long SQLite waits for another process; below the time limit of a question, so that it is SQLite that gives up."""
WAL_LIMIT_BYTES = 4 * 1024 * 1024
"""The write-ahead log is cut back to this after a checkpoint."""


def engine_of(path: Path, schema: Schema, mode: Mode) -> Engine:
    """An engine that has not yet opened the file."""

    def connected() -> sqlite3.Connection:
        # isolation_level=None: transactions begun by the driver would begin late, and not at all around DDL.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            for setting in _settings(schema, mode):
                connection.execute(f"PRAGMA {setting}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connected, poolclass=QueuePool, pool_size=1, max_overflow=0)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _settings(schema: Schema, mode: Mode) -> Iterator[str]:
    yield f"busy_timeout={BUSY_TIMEOUT_MS}"
    yield "foreign_keys=ON"
    yield "temp_store=MEMORY"  # the container's root is read-only
    if mode == "ro":
        return
    yield f"synchronous={schema.synchronous}"
    yield f"journal_size_limit={WAL_LIMIT_BYTES}"
    yield "recursive_triggers=ON"  # else INSERT OR REPLACE deletes rows without asking the append-only triggers


def reading(engine: Engine, job: Callable[[Connection], T]) -> T:
    """Return what a job reads, from one state of the database."""
    with engine.begin() as connection:
        return job(connection)


def writing(engine: Engine, job: Callable[[Connection], T]) -> T:
    """Return what a job gives once its changes are committed; no other writer comes between its reads and writes."""
    return reading(engine.execution_options(begin="BEGIN IMMEDIATE"), job)


def pragma(engine: Engine, text: str) -> list[str]:
    """Run a PRAGMA outside of any transaction; return the first column of its rows."""
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {text}")
        return [str(row[0]) for row in cursor.fetchall()]


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite, SQLAlchemy and the file system into JournalError, JournalBusy, JournalCorrupt."""
    try:
        yield
    except DBAPIError as error:
        raise _journal_error(path, error.orig) from error
    except (sqlite3.Error, SQLAlchemyError, OSError, OverflowError) as error:  # the last: over 64 bits
        raise _journal_error(path, error) from error


def _journal_error(path: Path, error: BaseException | None) -> JournalError:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the upper bits are details
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return corrupt(path, str(error))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalBusy(f"{path} is in use by another process: {error}")
    return JournalError(f"{path}: {error}")


def corrupt(path: Path, reason: str) -> JournalCorrupt:
    """What to say of a file that cannot be trusted, with the way out."""
    return JournalCorrupt(
        f"{path} is damaged: {reason}. It was left as it is. Stop the hub and keep a copy of {path.name}* in a safe "
        f"place; then put a backup in its place, or rescue the rows: sqlite3 {path} .recover | sqlite3 rescued.sqlite. "
        f"The hub begins with an empty file only after {path.name}* are moved away"
    )
