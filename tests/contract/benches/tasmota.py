"""Tasmota: a plug, a board with a DS18B20, a relay with one."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.domain.device import Ability, Adoption, Role
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.tasmota import TasmotaPlug, TasmotaRelaySensor, TasmotaThermometer
from simulators.mqtt.tasmota_says import Identity
from tests.contract.bench import Bench, OpenBench, Place
from tests.mqtt.conftest import running
from tests.mqtt.located import located


@asynccontextmanager
async def _tasmota(
    place: Place, profile: str, kind: type[TasmotaPlug | TasmotaThermometer | TasmotaRelaySensor]
) -> AsyncIterator[Bench]:
    circuit = Heater()
    address = BrokerAddress(place.broker_port)
    plugged = kind(address, Identity(place.mac()), circuit, place.clock.now, tick_s=None)
    hub = Broker(port=place.broker_port, client_id=f"hub-{place.serial}", retry_s=(0.02, 0.1))
    async with running(hub) as broker, plugged:
        network = TasmotaNetwork(broker, place.clock, load_profiles())

        def device(deadline_s: float, ends_after_s: float | None) -> Device:
            adoption = Adoption(
                name="bench", role=Role.WATER_HEATER, profile=profile, address=place.mac(), deadline_s=deadline_s
            )
            return network.device(adoption, ends_after_s)

        bench = Bench(plugged, circuit, place.clock, network, place.mac(), device)
        await located(network, [place.mac()])
        yield bench


def tasmota_plug(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _tasmota(place, "tasmota-plug", TasmotaPlug)


def tasmota_thermometer(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _tasmota(place, "tasmota-thermometer", TasmotaThermometer)


def tasmota_relay_sensor(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _tasmota(place, "tasmota-relay-thermometer", TasmotaRelaySensor)


BENCHES: dict[OpenBench, frozenset[Ability]] = {
    tasmota_plug: frozenset({Ability.RELAY, Ability.METER}),
    tasmota_thermometer: frozenset({Ability.THERMOMETER}),
    tasmota_relay_sensor: frozenset({Ability.RELAY, Ability.THERMOMETER}),
}
