"""Plans in words: every word of the domain has one, and times are those of the home."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.domain.interval import Interval, Series
from agent.domain.plan import (
    ChangeCause,
    Changes,
    ComfortMiss,
    Fallback,
    MissCause,
    Purpose,
    Reason,
)
from agent.telling import (
    battery_in_words,
    changes_in_words,
    fallback_in_words,
    miss_in_words,
    money,
    reason_in_words,
    span_in_words,
)
from tests.control.test_situation import plan

ZONE = ZoneInfo("Europe/Istanbul")
EVENING = datetime(2026, 1, 6, 20, 30, tzinfo=UTC)  # 23:30 at home
SPAN = Interval(start=EVENING, end=EVENING + timedelta(hours=1))


def reason(purpose: Purpose = Purpose.CHEAP, more: dict[str, object] | None = None) -> Reason:
    return Reason.model_validate(
        {"load": "water_heater", "block": SPAN, "purpose": purpose, "price_try_per_kwh": 2.0, **(more or {})}
    )


def miss(cause: MissCause = MissCause.START, *, recovers: bool = True) -> ComfortMiss:
    return ComfortMiss(part="room", span=SPAN, recovers=recovers, degree_hours=1.25, worst_c=17.04, cause=cause)


def test_every_word_of_the_domain_can_be_said() -> None:
    assert len({fallback_in_words(flag) for flag in Fallback}) == len(Fallback)
    assert len({reason_in_words(reason(purpose), ZONE) for purpose in Purpose}) == len(Purpose)
    assert len({miss_in_words(miss(cause), ZONE) for cause in MissCause}) == len(MissCause)
    causes = [
        changes_in_words(Changes(since="p", now_on=(("a", SPAN),), causes=(cause,)), ZONE) for cause in ChangeCause
    ]
    assert len(set(causes)) == len(ChangeCause)


def test_a_span_over_midnight_says_so_and_one_up_to_it_does_not() -> None:
    assert span_in_words(SPAN, ZONE) == "23:30-00:30 (07 Jan)"
    until_midnight = Interval(start=SPAN.start, end=SPAN.start + timedelta(minutes=30))
    assert span_in_words(until_midnight, ZONE) == "23:30-00:00"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "cheaper than later; nothing else keeps the limits"),
        (
            {"needed_at": SPAN.end, "otherwise_try": 0.25, "otherwise_start": EVENING + timedelta(hours=2)},
            (
                "cheaper than later (needed from 00:30 on); otherwise put off as far as may be, the next at 01:30, "
                "for 0.25 TL more"
            ),
        ),
        ({"otherwise_try": 0.001}, "cheaper than later; otherwise not at all, for 0.0010 TL more"),
        ({"otherwise_try": 0.0}, "cheaper than later; otherwise not at all, for as much"),
    ],
)
def test_a_reason_names_the_next_best(more: dict[str, object], expected: str) -> None:
    assert reason_in_words(reason(more=more), ZONE) == expected


def test_a_miss_names_cause_and_recovery() -> None:
    assert miss_in_words(miss(), ZONE) == (
        "room outside its comfort band 23:30-00:30 (07 Jan), at worst 17.0 °C (1.2 °C·h): it is outside already; "
        "back at 00:30"
    )
    assert miss_in_words(miss(recovers=False), ZONE).endswith("not over within this plan")


def test_a_plan_that_does_the_same_has_nothing_to_say() -> None:
    assert changes_in_words(Changes(since="p", announced_try=0.0), ZONE) is None


def test_a_change_says_what_why_and_what_keeping_would_cost() -> None:
    later = Interval(start=SPAN.end, end=SPAN.end + timedelta(hours=1))
    changes = Changes(
        since="p", now_on=(("b", later), ("a", SPAN), ("a", later)), now_off=(("b", SPAN),), announced_try=None
    )
    assert changes_in_words(changes, ZONE) == (
        "otherwise than plan p: a now on 23:30-00:30 (07 Jan), 00:30-01:30; b now on 00:30-01:30; "
        "b no more on 23:30-00:30 (07 Jan); the last plan cannot be kept"
    )


@pytest.mark.parametrize(("amount", "expected"), [(0.0, "0.00 TL"), (0.0049, "0.0049 TL"), (-1.5, "-1.50 TL")])
def test_small_money_is_seen(amount: float, expected: str) -> None:
    assert money(amount) == expected


def test_a_battery_says_when_it_charges_and_gives() -> None:
    steps = SPAN.steps(900)
    made = plan().model_copy(update={"battery_w": Series.of(zip(steps, (1000.0, 2000.0, 0.0, -800.0), strict=True))})
    assert list(battery_in_words(made, ZONE)) == [
        "the battery charges 23:30-00:00 0.75 kWh",
        "the battery gives 00:15-00:30 0.20 kWh",
    ]
    assert not list(battery_in_words(plan(), ZONE))
