"""The ways on which one device can be listened in on: MQTT by topics, ZigBee by clusters, Bluetooth by its bytes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from agent.adapters.ble.network import BleNetwork
from agent.adapters.ble.radio import mac_of
from agent.adapters.ble.recording import AirTap, HeardLinks
from agent.adapters.mqtt.recording import BrokerTap, ieee_of
from agent.commands.devices.scan import key_of
from agent.domain.device import Protocol as Way
from agent.errors import HubError, ProfileInvalid, SettingsInvalid
from agent.networks import Networks
from agent.ports import Clock
from agent.settings import Settings

STICK_S = 20.0
"""Wall seconds that a ZigBee stick gets to come up."""

Hear = Callable[..., None]
"""Told of one message; see each tap."""


@runtime_checkable
class TappedStick(Protocol):
    """A ZigBee network that can be listened in on."""

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait for its coordinator. Raises HubError."""

    def tap(self, address: str, hear: Hear) -> AbstractContextManager[None]:
        """Tell `hear` all that passes between the hub and a device, until the block ends."""

    def has(self, address: str) -> bool:
        """Whether a device is a member."""


@dataclass(frozen=True)
class Ear:
    """One way to a device."""

    name: str
    tap: Callable[[str, Hear], AbstractContextManager[None]]
    ready: Callable[[], Awaitable[None]]
    """Return when something can be heard. Raises HubError."""


def ways_to(address: str, settings: Settings, networks: Networks) -> frozenset[Way]:
    """By which an adopted device is spoken with; else all by which an address may be meant."""
    known = set()
    for device in settings.devices:
        if key_of(device.address) == key_of(address):
            try:
                known.add(networks.profiles.named(device.profile).protocol)
            except ProfileInvalid:
                continue
    if known:
        return frozenset(known)
    guessed = {Way.MQTT}
    guessed |= {Way.ZIGBEE} if ieee_of(address) is not None else set()
    guessed |= {Way.BLE} if mac_of(address) is not None else set()
    return frozenset(guessed)


def ears_for(address: str, settings: Settings, networks: Networks, answer_s: float) -> Sequence[Ear]:
    """The ways to a device, those that are away among them: they say so when one waits for them."""
    ways = ways_to(address, settings, networks)
    ears = []
    if Way.MQTT in ways:
        broker = networks.broker
        ears.append(Ear("MQTT", BrokerTap(broker).tap, lambda: broker.wait_connected(answer_s)))
    if Way.ZIGBEE in ways and (settings.zigbee.port is not None or Way.MQTT not in ways):
        ears.append(_zigbee(_with_colons(address), settings, networks))
    radio = networks.bluetooth
    if Way.BLE in ways and radio is not None:
        ears.append(Ear("Bluetooth", AirTap(radio).tap, lambda: radio.wait_up(answer_s)))
    if not ears:
        raise SettingsInvalid(f"{address} is on a network that the settings lack: Bluetooth (ble.enabled = true)")
    return ears


def _zigbee(address: str, settings: Settings, networks: Networks) -> Ear:
    stick: object = networks.zigbee
    if isinstance(stick, TappedStick):
        tapped = stick

        async def ready() -> None:
            await tapped.wait_connected(STICK_S)
            if not tapped.has(address):
                raise SettingsInvalid(f"{address} has not joined the ZigBee network of this hub")

        return Ear("ZigBee", lambda _address, hear: tapped.tap(address, hear), ready)
    why = "a running hub has the ZigBee coordinator: stop it to record there"
    if settings.zigbee.port is None:
        why = 'no coordinator: set zigbee.port, for example "/dev/serial/by-id/…"'

    async def away() -> None:
        raise SettingsInvalid(why)

    return Ear("ZigBee", lambda _address, _hear: nullcontext(), away)


def _with_colons(address: str) -> str:
    """An IEEE address as the stick writes it, whoever wrote it how."""
    digits = (ieee_of(address) or "0x").removeprefix("0x")
    return ":".join(digits[at : at + 2] for at in range(0, 16, 2)) if digits else address


async def ready_ears(ears: Sequence[Ear]) -> tuple[Sequence[Ear], Sequence[str]]:
    """Those that hear, and why the others do not. Raises HubError if none does."""
    came = await asyncio.gather(*(ear.ready() for ear in ears), return_exceptions=True)
    away = {ear.name: one for ear, one in zip(ears, came, strict=True) if one is not None}
    for error in away.values():
        if not isinstance(error, HubError) or len(ears) == 1:
            raise error
    reasons = [f"{name}: {error}" for name, error in away.items()]
    if len(away) == len(ears):
        raise SettingsInvalid("; ".join(reasons))
    return [ear for ear in ears if ear.name not in away], reasons


@asynccontextmanager
async def heard_bluetooth(networks: Networks, clock: Clock, address: str, hear: Hear) -> AsyncIterator[Networks]:
    """The networks, with what the hub says to a device over Bluetooth and what that answers told as well."""
    if networks.bluetooth is None or mac_of(address) is None:
        yield networks
        return
    links = HeardLinks(networks.bluetooth, address, hear)
    heard = BleNetwork(networks.bluetooth, clock, networks.profiles, links)
    sweeping = asyncio.create_task(links.run())
    try:
        families = {family: heard for family in BleNetwork.families if family in networks.by_family}
        yield replace(networks, by_family={**networks.by_family, **families})
    finally:
        sweeping.cancel()
        await asyncio.wait([sweeping])
