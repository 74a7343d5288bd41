"""Tasmota by infrared: an air conditioner, the bridge in front of it, and the meter on its circuit.

It is no bench of the contract's suite: that asks of every relay what an air conditioner behind a remote control cannot
do, or does otherwise. `tests/mqtt/test_tasmota_infrared.py` holds it to the rest of the contract, and says why.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import cast

from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.domain.device import Ability, Adoption, Infrared, Role
from agent.domain.house import Aim, AirConditionerMode
from agent.ports import Device
from agent.profiles.library import load_profiles
from agent.switching.metered import MeteredRelay
from simulators.air_conditioner import SplitAirConditioner
from simulators.circuit import Heater
from simulators.faults import Faults
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.tasmota import TasmotaDevice
from simulators.mqtt.tasmota_infrared import TasmotaInfrared
from simulators.mqtt.tasmota_says import Identity
from tests.contract.bench import Bench, OpenBench, Place, StillClock
from tests.mqtt.conftest import running
from tests.mqtt.located import located

AIM = Aim(mode=AirConditionerMode.HEAT, setpoint_c=23.0)
INFRARED = Infrared(vendor="DAIKIN", verified_by="meter")


@dataclass
class Pair:
    """The bridge and the meter on one socket strip; the bridge has the faults."""

    bridge: TasmotaInfrared
    meter: TasmotaDevice
    faults: Faults = field(init=False)

    def __post_init__(self) -> None:
        self.faults = self.bridge.faults

    def unplug(self) -> None:
        self.bridge.unplug()
        self.meter.unplug()

    async def plug_in(self) -> None:
        await self.bridge.plug_in()
        await self.meter.plug_in()

    def press_button(self) -> None:
        self.bridge.press_button()

    def reset_energy(self) -> None:
        self.meter.reset_energy()

    def tick(self) -> None:
        self.bridge.tick()
        self.meter.tick()


@asynccontextmanager
async def tasmota_infrared(place: Place) -> AsyncIterator[Bench]:
    """A unit that obeys at once; its relay is told by infrared and read by the meter."""
    clock, address = place.clock, BrokerAddress(place.broker_port)
    unit = SplitAirConditioner(clock.now, start_delay_s=0.0)
    bridge = TasmotaInfrared(address, Identity(place.mac(), model="BW-RC1"), unit, clock.now, tick_s=None)
    meter = TasmotaDevice(address, Identity(place.mac(1)), clock.now, metered=unit, tick_s=None)
    hub = Broker(port=place.broker_port, client_id=f"hub-{place.serial}", retry_s=(0.02, 0.1))
    async with running(hub) as broker, bridge, meter:
        network = TasmotaNetwork(broker, clock, load_profiles())

        def device(deadline_s: float, _ends_after_s: float | None) -> Device:
            return adopted(network, clock, place.mac(), place.mac(1), deadline_s)

        await located(network, [place.mac(), place.mac(1)])
        # The contract needs of a circuit only what the unit has, too.
        yield Bench(Pair(bridge, meter), cast(Heater, unit), clock, network, place.mac(), device)


def adopted(
    network: TasmotaNetwork,
    clock: StillClock,
    bridge: str,
    meter: str,
    deadline_s: float,
    infrared: Infrared = INFRARED,
) -> Device:
    """The unit as the hub has it: its relay by the bridge and by the meter on its circuit."""
    told = network.device(
        Adoption(
            name="bench",
            role=Role.AIR_CONDITIONER,
            profile="tasmota-infrared",
            address=bridge,
            deadline_s=deadline_s,
            infrared=infrared,
        )
    )
    metered = network.device(
        Adoption(name="meter", role=Role.METER, profile="tasmota-meter", address=meter, deadline_s=deadline_s)
    )
    assert told.remote is not None
    assert metered.meter is not None
    unit = MeteredRelay(told.remote, metered.meter, clock, "bench", deadline_s=deadline_s, infrared=infrared)
    unit.aim(AIM)
    return replace(told, relay=unit, unit=unit, meter=metered.meter)


BENCHES: dict[OpenBench, frozenset[Ability]] = {}
