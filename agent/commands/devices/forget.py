"""`kwh-hub devices forget`: a device is taken out of the owner's settings, and out of the hub's own ZigBee network."""

import argparse
import asyncio
from pathlib import Path
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.text import Text

from agent.commands.devices.networks import at_work
from agent.commands.devices.owner_file import rewrite
from agent.commands.devices.speaking import agreed, at_terminal
from agent.commands.devices.table_text import without_device
from agent.composition import clock_of
from agent.domain.address import address_key
from agent.errors import HubError, ProfileInvalid, SettingsInvalid
from agent.hub import alone_in
from agent.networks import networks_of
from agent.profiles.library import Profiles, load_profiles
from agent.profiles.profile import Family
from agent.settings import DeviceSettings, Settings, load_settings

STICK_S = 20.0
"""Wall seconds that the ZigBee stick gets to come up."""
_BY_HAND = "It is still in the hub's ZigBee network: reset it by its button (its manual says how) to use it elsewhere"


@runtime_checkable
class Forgets(Protocol):
    """A network that devices are members of."""

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait for it. Raises HubError."""

    async def forget(self, address: str) -> bool:
        """Forget a device, and return whether it said that it leaves. Raises HubError."""


def forget(arguments: argparse.Namespace, stick_s: float = STICK_S) -> int:
    """Remove a device's table from the file, then tell a ZigBee device to leave. Raises SettingsInvalid."""
    path: Path = arguments.config
    console, profiles = Console(), load_profiles()
    before = _settings(path)
    if at_terminal():
        agreed(console, f"Remove {arguments.name} from {path}?", yes=arguments.yes)
    rewrite(path, lambda text: without_device(text, arguments.name), _loads)
    console.print(Text(f"{arguments.name} is forgotten in {path}; a running hub lets go of it when it starts anew."))
    for device in () if before is None else before.devices:
        if before is not None and device.name == arguments.name and _is_on_the_stick(device, profiles):
            console.print(Text(_farewell(before, device, profiles, stick_s, keep=arguments.keep_joined)))
    return 0


def _settings(path: Path) -> Settings | None:
    """What stands in the file; None if it is not usable, which to forget a device may be the remedy for."""
    try:
        return load_settings(path)
    except SettingsInvalid:
        return None


def _loads(new: Path) -> None:
    load_settings(new)


def _is_on_the_stick(device: DeviceSettings, profiles: Profiles) -> bool:
    try:
        return profiles.named(device.profile).family is Family.ZIGBEE
    except ProfileInvalid:
        return False


def _farewell(settings: Settings, device: DeviceSettings, profiles: Profiles, stick_s: float, *, keep: bool) -> str:
    """What became of a device's place in the ZigBee network, in words."""
    same = [other.name for other in settings.devices if other != device and _is_same(other, device, profiles)]
    if same:
        return f"{', '.join(same)} is another part of the same device: it stays in the hub's ZigBee network."
    if keep:
        return "It stays in the hub's ZigBee network, and can be adopted again at any time."
    if settings.zigbee.port is None:
        return f"{_BY_HAND}. The settings name no stick (zigbee.port) by which it could be told."
    return _dismissed(settings, device, profiles, stick_s)


def _dismissed(settings: Settings, device: DeviceSettings, profiles: Profiles, stick_s: float) -> str:
    """Tell the device to leave if no hub is at work, and say what came of it."""
    try:
        with alone_in(settings.storage.folder):
            leaves = asyncio.run(_told(settings, device, profiles, stick_s))
    except (HubError, OSError) as error:
        return f"{_BY_HAND}. It could not be told: {error}."
    if leaves:
        return "It has left the hub's ZigBee network."
    return "It did not answer when it was told to leave. The hub forgot it all the same: reset it by its button."


def _is_same(other: DeviceSettings, device: DeviceSettings, profiles: Profiles) -> bool:
    return _is_on_the_stick(other, profiles) and address_key(other.address) == address_key(device.address)


async def _told(settings: Settings, device: DeviceSettings, profiles: Profiles, stick_s: float) -> bool:
    """Whether the device says that it leaves. Raises HubError."""
    only = settings.model_copy(update={"devices": (device,)})
    networks = networks_of(only, clock_of(settings), profiles)
    stick: object = networks.zigbee
    leaves = False
    failed: HubError
    async with at_work(networks):
        try:
            if isinstance(stick, Forgets):
                await stick.wait_connected(stick_s)
                leaves = await stick.forget(device.address)
        except HubError as error:
            failed = error  # raised outside of the task group, which would put it into a group of its own
        else:
            return leaves
    raise failed
