"""The tables of the two databases, as the newest migration leaves them.

Moments are whole microseconds since 1970 UTC: exact, sorted as they compare, and the same on SQLite and PostgreSQL.
Local days are dates. A value that is read back whole is one JSON text, beside the columns by which it is looked for;
the text stands last in its row, so that a search need not read over it. `id` counts rows in the order of insertion.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MIGRATIONS = Path(__file__).parent / "migrations"

ROW_ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows only in a column that is called INTEGER."""


class Moment(TypeDecorator[datetime]):
    """An aware datetime as whole microseconds since 1970 UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - its signature
        """Give microseconds; whole numbers all the way, since a float would lose the last ones."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - its signature
        """Give the moment in UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND


@dataclass(frozen=True)
class Schema:
    """One database file: what it is called, what it holds, and how hard it is flushed."""

    name: str
    metadata: MetaData
    migrations: Path
    head: str
    """Revision of the newest migration; compared on opening, so that Alembic is loaded only when there is work."""
    synchronous: str
    """FULL: on the card when the call returns. NORMAL: on the card when the kernel writes back, some 30 s later."""


LEDGER = MetaData()

plans = Table(
    "plans",
    LEDGER,
    Column("id", ROW_ID, primary_key=True),
    Column("plan_id", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("horizon_start", Moment, nullable=False),
    Column("horizon_end", Moment, nullable=False),
    Column("method", Text, nullable=False),
    Column("gap_movable", Double),
    Column("value", Text, nullable=False),
    UniqueConstraint("plan_id", name="plans_plan_id_once"),
    Index("plans_by_made_at", "made_at"),
    Index("plans_by_horizon_end", "horizon_end"),
)

commands = Table(
    "commands",
    LEDGER,
    Column("id", ROW_ID, primary_key=True),
    Column("command_id", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("load", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("on", Boolean, nullable=False),
    Column("cause", Text, nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("command_id", "stage", name="commands_stage_once"),
    Index("commands_by_load", "load", "id"),
    Index("commands_by_at", "at"),
)

conditions = Table(
    "conditions",
    LEDGER,
    Column("id", ROW_ID, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("well", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("detail", Text, nullable=False),
    Index("conditions_by_subject", "subject", "id"),
)

day_ahead_prices = Table(
    "day_ahead_prices",
    LEDGER,
    Column("id", ROW_ID, primary_key=True),
    Column("day", Date, nullable=False),
    Column("status", Text, nullable=False),
    Column("fetched_at", Moment, nullable=False),
    Column("value", Text, nullable=False),
    Index("day_ahead_prices_by_day", "day"),
)

weather_forecasts = Table(
    "weather_forecasts",
    LEDGER,
    Column("id", ROW_ID, primary_key=True),
    Column("issued_at", Moment, nullable=False),
    Column("source", Text, nullable=False),
    Column("value", Text, nullable=False),
)

TELEMETRY = MetaData()

devices = Table(
    "devices",
    TELEMETRY,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    UniqueConstraint("name", name="devices_name_once"),
)

# Kept in the order of time first: the readings of one step then lie on one page, and a commit writes one page instead
# of one for each device. That is what decides how long a card lives.
readings = Table(
    "readings",
    TELEMETRY,
    Column("at", Moment, primary_key=True),
    Column("device_id", Integer, ForeignKey("devices.id", name="readings_device"), primary_key=True),
    Column("power_w", Double),
    Column("energy_wh", BigInteger),
    Column("temperature_c", Double),
    sqlite_with_rowid=False,
)

LEDGER_FILE = Schema("ledger", LEDGER, _MIGRATIONS / "ledger", head="0001", synchronous="FULL")
TELEMETRY_FILE = Schema("telemetry", TELEMETRY, _MIGRATIONS / "telemetry", head="0001", synchronous="NORMAL")
