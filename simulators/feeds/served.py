"""A small HTTP server on this machine that can be told to fail while it runs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from aiohttp import web

LONGEST_SILENCE_S = 60.0
"""A connection that is never answered is given up after this many wall seconds."""
TRICKLE_S = 0.05
FLOOD_BYTES = 8_000_000


class Clock(Protocol):
    """The time in the simulated home."""

    def now(self) -> datetime:
        """Return the present moment, with a time zone."""


class Fault(StrEnum):
    """A way to fail. The first group is known to every server, the others to those that say so."""

    SERVER_ERROR = "500"
    THROTTLED = "429"
    HTML = "html"
    """Status 200 and a page for people."""
    SILENT = "silent"
    """The connection is accepted and nothing is ever said."""
    DOWN = "down"
    """The connection is refused."""
    TRUNCATED = "truncated"
    """The answer breaks off in the middle."""
    TRICKLE = "trickle"
    """A byte now and then, and never the last."""
    FLOOD = "flood"
    """An answer far longer than anybody asked for."""

    UNAUTHORIZED = "401"
    HOURS_23 = "hours_23"
    YESTERDAY = "yesterday"
    NULL_PRICE = "null_price"
    OUT_OF_BOUNDS = "out_of_bounds"
    LATE = "late"
    """Nothing of the next day is published until 17:00."""

    NULLS = "nulls"
    BRIGHT = "bright"
    """Ten times the sun."""


EVERYWHERE = frozenset(
    {
        Fault.SERVER_ERROR,
        Fault.THROTTLED,
        Fault.HTML,
        Fault.SILENT,
        Fault.DOWN,
        Fault.TRUNCATED,
        Fault.TRICKLE,
        Fault.FLOOD,
    }
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FailingServer:
    """Listens from entering to leaving; `fail` may be called at any time in between.

    Subclasses give their routes, and the faults that they know beyond those known to all.
    """

    faults: frozenset[Fault] = EVERYWHERE

    def __init__(self, *, fault: Fault | None, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._fault = self._known(fault)
        self._end_of_silence = asyncio.Event()
        self.questions: list[str] = []
        """Paths that were asked for, in order."""

    @property
    def url(self) -> str:
        """Where it listens, or did before it went down."""
        return f"http://{self._host}:{self._port}"

    @property
    def fault(self) -> Fault | None:
        """How it fails at present; None if it works."""
        return self._fault

    async def fail(self, fault: Fault | None) -> None:
        """Fail this way from now on; None to work again. Raises ValueError if it cannot fail so."""
        self._fault = self._known(fault)
        self._end_of_silence.set()
        self._end_of_silence = asyncio.Event()
        if fault is Fault.DOWN:
            await self._close()
        elif self._runner is None:
            await self._listen()

    async def __aenter__(self) -> Self:
        await self._listen()
        if self._fault is Fault.DOWN:
            await self._close()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_of_silence.set()
        await self._close()

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        raise NotImplementedError

    def _known(self, fault: Fault | None) -> Fault | None:
        if fault is not None and fault not in self.faults:
            raise ValueError(
                f"{type(self).__name__} cannot fail by {fault}; it can by {', '.join(sorted(self.faults))}"
            )
        return fault

    async def _listen(self) -> None:
        application = web.Application(middlewares=[self._misbehave])
        application.add_routes(self.routes())
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._port = site.port
        self._runner = runner

    async def _close(self) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.questions.append(request.path)
        match self._fault:
            case Fault.SERVER_ERROR | Fault.THROTTLED | Fault.HTML | Fault.FLOOD:
                return _useless_answer(self._fault)
            case Fault.SILENT:
                return await self._silence()
            case Fault.TRICKLE:
                return await self._trickle(request)
            case Fault.TRUNCATED:
                return await _broken_off(request)
            case _:
                return await handler(request)

    async def _silence(self) -> web.StreamResponse:
        try:
            async with asyncio.timeout(LONGEST_SILENCE_S):
                await self._end_of_silence.wait()
        except TimeoutError:
            pass
        return web.Response(status=503)

    async def _trickle(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        over = self._end_of_silence
        for _ in range(int(LONGEST_SILENCE_S / TRICKLE_S)):
            if over.is_set() or request.transport is None:
                break
            await response.write(b" ")
            await asyncio.sleep(TRICKLE_S)
        return response


def _useless_answer(fault: Fault) -> web.Response:
    match fault:
        case Fault.SERVER_ERROR:
            return web.json_response({"status": "INTERNAL_SERVER_ERROR"}, status=500)
        case Fault.THROTTLED:
            return web.json_response({"error": True, "reason": "Too many requests"}, status=429)
        case Fault.FLOOD:
            return web.Response(body=b" " * FLOOD_BYTES, content_type="application/json")
        case _:
            return web.Response(text="<!doctype html><title>Bakım</title>Bakım çalışması", content_type="text/html")


async def _broken_off(request: web.Request) -> web.StreamResponse:
    """Promise a thousand bytes and hang up after a few."""
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"items": [{"da')
    if request.transport is not None:
        request.transport.close()
    return response
