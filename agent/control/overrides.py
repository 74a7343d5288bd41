"""What its owner has set at a load's own button or by hand, and for how long the hub leaves that alone."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from agent.domain.command import Cause, Command, Stage
from agent.domain.device import Name, RelayState
from agent.domain.interval import Instant
from agent.domain.value import Value

FOUND = (Cause.OBSERVED, Cause.UNATTENDED)
"""Rows that are no orders: the relay was found so."""
BY_HAND = (*FOUND, Cause.BY_COMMAND)
"""An appliance that is on for one of these was started by somebody in the house."""
_WISHES = (Cause.OBSERVED, Cause.BY_COMMAND)
_LEAVES_IT_IN_FORCE = (Cause.SAFE_STATE, Cause.OVERRIDE)
"""The hub went away, or did for the owner what the owner wants. Any other order ends it, as does another state."""


class Override(Value):
    """The hub leaves a load as its owner set it."""

    load: Name
    on: bool
    until: Instant


def override_in_force(commands: Sequence[Command], now: datetime, lasts: timedelta) -> Override | None:
    """What the owner of a load wants of it by its commands (newest first); None where the hub decides.

    A press, or an order by hand that the relay is known to have followed, counts for `lasts`, whatever is planned
    meanwhile.
    """
    said = [command for command in commands if command.cause not in _LEAVES_IT_IN_FORCE]
    if not lasts or not said or said[0].cause not in _WISHES or said[0].stage is not Stage.VERIFIED:
        return None
    until = said[0].at + lasts
    return Override(load=said[0].load, on=said[0].on, until=until) if now < until else None


class Attendance:
    """Which relays have been held without a break: only there a change must have been somebody's hand.

    What is remembered here may be lost: a change that nobody can tell from a device's own is set right at once.
    """

    def __init__(self, dead_man: timedelta) -> None:
        """`dead_man` is the time after which a relay that must be renewed goes off by itself."""
        self._dead_man = dead_man
        self.answered: AbstractSet[Name] = frozenset()
        """The loads that answered at the last look."""
        self._returns: Mapping[Name, int] = {}
        self._kept_on: dict[Name, datetime] = {}

    def looked(self, answered: AbstractSet[Name], returns: Mapping[Name, int]) -> None:
        """Note which loads answered at this look, and how often each has come back so far."""
        self.answered, self._returns = answered, returns

    def kept_on(self, load: Name, at: datetime) -> None:
        """Note that a load was told at a moment to be on, or to stay on."""
        self._kept_on[load] = at

    def was_held(self, load: Name, reported: RelayState, *, must_be_renewed: bool, returns: int) -> bool:
        """Whether a load that is found otherwise was held up to then.

        It answered before, did not end by itself, and was neither away nor without power meanwhile.
        """
        if load not in self.answered or returns != self._returns.get(load):
            return False
        if reported.on or not must_be_renewed:
            return True
        kept_on = self._kept_on.get(load)
        return kept_on is not None and reported.at - kept_on < self._dead_man
