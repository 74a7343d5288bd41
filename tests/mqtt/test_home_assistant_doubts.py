"""Which switch was adopted, and whose it is: announcements that change, vanish, or are of another device."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.home_assistant import HomeAssistantNetwork
from agent.domain.device import Adoption, Role
from agent.errors import DeviceError, DeviceRefused, DeviceUnreachable
from agent.ports import Relay
from agent.profiles.library import load_profiles
from tests.contract.bench import PATIENT_S, StillClock

PROFILES = load_profiles()


class Orders(Broker):
    """A broker on which every order is answered at once, and remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def publish(self, topic: str, payload: str | bytes = b"") -> None:
        if topic.endswith("/cmd"):
            self.sent.append(topic)
            said = payload.encode() if isinstance(payload, str) else payload
            self._receive(Message(topic.replace("/cmd", "/state"), said))

    def announce(self, name: str, node: str = "n", **said: Any) -> None:  # noqa: ANN401 - as JSON takes them
        config = {"name": name, "stat_t": f"{name}/state", "cmd_t": f"{name}/cmd", "dev": {"ids": ["dev1"]}, **said}
        topic = f"homeassistant/switch/{node}/{name}/config"
        self._receive(Message(topic, json.dumps(config).encode()))

    def take_back(self, name: str, node: str = "n") -> None:
        self._receive(Message(f"homeassistant/switch/{node}/{name}/config", b""))


def adopted(broker: Orders, address: str = "dev1") -> tuple[HomeAssistantNetwork, Relay]:
    network = HomeAssistantNetwork(broker, StillClock(), PROFILES)
    adoption = Adoption(
        name="boiler", role=Role.WATER_HEATER, profile="home-assistant-relay", address=address, deadline_s=0.1
    )
    relay = network.device(adoption).relay
    assert relay is not None
    return network, relay


async def ordered(relay: Relay) -> DeviceError | None:
    """Try an order; what became of its verification does not matter here."""
    try:
        await asyncio.wait_for(relay.switch(on=True), PATIENT_S)
    except DeviceError as error:
        return error
    return None


async def refused(relay: Relay, match: str) -> None:
    with pytest.raises(DeviceRefused, match=match):
        await relay.switch(on=True)
    with pytest.raises(DeviceRefused, match=match):
        await relay.read()


@pytest.mark.parametrize("address", ["dev1", "dev1/heater"])
async def test_another_switch_of_the_device_never_takes_the_place_of_the_adopted_one(address: str) -> None:
    broker = Orders()
    _, relay = adopted(broker, address)
    broker.announce("heater")
    await ordered(relay)
    assert broker.sent == ["heater/cmd"]
    broker.take_back("heater")
    assert isinstance(await ordered(relay), DeviceUnreachable)
    broker.announce("garage")
    await refused(relay, "announces another switch now: adopt it anew as dev1/garage")
    broker.announce("heater")
    broker.sent.clear()
    await ordered(relay)
    assert broker.sent == (["heater/cmd"] if address == "dev1/heater" else []), "with two it must be named"


async def test_what_was_announced_before_it_was_adopted_is_not_meant_later() -> None:
    broker = Orders()
    network = HomeAssistantNetwork(broker, StillClock(), PROFILES)
    broker.announce("garage")
    broker.take_back("garage")
    broker.announce("heater")
    relay = network.device(
        Adoption(name="b", role=Role.METER, profile="home-assistant-relay", address="dev1", deadline_s=0.1)
    ).relay
    assert relay
    await ordered(relay)
    assert broker.sent == ["heater/cmd"]
    broker.take_back("heater")
    broker.announce("garage")
    await refused(relay, "adopt it anew as dev1/garage")


FOREIGN: list[tuple[str, dict[str, Any], str]] = [
    ("the same identifier, under another node", {"dev": {"ids": ["dev1"]}, "node": "evil"}, "heater"),
    ("the same identifier among others", {"dev": {"ids": ["dev2", "dev1"]}, "node": "evil"}, "heater"),
    ("a connection", {"dev": {"ids": ["dev2"], "cns": [["mac", "dev1"]]}, "node": "evil"}, "pump"),
    ("a connection, on the topic of the adopted", {"dev": {"ids": ["dev2"], "cns": [["mac", "dev1"]]}}, "heater"),
    ("without a node", {"dev": {"ids": ["dev1"]}, "node": ""}, "pump"),
]


@pytest.mark.parametrize("address", ["dev1", "dev1/heater"])
@pytest.mark.parametrize("foreign_first", [False, True])
@pytest.mark.parametrize(("kind", "said", "name"), FOREIGN, ids=[kind for kind, _, _ in FOREIGN])
async def test_a_device_that_calls_itself_as_the_adopted_one_gets_no_orders(
    kind: str,
    said: dict[str, Any],
    name: str,
    foreign_first: bool,  # noqa: FBT001 - a parameter
    address: str,
) -> None:
    broker = Orders()
    network, relay = adopted(broker, address)
    foreign = {"stat_t": "other/state", "cmd_t": "other/cmd", **said}
    node = foreign.pop("node", "n")

    def announce_foreign() -> None:
        if node:
            broker.announce(name, node, **foreign)
        else:
            config = {"name": name, **foreign}
            broker._receive(Message(f"homeassistant/switch/{name}/config", json.dumps(config).encode()))

    if foreign_first:
        announce_foreign()
    if not (foreign_first and "topic of the adopted" in kind):  # there the true one is overwritten
        broker.announce("heater")
    if not foreign_first:
        announce_foreign()
    await refused(relay, "another device says that it is this one, on homeassistant/switch/")
    assert broker.sent == []
    broker._up.set()
    labels = [seen.label for seen in await network.scan(0)]
    assert any("another device says that it is this one" in label for label in labels) or "topic of" in kind


