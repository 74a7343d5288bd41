"""Days of the example home, as the tests of the hub live through them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.domain.interval import Interval
from agent.settings import Settings
from tests.hub.virtual_home import Running, VirtualHome, live, virtual_home
from tests.virtual_time import run_virtually

START = datetime(2019, 12, 31, 21, 0, tzinfo=UTC)  # midnight of 2020-01-01 in Istanbul
EXAMPLE = Path(__file__).parents[2] / "examples" / "home.toml"
STEP = timedelta(minutes=5)
DAY = Interval(start=START, end=START + timedelta(days=3))


def a_day(
    settings: Settings,
    folder: Path,
    hours: float = 24.0,
    during: Callable[[Running], Awaitable[None]] | None = None,
    home: VirtualHome | None = None,
    start: datetime = START,
) -> Running:
    lived_in = virtual_home(settings, start) if home is None else home
    return run_virtually(start, lambda: live(lived_in, folder, hours, during))


async def until(moment: datetime) -> None:
    await asyncio.sleep((moment - datetime.now(UTC)).total_seconds())


def losses(caplog: pytest.LogCaptureFixture, subject: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.getMessage().startswith(subject) and "lost" in r.getMessage()]


def returns(caplog: pytest.LogCaptureFixture, subject: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.getMessage() == f"{subject} is back"]


async def against_the_plan(running: Running, loads: set[str] | None = None) -> list[str]:
    """Loads that stand against the plan in force."""
    now = datetime.now(UTC)
    plan = await running.ledger.plan_in_force(now)
    assert plan is not None
    parts = [part for part in plan.loads if loads is None or part.load in loads]
    return [part.load for part in parts if part.is_on(now) != running.home.house.is_on(part.load)]
