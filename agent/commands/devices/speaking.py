"""How the words of `kwh-hub devices` speak with people: plain text of what devices say, and questions."""

import json
import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.prompt import Confirm, Prompt
from rich.text import Text

from agent.domain.refusal import nearest
from agent.errors import HubError, SettingsInvalid
from agent.settings import DeviceSettings, Settings

_LONGEST = 60


class NotDone(HubError):
    """Nothing was switched or written, because it must not be; the message says what would have to be otherwise."""


class SteadyConsole(Console):
    """One that goes on in silence where nobody reads any more: a relay must not be left as it is for that."""

    def on_broken_pipe(self) -> None:
        """Say nothing from now on."""
        self.quiet = True


def plain(text: str) -> Text:
    """What a device calls itself, without the power to colour or move anything, and not too long."""
    kept = printable(text.replace("\n", "·"))
    return Text(kept if len(kept) <= _LONGEST else f"{kept[: _LONGEST - 1]}…")


def printable(text: str) -> str:
    """A text in which a device may have a say, line by line, with a dot for each character that cannot be seen."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "·" for letter in text)


def escaped(json_text: str) -> str:
    """The same JSON on one line, with escapes for what cannot be seen."""
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in json_text)


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def asked(console: Console, question: str, option: str, choices: Sequence[str] = (), default: str = "") -> str:
    """The answer of whoever sits at the terminal. Raises SettingsInvalid, which names the option, if nobody does."""
    if not at_terminal():
        allowed = f", one of {', '.join(choices)}" if choices else ""
        raise SettingsInvalid(f"{option} is missing{allowed}; nobody is at a terminal to be asked")
    ask: Callable[..., str] = Prompt.ask
    more = {"default": default} if default else {}
    return ask(question, console=console, choices=list(choices) or None, **more).strip()


def agreed(console: Console, question: str, *, yes: bool) -> None:
    """Go on only if whoever sits at the terminal agrees. Raises NotDone."""
    if yes:
        return
    if not at_terminal():
        raise NotDone(f"{question} Nobody is at a terminal to be asked: say --yes if it may be done")
    if not Confirm.ask(question, console=console, default=False):
        raise NotDone("as you wish: nothing was done")


def adopted(settings: Settings, name: str) -> DeviceSettings:
    """The adopted device of that name. Raises SettingsInvalid with the nearest one."""
    for device in settings.devices:
        if device.name == name:
            return device
    if not settings.devices:
        raise SettingsInvalid(f"{name} is no adopted device: there is none yet. `kwh-hub devices adopt` takes one in")
    raise SettingsInvalid(f"{name} is no adopted device; {nearest(name, [one.name for one in settings.devices])}")
