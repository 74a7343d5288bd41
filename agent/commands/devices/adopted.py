"""`kwh-hub devices list`: what is adopted, and how each of it is now. All are asked, nothing is switched."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.commands.devices.networks import ANSWER_S, alive, device_of, first_answer
from agent.commands.devices.speaking import plain, printable
from agent.domain.device import Name, Reading, RelayState, Role
from agent.domain.value import Value
from agent.errors import HubError, ProfileInvalid
from agent.networks import Networks
from agent.ports import Device
from agent.profiles.library import load_profiles
from agent.settings import DeviceSettings, Settings, load_settings

_COLUMNS = ("name", "role", "profile", "way", "now", "state", "power", "temperature", "at")


class Answer(Value):
    """One adopted device as it answered; what it did not say is None."""

    name: Name
    role: Role
    load: Name | None
    profile: str
    protocol: str | None
    address: str
    channel: int
    answers: bool
    reason: str = ""
    """Why it does not answer, or not to all."""
    on: bool | None = None
    power_w: float | None = None
    energy_wh: int | None = None
    temperature_c: float | None = None
    at: datetime | None = None


def listed(arguments: argparse.Namespace, answer_s: float = ANSWER_S) -> int:
    """Ask all adopted devices at once, and print what they say, as a table or as JSON lines."""
    settings = load_settings(arguments.config)
    console = Console(stderr=arguments.json)
    if not settings.devices:
        console.print("no device is adopted yet: kwh-hub devices scan, then kwh-hub devices adopt ADDRESS")
        return 0
    with console.status("asking the devices…"):
        answers = asyncio.run(_answers(settings, answer_s))
    if arguments.json:
        for answer in answers:
            print(json.dumps(answer.model_dump(mode="json")))  # noqa: T201 - the answer itself
    else:
        console.print(_table(answers, settings))
    return 0


async def _answers(settings: Settings, answer_s: float) -> Sequence[Answer]:
    async with alive(settings, load_profiles(), "list") as networks:
        # All are made known before the first is asked: two of them may be one device.
        made = [_device(settings, networks, chosen) for chosen in settings.devices]
        asked = (_asked(networks, *one, answer_s) for one in zip(settings.devices, made, strict=True))
        return await asyncio.gather(*asked)


def _device(settings: Settings, networks: Networks, chosen: DeviceSettings) -> Device | HubError:
    try:
        return device_of(settings, networks, chosen)
    except HubError as error:
        return error


async def _asked(networks: Networks, chosen: DeviceSettings, device: Device | HubError, answer_s: float) -> Answer:
    try:
        protocol = networks.profiles.named(chosen.profile).protocol.value
    except ProfileInvalid:
        protocol = None
    answer = Answer(
        name=chosen.name,
        role=chosen.role,
        load=chosen.load,
        profile=chosen.profile,
        protocol=protocol,
        address=chosen.address,
        channel=chosen.channel,
        answers=False,
    )
    if isinstance(device, HubError):
        return answer.model_copy(update={"reason": str(device)})
    parts: list[Callable[[], Awaitable[RelayState | Reading]]] = [
        part.read for part in (device.relay, device.meter, device.thermometer) if part is not None
    ]
    said = await asyncio.gather(*(first_answer(part, answer_s) for part in parts), return_exceptions=True)
    return answer.model_copy(update=_told(said))


def _told(said: Sequence[RelayState | Reading | BaseException]) -> dict[str, object]:
    """What came of the questions. Whatever is no failure of a device is raised."""
    told: dict[str, object] = {}
    reasons: list[str] = []
    for one in said:
        if isinstance(one, HubError):
            reasons.append(getattr(one, "reason", str(one)))
        elif isinstance(one, BaseException):
            raise one
        else:
            told |= {key: value for key, value in one.model_dump(exclude={"device"}).items() if value is not None}
    return told | {"answers": "at" in told, "reason": "; ".join(dict.fromkeys(reasons))}


def _table(answers: Sequence[Answer], settings: Settings) -> Table:
    table = Table(title=f"{len(answers)} adopted, {sum(answer.answers for answer in answers)} answer")
    for column in _COLUMNS:
        table.add_column(column, no_wrap=column in {"name", "state"}, overflow="fold")
    for answer in answers:
        state = {True: "on", False: "off", None: ""}[answer.on]
        now = Text("answers", "green") if answer.answers else Text("silent", "red")
        table.add_row(
            answer.name,
            f"{answer.role}{f', {answer.load}' if answer.load else ''}",
            plain(answer.profile),
            Text.assemble(f"{answer.protocol or '?'} ", plain(answer.address)),
            Text("\n").join([now, *([Text(printable(answer.reason))] if answer.reason else [])]),
            state,
            "" if answer.power_w is None else f"{answer.power_w:.0f} W",
            "" if answer.temperature_c is None else f"{answer.temperature_c:.1f} °C",
            "" if answer.at is None else f"{answer.at.astimezone(settings.home.zone):%H:%M:%S}",
        )
    return table
