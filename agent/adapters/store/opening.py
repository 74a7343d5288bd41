"""Opens a database file so that it is whole, of this version, and never silently a new one."""

import importlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from agent.adapters.store.schema import Schema
from agent.adapters.store.sqlite import corrupt, engine_of, pragma, reading, writing
from agent.errors import JournalError

_log = logging.getLogger(__name__)


def opened(path: Path, schema: Schema, *, readonly: bool) -> Engine:
    """An engine on a file that passes its check and is at the newest revision; a new file if there never was one."""
    log = _beside(path, "-wal")
    if not path.exists():
        if log.exists():
            raise corrupt(path, f"it is gone, but its write-ahead log {log.name} is still there")
        if readonly:
            raise JournalError(f"{path} does not exist; it is made when the hub runs for the first time")
        _create(path, schema)
    # Checked without the right to write: else SQLite would empty its write-ahead log into a damaged file.
    with _disposed_on_failure(engine_of(path, schema, "ro")) as engine:
        revision = _checked(engine, path, schema)
        if readonly and revision != schema.head:
            raise JournalError(
                f"{path} is of an older version (revision {revision}); the hub upgrades it when it starts"
            )
    if readonly:
        return engine
    engine.dispose()
    with _disposed_on_failure(engine_of(path, schema, "rw")) as engine:
        pragma(engine, "journal_mode=WAL")  # a rescued file is without
        if revision != schema.head:
            _log.info("upgrading %s from revision %s to %s", path, revision, schema.head)
            _upgrade(engine, schema)
    return engine


@contextmanager
def _disposed_on_failure(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    except BaseException:
        engine.dispose()
        raise


def _create(path: Path, schema: Schema) -> None:
    """Make the file under another name, so that a file of the right name is always whole."""
    _log.warning("there is no %s yet: beginning a new %s", path, schema.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = _beside(path, ".new")
    for leftover in (new, _beside(new, "-wal"), _beside(new, "-shm")):
        leftover.unlink(missing_ok=True)
    engine = engine_of(new, schema, "rwc")
    try:
        pragma(engine, "journal_mode=WAL")
        _upgrade(engine, schema)
        pragma(engine, "wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too, must survive a power cut
    finally:
        os.close(folder)


def _checked(engine: Engine, path: Path, schema: Schema) -> str:
    """The revision of a file that is whole and ours."""
    found = pragma(engine, "quick_check(3)")
    if found != ["ok"]:
        raise corrupt(path, " ".join("; ".join(found).split()))
    revision = reading(engine, _revision)
    if revision is None:
        raise corrupt(path, f"it is empty or not a {schema.name} of this hub")
    if revision > schema.head:
        raise JournalError(f"{path} was written by a newer version (revision {revision}, here {schema.head})")
    return revision


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(engine: Engine, schema: Schema) -> None:
    # Loaded by name, at the one moment it is needed: Alembic costs an eighth of a second and memory for good, and
    # almost every start finds nothing to upgrade.
    upgrade = importlib.import_module("agent.adapters.store.upgrade").upgrade
    writing(engine, lambda connection: upgrade(connection, schema.migrations))


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
