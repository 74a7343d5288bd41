"""`kwh-hub devices adopt`: what the hub may switch and read, written into the owner's settings."""

import argparse
import asyncio
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.text import Text

from agent.commands.devices.networks import ANSWER_S, alive, first_answer
from agent.commands.devices.owner_file import rewrite
from agent.commands.devices.same import Ways
from agent.commands.devices.scan import Board, key_of, looked_around, reasons_of
from agent.commands.devices.speaking import adopted, agreed, asked, at_terminal, printable
from agent.commands.devices.table_text import table_lines, with_device
from agent.composition import clock_of, device_faults
from agent.control.circuits import circuit_of
from agent.domain.device import Ability, Name, Role, Sighting
from agent.errors import DeviceRefused, HubError, SettingsInvalid
from agent.networks import Networks, networks_of
from agent.profiles.library import Profiles, load_profiles
from agent.profiles.profile import DeviceProfile, Family
from agent.settings import HELD_BY_MANY, SWITCHING_ROLES, DeviceSettings, Settings, device_settings, load_settings
from agent.settings import with_device as wider_by

_BY_THERMOMETER = (Role.ROOM_THERMOMETER, Role.TANK_THERMOMETER)
_NAME = re.compile(get_args(Name)[1].pattern)
_LONGEST_NAME = 41
_DOTLESS = str.maketrans("ıİ", "iI")


def adopt(arguments: argparse.Namespace, answer_s: float = ANSWER_S) -> int:
    """Check a device against the home, and write its table into the file. Raises SettingsInvalid, ProfileInvalid."""
    path: Path = arguments.config
    settings, profiles, console = load_settings(path), load_profiles(), Console()
    _not_twice(settings, arguments)
    seen = None
    if arguments.profile is None:
        seen = _looked_for(arguments, settings, profiles, console, answer_s)
    device = _described(arguments, settings, profiles, seen, console)
    profile = profiles.named(device.profile)
    _would_work(settings, device, profiles)
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
    asyncio.run(_is_within_reach(settings, device, profiles))


def _would_work(settings: Settings, device: DeviceSettings, profiles: Profiles) -> None:
    """Refuse what the hub would refuse, before anything is said of the device. Raises SettingsInvalid."""
    try:
        wider = wider_by(settings, device)
    except SettingsInvalid as error:
        raise SettingsInvalid(f"nothing was changed: {error}") from error
    before = set(device_faults(settings, profiles))
    if wrong := [fault for fault in device_faults(wider, profiles) if fault not in before]:
        raise SettingsInvalid("\n".join(["nothing was changed:", *wrong]))


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
    arguments: argparse.Namespace, settings: Settings, profiles: Profiles, console: Console, answer_s: float
) -> Sighting | None:
    """The device as it is seen now, where it is. Raises SettingsInvalid where it is adopted or lacks what is meant."""

    async def look() -> tuple[Board, str]:
        async with alive(settings, profiles, "adopt") as networks:
            board = await looked_around(networks, settings, arguments.seconds, console, answer_s)
            found = _best(_ways_to(board, arguments.address), arguments.address, profiles)
            return board, "" if found is None else await _lacking(networks, found, arguments, answer_s)

    board, lacking = asyncio.run(look())
    ways = _ways_to(board, arguments.address)
    best = _best(ways, arguments.address, profiles)
    if best is None:
        for reason in reasons_of(board):
            console.print(Text.assemble(("away: ", "yellow"), reason))
        return None
    _no_other_way(settings, profiles, ways, best)
    if lacking:
        raise SettingsInvalid(f"nothing was changed: {arguments.address} {lacking}")
    return best


def _ways_to(board: Board, address: str) -> Ways:
    """All the ways in which the device at an address was seen."""
    return next((one for one in board.devices if _best(one, address, board.profiles) is not None), ())


def _best(ways: Ways, address: str, profiles: Profiles) -> Sighting | None:
    """Of the ways with that very address the one that the hub knows how to speak, best first."""
    seen = [found.sighting for found in ways if _means(address, found.sighting, profiles)]
    return next((sighting for sighting in seen if sighting.profile is not None), next(iter(seen), None))


def _means(address: str, seen: Sighting, profiles: Profiles) -> bool:
    """Whether an address is that of a device: by its name at zigbee2mqtt, or without the switch in Home Assistant's."""
    profile = None if seen.profile is None else profiles.get(seen.profile)
    family = None if profile is None else profile.family
    by_name = family is Family.ZIGBEE2MQTT and address == seen.label
    whole = family is Family.HOME_ASSISTANT and key_of(address) == key_of(seen.address.rpartition("/")[0])
    return key_of(address) == key_of(seen.address) or by_name or whole


