"""Begin the ledger: plans, commands, conditions, prices, weather; rows are added and never changed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables and forbid changing them."""
    _create_plans()
    _create_commands()
    _create_conditions()
    _create_feeds()
    for table in ("plans", "commands", "conditions", "day_ahead_prices", "weather_forecasts"):
        _only_append(table)


def _create_plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("horizon_start", sa.BigInteger(), nullable=False),
        sa.Column("horizon_end", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("gap_movable", sa.Double()),
        sa.Column("value", sa.Text(), nullable=False),
        sa.UniqueConstraint("plan_id", name="plans_plan_id_once"),
    )
    op.create_index("plans_by_made_at", "plans", ["made_at"])
    op.create_index("plans_by_horizon_end", "plans", ["horizon_end"])


def _create_commands() -> None:
    op.create_table(
        "commands",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("load", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("on", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("command_id", "stage", name="commands_stage_once"),
    )
    op.create_index("commands_by_load", "commands", ["load", "id"])
    op.create_index("commands_by_at", "commands", ["at"])


def _create_conditions() -> None:
    op.create_table(
        "conditions",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("well", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
    )
    op.create_index("conditions_by_subject", "conditions", ["subject", "id"])


def _create_feeds() -> None:
    op.create_table(
        "day_ahead_prices",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_index("day_ahead_prices_by_day", "day_ahead_prices", ["day"])
    op.create_table(
        "weather_forecasts",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
    )


def _only_append(table: str) -> None:
    """Forbid UPDATE and DELETE. PostgreSQL does so by what it grants to the hub's role, outside of migrations."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
