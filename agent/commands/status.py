"""`kwh-hub status`: what the hub is doing, read from its journal; also while it runs."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta
from typing import Any

from rich.console import Console
from rich.text import Text

from agent.adapters.store.ledger import open_ledger
from agent.adapters.store.telemetry import open_telemetry
from agent.commands.day_picture import day_picture
from agent.commands.devices.speaking import printable
from agent.commands.plan_tables import blocks, verdict
from agent.composition import clock_of, switched_load
from agent.control.circuits import circuit_of
from agent.control.metering import MOST_OF_A_HOME_W
from agent.control.metering import energy_wh as counted_wh
from agent.control.overrides import Override, override_in_force
from agent.domain.command import Command, Stage
from agent.domain.condition import Condition
from agent.domain.device import Name, Reading
from agent.domain.interval import Interval
from agent.domain.plan import Plan
from agent.domain.value import Value
from agent.ports import Ledger, Telemetry
from agent.settings import DeviceSettings, Settings, load_settings


class Status(Value):
    """The hub at one moment, for people and for programs."""

    at: datetime
    plan: Plan | None
    plans_today: tuple[Plan, ...]
    commands_today: tuple[Command, ...]
    conditions: tuple[Condition, ...]
    readings: tuple[Reading, ...]
    energy_today_wh: dict[Name, int]
    """By the counter of each device that has one, since midnight."""
    overrides: tuple[Override, ...]
    """The loads that are left as their owner set them."""


def status(arguments: argparse.Namespace) -> int:
    """Print what the journal says of now and today."""
    settings = load_settings(arguments.config)
    found = asyncio.run(_status(settings))
    if arguments.json:
        print(json.dumps(_summary(found), indent=2))  # noqa: T201 - the answer itself
    else:
        _show(found, settings)
    return 0


async def _status(settings: Settings) -> Status:
    now = clock_of(settings).now()
    midnight = datetime.combine(now.astimezone(settings.home.zone).date(), time(0), settings.home.zone)
    today = Interval(start=midnight, end=max(now, midnight) + timedelta(seconds=1))
    async with (
        open_ledger(settings.storage.folder, readonly=True) as ledger,
        open_telemetry(settings.storage.folder, readonly=True) as telemetry,
    ):
        readings = [await telemetry.last_reading(device.name) for device in settings.devices]
        energy_wh = {device.name: await _energy_wh(telemetry, settings, device, today) for device in settings.devices}
        return Status(
            at=now,
            plan=await ledger.plan_in_force(now),
            plans_today=tuple(await ledger.plans(today)),
            commands_today=tuple(await ledger.commands(today)),
            conditions=tuple(await ledger.conditions()),
            readings=tuple(reading for reading in readings if reading is not None),
            energy_today_wh={name: used_wh for name, used_wh in energy_wh.items() if used_wh is not None},
            overrides=tuple([override async for override in _overrides(ledger, settings, now)]),
        )


async def _energy_wh(telemetry: Telemetry, settings: Settings, device: DeviceSettings, span: Interval) -> int | None:
    load = switched_load(settings, device)
    most_w = MOST_OF_A_HOME_W if load is None else circuit_of(settings.house, load).power_w
    return counted_wh(await telemetry.readings(device.name, span), most_w)


async def _overrides(ledger: Ledger, settings: Settings, now: datetime) -> AsyncIterator[Override]:
    lasts = timedelta(seconds=settings.control.override_s)
    for device in settings.devices:
        load = switched_load(settings, device)
        if load is not None:
            override = override_in_force(await ledger.last_commands(load), now, lasts)
            if override is not None:
                yield override


def _summary(found: Status) -> dict[str, Any]:
    """The status as plain JSON; of today's plans only what they are worth, without their trajectories."""
    return found.model_dump(mode="json", exclude={"plans_today"}) | {
        "plans_today": [
            made.model_dump(mode="json", include={"plan_id", "made_at", "method", "proof", "fallbacks"})
            | {"gap_movable": made.proof.gap_movable}
            for made in found.plans_today
        ]
    }


def _show(found: Status, settings: Settings) -> None:
    zone = settings.home.zone
    console = Console()
    console.print(f"{found.at.astimezone(zone):%Y-%m-%d %H:%M} in {settings.home.time_zone}")
    for reading in found.readings:
        name = reading.device
        parts = [
            f"{reading.temperature_c:.1f} °C" if reading.temperature_c is not None else "",
            f"{reading.power_w:.0f} W" if reading.power_w is not None else "",
            f"{found.energy_today_wh[name] / 1000:.2f} kWh today" if name in found.energy_today_wh else "",
        ]
        said = ", ".join(part for part in parts if part)
        console.print(f"{reading.device}: {said or 'nothing measured'} at {reading.at.astimezone(zone):%H:%M}")
    for override in found.overrides:
        word = "on" if override.on else "off"
        console.print(
            f"{override.load}: {word}, left as its owner set it until {override.until.astimezone(zone):%H:%M}"
        )
    for condition in found.conditions:
        if not condition.well:
            since = f"{condition.subject} since {condition.at.astimezone(zone):%H:%M}"
            console.print(Text.assemble(("not well", "red"), f": {since}, {printable(condition.detail)}"))
    switched = [command for command in found.commands_today if command.stage is Stage.VERIFIED]
    console.print(f"{len(switched)} switchings and {len(found.plans_today)} plans today")
    if found.plan is None:
        console.print("[red]no plan is in force[/red]; is the hub running?")
        return
    console.print(day_picture(found.plan, zone, console.width))
    console.print(blocks(found.plan, zone, console.width))
    console.print(verdict(found.plan, zone), highlight=False)
