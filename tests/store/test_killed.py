"""kill -9 of a process that writes: whatever it was told is kept, is kept."""

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from agent.adapters.store.ledger import open_ledger
from agent.adapters.store.telemetry import open_telemetry
from tests.store import values

ROUNDS = 10
ROOT = Path(__file__).parents[2]


def acknowledged_until_killed(folder: Path, start: int, lines: int) -> list[tuple[str, int]]:
    program = [sys.executable, "-m", "tests.store.writer", str(folder), str(start)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.kill()
        said += writer.stdout.readlines()
    return [(kind, int(number)) for kind, number in (line.split() for line in said if line.endswith("\n"))]


async def kept(folder: Path, *, readonly: bool) -> set[tuple[str, int]]:
    async with open_ledger(folder, readonly=readonly) as ledger, open_telemetry(folder, readonly=readonly) as telemetry:
        plans = await ledger.plans(values.ALL_TIME)
        commands = await ledger.commands(values.ALL_TIME)
        assert plans == [values.plan(int(plan.plan_id.split("-")[1])) for plan in plans]
        found = {("plan", int(plan.plan_id.split("-")[1])) for plan in plans}
        found |= {("command", int(command.command_id.split("-")[1])) for command in commands}
        steps = [
            {reading.energy_wh for reading in await telemetry.readings(f"plug-{index}", values.ALL_TIME)}
            for index in range(12)
        ]
        assert all(step == steps[0] for step in steps), "a step is kept whole or not at all"
        return found | {("readings", number) for number in steps[0] if number is not None}


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    chance = random.Random(20260101)  # noqa: S311 - repeatable, not secret
    acknowledged: set[tuple[str, int]] = set()
    for number in range(ROUNDS):
        said = acknowledged_until_killed(tmp_path, start=number * 10_000, lines=chance.randrange(1, 80))
        assert said
        acknowledged |= set(said)
        # A read-only visitor leaves the write-ahead log for the next writer to recover.
        assert await kept(tmp_path, readonly=number % 2 == 0) >= acknowledged
    for name in ("ledger.sqlite", "telemetry.sqlite"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
