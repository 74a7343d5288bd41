"""Work benches: one device of a family with its circuit in hand. A further family adds benches to the lists below."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.domain.device import Role
from agent.ports import Device
from simulators.mqtt.circuit import Heater
from simulators.mqtt.tasmota import (
    BrokerAddress,
    TasmotaDevice,
    TasmotaPlug,
    TasmotaRelaySensor,
    TasmotaThermometer,
)
from simulators.mqtt.tasmota_says import Identity

NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)
PATIENT_S = 10.0
"""A deadline that only a broken test reaches."""
IMPATIENT_S = 0.3
"""A deadline for tests in which nobody answers."""


@dataclass
class StillClock:
    """Domain time that moves only when a test says so."""

    moment: datetime = NOON

    def now(self) -> datetime:
        return self.moment

    def to_wall(self, moment: datetime) -> datetime:
        return moment

    def to_domain(self, wall: datetime) -> datetime:
        return wall

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[bool]:
        yield True

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class Home:
    """The hub's side: where the broker is, the connection, the clock, the network."""

    address: BrokerAddress
    broker: Broker
    clock: StillClock
    network: TasmotaNetwork
    serial: int

    def mac(self, number: int = 0) -> str:
        """An address that no other test uses."""
        return f"A0B1{self.serial:04X}{number:04X}"


@dataclass
class Bench:
    """A device as the hub sees it, and the same device in the hand of the test."""

    plugged: TasmotaDevice
    circuit: Heater
    clock: StillClock
    device: Callable[[float], Device]
    """The device with a deadline (s)."""
    patient: Device = field(init=False)

    def __post_init__(self) -> None:
        self.patient = self.device(PATIENT_S)


OpenBench = Callable[[Home], AbstractAsyncContextManager[Bench]]


@asynccontextmanager
async def _tasmota(
    home: Home, profile: str, kind: type[TasmotaPlug | TasmotaThermometer | TasmotaRelaySensor]
) -> AsyncIterator[Bench]:
    circuit = Heater()
    plugged = kind(home.address, Identity(home.mac()), circuit, home.clock.now, tick_s=None)

    def device(deadline_s: float) -> Device:
        return home.network.device(
            name="bench", role=Role.WATER_HEATER, profile=profile, address=home.mac(), deadline_s=deadline_s
        )

    async with plugged:
        bench = Bench(plugged, circuit, home.clock, device)
        assert await home.network.wait_announced([home.mac()], PATIENT_S)
        yield bench


def tasmota_plug(home: Home) -> AbstractAsyncContextManager[Bench]:
    return _tasmota(home, "tasmota-plug", TasmotaPlug)


def tasmota_thermometer(home: Home) -> AbstractAsyncContextManager[Bench]:
    return _tasmota(home, "tasmota-thermometer", TasmotaThermometer)


def tasmota_relay_sensor(home: Home) -> AbstractAsyncContextManager[Bench]:
    return _tasmota(home, "tasmota-relay-thermometer", TasmotaRelaySensor)


RELAYS: list[OpenBench] = [tasmota_plug, tasmota_relay_sensor]
METERS: list[OpenBench] = [tasmota_plug]
THERMOMETERS: list[OpenBench] = [tasmota_thermometer, tasmota_relay_sensor]
ALL: list[OpenBench] = [tasmota_plug, tasmota_thermometer, tasmota_relay_sensor]


async def settled(condition: Callable[[], bool], timeout_s: float = PATIENT_S) -> None:
    """Let the loop turn until a condition holds. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)
