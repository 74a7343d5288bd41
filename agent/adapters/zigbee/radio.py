"""The library's connection with a coordinator, whatever its firmware: opened, guarded and closed, every failure named.

The library sends some requests from tasks of its own, which outlive the call that was given up: a stick that hangs for
some seconds would then switch what nobody wants any more. So each request is looked at once more in the moment it is
sent; how, each firmware's module knows.
"""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, cast

from zigpy.exceptions import NetworkSettingsInconsistent, RadioException, ZigbeeException

from agent.adapters.zigbee.readings import MEASURED
from agent.errors import RadioAway

_log = logging.getLogger(__name__)

FAILURES = (
    OSError,
    TimeoutError,
    ZigbeeException,
    RadioException,
    sqlite3.Error,
    AttributeError,
    AssertionError,
    KeyError,
    RuntimeError,
    ValueError,
)
"""What the library raises where a coordinator or a device fails; a lost port, for one, is an AttributeError."""
_TURNS_TO_END = 8
"""Turns of the loop in which the library's cancelled tasks end."""
_CLOSE_S = 5.0
_MOST_DEVICES = 256
_SEEN_EVERY_S = 30.0
"""The library's database keeps no finer when a device was last heard."""

AUTO: Final = "auto"
_FIRMWARES: Final = {"zstack": "agent.adapters.zigbee.znp", "ezsp": "agent.adapters.zigbee.ezsp"}
"""Which module knows a firmware. Each is loaded only where its firmware is tried, for its library takes memory."""
_REMEMBERED: Final = ".firmware"
"""Ending of the file beside the database that tells which firmware answered last."""

Application = Any
"""zigpy's application; the libraries tell no types."""


class ZigbeeAway(RadioAway):
    """The coordinator, and so every ZigBee device, is away."""


class Library(Protocol):
    """What each firmware's module has."""

    FAULTS: tuple[type[Exception], ...]
    """What the library raises besides what all raise."""

    def made(self, config: dict[str, Any], path: str, answers_s: float) -> Application:
        """An application that is not connected yet."""

    async def connect(self, app: Application, answers_s: float) -> None:
        """Find out that the stick has this firmware; from then on nothing is sent that nobody wants any more."""

    def end(self, app: Application) -> None:
        """Cancel what the library would leave behind."""


class _Unanswered(ZigbeeAway):
    """Something is at the port, but it does not speak this firmware's language, or not at all."""


@dataclass
class _Found:
    firmware: str | None = None


@dataclass(frozen=True)
class RadioSettings:
    """Where the coordinator is, and how patient to be with it."""

    path: str
    """Serial device, or socket://host:port."""
    baudrate: int = 115_200
    flow_control: str | None = None
    opens_s: float = 120.0
    """Wall seconds for connecting, and for forming a network at the first time."""
    answers_s: float = 6.0
    """Wall seconds after which a coordinator that does not answer hangs."""
    watched_every_s: float = 20.0
    """Wall seconds between questions whether it still answers."""
    firmware: str = AUTO
    """"zstack", "ezsp", or "auto": whichever answers first, and then that one as long as this object lives."""
    found: _Found = field(default_factory=_Found, compare=False)


@dataclass
class _Request:
    wanted: bool = True


_request: ContextVar[_Request | None] = ContextVar("request", default=None)


@contextmanager
def asked_for() -> Iterator[None]:
    """What is requested within is sent within, or never."""
    request = _Request()
    token = _request.set(request)
    try:
        yield
    finally:
        request.wanted = False
        _request.reset(token)


def given_up() -> bool:
    """Whether the present task sends something that nobody waits for any more."""
    request = _request.get()
    return request is not None and not request.wanted


@asynccontextmanager
async def opened(settings: RadioSettings, database: Path) -> AsyncIterator[Application]:
    """The coordinator with its network: the one that it has, the one of the last backup, or a new one.

    Raises ZigbeeAway.
    """
    library, app = await _answering(settings, database)
    try:
        yield app
    finally:
        await _to_the_end(_close(library, app))


async def _answering(settings: RadioSettings, database: Path) -> tuple[Library, Application]:
    """Try one firmware after the other. Raises ZigbeeAway."""
    candidates, reasons = _candidates(settings, database), []
    for firmware in candidates:
        library = cast("Library", import_module(_FIRMWARES[firmware]))
        try:
            app = await _opened(library, settings, database)
        except _Unanswered as error:
            reasons.append(f"{firmware}: {error}")
            continue
        settings.found.firmware = firmware
        _remember(database, firmware)
        return library, app
    raise ZigbeeAway(reasons[0] if len(reasons) == 1 else f"no firmware answers ({'; '.join(reasons)})")


def _candidates(settings: RadioSettings, database: Path) -> list[str]:
    """Firmwares in the order in which they are tried."""
    if settings.firmware != AUTO:
        return [settings.firmware]
    if settings.found.firmware is not None:
        return [settings.found.firmware]
    try:
        last = database.with_suffix(_REMEMBERED).read_bytes()[:16].decode("ascii", "replace").strip()
    except OSError:
        last = ""
    return sorted(_FIRMWARES, key=lambda firmware: firmware != last)


