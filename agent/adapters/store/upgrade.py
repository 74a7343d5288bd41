"""Bring a database to the newest revision. The only module that loads Alembic, and only when there is work."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_ENVIRONMENT = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, migrations: Path, revision: str = "head") -> None:
    """Run the migrations of a folder up to `revision`, within the connection's transaction.

    Raises SQLAlchemyError; what was begun is then undone by the end of the transaction.
    """
    command.upgrade(alembic_config(connection, migrations), revision)


def alembic_config(connection: Connection, migrations: Path) -> Config:
    """What `alembic.ini` would say, for one folder of migrations and an open connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", _escaped(_ENVIRONMENT))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", _escaped(migrations))
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
