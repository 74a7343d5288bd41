"""`kwh-hub devices scan`: what can be found on all networks of the home. Nothing is switched."""

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent.adapters.ble.network import BleNetwork
from agent.commands.devices.networks import ANSWER_S, Radio, alive, radios_of, uses_bluetooth
from agent.commands.devices.same import Found, Ways, devices_of_sightings
from agent.commands.devices.speaking import plain, printable
from agent.domain.address import address_key
from agent.domain.device import Ability
from agent.errors import BrokerUnreachable, HubError
from agent.networks import Networks
from agent.profiles.library import Profiles, load_profiles
from agent.settings import Settings, load_settings

_SLICES = 10
_SHORTEST_SLICE_S = 1.0
"""A network tells what it saw at the end of each slice; one that listens anew each time must not lose much by it."""
_AGAIN_S = 0.2
_MOST = 4096
"""More sightings than any home has; what comes beyond is not remembered."""
_WIDE = 120
_NEEDED = frozenset({"address", "calls itself", "profile", "now"})
_COLUMNS = ("your name", "address", "calls itself", "profile", "can", "relay carries", "ends an on", "now")


@dataclass
class Board:
    """What was seen up to now, and which networks are away."""

    seconds: float
    profiles: Profiles
    names: Mapping[str, Sequence[str]]
    """By address key: what the owner calls it."""
    seen: dict[tuple[str, str, str], Found] = field(default_factory=dict)
    away: dict[str, str] = field(default_factory=dict)
    """By network: why nothing can be heard there."""
    heard: set[str] = field(default_factory=set)
    listened_s: dict[str, float] = field(default_factory=dict)
    not_needed: frozenset[str] = frozenset()
    """Networks on which nothing is adopted, and that are there without being set up."""

    @property
    def devices(self) -> Sequence[Ways]:
        """Each physical device once."""
        return devices_of_sightings(self.seen.values())

    def names_of(self, device: Ways) -> Sequence[str]:
        """What the owner calls the device, once for each relay or sensor that was adopted."""
        keys = {key_of(found.sighting.address) for found in device}
        return [name for key in sorted(keys) for name in self.names.get(key, ())]

    def take(self, radio: Radio, found: Sequence[Found]) -> None:
        """Remember what a network saw, the newest word of each device."""
        self.heard.add(radio.name)
        self.away.pop(radio.name, None)
        for one in found:
            key = (one.network, one.sighting.protocol, one.sighting.address)
            if key in self.seen or len(self.seen) < _MOST:
                self.seen[key] = one


def key_of(address: str) -> str:
    """By what two addresses are compared."""
    return address_key(address) or address.upper()


def scan(arguments: argparse.Namespace, answer_s: float = ANSWER_S) -> int:
    """Listen for a while and print what was seen, as a table or as JSON lines. Raises HubError if all are away."""
    settings = load_settings(arguments.config)
    console = Console(stderr=arguments.json)
    board = asyncio.run(_scanned(settings, arguments.seconds, console, answer_s))
    reasons = reasons_of(board)
    if board.away and not board.heard:
        raise BrokerUnreachable("; ".join([*reasons, *_asides(board)]))
    for reason in reasons:
        console.print(Text.assemble(("away: ", "yellow"), reason))
    for remark in _asides(board):
        console.print(Text(remark, "dim"))
    if arguments.json:
        for device in board.devices:
            print(json.dumps(_record(device, board)))  # noqa: T201 - the answer itself
        return 0
    console.print(_table(board, console.width))
    if not board.devices:
        console.print("nothing seen. Are the plugs set to this broker? docs/devices.md says how, family by family")
    elif any(not board.names_of(device) for device in board.devices):
        console.print("take one into the home: kwh-hub devices adopt ADDRESS")
    return 0


async def _scanned(settings: Settings, seconds: float, console: Console, answer_s: float) -> Board:
    profiles = load_profiles()
    async with alive(settings, profiles, "scan") as networks:
        return await looked_around(networks, settings, seconds, console, answer_s)


async def looked_around(
    networks: Networks,
    settings: Settings,
    seconds: float,
    console: Console,
    answer_s: float,
    *,
    joining: bool = True,
) -> Board:
    """Listen on all networks at once for `seconds` wall seconds each; shown as it goes where there is a terminal.

    Without `joining` networks are left out whose scan lets new devices in.
    """
    names: dict[str, list[str]] = {}
    for device in settings.devices:
        names.setdefault(key_of(device.address), []).append(device.name)
    board = Board(seconds, networks.profiles, names)
    if settings.zigbee.port is not None and networks.zigbee is None:
        board.away["zigbee"] = "a running hub has the ZigBee coordinator: stop it to scan"
    async with asyncio.TaskGroup() as group:
        radios = [radio for radio in radios_of(networks) if joining or not radio.opens]
        if not uses_bluetooth(settings, networks.profiles):
            bluetooth = {networks.by_family.get(family) for family in BleNetwork.families}
            board.not_needed = frozenset(radio.name for radio in radios if radio.network in bluetooth)
        listening = [group.create_task(_listen(radio, board, answer_s)) for radio in radios]
        if console.is_terminal:
            await _shown(listening, board, console)
    return board


