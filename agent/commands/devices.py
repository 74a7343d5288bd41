"""`kwh-hub devices`: what can be found on the networks of the house. Nothing is switched."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from agent.composition import Networks, clock_of, networks_of
from agent.domain.device import Sighting
from agent.profiles.library import load_profiles
from agent.settings import Settings, load_settings

_ANSWER_S = 5.0


def devices(arguments: argparse.Namespace) -> int:
    """Scan for a while and print what was seen, as a table or as JSON lines."""
    settings = load_settings(arguments.config)
    console = Console(stderr=arguments.json)
    seen = asyncio.run(_scan(settings, arguments.seconds, console))
    if arguments.json:
        for sighting in seen:
            print(sighting.model_dump_json())  # noqa: T201 - the answer itself
    else:
        console.print(_table(seen, {device.address.upper(): device.name for device in settings.devices}))
        if not seen:
            console.print(
                "nothing seen. Are the plugs set to this broker? In Tasmota: Configuration, MQTT; SetOption19 0"
            )
    return 0


async def _scan(settings: Settings, seconds: float, console: Console) -> Sequence[Sighting]:
    client_id = f"{settings.mqtt.client_id}-scan"
    networks = networks_of(settings, clock_of(settings), load_profiles(), client_id=client_id)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop()) for loop in networks.loops]
        try:
            return await _seen(networks, seconds, console)
        finally:
            for task in tasks:
                task.cancel()


async def _seen(networks: Networks, seconds: float, console: Console) -> Sequence[Sighting]:
    await networks.broker.wait_connected(_ANSWER_S)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task(f"listening on {networks.broker.address}", total=seconds)
        async with asyncio.TaskGroup() as group:
            scans = [group.create_task(network.scan(seconds)) for network in networks.by_family.values()]
            while not all(scan.done() for scan in scans):
                await asyncio.wait(scans, timeout=0.2)
                progress.advance(bar, 0.2)
        return [sighting for scan in scans for sighting in scan.result()]


def _table(seen: Sequence[Sighting], names: Mapping[str, str]) -> Table:
    table = Table(title=f"{len(seen)} devices")
    for column in ("your name", "address", "calls itself", "model", "firmware", "profile", "can", "now"):
        # What is to be copied into the settings is never cut short.
        table.add_column(
            column, no_wrap=column in {"address", "profile"}, min_width=14 if column == "address" else None
        )
    for sighting in sorted(seen, key=lambda sighting: sighting.label):
        table.add_row(
            names.get(sighting.address.upper(), "-"),
            sighting.address,
            sighting.label,
            sighting.model,
            sighting.firmware,
            sighting.profile or "none fits",
            ", ".join(sorted(sighting.abilities)),
            "answers" if sighting.reachable else "away",
        )
    return table
