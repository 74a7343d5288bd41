"""Does not leave a relay alone that was silent or did not obey: it is looked at again long before the next step."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from agent.control.executor import Executor
from agent.jobs import Timetable
from agent.ports import Clock

_SOON = timedelta(seconds=10)
_SILENT = timedelta(seconds=20)
"""What is silent, or slow to obey, is only asked, so as often as this for as long as it lasts; ..."""
_SOON_TIMES = 6
_MOST_DOUBLINGS = 5
"""... but each order to what does not obey wears a relay and fills the ledger: ever later after the first few."""


class Insistence:
    """Keeps one appointment of the timetable: the next look at what is not as it should be."""

    def __init__(
        self, executor: Executor, clock: Clock, timetable: Timetable, step: Callable[[], Awaitable[None]]
    ) -> None:
        self._executor = executor
        self._clock = clock
        self._timetable = timetable
        self._step = step
        self._disobedient = 0
        """Steps in a row after which something had not obeyed; ..."""
        self._silent = 0
        """... looks in a row at which somebody was silent."""

    def after_step(self) -> None:
        """Make the appointment that this step asks for, instead of the one before."""
        self._disobedient = self._disobedient + 1 if self._executor.disobeyed else 0
        self._silent = self._silent + 1 if self._executor.silent else 0
        if self._executor.disobeyed and self._disobedient <= _SOON_TIMES:
            self._again(_SOON, self._step)
        elif self._executor.coming:
            self._again(_SILENT, self._step)
        elif self._executor.silent:
            self._again(_SOON if self._silent <= _SOON_TIMES else _SILENT, self._ask)
        elif self._executor.disobeyed:
            doublings = min(_MOST_DOUBLINGS, self._disobedient - _SOON_TIMES)
            self._again(_SOON * 2**doublings, self._step)
        else:
            self._timetable.at("again", [], self._step)

    async def _ask(self) -> None:
        """Step once somebody of those that were silent answers."""
        if await self._executor.answers(self._executor.silent):
            await self._step()
        else:
            self._silent += 1
            self._again(_SOON if self._silent <= _SOON_TIMES else _SILENT, self._ask)

    def _again(self, pause: timedelta, run: Callable[[], Awaitable[None]]) -> None:
        self._timetable.at("again", [self._clock.now() + pause], run)
