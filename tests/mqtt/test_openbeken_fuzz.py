"""Whatever comes over the wire: nothing raises past the adapter, no relay's state is made up, memory stays bounded."""

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.openbeken import OpenBekenNetwork
from agent.adapters.mqtt.openbeken_messages import OpenBekenMalformed, read_relay
from agent.domain.device import Adoption, Role
from agent.profiles.library import load_profiles
from agent.switching.certain import CertainRelay, Standing
from tests.contract.bench import StillClock

PROFILES = load_profiles()
keys = st.sampled_from(
    ["Status", "StatusSNS", "StatusSTS", "StatusFWR", "SDK", "ENERGY", "Power", "POWER", "FriendlyName"]
) | st.text(max_size=4)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["obk", "\ud800"]) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
payloads = (st.binary(max_size=50) | values.map(lambda value: json.dumps(value).encode())).filter(
    lambda payload: payload.strip() not in (b"0", b"1")
)


@given(st.lists(st.tuples(payloads, st.booleans()), max_size=4))
async def test_no_message_raises_past_the_adapter(answers: list[tuple[bytes, bool]]) -> None:
    broker = Broker()
    network = OpenBekenNetwork(broker, StillClock(), PROFILES)
    relay = network.device(Adoption(name="p", role=Role.METER, profile="openbeken-plug", address="obk1")).relay
    assert isinstance(relay, CertainRelay)
    listened = tuple(broker._receivers)
    assert [topic for topic in listened if set("+#") & set(topic)] == ["+/connected"]
    for topic in listened:
        for payload, retained in answers:
            broker._receive(Message(topic.replace("+", "obk1"), payload, retained))
    assert relay.standing == Standing()
    assert len(broker._receivers) == len(listened) == 5


@given(payloads)
def test_a_status_is_read_or_refused(payload: bytes) -> None:
    with contextlib.suppress(OpenBekenMalformed):
        assert read_relay(payload, 1, frozenset({1})) in (True, False)


@given(st.sampled_from([b"0", b"1"]))
async def test_a_retained_state_tells_a_relay_nothing(payload: bytes) -> None:
    broker = Broker()
    network = OpenBekenNetwork(broker, StillClock(), PROFILES)
    relay = network.device(Adoption(name="p", role=Role.METER, profile="openbeken-plug", address="obk1")).relay
    assert isinstance(relay, CertainRelay)
    broker._receive(Message("obk1/1/get", payload, retained=True))
    assert relay.standing == Standing()
    broker._receive(Message("obk1/1/get", payload))
    assert relay.standing.reported is not None


async def test_a_flood_of_announcements_is_not_remembered_but_the_adopted_device_is() -> None:
    broker = Broker()
    network = OpenBekenNetwork(broker, StillClock(), PROFILES)
    for number in range(700):
        broker._receive(Message(f"n{number}/connected", b"online"))
    network.device(Adoption(name="p", role=Role.METER, profile="openbeken-plug", address="last"))
    broker._receive(Message("last/connected", b"online"))
    assert len(network._stations) == 257
    assert network._stations["last"].online is True
    assert len(broker._receivers) < 10
    broker._receive(Message("n1/connected", b""))
    assert "n1" not in network._stations
