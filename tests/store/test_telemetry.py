"""The telemetry answers as a dictionary in memory would."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import ports
from agent.adapters.store.telemetry import open_telemetry
from agent.domain.device import Reading
from agent.domain.interval import Interval
from agent.errors import JournalError
from tests.store import values

MEASURED = ("power_w", "energy_wh", "temperature_c")


def completed(kept: Reading | None, added: Reading) -> Reading:
    if kept is None:
        return added
    newer = {name: getattr(added, name) for name in MEASURED if getattr(added, name) is not None}
    return kept.model_copy(update=newer)


@settings(max_examples=60)
@given(
    steps=st.lists(st.lists(values.some_readings, max_size=6), max_size=5),
    span=values.spans,
    before=values.moments,
)
async def test_telemetry_answers_as_an_oracle_does(
    steps: list[list[Reading]], span: Interval, before: datetime
) -> None:
    oracle: dict[tuple[str, datetime], Reading] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with open_telemetry(Path(folder)) as telemetry:
            for step in steps:
                await telemetry.add_readings(step)
                for reading in step:
                    key = (reading.device, reading.at)
                    oracle[key] = completed(oracle.get(key), reading)
        async with open_telemetry(Path(folder)) as telemetry:
            for device in ("plug-1", "plug-2", "sensor", "never-seen"):
                known = sorted((r for r in oracle.values() if r.device == device), key=lambda r: r.at)
                assert await telemetry.readings(device, span) == [r for r in known if r.at in span]
                assert await telemetry.last_reading(device) == (known[-1] if known else None)
            assert await telemetry.prune(before) == len([r for r in oracle.values() if r.at < before])
            for device in ("plug-1", "plug-2", "sensor"):
                left = [r for r in oracle.values() if r.device == device and r.at >= before]
                assert await telemetry.readings(device, values.ALL_TIME) == sorted(left, key=lambda r: r.at)


async def test_adding_a_step_twice_is_harmless(tmp_path: Path) -> None:
    async with open_telemetry(tmp_path) as telemetry:
        for _ in range(2):
            await telemetry.add_readings(values.step_readings(7))
        assert len(await telemetry.readings("plug-3", values.ALL_TIME)) == 1


async def test_a_step_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    fine, absurd = (Reading(device=name, at=values.START, energy_wh=wh) for name, wh in (("a", 1), ("b", 2**64)))
    async with open_telemetry(tmp_path) as telemetry:
        with pytest.raises(JournalError, match="too large"):
            await telemetry.add_readings([fine, absurd])
        assert await telemetry.last_reading("a") is None


async def test_meter_and_thermometer_of_one_device_share_a_reading(tmp_path: Path) -> None:
    at = values.START
    async with open_telemetry(tmp_path) as telemetry:
        await telemetry.add_readings([Reading(device="boiler", at=at, power_w=2000.0)])
        await telemetry.add_readings([Reading(device="boiler", at=at, temperature_c=55.5)])
        assert await telemetry.last_reading("boiler") == Reading(
            device="boiler", at=at, power_w=2000.0, temperature_c=55.5
        )


async def test_the_newest_reading_is_the_latest_in_time_not_in_arrival(tmp_path: Path) -> None:
    late = Reading(device="sensor", at=values.START - timedelta(hours=1), temperature_c=1.0)
    newest = Reading(device="sensor", at=values.START, temperature_c=2.0)
    async with open_telemetry(tmp_path) as telemetry:
        port: ports.Telemetry = telemetry
        await port.add_readings([newest])
        await port.add_readings([late])
        assert await port.last_reading("sensor") == newest
