"""`kwh-hub config check`: whether the settings can work, before anything is switched by them."""

import argparse
from collections.abc import Iterator

from rich.console import Console

from agent.composition import device_faults
from agent.domain.device import Role
from agent.errors import SettingsInvalid
from agent.profiles.library import load_profiles
from agent.settings import Settings, load_settings

_THERMOMETERS = {
    Role.AIR_CONDITIONER: Role.ROOM_THERMOMETER,
    Role.WATER_HEATER: Role.TANK_THERMOMETER,
}


def config_check(arguments: argparse.Namespace) -> int:
    """Print what the settings mean and what they lack. Exit code 2 if they cannot be used at all."""
    settings = load_settings(arguments.config)
    profiles = load_profiles()
    console = Console()
    faults = [*device_faults(settings, profiles), *_secret_faults(settings)]
    for fault in faults:
        console.print(f"[red]wrong[/red]: {fault}")
    for remark in _remarks(settings):
        console.print(f"[yellow]mind[/yellow]: {remark}")
    loads = ", ".join(f"{name} {settings.house.load(name).power_w:.0f} W" for name in settings.house.loads)
    console.print(f"{arguments.config}: {loads}; {len(settings.devices)} devices; tariff {settings.tariff.kind}")
    if not faults:
        console.print("[green]usable[/green]")
    return 2 if faults else 0


def _secret_faults(settings: Settings) -> Iterator[str]:
    for name, secret in (("mqtt", settings.mqtt), ("epias", settings.epias)):
        try:
            secret.reveal()
        except SettingsInvalid as error:
            yield f"{name}.{error}"


def _remarks(settings: Settings) -> Iterator[str]:
    """What works, but not as well as it could."""
    roles = {device.role for device in settings.devices}
    for load in settings.house.loads:
        role = Role(load)
        if role not in roles:
            yield f"no device has the role {role}: the {load} is planned, but never switched"
        elif _THERMOMETERS[role] not in roles:
            yield f"no device has the role {_THERMOMETERS[role]}: the plan runs on its own prediction"
    if settings.tariff.follows_market and not settings.epias.username:
        yield "the tariff follows the market, but epias.username is not set: prices are guessed"
    if settings.epias.username and settings.epias.password is None and settings.epias.password_file is None:
        yield "epias.username is set, but there is no password: set epias.password_file"
    beat = settings.health.heartbeat_file
    if beat is not None and not beat.parent.is_dir():
        yield f"health.heartbeat_file is {beat}, but there is no folder {beat.parent}"
