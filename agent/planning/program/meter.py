"""What goes through the home's meter as columns and rows.

The net power of a step is one linear expression, and what it costs is a function of it alone (`grid.exchange`).
Where that is straight over all that can be, it needs no column; where it is convex, buying and selling are two columns
that are never both used, as that costs more; else a binary keeps them apart.
"""

from collections.abc import Sequence

import pulp

from agent.planning.grid.exchange import Exchange
from agent.planning.program.program import Flow, Program


def add_meter(program: Program, exchange: Exchange, flows: Sequence[Flow], known_w: Sequence[float] | None) -> None:
    """Add what the home's net power costs, and its limits."""
    program.constant_try -= exchange.bill_try(exchange.rest_w)
    bought = [
        _add_step(program, exchange, step, flow, None if known_w is None else known_w[step] / 1000)
        for step, flow in enumerate(flows)
    ]
    if exchange.demand is not None:
        _add_demand(program, exchange, flows, bought, known_w)


def may_fall(exchange: Exchange, step: int, flow: Flow) -> bool:
    """Whether it may pay to draw more in a step."""
    buys_at_a_gain = exchange.buy_try_per_kwh[step] < 0 and flow.high_kw > 0
    sells_at_a_loss = exchange.sell_try_per_kwh[step] < 0 and flow.low_kw < 0
    return buys_at_a_gain or sells_at_a_loss


def lowest_w(exchange: Exchange, step: int) -> float:
    """The least net power: all own generation throttled, and sold what may be sold."""
    return -exchange.generation_w[step] - exchange.export_limit_w[step]


def _add_step(
    program: Program, exchange: Exchange, step: int, flow: Flow, known_kw: float | None
) -> pulp.LpAffineExpression:
    """One step; what is bought in it."""
    import_kw, export_kw = exchange.import_limit_w[step] / 1000, exchange.export_limit_w[step] / 1000
    buy_try = exchange.buy_try_per_kwh[step] * exchange.hours[step]
    sell_try = exchange.sell_try_per_kwh[step] * exchange.hours[step]
    if flow.low_kw >= 0 or (flow.high_kw <= 0 and -flow.low_kw <= export_kw):
        each_try = buy_try if flow.low_kw >= 0 else sell_try
        for column, power_kw in flow.terms.items():
            program.cost(column, each_try * power_kw)
        program.constant_try += each_try * flow.constant_kw
        if flow.high_kw > import_kw and flow.terms:
            program.row(flow.expression <= import_kw)
        return flow.expression if flow.low_kw >= 0 else pulp.LpAffineExpression()
    most_kw, least_kw = max(0.0, min(flow.high_kw, import_kw)), min(-flow.low_kw, export_kw)
    thrown_kw = max(0.0, min(-flow.low_kw - export_kw, exchange.generation_w[step] / 1000))
    known: tuple[float | None, ...] = (None, None, None)
    if known_kw is not None:
        known = (max(0.0, known_kw), min(max(0.0, -known_kw), export_kw), max(0.0, -known_kw - export_kw))
    bought = program.column(f"bought_{step}", 0, most_kw, start=known[0])
    sold = program.column(f"sold_{step}", 0, least_kw, start=known[1])
    thrown = program.column(f"thrown_{step}", 0, thrown_kw, start=known[2])
    program.row(bought - sold - thrown == flow.expression)
    program.cost(bought, buy_try)
    program.cost(sold, -sell_try)
    if not exchange.is_convex(step):
        _keep_apart(program, step, (bought, sold, thrown), throttles_early=sell_try < 0)
    return pulp.LpAffineExpression(bought)


def _keep_apart(
    program: Program,
    step: int,
    columns: tuple[pulp.LpVariable, pulp.LpVariable, pulp.LpVariable],
    *,
    throttles_early: bool,
) -> None:
    """Either bought, or sold; and throttled only beyond what may be sold, where selling costs."""
    bought, sold, thrown = columns
    known = bought.value() is not None
    buys = program.column(f"buys_{step}", 0, 1, whole=True, start=float(bought.value() > 0) if known else None)
    program.row(bought <= bought.upBound * buys)
    program.row(sold <= sold.upBound * (1 - buys))
    program.row(thrown <= thrown.upBound * (1 - buys))
    if throttles_early and thrown.upBound > 0:
        throttles = program.column(
            f"throttles_{step}", 0, 1, whole=True, start=float(thrown.value() > 0) if known else None
        )
        program.row(thrown <= thrown.upBound * throttles)
        program.row(sold >= sold.upBound * throttles)
        program.row(throttles <= 1 - buys)


def _add_demand(
    program: Program,
    exchange: Exchange,
    flows: Sequence[Flow],
    bought: Sequence[pulp.LpAffineExpression],
    known_w: Sequence[float] | None,
) -> None:
    """The month's peak: above what it is already, and above the mean of every window that may be higher."""
    demand = exchange.demand
    if demand is None:
        return
    highest_w = [1000 * max(0.0, flow.high_kw) for flow in flows]
    windows = [window for window in demand.windows if _mean_w(exchange, window, highest_w) > demand.peak_w]
    if not windows:
        return
    start = None
    if known_w is not None:
        start = max(demand.peak_w, *(_mean_w(exchange, window, known_w) for window in windows)) / 1000
    peak_kw = program.column("peak", demand.peak_w / 1000, start=start)
    program.cost(peak_kw, demand.try_per_w * 1000)
    program.constant_try -= demand.try_per_w * demand.peak_w
    for window in windows:
        hours = sum(exchange.hours[step] for step in window)
        program.row(pulp.lpSum(exchange.hours[step] / hours * bought[step] for step in window) <= peak_kw)


def _mean_w(exchange: Exchange, window: Sequence[int], net_w: Sequence[float]) -> float:
    hours = sum(exchange.hours[step] for step in window)
    return sum(max(0.0, net_w[step]) * exchange.hours[step] for step in window) / hours
