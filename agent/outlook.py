"""What lies ahead of the home: everything that is known or must be guessed, gathered into one problem."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from agent.domain.comfort import Away, Band, BandFrom
from agent.domain.device import Name
from agent.domain.house import House, HouseState, Room, Tank
from agent.domain.interval import Interval, Series
from agent.domain.local_day import local_day
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.domain.plan import ComfortMiss, Fallback, Plan
from agent.domain.problem import Problem, Wanted
from agent.domain.weather import WeatherForecast, WeatherSource
from agent.forecasting.appliance_runs import runs_ahead
from agent.forecasting.base_load import base_load
from agent.forecasting.comfort import room_wanted, tank_wanted
from agent.forecasting.generation import generation
from agent.forecasting.hot_water import hot_water
from agent.forecasting.prices import market_prices
from agent.forecasting.sun import climate_forecast
from agent.forecasting.weather import refined
from agent.ports import Ledger
from agent.settings import PlanningSettings, Settings

_PRICE_HISTORY = timedelta(days=8)
_ROUNDING_C = 0.01
_DAY = timedelta(hours=24)
_HOTTEST_HYGIENE_C = 80.0
"""No house may ask for more."""
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

    async def problem(
        self,
        state: HouseState,
        ran: Mapping[Name, Sequence[Interval]] | None = None,
        announced: Plan | None = None,
    ) -> Problem:
        """The problem from the step that holds `state.at` to the end of the horizon. Raises JournalError.

        `ran` says when each appliance has run of late; `announced` is the plan in force.
        """
        planning = self._settings.planning
        longest = horizon(state.at, planning.step_s, planning.longest_horizon_s)
        known = await self.known_prices(longest) if self._settings.needs_market else {}
        span = planned_horizon(self._settings, state.at, known)
        weather = await self.weather(state.at, span)
        return problem_of(self._settings, state, span, known, weather, ran=ran, announced=announced)

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
            wind_speed_m_s=fine.wind_speed_m_s,
        )


def problem_of(
    settings: Settings,
    state: HouseState,
    span: Interval,
    known_prices: Mapping[date, DayAheadPrices],
    weather: WeatherForecast,
    *,
    ran: Mapping[Name, Sequence[Interval]] | None = None,
    announced: Plan | None = None,
) -> Problem:
    """The problem of a home over a span that the weather covers; what had to be guessed is flagged."""
    zone, house = settings.home.zone, in_season(settings.house, weather.outdoor_temperature_c, span)
    planned = with_margins(house, settings.planning)
    market, status = market_prices(span, known_prices, zone) if settings.needs_market else (Series(), PriceStatus.FINAL)
    return Problem(
        horizon=span,
        step_s=settings.planning.step_s,
        time_zone=settings.home.time_zone,
        house=_to_be_planned(house, settings.planning),
        state=state,
        price_try_per_kwh=settings.tariff.prices(span, market, zone),
        export_try_per_kwh=None if settings.export is None else settings.export.prices(span, market, zone),
        demand=settings.demand,
        outdoor_temperature_c=weather.outdoor_temperature_c.cut(span),
        irradiance_w_m2=weather.irradiance_w_m2.cut(span),
        base_load_w=base_load(house, span, zone),
        generation_w=generation(house, weather, span),
        hot_water_kg_per_s=hot_water(house, span, zone),
        room_wanted=_limits(room_wanted(planned, span, zone), house.room, planned.room, span),
        tank_wanted=_limits(tank_wanted(planned, span, zone), house.tank, planned.tank, span),
        runs=runs_ahead(house.appliances, span, zone, ran),
        announced=announced if announced is not None and announced.horizon.overlap_s(span) else None,
        end=settings.planning.end,
        time_limit_s=settings.planning.time_limit_s,
        solver=settings.planning.solver,
        fallbacks=_guessed(status, weather, state),
    )


def _guessed(prices: PriceStatus, weather: WeatherForecast, state: HouseState) -> frozenset[Fallback]:
    flags = (
        _PRICE_FALLBACK.get(prices),
        _WEATHER_FALLBACK.get(weather.source),
        Fallback.TEMPERATURE_ESTIMATED if state.estimated else None,
    )
    return frozenset(flag for flag in flags if flag is not None)


def in_season(house: House, outdoor_c: Series, span: Interval) -> House:
    """The house as the first day of a span finds it: its unit heats or cools by the mean temperature outdoors."""
    day = Interval(start=span.start, end=min(span.end, span.start + _DAY))
    return house.in_season(outdoor_c.mean(day))


def with_margins(house: House, planning: PlanningSettings) -> House:
    """The house with every band narrower by the planning margins, where they leave half of it."""
    return house.model_copy(
        update={
            "room": None if house.room is None else _room_with_margins(house.room, planning),
            "tank": None if house.tank is None else _tank_with_margins(house.tank, planning),
            "away": tuple(_away_with_margins(away, planning) for away in house.away),
        }
    )


def _limits(
    wanted: Wanted | None, owners: Room | Tank | None, planned: Room | Tank | None, span: Interval
) -> Wanted | None:
    """The planned limits; None only where the owner's own comfort band holds throughout."""
    if wanted is not None or owners is None or planned is None or planned.comfort == owners.comfort:
        return wanted
    return Wanted(
        low_c=Series.constant(span, planned.comfort.low_c), high_c=Series.constant(span, planned.comfort.high_c)
    )


