"""What the home will generate itself."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

from agent.domain.generation import Photovoltaics, WindTurbine
from agent.domain.house import House
from agent.domain.interval import Interval, Series
from agent.domain.weather import WeatherForecast

STANDARD_IRRADIANCE_W_M2 = 1000.0
STANDARD_CELL_C = 25.0
CELL_WARMTH_C_PER_W_M2 = 0.03
"""How much warmer than the air cells are per irradiance: a nominal cell temperature of 44 °C."""


def generation(house: House, weather: WeatherForecast, span: Interval) -> Series | None:
    """Power of cells and turbine together over a span in whole seconds, W; None in a home that has neither.

    Temperature and irradiance must cover the span. Where no wind is known the turbine stands still.
    """
    cells, turbine = house.photovoltaics, house.wind_turbine
    if cells is None and turbine is None:
        return None
    wind = weather.wind_speed_m_s if weather.wind_speed_m_s is not None else Series()
    points: list[tuple[Interval, float]] = []
    for piece in _pieces(span, weather.irradiance_w_m2, weather.outdoor_temperature_c, wind):
        power_w = 0.0
        if cells is not None:
            sun_w_m2 = weather.irradiance_w_m2.at(piece.start)
            power_w += solar_power_w(cells, sun_w_m2, weather.outdoor_temperature_c.at(piece.start))
        if turbine is not None:
            power_w += wind_power_w(turbine, wind.get(piece.start) or 0.0)
        points.append((piece, power_w))
    return Series.of(points)


def solar_power_w(cells: Photovoltaics, irradiance_w_m2: float, outdoor_c: float) -> float:
    """What cells give, W, by PVWatts: in proportion to the sun, less for each degree above 25 °C; never negative."""
    cell_c = outdoor_c + CELL_WARMTH_C_PER_W_M2 * irradiance_w_m2
    warmth = 1 - cells.loss_per_c * (cell_c - STANDARD_CELL_C)
    return max(0.0, cells.peak_w * cells.performance_ratio * irradiance_w_m2 / STANDARD_IRRADIANCE_W_M2 * warmth)


def wind_power_w(turbine: WindTurbine, wind_m_s: float) -> float:
    """What a turbine gives, W."""
    if not turbine.cut_in_m_s <= wind_m_s < turbine.cut_out_m_s:
        return 0.0
    return turbine.rated_w * min(1.0, wind_m_s / turbine.rated_m_s) ** 3


def _pieces(span: Interval, *series: Series) -> Iterator[Interval]:
    """The span, cut wherever one of the series changes."""
    start_s, end_s = int(span.start.timestamp()), int(span.end.timestamp())
    borders_s = {border_s for one in series for border_s in (*one.starts_s, *one.ends_s) if start_s < border_s < end_s}
    for from_s, to_s in pairwise(sorted({start_s, end_s, *borders_s})):
        yield Interval(start=datetime.fromtimestamp(from_s, UTC), end=datetime.fromtimestamp(to_s, UTC))
