"""What the day-ahead market says."""

from datetime import date
from enum import StrEnum

from agent.domain.interval import Instant, Series
from agent.domain.value import Value


class PriceStatus(StrEnum):
    """How far a price can be trusted, best first."""

    FINAL = "final"
    INTERIM = "interim"
    ESTIMATED = "estimated"


class DayAheadPrices(Value):
    """Market clearing prices (PTF) of one local day, TRY/kWh before any tariff."""

    day: date
    status: PriceStatus
    fetched_at: Instant
    price_try_per_kwh: Series


class ImbalancePrices(Value):
    """System marginal prices (SMF) of one local day, TRY/kWh; hours not yet settled are missing."""

    day: date
    fetched_at: Instant
    price_try_per_kwh: Series
