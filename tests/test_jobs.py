"""The timetable on virtual time: real APScheduler, no waiting."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.clock import ClockMapping, SharedClock, SystemClock
from agent.jobs import Job, Timetable, every
from tests.virtual_time import run_virtually

START = datetime(2020, 1, 1, 0, 1, tzinfo=UTC)


async def run_for(timetable: Timetable, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await timetable.run()


def test_periodic_jobs_fall_on_the_grid_once_each() -> None:
    clock = SystemClock()
    runs: list[datetime] = []

    async def note() -> None:
        runs.append(clock.now().replace(microsecond=0))

    async def main() -> None:
        timetable = Timetable(clock)
        timetable.add([Job("note", note, every(300))])
        await run_for(timetable, 24 * 3600)

    run_virtually(START, main)
    assert runs == [datetime(2020, 1, 1, 0, 5, tzinfo=UTC) + k * timedelta(minutes=5) for k in range(288)]


def test_a_slow_job_is_not_started_twice_and_missed_runs_are_joined() -> None:
    clock = SystemClock()
    starts: list[datetime] = []

    async def slow() -> None:
        starts.append(clock.now().replace(microsecond=0))
        await asyncio.sleep(700)

    async def main() -> None:
        timetable = Timetable(clock)
        timetable.add([Job("slow", slow, every(1000))])
        await run_for(timetable, 3600)

    run_virtually(START, main)
    assert [start.minute for start in starts] == [16, 33, 50]


def test_switching_instants_replace_those_of_the_plan_before() -> None:
    clock = SystemClock()
    runs: list[str] = []

    async def note() -> None:
        runs.append(f"{clock.now():%H:%M}")

    async def main() -> None:
        timetable = Timetable(clock)
        timetable.at("switch", [START + timedelta(minutes=k) for k in (10, 20, 30)], note)
        timetable.at("switch", [START + timedelta(minutes=k) for k in (15, 20)], note)
        await run_for(timetable, 3600)

    run_virtually(START, main)
    assert runs == ["00:16", "00:21"]


def test_a_job_that_breaks_ends_the_timetable_with_its_error() -> None:
    async def broken() -> None:
        raise KeyError("a bug")

    async def main() -> None:
        timetable = Timetable(SystemClock())
        timetable.add([Job("broken", broken, every(300))])
        await timetable.run()

    with pytest.raises(KeyError, match="a bug"):
        run_virtually(START, main)


def test_jobs_follow_a_simulated_clock_that_runs_fast_and_stands_still(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    domain_start = datetime(2019, 12, 31, 21, 0, tzinfo=UTC)
    runs: list[str] = []

    async def main() -> None:
        mapping = ClockMapping(domain_s=domain_start.timestamp(), wall_s=START.timestamp(), speed=60)
        file.write_text(mapping.model_dump_json())
        clock = SharedClock(file)
        timetable = Timetable(clock)

        async def note() -> None:
            runs.append(f"{clock.now():%H:%M:%S}")
            if len(runs) == 2:
                timetable.soon("think", think)

        async def think() -> None:
            async with timetable.standing_still():
                before = clock.now()
                await asyncio.sleep(120)  # wall seconds: two simulated hours, were the clock not held
                assert clock.now() == before

        timetable.add([Job("note", note, every(300))])
        await run_for(timetable, 120 + 25)

    run_virtually(START, main)
    assert runs == ["21:00:00", "21:05:00", "21:10:00", "21:15:00", "21:20:00"]


def test_real_time_goes_on_while_the_planner_thinks() -> None:
    clock = SystemClock()
    runs: list[str] = []

    async def main() -> None:
        timetable = Timetable(clock)

        async def note() -> None:
            runs.append(f"{clock.now():%H:%M}")

        async def think() -> None:
            async with timetable.standing_still():
                await asyncio.sleep(700)

        timetable.add([Job("note", note, every(300))])
        timetable.soon("think", think)
        await run_for(timetable, 600)

    run_virtually(START, main)
    assert runs == ["00:05", "00:10"]
