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
        self._tries = 0

    def after_step(self) -> None:
        """Make the appointment that this step asks for, instead of the one before."""
        if self._executor.disobeyed:
            doublings = min(_MOST_DOUBLINGS, max(0, self._tries - _SOON_TIMES))
            self._again(_SOON * 2**doublings, self._step)
        elif self._executor.coming:
            self._again(_SILENT, self._step)
        elif self._executor.silent:
            self._again(_SOON if self._tries < _SOON_TIMES else _SILENT, self._ask)
        else:
            self._tries = 0
            self._timetable.at("again", [], self._step)

    async def _ask(self) -> None:
        """Step once somebody of those that were silent answers."""
        if await self._executor.answers(self._executor.silent):
            await self._step()
        else:
            self.after_step()

    def _again(self, pause: timedelta, run: Callable[[], Awaitable[None]]) -> None:
        self._tries += 1
        self._timetable.at("again", [self._clock.now() + pause], run)