def _no_other_way(settings: Settings, profiles: Profiles, ways: Ways, best: Sighting) -> None:
    """Whether the device is adopted already, in another way than the one that it is seen in. Raises SettingsInvalid."""
    for other in settings.devices:
        protocol = profiles[other.profile].protocol if other.profile in profiles else None
        same_way = (key_of(other.address), protocol) == (key_of(best.address), best.protocol)
        if not same_way and any(_means(other.address, found.sighting, profiles) for found in ways):
            raise SettingsInvalid(
                f"nothing was changed: {best.address} is the device that is adopted as {other.name} ({other.address}); "
                f"`kwh-hub devices forget {other.name}` would free it"
            )


async def _lacking(networks: Networks, seen: Sighting, arguments: argparse.Namespace, answer_s: float) -> str:
    """What the device answers that it has not, a second relay for one; empty if it has all, or says nothing."""
    if seen.profile is None:
        return ""
    said = {"name": "adopted", "role": Role.METER, "profile": seen.profile, "address": seen.address}
    try:
        meant = device_settings({**said, "channel": arguments.channel, "sensor": arguments.sensor})
        device = networks.of(meant).device(meant)
        part = device.thermometer if arguments.role in _BY_THERMOMETER else device.relay or device.meter
        if part is not None:
            await first_answer(part.read, answer_s)
    except DeviceRefused as error:
        return printable(error.reason)
    except HubError:
        return ""
    return ""


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
        "name": _called(name),
        "role": role,
        "load": load,
        "profile": profile,
        "address": arguments.address if seen is None else seen.address,
        "channel": arguments.channel,
        "sensor": arguments.sensor,
        "infrared": _infrared(arguments, settings, can, console),
    }
    return device_settings(said)


def _called(name: str) -> str:
    """A name that can be one. Raises SettingsInvalid with the nearest that can."""
    if _NAME.fullmatch(name):
        return name
    plain = unicodedata.normalize("NFKD", name.translate(_DOTLESS)).encode("ascii", "ignore").decode().lower()
    near = re.sub("[^a-z0-9_]+", "-", plain).strip("-_")[:_LONGEST_NAME]
    raise SettingsInvalid(
        f"{printable(name)!r} can be no name: lower-case letters a-z, digits, - and _, beginning with a letter or a "
        f"digit, at most {_LONGEST_NAME}{f'; {near} would be one' if near else ''}"
    )


def _infrared(
    arguments: argparse.Namespace, settings: Settings, can: frozenset[Ability], console: Console
) -> dict[str, Any] | None:
    """Whose language a transmitter is to speak, and which meter shows what becomes of it; None for anything else."""
    vendor, verified_by = arguments.infrared_vendor, arguments.verified_by
    if Ability.REMOTE not in can:
        if (vendor, verified_by, arguments.infrared_model) == (None, None, None):
            return None
        raise SettingsInvalid(
            "--infrared-vendor, --infrared-model and --verified-by are for infrared transmitters only: leave them out"
        )
    vendor = vendor or asked(console, "Whose language does the unit's remote control speak?", "--infrared-vendor")
    meters = [device.name for device in settings.devices if device.role is Role.METER]
    if verified_by is None and not meters:
        raise SettingsInvalid(
            "--verified-by is missing: only a meter on the unit's circuit shows whether it obeys. Adopt that first, "
            "with the role meter"
        )
    verified_by = verified_by or asked(console, "Which meter is on its circuit?", "--verified-by", meters)
    said = {"vendor": vendor.upper(), "model": arguments.infrared_model, "verified_by": verified_by}
    return {key: value for key, value in said.items() if value is not None}


def _free_roles(settings: Settings, can: frozenset[Ability]) -> Iterator[str]:
    held = {device.role for device in settings.devices} - set(HELD_BY_MANY)
    for role in Role:
        needed = Ability.RELAY if role in SWITCHING_ROLES else Ability.METER
        needed = Ability.THERMOMETER if role in _BY_THERMOMETER else needed
        needed = Ability.REMOTE if role is Role.AIR_CONDITIONER and Ability.REMOTE in can else needed
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
    elif device.role in SWITCHING_ROLES and Ability.RELAY in profile.abilities and profile.max_power_w is None:
        power_w = circuit_of(settings.house, load).power_w
        yield f"what its relay carries is not known: its label must say {power_w:.0f} W or more, without a pause"
    if device.role in SWITCHING_ROLES and device.infrared is not None:
        yield "if the hub is gone while the unit is on, its own thermostat holds the room"
    elif device.role in SWITCHING_ROLES and not profile.ends_itself:
        yield "it cannot end an on by itself: if the hub's computer fails, it stays as it is"
    if not profile.checked_on_hardware:
        yield f"{device.profile} has only been tried on simulated devices: watch its first days"


def roles() -> list[str]:
    """All roles, as they are written."""
    return [role.value for role in Role]
