"""Sticks with Texas Instruments' Z-Stack, by zigpy-znp."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from zigpy.exceptions import RadioException
from zigpy_znp.exceptions import CommandNotRecognized, SecurityError
from zigpy_znp.zigbee.application import ControllerApplication

from agent.adapters.zigbee.radio import FAILURES, Application, given_up

FAULTS: tuple[type[Exception], ...] = (CommandNotRecognized, SecurityError)


class _NotRecognized(RadioException, CommandNotRecognized):  # type: ignore[misc]  # the library tells no types
    """The firmware does not know a command, by a name that all know."""


class _Secured(RadioException, SecurityError):  # type: ignore[misc]  # the library tells no types
    """The firmware does not give something out, by a name that all know."""


def made(config: dict[str, Any], path: str, answers_s: float) -> Application:
    """An application that is not connected yet."""
    on_a_socket = "://" in path  # what listens there has no pins to toggle that would leave a boot loader
    own = {"sync_request_timeout": answers_s, "skip_bootloader": not on_a_socket}
    return ControllerApplication({**config, "znp_config": own})


async def connect(app: Application, answers_s: float) -> None:
    """Find out that the stick has this firmware; from then on nothing is sent that nobody wants any more."""
    await app.connect()
    _guard(app._znp, answers_s)  # noqa: SLF001 - the library offers no seam where a request is sent


def end(app: Application) -> None:
    """The library leaves nothing behind."""


def _guard(znp: Any, answers_s: float) -> None:  # noqa: ANN401
    """Let through only what is still wanted when its turn to be sent comes, and let nothing block the line for long."""
    lock, converse, send = znp._sync_request_lock, znp.request_callback_rsp, znp.request  # noqa: SLF001

    async def asked(request: Any, timeout: float | None = None, **answer: Any) -> Any:  # noqa: ANN401, ASYNC109 - as the library
        """The library lets the first answer take as long as the whole conversation, and meanwhile nothing is sent."""
        try:
            return await send(request, timeout=min(answers_s, timeout or answers_s), **answer)
        except CommandNotRecognized as error:
            raise _NotRecognized(str(error)) from error

    @asynccontextmanager
    async def turn(priority: int = 0) -> AsyncIterator[None]:
        async with lock(priority=priority):
            if given_up():
                raise asyncio.CancelledError  # in the library's own task, so that nobody hears of it
            yield

    async def request_callback_rsp(**what: Any) -> Any:  # noqa: ANN401
        try:
            return await converse(**what)
        except FAILURES:
            if given_up():  # nobody is there any more to hear of the failure
                raise asyncio.CancelledError from None
            raise

    znp._sync_request_lock = turn  # noqa: SLF001
    znp.request = asked
    znp.request_callback_rsp = request_callback_rsp
    znp.nvram.osal_read = _named(znp.nvram.osal_read)


def _named(read: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def osal_read(*what: Any, **how: Any) -> Any:  # noqa: ANN401
        try:
            return await read(*what, **how)
        except SecurityError as error:
            raise _Secured(str(error)) from error

    return osal_read
