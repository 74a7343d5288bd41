"""When the hub looks again at what was silent, slow or disobedient."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.insisting import Insistence

NOW = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class House:
    """Stands for executor, clock and timetable: what is amiss is as the test says."""

    disobeyed: frozenset[str] = frozenset()
    coming: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    answering: bool = False
    steps: int = 0
    appointment: tuple[float, Callable[[], Awaitable[None]]] | None = None
    insistence: Any = field(init=False)

    def __post_init__(self) -> None:
        house: Any = self
        self.insistence = Insistence(house, house, house, self.step)

    def now(self) -> datetime:
        return NOW

    def at(self, group: str, moments: Iterable[datetime], run: Callable[[], Awaitable[None]]) -> None:
        assert group == "again"
        moment = next(iter(moments), None)
        self.appointment = None if moment is None else ((moment - NOW) / timedelta(seconds=1), run)

    async def answers(self, loads: frozenset[str]) -> bool:
        assert loads == self.silent
        return self.answering

    async def step(self) -> None:
        self.steps += 1
        self.insistence.after_step()

    def keep(self) -> float:
        """Keep the appointment; returns after how many seconds that was."""
        assert self.appointment is not None
        pause_s, run = self.appointment
        asyncio.run(run())  # type: ignore[arg-type]
        return pause_s


def test_where_all_is_well_there_is_no_appointment() -> None:
    house = House()
    house.insistence.after_step()
    assert house.appointment is None


def test_what_does_not_obey_is_told_again_at_once_and_then_ever_later() -> None:
    house = House(disobeyed=frozenset({"rod"}))
    house.insistence.after_step()
    assert [house.keep() for _ in range(13)] == [10] * 6 + [20, 40, 80, 160, 320, 320, 320]
    assert house.steps == 13


def test_what_is_silent_is_asked_and_a_step_is_made_only_when_it_answers() -> None:
    house = House(silent=frozenset({"rod"}))
    house.insistence.after_step()
    assert [house.keep() for _ in range(20)] == [10] * 6 + [20] * 14
    assert house.steps == 0
    house.answering = True
    assert house.keep() == 20
    assert house.steps == 1


def test_what_has_been_silent_for_long_is_told_again_at_once_when_it_first_disobeys() -> None:
    house = House(silent=frozenset({"rod"}))
    house.insistence.after_step()
    for _ in range(50):
        house.keep()
    house.silent, house.disobeyed, house.answering = frozenset(), frozenset({"rod"}), True
    house.keep()
    assert house.appointment is not None
    assert house.appointment[0] == 10


def test_what_is_slow_is_looked_at_until_it_shows() -> None:
    house = House(coming=frozenset({"unit"}))
    house.insistence.after_step()
    assert [house.keep() for _ in range(9)] == [20] * 9
    house.coming = frozenset()
    house.keep()
    assert house.appointment is None


WORDS = st.lists(st.sets(st.sampled_from(["disobeyed", "coming", "silent", "answering"])), min_size=1, max_size=30)


@given(WORDS)
def test_nothing_amiss_is_left_for_longer_than_a_step_and_nothing_is_hurried(words: list[set[str]]) -> None:
    house = House()
    for amiss in words:
        house.disobeyed = frozenset({"a"} if "disobeyed" in amiss else ())
        house.coming = frozenset({"b"} if "coming" in amiss else ())
        house.silent = frozenset({"c"} if "silent" in amiss else ())
        house.answering = "answering" in amiss
        house.insistence.after_step()
        if house.disobeyed | house.coming | house.silent:
            assert house.appointment is not None
            assert 10 <= house.appointment[0] <= 320
            if house.silent:
                assert house.appointment[0] <= 20
        else:
            assert house.appointment is None
