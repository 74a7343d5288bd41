"""The simulated market."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.local_day import local_day
from simulators.feeds import FileMarket, ShippedMarket
from tests.feeds.worlds import BERLIN, BOUNDS, PAPER_DAY

days = st.dates(date(2019, 1, 1), date(2030, 12, 31))


@given(days, st.sampled_from([3600, 900]))
def test_every_day_has_a_plausible_price_at_every_moment(day: date, step_s: int) -> None:
    market = ShippedMarket(BERLIN, step_s=step_s)
    for prices in (market.ptf_try_per_mwh(day), market.smf_try_per_mwh(day)):
        assert prices.covers(local_day(day, BERLIN))
        assert all(BOUNDS.floor_try_per_mwh <= price <= BOUNDS.cap_try_per_mwh for price in prices.values)


@given(days)
def test_the_same_date_has_the_same_prices(day: date) -> None:
    assert ShippedMarket().ptf_try_per_mwh(day) == ShippedMarket().ptf_try_per_mwh(day)


def test_days_and_seeds_differ() -> None:
    first, second = date(2020, 1, 2), date(2020, 1, 3)
    assert ShippedMarket().ptf_try_per_mwh(first).values != ShippedMarket().ptf_try_per_mwh(second).values
    assert ShippedMarket().ptf_try_per_mwh(first) != ShippedMarket(seed=1).ptf_try_per_mwh(first)


def test_the_shipped_day_is_that_of_the_paper() -> None:
    prices = ShippedMarket().ptf_try_per_mwh(PAPER_DAY)
    assert sum(prices.values) == pytest.approx(6817.41)
    assert min(prices.values) == prices.values[5] == 179.99


def test_a_table_gives_its_days_and_no_others(tmp_path: Path) -> None:
    table = tmp_path / "prices.csv"
    lines = [f"2021-05-04T{hour:02}:00:00+03:00,{100 + hour}.5" for hour in range(24)]
    table.write_text("\n".join(["ts,ptf_tl_mwh", *lines]))
    market = FileMarket.read(table)
    assert market.ptf_try_per_mwh(date(2021, 5, 4)).values == tuple(100.5 + hour for hour in range(24))
    assert market.ptf_try_per_mwh(date(2021, 5, 5)).values == ()
    assert len(market.smf_try_per_mwh(date(2021, 5, 4)).values) == 24


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ts,price\n2021-05-04T00:00:00+03:00,1", "there is no column 'ptf_tl_mwh'"),
        ("ts,ptf_tl_mwh\n2021-05-04T00:00:00+03:00,", "line 2: could not convert"),
        ("ts,ptf_tl_mwh\n2021-05-04T00:00:00,1", "line 2: ts must carry its offset"),
        ("ts,ptf_tl_mwh\nyesterday,1", "line 2: Invalid isoformat"),
    ],
)
def test_a_table_that_cannot_be_read_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "prices.csv"
    table.write_text(text)
    with pytest.raises(ValueError, match=message):
        FileMarket.read(table)


def test_the_real_market_can_be_replayed(shared_data: Path) -> None:
    market = FileMarket.read(shared_data / "ptf_hourly.csv")
    assert market.ptf_try_per_mwh(PAPER_DAY) == ShippedMarket().ptf_try_per_mwh(PAPER_DAY)
