"""Writes until it is killed, and says what was acknowledged: `python -m tests.store.writer FOLDER FROM`."""

import asyncio
import sys
from itertools import count
from pathlib import Path

from agent.adapters.store.ledger import open_ledger
from agent.adapters.store.telemetry import open_telemetry
from tests.store import values


def acknowledge(kind: str, number: int) -> None:
    sys.stdout.write(f"{kind} {number}\n")
    sys.stdout.flush()


async def write(folder: Path, start: int) -> None:
    async with open_ledger(folder) as ledger, open_telemetry(folder) as telemetry:
        for number in count(start):
            if number % 5 == 0:
                await ledger.add_plan(values.plan(number))
                acknowledge("plan", number)
            await ledger.add_command(values.command(number))
            acknowledge("command", number)
            await telemetry.add_readings(values.step_readings(number))
            acknowledge("readings", number)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2])))
