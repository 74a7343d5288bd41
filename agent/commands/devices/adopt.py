"""`kwh-hub devices adopt`: what the hub may switch and read, written into the owner's settings."""

import argparse
import asyncio
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from agent.commands.devices.networks import ANSWER_S, alive
from agent.commands.devices.owner_file import rewrite
from agent.commands.devices.scan import key_of, looked_around
from agent.commands.devices.speaking import adopted, agreed, asked, at_terminal
from agent.commands.devices.table_text import table_lines, with_device
from agent.composition import clock_of, device_faults
from agent.control.circuits import circuit_of
from agent.domain.device import Ability, Role, Sighting
from agent.errors import SettingsInvalid
from agent.networks import networks_of
from agent.profiles.library import Profiles, load_profiles
from agent.profiles.profile import DeviceProfile
from agent.settings import HELD_BY_MANY, SWITCHING_ROLES, DeviceSettings, Settings, load_settings


def adopt(arguments: argparse.Namespace, answer_s: float = ANSWER_S) -> int:
    """Check a device against the home, and write its table into the file. Raises SettingsInvalid, ProfileInvalid."""
    path: Path = arguments.config
    settings, profiles, console = load_settings(path), load_profiles(), Console()
    _not_twice(settings, arguments)
    seen = None
    if arguments.profile is None:
        seen = _looked_for(arguments, settings, console, answer_s)
    device = _described(arguments, settings, profiles, seen, console)
    profile = profiles.named(device.profile)
    for line in table_lines(device):
        console.print(Text(f"  {line}"))
    for remark in _remarks(settings, device, profile):
        console.print(Text.assemble(("mind: ", "yellow"), remark))
    if at_terminal():
        agreed(console, f"Write this into {path}?", yes=arguments.yes)
    rewrite(path, lambda text: with_device(text, device), lambda new: _fits(new, device, profiles))
    console.print(Text(f"{device.name} is adopted in {path}; a running hub takes it in when it starts anew."))
    if profile.acknowledgement is not None and device.role in SWITCHING_ROLES:
        console.print(Text(f"try it: kwh-hub devices test {device.name}"))
    return 0


def _fits(new: Path, device: DeviceSettings, profiles: Profiles) -> None:
    """Whether the home with the new device is one that the hub would run."""
    settings = load_settings(new)
    if adopted(settings, device.name) != device:
        raise SettingsInvalid(f"{device.name} would be read otherwise than it was meant")
    wrong = [fault for fault in device_faults(settings, profiles) if fault.startswith(f"devices.{device.name}")]
    if wrong:
        raise SettingsInvalid("\n".join(wrong))
    asyncio.run(_is_within_reach(settings, device, profiles))


async def _is_within_reach(settings: Settings, device: DeviceSettings, profiles: Profiles) -> None:
    networks_of(settings, clock_of(settings), profiles).of(device)


def _not_twice(settings: Settings, arguments: argparse.Namespace) -> None:
    """What is taken already is said before anything is asked or scanned. Raises SettingsInvalid."""
    for other in settings.devices:
        if other.name == arguments.name:
            raise SettingsInvalid(f"the name {other.name} is taken by the {other.role} at {other.address}")
        if other.role.value == arguments.role and other.role not in HELD_BY_MANY:
            raise SettingsInvalid(
                f"the role {other.role} is taken by {other.name} ({other.address}); "
                f"`kwh-hub devices forget {other.name}` would free it"
            )
        if arguments.load is not None and other.load == arguments.load:
            raise SettingsInvalid(f"{other.load} is switched by {other.name} ({other.address}) already")


def _looked_for(
    arguments: argparse.Namespace, settings: Settings, console: Console, answer_s: float
) -> Sighting | None:
    """The device as it is seen now, where it is."""
    profiles = load_profiles()

    async def look() -> Sighting | None:
        async with alive(settings, profiles, "adopt") as networks:
            board = await looked_around(networks, settings, arguments.seconds, console, answer_s)
        for reason in sorted(set(board.away.values())):
            console.print(Text.assemble(("away: ", "yellow"), reason))
        fitting = [
            found.sighting
            for device in board.devices
            for found in device
            if key_of(found.sighting.address) == key_of(arguments.address)
        ]
        return next((sighting for sighting in fitting if sighting.profile is not None), next(iter(fitting), None))

    return asyncio.run(look())


def _described(
    arguments: argparse.Namespace, settings: Settings, profiles: Profiles, seen: Sighting | None, console: Console
) -> DeviceSettings:
    """The device as it will stand in the file, with what was left out asked for."""
    profile = arguments.profile or (None if seen is None else seen.profile)
    if profile is None:
        why = "was not seen" if seen is None else f"was seen as {seen.model!r}, which no profile fits"
        console.print(Text(f"{arguments.address} {why}"))
        profile = asked(console, "Which profile is it (docs/devices.md)?", "--profile")
    can = profiles.named(profile).abilities
    role = arguments.role or asked(console, "What is it for?", "--role", list(_free_roles(settings, can)))
    load = arguments.load
    if role == Role.APPLIANCE and load is None:
        load = asked(console, "Which appliance does it switch?", "--load", list(_free_appliances(settings)))
    name = arguments.name or asked(console, "What shall it be called?", "--name", default=_proposed(role, load))
    said = {
        "name": name,
        "role": role,
        "load": load,
        "profile": profile,
        "address": arguments.address if seen is None else seen.address,
        "channel": arguments.channel,
        "sensor": arguments.sensor,
    }
    try:
        return DeviceSettings.model_validate(said)
    except ValueError as error:
        lines = [line for line in str(error).splitlines()[1:] if "For further information" not in line]
        raise SettingsInvalid("this is no usable device:\n" + "\n".join(f"  {line}" for line in lines)) from error


def _free_roles(settings: Settings, can: frozenset[Ability]) -> Iterator[str]:
    held = {device.role for device in settings.devices} - set(HELD_BY_MANY)
    for role in Role:
        needed = Ability.RELAY if role in SWITCHING_ROLES else Ability.METER
        needed = Ability.THERMOMETER if role in (Role.ROOM_THERMOMETER, Role.TANK_THERMOMETER) else needed
        if role not in held and needed in can and (role is not Role.APPLIANCE or list(_free_appliances(settings))):
            yield role.value


def _free_appliances(settings: Settings) -> Iterator[str]:
    held = {device.load for device in settings.devices}
    yield from (appliance.name for appliance in settings.house.appliances if appliance.name not in held)


def _proposed(role: str, load: str | None) -> str:
    return (load or role).replace("_", "-")


def _remarks(settings: Settings, device: DeviceSettings, profile: DeviceProfile) -> Iterator[str]:
    """What the owner must know of the device in this place."""
    if profile.remark:
        yield profile.remark
    load = device.load or device.role.value
    known = {*settings.house.loads, *(appliance.name for appliance in settings.house.appliances)}
    if device.role in SWITCHING_ROLES and load not in known:
        yield f"the house has no {load}: it will not be planned (docs/configuration.md)"
    elif device.role in SWITCHING_ROLES and profile.max_power_w is None:
        power_w = circuit_of(settings.house, load).power_w
        yield f"what its relay carries is not known: its label must say {power_w:.0f} W or more, without a pause"
    if device.role in SWITCHING_ROLES and not profile.ends_itself:
        yield "it cannot end an on by itself: if the hub's computer fails, it stays as it is"
    if not profile.checked_on_hardware:
        yield f"{device.profile} has only been tried on simulated devices: watch its first days"


def roles() -> list[str]:
    """All roles, as they are written."""
    return [role.value for role in Role]
