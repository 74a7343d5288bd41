"""The telemetry: what every device measured, kept for a while."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, desc, func, select
from sqlalchemy.dialects.sqlite import insert  # PostgreSQL's has the same clauses

from agent.adapters.store.database import TIME_LIMIT_S, Database, open_database
from agent.adapters.store.rows import parsed
from agent.adapters.store.schema import TELEMETRY_FILE, devices, readings
from agent.domain.device import Name, Reading
from agent.domain.interval import Interval

_MEASURED = ("power_w", "energy_wh", "temperature_c")
_ADDED = insert(readings)
_COMPLETE = _ADDED.on_conflict_do_update(
    index_elements=["at", "device_id"],
    set_={name: func.coalesce(_ADDED.excluded[name], readings.c[name]) for name in _MEASURED},
)


class SqlTelemetry:
    """agent.ports.Telemetry. A device has one reading at one moment; a second one completes the first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_readings(self, readings: Sequence[Reading]) -> None:
        """Keep the readings of one step in one commit; none are kept for an empty step."""
        if not readings:
            return

        def add(connection: Connection) -> None:
            ids = _ids(connection, {reading.device for reading in readings})
            rows = [
                {"device_id": ids[reading.device], **reading.model_dump(include={"at", *_MEASURED})}
                for reading in readings
            ]
            connection.execute(_COMPLETE, rows)

        await self._database.write(add)

    async def last_reading(self, device: Name) -> Reading | None:
        """Return a device's newest reading by its own time."""
        found = await self._of(device, select(readings).order_by(desc(readings.c.at)).limit(1))
        return found[0] if found else None

    async def readings(self, device: Name, span: Interval) -> Sequence[Reading]:
        """Return a device's readings in the order of time."""
        within = (readings.c.at >= span.start) & (readings.c.at < span.end)
        return await self._of(device, select(readings).where(within).order_by(readings.c.at))

    async def prune(self, before: datetime) -> int:
        """Forget the readings before a moment; return how many."""
        return await self._database.write(
            lambda connection: connection.execute(delete(readings).where(readings.c.at < before)).rowcount
        )

    async def _of(self, device: Name, query: Select[Any]) -> Sequence[Reading]:
        def find(connection: Connection) -> Sequence[Row[Any]]:
            device_id = connection.execute(select(devices.c.id).where(devices.c.name == device)).scalar()
            if device_id is None:  # one that never answered must not cost a search of everything
                return []
            return connection.execute(query.where(readings.c.device_id == device_id)).all()

        return [_reading(device, row) for row in await self._database.read(find)]


def _ids(connection: Connection, names: set[Name]) -> Mapping[Name, int]:
    known = {row.name: row.id for row in connection.execute(select(devices))}
    for name in sorted(names - known.keys()):
        added = connection.execute(insert(devices).values(name=name).returning(devices.c.id))
        known[name] = added.scalar_one()
    return known


def _reading(device: Name, row: Row[Any]) -> Reading:
    fields = {"device": device, "at": row.at, **{name: getattr(row, name) for name in _MEASURED}}
    return parsed(Reading, fields, table=readings, row=f"{device} at {row.at}")


@asynccontextmanager
async def open_telemetry(
    folder: Path, *, readonly: bool = False, time_limit_s: float = TIME_LIMIT_S
) -> AsyncIterator[SqlTelemetry]:
    """Open `telemetry.sqlite` in a folder; `readonly` beside a running hub. Raises JournalError, JournalCorrupt."""
    async with open_database(folder, TELEMETRY_FILE, readonly=readonly, time_limit_s=time_limit_s) as database:
        yield SqlTelemetry(database)
