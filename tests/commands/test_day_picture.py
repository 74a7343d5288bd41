"""The day as bars: what is drawn stands in the right column, at any width, on days of any length."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.commands.day_picture import day_picture
from agent.domain.interval import Interval, Series
from agent.domain.local_day import local_day
from agent.domain.plan import LoadPlan, Method, Plan, Proof, ProofStatus

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
LABEL = 16


def plan(span: Interval, *on: Interval) -> Plan:
    steps = span.steps(300)
    wave = [20 + abs(k % 24 - 12) / 4 for k in range(len(steps))]
    return Plan(
        plan_id="p",
        made_at=span.start,
        horizon=span,
        step_s=300,
        method=Method.THERMOSTAT,
        loads=(LoadPlan(load="water_heater", power_w=2000, on=on),),
        room_temperature_c=Series.of(zip(steps, wave, strict=True)),
        battery_w=Series.constant(span, 500),
        battery_wh=Series.constant(span, 2500),
        grid_w=Series.of(zip(steps, [100.0 * (-1) ** k for k in range(len(steps))], strict=True)),
        price_try_per_kwh=Series.of((hour, k % 5 - 1.0) for k, hour in enumerate(span.steps(3600))),
        proof=Proof(status=ProofStatus.UNPROVEN, bill_try=1, movable_try=1, thermostat_movable_try=1),
    )


def lines(made: Plan, width: int) -> dict[str, str]:
    drawn = day_picture(made, BERLIN, width, Series.constant(made.horizon, 800)).plain.split("\n")
    return {line[:LABEL].strip(): line[LABEL:] for line in drawn}


@given(st.integers(20, 200), st.integers(1, 48))
def test_no_line_is_wider_than_the_terminal(width: int, hours: int) -> None:
    made = plan(Interval(start=NOON, end=NOON + timedelta(hours=hours)))
    drawn = lines(made, width)
    assert max(len(line) for line in drawn.values()) + LABEL <= max(width, LABEL + 12)
    assert {"price", "water_heater", "own generation", "battery", "from grid", "room"} <= drawn.keys()


@given(st.integers(0, 23), st.sampled_from([44, 66, 90, 130]))
def test_a_bar_stands_where_the_load_runs(hour: int, width: int) -> None:
    span = Interval(start=NOON, end=NOON + timedelta(hours=24))
    block = Interval(start=NOON + timedelta(hours=hour), end=NOON + timedelta(hours=hour + 1))
    row = lines(plan(span, block), width)["water_heater"].removesuffix(" 2000 W")
    columns = len(lines(plan(span, span), width)["water_heater"].removesuffix(" 2000 W"))
    per_hour = columns / 24
    assert row.rstrip() == " " * round(hour * per_hour) + "█" * round(per_hour)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_a_day_has_as_many_columns_as_hours(day: date, hours: int) -> None:
    span = local_day(day, BERLIN)
    assert len(lines(plan(span, span), LABEL + hours)["water_heater"]) == hours


def test_the_hours_of_the_clock_stand_above_their_columns() -> None:
    span = Interval(start=NOON, end=NOON + timedelta(hours=24))
    assert lines(plan(span), LABEL + 24)[""] == "12 15 18 21 00 03 06 09"


def test_what_is_sold_has_a_line_of_its_own() -> None:
    span = Interval(start=NOON, end=NOON + timedelta(hours=24))
    made = plan(span)
    assert "to grid" in lines(made, 80)
    buying = made.model_copy(update={"grid_w": Series.constant(span, 300.0)})
    assert "to grid" not in lines(buying, 80)
