"""A room with an air conditioner, an infrared bridge in sight of it, and a meter on its circuit."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from agent.adapters.mqtt.tasmota_infrared import TasmotaRemote
from agent.domain.device import Adoption, Infrared, Role
from agent.domain.house import Aim, AirConditionerMode
from agent.profiles.library import load_profiles
from agent.switching.metered import MeteredRelay
from simulators.air_conditioner import SplitAirConditioner
from simulators.mqtt.tasmota import TasmotaDevice
from simulators.mqtt.tasmota_infrared import Hvac, TasmotaInfrared
from simulators.mqtt.tasmota_says import Identity
from tests.contract.bench import PATIENT_S
from tests.contract.benches.tasmota_infrared import adopted
from tests.mqtt.benches import Home, settled
from tests.mqtt.located import located
from tests.mqtt.test_judge import judge as judge  # noqa: PLC0414 - a fixture

COOL = Aim(mode=AirConditionerMode.COOL, setpoint_c=24.0)
PROFILES = load_profiles()


@dataclass
class Room:
    """A unit, its bridge, the meter on its circuit, and the hub's relay of them."""

    home: Home
    unit: SplitAirConditioner
    bridge: TasmotaInfrared
    meter: TasmotaDevice
    infrared: Infrared

    def relay(self, deadline_s: float = PATIENT_S) -> MeteredRelay:
        home = self.home
        device = adopted(home.network, home.clock, home.mac(), home.mac(1), deadline_s, self.infrared)
        assert isinstance(device.relay, MeteredRelay)
        return device.relay

    def remote(self) -> TasmotaRemote:
        adoption = Adoption(
            name="unit",
            role=Role.AIR_CONDITIONER,
            profile="tasmota-infrared",
            address=self.home.mac(),
            infrared=self.infrared,
        )
        remote = self.home.network.device(adoption).remote
        assert isinstance(remote, TasmotaRemote)
        return remote

    def says(self, prefix: str, payload: object, *, retain: bool = False) -> None:
        """Have the bridge say something that it would not."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self.bridge._link.publish(self.bridge.identity.full(prefix, "RESULT"), text, retain=retain)


def waits_for(relay: MeteredRelay) -> bool | None:
    """What is pending now."""
    return relay.pending


@asynccontextmanager
async def room(
    home: Home,
    *,
    vendor: str = "DAIKIN",
    model: int = -1,
    start_delay_s: float = 0.0,
    **bridge: Any,  # noqa: ANN401 - as the bridge
) -> AsyncIterator[Room]:
    unit = SplitAirConditioner(home.clock.now, vendor=vendor, start_delay_s=start_delay_s)
    plugged = TasmotaInfrared(home.address, Identity(home.mac()), unit, home.clock.now, tick_s=None, **bridge)
    meter = TasmotaDevice(home.address, Identity(home.mac(1)), home.clock.now, metered=unit, tick_s=None)
    infrared = Infrared(vendor=vendor, model=model, verified_by="meter")
    async with plugged, meter:
        made = Room(home, unit, plugged, meter, infrared)
        relay = made.relay()
        await located(home.network, [home.mac(), home.mac(1)])
        await relay.read()  # an answer of the broker's: what was asked for before is heard from now on
        yield made


ANSWER = {"IRHVAC": Hvac("DAIKIN", on=True, mode="Heat", temp=23).said()}


async def ordered(here: Room, relay: MeteredRelay) -> "asyncio.Task[Any]":
    """An order that never arrives, under way."""
    here.bridge.faults.drop_commands = 9
    order = asyncio.create_task(relay.switch(on=True))
    await settled(lambda: here.bridge.faults.drop_commands < 9)
    return order
