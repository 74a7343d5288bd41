import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.clock import SharedClock
from simulators.clock import HomeClock

MIDNIGHT = datetime(2019, 12, 31, 21, tzinfo=UTC)


def test_hub_and_home_read_the_same_time(tmp_path: Path) -> None:
    home = HomeClock.created(tmp_path / "clock.json", MIDNIGHT, speed=10.0)
    hub = SharedClock(tmp_path / "clock.json")
    assert abs((home.now() - hub.now()).total_seconds()) < 10
    assert home.now() >= MIDNIGHT


async def test_a_still_clock_begins_the_day_when_the_hub_is_ready(tmp_path: Path) -> None:
    home = HomeClock.created(tmp_path / "clock.json", MIDNIGHT, speed=1e6, still=True)
    hub = SharedClock(tmp_path / "clock.json")
    seen = [(home.still, home.now() == MIDNIGHT)]
    async with hub.standing_still():
        seen.append((home.still, home.now() == MIDNIGHT))
    seen.append((home.still, home.now() == MIDNIGHT))
    assert seen == [(True, True), (True, True), (False, False)]


async def test_the_home_waits_while_the_planner_works(tmp_path: Path) -> None:
    home = HomeClock.created(tmp_path / "clock.json", MIDNIGHT, speed=36_000.0)
    hub = SharedClock(tmp_path / "clock.json")
    noon = MIDNIGHT + timedelta(hours=12)
    async with asyncio.TaskGroup() as tasks, hub.standing_still():
        waiting = tasks.create_task(home.wait_until(noon))
        stopped_at = home.now()
        for _ in range(100):
            await asyncio.sleep(0)
        assert home.now() == stopped_at
        assert not waiting.done()
    assert home.now() >= noon


async def test_waiting_for_the_past_returns_at_once(tmp_path: Path) -> None:
    home = HomeClock.created(tmp_path / "clock.json", MIDNIGHT, speed=1.0, still=True)
    began_s = time.monotonic()
    await home.wait_until(MIDNIGHT)
    assert time.monotonic() - began_s < 0.5


def test_a_clock_cannot_run_backwards(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="speed"):
        HomeClock.created(tmp_path / "clock.json", MIDNIGHT, speed=-1.0)
