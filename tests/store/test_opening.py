"""Opening: nothing is lost in silence, a reader disturbs no writer, an older file is brought up to date."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from agent.adapters.store.database import open_database
from agent.adapters.store.ledger import open_ledger
from agent.adapters.store.schema import LEDGER_FILE, TELEMETRY_FILE, Schema, plans
from agent.adapters.store.sqlite import engine_of, reading, writing
from agent.adapters.store.telemetry import open_telemetry
from agent.adapters.store.upgrade import alembic_config, upgrade
from agent.errors import JournalBusy, JournalCorrupt, JournalError
from tests.store import values

LEDGER_TABLES = ["plans", "commands", "conditions", "day_ahead_prices", "weather_forecasts"]


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def a_ledger(folder: Path, plan_count: int = 1) -> Path:
    async with open_ledger(folder) as ledger:
        for number in range(plan_count):
            await ledger.add_plan(values.plan(number))
    return folder / "ledger.sqlite"


async def test_closing_leaves_one_whole_file(tmp_path: Path) -> None:
    await a_ledger(tmp_path / "deep" / "down")
    assert names(tmp_path / "deep" / "down") == ["ledger.sqlite"]


async def test_closing_empties_the_write_ahead_log_beside_a_reader_too(tmp_path: Path) -> None:
    await a_ledger(tmp_path)
    async with open_ledger(tmp_path, readonly=True) as reader:
        async with open_ledger(tmp_path) as writer:
            await writer.add_plan(values.plan(1))
        assert (tmp_path / "ledger.sqlite-wal").stat().st_size == 0
        assert len(await reader.plans(values.ALL_TIME)) == 2


@pytest.mark.parametrize(("schema", "synchronous"), [(LEDGER_FILE, 2), (TELEMETRY_FILE, 1)])
async def test_what_a_power_cut_may_take(tmp_path: Path, schema: Schema, synchronous: int) -> None:
    query = text("SELECT * FROM pragma_synchronous, pragma_journal_mode, pragma_foreign_keys")
    async with open_database(tmp_path, schema) as database:
        found = await database.read(lambda connection: connection.execute(query).one())
    assert tuple(found) == (synchronous, "wal", 1)


def test_a_later_opening_loads_no_alembic(tmp_path: Path) -> None:
    asyncio.run(a_ledger(tmp_path))
    program = (
        "import asyncio, sys; from pathlib import Path; from agent.adapters.store.ledger import open_ledger\n"
        "async def main():\n"
        "    async with open_ledger(Path(sys.argv[1])): pass\n"
        "asyncio.run(main()); sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


@pytest.mark.parametrize("table", LEDGER_TABLES)
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET id = 7", "DELETE FROM {}", "INSERT OR REPLACE INTO {} SELECT * FROM {}"]
)
async def test_rows_of_the_ledger_are_never_changed(tmp_path: Path, table: str, statement: str) -> None:
    async with open_ledger(tmp_path) as ledger:
        await ledger.add_plan(values.plan(1))
        await ledger.add_command(values.command(1))
        await ledger.add_condition(values.condition(1))
        await ledger.add_prices(values.prices(1))
        await ledger.add_weather(values.forecast(1))
        with pytest.raises(JournalError, match="append-only"):
            await ledger._database.write(lambda connection: connection.exec_driver_sql(statement.replace("{}", table)))


@pytest.mark.parametrize("damage", ["scribbled", "cut", "not_a_database", "emptied", "of_something_else"])
@pytest.mark.parametrize("readonly", [True, False])
async def test_a_damaged_ledger_is_refused_and_left_alone(tmp_path: Path, damage: str, readonly: bool) -> None:  # noqa: FBT001 - a parameter of the test
    path = await a_ledger(tmp_path, plan_count=5)
    whole = path.read_bytes()
    if damage == "of_something_else":
        path.unlink()
        execute(path, "CREATE TABLE other (id INTEGER)")
    else:
        path.write_bytes(
            {
                "scribbled": whole[:8192] + b"\xff" * 40_000 + whole[48_192:],
                "cut": whole[: len(whole) // 2],
                "not_a_database": b"the quick brown fox" * 1000,
                "emptied": b"",
            }[damage]
        )
    before = path.read_bytes()
    with pytest.raises(JournalCorrupt, match=r"ledger\.sqlite is damaged: .*backup") as caught:
        async with open_ledger(tmp_path, readonly=readonly):
            pass
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


async def test_a_damaged_ledger_keeps_its_write_ahead_log(tmp_path: Path) -> None:
    async with open_ledger(tmp_path / "running") as ledger:
        for number in range(5):
            await ledger.add_plan(values.plan(number))
        shutil.copytree(tmp_path / "running", tmp_path / "after", ignore=shutil.ignore_patterns("*-shm"))
    path, log = tmp_path / "after" / "ledger.sqlite", tmp_path / "after" / "ledger.sqlite-wal"
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096))
    before = path.read_bytes(), log.read_bytes()
    with pytest.raises(JournalCorrupt):
        async with open_ledger(tmp_path / "after"):
            pass
    assert (path.read_bytes(), log.read_bytes()) == before


async def test_damage_found_later_is_named_too(tmp_path: Path) -> None:
    path = await a_ledger(tmp_path, plan_count=120)  # more than SQLite keeps in memory
    async with open_ledger(tmp_path, readonly=True) as ledger:
        whole = path.read_bytes()
        path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
        with pytest.raises(JournalCorrupt, match="damaged"):
            await ledger.plans(values.ALL_TIME)


async def test_a_ledger_that_is_gone_is_not_begun_anew_over_its_log(tmp_path: Path) -> None:
    path = await a_ledger(tmp_path)
    path.with_name("ledger.sqlite-wal").write_bytes(b"x")
    path.unlink()
    with pytest.raises(JournalCorrupt, match="it is gone"):
        async with open_ledger(tmp_path):
            pass
    assert not path.exists()


async def test_a_start_that_was_killed_while_creating_begins_again(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite.new").write_bytes(b"half a file")
    await a_ledger(tmp_path)
    assert names(tmp_path) == ["ledger.sqlite"]


async def test_reading_only_sees_what_a_writer_adds_and_can_change_nothing(tmp_path: Path) -> None:
    async with (
        open_ledger(tmp_path) as writer,
        open_ledger(tmp_path, readonly=True) as reader,
        open_telemetry(tmp_path) as telemetry,
        open_telemetry(tmp_path, readonly=True) as watcher,
    ):
        await writer.add_plan(values.plan(1))
        await telemetry.add_readings(values.step_readings(1))
        assert await reader.plan_in_force(values.plan(1).made_at) == values.plan(1)
        assert await watcher.last_reading("plug-0") == values.step_readings(1)[0]
        with pytest.raises(JournalError, match="readonly"):
            await reader.add_plan(values.plan(2))


async def test_reading_only_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="does not exist"):
        async with open_ledger(tmp_path, readonly=True):
            pass
    assert names(tmp_path) == []


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="file"):
        async with open_ledger(tmp_path / "file"):
            pass


async def test_a_row_that_can_no_longer_be_read_is_named(tmp_path: Path) -> None:
    path = await a_ledger(tmp_path)
    execute(
        path,
        "INSERT INTO plans SELECT 2, 'p', made_at, horizon_start, horizon_end, method, 0, '{}' FROM plans",
        "INSERT INTO commands VALUES (9, 'c', 'abandoned', 'water_heater', 'plug-1', 1, 'plan', 0)",
    )
    async with open_ledger(tmp_path) as ledger:
        with pytest.raises(JournalError, match="table plans, row 2: not readable as Plan"):
            await ledger.plan_in_force(values.START)
        with pytest.raises(JournalError, match="table commands, row 9: not readable as Command"):
            await ledger.last_commands("water_heater")


async def test_a_write_while_another_process_writes_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.adapters.store.sqlite.BUSY_TIMEOUT_MS", 20)
    path = await a_ledger(tmp_path)
    async with open_ledger(tmp_path) as ledger:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalBusy, match="in use"):
                await ledger.add_plan(values.plan(2))
            assert await ledger.plan_in_force(values.START) is not None, "reading goes on"
            other.execute("ROLLBACK")
        await ledger.add_plan(values.plan(2))


@pytest.mark.parametrize("schema", [LEDGER_FILE, TELEMETRY_FILE], ids=lambda schema: schema.name)
class TestMigrations:
    def test_tables_and_migrations_agree(self, tmp_path: Path, schema: Schema) -> None:
        engine = engine_of(tmp_path / "new.sqlite", schema, "rwc")
        writing(engine, lambda connection: upgrade(connection, schema.migrations))
        difference = reading(
            engine, lambda connection: compare_metadata(MigrationContext.configure(connection), schema.metadata)
        )
        engine.dispose()
        assert difference == []

    def test_the_newest_revision_is_the_one_that_is_compared_on_opening(self, tmp_path: Path, schema: Schema) -> None:
        engine = engine_of(tmp_path / "new.sqlite", schema, "rwc")
        config = reading(engine, lambda connection: alembic_config(connection, schema.migrations))
        engine.dispose()
        assert ScriptDirectory.from_config(config).get_heads() == [schema.head]

    async def test_a_file_of_a_newer_version_is_refused(self, tmp_path: Path, schema: Schema) -> None:
        async with open_database(tmp_path, schema):
            pass
        execute(tmp_path / f"{schema.name}.sqlite", "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(JournalError, match="newer version"):
            async with open_database(tmp_path, schema):
                pass


def with_one_more_migration(folder: Path, body: str) -> Schema:
    migrations = folder / "migrations"
    shutil.copytree(LEDGER_FILE.migrations, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "m0002_next.py").write_text(
        f"from alembic import op\nrevision = '0002'\ndown_revision = '0001'\n\ndef upgrade():\n{body}"
    )
    return replace(LEDGER_FILE, migrations=migrations, head="0002")


async def test_a_database_of_the_first_revision_is_upgraded_with_its_rows(tmp_path: Path) -> None:
    await a_ledger(tmp_path, plan_count=3)
    newer = with_one_more_migration(tmp_path, "    op.execute('CREATE TABLE trades (id INTEGER PRIMARY KEY)')\n")
    with pytest.raises(JournalError, match="older version"):
        async with open_database(tmp_path, newer, readonly=True):
            pass
    async with open_database(tmp_path, newer) as database:
        found = await database.read(lambda connection: inspect(connection).get_table_names())
        assert {"plans", "trades"} <= set(found)
        assert len(await database.read(lambda connection: connection.execute(plans.select()).all())) == 3


async def test_an_upgrade_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    await a_ledger(tmp_path)
    newer = with_one_more_migration(
        tmp_path,
        "    op.execute('CREATE TABLE trades (id INTEGER)')\n    op.execute('INSERT INTO nowhere VALUES (1)')\n",
    )
    with pytest.raises(JournalError, match="nowhere"):
        async with open_database(tmp_path, newer):
            pass
    async with open_ledger(tmp_path) as ledger:
        assert await ledger.plan_in_force(values.START) == values.plan(0)
        found = await ledger._database.read(lambda connection: inspect(connection).get_table_names())
        assert "trades" not in found
