from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.house import AIR_CONDITIONER, WATER_HEATER
from agent.domain.interval import Interval
from simulators.house import PhysicalHouse, Switching
from simulators.recorder import Recorder, on_blocks, thermostat_run
from simulators.weather import TrueWeather
from tests.demo.days import house

ZONE = ZoneInfo("Europe/Istanbul")
MIDNIGHT = datetime(2020, 1, 1, tzinfo=ZONE).astimezone(UTC)
SPAN = Interval(start=MIDNIGHT, end=MIDNIGHT + timedelta(hours=6))


def home() -> PhysicalHouse:
    return PhysicalHouse(house(), TrueWeather(1), ZONE, MIDNIGHT, 1)


@settings(max_examples=20)
@given(
    jumps=st.lists(st.floats(0.1, 90), min_size=1, max_size=40), on=st.lists(st.booleans(), min_size=40, max_size=40)
)
def test_what_is_written_down_is_what_was_drawn(jumps: list[float], on: list[bool]) -> None:
    lived = home()
    recorder = Recorder(lived, SPAN)
    for jump, closed in zip(jumps, on, strict=False):
        lived.switch(WATER_HEATER, on=closed)
        recorder.advance_to(min(lived.moment + timedelta(minutes=jump), SPAN.end))
    recorder.advance_to(SPAN.end)
    assert recorder.complete
    run = recorder.run()
    heater = next(load for load in run.loads if load.load == WATER_HEATER)
    assert sum(heater.energy_wh.values) == pytest.approx(lived.energy_wh(WATER_HEATER))
    assert sum(run.base_energy_wh.values) == pytest.approx(lived.base_energy_wh)
    assert heater.energy_wh.covers(SPAN)
    assert len(heater.energy_wh.values) == 72


def test_what_comes_after_the_span_is_not_written_down() -> None:
    lived = home()
    recorder = Recorder(lived, SPAN)
    recorder.advance_to(SPAN.end)
    before = recorder.run()
    lived.switch(AIR_CONDITIONER, on=True)
    recorder.advance_to(SPAN.end + timedelta(hours=3))
    assert recorder.run() == before


def test_the_thermostats_of_a_seed_always_pay_the_same() -> None:
    assert thermostat_run(home(), SPAN) == thermostat_run(home(), SPAN)


def test_a_relay_that_stays_closed_is_on_to_the_end() -> None:
    log = [
        Switching(MIDNIGHT + timedelta(hours=1), AIR_CONDITIONER, on=True),
        Switching(MIDNIGHT + timedelta(hours=1), WATER_HEATER, on=True),
        Switching(MIDNIGHT + timedelta(hours=2), AIR_CONDITIONER, on=False),
        Switching(MIDNIGHT + timedelta(hours=5), AIR_CONDITIONER, on=True),
        Switching(MIDNIGHT + timedelta(hours=9), AIR_CONDITIONER, on=False),
    ]
    spans = [
        ((block.start - MIDNIGHT).total_seconds() / 3600, (block.end - MIDNIGHT).total_seconds() / 3600)
        for block in on_blocks(log, AIR_CONDITIONER, SPAN)
    ]
    assert spans == [(1, 2), (5, 6)]
