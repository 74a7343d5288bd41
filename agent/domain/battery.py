"""A battery of the home."""

from typing import Self

from pydantic import Field, model_validator

from agent.domain.value import Value


class Battery(Value):
    """Stores electricity; powers are those on the side of the home."""

    capacity_wh: float = Field(gt=0)
    charge_w: float = Field(gt=0)
    discharge_w: float = Field(gt=0)
    charge_efficiency: float = Field(default=0.95, gt=0, le=1)
    discharge_efficiency: float = Field(default=0.95, gt=0, le=1)
    reserve_wh: float = Field(default=0.0, ge=0)
    """Kept for a power cut."""
    wear_try_per_kwh: float = Field(default=0.0, ge=0)
    """What each kWh that it gives costs in lifetime."""

    @model_validator(mode="after")
    def _reserve_fits(self) -> Self:
        if self.reserve_wh >= self.capacity_wh:
            raise ValueError(f"reserve_wh {self.reserve_wh} leaves nothing of capacity_wh {self.capacity_wh}")
        return self
