"""One physical home: the truth that plugs measure, thermometers read and a plan only approximates.

Built from the owner's `House` with every figure a few per cent off (by seed), with physics of its own (`thermal`),
people who shower about when they said (`draws`), and the weather as it really is. Two homes of the same seed that are
switched alike live the same day, which is how a plan is compared with plain thermostats.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from agent.domain.comfort import Band
from agent.domain.device import Name
from agent.domain.house import (
    AIR_CONDITIONER,
    WATER_HEATER,
    AirConditioner,
    AirConditionerMode,
    Collector,
    House,
    Room,
    Tank,
    WaterHeater,
)
from agent.domain.thermostat import thermostat
from simulators.draws import Household
from simulators.thermal import UNIT_STOPS_C, RoomPhysics, TankPhysics, cop_at
from simulators.weather import WeatherTruth

LONGEST_STEP_S = 10.0
MISMATCH = 0.04
"""How far the truth is from the settings, at most, each figure for itself."""
AIR_SHARE = 0.25
AIR_LOSS_SHARE = 0.4
AIR_LEAD_C = 0.4
"""How far the air runs ahead of the walls while the air conditioner works."""
LIVING_C = 0.8
"""People and appliances warm the home by this much on average."""
SUN_C_PER_W_M2 = 0.004
"""The sun through the windows warms it by this much per W/m² outside."""
FREE_HEAT_SHARE = 0.08
"""The owner's heat loss was learned from bills, so it is what remains after the heat that comes free in winter."""
THERMOSTAT_HYSTERESIS_C: Mapping[Name, float] = {AIR_CONDITIONER: 0.4, WATER_HEATER: 1.5}
BASE_LOAD_SPREAD = 0.25
BASE_LOAD_SPAN_S = 900


@dataclass
class Discomfort:
    """How long a temperature was outside its band, and how far at worst."""

    minutes: float = 0.0
    worst_c: float = 0.0

    def count(self, temperature_c: float, band: Band, minutes: float) -> None:
        """Count a span at one temperature."""
        outside_c = max(band.low_c - temperature_c, temperature_c - band.high_c)
        if outside_c > 0:
            self.minutes += minutes
            self.worst_c = max(self.worst_c, outside_c)


@dataclass(frozen=True)
class Switching:
    """A relay that changed its state."""

    at: datetime
    load: Name
    on: bool


@dataclass
class _Load:
    power_w: float
    on: bool = False
    drawing_w: float = 0.0
    energy_wh: float = 0.0


@dataclass
class _AirConditioning:
    unit: AirConditioner
    cop: float

    def heat_w(self, drawing_w: float, outdoor_c: float) -> float:
        sign = 1 if self.unit.mode is AirConditionerMode.HEAT else -1
        return sign * drawing_w * cop_at(self.cop, outdoor_c, self.unit.mode)

    def may_run(self, air_c: float) -> bool:
        limit_c = UNIT_STOPS_C[self.unit.mode]
        return air_c < limit_c if self.unit.mode is AirConditionerMode.HEAT else air_c > limit_c


