"""Whatever comes over the wire: nothing raises past the adapter, no relay's state is made up, memory stays bounded."""

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.home_assistant import HomeAssistantNetwork
from agent.adapters.mqtt.home_assistant_template import HomeAssistantMalformed, read_template
from agent.domain.device import Adoption, Role
from agent.profiles.library import load_profiles
from agent.switching.certain import CertainRelay, Standing
from tests.contract.bench import StillClock

PROFILES = load_profiles()
SWITCH: dict[str, object] = {
    "cmd_t": "n/c",
    "stat_t": "n/s",
    "avty": [{"t": "n/a"}],
    "val_tpl": "{{ value }}",
    "dev": {"ids": ["n"], "cns": [["mac", "m"]]},
    "~": "n",
    "pl_on": "ON",
    "opt": False,
}
SENSOR: dict[str, object] = {**SWITCH, "dev_cla": "power", "unit_of_meas": "W", "exp_aft": 60, "stat_t": "n/p"}
keys = st.sampled_from([*SWITCH, *SENSOR, "cmps", "p", "ids", "t"]) | st.text(max_size=4)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["switch", "sensor", "#", "+/x", "\ud800", "{{ value_json.a }}", "{% x %}", "~/y"])
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
payloads = st.binary(max_size=50) | values.map(lambda value: json.dumps(value).encode())


def like(config: dict[str, object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(config, values)).map(lambda some: {**config, **some})


announcements = st.one_of(
    like(SWITCH).map(lambda config: ("homeassistant/switch/n/o/config", json.dumps(config).encode())),
    like(SENSOR).map(lambda config: ("homeassistant/sensor/n/q/config", json.dumps(config).encode())),
    st.dictionaries(keys, like({**SWITCH, "p": "switch"}), max_size=3).map(
        lambda cmps: ("homeassistant/device/n/config", json.dumps({"dev": {"ids": "n"}, "cmps": cmps}).encode())
    ),
    payloads.map(lambda payload: ("homeassistant/device/n/config", payload)),
)


def network_of(broker: Broker) -> tuple[HomeAssistantNetwork, CertainRelay]:
    network = HomeAssistantNetwork(broker, StillClock(), PROFILES)
    relay = network.device(Adoption(name="p", role=Role.METER, profile="esphome-plug", address="n")).relay
    assert isinstance(relay, CertainRelay)
    return network, relay


@given(st.lists(announcements, max_size=4), st.lists(payloads, max_size=3))
async def test_no_message_raises_past_the_adapter(said: list[tuple[str, bytes]], answers: list[bytes]) -> None:
    broker = Broker()
    network, relay = network_of(broker)
    for topic, payload in said:
        broker._receive(Message(topic, payload))
    listened = tuple(broker._receivers)
    for topic in listened:
        for payload in answers:
            broker._receive(Message(topic.replace("+", "n"), payload, retained=True))
    assert relay.standing == Standing(), "what the broker kept is no state of a relay"
    assert len([topic for topic in listened if set("+#") & set(topic)]) == 2, "only discovery listens to wildcards"
    assert len(listened) < 50
    for station in network._stations.values():
        if station.announcement is not None:
            assert network._sighting(station.announcement, station).address
    for topic in listened:
        for payload in answers:
            broker._receive(Message(topic.replace("+", "n"), payload))


@given(st.text(alphabet="{}|[]()'\". value_jsonfloatintround09\\-", max_size=60))
def test_any_template_is_plain_or_refused(text: str) -> None:
    with contextlib.suppress(HomeAssistantMalformed):
        read_template("{{" + text + "}}").text(b'{"a":1}')


@given(st.sampled_from([b"ON", b"OFF"]))
async def test_a_retained_state_tells_a_relay_nothing(payload: bytes) -> None:
    broker = Broker()
    _, relay = network_of(broker)
    broker._receive(Message("homeassistant/switch/n/o/config", json.dumps(SWITCH).encode()))
    broker._receive(Message("n/s", payload, retained=True))
    assert relay.standing == Standing()
    broker._receive(Message("n/s", payload))
    assert relay.standing.reported is not None


async def test_a_flood_of_announcements_is_not_remembered() -> None:
    broker = Broker()
    network, _ = network_of(broker)
    for number in range(700):
        config = {**SWITCH, "avty": [], "dev": {"ids": [f"x{number}", f"y{number}"]}}
        broker._receive(Message(f"homeassistant/switch/x{number}/o/config", json.dumps(config).encode()))
    assert len({id(station) for station in network._stations.values()}) == 256
    for number in range(700):
        config = {**SWITCH, "stat_t": f"n/{number}", "dev": {"ids": ["n"]}}
        broker._receive(Message(f"homeassistant/switch/n/o{number}/config", json.dumps(config).encode()))
    assert len(network._stations["n"].components) == 64
    assert len(broker._receivers) < 100
