"""What devices announce that no broker carries and no screen should show: refused or made harmless in every family."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message, Receiver
from agent.adapters.mqtt.home_assistant import HomeAssistantNetwork
from agent.adapters.mqtt.openbeken import OpenBekenNetwork
from agent.adapters.mqtt.openbeken_messages import read_identity
from agent.adapters.mqtt.shelly_gen1 import ShellyGen1Network
from agent.adapters.mqtt.shelly_gen1_messages import read_announcement
from agent.adapters.mqtt.shelly_gen2 import ShellyGen2Network
from agent.adapters.mqtt.shelly_rpc import RpcRefused
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.adapters.mqtt.topics import is_filter
from agent.adapters.mqtt.zigbee2mqtt import Zigbee2mqttNetwork
from agent.adapters.mqtt.zigbee2mqtt_messages import read_failure
from agent.adapters.shelly.messages import Reply, RpcError
from agent.domain.device import Adoption, Role, Sighting
from agent.domain.printable import printable
from agent.errors import DeviceRefused, SettingsInvalid
from agent.ports import Clock, Network
from agent.profiles.library import Profiles, load_profiles
from simulators.mqtt.tasmota_says import Identity, discovery_config
from simulators.mqtt.zigbee2mqtt_says import device, exposes
from simulators.shelly.says import Identity as ShellyIdentity
from simulators.shelly.says import device_info
from tests.contract.bench import StillClock

PROFILES = load_profiles()
MAC, IEEE = "A0B1C2000001", "0x00158d0001000001"
ESCAPES = "\x1b[2J\x1b[31m\u202e\n" + "x" * 500

bad_topics = st.one_of(
    st.sampled_from(["#", "a/+", "x\n", "\x1b[2J", "\x00", "a\x7f", "\ud800", "\ufdd0", "\ufffe", "$SYS", "$share/x"]),
    st.integers(200, 240).map(lambda levels: "/" * levels),
    st.builds(lambda start, bad: start + bad, st.text("ab/", max_size=5), st.sampled_from("\x01\x9f+#\uffff")),
)


def tasmota(**said: object) -> Message:
    config = {**discovery_config(Identity(MAC), 1), **said}
    return Message(f"tasmota/discovery/{MAC}/config", json.dumps(config).encode())


def home_assistant(**said: object) -> Message:
    config = {"stat_t": "n/s", "cmd_t": "n/c", "avty_t": "n/a", "dev": {"ids": ["n"]}, **said}
    return Message("homeassistant/switch/n/relay/config", json.dumps(config).encode())


def tasmota_refused(bad: str) -> Message:
    return tasmota(t=bad if "$" not in bad else "#")


def tasmota_refused_whole(bad: str) -> Message:
    return tasmota(ft=bad.rstrip("/") + "/%prefix%/%topic%/" if bad.strip("/") else bad * 2 + "%prefix%")


def tasmota_refused_prefix(bad: str) -> Message:
    return tasmota(ft="%prefix%/%topic%/", tp=["cmnd", bad, "tele"])


def ha_state(bad: str) -> Message:
    return home_assistant(stat_t=bad)


def ha_command(bad: str) -> Message:
    return home_assistant(cmd_t=bad)


def ha_available(bad: str) -> Message:
    return home_assistant(avty_t=bad)


def ha_base(bad: str) -> Message:
    return home_assistant(**{"~": bad, "stat_t": "~/s"})


def listening(broker: Broker) -> Mapping[str, list[Receiver]]:
    return {topic: list(receivers) for topic, receivers in broker._receivers.items()}


@pytest.mark.parametrize(
    "announce", [tasmota_refused, tasmota_refused_whole, tasmota_refused_prefix, ha_state, ha_command, ha_available]
)
@given(bad_topics)
async def test_an_announcement_that_no_broker_carries_changes_nothing(
    announce: Callable[[str], Message], bad: str
) -> None:
    broker = Broker()
    tas = TasmotaNetwork(broker, StillClock(), PROFILES)
    ha = HomeAssistantNetwork(broker, StillClock(), PROFILES)
    tas.device(Adoption(name="t", role=Role.WATER_HEATER, profile="tasmota-plug", address=MAC))
    ha.device(Adoption(name="h", role=Role.METER, profile="home-assistant-plug", address="n/relay"))
    for good in (tasmota(), home_assistant()):
        broker._receive(good)
    before, config, components = listening(broker), tas._stations[MAC].config, ha._stations["n"].components
    broker._receive(announce(bad))
    assert config is not None
    assert components
    assert all(is_filter(topic) for topic in before)
    assert listening(broker) == before
    assert (tas._stations[MAC].config, ha._stations["n"].components) == (config, components)


@given(bad_topics)
async def test_a_bad_base_of_topics_is_refused(bad: str) -> None:
    broker = Broker()
    ha = HomeAssistantNetwork(broker, StillClock(), PROFILES)
    broker._receive(ha_base(bad))
    assert ha._stations == {}


@given(bad_topics)
async def test_a_bad_name_at_zigbee2mqtt_takes_no_other_device_away(bad: str) -> None:
    broker = Broker()
    network = Zigbee2mqttNetwork(broker, StillClock(), PROFILES)
    network.device(Adoption(name="z", role=Role.METER, profile="zigbee2mqtt-plug", address=IEEE))
    parts = exposes(relay=True, meter=True, thermometer=False, asked=True)
    plug = device(IEEE, "plug", "v", "m", parts)
    broker._receive(Message("zigbee2mqtt/bridge/devices", json.dumps([plug]).encode()))
    before = listening(broker)
    other = device("0x00158d0001000002", bad, "v", "m", parts)
    broker._receive(Message("zigbee2mqtt/bridge/devices", json.dumps([other, plug]).encode()))
    assert "zigbee2mqtt/plug" in before
    assert listening(broker) == before
    assert list(network._stations) == [IEEE]


FAMILIES: dict[str, Callable[[Broker, Clock, Profiles], Network]] = {
    "tasmota-plug": TasmotaNetwork,
    "shelly-gen1-plug": ShellyGen1Network,
    "shelly-gen2-plug": ShellyGen2Network,
    "zigbee2mqtt-plug": Zigbee2mqttNetwork,
    "home-assistant-plug": HomeAssistantNetwork,
    "openbeken-plug": OpenBekenNetwork,
}


@pytest.mark.parametrize("profile", FAMILIES)
@pytest.mark.parametrize("address", ["my/+/plug#", "x\n", "\x1b[2J", "a\x00b"])
async def test_an_address_that_cannot_be_one_is_refused_with_the_name_of_its_field(profile: str, address: str) -> None:
    if profile == "home-assistant-plug" and address == "my/+/plug#":
        return  # identifiers are no topics
    broker = Broker()
    network = FAMILIES[profile](broker, StillClock(), PROFILES)
    before = listening(broker)
    with pytest.raises(SettingsInvalid, match=r"devices\.plug\.address"):
        network.device(Adoption(name="plug", role=Role.METER, profile=profile, address=address))
    assert listening(broker) == before


# ---- what a screen may show


@given(st.text())
def test_a_text_that_is_shown_steers_no_terminal(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) <= 100
    assert printable(shown) == shown


def shown_by(found: list[Sighting]) -> list[str]:
    assert found
    return [text for one in found for text in (one.label, one.model, one.firmware, one.address)]


async def sighted(network: Network, broker: Broker, *messages: Message) -> list[str]:
    broker._up.set()
    for message in messages:
        broker._receive(message)
    return shown_by(list(await network.scan(0)))


async def test_names_from_the_air_are_printable() -> None:
    everything: list[str] = []
    text: dict[str, Any] = {"dn": ESCAPES[:150], "md": ESCAPES[:150], "sw": ESCAPES[:90]}
    broker = Broker()
    everything += await sighted(TasmotaNetwork(broker, StillClock(), PROFILES), broker, tasmota(**text))
    broker = Broker()
    about = {"ids": ["n"], "name": ESCAPES, "mdl": ESCAPES, "sw": ESCAPES}
    everything += await sighted(HomeAssistantNetwork(broker, StillClock(), PROFILES), broker, home_assistant(dev=about))
    broker = Broker()
    plug = device(IEEE, "plug\u202e", "v", ESCAPES, exposes(relay=True, meter=True, thermometer=False, asked=True))
    listed = Message("zigbee2mqtt/bridge/devices", json.dumps([{**plug, "software_build_id": ESCAPES}]).encode())
    everything += await sighted(Zigbee2mqttNetwork(broker, StillClock(), PROFILES), broker, listed)
    for shown in everything:
        assert shown.isprintable()
        assert len(shown) <= 120


def test_identities_that_were_asked_for_are_printable() -> None:
    said = {
        "Status": {"DeviceName": ESCAPES, "FriendlyName": []},
        "StatusFWR": {"SDK": "obk", "Hardware": ESCAPES, "Version": ESCAPES},
    }
    identity = read_identity(json.dumps(said).encode())
    announced = read_announcement(json.dumps({"id": "a", "model": ESCAPES[:90], "fw_ver": ESCAPES[:90]}).encode())
    assert identity is not None
    assert announced is not None
    for shown in (identity.label, identity.model, identity.firmware, announced.model, announced.firmware):
        assert shown
        assert shown.isprintable()


async def test_a_shelly_that_names_itself_with_escapes_is_shown_without() -> None:
    broker = Broker()
    network = ShellyGen2Network(broker, StillClock(), PROFILES)
    about = {**device_info(ShellyIdentity(MAC)), "name": ESCAPES[:150], "model": ESCAPES[:90], "ver": ESCAPES[:90]}
    broker._receive(Message("p/online", b"true"))
    network._on_info("p", Reply(id=1, src="", result=about))
    found = network._sighting(network._seen["p"].infos[MAC], network._seen["p"])
    assert all(text.isprintable() for text in shown_by([found]))


def test_refusals_from_the_air_are_printable() -> None:
    log = {"level": "error", "message": f"Publish 'set' 'state' to 'plug' failed: {ESCAPES}"}
    failure = read_failure(json.dumps(log).encode())
    assert failure is not None
    for shown in (failure.reason, str(RpcRefused(RpcError(code=-1, message=ESCAPES)))):
        assert shown.isprintable()
        assert len(shown) <= 200


async def test_sensors_with_escapes_in_their_names_are_listed_without() -> None:
    broker = Broker()
    network = HomeAssistantNetwork(broker, StillClock(), PROFILES)
    thermometer = network.device(
        Adoption(name="t", role=Role.METER, profile="home-assistant-thermometer", address="n")
    ).thermometer
    part = {"p": "sensor", "stat_t": "n/t", "dev_cla": "temperature", "unit_of_meas": "°C"}
    said = {"dev": {"ids": "n"}, "cmps": {f"a{ESCAPES[:20]}": part, f"b{ESCAPES[:20]}": part}}
    broker._receive(Message("homeassistant/device/n/config", json.dumps(said).encode()))
    assert thermometer is not None
    with pytest.raises(DeviceRefused) as caught:
        await thermometer.read()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("powers", "refused"),
    [
        (["power"], False),
        (["power", "power_phase_b", "power_phase_c"], True),
        (["power_l1", "power_l2"], True),
    ],
)
async def test_a_third_of_the_power_is_never_taken_for_the_whole(powers: list[str], refused: bool) -> None:  # noqa: FBT001 - a parameter
    broker = Broker()
    network = Zigbee2mqttNetwork(broker, StillClock(), PROFILES)
    meter = network.device(Adoption(name="z", role=Role.HOUSE_METER, profile="zigbee2mqtt-plug", address=IEEE)).meter
    parts = [
        {"type": "numeric", "name": name.partition("_l")[0], "property": name, "unit": "W", "access": 1}
        for name in powers
    ]
    plug = device(IEEE, "plug", "v", "m", parts)
    broker._receive(Message("zigbee2mqtt/bridge/devices", json.dumps([plug]).encode()))
    broker._receive(Message("zigbee2mqtt/plug/availability", b"online"))
    assert meter is not None
    known = network._stations[IEEE].device
    assert known is not None
    assert (known.power is None) is refused
    if refused:
        with pytest.raises(DeviceRefused, match="measures several powers"):
            await meter.read()