@dataclass
class PhysicalHouse:
    """A home that lives: `advance_to` a moment, `switch` its relays, look at it. Not thread-safe."""

    house: House
    weather: WeatherTruth
    zone: ZoneInfo
    moment: datetime
    """The moment up to which the home has lived, UTC."""
    seed: int = 0
    step_s: float = LONGEST_STEP_S
    switchings: list[Switching] = field(default_factory=list)
    room_discomfort: Discomfort = field(default_factory=Discomfort)
    water_discomfort: Discomfort = field(default_factory=Discomfort)
    """Counted at the outlet, which is what a person under the shower feels."""
    base_energy_wh: float = 0.0

    def __post_init__(self) -> None:
        """Draw the truth around the owner's figures."""
        random = Random(f"house:{self.seed}")
        self._loads = {name: _Load(power_w=_about(self.house.load(name).power_w, random)) for name in self.house.loads}
        unit = self.house.air_conditioner
        self._air_conditioning = _AirConditioning(unit, _about(unit.cop, random)) if unit else None
        outdoor_c = self.weather.temperature_c(self.moment)
        self.room = _room(self.house.room, unit, outdoor_c, random) if self.house.room else None
        self.tank = _tank(self.house.tank, self.house.water_heater, random) if self.house.tank else None
        self._collector = _true_collector(self.house.collector, random) if self.house.collector else None
        self._household = Household(self.house.tank.uses if self.house.tank else (), self.zone, self.seed)

    def advance_to(self, moment: datetime) -> None:
        """Live on to a moment; nothing happens if it is past."""
        while self.moment < moment:
            grid_s = (math.floor(self.moment.timestamp() / self.step_s) + 1) * self.step_s
            self._live(min(moment, datetime.fromtimestamp(grid_s, UTC)))

    def switch(self, load: Name, *, on: bool) -> None:
        """Set a relay. Raises KeyError if the home has no such load."""
        if self._loads[load].on != on:
            self._loads[load].on = on
            self.switchings.append(Switching(self.moment, load, on))
        self._loads[load].drawing_w = self._drawing_w(load)

    def is_on(self, load: Name) -> bool:
        """Whether the relay is closed."""
        return self._loads[load].on

    def power_w(self, load: Name) -> float:
        """What the circuit draws now; a load that its own thermostat has stopped draws nothing."""
        return self._loads[load].drawing_w

    def energy_wh(self, load: Name) -> float:
        """What the circuit has drawn since the beginning."""
        return self._loads[load].energy_wh

    @property
    def base_power_w(self) -> float:
        """What the rest of the home draws now: the owner's figure, restless from quarter to quarter."""
        if not self.house.base_load:
            return 0.0
        local = self.moment.astimezone(self.zone)
        index = bisect_right([entry.at for entry in self.house.base_load], local.time()) - 1
        quarter = int(self.moment.timestamp() // BASE_LOAD_SPAN_S)
        restless = Random(f"base:{self.seed}:{quarter}").uniform(1 - BASE_LOAD_SPREAD, 1 + BASE_LOAD_SPREAD)
        return self.house.base_load[index].power_w * restless

    @property
    def total_power_w(self) -> float:
        """What the home draws from the grid now."""
        return self.base_power_w + sum(load.drawing_w for load in self._loads.values())

    @property
    def room_temperature_c(self) -> float | None:
        """The air of the room; None if the home has none."""
        return self.room.air_c if self.room else None

    @property
    def tank_temperature_c(self) -> float | None:
        """What a sensor at mid-height of the tank shows; None if the home has none."""
        return self.tank.mean_c if self.tank else None

    @property
    def outlet_temperature_c(self) -> float | None:
        """The water that would flow from the tank."""
        return self.tank.top_c if self.tank else None

    def _live(self, until: datetime) -> None:
        seconds = (until - self.moment).total_seconds()
        hours, middle = seconds / 3600, self.moment + timedelta(seconds=seconds / 2)
        outdoor_c = self.weather.temperature_c(middle)
        irradiance_w_m2 = self.weather.irradiance_w_m2(middle)
        self.base_energy_wh += self.base_power_w * hours
        for name, load in self._loads.items():
            load.drawing_w = self._drawing_w(name)
            load.energy_wh += load.drawing_w * hours
        if self.room and self.house.room:
            self.room.step(hours, self._air_heat_w(outdoor_c), outdoor_c, irradiance_w_m2)
            self.room_discomfort.count(self.room.air_c, self.house.room.comfort, seconds / 60)
        if self.tank and self.house.tank:
            self._live_tank(self.tank, self.house.tank, until, outdoor_c, irradiance_w_m2)
            self.water_discomfort.count(self.tank.top_c, self.house.tank.comfort, seconds / 60)
        self.moment = until
        for name, load in self._loads.items():
            load.drawing_w = self._drawing_w(name)

    def _live_tank(
        self, water: TankPhysics, tank: Tank, until: datetime, outdoor_c: float, irradiance_w_m2: float
    ) -> None:
        ambient_c = outdoor_c if tank.ambient_c is None else tank.ambient_c
        heater_w = self._loads[WATER_HEATER].drawing_w if WATER_HEATER in self._loads else 0.0
        water.step(
            (until - self.moment).total_seconds() / 3600,
            heater_w,
            self._collected_w(water, outdoor_c, irradiance_w_m2),
            ambient_c,
            self._household.kg_between(self.moment, until),
        )

    def _collected_w(self, water: TankPhysics, outdoor_c: float, irradiance_w_m2: float) -> float:
        """The pump runs while the sun gives more than the collector loses, and the tank may get warmer."""
        if self._collector is None or water.cut_out:
            return 0.0
        panel = self._collector
        net_w_m2 = irradiance_w_m2 - panel.heat_loss_w_per_m2_c * (water.bottom_c - outdoor_c)
        return panel.area_m2 * panel.heat_removal_factor * max(0.0, net_w_m2)

    def _air_heat_w(self, outdoor_c: float) -> float:
        if self._air_conditioning is None:
            return 0.0
        return self._air_conditioning.heat_w(self._loads[AIR_CONDITIONER].drawing_w, outdoor_c)

    def _drawing_w(self, name: Name) -> float:
        load = self._loads[name]
        if not load.on:
            return 0.0
        if name == WATER_HEATER:
            return 0.0 if self.tank is None or self.tank.cut_out else load.power_w
        runs = self.room is None or self._air_conditioning is None or self._air_conditioning.may_run(self.room.air_c)
        return load.power_w if runs else 0.0


def switch_by_thermostats(home: PhysicalHouse) -> None:
    """Set every relay as the load's own thermostat would, as if there were no hub."""
    unit, rod = home.house.air_conditioner, home.house.water_heater
    if unit is not None and home.room_temperature_c is not None:
        _follow(home, AIR_CONDITIONER, home.room_temperature_c, unit.thermostat_c, unit.mode)
    if rod is not None and home.tank_temperature_c is not None:
        _follow(home, WATER_HEATER, home.tank_temperature_c, rod.thermostat_c, AirConditionerMode.HEAT)


def _follow(home: PhysicalHouse, load: Name, temperature_c: float, setpoint_c: float, mode: AirConditionerMode) -> None:
    staying_c = THERMOSTAT_HYSTERESIS_C[load] * (1 if home.is_on(load) else -1)
    if mode is AirConditionerMode.COOL:
        staying_c = -staying_c
    home.switch(load, on=thermostat(temperature_c, setpoint_c + staying_c, mode=mode))


def _about(figure: float, random: Random) -> float:
    return figure * random.uniform(1 - MISMATCH, 1 + MISMATCH)


def _room(room: Room, unit: AirConditioner | None, outdoor_c: float, random: Random) -> RoomPhysics:
    capacity = _about(room.heat_capacity_wh_per_c, random)
    loss = _about(room.heat_loss_w_per_c, random) * (1 + FREE_HEAT_SHARE)
    air, mass = capacity * AIR_SHARE, capacity * (1 - AIR_SHARE)
    heat_w = unit.power_w * unit.cop if unit else 10 * loss
    fastest = air * mass / capacity / (120 / 3600)  # no quicker than two minutes, so that ten-second steps are exact
    coupling = min(heat_w * (1 - AIR_SHARE) / AIR_LEAD_C, fastest)
    air_c = unit.thermostat_c if unit else (room.comfort.low_c + room.comfort.high_c) / 2
    mass_loss = loss * (1 - AIR_LOSS_SHARE)
    return RoomPhysics(
        air_wh_per_c=air,
        mass_wh_per_c=mass,
        coupling_w_per_c=coupling,
        air_loss_w_per_c=loss * AIR_LOSS_SHARE,
        mass_loss_w_per_c=mass_loss,
        window_m2=loss * SUN_C_PER_W_M2,
        living_w=loss * LIVING_C,
        air_c=air_c,
        mass_c=(coupling * air_c + mass_loss * outdoor_c) / (coupling + mass_loss),
    )


def _tank(tank: Tank, rod: WaterHeater | None, random: Random) -> TankPhysics:
    start_c = rod.thermostat_c if rod else (tank.comfort.low_c + tank.comfort.high_c) / 2
    return TankPhysics(
        water_kg=_about(tank.water_kg, random),
        loss_w_per_c=_about(tank.heat_loss_w_per_c, random),
        cold_water_c=tank.cold_water_c + random.uniform(-0.5, 0.5),
        cutout_c=tank.safety_limit_c,
        top_c=start_c,
        bottom_c=start_c,
    )


def _true_collector(collector: Collector, random: Random) -> Collector:
    return collector.model_copy(update={"area_m2": _about(collector.area_m2, random)})
