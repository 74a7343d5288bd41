"""Energy by a counter that may be anything: it only rises, and never by more than can flow."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.control.metering import Flaw, energy_wh, rises
from agent.domain.device import Reading

START = datetime(2020, 1, 1, tzinfo=UTC)
MOST_W = 2000.0
STEP_S = 300
STEP_WH = int(MOST_W * STEP_S / 3600)


def readings(counters: Sequence[int | None], gaps_s: Sequence[int] | None = None) -> list[Reading]:
    """One reading after the other, `STEP_S` apart where nothing else is said."""
    steps_s = [STEP_S] * len(counters) if gaps_s is None else gaps_s
    ats = [START + timedelta(seconds=at_s) for at_s in accumulate((0, *steps_s))]
    return [Reading(device="m", at=at, energy_wh=counter) for at, counter in zip(ats, counters, strict=False)]


def rising(steps_wh: Sequence[int], begin_wh: int = 500_000) -> list[int]:
    return list(accumulate((begin_wh, *steps_wh)))


steps = st.lists(st.integers(0, STEP_WH), min_size=4, max_size=30)
anything = st.lists(st.none() | st.integers(0, 10_000_000) | st.integers(0, 300), max_size=30)


@given(steps_wh=steps, begin_wh=st.integers(0, 10_000_000))
def test_of_a_counter_that_only_rises_nothing_is_lost(steps_wh: list[int], begin_wh: int) -> None:
    counters = rising(steps_wh, begin_wh)
    assert energy_wh(readings(counters), MOST_W) == sum(steps_wh)
    assert all(rise.flaw is None for rise in rises(readings(counters), MOST_W))


@given(counters=anything, gaps_s=st.lists(st.integers(0, 4000), min_size=30, max_size=30))
def test_whatever_a_counter_says_energy_only_rises_and_never_beyond_what_can_flow(
    counters: list[int | None], gaps_s: list[int]
) -> None:
    given_readings = readings(counters, gaps_s)
    found = list(rises(given_readings, MOST_W))
    for rise in found:
        hours = (rise.end - rise.start) / timedelta(hours=1)
        assert rise.energy_wh is None or 0 <= rise.energy_wh <= MOST_W * hours * 1.25 + 100
    assert all(before.end == after.start for before, after in pairwise(found)), "spans overlap or leave gaps"
    if given_readings:
        assert not found or (found[0].start, found[-1].end) == (given_readings[0].at, given_readings[-1].at)


@given(steps_wh=steps, at=st.integers(1, 3), spike_wh=st.integers(5000, 10_000_000), up=st.booleans())
def test_one_absurd_value_changes_nothing(
    steps_wh: list[int],
    at: int,
    spike_wh: int,
    up: bool,  # noqa: FBT001 - drawn
) -> None:
    counters = rising(steps_wh)
    counters[at] = counters[at] + spike_wh if up else 499_000 - spike_wh % 100_000
    assert energy_wh(readings(counters), MOST_W) == sum(steps_wh)


@given(before_wh=steps, after_wh=steps)
def test_a_counter_that_begins_anew_loses_at_most_the_step_in_which_it_did(
    before_wh: list[int], after_wh: list[int]
) -> None:
    counters = rising(before_wh)[:-1] + rising(after_wh, 0)
    found = energy_wh(readings(counters), MOST_W)
    assert found == sum(before_wh[:-1]) + sum(after_wh)
    flaws = {rise.flaw for rise in rises(readings(counters), MOST_W)} - {None}
    assert flaws == {Flaw.RESET}


@given(before_wh=steps, after_wh=steps, jump_wh=st.integers(10_000, 10_000_000))
def test_another_meter_in_its_place_is_believed_from_its_second_word_on(
    before_wh: list[int], after_wh: list[int], jump_wh: int
) -> None:
    first = rising(before_wh)
    second = rising(after_wh, first[-1] + jump_wh)
    found = list(rises(readings([*first, *second]), MOST_W))
    assert sum(rise.energy_wh or 0 for rise in found) == sum(before_wh) + sum(after_wh)
    assert [rise.flaw for rise in found if rise.flaw is not None] == [Flaw.JUMP]


def test_a_day_without_a_word_is_counted_when_it_comes_back() -> None:
    counters, gaps_s = [1000, 1100, 20_000], [STEP_S, 86_400]
    assert energy_wh(readings(counters, gaps_s), MOST_W) == 19_000


@pytest.mark.parametrize("counters", [[], [None], [5], [None, None], [None, 7]])
def test_without_two_values_nothing_is_known(counters: list[int | None]) -> None:
    assert energy_wh(readings(counters), MOST_W) is None


def test_two_absurd_values_that_agree_with_each_other_but_not_with_those_between_are_not_believed() -> None:
    assert energy_wh(readings([1000, 900_000, 1010, 900_005, 1020]), MOST_W) == 20


def test_a_value_that_could_only_be_drawn_by_a_larger_load_is_no_spike_there() -> None:
    jumped = [1000, 1000 + 2 * STEP_WH]
    assert energy_wh(readings(jumped), MOST_W) is None
    assert energy_wh(readings(jumped), 2 * MOST_W) == 2 * STEP_WH
