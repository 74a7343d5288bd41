"""Orders that were given by hand, kept in the hub's ledger as its own are: the next hub must know of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from rich.console import Console
from rich.text import Text

from agent.adapters.store.ledger import SqlLedger, open_ledger
from agent.adapters.store.schema import LEDGER_FILE
from agent.domain.command import Cause, Command, Stage
from agent.domain.device import Name
from agent.errors import JournalError
from agent.settings import DeviceSettings, Settings

Keep = Callable[[bool, Stage, datetime], Awaitable[None]]
"""Keeps one stage of an order: whether on, how far it got, when it was given."""


@asynccontextmanager
async def journal(
    settings: Settings, device: DeviceSettings, load: Name, cause: Cause | None, console: Console
) -> AsyncIterator[Keep]:
    """Keep orders to a device's load in the ledger, if there is one that this hub's version can write.

    An order never fails for the sake of the journal: what cannot be kept is said once. No hub may be at work.
    """
    async with AsyncExitStack() as stack:
        ledger: SqlLedger | None = None
        try:
            ledger = None if cause is None else await _opened(settings, stack)
        except JournalError as error:
            _say(console, error)

        async def keep(on: bool, stage: Stage, at: datetime) -> None:  # noqa: FBT001 - a command is on or off
            nonlocal ledger
            if ledger is None or cause is None:
                return
            name = f"{load}@{at.isoformat()}:by-hand"
            row = Command(command_id=name, load=load, device=device.name, on=on, cause=cause, stage=stage, at=at)
            try:
                await ledger.add_command(row)
            except JournalError as error:
                ledger = None
                _say(console, error)

        yield keep


async def _opened(settings: Settings, stack: AsyncExitStack) -> SqlLedger | None:
    """The ledger, if it exists. Raises JournalError, also for one of another version: only a hub upgrades it."""
    folder = settings.storage.folder
    if not (folder / f"{LEDGER_FILE.name}.sqlite").exists():
        return None
    async with open_ledger(folder, readonly=True):
        pass
    return await stack.enter_async_context(open_ledger(folder))


def _say(console: Console, error: JournalError) -> None:
    console.print(Text.assemble(("mind: ", "yellow"), f"the hub will not know of this order: {error}"))
