"""Opens a database file so that it is whole, of this version, and never silently a new one."""

import importlib
import logging
import os
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from agent.adapters.store.schema import Schema
from agent.adapters.store.sqlite import Mode, corrupt, engine_of, pragma, writing
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
    elif path.stat().st_size == 0:
        raise corrupt(path, "it is empty")
    mode: Mode = "ro" if readonly else "rw"
    engine = engine_of(path, schema, mode)
    try:
        _check(engine, path)
        _bring_to_head(engine, path, schema, readonly=readonly)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _create(path: Path, schema: Schema) -> None:
    """Make the file under another name, so that a file of the right name is always whole."""
    _log.warning("there is no %s yet: beginning a new %s", path, schema.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = _beside(path, ".new")
    for leftover in (new, _beside(new, "-wal"), _beside(new, "-shm")):
        leftover.unlink(missing_ok=True)
    engine = engine_of(new, schema, "rwc")
    try:
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


def _check(engine: Engine, path: Path) -> None:
    found = pragma(engine, "quick_check(3)")
    if found != ["ok"]:
        raise corrupt(path, "; ".join(found))


def _bring_to_head(engine: Engine, path: Path, schema: Schema, *, readonly: bool) -> None:
    with engine.begin() as connection:
        found = _revision(connection)
    if found == schema.head:
        return
    if found is None:
        raise corrupt(path, f"it is not a {schema.name} of this hub")
    if found > schema.head:
        raise JournalError(f"{path} was written by a newer version (revision {found}); this one knows {schema.head}")
    if readonly:
        raise JournalError(f"{path} is of an older version (revision {found}); it is upgraded when the hub starts")
    _log.info("upgrading %s from revision %s to %s", path, found, schema.head)
    _upgrade(engine, schema)


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
