"""Whatever comes over the wire: nothing raises past the adapter, no relay's state is made up, memory stays bounded."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.zigbee2mqtt import Zigbee2mqttNetwork
from agent.domain.device import Adoption, Role
from agent.profiles.library import load_profiles
from agent.switching.certain import CertainRelay, Standing
from simulators.circuit import Heater
from simulators.mqtt.zigbee2mqtt import ZigbeePlug
from tests.contract.bench import StillClock

PROFILES = load_profiles()
IEEE = "0x0017a0b1c2d3e4f5"
HEATER = Heater()
LISTED = ZigbeePlug(IEEE, StillClock().now, name="boiler", relay=HEATER, metered=HEATER).listed()
keys = st.sampled_from(["state", "power", "energy", "level", "message", "data", "healthy", "features"]) | st.text(
    max_size=4
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["error", "\ud800"])
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
payloads = st.binary(max_size=50) | values.map(lambda value: json.dumps(value).encode())
changed = st.fixed_dictionaries({}, optional=dict.fromkeys(LISTED, values)).map(lambda some: {**LISTED, **some})
announcements = payloads | st.lists(changed, max_size=3).map(lambda devices: json.dumps(devices).encode())


@given(announcements, st.lists(st.tuples(payloads, st.booleans()), max_size=4))
async def test_no_message_raises_past_the_adapter(devices: bytes, answers: list[tuple[bytes, bool]]) -> None:
    broker = Broker()
    network = Zigbee2mqttNetwork(broker, StillClock(), PROFILES)
    adoption = Adoption(name="plug", role=Role.WATER_HEATER, profile="zigbee2mqtt-plug", address=IEEE)
    relay = network.device(adoption).relay
    assert isinstance(relay, CertainRelay)
    broker._receive(Message("zigbee2mqtt/bridge/devices", json.dumps([LISTED]).encode()))
    broker._receive(Message("zigbee2mqtt/bridge/devices", devices))
    listened = tuple(broker._receivers)
    assert not [topic for topic in listened if set("+#") & set(topic)]
    assert len(listened) < 20
    for topic in listened:
        for payload, retained in answers:
            broker._receive(Message(topic, payload, retained))
    assert relay.standing == Standing()
    assert len(network._stations) <= 4


@given(st.sampled_from([b'{"state":"ON"}', b'{"state":"OFF"}']))
async def test_a_retained_state_tells_a_relay_nothing(payload: bytes) -> None:
    broker = Broker()
    network = Zigbee2mqttNetwork(broker, StillClock(), PROFILES)
    adoption = Adoption(name="plug", role=Role.WATER_HEATER, profile="zigbee2mqtt-plug", address=IEEE)
    relay = network.device(adoption).relay
    assert isinstance(relay, CertainRelay)
    broker._receive(Message("zigbee2mqtt/bridge/devices", json.dumps([LISTED]).encode()))
    broker._receive(Message("zigbee2mqtt/boiler", payload, retained=True))
    assert relay.standing == Standing()
    broker._receive(Message("zigbee2mqtt/boiler", payload))
    assert relay.standing.reported is not None


async def test_a_flood_of_devices_is_not_remembered() -> None:
    broker = Broker()
    network = Zigbee2mqttNetwork(broker, StillClock(), PROFILES)
    flood = [{"ieee_address": f"0x{n:x}", "friendly_name": f"n{n}", "definition": {}} for n in range(700)]
    broker._receive(Message("zigbee2mqtt/bridge/devices", json.dumps(flood).encode()))
    assert len(network._stations) == 256
