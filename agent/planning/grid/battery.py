"""The battery on the step grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from agent.domain.problem import EndRule, Problem

ROUNDING_WH = 1e-6


@dataclass(frozen=True)
class Bank:
    """What the battery can do. Powers are on the home's side, energies inside the battery."""

    start_wh: float
    low_wh: float
    """Its reserve; what it holds at the start, if that is less."""
    high_wh: float
    charge_w: float
    discharge_w: float
    charge_efficiency: float
    discharge_efficiency: float
    wear_try_per_wh: float
    """Of what it gives."""
    worth_try_per_wh: float
    """What it holds at the end is worth."""
    end_low_wh: float
    """What it must hold at the end."""

    def stored_wh(self, power_w: float, hours: float) -> float:
        """What a step with this power (positive: charging) adds to what it holds."""
        if power_w >= 0:
            return power_w * hours * self.charge_efficiency
        return power_w * hours / self.discharge_efficiency

    def trajectory(self, power_w: Sequence[float], hours: Sequence[float]) -> tuple[float, ...]:
        """What it holds at the ends of the steps."""
        stored_wh = (self.stored_wh(power, h) for power, h in zip(power_w, hours, strict=True))
        return tuple(accumulate(stored_wh, initial=self.start_wh))[1:]

    def wear_try(self, power_w: Sequence[float], hours: Sequence[float]) -> float:
        """What its use costs in lifetime."""
        return self.wear_try_per_wh * sum(max(0.0, -power) * h for power, h in zip(power_w, hours, strict=True))

    def holds(self, power_w: Sequence[float], hours: Sequence[float]) -> bool:
        """Whether a course stays within its powers and what it can hold."""
        holding_wh = self.trajectory(power_w, hours)
        return (
            all(-self.discharge_w - 1e-6 <= power <= self.charge_w + 1e-6 for power in power_w)
            and all(self.low_wh - ROUNDING_WH <= wh <= self.high_wh + ROUNDING_WH for wh in holding_wh)
            and holding_wh[-1] >= self.end_low_wh - ROUNDING_WH
        )


def bank_of(problem: Problem, end_try_per_kwh: float) -> Bank | None:
    """The battery of a problem; None if there is none."""
    battery, start_wh = problem.house.battery, problem.state.battery_wh
    if battery is None or start_wh is None:
        return None
    start_wh = min(start_wh, battery.capacity_wh)
    low_wh = min(battery.reserve_wh, start_wh)
    restored = problem.end is EndRule.RESTORED
    given_try_per_kwh = max(0.0, end_try_per_kwh - battery.wear_try_per_kwh) * battery.discharge_efficiency
    return Bank(
        start_wh=start_wh,
        low_wh=low_wh,
        high_wh=battery.capacity_wh,
        charge_w=battery.charge_w,
        discharge_w=battery.discharge_w,
        charge_efficiency=battery.charge_efficiency,
        discharge_efficiency=battery.discharge_efficiency,
        wear_try_per_wh=battery.wear_try_per_kwh / 1000,
        worth_try_per_wh=0.0 if restored else given_try_per_kwh / 1000,
        end_low_wh=start_wh if restored else low_wh,
    )
