"""What the world says of the coming days, fetched into the ledger: prices and weather."""

import logging
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from agent.control.conditions import Conditions
from agent.domain.interval import Interval
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.errors import FeedError, FeedNotYet
from agent.outlook import horizon
from agent.ports import Clock, Ledger, Prices, Weather
from agent.settings import Settings

_log = logging.getLogger(__name__)

_INTERIM_FROM = time(13, 30)
_FINAL_BY = time(14, 30)
"""Tomorrow's prices are final at 14:00; half an hour later their absence is worth a word."""
_HISTORY_DAYS = 7
"""So many days before today serve to estimate what is not published yet."""
_FORECAST_IS_YOUNG = timedelta(hours=3)
_FORECAST_LENGTH = timedelta(hours=48)


class Fetching:
    """Asks the feeds, keeps what is new, and says once when one is lost and once when it is back."""

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        ledger: Ledger,
        prices: Prices | None,
        weather: Weather,
        conditions: Conditions,
    ) -> None:
        self._zone = settings.home.zone
        self._prices = prices if settings.needs_market else None
        self._weather = weather
        self._clock = clock
        self._ledger = ledger
        self._conditions = conditions

    async def fetch_prices(self) -> bool:
        """Fetch today and tomorrow until they are final; return whether that changes the outlook."""
        if self._prices is None:
            return False
        news = False
        for day in await self._days_not_final():
            try:
                fresh = await self._prices.day_ahead(day)
            except FeedNotYet as error:
                await self._not_yet(day, error)
            except FeedError as error:
                await self._conditions.report("feed:epias", well=False, detail=str(error))
                return news
            else:
                await self._conditions.report("feed:epias", well=True)
                await self._conditions.report(_publication(day, self._today()), well=True)
                news |= await self._is_news(fresh)
        await self._fetch_one_day_of_history(self._prices)
        return news

    async def fetch_weather(self) -> bool:
        """Fetch the forecast of the coming two days, unless the last is young; return whether there is a new one."""
        now = self._clock.now()
        last = await self._ledger.last_weather()
        if last is not None and now - last.issued_at < _FORECAST_IS_YOUNG:
            return False
        start = horizon(now, 3600, 3600).start
        try:
            forecast = await self._weather.forecast(Interval(start=start, end=start + _FORECAST_LENGTH))
        except FeedError as error:
            await self._conditions.report("feed:weather", well=False, detail=str(error))
            return False
        await self._ledger.add_weather(forecast)
        await self._conditions.report("feed:weather", well=True)
        return True

    async def _days_not_final(self) -> Sequence[date]:
        today = self._today()
        days = [today, today + timedelta(days=1)] if self._local_now().time() >= _INTERIM_FROM else [today]
        known = [await self._ledger.prices(day) for day in days]
        return [
            day
            for day, prices in zip(days, known, strict=True)
            if prices is None or prices.status is not PriceStatus.FINAL
        ]

    async def _fetch_one_day_of_history(self, prices: Prices) -> None:
        """One day at a time, for the operator limits how often it may be asked. A gap in the past is no loss."""
        for back in range(1, _HISTORY_DAYS + 1):
            day = self._today() - timedelta(days=back)
            if await self._ledger.prices(day) is not None:
                continue
            try:
                await self._is_news(await prices.day_ahead(day))
            except FeedError as error:
                _log.debug("no prices of %s: %s", day, error)
            return

    async def _not_yet(self, day: date, error: FeedNotYet) -> None:
        if day <= self._today() or self._local_now().time() >= _FINAL_BY:
            await self._conditions.report(_publication(day, self._today()), well=False, detail=str(error))

    async def _is_news(self, fresh: DayAheadPrices) -> bool:
        """Keep the prices of a day if they differ from what is known."""
        known = await self._ledger.prices(fresh.day)
        same = known is not None and known.status is fresh.status and known.price_try_per_kwh == fresh.price_try_per_kwh
        if same:
            return False
        await self._ledger.add_prices(fresh)
        return True

    def _local_now(self) -> datetime:
        return self._clock.now().astimezone(self._zone)

    def _today(self) -> date:
        return self._local_now().date()


def _publication(day: date, today: date) -> str:
    return "prices of today" if day <= today else "prices of tomorrow"
