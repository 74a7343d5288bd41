"""A Tasmota device on the work bench, with its circuit in hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.domain.device import Adoption, Role
from agent.ports import Device
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.tasmota import TasmotaDevice, TasmotaPlug
from simulators.mqtt.tasmota_says import Identity
from tests.contract.bench import PATIENT_S, StillClock
from tests.mqtt.located import located


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


@asynccontextmanager
async def tasmota_plug(home: Home) -> AsyncIterator[Bench]:
    circuit = Heater()
    plugged = TasmotaPlug(home.address, Identity(home.mac()), circuit, home.clock.now, tick_s=None)

    def device(deadline_s: float) -> Device:
        return home.network.device(
            Adoption(
                name="bench", role=Role.WATER_HEATER, profile="tasmota-plug", address=home.mac(), deadline_s=deadline_s
            )
        )

    async with plugged:
        bench = Bench(plugged, circuit, home.clock, device)
        await located(home.network, [home.mac()])
        yield bench


async def settled(condition: Callable[[], bool], timeout_s: float = PATIENT_S) -> None:
    """Let the loop turn until a condition holds. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)
