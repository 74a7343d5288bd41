"""Who may look at the home and order its relays: one at a time, and nobody any more once the hub is leaving."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class Turns:
    """Steps take turns; the last one is that of leaving."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None
        self._over = False

    @property
    def taken(self) -> bool:
        """Whether somebody looks at the home now."""
        return self._lock.locked()

    @asynccontextmanager
    async def next(self) -> AsyncIterator[bool]:
        """Wait for a turn; gives whether it may be used, which it may not once the hub is leaving."""
        async with self._lock:
            self._holder = asyncio.current_task()
            try:
                yield not self._over
            finally:
                self._holder = None

    @asynccontextmanager
    async def last(self) -> AsyncIterator[None]:
        """Take the last turn. Whoever has it now is cancelled: a silent device may hold a step for half a minute."""
        self._over = True
        if self._holder is not None and self._holder is not asyncio.current_task():
            self._holder.cancel()
        async with self._lock:
            yield
