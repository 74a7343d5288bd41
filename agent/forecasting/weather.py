"""From hourly weather to the steps of a plan."""

from bisect import bisect_right
from collections.abc import Iterator

from agent.domain.interval import Series
from agent.domain.weather import WeatherForecast
from agent.forecasting.sun import mean_clear_sky_w_m2

STEP_S = 300
HIGHEST_INDEX = 1.2
"""Broken clouds can make an hour brighter than a clear sky by about this much, hardly more."""


def refined(forecast: WeatherForecast, latitude: float, longitude: float, step_s: int = STEP_S) -> WeatherForecast:
    """The same forecast in steps of `step_s`: nothing is added but what the sun and the neighbouring hours say."""
    wind_m_s = forecast.wind_speed_m_s
    return forecast.model_copy(
        update={
            "outdoor_temperature_c": refined_by_lines(forecast.outdoor_temperature_c, step_s),
            "irradiance_w_m2": refined_irradiance_w_m2(forecast.irradiance_w_m2, latitude, longitude, step_s),
            "wind_speed_m_s": None if wind_m_s is None else refined_by_lines(wind_m_s, step_s),
        }
    )


def refined_irradiance_w_m2(hourly: Series, latitude: float, longitude: float, step_s: int = STEP_S) -> Series:
    """Irradiance with the shape of a clear sky inside each hour and exactly the energy of that hour.

    One clear-sky index holds over an hour. What an hour has beyond the brightest plausible index (the twilight that
    the sun model does not know) is spread evenly, so that no step is glaring.
    """
    points: list[tuple[int, int, float]] = []
    for start_s, end_s, value in _columns(hourly):
        parts = list(_parts(start_s, end_s, step_s))
        clear = [
            mean_clear_sky_w_m2(part_start_s, part_end_s, latitude, longitude) for part_start_s, part_end_s in parts
        ]
        lengths_s = [part_end_s - part_start_s for part_start_s, part_end_s in parts]
        mean_clear = sum(c * length_s for c, length_s in zip(clear, lengths_s, strict=True)) / (end_s - start_s)
        index = min(value / mean_clear, HIGHEST_INDEX) if mean_clear > 0 else 0.0
        rest = max(0.0, value - index * mean_clear)
        points += [(*part, index * c + rest) for part, c in zip(parts, clear, strict=True)]
    return _series(points)


def refined_by_lines(hourly: Series, step_s: int = STEP_S) -> Series:
    """Temperature or wind on straight lines through the middles of the hours, held before the first and after the last.

    The mean of an hour is not kept exactly: at a turning point of the day it moves by an eighth of the bend, of
    temperature some hundredths of a degree.
    """
    columns = list(_columns(hourly))
    middles_s = [(start_s + end_s) / 2 for start_s, end_s, _ in columns]
    return _series(
        [
            (*part, _on_the_line(middles_s, hourly.values, (part[0] + part[1]) / 2))
            for start_s, end_s, _ in columns
            for part in _parts(start_s, end_s, step_s)
        ]
    )


def _on_the_line(middles_s: list[float], values: tuple[float, ...], at_s: float) -> float:
    after = bisect_right(middles_s, at_s)
    if after == 0:
        return values[0]
    if after == len(values):
        return values[-1]
    share = (at_s - middles_s[after - 1]) / (middles_s[after] - middles_s[after - 1])
    return values[after - 1] + share * (values[after] - values[after - 1])


def _parts(start_s: int, end_s: int, step_s: int) -> Iterator[tuple[int, int]]:
    for part_start_s in range(start_s, end_s, step_s):
        yield part_start_s, min(part_start_s + step_s, end_s)


def _columns(series: Series) -> Iterator[tuple[int, int, float]]:
    return zip(series.starts_s, series.ends_s, series.values, strict=True)


def _series(points: list[tuple[int, int, float]]) -> Series:
    return Series(
        starts_s=tuple(start_s for start_s, _, _ in points),
        ends_s=tuple(end_s for _, end_s, _ in points),
        values=tuple(value for _, _, value in points),
    )
