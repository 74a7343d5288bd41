"""A plan for people: its blocks with their reasons, and what it is worth."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from agent.domain.interval import Interval
from agent.domain.local_day import local_days
from agent.domain.plan import LoadPlan, Plan, Proof, Reason
from agent.telling import (
    battery_in_words,
    changes_in_words,
    clock,
    fallback_in_words,
    miss_in_words,
    money,
    reason_in_words,
    span_in_words,
)

_WIDE = 110
"""From so many characters on a reason stands beside its block, else below it."""
_INDENT = 2


def blocks(made: Plan, zone: ZoneInfo, width: int) -> Group:
    """The on-blocks of a plan: what each costs, and why it is there."""
    return Group(*_blocks(made, zone, width))


def _blocks(made: Plan, zone: ZoneInfo, width: int) -> Iterator[RenderableType]:
    day = made.horizon.start.astimezone(zone)
    yield Text(f"Plan {made.plan_id} for {day:%A %Y-%m-%d} from {day:%H:%M}", style="bold")
    reasons = {(reason.load, reason.block.start): reason for reason in made.reasons}
    for load in made.loads:
        yield Text.assemble((load.load, "bold cyan"), f" {load.power_w:.0f} W" if load.on else " stays off")
        for block in load.on:
            reason = reasons.get((load.load, block.start))
            line = Text(_block_in_words(made, load, block, reason, zone))
            why = Text("" if reason is None else reason_in_words(reason, zone), style="dim")
            if reason is not None and width >= _WIDE:
                line = Text.assemble(line, "  ", why)
            yield Padding(line, (0, 0, 0, _INDENT))
            if reason is not None and width < _WIDE:
                yield Padding(why, (0, 0, 0, 3 * _INDENT))


def _block_in_words(made: Plan, load: LoadPlan, block: Interval, reason: Reason | None, zone: ZoneInfo) -> str:
    kwh = load.power_w / 1000 * block.duration_s / 3600
    price = made.price_try_per_kwh.mean(block) if reason is None else reason.price_try_per_kwh
    days = len(local_days(made.horizon, zone)) > 1
    weekday = f"{block.start.astimezone(zone):%a} " if days else ""
    return f"{weekday}{span_in_words(block, zone):<11}  {kwh:5.2f} kWh {kwh * price:6.2f} TL {price:6.3f} TL/kWh"


def verdict(made: Plan, zone: ZoneInfo) -> str:
    """What the plan is worth, in words, a line each."""
    return "\n".join(_verdict(made, zone))


def _verdict(made: Plan, zone: ZoneInfo) -> Iterator[str]:
    proof = made.proof
    yield f"bill {proof.bill_try:.2f} TL, of which the switched part {_cost(proof)}"
    yield f"a thermostat would make it {_thermostat(proof)}"
    saved_try = _thermostat_objective_try(proof) - proof.objective_try
    better = "cheaper" if saved_try >= 0 else "dearer"
    yield f"counting wear and what is left, the plan is {money(abs(saved_try))} {better}"
    gap = proof.gap_movable
    yield f"proof: {proof.status}" + ("" if gap is None else f", no plan can be more than {gap:.3%} cheaper")
    yield f"made by {made.method} in {proof.solve_s:.1f} s"
    yield from battery_in_words(made, zone)
    if made.hygienic_at is not None:
        yield f"against legionella the tank is hot for long enough by {clock(made.hygienic_at, zone)}"
    for miss in made.misses:
        yield f"mind: {miss_in_words(miss, zone)}"
    changed = changes_in_words(made.changes, zone) if made.changes is not None else None
    if changed is not None:
        yield changed
    for flag in sorted(made.fallbacks):
        yield f"mind: {fallback_in_words(flag)} ({flag})"


def _thermostat_objective_try(proof: Proof) -> float:
    return proof.thermostat_movable_try + proof.thermostat_wear_try - proof.thermostat_left_try


def _cost(proof: Proof) -> str:
    return f"{money(proof.movable_try)}{_besides(proof.wear_try, proof.left_try)}"


def _thermostat(proof: Proof) -> str:
    return f"{money(proof.thermostat_movable_try)}{_besides(proof.thermostat_wear_try, proof.thermostat_left_try)}"


def _besides(wear_try: float, left_try: float) -> str:
    """Wear, and what heat and charge at the end are worth more than at the start; nothing where both are nothing."""
    parts = []
    if abs(wear_try) >= 0.005:  # half a kuruş
        parts.append(f"{money(wear_try)} wear")
    if abs(left_try) >= 0.005:
        parts.append(f"{money(abs(left_try))} {'more' if left_try > 0 else 'less'} heat and charge left at the end")
    return f" ({', '.join(parts)})" if parts else ""
