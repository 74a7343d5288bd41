"""The networks of the home, alive for as long as one command needs them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agent.composition import clock_of
from agent.errors import DeviceUnreachable, HubError
from agent.hub import alone_in
from agent.networks import Networks, networks_of
from agent.ports import Network
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.settings import Settings

ANSWER_S = 5.0
"""Wall seconds that a network gets to come up, and a device on it to be known there."""
_AGAIN_S = 0.1

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
    networks = networks_of(settings, clock_of(settings), profiles, client_id=client_id, stick_is_free=free)
    async with at_work(networks):
        yield networks


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
