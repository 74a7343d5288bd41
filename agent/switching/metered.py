"""An air conditioner behind a remote control, switched for certain: only the meter on its circuit shows what it does.

The remote says that it has sent an order; whether the unit heard it shows within minutes, for a compressor waits and
starts slowly. Until then the order is pending, and its circuit counts as it shows:

    requested ─ sent ─┬─ the circuit shows it at once, or within `settles_s` ──► verified
                      └ it does not ───────────────────────────────────────────► as the circuit shows
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.domain.device import Infrared, Name, RelayState
from agent.domain.house import Aim
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable, DeviceUnverified
from agent.ports import Clock, Meter, Remote
from agent.switching.words import on_or_off, silence

_IDLES = timedelta(minutes=30)
"""A unit that was told to be on and has drawn little for so long is told again: it may have lost its supply."""


@dataclass
class _Order:
    on: bool
    at: datetime
    shown: bool = False
    """Whether the circuit has shown since then that it was obeyed."""


class MeteredRelay:
    """The unit as a relay. It remembers nothing over a restart: then the circuit alone tells how it stands."""

    returns = 0

    def __init__(
        self, remote: Remote, meter: Meter, clock: Clock, name: Name, *, deadline_s: float, infrared: Infrared
    ) -> None:
        """`deadline_s` are wall seconds for the remote; `infrared` says what the meter's power means (domain time)."""
        self._remote = remote
        self._meter = meter
        self._clock = clock
        self._name = name
        self._deadline_s = deadline_s
        self._on_above_w = infrared.on_above_w
        self._settles = timedelta(seconds=infrared.settles_s)
        self._turn = asyncio.Lock()
        self._aim: Aim | None = None
        self._order: _Order | None = None
        self.on_pressed: Callable[[RelayState], None] | None = None
        """Never told: what somebody does with the unit's own remote control shows at the next look."""
        self.acknowledged = False
        self._heard_at: datetime | None = None
        self._ran_at: datetime | None = None
        """When the circuit last showed that the unit runs."""
        remote.on_heard = self._heard

    @property
    def asked_often(self) -> bool:
        """While somebody may just have put it on by hand; else compressors are slow, and each step asks anyway."""
        return self._heard_at is not None and self._clock.now() - self._heard_at < self._settles

    @property
    def must_be_renewed(self) -> bool:
        """While it idles for long; if the hub is gone its own thermostat holds the room at the setpoint."""
        order = self._order
        if order is None or not order.on or not order.shown:
            return False
        return self._clock.now() - max(order.at, self._ran_at or order.at) >= _IDLES

    @property
    def pending(self) -> bool | None:
        """What was sent and not shown yet, for as long as it may take."""
        order = self._order
        if order is None or order.shown or self._clock.now() - order.at >= self._settles:
            return None
        return order.on

    def aim(self, aim: Aim) -> None:
        """Say what the next "on" is to mean."""
        self._aim = aim

    async def switch(self, *, on: bool) -> RelayState:
        """Have the order sent, and return the state that the circuit shows, which is the wanted one.

        Raises DeviceUnverified while the circuit does not show it (yet), DeviceUnreachable, DeviceRefused,
        DeviceMalformed.
        """
        aim = self._aim if on else None
        if on and aim is None:
            raise DeviceRefused(self._name, "was not told yet whether to heat or to cool, and to what temperature")
        async with self._turn:
            again = on and self._order is not None and self._order.on and self._order.shown
            self.acknowledged, self._order = False, self._order if again else None
            await self._sent(aim)
            self.acknowledged, self._order = True, _Order(on=on, at=self._clock.now(), shown=again)
            state = await self._shown()
        if state.on is not on:
            word = on_or_off(on=on)
            raise DeviceUnverified(self._name, f"does not show yet on its circuit that it was told to be {word}")
        return state

    async def read(self) -> RelayState:
        """How the unit stands, by its circuit. Raises DeviceUnreachable, DeviceMalformed."""
        async with self._turn:
            return await self._shown()

    async def start_off(self) -> bool:
        """Only its owner can set what the unit does when the mains come back."""
        return False

    def _heard(self, _on: bool) -> None:  # noqa: FBT001 - as the remote tells it
        """Somebody else's remote control was seen; what came of it only the circuit shows."""
        self._heard_at = self._clock.now()

    async def _sent(self, aim: Aim | None) -> None:
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._remote.order(aim)
        except TimeoutError as error:
            raise DeviceUnreachable(self._name, silence(self._deadline_s, self._remote.away)) from error

    async def _shown(self) -> RelayState:
        reading = await self._meter.read()
        if reading.power_w is None:
            raise DeviceMalformed(self._name, "the meter on its circuit reports no power")
        order = self._order
        if order is not None and reading.at < order.at:
            raise DeviceUnreachable(self._name, "the meter on its circuit has not measured since the order")
        runs = reading.power_w > self._on_above_w
        if runs:
            self._ran_at = reading.at
        if order is not None and order.on is runs:
            order.shown = True
        # One that ran and then draws little has reached its own setpoint, and goes on when the room needs it.
        idles = order is not None and order.on and order.shown
        return RelayState(on=runs or idles, at=reading.at)
