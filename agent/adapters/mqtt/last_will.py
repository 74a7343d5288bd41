"""What all relays have in common whose device leaves a last will with the broker."""

from collections.abc import Callable
from typing import Protocol


class Heir(Protocol):
    """A device's station, as far as its last will goes."""

    online: bool | None
    """What its last will or its last word says; None if neither was heard."""
    returns: int
    """How often it has said that it is back."""


class LastWillSwitch:
    """One relay of such a device: an answer costs one message, so it may be asked often."""

    asked_often = True

    def __init__(self, heir: Heir) -> None:
        self._heir = heir
        self.on_report: Callable[[bool], None] | None = None

    @property
    def returns(self) -> int:
        """How often it has said that it is back."""
        return self._heir.returns

    @property
    def away(self) -> str:
        """What its last will says."""
        return "its last will says that it is offline" if self._heir.online is False else ""

    def _report(self, on: bool) -> None:  # noqa: FBT001 - a relay reports one thing
        if self.on_report is not None:
            self.on_report(on)
