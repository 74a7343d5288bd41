"""A server shaped like the transparency platform of EPİAŞ, login host and data host in one."""

import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from json import JSONDecodeError
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from agent.domain.interval import Series
from simulators.feeds.market import ISTANBUL, Market
from simulators.feeds.served import EVERYWHERE, Clock, FailingServer, Fault

SERVICE = "/electricity-service"
TICKET_LIFE = timedelta(hours=2)
INTERIM_FROM = time(13, 30)
FINAL_FROM = time(14, 0)
LATE_FROM = time(17, 0)
MOST_DAYS = 366
FAULTY_ROW = 5
LIRA_PER_DOLLAR, LIRA_PER_EURO = 5.95, 6.68
"""Of January 2020; nobody reads these columns."""

Row = dict[str, Any]


class EpiasServer(FailingServer):
    """Publishes the next day at 14:00 by the simulated clock, interim prices at 13:30, and asks for a ticket.

    `login_url` and `base_url` are what the hub's settings of the same name should say. With `credentials` (user name
    and password) others are refused; without them any pair will do.
    """

    faults = EVERYWHERE | {
        Fault.UNAUTHORIZED,
        Fault.HOURS_23,
        Fault.YESTERDAY,
        Fault.NULL_PRICE,
        Fault.OUT_OF_BOUNDS,
        Fault.LATE,
    }

    def __init__(
        self,
        market: Market,
        clock: Clock,
        *,
        fault: Fault | None = None,
        zone: ZoneInfo = ISTANBUL,
        credentials: tuple[str, str] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(fault=fault, host=host, port=port)
        self._market = market
        self._clock = clock
        self._zone = zone
        self._credentials = credentials
        self._tickets: dict[str, datetime] = {}
        self.tickets_issued = 0

    @property
    def login_url(self) -> str:
        """The host that gives tickets."""
        return self.url

    @property
    def base_url(self) -> str:
        """The root of the data services."""
        return self.url + SERVICE

    def forget_tickets(self) -> None:
        """Refuse every ticket given so far, as after a restart of the login host."""
        self._tickets.clear()

    def routes(self) -> list[web.RouteDef]:
        """The login and the three data services that the hub uses."""
        return [
            web.post("/cas/v1/tickets", self._give_ticket),
            web.post(f"{SERVICE}/v1/markets/dam/data/mcp", self._final),
            web.post(f"{SERVICE}/v1/markets/dam/data/interim-mcp", self._interim),
            web.post(f"{SERVICE}/v1/markets/bpm/data/system-marginal-price", self._imbalance),
        ]

    async def _give_ticket(self, request: web.Request) -> web.Response:
        if request.content_type != "application/x-www-form-urlencoded":
            return web.Response(status=415, text="Unsupported Media Type")
        form = await request.post()
        given = (str(form.get("username", "")), str(form.get("password", "")))
        accepted = all(given) if self._credentials is None else given == self._credentials
        if self._fault is Fault.UNAUTHORIZED or not accepted:
            return web.Response(status=401, text="Unauthorized")
        if "text/plain" not in request.headers.get("Accept", ""):
            return web.Response(status=201, text="<!DOCTYPE html><title>201 CREATED</title>", content_type="text/html")
        self.tickets_issued += 1
        ticket = f"TGT-{self.tickets_issued}-{secrets.token_hex(16)}-cas"
        self._tickets[ticket] = self._clock.now() + TICKET_LIFE
        return web.Response(status=201, text=ticket, headers={"Location": f"{self.url}/cas/v1/tickets/{ticket}"})

    async def _final(self, request: web.Request) -> web.Response:
        rows: list[Row] = []
        for day in await self._days_asked(request, "endDate"):
            if self._clock.now() >= self._published_at(day, FINAL_FROM):
                rows += self._broken(self._final_rows(day), self._final_rows(day - timedelta(days=1)), "price")
        return web.json_response({"items": rows, "page": None, "statistics": {"priceAvg": None}})

    async def _interim(self, request: web.Request) -> web.Response:
        rows: list[Row] = []
        for day in await self._days_asked(request, "startDate"):
            if self._clock.now() >= self._published_at(day, INTERIM_FROM):
                name = "marketTradePrice"
                rows += self._broken(
                    self._rows(self._market.ptf_try_per_mwh(day), name),
                    self._rows(self._market.ptf_try_per_mwh(day - timedelta(days=1)), name),
                    name,
                )
        return web.json_response({"items": rows})

    async def _imbalance(self, request: web.Request) -> web.Response:
        rows: list[Row] = []
        name = "systemMarginalPrice"
        now_s = self._clock.now().timestamp()
        for day in await self._days_asked(request, "endDate"):
            prices = self._market.smf_try_per_mwh(day)
            over = sum(end_s <= now_s for end_s in prices.ends_s)
            before = self._rows(self._market.smf_try_per_mwh(day - timedelta(days=1)), name)
            rows += self._broken(self._rows(prices, name)[:over], before, name)
        return web.json_response({"items": rows, "statistic": {"smpAverage": None}})

    def _final_rows(self, day: date) -> list[Row]:
        rows = self._rows(self._market.ptf_try_per_mwh(day), "price")
        for row in rows:
            row["priceUsd"] = round(row["price"] / LIRA_PER_DOLLAR, 2)
            row["priceEur"] = round(row["price"] / LIRA_PER_EURO, 2)
        return rows

    def _rows(self, prices: Series, name: str) -> list[Row]:
        starts = [datetime.fromtimestamp(start_s, UTC).astimezone(self._zone) for start_s in prices.starts_s]
        return [
            {"date": start.isoformat(), "hour": start.strftime("%H:%M"), name: price}
            for start, price in zip(starts, prices.values, strict=True)
        ]

    def _broken(self, rows: list[Row], rows_of_yesterday: list[Row], name: str) -> Sequence[Row]:
        if self._fault is Fault.YESTERDAY:
            return rows_of_yesterday
        if self._fault is Fault.HOURS_23:
            return rows[:-1]
        if len(rows) > FAULTY_ROW:
            if self._fault is Fault.NULL_PRICE:
                rows[FAULTY_ROW][name] = None
            if self._fault is Fault.OUT_OF_BOUNDS:
                rows[FAULTY_ROW][name] = 99_999.99
        return rows

    def _published_at(self, day: date, usual: time) -> datetime:
        at = LATE_FROM if self._fault is Fault.LATE else usual
        return datetime.combine(day - timedelta(days=1), at, self._zone)

    async def _days_asked(self, request: web.Request, last_key: str) -> Sequence[date]:
        """The local days from `startDate` to `last_key`, both inclusive. Answers 401 and 400 by raising."""
        until = self._tickets.get(request.headers.get("TGT", ""))
        if self._fault is Fault.UNAUTHORIZED or until is None or self._clock.now() >= until:
            raise web.HTTPUnauthorized(text='{"status": "UNAUTHORIZED"}', content_type="application/json")
        try:
            question = await request.json()
            first, last = (
                datetime.fromisoformat(question[key]).astimezone(self._zone).date() for key in ("startDate", last_key)
            )
        except (JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise web.HTTPBadRequest(text='{"status": "BAD_REQUEST"}', content_type="application/json") from error
        if not 0 <= (last - first).days < MOST_DAYS:
            raise web.HTTPBadRequest(text='{"status": "BAD_REQUEST"}', content_type="application/json")
        return [first + timedelta(days=k) for k in range((last - first).days + 1)]
