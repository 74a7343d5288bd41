"""How often devices may be asked: all polls together share one budget, for a mesh carries few messages a second."""

import asyncio


class Polls:
    """A budget of questions: some at once, then so many a second."""

    def __init__(self, per_s: float = 4.0, at_once: int = 8) -> None:
        self._per_s = per_s
        self._most = float(at_once)
        self._left = float(at_once)
        self._counted_s: float | None = None
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until one more question may be sent."""
        async with self._queue:
            self._refill()
            if self._left < 1:
                await asyncio.sleep((1 - self._left) / self._per_s)
                self._refill()
            self._left = max(0.0, self._left - 1)

    def _refill(self) -> None:
        now_s = asyncio.get_running_loop().time()
        passed_s = 0.0 if self._counted_s is None else now_s - self._counted_s
        self._left = min(self._most, self._left + passed_s * self._per_s)
        self._counted_s = now_s
