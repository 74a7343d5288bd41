"""The weather that a plan counts on."""

from enum import StrEnum

from agent.domain.interval import Instant, Series
from agent.domain.value import Value


class WeatherSource(StrEnum):
    """Where a forecast comes from, best first."""

    FORECAST = "forecast"
    LAST_GOOD = "last_good"
    CLIMATE = "climate"


class WeatherForecast(Value):
    """Air temperature (°C), global horizontal irradiance (W/m²) and wind, each a mean over its intervals."""

    issued_at: Instant
    source: WeatherSource
    outdoor_temperature_c: Series
    irradiance_w_m2: Series
    wind_speed_m_s: Series | None = None
    """10 m above the ground, about where a small turbine turns; None if nobody said."""
