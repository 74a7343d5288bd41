"""One relay, switched for certain: an order counts only when the device has said so after it, else its fate is unknown.

A family gives single attempts (`Switch`): an order that the device acknowledges, and a question that it answers. Here
they become a promise. Desired, reported and verified state are kept apart, one conversation at a time:

    requested ─ acknowledged ─┬─ asked: the wanted state ──► verified
              └ no answer ────┘        the other state ───► DeviceUnverified
                                       no answer ─────────► DeviceUnreachable: unknown, it may be in either state
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.domain.device import Name, RelayState
from agent.errors import DeviceUnreachable, DeviceUnverified
from agent.ports import Clock, Switch
from agent.switching.words import on_or_off, silence

_log = logging.getLogger(__name__)

_AWAY_S = 1.0
"""A device that is known to be away is asked all the same, for its last will may be late, but not for long."""
_SETTLES_S = 0.1
"""So much later a device is asked again that has not the wanted state yet, ..."""
_QUESTIONS = 3
"""... so many times in all."""


@dataclass(frozen=True)
class Standing:
    """How a relay stands, as far as that is known; None: not yet."""

    desired: bool | None = None
    """What it was last told to be."""
    acknowledged: bool = False
    """Whether it has said that it heard so; that it is so it has not said by that."""
    reported: RelayState | None = None
    """What it last said by itself."""
    verified: RelayState | None = None
    """What it last answered when it was asked."""


class CertainRelay:
    """The relay of one circuit. Orders and questions wait for their turn."""

    def __init__(
        self,
        switch: Switch,
        clock: Clock,
        name: Name,
        *,
        deadline_s: float,
        ends_after_s: float | None = None,
        turn: asyncio.Lock | None = None,
    ) -> None:
        """`deadline_s` are wall seconds for an order and its verification together.

        With `ends_after_s` (domain seconds) the device itself ends each "on" that is not given again within them, if
        it can. `turn` is shared by all relays of one device.
        """
        self._switch = switch
        self._clock = clock
        self._name = name
        self._deadline_s = deadline_s
        self._ends_after_s = ends_after_s if switch.ends_itself else None
        self._turn = asyncio.Lock() if turn is None else turn
        self.standing = Standing()
        self._known: bool | None = None
        """What it last said, asked or not."""
        self._ordering = False
        self.on_pressed: Callable[[RelayState], None] | None = None
        """Told when the device reports by itself a change that nobody here ordered."""
        switch.on_report = self._reported

    @property
    def must_be_renewed(self) -> bool:
        """Whether an "on" ends unless it is given again."""
        return self._ends_after_s is not None

    @property
    def asked_often(self) -> bool:
        """Whether it may be asked several times a minute."""
        return self._switch.asked_often

    @property
    def returns(self) -> int:
        """How often the device has said that it is back."""
        return self._switch.returns

    @property
    def acknowledged(self) -> bool:
        """Whether the device has said that it heard the last order."""
        return self.standing.acknowledged

    @property
    def pending(self) -> None:
        """Nothing: it obeys within its deadline or not at all."""
        return

    async def switch(self, *, on: bool) -> RelayState:
        """Switch, and return the state read back, which is the wanted one.

        Raises DeviceUnreachable (the state is then unknown), DeviceUnverified, DeviceRefused, DeviceMalformed.
        """
        async with self._turn:
            self.standing = replace(self.standing, desired=on, acknowledged=False)
            self._ordering = True
            try:
                state = await self._ordered(on=on)
            finally:
                self._ordering = False
        if state.on is not on:
            raise DeviceUnverified(
                self._name, f"is {on_or_off(on=state.on)} after it was told to be {on_or_off(on=on)}"
            )
        return state

    async def read(self) -> RelayState:
        """Ask the device. Raises DeviceUnreachable, DeviceRefused, DeviceMalformed."""
        async with self._turn:
            patience_s = self._patience_s()
            return await self._asked(asyncio.get_running_loop().time() + patience_s, patience_s)

    async def start_off(self) -> bool:
        """Have it start off when its power comes back. Raises DeviceUnreachable, DeviceRefused, DeviceMalformed."""
        async with self._turn:
            patience_s = self._patience_s()
            try:
                async with asyncio.timeout(patience_s):
                    return await self._switch.start_off()
            except TimeoutError as error:
                raise DeviceUnreachable(self._name, silence(patience_s, self._switch.away)) from error

    async def _ordered(self, *, on: bool) -> RelayState:
        patience_s = self._patience_s()
        ends_s = asyncio.get_running_loop().time() + patience_s
        try:
            async with asyncio.timeout(patience_s / 2):
                await self._switch.order(on=on, ends_after_s=self._ends_after_s if on else None)
        except TimeoutError:
            _log.debug("%s did not acknowledge, it is asked", self._name)  # the order or its answer may be lost
        else:
            self.standing = replace(self.standing, acknowledged=True)
        return await self._settled(ends_s, patience_s, wanted=on)

    async def _settled(self, ends_s: float, patience_s: float, *, wanted: bool) -> RelayState:
        """What the device says, asked again where it is not there yet."""
        state = await self._asked(ends_s, patience_s)
        for _ in range(_QUESTIONS - 1):
            if state.on is wanted or asyncio.get_running_loop().time() + _SETTLES_S >= ends_s:
                break
            await asyncio.sleep(_SETTLES_S)
            state = await self._asked(ends_s, patience_s)
        return state

    async def _asked(self, ends_s: float, patience_s: float) -> RelayState:
        try:
            async with asyncio.timeout_at(ends_s):
                on = await self._switch.ask()
        except TimeoutError as error:
            raise DeviceUnreachable(self._name, silence(patience_s, self._switch.away)) from error
        state = RelayState(on=on, at=self._clock.now())
        self.standing = replace(self.standing, verified=state)
        self._known = on
        return state

    def _patience_s(self) -> float:
        return min(self._deadline_s, _AWAY_S) if self._switch.away else self._deadline_s

    def _reported(self, on: bool) -> None:  # noqa: FBT001 - a relay reports one thing
        """The device says by itself how it stands.

        A change that nobody ordered is a press, also while a question is under way. What is said again is none, and
        what is said during an order may be of before it.
        """
        state = RelayState(on=on, at=self._clock.now())
        changed = self._known is not None and on is not self._known
        self._known = on
        self.standing = replace(self.standing, reported=state)
        if changed and on is not self.standing.desired and not self._ordering and self.on_pressed is not None:
            self.on_pressed(state)
