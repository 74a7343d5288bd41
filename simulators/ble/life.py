"""What all simulated Bluetooth devices share: being plugged in, and speaking again and again."""

import asyncio
from typing import Self

from simulators.ble.peripheral import Advertisement, Air, Service
from simulators.circuit import Now
from simulators.faults import Faults

_ECHO_S = 0.001
"""So much later what is said twice is said again."""


def with_colons(mac: str) -> str:
    """`AA:BB:CC:DD:EE:FF`, out of any way to write it."""
    plain = mac.replace(":", "").upper()
    return ":".join(plain[i : i + 2] for i in range(0, 12, 2))


class BleDevice:
    """A device in the air. Enter it to plug it in."""

    def __init__(self, air: Air, mac: str, now: Now, *, tick_s: float | None = 0.05) -> None:
        """`tick_s` is how often, in wall time, it advertises and looks at the clock; None: only when told."""
        self.mac = with_colons(mac)
        self.faults = Faults()
        self._air = air
        self._now = now
        self._tick_s = tick_s
        self._timer: asyncio.TimerHandle | None = None
        self._answers: set[asyncio.TimerHandle] = set()
        """What is still to be said."""

    # ---- life

    async def __aenter__(self) -> Self:
        await self.plug_in()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop()
        self._air.vanish(self)

    async def run(self) -> None:
        """Be plugged in until cancelled."""
        async with self:
            await asyncio.Future[None]()

    def unplug(self) -> None:
        """No power, no good-bye."""
        self._stop()
        self._air.vanish(self)
        self._power_down()

    async def plug_in(self) -> None:
        """Put it back; it is heard from its first tick on."""
        self._power_up()
        self._air.arrive(self)
        self._tick_later()

    def tick(self) -> None:
        """Do what is due by domain time, and advertise."""
        self._air.advertise(self)

    def _tick_later(self) -> None:
        if self._tick_s is not None:
            self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick_again)

    def _tick_again(self) -> None:
        self.tick()
        self._tick_later()

    def _stop(self) -> None:
        for timer in (self._timer, *self._answers):
            if timer is not None:
                timer.cancel()
        self._timer = None
        self._answers.clear()

    # ---- what a kind of device fills in

    @property
    def advertisement(self) -> Advertisement:
        """What it would say now."""
        return Advertisement()

    @property
    def services(self) -> tuple[Service, ...]:
        """Nothing, for it cannot be connected."""
        return ()

    def connected(self) -> None:
        """Somebody has connected."""

    def disconnected(self) -> None:
        """The connection is gone."""

    def _power_up(self) -> None:
        """Mains are there, or a fresh battery."""

    def _power_down(self) -> None:
        """Mains are gone."""

    def _notify(self, uuid: str, value: bytes) -> None:
        """Send a notification, as late and as often as its faults say."""
        delays_s = (
            [self.faults.delay_s, self.faults.delay_s + _ECHO_S] if self.faults.duplicate else [self.faults.delay_s]
        )
        for delay_s in delays_s:
            if delay_s:
                loop = asyncio.get_running_loop()
                self._answers.add(loop.call_later(delay_s, self._air.notify, self, uuid, value))
            else:
                self._air.notify(self, uuid, value)
