"""Asking again when that can help.

For failures that pass within a minute: a connection that broke, a server that coughs. A day that is not published yet
is not waited for here; the jobs that fetch prices come back for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import date
from random import random
from typing import TypeVar

from pydantic import Field

from agent.domain.interval import Interval
from agent.domain.market import DayAheadPrices, ImbalancePrices
from agent.domain.value import Value
from agent.domain.weather import WeatherForecast
from agent.errors import FeedError, FeedNotYet
from agent.ports import Prices, Weather

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Patience(Value):
    """How often a question is asked, and how long to wait in between (wall seconds, doubling)."""

    attempts: int = Field(default=4, ge=1)
    first_wait_s: float = Field(default=1.0, gt=0)
    longest_wait_s: float = Field(default=30.0, gt=0)

    def wait_s(self, failures: int, draw: float) -> float:
        """The wait after so many failures; `draw` in [0, 1) spreads it, so that a street's hubs do not ask as one."""
        full_s = self.longest_wait_s if failures > 30 else self.first_wait_s * 2.0 ** (failures - 1)
        return min(full_s, self.longest_wait_s) * (0.5 + 0.5 * draw)


class Retry:
    """Asks until there is an answer, an error that asking again cannot mend, or no patience left."""

    def __init__(
        self,
        patience: Patience,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        draw: Callable[[], float] = random,
    ) -> None:
        self._patience = patience
        self._sleep = sleep
        self._draw = draw

    async def answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` returns in the end. Raises the FeedError of the last attempt."""
        failures = 0
        while True:
            try:
                return await ask()
            except FeedNotYet:
                raise
            except FeedError as error:
                failures += 1
                if not error.retryable or failures >= self._patience.attempts:
                    raise
                wait_s = self._patience.wait_s(failures, self._draw())
                _log.debug("asking again in %.1f s: %s", wait_s, error)
            await self._sleep(wait_s)


class RetryingPrices:
    """Prices that are asked for again when that can help."""

    def __init__(self, prices: Prices, retry: Retry) -> None:
        self._prices = prices
        self._retry = retry

    async def day_ahead(self, day: date) -> DayAheadPrices:
        """Return all hours of a local day, final or interim. Raises FeedError; FeedNotYet before publication."""
        return await self._retry.answer(lambda: self._prices.day_ahead(day))

    async def imbalance(self, day: date) -> ImbalancePrices:
        """Return the system marginal prices known for a local day. Raises FeedError."""
        return await self._retry.answer(lambda: self._prices.imbalance(day))


class RetryingWeather:
    """Weather that is asked for again when that can help."""

    def __init__(self, weather: Weather, retry: Retry) -> None:
        self._weather = weather
        self._retry = retry

    async def forecast(self, span: Interval) -> WeatherForecast:
        """Return a forecast that covers the span. Raises FeedError."""
        return await self._retry.answer(lambda: self._weather.forecast(span))
