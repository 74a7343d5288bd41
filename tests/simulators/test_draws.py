from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.house import HotWaterUse
from simulators.draws import HAND_WASHING_KG, HAND_WASHINGS_PER_DAY, LATEST_S, Household

ZONE = ZoneInfo("Europe/Istanbul")
MIDNIGHT = datetime(2020, 1, 1, tzinfo=ZONE).astimezone(UTC)
DAY = timedelta(days=1)
SHOWER = HotWaterUse(at=time(6, 30), duration_s=600, flow_kg_per_min=4.0)


@given(seed=st.integers(), cuts=st.lists(st.floats(0, 86_400), max_size=30))
def test_a_day_cut_into_pieces_draws_the_same_water(seed: int, cuts: list[float]) -> None:
    household = Household((SHOWER,), ZONE, seed)
    moments = [MIDNIGHT, *(MIDNIGHT + timedelta(seconds=cut) for cut in sorted(cuts)), MIDNIGHT + DAY]
    pieces = [household.kg_between(start, end) for start, end in pairwise(moments)]
    assert sum(pieces) == pytest.approx(household.kg_between(MIDNIGHT, MIDNIGHT + DAY))


@given(seed=st.integers())
def test_a_shower_comes_about_when_and_is_about_as_long_as_was_said(seed: int) -> None:
    household = Household((SHOWER,), ZONE, seed)
    planned = MIDNIGHT + timedelta(hours=6, minutes=30)
    late = timedelta(seconds=LATEST_S)
    drawn_kg = household.kg_between(planned - late, planned + late + timedelta(seconds=600 * 1.15))
    assert 40 * 0.85 - 1e-9 <= drawn_kg <= 40 * 1.15 + HAND_WASHINGS_PER_DAY * HAND_WASHING_KG[1]
    assert household.kg_between(MIDNIGHT, planned - late) == 0


def test_a_home_without_hot_water_draws_none() -> None:
    assert Household((), ZONE, 0).kg_between(MIDNIGHT, MIDNIGHT + DAY) == 0
