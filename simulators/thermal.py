"""The physics of a room and of a hot-water tank, in two nodes each, stepped by explicit Euler.

It is not the planner's model: the room's air runs ahead of its walls, the sun shines in, people and appliances warm it,
the heat pump weakens in the cold, and the tank is layered. Heat is accounted for to the last Wh: what came in is
what is stored and what was lost. Units: °C, W, Wh, Wh/°C, W/°C, kg, hours.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from agent.domain.house import SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C, AirConditionerMode

HEATING_NOMINAL_C = 7.0
COOLING_NOMINAL_C = 30.0
COP_PER_C = 0.015
"""How much of its nominal COP a heat pump gains per °C of outdoor temperature in its favour."""
COP_BOUNDS = (0.6, 1.3)
UNIT_STOPS_C = {AirConditionerMode.HEAT: 31.0, AirConditionerMode.COOL: 16.0}
"""An air conditioner's own thermostat stops it here, whatever the relay says: the end of every remote control."""
LAYER_MIXING_H = 3.0
"""Time constant by which the two layers of a resting tank become one."""
THERMAL_CUTOUT_HYSTERESIS_C = 4.0


class Source(StrEnum):
    """Where heat comes from."""

    AIR_CONDITIONER = "air_conditioner"
    SUN = "sun"
    LIVING = "living"
    HEATER = "heater"
    COLLECTOR = "collector"


@dataclass
class HeatAccount:
    """Heat that came in by source and that was lost, Wh since the beginning; cooling comes in negative."""

    gained_wh: dict[Source, float] = field(default_factory=dict)
    lost_wh: float = 0.0

    def gain(self, source: Source, heat_wh: float) -> None:
        """Count heat that came in."""
        self.gained_wh[source] = self.gained_wh.get(source, 0.0) + heat_wh

    @property
    def net_wh(self) -> float:
        """What must have been stored."""
        return sum(self.gained_wh.values()) - self.lost_wh


def cop_at(nominal: float, outdoor_c: float, mode: AirConditionerMode) -> float:
    """Heat moved per electricity at an outdoor temperature."""
    heating = mode is AirConditionerMode.HEAT
    favour_c = outdoor_c - HEATING_NOMINAL_C if heating else COOLING_NOMINAL_C - outdoor_c
    low, high = COP_BOUNDS
    return nominal * min(high, max(low, 1 + COP_PER_C * favour_c))


@dataclass
class RoomPhysics:
    """Air (with all that follows it quickly) and the mass of the building."""

    air_wh_per_c: float
    mass_wh_per_c: float
    coupling_w_per_c: float
    air_loss_w_per_c: float
    mass_loss_w_per_c: float
    window_m2: float
    living_w: float
    air_c: float
    mass_c: float
    heat: HeatAccount = field(default_factory=HeatAccount)

    def step(self, hours: float, air_conditioner_w: float, outdoor_c: float, irradiance_w_m2: float) -> None:
        """Advance; `air_conditioner_w` is heat into the room, negative when cooling."""
        gains = (
            (Source.AIR_CONDITIONER, air_conditioner_w),
            (Source.SUN, self.window_m2 * irradiance_w_m2),
            (Source.LIVING, self.living_w),
        )
        for source, heat_w in gains:
            self.heat.gain(source, heat_w * hours)
        to_mass_w = self.coupling_w_per_c * (self.air_c - self.mass_c)
        air_loss_w = self.air_loss_w_per_c * (self.air_c - outdoor_c)
        mass_loss_w = self.mass_loss_w_per_c * (self.mass_c - outdoor_c)
        self.air_c += (sum(heat_w for _, heat_w in gains) - to_mass_w - air_loss_w) * hours / self.air_wh_per_c
        self.mass_c += (to_mass_w - mass_loss_w) * hours / self.mass_wh_per_c
        self.heat.lost_wh += (air_loss_w + mass_loss_w) * hours

    @property
    def stored_wh(self) -> float:
        """Heat held above 0 °C."""
        return self.air_wh_per_c * self.air_c + self.mass_wh_per_c * self.mass_c


@dataclass
class TankPhysics:
    """Two layers of equal mass: cold water enters below, hot water leaves above, the rod stands in the lower one."""

    water_kg: float
    loss_w_per_c: float
    cold_water_c: float
    cutout_c: float
    top_c: float
    bottom_c: float
    heat: HeatAccount = field(default_factory=HeatAccount)
    cut_out: bool = False

    def step(self, hours: float, heater_w: float, collector_w: float, ambient_c: float, drawn_kg: float) -> None:
        """Advance by a step in which no more than a layer of water is drawn."""
        self.heat.gain(Source.HEATER, heater_w * hours)
        self.heat.gain(Source.COLLECTOR, collector_w * hours)
        mixing_w = self.layer_wh_per_c / (2 * LAYER_MIXING_H) * (self.top_c - self.bottom_c)
        top_loss_w = self.loss_w_per_c / 2 * (self.top_c - ambient_c)
        bottom_loss_w = self.loss_w_per_c / 2 * (self.bottom_c - ambient_c)
        drawn_wh_per_c = drawn_kg * SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C
        self.heat.lost_wh += (top_loss_w + bottom_loss_w) * hours
        self.heat.lost_wh += drawn_wh_per_c * (self.top_c - self.cold_water_c)
        top_wh = drawn_wh_per_c * (self.bottom_c - self.top_c) - (top_loss_w + mixing_w) * hours
        bottom_wh = drawn_wh_per_c * (self.cold_water_c - self.bottom_c)
        bottom_wh += (heater_w + collector_w + mixing_w - bottom_loss_w) * hours
        self.top_c += top_wh / self.layer_wh_per_c
        self.bottom_c += bottom_wh / self.layer_wh_per_c
        if self.bottom_c > self.top_c:  # warm water rises at once
            self.top_c = self.bottom_c = self.mean_c
        self._watch_the_limit()

    def _watch_the_limit(self) -> None:
        if self.top_c >= self.cutout_c:
            self.cut_out = True
        elif self.top_c < self.cutout_c - THERMAL_CUTOUT_HYSTERESIS_C:
            self.cut_out = False

    @property
    def layer_wh_per_c(self) -> float:
        """Heat capacity of one layer."""
        return self.water_kg / 2 * SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C

    @property
    def mean_c(self) -> float:
        """What a sensor at mid-height shows."""
        return (self.top_c + self.bottom_c) / 2

    @property
    def stored_wh(self) -> float:
        """Heat held above 0 °C."""
        return self.layer_wh_per_c * (self.top_c + self.bottom_c)
