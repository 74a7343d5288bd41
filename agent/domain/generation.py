"""What a home generates itself."""

from typing import Self

from pydantic import Field, model_validator

from agent.domain.value import Value


class Photovoltaics(Value):
    """Solar cells, by the simple rule of PVWatts: power follows irradiance, and warm cells give less."""

    peak_w: float = Field(gt=0)
    """At 1,000 W/m² and cells of 25 °C."""
    performance_ratio: float = Field(default=0.86, gt=0, le=1)
    """Inverter, cables, dirt, and how the roof lies."""
    loss_per_c: float = Field(default=0.0035, ge=0, le=0.02)
    """Lost per °C above 25 °C."""
    curtailable: bool = False
    """Whether the inverter can be told to give less; at the export limit each does so by itself."""


class WindTurbine(Value):
    """A small turbine: nothing below cut-in, the cube of the wind up to its rated wind, nothing above cut-out."""

    rated_w: float = Field(gt=0)
    cut_in_m_s: float = Field(default=3.0, ge=0)
    rated_m_s: float = Field(default=11.0, gt=0)
    cut_out_m_s: float = Field(default=25.0, gt=0)

    @model_validator(mode="after")
    def _winds_are_in_order(self) -> Self:
        if not self.cut_in_m_s < self.rated_m_s < self.cut_out_m_s:
            raise ValueError(
                f"cut_in_m_s {self.cut_in_m_s}, rated_m_s {self.rated_m_s} and cut_out_m_s {self.cut_out_m_s} "
                "must be in this order"
            )
        return self
