"""From market price to bill."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from agent.domain.interval import Interval, Series, SeriesGap
from agent.domain.tariff import FlatTariff, HourlyMarketTariff, ThreeTimeTariff

ISTANBUL = ZoneInfo("Europe/Istanbul")
MIDNIGHT = datetime(2020, 1, 1, tzinfo=ISTANBUL)
DAY = Interval(start=MIDNIGHT, end=MIDNIGHT + timedelta(days=1))


def at(hour: int, minute: int = 0) -> datetime:
    return MIDNIGHT + timedelta(hours=hour, minutes=minute)


def test_three_time_prices_change_at_the_regulators_hours_by_the_clock_of_the_home() -> None:
    tariff = ThreeTimeTariff(day_try_per_kwh=4.92, peak_try_per_kwh=6.996, night_try_per_kwh=3.261)
    prices = tariff.prices(DAY, Series(), ISTANBUL)
    assert prices.covers(DAY)
    seen = [prices.at(at(h, m)) for h, m in ((0, 0), (5, 59), (6, 0), (16, 59), (17, 0), (21, 59), (22, 0))]
    assert seen == [3.261, 3.261, 4.92, 4.92, 6.996, 6.996, 3.261]


def test_three_time_prices_follow_a_clock_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2025, 3, 30, tzinfo=berlin)
    day = Interval(start=start, end=datetime(2025, 3, 31, tzinfo=berlin))
    assert day.duration_s == 23 * 3600
    tariff = ThreeTimeTariff(day_try_per_kwh=2, peak_try_per_kwh=3, night_try_per_kwh=1)
    prices = tariff.prices(day, Series(), berlin)
    assert prices.at(datetime(2025, 3, 30, 3, 59, tzinfo=UTC)) == 1
    assert prices.at(datetime(2025, 3, 30, 4, 0, tzinfo=UTC)) == 2


def test_the_last_resource_formula_gives_the_regulators_example() -> None:
    # 100 kWh in tier 1: (0.494065 x 1.05 + 2.4249) x 1.10 x 100 = 323.80 TL (April 2026)
    tariff = HourlyMarketTariff(distribution_try_per_kwh=2.4249, energy_tax_rate=0.05, vat_rate=0.10)
    prices = tariff.prices(DAY, Series.constant(DAY, 0.494065), ISTANBUL)
    assert 100 * prices.at(MIDNIGHT) == pytest.approx(323.80, abs=0.01)


def test_an_hourly_tariff_refuses_hours_without_a_price() -> None:
    half = Interval(start=MIDNIGHT, end=at(12))
    with pytest.raises(SeriesGap):
        HourlyMarketTariff().prices(DAY, Series.constant(half, 1.0), ISTANBUL)


def test_a_flat_tariff_needs_no_market() -> None:
    tariff = FlatTariff(price_try_per_kwh=3.5)
    assert not tariff.follows_market
    assert tariff.prices(DAY, Series(), ISTANBUL).mean(DAY) == 3.5


def test_a_window_may_go_over_midnight_but_all_three_follow_each_other() -> None:
    three = ThreeTimeTariff(
        day_try_per_kwh=2, peak_try_per_kwh=3, night_try_per_kwh=1, peak_from=time(17), night_from=time(1)
    )
    prices = three.prices(DAY, Series(), ISTANBUL)
    hours = [prices.at(at(hour)) for hour in (0, 1, 5, 6, 16, 17, 23)]
    assert hours == [3, 1, 1, 2, 2, 3, 3]
    with pytest.raises(ValidationError, match="must follow each other in this order around the clock"):
        ThreeTimeTariff(day_try_per_kwh=2, peak_try_per_kwh=3, night_try_per_kwh=1, peak_from=time(5))
