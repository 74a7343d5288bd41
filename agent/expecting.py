"""What the owner's settings let the hub expect at a moment: the season, the comfort wanted, what others draw."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from math import ceil, floor

from agent.control.circuits import circuit_of
from agent.domain.comfort import Band
from agent.domain.device import Name
from agent.domain.house import Aim, AirConditionerMode, House
from agent.domain.interval import Interval
from agent.domain.plan import Plan
from agent.forecasting.base_load import base_load
from agent.forecasting.comfort import room_band, setpoint_c, tank_band
from agent.forecasting.hot_water import hot_water
from agent.forecasting.sun import climate_forecast
from agent.outlook import horizon, in_season
from agent.settings import Settings

_DRAWN_BEFORE = timedelta(minutes=20)
_DRAWN_AFTER = timedelta(minutes=10)
"""People shower about when they said: near a draw the tank differs from the plan without meaning anything."""


class Expectations:
    """Answers by the settings alone; it looks at no device."""

    def __init__(self, settings: Settings, switched: Collection[Name]) -> None:
        """`switched` are the loads and appliances that have a relay."""
        self._settings = settings
        self._switched = frozenset(switched)

    def house(self, plan: Plan | None, at: datetime) -> House:
        """The house as the plan sees it; without a plan, as the climate of the date has it."""
        home, house = self._settings.home, self._settings.house
        if house.air_conditioner is None or house.air_conditioner.cooling is None:
            return house
        if plan is not None and plan.outdoor_temperature_c is not None:
            return in_season(house, plan.outdoor_temperature_c, plan.horizon)
        day = horizon(at, 300, 86_400)
        return in_season(house, climate_forecast(day, home.latitude, home.longitude, at).outdoor_temperature_c, day)

    def bands(self, house: House, at: datetime) -> Mapping[str, Band]:
        """What people want of room and tank at a moment."""
        zone = self._settings.home.zone
        bands = {"room": room_band(house, at, zone), "tank": tank_band(house, at, zone)}
        return {part: band for part, band in bands.items() if band is not None}

    def setpoints_c(self, house: House, at: datetime) -> Mapping[Name, float]:
        """What thermostats would hold, by load, °C."""
        return {load: setpoint_c(house, load, at, self._settings.home.zone) for load in house.loads}

    def aim(self, house: House, at: datetime) -> Aim | None:
        """What the air conditioner is to do while it is on: its own thermostat ends it where people want no more.

        None without a unit.
        """
        unit = house.air_conditioner
        if unit is None:
            return None
        band = self.bands(house, at).get("room")
        cools = unit.mode is AirConditionerMode.COOL
        wanted_c = unit.thermostat_c if band is None else band.low_c if cools else band.high_c
        return Aim(mode=unit.mode, setpoint_c=floor(wanted_c) if cools else ceil(wanted_c))

    def unswitched_w(self, at: datetime, plan: Plan | None) -> float:
        """What draws without the hub's doing: the base load, and appliances that their owner starts as planned, W."""
        span = horizon(at, 60, 60)
        drawn_w = base_load(self._settings.house, span, self._settings.home.zone).at(at)
        names = [one.name for one in self._settings.house.appliances if one.name not in self._switched]
        for part in () if plan is None else plan.loads:
            block = next((block for block in part.on if at in block), None)
            if plan is None or block is None or part.load not in names:
                continue
            running = at - block.start if block.start > plan.horizon.start else None  # it may have begun before
            drawn_w += circuit_of(self._settings.house, part.load).power_at_w(running)
        return drawn_w

    def deviation_limits_c(self, at: datetime) -> Mapping[str, float]:
        """How far room and tank may be from a plan before another is made, °C."""
        planning = self._settings.planning
        around = Interval(start=at - _DRAWN_BEFORE, end=at + _DRAWN_AFTER)
        if hot_water(self._settings.house, around, self._settings.home.zone).values:
            return {"room": planning.room_deviation_c}
        return {"room": planning.room_deviation_c, "tank": planning.tank_deviation_c}
