"""Shelly of generation 2 and later: a plug by its prefix, a relay with a DS18B20 on the Add-on by its MAC address."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.shelly_gen2 import ShellyGen2Network
from agent.domain.device import Ability, Adoption, Role
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.shelly_gen2 import ShellyGen2
from simulators.shelly.says import PLUS_1, PLUS_1PM, Identity
from tests.contract.bench import Bench, OpenBench, Place
from tests.mqtt.conftest import running
from tests.mqtt.located import located


@asynccontextmanager
async def _shelly(place: Place, profile: str, *, metered: bool, probe: bool, by_mac: bool) -> AsyncIterator[Bench]:
    circuit = Heater()
    product, app, model, generation = PLUS_1PM if metered else PLUS_1
    identity = Identity(place.mac(), product, app, model, generation)
    plugged = ShellyGen2(
        BrokerAddress(place.broker_port),
        identity,
        place.clock.now,
        relays=[circuit],
        metered=metered,
        sensors={100: circuit} if probe else {},
        tick_s=None,
    )
    plugged.device.set_initial_state("restore_last")
    hub = Broker(port=place.broker_port, client_id=f"hub-{place.serial}", retry_s=(0.02, 0.1))
    address = place.mac() if by_mac else identity.id
    async with running(hub) as broker, plugged:
        network = ShellyGen2Network(broker, place.clock, load_profiles(), alone_s=0.02)

        def device(deadline_s: float, ends_after_s: float | None) -> Device:
            adoption = Adoption(
                name="bench", role=Role.WATER_HEATER, profile=profile, address=address, deadline_s=deadline_s
            )
            return network.device(adoption, ends_after_s)

        bench = Bench(plugged, circuit, place.clock, network, place.mac(), device, measures_to=0.05)
        await located(network, [address])
        yield bench


def shelly_gen2_plug(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _shelly(place, "shelly-gen2-plug", metered=True, probe=False, by_mac=False)


def shelly_gen2_relay_sensor(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _shelly(place, "shelly-gen2-relay-thermometer", metered=False, probe=True, by_mac=True)


BENCHES: dict[OpenBench, frozenset[Ability]] = {
    shelly_gen2_plug: frozenset({Ability.RELAY, Ability.METER}),
    shelly_gen2_relay_sensor: frozenset({Ability.RELAY, Ability.THERMOMETER}),
}
