"""The platform's prices, asked for over HTTP, in good and in bad days."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from agent.domain.local_day import local_day
from agent.domain.market import PriceStatus
from agent.errors import (
    FeedDown,
    FeedError,
    FeedImplausible,
    FeedIncomplete,
    FeedMalformed,
    FeedNotYet,
    FeedThrottled,
    FeedUnauthorized,
    FeedUnreachable,
)
from agent.ports import Prices
from simulators.feeds import EpiasServer, Fault, ShippedMarket
from simulators.feeds.market import PAPER_DAY_PTF_TRY_PER_MWH
from tests.feeds.worlds import BERLIN, CREDENTIALS, ISTANBUL, PAPER_DAY, epias

ERROR_OF = {
    Fault.SERVER_ERROR: FeedDown,
    Fault.UNAUTHORIZED: FeedUnauthorized,
    Fault.THROTTLED: FeedThrottled,
    Fault.HTML: FeedMalformed,
    Fault.TRUNCATED: FeedUnreachable,
    Fault.TRICKLE: FeedUnreachable,
    Fault.FLOOD: FeedMalformed,
    Fault.HOURS_23: FeedIncomplete,
    Fault.YESTERDAY: FeedImplausible,
    Fault.NULL_PRICE: FeedImplausible,
    Fault.OUT_OF_BOUNDS: FeedImplausible,
    Fault.SILENT: FeedUnreachable,
    Fault.DOWN: FeedUnreachable,
    Fault.LATE: FeedNotYet,
}
BEFORE_FINAL = datetime(2019, 12, 31, 13, 45, tzinfo=ISTANBUL)
BEFORE_INTERIM = datetime(2019, 12, 31, 13, 29, tzinfo=ISTANBUL)


def test_every_fault_of_the_server_has_its_error() -> None:
    assert set(ERROR_OF) == EpiasServer.faults


@pytest.mark.parametrize("fault", sorted(ERROR_OF))
async def test_each_failure_is_its_own_error(fault: Fault) -> None:
    async with epias(fault=fault) as (prices, _, _):
        with pytest.raises(FeedError) as caught:
            await prices.day_ahead(PAPER_DAY)
    assert type(caught.value) is ERROR_OF[fault]
    assert caught.value.feed == "epias"


@pytest.mark.parametrize("fault", sorted(ERROR_OF))
async def test_a_failure_leaves_nothing_behind_once_it_is_over(fault: Fault) -> None:
    async with epias(fault=fault) as (prices, server, _):
        with pytest.raises(FeedError):
            await prices.day_ahead(PAPER_DAY)
        await server.fail(None)
        assert (await prices.day_ahead(PAPER_DAY)).status is PriceStatus.FINAL


async def test_an_answer_without_end_is_cut_off() -> None:
    async with epias(fault=Fault.FLOOD) as (prices, _, _):
        with pytest.raises(FeedMalformed, match="longer than 4000000 bytes"):
            await prices.day_ahead(PAPER_DAY)


async def test_the_papers_day_arrives_in_lira_per_kwh_at_its_hours() -> None:
    async with epias() as (prices, _, clock):
        asked: Prices = prices
        day = await asked.day_ahead(PAPER_DAY)
        assert day.fetched_at == clock.now()
    assert (day.day, day.status) == (PAPER_DAY, PriceStatus.FINAL)
    assert day.price_try_per_kwh.span == local_day(PAPER_DAY, ISTANBUL)
    assert day.price_try_per_kwh.values == pytest.approx([price / 1000 for price in PAPER_DAY_PTF_TRY_PER_MWH])
    assert day.price_try_per_kwh.at(datetime(2020, 1, 1, 5, 30, tzinfo=ISTANBUL)) == pytest.approx(0.17999)


async def test_the_interim_price_stands_in_until_the_final_one_is_there() -> None:
    async with epias(BEFORE_FINAL) as (prices, _, clock):
        interim = await prices.day_ahead(PAPER_DAY)
        clock.moment = datetime(2019, 12, 31, 14, 0, tzinfo=ISTANBUL)
        final = await prices.day_ahead(PAPER_DAY)
    assert (interim.status, final.status) == (PriceStatus.INTERIM, PriceStatus.FINAL)
    assert interim.price_try_per_kwh == final.price_try_per_kwh


async def test_before_the_matching_nothing_is_known_of_tomorrow() -> None:
    async with epias(BEFORE_INTERIM) as (prices, _, _):
        with pytest.raises(FeedNotYet, match="2020-01-01 is not published yet"):
            await prices.day_ahead(PAPER_DAY)
        assert (await prices.day_ahead(PAPER_DAY - timedelta(days=1))).status is PriceStatus.FINAL


async def test_a_late_market_speaks_at_five() -> None:
    async with epias(datetime(2019, 12, 31, 16, 59, tzinfo=ISTANBUL), fault=Fault.LATE) as (prices, _, clock):
        with pytest.raises(FeedNotYet):
            await prices.day_ahead(PAPER_DAY)
        clock.moment += timedelta(minutes=1)
        assert (await prices.day_ahead(PAPER_DAY)).status is PriceStatus.FINAL


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 3, 30), 24), (date(2026, 10, 25), 25)])
@pytest.mark.parametrize("step_s", [3600, 900])
async def test_a_day_has_as_many_prices_as_the_zone_says(day: date, hours: int, step_s: int) -> None:
    market = ShippedMarket(BERLIN, step_s=step_s)
    async with epias(datetime(2026, 12, 1, tzinfo=UTC), market=market, zone=BERLIN) as (prices, server, _):
        answer = await prices.day_ahead(day)
        assert len(answer.price_try_per_kwh.values) == hours * 3600 // step_s
        assert answer.price_try_per_kwh.covers(local_day(day, BERLIN))
        await server.fail(Fault.HOURS_23)
        with pytest.raises(FeedIncomplete, match=f"{hours * 3600 // step_s - 1} of the {hours * 3600 // step_s}"):
            await prices.day_ahead(day)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault.HOURS_23, "epias: 23 of the 24 prices of 2020-01-01; the first missing is 2020-01-01 23:00"),
        (Fault.YESTERDAY, "epias: asked for 2020-01-01, got 2019-12-31"),
        (Fault.NULL_PRICE, "epias: 2020-01-01 05:00 has no price (null)"),
        (Fault.OUT_OF_BOUNDS, "epias: 2020-01-01 05:00: 99999.99 TRY/MWh is above the cap of 4500"),
    ],
)
async def test_a_refused_answer_names_the_hour_the_value_and_the_bound(fault: Fault, message: str) -> None:
    async with epias(fault=fault) as (prices, _, _):
        with pytest.raises(FeedError) as caught:
            await prices.day_ahead(PAPER_DAY)
    assert str(caught.value) == message


async def test_only_settled_hours_have_an_imbalance_price() -> None:
    async with epias(datetime(2020, 1, 1, 9, 30, tzinfo=ISTANBUL)) as (prices, _, _):
        settled = await prices.imbalance(PAPER_DAY)
        with pytest.raises(FeedNotYet):
            await prices.imbalance(PAPER_DAY + timedelta(days=1))
    assert len(settled.price_try_per_kwh.values) == 9
    assert settled.price_try_per_kwh.get(datetime(2020, 1, 1, 9, 0, tzinfo=ISTANBUL)) is None


async def test_an_unsettled_hour_without_a_price_is_missing_rather_than_wrong() -> None:
    async with epias(datetime(2020, 1, 1, 9, 30, tzinfo=ISTANBUL), fault=Fault.NULL_PRICE) as (prices, _, _):
        settled = await prices.imbalance(PAPER_DAY)
    assert settled.price_try_per_kwh.get(datetime(2020, 1, 1, 5, 0, tzinfo=ISTANBUL)) is None
    assert len(settled.price_try_per_kwh.values) == 8


async def test_one_ticket_serves_for_ninety_minutes() -> None:
    async with epias() as (prices, server, clock):
        await prices.day_ahead(PAPER_DAY)
        clock.moment += timedelta(minutes=89)
        await prices.day_ahead(PAPER_DAY)
        assert server.tickets_issued == 1
        clock.moment += timedelta(minutes=1)
        await prices.day_ahead(PAPER_DAY)
        assert server.tickets_issued == 2


async def test_a_ticket_that_is_refused_is_renewed_once() -> None:
    async with epias() as (prices, server, _):
        await prices.day_ahead(PAPER_DAY)
        server.forget_tickets()
        assert (await prices.day_ahead(PAPER_DAY)).status is PriceStatus.FINAL
        assert server.tickets_issued == 2


async def test_a_wrong_password_is_tried_once() -> None:
    async with epias(password="wrong") as (prices, server, _):  # noqa: S106 - it opens nothing
        with pytest.raises(FeedUnauthorized):
            await prices.day_ahead(PAPER_DAY)
        assert server.questions == ["/cas/v1/tickets"]


async def test_questions_stand_half_a_second_apart() -> None:
    waits_s: list[float] = []

    async def sleep(seconds: float) -> None:
        waits_s.append(seconds)

    async with epias(BEFORE_FINAL, sleep=sleep) as (prices, _, _):
        await prices.day_ahead(PAPER_DAY)  # final, then interim
    assert len(waits_s) == 1
    assert 0.3 < waits_s[0] <= 0.5


async def test_a_service_that_is_not_there_is_not_asked_again() -> None:
    async with epias() as (prices, server, _):
        prices._base_url = server.url + "/elsewhere"
        with pytest.raises(FeedError, match="404") as caught:
            await prices.day_ahead(PAPER_DAY)
    assert not caught.value.retryable


def causes(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__ or following.__context__


async def test_neither_name_nor_password_nor_ticket_is_ever_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    for fault in (None, *sorted(ERROR_OF)):
        async with epias(fault=fault) as (prices, server, _):
            try:
                await prices.day_ahead(PAPER_DAY)
                server.forget_tickets()
                await prices.day_ahead(PAPER_DAY)
            except FeedError as error:
                said += [text for cause in causes(error) for text in (str(cause), repr(cause))]
            said += [repr(prices), str(prices)]
    said += [record.getMessage() for record in caplog.records]
    assert len(said) > len(ERROR_OF)
    for text in said:
        assert not any(secret in text for secret in (*CREDENTIALS, "TGT-"))
