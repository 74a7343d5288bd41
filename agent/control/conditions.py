"""Says once that something was lost, and once that it is back."""

import logging

from agent.domain.condition import Condition
from agent.ports import Clock, Ledger

_log = logging.getLogger(__name__)


class Conditions:
    """Keeps in the ledger what is well and what is not, and logs each change once, over restarts too."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._well: dict[str, bool] | None = None  # what the ledger says, read once

    async def report(self, subject: str, *, well: bool, detail: str = "") -> bool:
        """Note how `subject` is; return whether that is news. Something first seen well is no news."""
        if self._well is None:
            self._well = {condition.subject: condition.well for condition in await self._ledger.conditions()}
        if self._well.get(subject, True) == well:
            return False
        await self._ledger.add_condition(Condition(subject=subject, well=well, at=self._clock.now(), detail=detail))
        self._well[subject] = well
        if well:
            _log.info("%s is back", subject)
        else:
            _log.warning("%s lost: %s", subject, detail)
        return True
