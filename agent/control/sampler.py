"""Asks every device of the home what it measures and which way its relay stands."""

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence

from agent.domain.device import Name, Reading, RelayState, Role
from agent.domain.interval import Instant
from agent.domain.value import Value
from agent.errors import DeviceError
from agent.ports import Clock, Device, Telemetry

_log = logging.getLogger(__name__)

_AT_ONCE = 8
"""So many meters and thermometers are asked at the same time, in an order that changes: a radio is for all of them."""


class Snapshot(Value):
    """What the home said at one moment. A device that did not answer is in `lost`, with the reason."""

    at: Instant
    readings: tuple[Reading, ...]
    relays: dict[Name, RelayState]
    lost: dict[Name, str]


class Sampler:
    """Takes snapshots and keeps their readings."""

    def __init__(self, devices: Sequence[Device], telemetry: Telemetry, clock: Clock) -> None:
        self._devices = devices
        self._telemetry = telemetry
        self._clock = clock
        self._polls = asyncio.Semaphore(_AT_ONCE)
        self._chance = random.SystemRandom()

    async def snapshot(self) -> Snapshot:
        """Ask all devices at once and journal what they measured, in one commit. Raises JournalError."""
        at = self._clock.now()
        shuffled = self._chance.sample(self._devices, len(self._devices))
        answered = await asyncio.gather(*(self._asked(device) for device in shuffled))
        by_name = {device.name: answer for device, answer in zip(shuffled, answered, strict=True)}
        named = [(device, by_name[device.name]) for device in self._devices]
        readings = tuple(reading for _, (reading, _, _) in named if reading is not None)
        await self._telemetry.add_readings(readings)
        return Snapshot(
            at=at,
            readings=readings,
            relays={device.name: state for device, (_, state, _) in named if state is not None},
            lost={device.name: reason for device, (_, _, reason) in named if reason is not None},
        )

    async def _asked(self, device: Device) -> tuple[Reading | None, RelayState | None, str | None]:
        """Reading, relay state and the reason of the first failure of one device."""
        reading: Reading | None = None
        state: RelayState | None = None
        try:
            if device.relay is not None:
                state = await device.relay.read()
            async with self._polls:
                if device.meter is not None:
                    reading = await device.meter.read()
                if device.thermometer is not None:
                    warmth = await device.thermometer.read()
                    reading = _joined(reading, warmth)
        except DeviceError as error:
            return reading, state, error.reason
        return reading, state, None


def _joined(metered: Reading | None, warmth: Reading) -> Reading:
    if metered is None:
        return warmth
    return metered.model_copy(update={"temperature_c": warmth.temperature_c})


def by_role(devices: Sequence[Device]) -> Mapping[Role, Device]:
    """The device that holds each role; for roles that several may hold, the first."""
    found: dict[Role, Device] = {}
    for device in devices:
        found.setdefault(device.role, device)
    return found
