"""A home with Bluetooth: a bus, a BlueZ and the hub's side of it, all of one test's own.

bleak keeps one connection with BlueZ for each event loop, and pytest gives each test a loop of its own: where a test
ends, that connection is ended too, or its task would be left behind.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from bleak.backends.bluezdbus import manager

from agent.adapters.ble.link import Links
from agent.adapters.ble.network import BleNetwork
from agent.adapters.ble.radio import ConnectionListener, Radio
from agent.domain.device import Adoption, Role
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.ble.bluez import Bluez
from simulators.ble.bus import PrivateBus
from simulators.ble.objects import Adapter
from tests.contract.bench import PATIENT_S, StillClock

PROFILES = load_profiles()


@dataclass
class BleHome:
    """All that a test holds in its hands."""

    bus: PrivateBus
    bluez: Bluez
    clock: StillClock
    radio: Radio
    links: Links
    network: BleNetwork

    def device(
        self,
        profile: str,
        address: str,
        deadline_s: float = PATIENT_S,
        ends_after_s: float | None = None,
        sensor: str | None = None,
    ) -> Device:
        adoption = Adoption(
            name="bench",
            role=Role.WATER_HEATER,
            profile=profile,
            address=address,
            deadline_s=deadline_s,
            sensor=sensor,
        )
        return self.network.device(adoption, ends_after_s)

    async def heard(self, mac: str) -> None:
        """Wait until the hub has heard a device."""
        news = asyncio.Event()
        self.radio.listen(mac, lambda _heard, _fresh: news.set())
        async with asyncio.timeout(PATIENT_S):
            await news.wait()


@asynccontextmanager
async def system_bus(*, started: bool = True) -> AsyncIterator[PrivateBus]:
    """A bus of one's own that all take for the system's."""
    bus = PrivateBus()
    try:
        if started:
            bus.start()
        with bus.as_system_bus():
            yield bus
    finally:
        await forget_bleak()
        bus.discard()


async def forget_bleak() -> None:
    """End what bleak keeps for this loop."""
    kept = manager._global_instances.pop(asyncio.get_running_loop(), None)
    if kept is not None and kept._bus is not None:
        kept._bus.disconnect()
        if kept._bus_watcher_task is not None:
            await asyncio.wait([kept._bus_watcher_task])


Loop = Callable[[], Coroutine[None, None, None]]


@asynccontextmanager
async def running(loops: Sequence[Loop]) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """Keep the hub's loops for as long as the block lasts."""
    tasks = [asyncio.create_task(loop()) for loop in loops]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            with suppress(asyncio.CancelledError):
                task.result()


@asynccontextmanager
async def ble_home(
    clock: StillClock | None = None,
    *,
    adapter: Adapter | None = None,
    on_connection: ConnectionListener | None = None,
    silent_s: float = 120.0,
    linger_s: float = 4.0,
) -> AsyncIterator[BleHome]:
    """The hub listens, and BlueZ has an adapter."""
    clock = StillClock() if clock is None else clock
    async with system_bus() as bus, Bluez(bus, Adapter() if adapter is None else adapter) as bluez:
        radio = Radio(clock, on_connection=on_connection, retry_s=(0.02, 0.1), check_s=0.02, silent_s=silent_s)
        links = Links(radio, check_s=0.02, linger_s=linger_s)
        network = BleNetwork(radio, clock, PROFILES, links)
        async with running(network.loops):
            await radio.wait_up(PATIENT_S)
            yield BleHome(bus, bluez, clock, radio, links, network)