def _remember(database: Path, firmware: str) -> None:
    """Spare the next start the search; where that cannot be kept, it searches again."""
    file = database.with_suffix(_REMEMBERED)
    try:
        if not file.exists() or file.read_bytes() != firmware.encode():
            file.write_text(firmware)
    except OSError as error:
        _log.debug("%s cannot be kept: %s", file, error)


async def _opened(library: Library, settings: RadioSettings, database: Path) -> Application:
    """Open the coordinator by one library. Raises ZigbeeAway, _Unanswered."""
    app = library.made(_config(settings, database), settings.path, settings.answers_s)
    _bound(app)
    app._watchdog_period = settings.watched_every_s  # noqa: SLF001 - a class attribute of the library
    failures: tuple[type[BaseException], ...] = (*FAILURES, *library.FAULTS)
    answered = done = False
    try:
        async with asyncio.timeout(settings.opens_s):
            _keep_secret(database)
            await _to_the_end(app._load_db())  # noqa: SLF001 - `new` would lose the database if it were cancelled
            _spare(app._dblistener)  # noqa: SLF001 - the library offers no choice of what it keeps
            await library.connect(app, settings.answers_s)
            answered = True
            await app.initialize(auto_form=True)
        done = True
    except failures as error:
        no_port = isinstance(error, OSError) and not isinstance(error, TimeoutError)
        raise (ZigbeeAway if answered or no_port else _Unanswered)(why(error)) from error
    finally:
        if not done:
            await _to_the_end(_close(library, app))
    return app


async def called(call: Callable[[], Any]) -> Any:  # noqa: ANN401 - the library tells no types
    """Await what the library does. Raises ZigbeeAway."""
    try:
        return await call()
    except FAILURES as error:
        raise ZigbeeAway(why(error)) from error
    except asyncio.CancelledError as error:  # the library cancels its waiting requests when the connection is lost
        if cancelled_by_caller():
            raise
        raise ZigbeeAway("the connection was lost meanwhile") from error


def cancelled_by_caller() -> bool:
    """Whether it is this task that was cancelled, and not something that it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def why(error: BaseException) -> str:
    """A failure of the library in a few words."""
    if isinstance(error, NetworkSettingsInconsistent):
        return "the coordinator has another network than the one of this hub's backup"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, AttributeError):
        return "the connection was lost"
    text = str(error.__cause__ if isinstance(error, RadioException) and error.__cause__ else error)
    return text[:200] or type(error).__name__


def _keep_secret(database: Path) -> None:
    """Let nobody else read the keys of the network; SQLite gives its other files the same mode. Raises OSError."""
    os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))
    database.chmod(0o600)


def _config(settings: RadioSettings, database: Path) -> dict[str, Any]:
    return {
        "device": {
            "path": settings.path,
            "baudrate": settings.baudrate,
            "flow_control": settings.flow_control,
        },
        "database_path": str(database),
        "validate_network_settings": True,
        "ota": {"enabled": False},
        "topology_scan_enabled": False,
        "backup_enabled": False,
    }


def _bound(app: Application) -> None:
    """Remember no more devices than any home has."""
    join = app.handle_join

    def handle_join(nwk: int, ieee: Any, parent_nwk: int | None, **how: Any) -> None:  # noqa: ANN401
        if len(app.devices) < _MOST_DEVICES or ieee in app.devices:
            join(nwk=nwk, ieee=ieee, parent_nwk=parent_nwk, **how)

    app.handle_join = handle_join


def _spare(listener: Any) -> None:  # noqa: ANN401
    """Keep out of the database what changes all the time: each write wakes a thread and wears the memory card.

    What devices measure is the hub's to keep, and when they were heard within the last seconds is not kept anyway.
    """
    enqueue = listener.enqueue
    seen_s: dict[Any, float] = {}

    def enqueue_rare(what: str, *about: Any) -> None:  # noqa: ANN401
        if what == "_save_attribute" and (about[0].cluster_id, about[0].attribute_id) in MEASURED:
            return
        if what == "_save_device_last_seen":
            now_s = time.monotonic()
            if now_s - seen_s.get(about[0], -_SEEN_EVERY_S) < _SEEN_EVERY_S:
                return
            seen_s[about[0]] = now_s
        enqueue(what, *about)

    listener.enqueue = enqueue_rare


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do what must not be left half done, also if it is cancelled meanwhile; then it is cancelled.

    The library's database has a thread, which keeps the process alive where it is not told to end.
    """
    task = asyncio.create_task(work)
    cancelled = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except FAILURES:
            break
    if cancelled is not None:
        raise cancelled
    task.result()


async def _close(library: Library, app: Application) -> None:
    """Give everything back, whatever state it is in."""
    library.end(app)
    try:
        async with asyncio.timeout(_CLOSE_S):
            await app.shutdown(db=False)
    except FAILURES as error:
        _log.debug("the coordinator was not closed in good order: %s", why(error))
    await app.shutdown()
    for _ in range(_TURNS_TO_END):
        await asyncio.sleep(0)
