"""`kwh-hub status`: what the journal says, for people and for programs."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from agent.__main__ import main
from agent.adapters.store.ledger import SqlLedger, open_ledger
from agent.adapters.store.telemetry import SqlTelemetry, open_telemetry
from agent.domain.command import Cause, Command, Stage
from agent.domain.device import Reading
from agent.domain.house import WATER_HEATER

NOON = datetime(2020, 1, 1, 9, 0, tzinfo=UTC)
EXAMPLE = str(Path(__file__).parents[2] / "examples" / "home.toml")


def journal(folder: Path, write: Callable[[SqlLedger, SqlTelemetry], Awaitable[None]]) -> None:
    async def written() -> None:
        async with open_ledger(folder) as ledger, open_telemetry(folder) as telemetry:
            await write(ledger, telemetry)

    asyncio.run(written())


def order(at: datetime, cause: Cause, *, on: bool) -> Command:
    return Command(
        command_id=f"{at.isoformat()}{cause}",
        load=WATER_HEATER,
        device="boiler-plug",
        on=on,
        cause=cause,
        stage=Stage.VERIFIED,
        at=at,
    )


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["status", "--config", EXAMPLE, *words]) == 0
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def _at_noon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KWH_HUB_STORAGE__FOLDER", str(tmp_path))
    with time_machine.travel(NOON):
        yield


def test_what_its_owner_set_is_said_until_it_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    pressed_at = now - timedelta(minutes=10)

    async def press(ledger: SqlLedger, _telemetry: SqlTelemetry) -> None:
        await ledger.add_command(order(now - timedelta(hours=3), Cause.PLAN, on=False))
        await ledger.add_command(order(pressed_at, Cause.OBSERVED, on=True))

    journal(tmp_path, press)
    assert "water_heater: on, left as its owner set it until" in said(capsys)
    (override,) = json.loads(said(capsys, "--json"))["overrides"]
    assert datetime.fromisoformat(override["until"]) == pressed_at + timedelta(hours=1)

    async def end(ledger: SqlLedger, _telemetry: SqlTelemetry) -> None:
        await ledger.add_command(order(now, Cause.TANK_TOO_HOT, on=False))

    journal(tmp_path, end)
    assert "as its owner set it" not in said(capsys)


def test_the_energy_of_today_is_said_without_what_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)

    async def measure(_ledger: SqlLedger, telemetry: SqlTelemetry) -> None:
        counters = (5000, 5010, 9_000_000, 5030)
        await telemetry.add_readings(
            [
                Reading(device="boiler-plug", at=now - timedelta(seconds=4 - n), power_w=2000, energy_wh=counter_wh)
                for n, counter_wh in enumerate(counters)
            ]
        )

    journal(tmp_path, measure)
    assert "boiler-plug: 2000 W, 0.03 kWh today" in said(capsys)
    assert json.loads(said(capsys, "--json"))["energy_today_wh"] == {"boiler-plug": 30}
