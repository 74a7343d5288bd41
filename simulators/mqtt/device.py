"""A simulated device behind one link with the broker: its life from plug to plug."""

import asyncio
from typing import Generic, Self, TypeVar

from simulators.mqtt.link import Link

_READY_S = 10.0

AnyLink = TypeVar("AnyLink", bound=Link)


class MqttDevice(Generic[AnyLink]):
    """Enter it to plug it in. A family says what booting, losing power and a moment of domain time mean to it."""

    def __init__(self, link: AnyLink, tick_s: float | None) -> None:
        """`tick_s` (wall time) is how often domain time is looked at; None: never by itself."""
        self._link = link
        self._tick_s = tick_s
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await self.plug_in()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop_ticking()
        self._link.close()

    async def run(self) -> None:
        """Be plugged in until cancelled."""
        async with self:
            await asyncio.Future[None]()

    async def wait_up(self) -> None:
        """Wait until the broker has let the device in. Raises TimeoutError."""
        async with asyncio.timeout(_READY_S):
            await self._link.up.wait()

    def unplug(self) -> None:
        """Pull the plug: no power, no good-bye."""
        self._stop_ticking()
        self._link.cut()
        self._power_down()

    async def plug_in(self) -> None:
        """Put it back: it starts as it is set to."""
        self._boot()
        self._link.open()
        self._tick_again()
        await self.wait_up()

    async def brown_out(self) -> None:
        """A dip in the mains: it starts anew, and the broker learns that from its return."""
        self.unplug()
        await self.plug_in()

    def tick(self) -> None:
        """Do what is due by domain time."""
        raise NotImplementedError

    def _boot(self) -> None:
        """Begin, with power, before the broker is there."""
        raise NotImplementedError

    def _power_down(self) -> None:
        """Lose power."""
        raise NotImplementedError

    def _tick_again(self) -> None:
        if self._tick_s is not None:
            self.tick()
            self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick_again)

    def _stop_ticking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
