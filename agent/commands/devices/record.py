"""`kwh-hub devices record`: what a device says and is told, as a fixture and as drafts for its profile."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.text import Text

from agent.commands.devices.drafts import drafts
from agent.commands.devices.fixture import Line
from agent.commands.devices.networks import ANSWER_S, alive, first_answer
from agent.commands.devices.scan import key_of, looked_around
from agent.commands.devices.secrets_left_out import secrets_of_bytes, without_secrets
from agent.commands.devices.speaking import escaped, printable
from agent.commands.devices.taps import ears_for, heard_bluetooth, ready_ears
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
_SHOWN_EVERY_S = 0.5


@dataclass
class Recording:
    """What was heard, as far as there is room for it."""

    clock: Clock
    out: IO[str] | None
    lines: list[Line] = field(default_factory=list)
    characters: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    full: bool = False
    """Whether there was more than there is room for."""
    _kept: set[tuple[str, str | None]] = field(default_factory=set)

    def hear(
        self,
        from_device: bool,  # noqa: FBT001
        kind: str,
        where: str,
        payload: bytes,
        old: bool,  # noqa: FBT001
        endpoint: int | None = None,
    ) -> None:
        """Take one message, without its secrets."""
        text = without_secrets(where, payload) if kind == "topic" else secrets_of_bytes(payload)
        line = Line(
            at=self.clock.now(),
            direction="from" if from_device else "to",
            retained=old,
            payload=text,
            payload_hex=payload.hex() if text is None else None,
            endpoint=endpoint,
            **{kind: where},
        )
        if old and (where, text) in self._kept:  # the broker tells it again to each who listens
            return
        written = escaped(line.model_dump_json(exclude_defaults=True))
        if len(self.lines) >= _MOST_LINES or self.characters + len(written) > _MOST_CHARACTERS:
            self.ended.set()
            self.full = True
            return
        if old:
            self._kept.add((where, text))
        self.characters += len(written)
        self.lines.append(line)
        if self.out is not None:
            try:
                self.out.write(written + "\n")
                self.out.flush()
            except BrokenPipeError:  # nobody reads any more; whoever told this must not be ended by it
                self.out = None
                self.ended.set()


def record(arguments: argparse.Namespace, answer_s: float = ANSWER_S) -> int:
    """Listen for a while; print what passed, or write it into a file, and then what a profile could say of it."""
    settings = load_settings(arguments.config)
    beside = Console(stderr=True)
    with _opened(arguments.out) as out:
        recording = asyncio.run(_recorded(settings, arguments, out, beside, answer_s))
    lines = recording.lines
    by_device = sum(line.direction == "from" for line in lines)
    kept = "" if arguments.out is None else f" in {arguments.out}"
    beside.print(
        Text(f"recorded {len(lines)} messages{kept}: {by_device} by the device, {len(lines) - by_device} to it")
    )
    if recording.full:
        beside.print(Text("it said more than a recording holds; the rest is left out"))
    if not by_device:
        beside.print(Text("nothing was heard of it: press its button, or have it asked (--ask)", "yellow"))
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
) -> Recording:
    recording = Recording(clock_of(settings), out)
    address = next((one.address for one in settings.devices if one.name == arguments.address), arguments.address)
    failed: HubError
    async with alive(settings, load_profiles(), "record") as networks:
        try:
            async with heard_bluetooth(networks, recording.clock, address, recording.hear) as heard:
                await _listen(heard, settings, address, arguments, recording, beside, answer_s)
        except HubError as error:
            failed = error
        else:
            return recording
    raise failed


async def _listen(
    networks: Networks,
    settings: Settings,
    address: str,
    arguments: argparse.Namespace,
    recording: Recording,
    beside: Console,
    answer_s: float,
) -> None:
    ears = ears_for(address, settings, networks, answer_s)
    with ExitStack() as stack:
        for ear in ears:
            stack.enter_context(ear.tap(address, recording.hear))
        hearing, remarks = await ready_ears(ears)
        for remark in remarks:
            beside.print(Text.assemble(("not heard: ", "yellow"), printable(remark)))
        ways = ", ".join(ear.name for ear in hearing)
        beside.print(Text(f"listening to {address} ({ways}) for {arguments.seconds:g} s; nothing is switched"))
        with suppress(TimeoutError), _interruptible(recording):
            async with asyncio.timeout(arguments.seconds), _progress(recording, arguments.seconds, beside):
                if arguments.ask:
                    await _ask(networks, settings, address, beside, answer_s)
                await recording.ended.wait()


@contextmanager
def _interruptible(recording: Recording) -> Iterator[None]:
    """Ctrl-C ends the recording, which is whole as it is then."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, recording.ended.set)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


@asynccontextmanager
async def _progress(recording: Recording, seconds: float, beside: Console) -> AsyncIterator[None]:
    """How it goes, where somebody watches and the recording itself is not printed there."""
    watched = beside.is_terminal and recording.out is not sys.stdout
    showing = asyncio.create_task(_show(recording, seconds, beside)) if watched else None
    try:
        yield
    finally:
        if showing is not None:
            showing.cancel()
            await asyncio.wait([showing])


async def _show(recording: Recording, seconds: float, beside: Console) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    with beside.status("") as status:
        while True:
            left_s = max(0.0, until - loop.time())
            status.update(f"{len(recording.lines)} messages, {left_s:.0f} s left; Ctrl-C ends it")
            await asyncio.sleep(_SHOWN_EVERY_S)


async def _ask(networks: Networks, settings: Settings, address: str, beside: Console, answer_s: float) -> None:
    """Read whatever the device can tell, so that it speaks; reading switches nothing."""
    adoptions: Sequence[Adoption] = [one for one in settings.devices if key_of(one.address) == key_of(address)]
    if not adoptions:
        adoptions = await _found(networks, settings, address)
    if not adoptions:
        beside.print(Text("it is not known what it is, so it is not asked: adopt it first", "yellow"))
    for adoption in adoptions:
        try:
            device = networks.of(adoption).device(adoption)
        except HubError as error:
            beside.print(Text(printable(str(error))))
            continue
        for part in (device.relay, device.meter, device.thermometer):
            if part is not None:
                try:
                    await first_answer(part.read, answer_s)
                except HubError as error:
                    beside.print(Text(printable(str(error))))


async def _found(networks: Networks, settings: Settings, address: str) -> Sequence[Adoption]:
    """The device as it is seen now."""
    board = await looked_around(networks, settings, _SHORT_LOOK_S, Console(quiet=True), 0.0, joining=False)
    profiles = {
        found.sighting.profile
        for device in board.devices
        for found in device
        if key_of(found.sighting.address) == key_of(address)
    }
    return [
        Adoption(name="recorded", role=Role.METER, profile=profile, address=address)
        for profile in sorted(name for name in profiles if name is not None)
    ]
