"""What devices say, read at the border: recorded messages, and everything else that could come."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.adapters.mqtt.tasmota_messages import (
    DiscoveryConfig,
    TasmotaMalformed,
    channel_of,
    mac_of,
    read_announced_sensors,
    read_config,
    read_relays,
    read_sensors,
)
from agent.domain.device import Adoption, Role
from agent.profiles.library import load_profiles
from simulators.mqtt.tasmota_says import Identity, discovery_config
from tests.contract.bench import StillClock

PROFILES = load_profiles()
MAC = "A0B1C2D3E4F5"
CONFIG = discovery_config(Identity(MAC), 2)
READ = read_config(MAC, json.dumps(CONFIG).encode())


def test_lights_and_shutters_are_no_channels() -> None:
    config = DiscoveryConfig.model_validate({**CONFIG, "rl": [3, 3, 1, 2, 0, 1]})
    assert config.channels == (3, 6)


def test_the_topics_are_those_of_the_announcement() -> None:
    config = DiscoveryConfig.model_validate(
        {**CONFIG, "ft": "home/%hostname%/%id%/%prefix%/%topic%/", "t": "boiler", "hn": "esp"}
    )
    assert config.command_topic("POWER1") == "home/esp/D3E4F5/cmnd/boiler/POWER1"
    assert config.answer_topic("RESULT") == "home/esp/D3E4F5/stat/boiler/RESULT"
    assert config.report_topic("LWT") == "home/esp/D3E4F5/tele/boiler/LWT"


def test_each_channel_of_a_meter_is_read() -> None:
    report = read_sensors(b'{"ENERGY":{"Total":[1.5,2.25],"Power":[10,20]}}')
    assert list(report.power_w) == [10, 20]
    assert list(report.energy_wh) == [1500, 2250]


def test_the_processors_temperature_is_not_the_homes() -> None:
    report = read_sensors(b'{"ESP32":{"Temperature":53.3},"ANALOG":{"Temperature1":21.5},"TempUnit":"C"}')
    assert report.temperatures_c == {"ANALOG.Temperature1": 21.5}


def test_a_sensor_without_a_value_is_not_zero_degrees() -> None:
    report = read_sensors(b'{"DS18B20":{"Id":"01131B123456","Temperature":null},"TempUnit":"C"}')
    with pytest.raises(TasmotaMalformed, match="wiring"):
        report.temperature_of(None)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"ENERGY":{"Power":NaN}}',
        b'{"ENERGY":{"Power":Infinity}}',
        b'{"ENERGY":{"Power":1e400}}',
        b'{"ENERGY":{"Power":1' + b"0" * 400 + b"}}",
        b'{"ENERGY":{"Power":true}}',
        b'{"ENERGY":{"Power":"12"}}',
        b'{"ENERGY":{"Total":-0.5}}',
        b'{"DS18B20":{"Temperature":"warm"}}',
        b'{"StatusSNS":[]}',
        b"[" * 60_000,
        b"\xff\xfe",
        b"",
    ],
)
def test_what_is_no_measurement_is_refused(payload: bytes) -> None:
    with pytest.raises(TasmotaMalformed):
        read_sensors(payload)


@pytest.mark.parametrize(
    ("key", "channel"),
    [
        ("POWER", 1),
        ("POWER1", 1),
        ("POWER12", 12),
        ("POWER-1", None),
        ("POWER123", None),
        ("POWERS", None),
        ("P", None),
    ],
)
def test_a_channel_is_what_its_key_says(key: str, channel: int | None) -> None:
    assert channel_of(key) == channel


@pytest.mark.parametrize(
    ("address", "mac"),
    [(MAC, MAC), ("a0:b1:c2:d3:e4:f5", MAC), ("A0-B1-C2-D3-E4-F5", MAC), ("tasmota_D3E4F5", None), ("", None)],
)
def test_an_address_is_a_mac_or_a_topic(address: str, mac: str | None) -> None:
    assert mac_of(address) == mac


keys = st.sampled_from(
    [
        "POWER",
        "POWER1",
        "POWER2",
        "ENERGY",
        "Power",
        "Total",
        "Temperature",
        "DS18B20",
        "Id",
        "TempUnit",
        "StatusSNS",
        "sn",
    ]
) | st.text(max_size=5)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["ON", "OFF", "F", "\ud800"])
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
announcements = st.fixed_dictionaries({}, optional=dict.fromkeys(CONFIG, values)).map(lambda some: {**CONFIG, **some})
payloads = st.binary(max_size=50) | values.map(lambda value: json.dumps(value).encode())


@given(payloads)
def test_any_payload_is_read_or_refused(payload: bytes) -> None:
    for read in (
        lambda: read_sensors(payload),
        lambda: read_announced_sensors(payload),
        lambda: read_relays(payload, READ),
    ):
        with contextlib.suppress(TasmotaMalformed):
            read()


@given(announcements, payloads, st.lists(payloads, max_size=3))
async def test_no_message_raises_past_the_adapter(announcement: object, sensors: bytes, answers: list[bytes]) -> None:
    broker = Broker()
    network = TasmotaNetwork(broker, StillClock(), PROFILES)
    network.device(Adoption(name="plug", role=Role.WATER_HEATER, profile="tasmota-plug", address=MAC))
    broker._receive(Message(f"tasmota/discovery/{MAC}/config", json.dumps(announcement).encode()))
    broker._receive(Message(f"tasmota/discovery/{MAC}/sensors", sensors))
    listened = tuple(broker._receivers)
    for topic in listened:
        for answer in answers:
            broker._receive(Message(topic.replace("+", MAC), answer))
    assert len([topic for topic in listened if set("+#") & set(topic)]) == 2, "only discovery listens to wildcards"
    assert len(listened) < 50
    (station,) = network._stations.values()
    if station.config is not None:
        assert network._sighting(station.config, station).address == MAC
