"""What remains of a simulated day: everything that the table, the strip and the picture are drawn from."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from pydantic import Field

from agent.domain.device import Name
from agent.domain.house import House
from agent.domain.interval import Interval, Series
from agent.domain.plan import Fallback, Method
from agent.domain.value import Value

LOAD_LABELS: dict[Name, str] = {"air_conditioner": "Air conditioner", "water_heater": "Water heater"}


class Outside(Value):
    """How long something was outside its comfort band, and how far at worst."""

    minutes: float = Field(default=0.0, ge=0)
    worst_c: float = Field(default=0.0, ge=0)


class LoadRecord(Value):
    """What one load did."""

    load: Name
    energy_wh: Series
    """Drawn in each interval."""
    on: tuple[Interval, ...] = ()

    @property
    def label(self) -> str:
        """What its owner calls it."""
        return LOAD_LABELS.get(self.load, self.load)


class RunRecord(Value):
    """The day as it was lived under one rule."""

    loads: tuple[LoadRecord, ...]
    base_energy_wh: Series
    """What the rest of the home drew in each interval."""
    room_temperature_c: Series | None = None
    """At the end of each interval."""
    tank_temperature_c: Series | None = None
    """At mid-height, which tells the heat in the tank; at the end of each interval."""
    water_temperature_c: Series | None = None
    """At the outlet, which is what people get; at the end of each interval."""
    room_outside: Outside | None = None
    water_outside: Outside | None = None
    room_heat_wh: float = 0.0
    """Heat in air and walls at the end, above the same point in every run of a day."""
    tank_heat_wh: float = 0.0
    """Heat in the tank at the end, above the same point in every run of a day."""

    @property
    def energy_wh(self) -> float:
        """All that was drawn from the grid."""
        return sum(self.base_energy_wh.values) + sum(sum(load.energy_wh.values) for load in self.loads)

    def bill_try(self, price_try_per_kwh: Series) -> float:
        """What all of it costs, TRY. Raises SeriesGap where there is no price."""
        parts = [self.base_energy_wh, *(load.energy_wh for load in self.loads)]
        return sum(cost_try(part, price_try_per_kwh) for part in parts)


class PlanSummary(Value):
    """What the hub says of one of its plans."""

    method: Method
    gap_movable: float | None = None
    fallbacks: frozenset[Fallback] = frozenset()


class DayRecord(Value):
    """One day of one home, under the plan and under plain thermostats."""

    day: date
    time_zone: str
    span: Interval
    house: House
    price_try_per_kwh: Series
    """On the bill, over the span."""
    planned: RunRecord
    thermostat: RunRecord
    plans: tuple[PlanSummary, ...] = ()
    """In the order in which they were made."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the home."""
        return ZoneInfo(self.time_zone)

    @property
    def heat_left_try(self) -> float:
        """What the heat is worth that the plan left in the home beyond the thermostat, TRY, negative if it left less.

        Counted as the electricity that would make it, at the mean price of the day.
        """
        unit = self.house.air_conditioner
        sign = -1 if unit is not None and unit.mode.value == "cool" else 1
        room_wh = (self.planned.room_heat_wh - self.thermostat.room_heat_wh) * sign / (unit.cop if unit else 1.0)
        tank_wh = self.planned.tank_heat_wh - self.thermostat.tank_heat_wh
        return (room_wh + tank_wh) / 1000 * self.price_try_per_kwh.mean(self.span)


def cost_try(energy_wh: Series, price_try_per_kwh: Series) -> float:
    """What energy costs at the prices of its time, TRY. Raises SeriesGap where there is no price."""
    return sum(used_wh / 1000 * price_try_per_kwh.mean(span) for span, used_wh in energy_wh.items() if used_wh)


def on_share(blocks: tuple[Interval, ...], span: Interval) -> float:
    """The share of a span during which something was on."""
    return sum(block.overlap_s(span) for block in blocks) / span.duration_s


def half_hours(span: Interval) -> tuple[Interval, ...]:
    """The span in half hours; the last may be shorter."""
    return span.steps(int(timedelta(minutes=30).total_seconds()))