async def test_a_claim_that_is_taken_back_gives_the_device_back() -> None:
    broker = Orders()
    _, relay = adopted(broker, "dev1/heater")
    broker.announce("heater")
    broker.announce("pump", "evil")
    await refused(relay, "another device")
    broker.take_back("pump", "evil")
    await ordered(relay)
    assert broker.sent == ["heater/cmd"]


async def test_a_sensor_that_somebody_adds_to_a_device_is_no_claim() -> None:
    broker = Orders()
    _, relay = adopted(broker)
    broker.announce("heater")
    sensor = {"stat_t": "s/t", "dev_cla": "temperature", "unit_of_meas": "°C", "dev": {"ids": ["dev1"]}}
    broker._receive(Message("homeassistant/sensor/mine/t/config", json.dumps(sensor).encode()))
    await ordered(relay)
    assert broker.sent == ["heater/cmd"]


async def test_a_scan_names_each_switch_behind_the_address_of_its_device() -> None:
    broker = Orders()
    network = HomeAssistantNetwork(broker, StillClock(), PROFILES)
    broker.announce("heater", dev={"ids": ["dev1"], "name": "Box"})
    broker._up.set()
    assert [(seen.address, seen.label) for seen in await network.scan(0)] == [("dev1/heater", "Box")]
    broker.announce("garage", dev={"ids": ["dev1"], "name": "Box"})
    seen = [(seen.address, seen.label) for seen in await network.scan(0)]
    assert seen == [("dev1/garage", "Box garage"), ("dev1/heater", "Box heater")]
    for address, _ in seen:
        relay = network.device(
            Adoption(name="b", role=Role.METER, profile="home-assistant-relay", address=address, deadline_s=0.1)
        ).relay
        assert relay
        await ordered(relay)
    assert broker.sent == ["garage/cmd", "heater/cmd"]


async def test_what_names_no_device_is_adopted_by_what_the_scan_says() -> None:
    broker = Orders()
    network = HomeAssistantNetwork(broker, StillClock(), PROFILES)
    broker.announce("heater", dev={})
    broker._up.set()
    (seen,) = await network.scan(0)
    for address in (seen.address, "n/heater"):
        again = Orders()
        _, relay = adopted(again, address)
        again.announce("heater", dev={})
        await ordered(relay)
        assert again.sent == ["heater/cmd"], address


names = st.sampled_from(["heater", "garage"])
steps = st.lists(
    st.tuples(names, st.sampled_from(["n", "evil"]), st.sampled_from(["dev1", "dev2", "cns"]), st.booleans()),
    max_size=6,
)


@given(steps, st.sampled_from(["dev1/heater", "dev1"]))
async def test_whatever_is_announced_nothing_else_is_switched(
    said: list[tuple[str, str, str, bool]], address: str
) -> None:
    """The adopted device speaks under node n as dev1; its switch `heater` was there first."""
    broker = Orders()
    network, _ = adopted(broker, address)
    broker.announce("heater")
    station = network._stations["dev1"]
    for name, node, who, there in said:
        dev: dict[str, Any] = {"ids": ["dev2"], "cns": [["mac", "dev1"]]} if who == "cns" else {"ids": [who]}
        if there:
            broker.announce(name, node, dev=dev, stat_t=f"{node}-{who}-{name}/state", cmd_t=f"{node}-{who}-{name}/cmd")
        else:
            broker.take_back(name, node)
    broker.sent.clear()
    relay = network.device(
        Adoption(name="b", role=Role.METER, profile="home-assistant-relay", address=address, deadline_s=0.01)
    ).relay
    assert relay
    await ordered(relay)
    assert set(broker.sent) <= {"heater/cmd", "n-dev1-heater/cmd"}
    assert all(said.claim == (frozenset({"dev1"}), "n") for said in station._announcements.values() if said.switches)


async def test_a_broker_that_is_away_is_named_and_not_the_device() -> None:
    network = HomeAssistantNetwork(Broker(host="no.such.host", port=1884), StillClock(), PROFILES)
    device = network.device(
        Adoption(name="plug", role=Role.WATER_HEATER, profile="home-assistant-plug", address="dev1/relay")
    )
    assert device.relay
    assert device.meter
    for call in (device.relay.switch(on=True), device.relay.read(), device.meter.read()):
        with pytest.raises(DeviceUnreachable, match=r"the MQTT broker no\.such\.host:1884 is away"):
            await call
