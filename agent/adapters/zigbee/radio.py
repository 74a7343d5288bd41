"""The library's connection with a coordinator: opened, guarded and closed, with every failure named.

zigpy sends some requests from tasks of its own, which outlive the call that was given up: a stick that hangs for some
seconds would then switch what nobody wants any more. So a request is looked at once more in the moment it is sent.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zigpy.exceptions import NetworkSettingsInconsistent, RadioException, ZigbeeException
from zigpy_znp.exceptions import CommandNotRecognized, SecurityError
from zigpy_znp.zigbee.application import ControllerApplication

from agent.adapters.zigbee.readings import MEASURED
from agent.errors import RadioAway

_log = logging.getLogger(__name__)

FAILURES = (
    OSError,
    TimeoutError,
    ZigbeeException,
    RadioException,
    CommandNotRecognized,
    SecurityError,
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

Application = Any
"""zigpy's application; zigpy-znp tells no types."""


class ZigbeeAway(RadioAway):
    """The coordinator, and so every ZigBee device, is away."""


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
    skip_bootloader: bool = True
    """Toggle its pins to leave the boot loader; what listens on a socket has none."""


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


def _given_up() -> bool:
    """Whether the present task sends something that nobody waits for any more."""
    request = _request.get()
    return request is not None and not request.wanted


@asynccontextmanager
async def opened(settings: RadioSettings, database: Path) -> AsyncIterator[Application]:
    """The coordinator with its network: the one that it has, the one of the last backup, or a new one.

    Raises ZigbeeAway.
    """
    app = ControllerApplication(_config(settings, database))
    _bound(app)
    app._watchdog_period = settings.watched_every_s  # noqa: SLF001 - a class attribute of the library
    try:
        try:
            async with asyncio.timeout(settings.opens_s):
                await _to_the_end(app._load_db())  # noqa: SLF001 - `new` would lose the database if it were cancelled
                _spare(app._dblistener)  # noqa: SLF001 - the library offers no choice of what it keeps
                await app.connect()
                _guard(app._znp, settings.answers_s)  # noqa: SLF001 - the library offers no seam where a request is sent
                await app.initialize(auto_form=True)
        except FAILURES as error:
            raise ZigbeeAway(why(error)) from error
        yield app
    finally:
        await _to_the_end(_close(app))


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
        "znp_config": {
            "sync_request_timeout": settings.answers_s,
            "skip_bootloader": settings.skip_bootloader and "://" not in settings.path,
        },
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


def _guard(znp: Any, answers_s: float) -> None:  # noqa: ANN401
    """Let through only what is still wanted when its turn to be sent comes, and let nothing block the line for long."""
    lock, converse, send = znp._sync_request_lock, znp.request_callback_rsp, znp.request  # noqa: SLF001

    async def asked(request: Any, timeout: float | None = None, **answer: Any) -> Any:  # noqa: ANN401, ASYNC109 - as the library
        """The library lets the first answer take as long as the whole conversation, and meanwhile nothing is sent."""
        return await send(request, timeout=min(answers_s, timeout or answers_s), **answer)

    @asynccontextmanager
    async def turn(priority: int = 0) -> AsyncIterator[None]:
        async with lock(priority=priority):
            if _given_up():
                raise asyncio.CancelledError  # in the library's own task, so that nobody hears of it
            yield

    async def request_callback_rsp(**what: Any) -> Any:  # noqa: ANN401
        try:
            return await converse(**what)
        except FAILURES:
            if _given_up():  # nobody is there any more to hear of the failure
                raise asyncio.CancelledError from None
            raise

    znp._sync_request_lock = turn  # noqa: SLF001
    znp.request = asked
    znp.request_callback_rsp = request_callback_rsp


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


async def _close(app: Application) -> None:
    """Give everything back, whatever state it is in."""
    try:
        async with asyncio.timeout(_CLOSE_S):
            await app.shutdown(db=False)
    except FAILURES as error:
        _log.debug("the coordinator was not closed in good order: %s", why(error))
    await app.shutdown()
    for _ in range(_TURNS_TO_END):
        await asyncio.sleep(0)
