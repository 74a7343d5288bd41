"""The networks of the home, alive for as long as one command needs them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agent.adapters.ble.network import BleNetwork
from agent.composition import clock_of
from agent.errors import DeviceUnreachable, HubError
from agent.hub import alone_in
from agent.networks import Networks, devices_of, networks_of
from agent.ports import Device, Network
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.settings import DeviceSettings, Settings

ANSWER_S = 5.0
"""Wall seconds that a network gets to come up, and a device on it to be known there."""
_AGAIN_S = 0.1
_ADOPTED_ONLY = frozenset({"list", "switch"})
"""Words that speak with adopted devices only, so that no other network is needed."""
_BLUETOOTH_LOG = "agent.adapters.ble"

T = TypeVar("T")


@dataclass(frozen=True)
class Radio:
    """One network, by the families that are found on it."""

    name: str
    network: Network
    opens: bool = False
    """Whether its scan lets new devices join, for which it must not be cut into pieces."""


def radios_of(networks: Networks) -> Sequence[Radio]:
    """Each network once, though several families may share it."""
    families: dict[int, list[Family]] = {}
    objects: dict[int, Network] = {}
    for family, network in networks.by_family.items():
        families.setdefault(id(network), []).append(family)
        objects[id(network)] = network
    return [
        Radio(", ".join(families[key]), network, opens=Family.ZIGBEE in families[key])
        for key, network in objects.items()
    ]


@asynccontextmanager
async def alive(settings: Settings, profiles: Profiles, word: str, *, alone: bool = False) -> AsyncIterator[Networks]:
    """The networks with their loops at work, under a client name of their own so that a running hub is not put out.

    The ZigBee stick is among them if no hub has it, which is known where the caller is `alone` in the home's folder.
    A HubError that the body lets through comes out as an exception group.
    """
    client_id = f"{settings.mqtt.client_id}-{word}"
    free = alone or settings.zigbee.port is None or _is_free(settings.storage.folder)
    has_bluetooth = uses_bluetooth(settings, profiles)
    if word in _ADOPTED_ONLY and not has_bluetooth:
        settings = settings.model_copy(update={"ble": settings.ble.model_copy(update={"enabled": False})})
    networks = networks_of(settings, clock_of(settings), profiles, client_id=client_id, stick_is_free=free)
    with nullcontext() if has_bluetooth else _silent(_BLUETOOTH_LOG):
        async with at_work(networks):
            yield networks


def uses_bluetooth(settings: Settings, profiles: Profiles) -> bool:
    """Whether a device is adopted that is spoken with over Bluetooth."""
    adopted = [profiles[one.profile].family for one in settings.devices if one.profile in profiles]
    return not set(BleNetwork.families).isdisjoint(adopted)


def device_of(settings: Settings, networks: Networks, chosen: DeviceSettings) -> Device:
    """An adopted device as the hub itself makes it: a transmitter together with the meter that shows what it does.

    Raises SettingsInvalid, ProfileInvalid.
    """
    names = {chosen.name, None if chosen.infrared is None else chosen.infrared.verified_by}
    needed = tuple(one for one in settings.devices if one.name in names)
    made = devices_of(settings.model_copy(update={"devices": needed}), networks, clock_of(settings))
    return next(device for device in made if device.name == chosen.name)


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Say nothing of a network that this home does not need."""
    log = logging.getLogger(name)
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@asynccontextmanager
async def at_work(networks: Networks) -> AsyncIterator[None]:
    """The loops of networks. A HubError that the body lets through comes out as an exception group."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_kept(loop)) for loop in networks.loops]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def _is_free(folder: Path) -> bool:
    """Whether no hub is at work in a folder."""
    try:
        with alone_in(folder):
            return True
    except (HubError, OSError):
        return False


async def _kept(loop: Callable[[], Coroutine[None, None, None]]) -> None:
    """One network that cannot be kept must not end the others; who uses it hears why."""
    try:
        await loop()
    except HubError:
        return


async def first_answer(ask: Callable[[], Awaitable[T]], answer_s: float) -> T:
    """What a device answers, asked again at once while it is not yet known on its network.

    Raises DeviceUnreachable after `answer_s` wall seconds, or when it was asked and said nothing; other DeviceErrors.
    """
    clock = asyncio.get_running_loop()
    until = clock.time() + answer_s
    while True:
        asked_at = clock.time()
        try:
            return await ask()
        except DeviceUnreachable:
            # An answer that was waited for in vain is final; what fails at once was never sent.
            if clock.time() - asked_at > _AGAIN_S or clock.time() >= until:
                raise
        await asyncio.sleep(_AGAIN_S)
