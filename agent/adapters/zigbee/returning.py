"""Asks devices that announce themselves how they stand: whoever was without power may have changed its relay."""

import asyncio
import logging

from agent.adapters.zigbee.polls import Polls
from agent.adapters.zigbee.station import Station
from agent.errors import DeviceError

_log = logging.getLogger(__name__)

_MOST_WAITING = 256
_AT_ONCE = 4
"""So many devices are waited for at the same time: one that is gone again must not keep the others waiting."""
_ANSWERS_S = 1.5
_SETTLES_S = 0.1
"""A device that comes back is told of several times at once: by the coordinator, and by itself."""
_TIMES = 3
_PAUSE_S = 0.5
"""Wall seconds between two questions: what has just started may not know its way through the mesh yet."""


class Returning:
    """The devices that have come back, and were not asked yet."""

    def __init__(self, polls: Polls) -> None:
        self._polls = polls
        self._waiting: asyncio.Queue[Station] = asyncio.Queue(_MOST_WAITING)
        self._waits: set[str] = set()

    def add(self, station: Station) -> None:
        """Have a device asked soon, unless it waits for that already."""
        if station.switches and station.address not in self._waits and not self._waiting.full():
            self._waits.add(station.address)
            self._waiting.put_nowait(station)

    async def ask(self) -> None:
        """Ask one after the other until cancelled, as often as the budget of all questions lets it."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._ask())

    async def _ask(self) -> None:
        while True:
            station = await self._waiting.get()
            await asyncio.sleep(_SETTLES_S)
            self._waits.discard(station.address)  # if it comes back once more meanwhile, it is asked once more
            for _ in range(_TIMES):
                await self._polls.turn()
                if await _looked(station):
                    break
                await asyncio.sleep(_PAUSE_S)


async def _looked(station: Station) -> bool:
    try:
        async with asyncio.timeout(_ANSWERS_S):
            await station.look()
    except (TimeoutError, DeviceError) as error:
        _log.debug("%s came back, and does not say how it stands: %s", station.address, error)
        return False
    return True
