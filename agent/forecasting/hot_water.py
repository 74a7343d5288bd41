"""When hot water will be drawn."""

from itertools import pairwise
from zoneinfo import ZoneInfo

from agent.domain.house import House
from agent.domain.interval import Interval, Series
from agent.forecasting.daily import daily_moments_s


def hot_water(house: House, span: Interval, zone: ZoneInfo) -> Series:
    """The household's daily draws inside the span, kg/s; nothing is drawn in the gaps, and draws at once add up.

    Nobody draws while everybody is away.
    """
    uses = () if house.tank is None else house.tank.uses
    draws = [
        (start_s, start_s + use.duration_s, use.flow_kg_per_min / 60)
        for use in uses
        for start_s in daily_moments_s(use.at, span, zone, reach_s=use.duration_s)
    ]
    absences_s = [(int(away.start.timestamp()), int(away.end.timestamp())) for away in house.away]
    spans_s = (*((start_s, end_s) for start_s, end_s, _ in draws), *absences_s)
    borders_s = sorted({border_s for start_end_s in spans_s for border_s in start_end_s})
    pieces = [
        (piece_start_s, piece_end_s, flow)
        for piece_start_s, piece_end_s in pairwise(borders_s)
        if (flow := sum(f for start_s, end_s, f in draws if start_s <= piece_start_s < end_s)) > 0
        and not any(gone_s <= piece_start_s < back_s for gone_s, back_s in absences_s)
    ]
    return Series(
        starts_s=tuple(start_s for start_s, _, _ in pieces),
        ends_s=tuple(end_s for _, end_s, _ in pieces),
        values=tuple(flow for _, _, flow in pieces),
    ).cut(span)
