"""Shelly of generation 1: a relay with a meter, a relay with a probe on the add-on."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.shelly_gen1 import ShellyGen1Network
from agent.domain.device import Ability, Adoption, Role
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.shelly_gen1 import SHELLY_1, SHELLY_1PM, Gen1Identity, ShellyGen1
from tests.contract.bench import Bench, OpenBench, Place
from tests.mqtt.conftest import running


@asynccontextmanager
async def _shelly(place: Place, profile: str, *, metered: bool, probe: bool) -> AsyncIterator[Bench]:
    circuit = Heater()
    identity = Gen1Identity(place.mac(), *(SHELLY_1PM if metered else SHELLY_1))
    plugged = ShellyGen1(
        BrokerAddress(place.broker_port),
        identity,
        circuit,
        place.clock.now,
        metered=metered,
        probes={0: circuit} if probe else {},
        tick_s=None,
    )
    hub = Broker(port=place.broker_port, client_id=f"hub-{place.serial}", retry_s=(0.02, 0.1))
    async with running(hub) as broker, plugged:
        network = ShellyGen1Network(broker, place.clock, load_profiles(), alone_s=0.02)

        def device(deadline_s: float, ends_after_s: float | None) -> Device:
            adoption = Adoption(
                name="bench", role=Role.WATER_HEATER, profile=profile, address=identity.id, deadline_s=deadline_s
            )
            return network.device(adoption, ends_after_s)

        bench = Bench(plugged, circuit, place.clock, network, identity.id, device)
        await network._stations[identity.id].alone()
        yield bench


def shelly_gen1_plug(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _shelly(place, "shelly-gen1-plug", metered=True, probe=False)


def shelly_gen1_relay_sensor(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _shelly(place, "shelly-gen1-relay-thermometer", metered=False, probe=True)


BENCHES: dict[OpenBench, frozenset[Ability]] = {
    shelly_gen1_plug: frozenset({Ability.RELAY, Ability.METER}),
    shelly_gen1_relay_sensor: frozenset({Ability.RELAY, Ability.THERMOMETER}),
}
