"""`kwh-hub devices record`: what a device says and is told, as a fixture and as drafts for its profile.

Each network is tapped in its own way: MQTT by the device's topics. A network that has a method `tap` (a coordinator by
clusters, Bluetooth by characteristics) is listened to as well.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, runtime_checkable

from rich.console import Console
from rich.text import Text

from agent.adapters.mqtt.recording import BrokerTap, Hear
from agent.commands.devices.drafts import drafts
from agent.commands.devices.fixture import Line
from agent.commands.devices.networks import ANSWER_S, alive, first_answer, radios_of
from agent.commands.devices.scan import key_of, looked_around
from agent.commands.devices.secrets_left_out import without_secrets
from agent.composition import clock_of
from agent.domain.device import Adoption, Role
from agent.errors import HubError, SettingsInvalid
from agent.networks import Networks
from agent.ports import Clock
from agent.profiles.library import load_profiles
from agent.settings import Settings, load_settings

_MOST_LINES = 2000
_MOST_CHARACTERS = 1_000_000
_SHORT_LOOK_S = 0.5


@runtime_checkable
class Tapped(Protocol):
    """What can be listened in on."""

    def tap(self, address: str, hear: Hear) -> AbstractContextManager[None]:
        """Tell `hear` all that passes between the hub and a device, until the block ends."""


@dataclass
class Recording:
    """What was heard, as far as there is room for it."""

    clock: Clock
    out: IO[str] | None
    lines: list[Line] = field(default_factory=list)
    characters: int = 0
    full: asyncio.Event = field(default_factory=asyncio.Event)
    _kept: set[tuple[str, str | None]] = field(default_factory=set)

    def hear(self, from_device: bool, kind: str, where: str, payload: bytes, old: bool) -> None:  # noqa: FBT001
        """Take one message, without its secrets."""
        text = without_secrets(where, payload)
        line = Line(
            at=self.clock.now(),
            direction="from" if from_device else "to",
            retained=old,
            payload=text,
            payload_hex=payload.hex() if text is None else None,
            **{kind: where},
        )
        if old and (where, text) in self._kept:  # the broker tells it again to each who listens
            return
        written = line.model_dump_json(exclude_defaults=True)
        if len(self.lines) >= _MOST_LINES or self.characters + len(written) > _MOST_CHARACTERS:
            self.full.set()
            return
        if old:
            self._kept.add((where, text))
        self.characters += len(written)
        self.lines.append(line)
        if self.out is not None:
            self.out.write(written + "\n")
            self.out.flush()


def record(arguments: argparse.Namespace, answer_s: float = ANSWER_S) -> int:
    """Listen for a while; print what passed, or write it into a file, and then what a profile could say of it."""
    settings = load_settings(arguments.config)
    beside = Console(stderr=True)
    with _opened(arguments.out) as out:
        lines = asyncio.run(_recorded(settings, arguments, out, beside, answer_s))
    beside.print(Text(f"{len(lines)} messages{'' if arguments.out is None else f' in {arguments.out}'}"))
    told = "\n".join(drafts(lines))
    if told:
        print(told, file=sys.stdout if arguments.out is not None else sys.stderr)
    return 0


def _opened(path: Path | None) -> AbstractContextManager[IO[str]]:
    """A new file for its owner's eyes; without a path the standard output."""
    if path is None:
        return nullcontext(sys.stdout)
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except OSError as error:
        raise SettingsInvalid(f"--out {path} cannot be begun: {error.strerror}") from error


async def _recorded(
    settings: Settings, arguments: argparse.Namespace, out: IO[str], beside: Console, answer_s: float
) -> Sequence[Line]:
    recording = Recording(clock_of(settings), out)
    failed: HubError
    async with alive(settings, load_profiles(), "record") as networks:
        try:
            await _listen(networks, settings, arguments, recording, beside, answer_s)
        except HubError as error:
            failed = error
        else:
            return recording.lines
    raise failed


async def _listen(
    networks: Networks,
    settings: Settings,
    arguments: argparse.Namespace,
    recording: Recording,
    beside: Console,
    answer_s: float,
) -> None:
    with ExitStack() as stack:
        for tapped in _taps(networks):
            stack.enter_context(tapped.tap(arguments.address, recording.hear))
        await networks.broker.wait_connected(answer_s)
        beside.print(Text(f"listening to {arguments.address} for {arguments.seconds:g} s; nothing is switched"))
        with suppress(TimeoutError):
            async with asyncio.timeout(arguments.seconds):
                if arguments.ask:
                    await _ask(networks, settings, arguments.address, beside, answer_s)
                await recording.full.wait()
        if recording.full.is_set():
            beside.print(Text("it said more than a recording holds; the rest is left out"))


def _taps(networks: Networks) -> Iterator[Tapped]:
    yield BrokerTap(networks.broker)
    yield from (radio.network for radio in radios_of(networks) if isinstance(radio.network, Tapped))


async def _ask(networks: Networks, settings: Settings, address: str, beside: Console, answer_s: float) -> None:
    """Read whatever the device can tell, so that it speaks; reading switches nothing."""
    board = await looked_around(networks, settings, _SHORT_LOOK_S, Console(quiet=True), 0.0, joining=False)
    profiles = {
        found.sighting.profile
        for device in board.devices
        for found in device
        if key_of(found.sighting.address) == key_of(address)
    } | {device.profile for device in settings.devices if key_of(device.address) == key_of(address)}
    for profile in sorted(name for name in profiles if name is not None):
        adoption = Adoption(name="recorded", role=Role.METER, profile=profile, address=address)
        try:
            device = networks.of(adoption).device(adoption)
        except HubError as error:
            beside.print(Text(str(error)))
            continue
        for part in (device.relay, device.meter, device.thermometer):
            if part is not None:
                try:
                    await first_answer(part.read, answer_s)
                except HubError as error:
                    beside.print(Text(str(error)))
