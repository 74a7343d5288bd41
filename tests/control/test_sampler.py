"""A look at all devices at once: bounded, in no fixed order, and one that fails spoils nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.adapters.store.telemetry import SqlTelemetry, open_telemetry
from agent.clock import SystemClock
from agent.control.sampler import Sampler
from agent.domain.device import Reading, Role
from agent.errors import DeviceUnreachable
from agent.ports import Device
from tests.control.test_executor import ObedientRelay

AT = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class Air:
    """What all meters share."""

    asked: list[str] = field(default_factory=list)
    now: int = 0
    most: int = 0


@dataclass
class Meter:
    """One that takes a few turns of the loop to answer."""

    air: Air
    name: str
    broken: bool = False

    async def read(self) -> Reading:
        self.air.asked.append(self.name)
        self.air.now += 1
        self.air.most = max(self.air.most, self.air.now)
        for _ in range(5):
            await asyncio.sleep(0)
        self.air.now -= 1
        if self.broken:
            raise DeviceUnreachable(self.name, "no answer")
        return Reading(device=self.name, at=AT, power_w=1.0)


@pytest.fixture
async def telemetry(tmp_path: Path) -> AsyncIterator[SqlTelemetry]:
    async with open_telemetry(tmp_path) as opened:
        yield opened


def plugs(air: Air, count: int, broken: Sequence[int] = ()) -> list[Device]:
    return [
        Device(
            name=f"plug-{number}",
            role=Role.METER,
            relay=ObedientRelay(f"plug-{number}", on=number % 2 == 0),
            meter=Meter(air, f"plug-{number}", broken=number in broken),
        )
        for number in range(count)
    ]


async def test_meters_are_asked_a_few_at_a_time_in_another_order_each_time(telemetry: SqlTelemetry) -> None:
    air = Air()
    devices = plugs(air, 30)
    sampler, orders = Sampler(devices, telemetry, SystemClock()), set()
    for _ in range(5):
        air.asked.clear()
        seen = await sampler.snapshot()
        orders.add(tuple(air.asked))
        assert [reading.device for reading in seen.readings] == [device.name for device in devices]
        assert {name: state.on for name, state in seen.relays.items()} == {f"plug-{n}": n % 2 == 0 for n in range(30)}
    assert len(orders) > 1
    assert 2 <= air.most <= 8


async def test_a_meter_that_fails_costs_neither_its_relay_nor_the_others(telemetry: SqlTelemetry) -> None:
    sampler = Sampler(plugs(Air(), 4, broken=[1]), telemetry, SystemClock())
    seen = await sampler.snapshot()
    assert seen.lost == {"plug-1": "no answer"}
    assert len(seen.relays) == 4
    assert [reading.device for reading in seen.readings] == ["plug-0", "plug-2", "plug-3"]
    assert (await telemetry.last_reading("plug-1")) is None
    assert (await telemetry.last_reading("plug-3")) is not None
