"""A simulated ZigBee home in the hand of a test: a stick, devices, and the hub's network on it."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.zigbee.network import DATABASE, ZigbeeNetwork
from agent.adapters.zigbee.radio import RadioSettings
from agent.domain.device import Adoption, Role
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.zigbee.coordinator import Coordinator
from simulators.zigbee.device import ZigbeeDevice
from simulators.zigbee.ezsp_coordinator import EzspCoordinator
from simulators.zigbee.ezsp_memory import EzspMemory
from simulators.zigbee.nvram import Nvram
from simulators.zigbee.plug import ZigbeePlug, ZigbeeThermometer
from simulators.zigbee.stick import Stick
from tests.contract.bench import PATIENT_S, StillClock

FIRST = 0xA4C1_3800_0000_0001
PROFILES = load_profiles()
FORMING_S = 30.0
"""A deadline for forming on an EZSP stick at a socket: the library waits 2 s at each start whether it starts anew."""
Made = Callable[[Stick, Heater, StillClock], ZigbeePlug | ZigbeeThermometer]


def settings(stick: Stick, *, answers_s: float = 6.0, watched_every_s: float = 20.0) -> RadioSettings:
    firmware = "ezsp" if isinstance(stick, EzspCoordinator) else "zstack"
    return RadioSettings(stick.url, answers_s=answers_s, watched_every_s=watched_every_s, firmware=firmware)


def network_on(stick: Stick, folder: Path, clock: StillClock, *, answers_s: float = 6.0) -> ZigbeeNetwork:
    return ZigbeeNetwork(
        settings(stick, answers_s=answers_s, watched_every_s=answers_s * 3),
        folder,
        clock,
        PROFILES,
        retry_s=(0.01, 0.05),
        polls_per_s=100.0,
    )


@asynccontextmanager
async def running(network: ZigbeeNetwork, patient_s: float = PATIENT_S) -> AsyncIterator[ZigbeeNetwork]:
    task = asyncio.create_task(network.run())
    try:
        await network.wait_connected(patient_s)
        yield network
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(PATIENT_S):
        while not holds():
            await asyncio.sleep(0.002)


@dataclass
class Formed:
    """What a network leaves behind in its stick and in the hub's folder, with one device in it."""

    nvram: Nvram
    database: Path


@dataclass
class FormedByEzsp:
    """The same of a stick of Silicon Labs."""

    memory: EzspMemory
    database: Path


_formed_by_ezsp: list[tuple[tempfile.TemporaryDirectory[str], FormedByEzsp]] = []


async def formed(folder: Path, make: Made) -> Formed:
    """Form a network and let one device join, as an owner would."""
    async with Coordinator() as stick:
        await _set_up(stick, folder, make)
    return Formed(stick.nvram, folder / DATABASE)


async def formed_by_ezsp() -> FormedByEzsp:
    """The same on a stick of Silicon Labs, with a plug; once, for the library waits long at each start."""
    if not _formed_by_ezsp:
        kept = tempfile.TemporaryDirectory(prefix="zigbee-")
        async with EzspCoordinator() as stick:
            await _set_up(stick, Path(kept.name), plug)
        _formed_by_ezsp.append((kept, FormedByEzsp(stick.memory, Path(kept.name) / DATABASE)))
    return _formed_by_ezsp[0][1]


async def _set_up(stick: Stick, folder: Path, make: Made) -> None:
    clock = StillClock()
    async with running(network_on(stick, folder, clock), FORMING_S) as network:
        device = make(stick, Heater(), clock)
        backups = network._link.require().backups
        before = backups.most_recent_backup()
        scanning = asyncio.create_task(network.scan(0.2))
        await until(lambda: stick.permitted_s > 0)
        assert device.join()
        (seen,) = await scanning
        assert seen.address == device.address
        await until(lambda: device.arranged)
        await until(lambda: backups.most_recent_backup() is not before)


def copied(left: Formed, folder: Path) -> Coordinator:
    """The same stick and the same database, as if the hub had been started again."""
    shutil.copy(left.database, folder / DATABASE)
    return Coordinator(left.nvram.copied())


def copied_ezsp(left: FormedByEzsp, folder: Path) -> EzspCoordinator:
    """The same for a stick of Silicon Labs."""
    shutil.copy(left.database, folder / DATABASE)
    return EzspCoordinator(left.memory.copied())


def adopt(network: ZigbeeNetwork, device: ZigbeeDevice, profile: str, **more: float | str) -> Device:
    ends_after_s = more.pop("ends_after_s", None)
    adoption = Adoption.model_validate(
        {"name": "bench", "role": Role.WATER_HEATER, "profile": profile, "address": device.address, **more}
    )
    return network.device(adoption, None if ends_after_s is None else float(ends_after_s))


def plug(stick: Stick, heater: Heater, clock: StillClock) -> ZigbeePlug:
    return ZigbeePlug(stick, FIRST, heater, clock.now)