def _to_be_planned(house: House, planning: PlanningSettings) -> House:
    """The house with a tank that is to be hotter against legionella by the margin of the tank.

    What falls short by a tenth of a degree would have to be done again. At most half of the way to what can be reached.
    """
    tank, rod = house.tank, house.water_heater
    if tank is None or tank.legionella is None:
        return house
    scheduled_c = max((entry.band.high_c for entry in tank.schedule), default=tank.comfort.high_c)
    reach_c = min(tank.comfort.high_c, scheduled_c, _HOTTEST_HYGIENE_C)
    if rod is not None and house.collector is None and tank.heat_loss_w_per_c > 0:
        reach_c = min(reach_c, (tank.ambient_c or 0.0) + rod.power_w / tank.heat_loss_w_per_c)
    asked_c = tank.legionella.temperature_c
    hotter_c = asked_c + min(planning.tank_margin_c, max(0.0, reach_c - asked_c) / 2)
    hotter = tank.legionella.model_copy(update={"temperature_c": hotter_c})
    return house.model_copy(update={"tank": tank.model_copy(update={"legionella": hotter})})


def _room_with_margins(room: Room, planning: PlanningSettings) -> Room:
    return room.model_copy(
        update={
            "comfort": _room_band(room.comfort, planning),
            "schedule": tuple(_replaced(entry, _room_band(entry.band, planning)) for entry in room.schedule),
        }
    )


def _tank_with_margins(tank: Tank, planning: PlanningSettings) -> Tank:
    return tank.model_copy(
        update={
            "comfort": _tank_band(tank.comfort, planning),
            "schedule": tuple(_replaced(entry, _tank_band(entry.band, planning)) for entry in tank.schedule),
        }
    )


def _away_with_margins(away: Away, planning: PlanningSettings) -> Away:
    return away.model_copy(
        update={
            "room": _room_band(away.room, planning),
            "tank_low_c": away.tank_low_c + planning.tank_margin_c,
        }
    )


def _replaced(entry: BandFrom, band: Band) -> BandFrom:
    return entry.model_copy(update={"band": band})


def _room_band(band: Band, planning: PlanningSettings) -> Band:
    margin_c = min(planning.room_margin_c, (band.high_c - band.low_c) / 4)
    return Band(low_c=band.low_c + margin_c, high_c=band.high_c - margin_c)


