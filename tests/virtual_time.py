"""An event loop on virtual time: it never waits, it jumps to the next thing that is due.

Wall time (datetime.now, time.time) follows through time-machine, so that APScheduler and the hub run unmodified.
Blocking work given to threads runs inline, which makes a run a pure function of its inputs. Time is counted in integer
microseconds, rounded up: a float clock would at some point stop short of a timer and spin.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import datetime
from math import ceil
from typing import Any, TypeVar

import time_machine

T = TypeVar("T")


class DeadlockError(RuntimeError):
    """Nothing is due and nothing can come: somebody waits for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """Answers at once, after telling how long it would have waited."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise DeadlockError("every task waits for something that nobody will bring")
            if timeout > 0:
                self._jump(timeout)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose time is moved by its own timers."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._passed_us = 0
        self._traveller = traveller
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        return self._passed_us / 1_000_000

    def run_in_executor(self, _executor: Executor | None, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - a thread would hand any error over, too
            future.set_exception(error)
        return future

    def _jump(self, timeout_s: float) -> None:
        step_us = max(1, ceil(timeout_s * 1_000_000))
        self._passed_us += step_us
        self._traveller.shift(step_us / 1_000_000)


def run_virtually(start: datetime, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine from a wall moment on, without waiting."""
    with time_machine.travel(start, tick=False) as traveller:
        loop = VirtualTimeLoop(traveller)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(main())
