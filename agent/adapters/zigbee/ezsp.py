"""Sticks with Silicon Labs' EmberZNet, which speak EZSP over ASH, by bellows.

Below the requests, ASH repeats a frame until it is acknowledged, for up to 15 s: an order that was given up would be
heard by a stick that wakes up meanwhile. A number that was used must be sent, though, or the two ends no longer agree.
So the frame of an order that nobody wants any more goes on with its number, but says nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bellows.ash import AshException, DataFrame
from bellows.zigbee.application import ControllerApplication
from zigpy.exceptions import RadioException

from agent.adapters.zigbee.radio import Application, given_up

FAULTS: tuple[type[Exception], ...] = (AshException,)
_NOTHING = "nop"
"""The command that does nothing."""


def made(config: dict[str, Any], path: str, answers_s: float) -> Application:  # noqa: ARG001 - as every library
    """An application that is not connected yet."""
    app = ControllerApplication({**config, "use_thread": False})
    scan = app.energy_scan

    async def energy_scan(*what: Any, **how: Any) -> Any:  # noqa: ANN401
        try:
            return await scan(*what, **how)
        except Exception as error:
            if type(error) is not Exception:  # the library gives a scan that was refused no better name
                raise
            raise RadioException(f"the channels could not be scanned: {error}") from error

    app.energy_scan = energy_scan
    return app


async def connect(app: Application, answers_s: float) -> None:
    """Find out that the stick has this firmware; from then on nothing is sent that nobody wants any more."""
    await app.connect()
    ezsp = app._ezsp  # noqa: SLF001 - the library offers no seam where a request is sent
    switch = ezsp._switch_protocol_version  # noqa: SLF001

    def switched(version: int) -> None:
        """After each start of the stick the library begins with an object of its own again."""
        switch(version)
        _guard(ezsp, answers_s)

    async def asked() -> None:
        """The library's own way lets a stick hang for minutes, for the sake of some gateways."""
        await ezsp.nop()

    ezsp._switch_protocol_version = switched  # noqa: SLF001
    _guard(ezsp, answers_s)
    _guard_line(ezsp)
    app._watchdog_feed = asked  # noqa: SLF001


def end(app: Application) -> None:
    """Cancel what the library would leave behind: timers of hours, and answers that never come."""
    if app._mfg_id_task is not None:  # noqa: SLF001
        app._mfg_id_task.cancel()  # noqa: SLF001
    ezsp = app._ezsp  # noqa: SLF001
    if ezsp is None:
        return
    ezsp._application = None  # noqa: SLF001 - who closes is not told of a loss
    if (protocol := ezsp._protocol) is not None:  # noqa: SLF001
        for task in tuple(protocol._fragment_ack_tasks):  # noqa: SLF001
            task.cancel()
        for _, _, answer in protocol._awaiting.values():  # noqa: SLF001
            answer.cancel()


class _Turns:
    """The line, one command at a time: only what is still wanted when its turn comes, and none for long."""

    def __init__(self, line: Any, answers_s: float) -> None:  # noqa: ANN401 - the library's semaphore
        self._line = line
        self._answers_s = answers_s

    def locked(self) -> bool:
        """Whether somebody must wait."""
        return bool(self._line.locked())

    @asynccontextmanager
    async def __call__(self, priority: int = 0) -> AsyncIterator[None]:
        async with self._line(priority=priority):
            if given_up():
                raise asyncio.CancelledError
            try:
                async with asyncio.timeout(self._answers_s):
                    yield
            except AshException as error:
                raise RadioException(f"the stick has failed: {error}") from error


def _guard(ezsp: Any, answers_s: float) -> None:  # noqa: ANN401
    protocol = ezsp._protocol  # noqa: SLF001
    protocol._send_semaphore = _Turns(protocol._send_semaphore, answers_s)  # noqa: SLF001
    ask, patient = protocol.set_extended_timeout, set()

    async def set_extended_timeout(nwk: Any, ieee: Any, extended_timeout: bool = True) -> None:  # noqa: ANN401, FBT001, FBT002
        """The library asks before each message what a stick that has just started cannot know of a device yet."""
        if extended_timeout:
            patient.add(ieee)
        if ieee in patient:
            await ask(nwk, ieee, extended_timeout)

    protocol.set_extended_timeout = set_extended_timeout


def _guard_line(ezsp: Any) -> None:  # noqa: ANN401
    ash = ezsp._gw._obj._transport  # noqa: SLF001
    write, send = ash._write_frame, ash._send_data_frame  # noqa: SLF001

    def write_frame(frame: Any, **how: Any) -> None:  # noqa: ANN401
        if isinstance(frame, DataFrame) and given_up():
            protocol, sequence = ezsp._protocol, frame.ezsp_frame[0]  # noqa: SLF001
            protocol._awaiting.pop(sequence, None)  # noqa: SLF001 - its answer is another's
            said = bytes([sequence]) + protocol._ezsp_frame_tx(_NOTHING)[1:]  # noqa: SLF001
            frame = frame.replace(ezsp_frame=said)
        write(frame, **how)

    async def send_data_frame(frame: Any) -> None:  # noqa: ANN401
        """The library does this in a task of its own, which outlives whoever would hear how it failed."""
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(_heard)
        await send(frame)

    ash._write_frame = write_frame  # noqa: SLF001
    ash._send_data_frame = send_data_frame  # noqa: SLF001


def _heard(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()
