"""What the home buys and sells."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.generation import Photovoltaics
from agent.domain.house import WATER_HEATER, LoadState
from agent.domain.problem import Problem
from agent.domain.tariff import DemandCharge
from agent.planning.grid.exchange import Exchange
from agent.planning.grid.model import model_of
from tests.planning.houses import BOILER, BOTH, START, problem, whole_problems
from tests.planning.oracle import Oracle

ROOFED = BOILER.model_copy(update={"photovoltaics": Photovoltaics(peak_w=4000)})
NET_W = st.floats(-6000, 9000)


def exchange_of(asked: Problem) -> Exchange:
    return model_of(asked).exchange


@given(whole_problems(), st.data())
def test_a_bill_is_what_the_meter_counts_at_its_prices(asked: Problem, data: st.DataObject) -> None:
    oracle, exchange = Oracle(asked), exchange_of(asked)
    net_w = data.draw(st.lists(NET_W, min_size=len(oracle.steps), max_size=len(oracle.steps)))
    assert exchange.bill_try(net_w) == pytest.approx(oracle.bill_try(net_w), abs=1e-9)
    assert [exchange.grid_w(step, net) for step, net in enumerate(net_w)] == pytest.approx(oracle.grid_w(net_w))


@given(whole_problems(), st.lists(NET_W, min_size=3, max_size=3, unique=True))
def test_where_a_step_is_called_convex_no_mixture_is_cheaper(asked: Problem, net_w: list[float]) -> None:
    exchange = exchange_of(asked)
    low_w, middle_w, high_w = sorted(net_w)
    share = (high_w - middle_w) / (high_w - low_w)
    for step in range(len(exchange.steps)):
        mixed_try = share * exchange.step_try(step, low_w) + (1 - share) * exchange.step_try(step, high_w)
        if exchange.is_convex(step):
            assert exchange.step_try(step, middle_w) <= mixed_try + 1e-9


@pytest.mark.parametrize(
    ("buy", "sell", "limit_w", "convex"),
    [
        (3.0, 1.0, None, True),
        (3.0, 3.0, None, True),
        (1.0, 3.0, None, False),
        (-1.0, -2.0, None, True),
        (-1.0, -2.0, 1000.0, False),
        (-1.0, 0.0, None, False),
    ],
    ids=[
        "usual",
        "one price",
        "sold dearer",
        "paid to buy, pay to sell",
        "throttled where selling costs",
        "paid to buy",
    ],
)
def test_which_prices_are_convex(buy: float, sell: float, limit_w: float | None, *, convex: bool) -> None:
    house = ROOFED.model_copy(update={"export_limit_w": limit_w})
    exchange = exchange_of(problem(house, [buy], sell_try_per_kwh=sell, own_w=2000.0))
    assert exchange.is_convex(0) is convex
    slopes = [
        (exchange.step_try(0, right_w) - exchange.step_try(0, left_w)) / (right_w - left_w)
        for left_w, right_w in pairwise([-3000.0, -2000.0, -1000.0, -500.0, 0.0, 500.0, 1000.0])
    ]
    assert all(right >= left - 1e-12 for left, right in pairwise(slopes)) is convex


@given(whole_problems(), st.data())
def test_where_it_is_called_linear_what_is_switched_costs_the_same_whatever_else_runs(
    asked: Problem, data: st.DataObject
) -> None:
    exchange = exchange_of(asked)
    rest_w = exchange.rest_w
    added_w = [data.draw(st.lists(st.floats(0, 2500), min_size=len(rest_w), max_size=len(rest_w))) for _ in range(2)]
    high_w = [rest + one + other for rest, one, other in zip(rest_w, *added_w, strict=True)]
    if not exchange.is_linear(rest_w, high_w):
        return
    alone_try = [
        exchange.bill_try([rest + one for rest, one in zip(rest_w, added, strict=True)]) - exchange.bill_try(rest_w)
        for added in added_w
    ]
    assert exchange.bill_try(high_w) - exchange.bill_try(rest_w) == pytest.approx(sum(alone_try), abs=1e-9)
    assert exchange.holds(high_w)


def test_a_home_that_only_buys_is_linear_until_its_limit_and_its_peak() -> None:
    free = exchange_of(problem(BOTH, [1.0] * 3, base_w=500.0))
    assert free.is_linear(free.rest_w, [9000.0] * 3)
    limited = exchange_of(problem(BOTH.model_copy(update={"power_limit_w": 4000.0}), [1.0] * 3, base_w=500.0))
    assert limited.is_linear(limited.rest_w, [4000.0] * 3)
    assert not limited.is_linear(limited.rest_w, [4100.0] * 3)
    charge = {"given": {"demand": DemandCharge(try_per_kw=2.0)}, "state": {"month_peak_w": 3000.0}}
    peaked = exchange_of(problem(BOTH, [1.0] * 3, base_w=500.0, **charge))  # type: ignore[arg-type] # fields by name
    assert peaked.is_linear(peaked.rest_w, [3000.0] * 3)
    assert not peaked.is_linear(peaked.rest_w, [3100.0] * 3)


def test_surplus_that_is_sold_for_less_is_not_linear_unless_it_is_never_used_up() -> None:
    exchange = exchange_of(problem(ROOFED, [3.0], own_w=3000.0, sell_try_per_kwh=1.0))
    assert exchange.is_linear([-3000.0], [-500.0])
    assert not exchange.is_linear([-3000.0], [500.0])


def test_where_surplus_is_throttled_already_it_costs_nothing_to_use_it_and_that_is_not_linear() -> None:
    exchange = exchange_of(problem(ROOFED.model_copy(update={"export_limit_w": 1000.0}), [3.0], own_w=3000.0))
    assert exchange.is_linear([-1000.0], [-500.0])
    assert not exchange.is_linear([-3000.0], [-500.0])


def test_beyond_the_export_limit_own_generation_is_throttled_and_brings_nothing() -> None:
    house = ROOFED.model_copy(update={"export_limit_w": 1000.0})
    exchange = exchange_of(problem(house, [3.0], own_w=4000.0, sell_try_per_kwh=2.0, base_w=500.0))
    assert exchange.grid_w(0, -3500.0) == -1000.0
    assert exchange.bill_try([-3500.0]) == exchange.bill_try([-1000.0]) == pytest.approx(-2.0 / 12)
    assert exchange.holds([-5000.0])
    assert not exchange.holds([-5001.0])  # a battery cannot be throttled


@pytest.mark.parametrize("curtailable", [True, False])
def test_where_selling_costs_only_what_can_be_curtailed_is(*, curtailable: bool) -> None:
    house = BOILER.model_copy(update={"photovoltaics": Photovoltaics(peak_w=4000, curtailable=curtailable)})
    exchange = exchange_of(problem(house, [1.0, 1.0], own_w=3000.0, sell_try_per_kwh=[-0.5, 0.5]))
    assert exchange.bill_try([-3000.0, 0.0]) == pytest.approx(0.0 if curtailable else 0.5 * 3 / 12)
    assert exchange.bill_try([0.0, -3000.0]) == pytest.approx(-0.5 * 3 / 12)


def test_a_feeder_limits_both_directions_but_never_below_what_cannot_be_helped() -> None:
    on = {WATER_HEATER: LoadState(on=True, since=START)}
    rod = BOILER.load(WATER_HEATER).model_copy(update={"min_on_s": 600})
    house = BOILER.model_copy(update={"water_heater": rod})
    exchange = exchange_of(problem(house, [1.0] * 3, base_w=[500.0, 500.0, 3000.0], feeder_w=1500.0, loads=on))
    assert exchange.import_limit_w == (2500.0, 2500.0, 3000.0)
    assert exchange.export_limit_w == (1500.0,) * 3


def test_without_limits_there_are_none() -> None:
    exchange = exchange_of(problem(BOILER, [1.0] * 2))
    assert exchange.import_limit_w == exchange.export_limit_w == exchange.spare_w == (inf, inf)


def test_a_demand_charge_counts_what_the_highest_window_adds_to_the_months_peak() -> None:
    asked = problem(
        BOILER,
        [0.0] * 7,
        given={"demand": DemandCharge(try_per_kw=10.0, window_s=900)},
        state={"month_peak_w": 1000.0},
    )
    exchange = exchange_of(asked)
    assert exchange.demand_try([0.0, 2000.0, 1000.0, 0.0, 0.0, 0.0, 0.0]) == 0.0
    assert exchange.demand_try([3000.0, 3000.0, 0.0, 0.0, 0.0, 0.0, 0.0]) == pytest.approx(10.0)
    assert exchange.demand_try([0.0, 0.0, 3000.0, 3000.0, 0.0, 0.0, 0.0]) == 0.0  # two windows of 1,000 W
    assert exchange.demand_try([0.0] * 6 + [1500.0]) == pytest.approx(5.0)  # a window that the horizon cuts
    assert exchange.demand_try([-5000.0, 3000.0, 3000.0, 0.0, 0.0, 0.0, 0.0]) == pytest.approx(
        10.0
    )  # nothing is set off
