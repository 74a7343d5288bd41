"""Asking again: when it helps, how often, how long to wait."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.feeds.retrying import Patience, Retry, RetryingPrices, RetryingWeather
from agent.domain.interval import Interval
from agent.domain.market import PriceStatus
from agent.errors import FeedDown, FeedNotYet, FeedUnauthorized
from agent.ports import Prices, Weather
from simulators.feeds import Fault
from simulators.feeds.epias import SERVICE
from tests.feeds.worlds import ISTANBUL, PAPER_DAY, epias, open_meteo

PATIENCE = Patience(attempts=3, first_wait_s=1, longest_wait_s=30)
NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)


class Waits:
    """Takes no time; writes down how long it should have taken, and lets something happen meanwhile."""

    def __init__(self, meanwhile: Callable[[int], Awaitable[None]] | None = None) -> None:
        self.waits_s: list[float] = []
        self._meanwhile = meanwhile

    async def __call__(self, seconds: float) -> None:
        self.waits_s.append(seconds)
        if self._meanwhile is not None:
            await self._meanwhile(len(self.waits_s))


def half() -> float:
    return 0.5


async def test_a_server_that_recovers_is_asked_until_it_answers() -> None:
    async with epias(fault=Fault.SERVER_ERROR) as (prices, server, _):

        async def recover(waits: int) -> None:
            if waits == 2:
                await server.fail(None)

        waits = Waits(recover)
        retrying: Prices = RetryingPrices(prices, Retry(PATIENCE, sleep=waits, draw=half))
        assert (await retrying.day_ahead(PAPER_DAY)).status is PriceStatus.FINAL
    assert waits.waits_s == [0.75, 1.5]


async def test_patience_ends_with_the_error_of_the_last_attempt() -> None:
    async with epias(fault=Fault.SERVER_ERROR) as (prices, server, _):
        waits = Waits()
        with pytest.raises(FeedDown):
            await RetryingPrices(prices, Retry(PATIENCE, sleep=waits, draw=half)).imbalance(PAPER_DAY)
        assert len(server.questions) == 3
    assert len(waits.waits_s) == 2


async def test_refused_credentials_are_not_tried_again() -> None:
    async with epias(fault=Fault.UNAUTHORIZED) as (prices, server, _):
        waits = Waits()
        with pytest.raises(FeedUnauthorized):
            await RetryingPrices(prices, Retry(PATIENCE, sleep=waits, draw=half)).day_ahead(PAPER_DAY)
        assert len(server.questions) == 1
    assert waits.waits_s == []


async def test_a_day_that_is_not_published_is_not_waited_for() -> None:
    async with epias(datetime(2019, 12, 31, 12, tzinfo=ISTANBUL)) as (prices, server, _):
        waits = Waits()
        with pytest.raises(FeedNotYet):
            await RetryingPrices(prices, Retry(PATIENCE, sleep=waits, draw=half)).day_ahead(PAPER_DAY)
        assert [path.removeprefix(SERVICE) for path in server.questions[1:]] == [
            "/v1/markets/dam/data/mcp",
            "/v1/markets/dam/data/interim-mcp",
        ]
    assert waits.waits_s == []


async def test_weather_that_comes_back_is_asked_again() -> None:
    async with open_meteo(NOON, fault=Fault.DOWN) as (weather, server, _):

        async def recover(_: int) -> None:
            await server.fail(None)

        retrying: Weather = RetryingWeather(weather, Retry(PATIENCE, sleep=Waits(recover), draw=half))
        span = Interval(start=NOON, end=NOON + timedelta(hours=5))
        assert (await retrying.forecast(span)).irradiance_w_m2.covers(span)


@given(failures=st.integers(1, 10_000), draw=st.floats(0, 1, exclude_max=True))
def test_waits_grow_and_stay_bounded(failures: int, draw: float) -> None:
    wait_s = PATIENCE.wait_s(failures, draw)
    assert 0.5 <= wait_s <= 30
    assert PATIENCE.wait_s(failures + 1, draw) >= wait_s
