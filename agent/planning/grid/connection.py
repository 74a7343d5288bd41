"""What the world brings to the home's connection in each step: prices, base load, own generation, limits."""

from collections.abc import Sequence
from math import inf

from agent.domain.interval import Interval, Series
from agent.domain.problem import Problem
from agent.planning.grid.exchange import Demand, Exchange


def exchange_of(
    problem: Problem, steps: Sequence[Interval], hours: Sequence[float], held_w: Sequence[float]
) -> Exchange:
    """The connection on the step grid; `held_w` is what may not be switched off yet."""
    count = len(steps)
    base_w, generation_w = _means(problem.base_load_w, steps, 0.0), _means(problem.generation_w, steps, 0.0)
    feeder_w = _means(problem.feeder_limit_w, steps, inf)
    sell_try_per_kwh = list(_means(problem.export_try_per_kwh, steps, 0.0))
    import_limit_w = [min(_or_none(problem.house.power_limit_w), limit_w) for limit_w in feeder_w]
    export_limit_w = [min(_or_none(problem.house.export_limit_w), limit_w) for limit_w in feeder_w]
    solar = problem.house.photovoltaics
    is_exceeded = False
    for step in range(count):
        inevitable_w = base_w[step] - generation_w[step] + held_w[step]
        is_exceeded |= base_w[step] - generation_w[step] > import_limit_w[step]
        import_limit_w[step] = max(import_limit_w[step], inevitable_w)
        if solar is not None and solar.curtailable and sell_try_per_kwh[step] < 0:
            sell_try_per_kwh[step] = export_limit_w[step] = 0.0  # rather nothing than at a loss
    return Exchange(
        steps=tuple(steps),
        hours=tuple(hours),
        buy_try_per_kwh=_means(problem.price_try_per_kwh, steps, 0.0),
        sell_try_per_kwh=tuple(sell_try_per_kwh),
        base_w=base_w,
        generation_w=generation_w,
        import_limit_w=tuple(import_limit_w),
        export_limit_w=tuple(export_limit_w),
        demand=_demand(problem, steps),
        is_exceeded=is_exceeded,
    )


def _or_none(limit_w: float | None) -> float:
    return inf if limit_w is None else limit_w


def _means(series: Series | None, steps: Sequence[Interval], otherwise: float) -> tuple[float, ...]:
    if series is None:
        return (otherwise,) * len(steps)
    return tuple(series.mean(step) for step in steps)


def _demand(problem: Problem, steps: Sequence[Interval]) -> Demand | None:
    if problem.demand is None:
        return None
    windows: dict[int, list[int]] = {}
    for index, step in enumerate(steps):
        windows.setdefault(int(step.start.timestamp()) // problem.demand.window_s, []).append(index)
    return Demand(
        try_per_w=problem.demand.try_per_kw / 1000,
        peak_w=problem.state.month_peak_w,
        windows=tuple(tuple(window) for _, window in sorted(windows.items())),
    )
