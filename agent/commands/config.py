"""`kwh-hub config check`: whether the settings can work, before anything is switched by them."""

import argparse
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from agent.composition import device_faults, device_remarks, run_faults
from agent.control.circuits import circuit_of
from agent.domain.device import Role
from agent.errors import SettingsInvalid
from agent.networks import network_faults
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
    wrong_devices = [*device_faults(settings, profiles), *network_faults(settings, profiles)]
    faults = [*wrong_devices, *_secret_faults(settings), *run_faults(settings)]
    for fault in faults:
        console.print(f"[red]wrong[/red]: {escape(fault)}")
    for remark in (*_remarks(settings), *(() if wrong_devices else device_remarks(settings, profiles))):
        console.print(f"[yellow]mind[/yellow]: {escape(remark)}")
    house = settings.house
    names = [*house.loads, *(appliance.name for appliance in house.appliances)]
    loads = ", ".join(f"{name} {circuit_of(house, name).power_w:.0f} W" for name in names)
    console.print(
        f"{escape(str(arguments.config))}: {loads}; {len(settings.devices)} devices; tariff {settings.tariff.kind}"
    )
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
    yield from _remarks_on_the_whole_house(settings)
    if settings.needs_market and not settings.epias.username:
        yield "a tariff follows the market, but epias.username is not set: prices are guessed"
    if settings.epias.username and settings.epias.password is None and settings.epias.password_file is None:
        yield "epias.username is set, but there is no password: set epias.password_file"
    beat = settings.health.heartbeat_file
    if beat is not None and not beat.parent.is_dir():
        yield f"health.heartbeat_file is {beat}, but there is no folder {beat.parent}"


def _remarks_on_the_whole_house(settings: Settings) -> Iterator[str]:
    adopted = {device.load for device in settings.devices}
    for appliance in settings.house.appliances:
        if appliance.name not in adopted:
            yield f"no device switches {appliance.name}: it is planned, and you start it when the plan says so"
    cells = settings.house.photovoltaics
    if cells is not None and cells.curtailable:
        yield "house.photovoltaics.curtailable: the plan counts on it, but no inverter can be told yet"
    if settings.demand is not None and all(device.role is not Role.HOUSE_METER for device in settings.devices):
        yield "demand: no device has the role house_meter, so the month's peak so far counts as 0 W"
