"""Home Assistant's discovery: ESPHome nodes. A device that cannot be asked is in tests/mqtt/test_home_assistant.py."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.home_assistant import HomeAssistantNetwork
from agent.domain.device import Ability, Adoption, Role
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.home_assistant import EsphomeNode
from simulators.mqtt.link import BrokerAddress
from tests.contract.bench import Bench, OpenBench, Place
from tests.mqtt.benches import settled
from tests.mqtt.conftest import running
from tests.mqtt.located import located


@asynccontextmanager
async def _node(
    place: Place, profile: str, *, relay: bool = False, meter: bool = False, sensor: bool = False
) -> AsyncIterator[Bench]:
    circuit = Heater()
    plugged = EsphomeNode(
        BrokerAddress(place.broker_port),
        place.mac(),
        place.clock.now,
        relay=circuit if relay else None,
        metered=circuit if meter else None,
        sensor=circuit if sensor else None,
        starts=meter,
        tick_s=None,
    )
    key = place.mac().lower()
    address = f"{key}/relay" if relay else key
    hub = Broker(port=place.broker_port, client_id=f"hub-{place.serial}", retry_s=(0.02, 0.1))
    async with running(hub) as broker, plugged:
        network = HomeAssistantNetwork(broker, place.clock, load_profiles())

        def device(deadline_s: float, ends_after_s: float | None) -> Device:
            adoption = Adoption(
                name="bench", role=Role.WATER_HEATER, profile=profile, address=address, deadline_s=deadline_s
            )
            return network.device(adoption, ends_after_s)

        bench = Bench(plugged, circuit, place.clock, network, address, device)
        await located(network, [address])
        station, parts = network._stations[key], len(plugged.discovery())
        await settled(lambda: len(station.components) == parts)  # each comes in a message of its own
        yield bench


def esphome_plug(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _node(place, "esphome-plug", relay=True, meter=True)


def esphome_thermometer(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _node(place, "home-assistant-thermometer", sensor=True)


def esphome_relay_thermometer(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _node(place, "home-assistant-relay-thermometer", relay=True, sensor=True)


BENCHES: dict[OpenBench, frozenset[Ability]] = {
    esphome_plug: frozenset({Ability.RELAY, Ability.METER}),
    esphome_thermometer: frozenset({Ability.THERMOMETER}),
    esphome_relay_thermometer: frozenset({Ability.RELAY, Ability.THERMOMETER}),
}