async def _shown(listening: Sequence["asyncio.Task[None]"], board: Board, console: Console) -> None:
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not all(task.done() for task in listening):
            live.update(_progress(board, console.width), refresh=True)
            await asyncio.wait(listening, timeout=_AGAIN_S)
        live.update(_progress(board, console.width), refresh=True)


async def _listen(radio: Radio, board: Board, answer_s: float) -> None:
    """Slice by slice, so that what was seen can be shown before the end."""
    loop = asyncio.get_running_loop()
    slice_s = board.seconds if radio.opens else max(board.seconds / _SLICES, min(board.seconds, _SHORTEST_SLICE_S))
    until, came = loop.time() + answer_s, False
    while True:
        began = loop.time()
        try:
            sightings = await radio.network.scan(slice_s)
        except HubError as error:
            board.away[radio.name] = str(error)
            if loop.time() >= until:
                return
            await asyncio.sleep(_AGAIN_S)
            continue
        if not came:
            came, until = True, began + board.seconds
        board.take(radio, [Found(radio.name, sighting) for sighting in sightings])
        board.listened_s[radio.name] = board.seconds - max(0.0, until - loop.time())
        if loop.time() + slice_s / 2 >= until:
            return


def _progress(board: Board, width: int) -> Group:
    done_s = min(board.listened_s.values(), default=0.0)
    bar = ProgressBar(total=board.seconds, completed=done_s, width=40)
    return Group(_table(board, width), bar, *(Text(f"away: {reason}", "yellow") for reason in reasons_of(board)))


def reasons_of(board: Board) -> Sequence[str]:
    """Each reason once, with all the networks that have it, but those that this home does without."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in sorted(board.away.items()):
        if name not in board.not_needed:
            by_reason.setdefault(reason, []).append(name)
    return [f"{printable(reason)} ({', '.join(names)})" for reason, names in by_reason.items()]


def _asides(board: Board) -> Sequence[str]:
    """What is away and not missed. Only Bluetooth is used without being asked for."""
    away = sorted({board.away[name] for name in board.not_needed if name in board.away})
    return [f"not listened to: {printable(reason)}. Without it in this home: ble.enabled = false" for reason in away]


def _table(board: Board, width: int) -> Table:
    """All columns, or on a narrow terminal those that are needed to adopt a device."""
    devices = board.devices
    shown = [place for place, column in enumerate(_COLUMNS) if width >= _WIDE or column in _NEEDED]
    table = Table(title=f"{len(devices)} device{'' if len(devices) == 1 else 's'}")
    for column in (_COLUMNS[place] for place in shown):
        # What is to be copied into the settings is never cut short.
        table.add_column(column, no_wrap=column in {"address", "profile"}, overflow="fold")
    for device in devices:
        row = _row(device, board)
        table.add_row(*(row[place] for place in shown))
    return table


def _row(device: Ways, board: Board) -> Sequence[Text]:
    best = device[0].sighting
    profile = None if best.profile is None else board.profiles.get(best.profile)
    carries, ends = "", ""
    if profile is not None and Ability.RELAY in profile.abilities:
        carries = "see its label" if profile.max_power_w is None else f"{profile.max_power_w:.0f} W"
        ends = "by itself" if profile.ends_itself else "only when told"
    ways = [Text.assemble(plain(one.sighting.address), f" {one.sighting.protocol}") for one in device]
    said = " ".join(
        part for part in (best.label, best.model if best.model != best.label else "", best.firmware) if part
    )
    return [
        Text(", ".join(board.names_of(device)) or "-"),
        Text("\n").join(ways),
        plain(said),
        Text("\n").join(plain(one.sighting.profile or "none fits") for one in device),
        Text(", ".join(sorted(best.abilities))),
        Text(carries),
        Text(ends),
        Text("\n").join(Text("answers" if one.sighting.reachable else "away") for one in device),
    ]


def _record(device: Ways, board: Board) -> dict[str, Any]:
    """The best way, and with it all ways there are."""
    ways = [_way(found, board.profiles) for found in device]
    return {"names": list(board.names_of(device)), **ways[0], "ways": ways}


def _way(found: Found, profiles: Profiles) -> dict[str, Any]:
    said = found.sighting.model_dump(mode="json")
    profile = None if found.sighting.profile is None else profiles.get(found.sighting.profile)
    said["abilities"] = sorted(said["abilities"])
    return {
        **said,
        "network": found.network,
        "relay_carries_w": None if profile is None else profile.max_power_w,
        "ends_itself": None if profile is None else profile.ends_itself,
    }
