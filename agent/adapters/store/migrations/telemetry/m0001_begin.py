"""Begin the telemetry: what each device measured at each moment."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "devices",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.UniqueConstraint("name", name="devices_name_once"),
    )
    op.create_table(
        "readings",
        sa.Column("at", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("device_id", sa.Integer(), sa.ForeignKey("devices.id", name="readings_device"), primary_key=True),
        sa.Column("power_w", sa.Double()),
        sa.Column("energy_wh", sa.BigInteger()),
        sa.Column("temperature_c", sa.Double()),
        sqlite_with_rowid=False,
    )
