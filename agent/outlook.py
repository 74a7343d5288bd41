"""What lies ahead of the home: everything that is known or must be guessed, gathered into one problem."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

from agent.domain.comfort import Band
from agent.domain.house import House, HouseState
from agent.domain.interval import Interval, Series
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.domain.plan import Fallback, Plan
from agent.domain.problem import Problem
from agent.domain.weather import WeatherForecast, WeatherSource
from agent.forecasting.base_load import base_load
from agent.forecasting.hot_water import hot_water
from agent.forecasting.prices import market_prices
from agent.forecasting.sun import climate_forecast
from agent.forecasting.weather import refined
from agent.ports import Ledger
from agent.settings import PlanningSettings, Settings

_PRICE_HISTORY = timedelta(days=8)
_ROUNDING_C = 0.01
_FORECAST_IS_OLD = timedelta(hours=6)

_PRICE_FALLBACK = {
    PriceStatus.INTERIM: Fallback.PRICES_INTERIM,
    PriceStatus.ESTIMATED: Fallback.PRICES_ESTIMATED,
}
_WEATHER_FALLBACK = {
    WeatherSource.LAST_GOOD: Fallback.WEATHER_LAST_GOOD,
    WeatherSource.CLIMATE: Fallback.WEATHER_CLIMATE,
}


class Outlook:
    """Puts the question to the planner."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger

    async def problem(self, state: HouseState) -> Problem:
        """The problem from the step that holds `state.at` to the end of the horizon. Raises JournalError."""
        planning = self._settings.planning
        span = horizon(state.at, planning.step_s, planning.horizon_s)
        known = await self.known_prices(span) if self._settings.tariff.follows_market else {}
        return problem_of(self._settings, state, span, known, await self.weather(state.at, span))

    async def known_prices(self, span: Interval) -> Mapping[date, DayAheadPrices]:
        """The prices in the ledger for the days of a span and the week before it."""
        zone = self._settings.home.zone
        day = (span.start - _PRICE_HISTORY).astimezone(zone).date()
        known: dict[date, DayAheadPrices] = {}
        while day <= span.end.astimezone(zone).date():
            prices = await self._ledger.prices(day)
            if prices is not None:
                known[day] = prices
            day += timedelta(days=1)
        return known

    async def weather(self, moment: datetime, span: Interval) -> WeatherForecast:
        """The newest forecast, the last good one, or the climate, at 5-minute steps and covering the span."""
        home = self._settings.home
        climate = climate_forecast(span, home.latitude, home.longitude, moment)
        newest = await self._ledger.last_weather()
        if newest is None:
            return climate
        fine = refined(newest, home.latitude, home.longitude)
        complete = fine.outdoor_temperature_c.covers(span) and fine.irradiance_w_m2.covers(span)
        if complete and moment - newest.issued_at <= _FORECAST_IS_OLD:
            return fine
        return WeatherForecast(
            issued_at=newest.issued_at,
            source=WeatherSource.LAST_GOOD if complete else WeatherSource.CLIMATE,
            outdoor_temperature_c=fine.outdoor_temperature_c.over(climate.outdoor_temperature_c),
            irradiance_w_m2=fine.irradiance_w_m2.over(climate.irradiance_w_m2),
        )


def problem_of(
    settings: Settings,
    state: HouseState,
    span: Interval,
    known_prices: Mapping[date, DayAheadPrices],
    weather: WeatherForecast,
) -> Problem:
    """The problem of a home over a span, from what is known; what had to be guessed is flagged.

    The weather must cover the span; prices are needed only where the tariff follows the market.
    """
    zone = settings.home.zone
    market, status = Series(), PriceStatus.FINAL
    if settings.tariff.follows_market:
        market, status = market_prices(span, known_prices, zone)
    flags = (
        _PRICE_FALLBACK.get(status),
        _WEATHER_FALLBACK.get(weather.source),
        Fallback.TEMPERATURE_ESTIMATED if state.estimated else None,
    )
    return Problem(
        horizon=span,
        step_s=settings.planning.step_s,
        house=with_margins(settings.house, settings.planning),
        state=state,
        price_try_per_kwh=settings.tariff.prices(span, market, zone),
        outdoor_temperature_c=weather.outdoor_temperature_c.cut(span),
        irradiance_w_m2=weather.irradiance_w_m2.cut(span),
        base_load_w=base_load(settings.house, span, zone),
        hot_water_kg_per_s=hot_water(settings.house, span, zone),
        time_limit_s=settings.planning.time_limit_s,
        solver=settings.planning.solver,
        fallbacks=frozenset(flag for flag in flags if flag is not None),
    )


def with_margins(house: House, planning: PlanningSettings) -> House:
    """The house with comfort bands that are narrower by the planning margins, where they leave half of the band."""
    room, tank = house.room, house.tank
    if room is not None:
        margin_c = min(planning.room_margin_c, (room.comfort.high_c - room.comfort.low_c) / 4)
        band = Band(low_c=room.comfort.low_c + margin_c, high_c=room.comfort.high_c - margin_c)
        room = room.model_copy(update={"comfort": band})
    if tank is not None:
        margin_c = min(planning.tank_margin_c, (tank.comfort.high_c - tank.comfort.low_c) / 2)
        band = Band(low_c=tank.comfort.low_c + margin_c, high_c=tank.comfort.high_c)
        tank = tank.model_copy(update={"comfort": band})
    return house.model_copy(update={"room": room, "tank": tank})


def without_margins(plan: Plan, house: House) -> Plan:
    """The plan, judged by the owner's bands: eating into a margin is no miss of comfort."""
    if Fallback.COMFORT_RELAXED not in plan.fallbacks:
        return plan
    expected = ((house.room, plan.room_temperature_c), (house.tank, plan.tank_temperature_c))
    for part, trajectory in expected:
        band = part.comfort if part is not None else None
        inside = _tolerant(band) if band is not None else None
        if inside is not None and trajectory is not None and not all(map(inside, trajectory.values)):
            return plan
    return plan.model_copy(update={"fallbacks": plan.fallbacks - {Fallback.COMFORT_RELAXED}})


def _tolerant(band: Band) -> Callable[[float], bool]:
    return lambda temperature_c: band.low_c - _ROUNDING_C <= temperature_c <= band.high_c + _ROUNDING_C


def horizon(moment: datetime, step_s: int, length_s: int) -> Interval:
    """From the start of the step that holds the moment, for `length_s` seconds."""
    start_s = int(moment.timestamp()) // step_s * step_s
    start = datetime.fromtimestamp(start_s, UTC)
    return Interval(start=start, end=start + timedelta(seconds=length_s))
