"""What heat and charge are worth when the horizon ends, so that no plan coasts to its limits.

What is left saves buying it later, and a load that can wait buys in the cheaper hours: the price of the end is the
lower quartile of the prices of the last day of the horizon. Heat counts as far as a thermostat would have it, and no
further.
"""

from dataclasses import dataclass
from datetime import timedelta

from agent.domain.house import SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C, AirConditioner, AirConditionerMode, Switched
from agent.domain.problem import EndRule, Problem
from agent.planning.grid.exchange import Exchange
from agent.planning.grid.stores import ROOM, Store, cop_of

_QUARTILE = 0.25
_LAST = timedelta(hours=24)


@dataclass(frozen=True)
class Worth:
    """What a store's temperature at the end is worth more than the one at the start, TRY."""

    try_per_c: float
    """Per °C in the direction in which its load pushes; 0 where the end is bound instead."""
    toward: float
    """1 if its load heats, -1 if it cools."""
    full_c: float
    """Beyond this, more is worth nothing."""
    start_c: float
    restored: bool = False
    """The end must be as the start was; then it has no price."""

    def left_try(self, end_c: float) -> float:
        """What ending at a temperature is worth; negative for less than there was at the start."""
        return self.try_per_c * (self._counted_c(end_c) - self._counted_c(self.start_c))

    def _counted_c(self, at_c: float) -> float:
        return min(self.toward * at_c, self.toward * self.full_c)


def price_of_the_end(problem: Problem, exchange: Exchange) -> float:
    """What electricity is worth when the horizon ends, TRY/kWh; never negative."""
    begins = problem.horizon.end - _LAST
    prices = sorted(
        price for price, step in zip(exchange.buy_try_per_kwh, exchange.steps, strict=True) if step.end > begins
    )
    return max(0.0, prices[int(_QUARTILE * len(prices))])


def worth_of(problem: Problem, store: Store, unit: Switched, end_try_per_kwh: float) -> Worth:
    """What the end of a store is worth."""
    toward = -1.0 if isinstance(unit, AirConditioner) and unit.mode is AirConditionerMode.COOL else 1.0
    electricity_wh_per_c = _capacity_wh_per_c(problem, store)
    if isinstance(unit, AirConditioner):
        electricity_wh_per_c /= cop_of(unit, problem.outdoor_temperature_c.mean(problem.horizon))
    return Worth(
        try_per_c=0.0 if problem.end is EndRule.RESTORED else end_try_per_kwh / 1000 * electricity_wh_per_c,
        toward=toward,
        full_c=unit.thermostat_c,
        start_c=store.start_c,
        restored=problem.end is EndRule.RESTORED,
    )


def _capacity_wh_per_c(problem: Problem, store: Store) -> float:
    house = problem.house
    if store.name == ROOM:
        return 0.0 if house.room is None else house.room.heat_capacity_wh_per_c
    return 0.0 if house.tank is None else house.tank.water_kg * SPECIFIC_HEAT_OF_WATER_WH_PER_KG_C
