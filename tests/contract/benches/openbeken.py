"""OpenBeken: a plug and a relay."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.openbeken import OpenBekenNetwork
from agent.domain.device import Ability, Adoption, Role
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.openbeken import OpenBekenDevice
from tests.contract.bench import Bench, OpenBench, Place
from tests.mqtt.conftest import running
from tests.mqtt.located import located


@asynccontextmanager
async def _device(place: Place, profile: str, *, metered: bool) -> AsyncIterator[Bench]:
    circuit = Heater()
    plugged = OpenBekenDevice(
        BrokerAddress(place.broker_port), place.mac(), circuit, place.clock.now, metered=metered, tick_s=None
    )
    hub = Broker(port=place.broker_port, client_id=f"hub-{place.serial}", retry_s=(0.02, 0.1))
    async with running(hub) as broker, plugged:
        network = OpenBekenNetwork(broker, place.clock, load_profiles(), alone_s=0.02)

        def device(deadline_s: float, ends_after_s: float | None) -> Device:
            adoption = Adoption(
                name="bench", role=Role.WATER_HEATER, profile=profile, address=plugged.name, deadline_s=deadline_s
            )
            return network.device(adoption, ends_after_s)

        bench = Bench(plugged, circuit, place.clock, network, plugged.name, device)
        await located(network, [plugged.name])
        await network._stations[plugged.name].identify()
        yield bench


def openbeken_plug(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _device(place, "openbeken-plug", metered=True)


def openbeken_relay(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _device(place, "openbeken-relay", metered=False)


BENCHES: dict[OpenBench, frozenset[Ability]] = {
    openbeken_plug: frozenset({Ability.RELAY, Ability.METER}),
    openbeken_relay: frozenset({Ability.RELAY}),
}
