"""`kwh-hub status`: what the hub is doing, read from its journal; also while it runs."""

import argparse
import asyncio
import json
from datetime import datetime, time, timedelta
from typing import Any

from rich.console import Console

from agent.adapters.store.ledger import open_ledger
from agent.adapters.store.telemetry import open_telemetry
from agent.commands.day_picture import day_picture
from agent.commands.plan_tables import blocks, verdict
from agent.composition import clock_of
from agent.domain.command import Command, Stage
from agent.domain.condition import Condition
from agent.domain.device import Reading
from agent.domain.interval import Interval
from agent.domain.plan import Plan
from agent.domain.value import Value
from agent.settings import Settings, load_settings


class Status(Value):
    """The hub at one moment, for people and for programs."""

    at: datetime
    plan: Plan | None
    plans_today: tuple[Plan, ...]
    commands_today: tuple[Command, ...]
    conditions: tuple[Condition, ...]
    readings: tuple[Reading, ...]


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
        return Status(
            at=now,
            plan=await ledger.plan_in_force(now),
            plans_today=tuple(await ledger.plans(today)),
            commands_today=tuple(await ledger.commands(today)),
            conditions=tuple(await ledger.conditions()),
            readings=tuple(reading for reading in readings if reading is not None),
        )


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
        parts = [
            f"{reading.temperature_c:.1f} °C" if reading.temperature_c is not None else "",
            f"{reading.power_w:.0f} W" if reading.power_w is not None else "",
        ]
        said = ", ".join(part for part in parts if part)
        console.print(f"{reading.device}: {said or 'nothing measured'} at {reading.at.astimezone(zone):%H:%M}")
    for condition in found.conditions:
        if not condition.well:
            console.print(
                f"[red]not well[/red]: {condition.subject} since {condition.at.astimezone(zone):%H:%M}, "
                f"{condition.detail}"
            )
    switched = [command for command in found.commands_today if command.stage is Stage.VERIFIED]
    console.print(f"{len(switched)} switchings and {len(found.plans_today)} plans today")
    if found.plan is None:
        console.print("[red]no plan is in force[/red]; is the hub running?")
        return
    console.print(day_picture(found.plan, zone, console.width))
    console.print(blocks(found.plan, zone, console.width))
    console.print(verdict(found.plan, zone), highlight=False)
