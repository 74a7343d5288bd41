"""Plans in words: for the log, `kwh-hub plan` and `kwh-hub status`. Times are those of the home's clock."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from agent.domain.device import Name
from agent.domain.interval import Interval
from agent.domain.plan import ChangeCause, Changes, ComfortMiss, Fallback, MissCause, Plan, Purpose, Reason

_FALLBACKS = {
    Fallback.PRICES_INTERIM: "prices are provisional",
    Fallback.PRICES_ESTIMATED: "some prices are estimated",
    Fallback.WEATHER_LAST_GOOD: "the weather is from an old forecast",
    Fallback.WEATHER_CLIMATE: "the weather is what the date usually brings",
    Fallback.TEMPERATURE_ESTIMATED: "a temperature at the start is estimated",
    Fallback.COMFORT_RELAXED: "no schedule keeps the comfort band throughout",
    Fallback.APPLIANCE_LATE: "an appliance cannot end in its time",
    Fallback.APPLIANCE_LEFT_OUT: "there is no power for an appliance within its time; it does not run",
    Fallback.HYGIENE_LATE: "the tank cannot be hot for long enough in time",
    Fallback.POWER_LIMIT_EXCEEDED: "what cannot be switched already draws more than the limit",
    Fallback.PLANNER_INFEASIBLE: "the solver claims that nothing is possible; the thermostat's rule planned",
    Fallback.PLANNER_LATE: "the planner was not done in time; the thermostat's rule planned",
    Fallback.PLANNER_FAILED: "the planner broke; its best plan so far is taken, or the thermostat's rule planned",
}
_PURPOSES = {
    Purpose.COMFORT: "comfort would be missed",
    Purpose.CHEAP: "cheaper than later",
    Purpose.SURPLUS: "own generation would be sold for less or lost",
    Purpose.PAID: "the price is negative",
    Purpose.HYGIENE: "against legionella",
    Purpose.HEAT_LEFT: "what is left at the end is worth more than it costs",
    Purpose.HELD: "switched on a short while ago, it may not stop yet",
    Purpose.ASKED: "its owner wants this run",
}
_MISSES = {
    MissCause.START: "it is outside already",
    MissCause.POWER_LIMIT: "the power limit leaves too little",
    MissCause.STARTS_USED_UP: "its starts for the day are used up",
    MissCause.SUN: "what comes by itself is too much",
    MissCause.TOO_WEAK: "more cannot be done than is done",
}
_CHANGES = {
    ChangeCause.PRICES: "prices",
    ChangeCause.WEATHER: "the weather",
    ChangeCause.MEASURED: "what was measured",
    ChangeCause.HORIZON: "more of the future being known",
    ChangeCause.HOUSE: "the owner's wishes",
}


_NOTHING_TRY = 5e-5
_IDLE_W = 1.0
"""Less is rounding."""


def plan_in_words(plan: Plan) -> str:
    """One line: who made it, what it costs, what is proven, what it had to do without."""
    proof = plan.proof
    gap = f"proven within {proof.gap_movable:.2%}" if proof.gap_movable is not None else "nothing proven"
    without = f"; {', '.join(sorted(fallback_in_words(flag) for flag in plan.fallbacks))}" if plan.fallbacks else ""
    blocks = sum(len(load.on) for load in plan.loads)
    return (
        f"plan {plan.plan_id} by {plan.method}: {blocks} blocks, movable {proof.movable_try:.2f} TL "
        f"(thermostat {proof.thermostat_movable_try:.2f} TL), {gap}, {proof.solve_s:.1f} s{without}"
    )


def fallback_in_words(fallback: Fallback) -> str:
    """What a plan had to do without."""
    return _FALLBACKS[fallback]


def miss_in_words(miss: ComfortMiss, zone: ZoneInfo) -> str:
    """What will be missed, why, and when it is over."""
    back = f"back at {clock(miss.span.end, zone)}" if miss.recovers else "not over within this plan"
    return (
        f"{miss.part} outside its comfort band {span_in_words(miss.span, zone)}, at worst {miss.worst_c:.1f} °C "
        f"({miss.degree_hours:.1f} °C·h): {_MISSES[miss.cause]}; {back}"
    )


def reason_in_words(reason: Reason, zone: ZoneInfo) -> str:
    """Why a load runs in a block, and what else could be done."""
    needed = f" (needed from {clock(reason.needed_at, zone)} on)" if reason.needed_at is not None else ""
    if reason.otherwise_try is None:
        otherwise = "nothing else keeps the limits"
    else:
        start = reason.otherwise_start
        instead = "not at all" if start is None else f"put off as far as may be, the next at {clock(start, zone)}"
        more = f"for {money(reason.otherwise_try)} more" if reason.otherwise_try >= _NOTHING_TRY else "for as much"
        otherwise = f"otherwise {instead}, {more}"
    return f"{_PURPOSES[reason.purpose]}{needed}; {otherwise}"


def changes_in_words(changes: Changes, zone: ZoneInfo) -> str | None:
    """What a plan does otherwise than the last one, and why; None if it does the same."""
    parts = [*_by_load("now on", changes.now_on, zone), *_by_load("no more on", changes.now_off, zone)]
    if not parts:
        return None
    causes = " and ".join(_CHANGES[cause] for cause in changes.causes)
    because = f", because of {causes}" if causes else ""
    if changes.announced_try is None:
        kept = "; the last plan cannot be kept"
    else:
        kept = f"; keeping the last plan would cost {money(changes.announced_try)} more"
    return f"otherwise than plan {changes.since}: {'; '.join(parts)}{because}{kept}"


def money(amount_try: float) -> str:
    """An amount with as many digits as it needs to be seen."""
    return f"{amount_try:.4f} TL" if 0 < abs(amount_try) < 0.005 else f"{amount_try:.2f} TL"


def span_in_words(span: Interval, zone: ZoneInfo) -> str:
    """From when to when; the date where it is not that of the beginning."""
    start, end = span.start.astimezone(zone), span.end.astimezone(zone)
    last_moment = (span.end - timedelta(microseconds=1)).astimezone(zone)
    day = "" if start.date() == last_moment.date() else f" ({end:%d %b})"
    return f"{start:%H:%M}-{end:%H:%M}{day}"


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """A time of the day."""
    return f"{moment.astimezone(zone):%H:%M}"


def battery_in_words(plan: Plan, zone: ZoneInfo) -> Iterator[str]:
    """When the battery charges and when it gives, with the energy of each span."""
    if plan.battery_w is None:
        return
    for verb, sign in (("charges", 1.0), ("gives", -1.0)):
        spans: list[tuple[Interval, float]] = []
        for step, power_w in plan.battery_w.items():
            if sign * power_w < _IDLE_W:
                continue
            kwh = abs(power_w) * step.duration_s / 3.6e6
            if spans and spans[-1][0].end == step.start:
                before, so_far = spans.pop()
                step, kwh = Interval(start=before.start, end=step.end), so_far + kwh  # noqa: PLW2901 - one span grows
            spans.append((step, kwh))
        if spans:
            said = ", ".join(f"{span_in_words(span, zone)} {kwh:.2f} kWh" for span, kwh in spans)
            yield f"the battery {verb} {said}"


def _by_load(what: str, changed: tuple[tuple[Name, Interval], ...], zone: ZoneInfo) -> Iterator[str]:
    """One part for each load, in the order of their first spans."""
    spans: dict[Name, list[str]] = {}
    for load, span in sorted(changed, key=lambda change: (change[1].start, change[0])):
        spans.setdefault(load, []).append(span_in_words(span, zone))
    yield from (f"{load} {what} {', '.join(said)}" for load, said in spans.items())
