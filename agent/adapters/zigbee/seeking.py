"""Looks for devices that do not answer where they were: they may have come back while nobody heard their new address.

The library learns the address from the answer by itself (`NWK_addr_rsp`, ZigBee specification 2.4.4.2.1).
"""

import asyncio
import random
from collections.abc import Callable, Iterable

from zigpy.types import EUI64
from zigpy.zdo import broadcast
from zigpy.zdo.types import AddrRequestType, ZDOCmd

from agent.adapters.zigbee.radio import Application, ZigbeeAway, called
from agent.adapters.zigbee.station import Station

EVERY_S = 1.0
"""Wall seconds between two questions: a network carries nine broadcasts in nine seconds, and no more."""
_PAUSE_S = (2.0, 600.0)
"""Wall seconds until the same device is sought again, doubling from the first to the last."""
_ALL_GROUPS, _ANY_DISTANCE = 0, 0


async def seek(app: Application, stations: Callable[[], Iterable[Station]]) -> None:
    """Ask everybody, for one lost device after the other, who it is; until cancelled."""
    due_s: dict[str, float] = {}
    pause_s: dict[str, float] = {}
    loop, jitter = asyncio.get_running_loop(), random.SystemRandom()
    while True:
        await asyncio.sleep(EVERY_S * jitter.uniform(1.0, 1.2))
        lost = [station.address for station in stations() if station.lost]
        for found in due_s.keys() - set(lost):
            del due_s[found], pause_s[found]
        waiting = [address for address in lost if due_s.get(address, 0.0) <= loop.time()]
        if not waiting:
            continue
        address = min(waiting, key=lambda each: due_s.get(each, 0.0))
        pause_s[address] = min(_PAUSE_S[1], 2 * pause_s.get(address, _PAUSE_S[0] / 2))
        due_s[address] = loop.time() + pause_s[address]
        try:
            await called(lambda: _who_is(app, address))  # noqa: B023 - awaited at once
        except ZigbeeAway:
            continue  # it is told elsewhere


async def _who_is(app: Application, address: str) -> None:
    ieee = EUI64.convert(address)
    await broadcast(  # type: ignore[no-untyped-call]
        app, ZDOCmd.NWK_addr_req, _ALL_GROUPS, _ANY_DISTANCE, ieee, AddrRequestType.Single, 0
    )
