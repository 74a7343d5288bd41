"""Prices from the transparency platform of EPİAŞ (version 2.0).

A ticket is asked for at the login host with the owner's name and password, is valid for about two hours and goes with
every question. Neither it nor they ever stand in a message: errors name the feed, the day and what was wrong.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

import httpx

from agent.adapters.feeds.asking import answer_to
from agent.adapters.feeds.epias_answers import (
    FEED,
    Bounds,
    FinalItems,
    ImbalanceItems,
    InterimItems,
    part_of_day,
    whole_day,
)
from agent.domain.market import DayAheadPrices, ImbalancePrices, PriceStatus
from agent.errors import FeedMalformed, FeedNotYet, FeedUnauthorized
from agent.ports import Clock

TICKET_LIFE = timedelta(minutes=90)
"""It is valid for about two hours; it is renewed well before."""
SPACING_S = 0.5
"""Asked more often than this the platform answers 429."""

_TICKET = re.compile(rb"TGT-[\x21-\x7e]{1,500}")
_log = logging.getLogger(__name__)


class EpiasPrices:
    """The day-ahead and balancing markets of Türkiye.

    The client is the hub's, and lives longer than this. `password` is given as a question, so that it is read from its
    file only when a ticket is needed.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        clock: Clock,
        *,
        zone: ZoneInfo,
        login_url: str,
        base_url: str,
        username: str,
        password: Callable[[], str],
        bounds: Bounds,
        timeout_s: float = 20.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._clock = clock
        self._zone = zone
        self._tickets_url = f"{login_url.rstrip('/')}/cas/v1/tickets"
        self._base_url = base_url.rstrip("/")
        self._username = username
        self._password = password
        self._bounds = bounds
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._monotonic_s = monotonic_s
        self._one_at_a_time = asyncio.Lock()
        self._ticket: str | None = None
        self._ticket_until: datetime | None = None
        self._asked_at_s: float | None = None

    async def day_ahead(self, day: date) -> DayAheadPrices:
        """Return all prices of a local day: final, or interim while there is no final. Raises FeedError."""
        try:
            body = await self._ask("/v1/markets/dam/data/mcp", self._day(day, "startDate", "endDate"))
            prices, status = whole_day(body, FinalItems, day, self._zone, self._bounds), PriceStatus.FINAL
        except FeedNotYet:
            body = await self._ask("/v1/markets/dam/data/interim-mcp", self._day(day, "startDate"))
            prices, status = whole_day(body, InterimItems, day, self._zone, self._bounds), PriceStatus.INTERIM
        return DayAheadPrices(day=day, status=status, fetched_at=self._clock.now(), price_try_per_kwh=prices)

    async def imbalance(self, day: date) -> ImbalancePrices:
        """Return the system marginal prices settled so far. Raises FeedError; FeedNotYet while there are none."""
        question = self._day(day, "startDate", "endDate")
        body = await self._ask("/v1/markets/bpm/data/system-marginal-price", question)
        prices = part_of_day(body, ImbalanceItems, day, self._zone, self._bounds)
        return ImbalancePrices(day=day, fetched_at=self._clock.now(), price_try_per_kwh=prices)

    def _day(self, day: date, *keys: str) -> Mapping[str, str]:
        """The question for one day: both ends are inclusive, so they are the same midnight."""
        midnight = datetime.combine(day, time_of_day(0), self._zone).isoformat()
        return dict.fromkeys(keys, midnight)

    async def _ask(self, path: str, question: Mapping[str, str]) -> bytes:
        async with self._one_at_a_time:
            try:
                return await self._ask_with_ticket(path, question)
            except FeedUnauthorized:
                if self._ticket is None:
                    raise  # it was the login that refused
                _log.debug("%s: the ticket was refused, asking for a new one", FEED)
                self._ticket = None
                return await self._ask_with_ticket(path, question)

    async def _ask_with_ticket(self, path: str, question: Mapping[str, str]) -> bytes:
        ticket = await self._valid_ticket()
        await self._keep_spacing()
        return await answer_to(
            self._client,
            lambda: self._client.build_request(
                "POST",
                self._base_url + path,
                json=question,
                headers={"TGT": ticket, "Accept": "application/json"},
                timeout=self._timeout_s,
            ),
            FEED,
            self._timeout_s,
        )

    async def _keep_spacing(self) -> None:
        if self._asked_at_s is not None:
            early_s = self._asked_at_s + SPACING_S - self._monotonic_s()
            if early_s > 0:
                await self._sleep(early_s)
        self._asked_at_s = self._monotonic_s()

    async def _valid_ticket(self) -> str:
        now = self._clock.now()
        if self._ticket is None or self._ticket_until is None or now >= self._ticket_until:
            self._ticket = None
            self._ticket = await self._new_ticket()
            self._ticket_until = now + TICKET_LIFE
        return self._ticket

    async def _new_ticket(self) -> str:
        body = await answer_to(
            self._client,
            lambda: self._client.build_request(
                "POST",
                self._tickets_url,
                data={"username": self._username, "password": self._password()},
                headers={"Accept": "text/plain"},
                timeout=self._timeout_s,
            ),
            FEED,
            self._timeout_s,
        )
        ticket = body.strip()
        if not _TICKET.fullmatch(ticket):
            raise FeedMalformed(FEED, "the login answered with something that is not a ticket")
        return ticket.decode("ascii")
