"""Domain time and wall time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import ClockMapping, SharedClock, SystemClock
from agent.errors import SettingsInvalid

WALL = datetime(2026, 1, 1, tzinfo=UTC)
DOMAIN = datetime(2020, 1, 1, tzinfo=UTC)


def shared(folder: Path, speed: float = 1440.0) -> SharedClock:
    file = folder / "clock.json"
    file.write_text(json.dumps({"domain_s": DOMAIN.timestamp(), "wall_s": WALL.timestamp(), "speed": speed}))
    return SharedClock(file)


@given(
    speed=st.floats(0.1, 5000),
    passed_s=st.floats(0, 1e6),
    stops=st.lists(st.tuples(st.booleans(), st.floats(0, 1e4)), max_size=5),
)
def test_a_clock_never_runs_back_however_it_is_stopped_and_started(
    speed: float, passed_s: float, stops: list[tuple[bool, float]]
) -> None:
    mapping = ClockMapping(domain_s=0.0, wall_s=0.0, speed=speed)
    wall_s, shown_s = passed_s, mapping.domain_at(passed_s)
    for still, pause_s in stops:
        mapping = mapping.turned(still=still, wall_s=wall_s)
        assert mapping.domain_at(wall_s) == pytest.approx(shown_s, abs=1e-3)
        wall_s += pause_s
        later_s = mapping.domain_at(wall_s)
        assert later_s >= shown_s - 1e-3
        assert not still or later_s == pytest.approx(shown_s, abs=1e-3)
        shown_s = later_s


def test_wall_and_domain_are_each_others_inverse(tmp_path: Path) -> None:
    with time_machine.travel(WALL + timedelta(seconds=7), tick=False):
        clock = shared(tmp_path)
        assert clock.now() == DOMAIN + timedelta(seconds=7 * 1440)
        moment = clock.now() + timedelta(hours=2)
        assert abs(clock.to_domain(clock.to_wall(moment)) - moment) < timedelta(milliseconds=10)


async def test_the_clock_stands_still_until_the_last_holder_lets_go(tmp_path: Path) -> None:
    with time_machine.travel(WALL, tick=False) as traveller:
        clock = shared(tmp_path)
        async with clock.standing_still():
            async with clock.standing_still():
                traveller.shift(10)
            traveller.shift(10)
            assert clock.now() == DOMAIN
        traveller.shift(1)
        assert clock.now() == DOMAIN + timedelta(seconds=1440)


async def test_a_real_clock_does_not_wait() -> None:
    clock = SystemClock()
    with time_machine.travel(WALL, tick=False) as traveller:
        async with clock.standing_still():
            traveller.shift(5)
            assert clock.now() == WALL + timedelta(seconds=5)
            assert clock.to_wall(WALL) == clock.to_domain(WALL) == WALL


@pytest.mark.parametrize("text", ["", "{}", '{"domain_s": 1, "wall_s": 1, "speed": 0}', '{"domain_s": 1, "wal_s": 1}'])
def test_a_clock_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "clock.json").write_text(text)
    with pytest.raises(SettingsInvalid, match=r"clock\.json"):
        SharedClock(tmp_path / "clock.json")
