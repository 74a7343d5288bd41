"""A clock that is set by hand, weather that is a formula, and the hub's side of both feeds."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import httpx

from agent.adapters.feeds.epias import EpiasPrices
from agent.adapters.feeds.epias_answers import Bounds
from agent.adapters.feeds.open_meteo import OpenMeteoWeather
from simulators.feeds import NO_ERROR, EpiasServer, Fault, ForecastError, Market, OpenMeteoServer, ShippedMarket

ISTANBUL = ZoneInfo("Europe/Istanbul")
BERLIN = ZoneInfo("Europe/Berlin")
PAPER_DAY = date(2020, 1, 1)
AFTERNOON_BEFORE = datetime(2019, 12, 31, 15, 0, tzinfo=ISTANBUL)
CREDENTIALS = ("canary-user", "canary-password")
BOUNDS = Bounds(floor_try_per_mwh=0, cap_try_per_mwh=4500)
TIMEOUT_S = 0.3
WITHOUT_END = {Fault.SILENT, Fault.TRICKLE}


class ManualClock:
    """Shows what it is told."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment.astimezone(UTC)

    def to_wall(self, moment: datetime) -> datetime:
        return moment

    def to_domain(self, wall: datetime) -> datetime:
        return wall

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[bool]:
        yield True


class HalfSineWeather:
    """The sun from 06:00 to 18:00 UTC with a peak of 600 W/m²; 10 °C and a fifth of a degree more each hour."""

    def temperature_c(self, at: datetime) -> float:
        return 10 + at.astimezone(UTC).hour / 5

    def irradiance_w_m2(self, at: datetime) -> float:
        utc = at.astimezone(UTC)
        return max(0.0, 600 * math.sin(math.pi * (utc.hour + utc.minute / 60 - 6) / 12))


async def no_sleep(_: float) -> None:
    """Let no time pass."""


@asynccontextmanager
async def epias(
    moment: datetime = AFTERNOON_BEFORE,
    *,
    market: Market | None = None,
    fault: Fault | None = None,
    zone: ZoneInfo = ISTANBUL,
    password: str = CREDENTIALS[1],
    sleep: Callable[[float], Awaitable[None]] = no_sleep,
) -> AsyncIterator[tuple[EpiasPrices, EpiasServer, ManualClock]]:
    """The platform at a moment, and the hub's adapter that asks it."""
    clock = ManualClock(moment)
    server = EpiasServer(market or ShippedMarket(zone), clock, fault=fault, zone=zone, credentials=CREDENTIALS)
    async with server, httpx.AsyncClient(trust_env=False) as client:
        prices = EpiasPrices(
            client,
            clock,
            zone=zone,
            login_url=server.login_url,
            base_url=server.base_url,
            username=CREDENTIALS[0],
            password=lambda: password,
            bounds=BOUNDS,
            timeout_s=TIMEOUT_S if fault in WITHOUT_END else 10,
            sleep=sleep,
        )
        yield prices, server, clock


@asynccontextmanager
async def open_meteo(
    moment: datetime, *, fault: Fault | None = None, error: ForecastError = NO_ERROR, latitude: float = 41.01
) -> AsyncIterator[tuple[OpenMeteoWeather, OpenMeteoServer, ManualClock]]:
    """The weather service at a moment, and the hub's adapter that asks it."""
    clock = ManualClock(moment)
    server = OpenMeteoServer(HalfSineWeather(), clock, fault=fault, error=error)
    async with server, httpx.AsyncClient(trust_env=False) as client:
        weather = OpenMeteoWeather(
            client,
            clock,
            base_url=server.base_url,
            latitude=latitude,
            longitude=28.98,
            timeout_s=TIMEOUT_S if fault in WITHOUT_END else 10,
        )
        yield weather, server, clock
