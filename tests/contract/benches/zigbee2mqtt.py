"""zigbee2mqtt: a plug, a relay with a thermometer, and a thermometer that can be asked."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.zigbee2mqtt import Zigbee2mqttNetwork
from agent.domain.device import Ability, Adoption, Role
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.zigbee2mqtt import Zigbee2mqtt, ZigbeePlug
from tests.contract.bench import Bench, OpenBench, Place
from tests.mqtt.conftest import running
from tests.mqtt.located import located


@asynccontextmanager
async def _plug(
    place: Place, profile: str, *, relay: bool = False, meter: bool = False, sensor: bool = False
) -> AsyncIterator[Bench]:
    circuit = Heater()
    address = f"0x0017{place.mac().lower()}"
    plugged = ZigbeePlug(
        address,
        place.clock.now,
        model="SP 240" if meter else "any",
        name=f"boiler/{place.serial}",
        relay=circuit if relay else None,
        metered=circuit if meter else None,
        sensor=circuit if sensor else None,
    )
    base = f"zigbee2mqtt-{place.serial}"
    bridge = Zigbee2mqtt(BrokerAddress(place.broker_port), [plugged], base=base, tick_s=None)
    hub = Broker(port=place.broker_port, client_id=f"hub-{place.serial}", retry_s=(0.02, 0.1))
    async with running(hub) as broker, bridge:
        network = Zigbee2mqttNetwork(broker, place.clock, load_profiles(), base)

        def device(deadline_s: float, ends_after_s: float | None) -> Device:
            adoption = Adoption(
                name="bench", role=Role.WATER_HEATER, profile=profile, address=address, deadline_s=deadline_s
            )
            return network.device(adoption, ends_after_s)

        bench = Bench(plugged, circuit, place.clock, network, address, device)
        await located(network, [address])
        await network._bridge.serving()
        yield bench


def zigbee2mqtt_plug(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _plug(place, "innr-sp-240", relay=True, meter=True)


def zigbee2mqtt_thermometer(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _plug(place, "zigbee2mqtt-thermometer", sensor=True)


BENCHES: dict[OpenBench, frozenset[Ability]] = {
    zigbee2mqtt_plug: frozenset({Ability.RELAY, Ability.METER}),
    zigbee2mqtt_thermometer: frozenset({Ability.THERMOMETER}),
}
