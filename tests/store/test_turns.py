"""One job at a time, within a time limit."""

import asyncio
import gc
import threading
from pathlib import Path

import pytest

from agent.adapters.store.database import Turns
from agent.errors import JournalBusy

BRIEFLY_S = 0.05
LONG_S = 10.0


async def test_jobs_never_meet() -> None:
    turns = Turns(Path("ledger.sqlite"))
    inside = threading.Lock()

    def job() -> bool:
        alone = inside.acquire(blocking=False)
        threading.Event().wait(0.002)
        if alone:
            inside.release()
        return alone

    assert all(await asyncio.gather(*(turns.run(job, LONG_S) for _ in range(20))))


async def test_a_job_that_hangs_is_busy_and_keeps_its_turn_until_it_ends() -> None:
    turns = Turns(Path("ledger.sqlite"))
    go_on = threading.Event()
    with pytest.raises(JournalBusy, match="did not answer"):
        await turns.run(lambda: go_on.wait(LONG_S), BRIEFLY_S)
    with pytest.raises(JournalBusy, match="still at work"):
        await turns.run(lambda: 1, BRIEFLY_S)
    go_on.set()
    assert await turns.run(lambda: 1, LONG_S) == 1


async def test_a_cancelled_caller_leaves_the_turn_to_its_job() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    turns = Turns(Path("ledger.sqlite"))
    begun, go_on = threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        go_on.wait(LONG_S)
        raise OSError("nobody waits for this any more")

    async with asyncio.TaskGroup() as group:
        caller = group.create_task(turns.run(job, LONG_S))
        await asyncio.to_thread(begun.wait, LONG_S)
        caller.cancel()
    with pytest.raises(JournalBusy):
        await turns.run(lambda: 1, BRIEFLY_S)
    go_on.set()
    assert await turns.run(lambda: 1, LONG_S) == 1
    del caller  # it holds on to what it waited for
    gc.collect()
    assert complaints == [], "an answer that nobody waits for is no mistake"