def _tank_band(band: Band, planning: PlanningSettings) -> Band:
    margin_c = min(planning.tank_margin_c, (band.high_c - band.low_c) / 2)
    return Band(low_c=band.low_c + margin_c, high_c=band.high_c)


def without_margins(plan: Plan, house: House, zone: ZoneInfo) -> Plan:
    """The plan, judged by the owner's bands: eating into a margin is no miss of comfort."""
    if plan.outdoor_temperature_c is not None:
        house = in_season(house, plan.outdoor_temperature_c, plan.horizon)
    outside = {"room": list(_outside(plan, house, zone, "room")), "tank": list(_outside(plan, house, zone, "tank"))}
    misses = [_judged(miss, outside[miss.part]) for miss in plan.misses]
    kept = tuple(miss for miss in misses if miss is not None)
    forgiven = frozenset() if any(outside.values()) else frozenset({Fallback.COMFORT_RELAXED})
    return plan.model_copy(update={"fallbacks": plan.fallbacks - forgiven, "misses": kept})


_Outside = tuple[Interval, float, float]
"""A step, the temperature at its end, and how far that is outside the owner's band, °C."""


def _outside(plan: Plan, house: House, zone: ZoneInfo, part: str) -> Iterator[_Outside]:
    room = part == "room"
    trajectory, where = (plan.room_temperature_c, house.room) if room else (plan.tank_temperature_c, house.tank)
    if trajectory is None or where is None:
        return
    wanted = (room_wanted if room else tank_wanted)(house, plan.horizon, zone)
    for step, at_c in trajectory.items():
        low_c = where.comfort.low_c if wanted is None else wanted.low_c.at(step.start)
        high_c = where.comfort.high_c if wanted is None else wanted.high_c.at(step.start)
        off_c = max(low_c - at_c, at_c - high_c)
        if off_c > _ROUNDING_C:
            yield step, at_c, off_c


def _judged(miss: ComfortMiss, outside: Sequence[_Outside]) -> ComfortMiss | None:
    """What is left of a miss by the owner's band; None if nothing is."""
    left = [row for row in outside if row[0].overlap_s(miss.span) > 0]
    if not left:
        return None
    return miss.model_copy(
        update={
            "span": Interval(start=left[0][0].start, end=left[-1][0].end),
            "degree_hours": sum(off_c * step.duration_s / 3600 for step, _, off_c in left),
            "worst_c": max(left, key=lambda row: row[2])[1],
        }
    )


def planned_horizon(settings: Settings, moment: datetime, known: Mapping[date, DayAheadPrices]) -> Interval:
    """From the start of the step that holds the moment to the end of the known prices, within the owner's bounds.

    Where no tariff follows the market all prices are known, and the shortest horizon is enough.
    """
    planning = settings.planning
    shortest = horizon(moment, planning.step_s, planning.horizon_s)
    if not settings.needs_market:
        return shortest
    longest = horizon(moment, planning.step_s, planning.longest_horizon_s)
    known_until = min(longest.end, _known_until(shortest.start, known, settings.home.zone))
    return Interval(start=shortest.start, end=max(shortest.end, known_until))


def _known_until(moment: datetime, known: Mapping[date, DayAheadPrices], zone: ZoneInfo) -> datetime:
    """The end of the last whole day up to which every price from the moment on is known."""
    while True:
        day = moment.astimezone(zone).date()
        prices, rest = known.get(day), Interval(start=moment, end=local_day(day, zone).end)
        if prices is None or prices.status is PriceStatus.ESTIMATED or not prices.price_try_per_kwh.covers(rest):
            return moment
        moment = rest.end


def horizon(moment: datetime, step_s: int, length_s: int) -> Interval:
    """From the start of the step that holds the moment, for `length_s` seconds."""
    start_s = int(moment.timestamp()) // step_s * step_s
    start = datetime.fromtimestamp(start_s, UTC)
    return Interval(start=start, end=start + timedelta(seconds=length_s))
