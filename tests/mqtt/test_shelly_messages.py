"""What Shelly devices say, read at the border: recorded messages, and everything else that could come."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.shelly_gen1 import ShellyGen1Network
from agent.adapters.mqtt.shelly_gen1_messages import (
    RelayWord,
    read_announcement,
    read_celsius,
    read_energy_wh,
    read_power_w,
    read_relay,
)
from agent.adapters.mqtt.shelly_gen2 import ShellyGen2Network
from agent.adapters.shelly.messages import (
    DEVICE_INFO,
    LARGEST_FRAME_BYTES,
    MOST_SENSORS,
    Call,
    DeviceStatus,
    Notification,
    Reply,
    ShellyMalformed,
    mac_of,
    read_device_info,
    read_frame,
    read_status,
    read_switch,
    sensor_number,
    switch_set,
    switch_status,
)
from agent.domain.device import Ability, Adoption, Role
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.shelly.device import ShellyDevice
from simulators.shelly.says import Identity
from tests.contract.bench import StillClock

PROFILES = load_profiles()
MAC = "A0B1C2D3E4F5"
GEN1, GEN2 = "shelly1pm-D3E4F5", "shellyplus1pm-a0b1c2d3e4f5"


def test_a_request_is_what_the_vendor_documents() -> None:
    assert json.loads(switch_set(2, on=True, ends_after_s=899.5).frame(12, "kwh-hub/1")) == {
        "id": 12,
        "src": "kwh-hub/1",
        "method": "Switch.Set",
        "params": {"id": 1, "on": True, "toggle_after": 900},
    }
    assert json.loads(switch_set(1, on=False).frame(1, "x"))["params"] == {"id": 0, "on": False}
    assert json.loads(DEVICE_INFO.frame(3, "x")) == {"id": 3, "src": "x", "method": "Shelly.GetDeviceInfo"}
    assert switch_status(1) == Call("Switch.GetStatus", {"id": 0})


def test_an_error_says_what_is_wrong_and_keeps_the_challenge_to_itself() -> None:
    reply = read_frame(b'{"id":4,"src":"s","error":{"code":401,"message":"{\\"nonce\\": 1660}"}}')
    assert isinstance(reply, Reply)
    assert "wants a password" in str(reply.error)
    assert "1660" not in str(reply.error)
    refused = read_frame(b'{"id":5,"error":{"code":-105,"message":"no such id"}}')
    assert isinstance(refused, Reply)
    assert str(refused.error) == "answers error -105: no such id"


def test_an_answer_without_a_result_to_tell_is_empty() -> None:
    reply = read_frame(b'{"id":4,"src":"s","result":null}')
    assert isinstance(reply, Reply)
    assert reply.result == {}


def status_of(text: str) -> DeviceStatus:
    return read_status(json.loads(text))


def test_a_change_is_laid_over_what_is_known() -> None:
    known = status_of(
        '{"switch:0":{"id":0,"output":true,"apower":1990.5,"voltage":230.1,"aenergy":{"total":6532.4}},'
        '"temperature:100":{"id":100,"tC":54.3}}'
    )
    after = known.merged(status_of('{"ts":1.0,"switch:0":{"id":0,"output":false,"apower":0.0}}'))
    assert (after.switches[1].output, after.switches[1].power_w) == (False, 0.0)
    assert (after.switches[1].energy_wh, after.switches[1].voltage_v) == (6532, 230.1)
    assert after.temperatures[100].celsius == 54.3
    broken = after.merged(status_of('{"temperature:100":{"id":100,"tC":null,"errors":["read"]}}'))
    assert broken.temperatures[100].celsius is None, "null is news, and not nothing"
    assert known.switches[1].output, "a value is not changed"


def test_components_show_what_a_device_can_do() -> None:
    assert status_of('{"switch:0":{"output":true},"input:0":{"state":true}}').abilities == {Ability.RELAY}
    assert status_of('{"switch:0":{"output":true,"apower":0}}').abilities == {Ability.RELAY, Ability.METER}
    assert status_of('{"pm1:0":{"apower":1.5}}').abilities == {Ability.METER}
    assert status_of('{"temperature:100":{"tC":20}}').abilities == {Ability.THERMOMETER}
    assert status_of('{"sys":{"uptime":1},"switch:0":null}').abilities == frozenset()


def test_the_warmth_of_the_chip_is_not_the_homes() -> None:
    assert status_of('{"switch:0":{"output":true,"temperature":{"tC":61.0,"tF":141.8}}}').temperatures == {}


def test_sensors_that_never_end_are_not_remembered() -> None:
    known = DeviceStatus()
    for number in range(100, 200):
        known = known.merged(read_status({f"temperature:{number}": {"tC": 20.0}}))
    assert len(known.temperatures) == MOST_SENSORS


@pytest.mark.parametrize(
    "text",
    [
        '{"switch:0":{"output":1}}',
        '{"switch:0":{"output":"on"}}',
        '{"switch:0":{"apower":NaN}}',
        '{"switch:0":{"apower":1e400}}',
        '{"switch:0":{"apower":1' + "0" * 400 + "}}",
        '{"switch:0":{"apower":"12"}}',
        '{"switch:0":{"apower":true}}',
        '{"switch:0":{"aenergy":5}}',
        '{"switch:0":{"aenergy":{"total":-0.6}}}',
        '{"switch:99":{"output":true}}',
        '{"switch:0":[]}',
        '{"temperature:100":{"tC":"warm"}}',
        "{" + ",".join(f'"temperature:{number}":{{"tC":1}}' for number in range(40)) + "}",
    ],
)
def test_what_is_no_measurement_is_refused(text: str) -> None:
    with pytest.raises(ShellyMalformed):
        _ = [switch.energy_wh for switch in status_of(text).switches.values()]


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 60_000,
        b'{"id":1,"result":{}}'.ljust(LARGEST_FRAME_BYTES + 1),
        b"\xff\xfe",
        b"",
        b"[]",
        b"7",
        b"{}",
        b'{"id":1}',
        b'{"id":"1","result":{}}',
        b'{"id":true,"result":{}}',
        b'{"id":1,"result":[]}',
        b'{"id":1,"error":{}}',
        b'{"method":7}',
        b'{"method":"NotifyStatus","params":[]}',
        b'{"id":' + b"9" * 5000 + b',"result":{}}',
    ],
)
def test_what_is_no_frame_is_refused(payload: bytes) -> None:
    with pytest.raises(ShellyMalformed):
        read_frame(payload)


def test_a_device_that_says_no_state_has_none() -> None:
    with pytest.raises(ShellyMalformed, match="output"):
        _ = read_switch({"id": 0, "apower": 3.0}).on


@pytest.mark.parametrize(
    ("text", "number"), [("100", 100), ("temperature:101", 101), ("1000", None), ("DS18B20", None), ("²", None)]
)
def test_a_sensor_is_named_by_its_number(text: str, number: int | None) -> None:
    assert sensor_number(text) == number


@pytest.mark.parametrize(
    ("address", "mac"), [(MAC, MAC), ("a0:b1:c2:d3:e4:f5", MAC), (GEN2, None), ("home/boiler", None), ("", None)]
)
def test_an_address_is_a_mac_or_another_name(address: str, mac: str | None) -> None:
    assert mac_of(address) == mac


def test_the_first_generation_counts_watt_minutes() -> None:
    assert read_energy_wh(b"391945") == 6532
    assert read_power_w(b"1987.32") == 1987.32
    assert read_relay(b"overpower") is RelayWord.OVERPOWER


@pytest.mark.parametrize("payload", [b"", b"nan", b"inf", b"1e9", b" 5", b"5 ", b"0x10", b"1_0", "\u0661".encode()])
def test_only_plain_numbers_are_numbers(payload: bytes) -> None:
    for read in (read_power_w, read_energy_wh, read_celsius):
        with pytest.raises(ShellyMalformed):
            read(payload)


def test_a_counter_that_is_negative_and_a_probe_that_is_broken_are_refused() -> None:
    with pytest.raises(ShellyMalformed, match="negative"):
        read_energy_wh(b"-1")
    with pytest.raises(ShellyMalformed, match="wiring"):
        read_celsius(b"999.00")


def test_each_generation_leaves_the_other_to_itself() -> None:
    second = ShellyDevice(Identity(MAC), StillClock().now).call("Shelly.GetDeviceInfo", {})
    assert read_announcement(json.dumps(second).encode()) is None
    first = read_announcement(b'{"id":"shelly1pm-D3E4F5","model":"SHSW-PM","fw_ver":"v1.14.0"}')
    assert first is not None
    assert (first.id, first.model) == (GEN1, "SHSW-PM")
    for hostile in ("#", "a/b", "+", "", "x\x00"):
        with pytest.raises(ShellyMalformed):
            read_announcement(json.dumps({"id": hostile}).encode())


# ---- everything else that could come

KEYS = "id src result error code message method params mac gen model fw_id auth_en output apower aenergy total tC"
keys = st.sampled_from([*KEYS.split(), "switch:0", "switch:1", "temperature:100", "pm1:0"]) | st.text(max_size=5)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["on", "NotifyStatus", "NotifyFullStatus", MAC, GEN1, "\ud800", "#"])
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=14,
)
payloads = (
    st.binary(max_size=50)
    | values.map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"on", b"off", b"true", b"false", b"overpower", b"12.5"])
)
statuses = st.dictionaries(st.sampled_from(["switch:0", "temperature:100", "pm1:0"]), values, max_size=3)


@given(payloads)
def test_any_payload_is_read_or_refused(payload: bytes) -> None:
    for read in (read_frame, read_announcement, read_relay, read_power_w, read_energy_wh, read_celsius):
        with contextlib.suppress(ShellyMalformed):
            read(payload)


@given(statuses, statuses)
def test_any_status_is_read_or_refused_and_merges(first: dict[str, Any], second: dict[str, Any]) -> None:
    with contextlib.suppress(ShellyMalformed):
        after = read_status(first).merged(read_status(second))
        assert after.merged(read_status(second)) == after, "the same news twice changes nothing"
    with contextlib.suppress(ShellyMalformed):
        read_device_info(first)


@given(st.lists(payloads, max_size=3), st.lists(st.tuples(statuses, st.booleans()), max_size=3))
async def test_no_message_raises_past_the_adapters(
    answers: list[bytes], news: list[tuple[dict[str, Any], bool]]
) -> None:
    broker = Broker()
    second = ShellyGen2Network(broker, StillClock(), PROFILES)
    first = ShellyGen1Network(broker, StillClock(), PROFILES)
    for name, profile, address in (("one", "shelly-gen1-plug", GEN1), ("two", "shelly-gen2-plug", GEN2)):
        for network in (first, second):
            network.device(Adoption(name=name, role=Role.APPLIANCE, profile=profile, address=address))
    second.device(Adoption(name="three", role=Role.APPLIANCE, profile="shelly-gen2-plug", address=MAC))
    listened = tuple(broker._receivers)
    async with first._watched() as seen:
        for topic in tuple(broker._receivers):
            for answer in answers:
                broker._receive(Message(topic.replace("+", "0"), answer))
            for params, retained in news:
                frame = {"src": GEN2, "method": "NotifyStatus", "params": params}
                broker._receive(Message(topic.replace("+", "0"), json.dumps(frame).encode(), retained))
        assert len(seen) < 20
    assert tuple(broker._receivers) == listened, "nothing that comes makes the hub listen elsewhere"
    assert len(second._seen) < 20
    assert len(second._rpc._waiting) <= len(second._seen)


@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_the_simulator_answers_or_keeps_silent(payload: bytes) -> None:
    heater = Heater()
    device = ShellyDevice(Identity(MAC), StillClock().now, relays=[heater])
    for answer in device.hear(payload):
        assert isinstance(read_frame(json.dumps({**answer, "id": 1}).encode()), Reply)
    assert not heater.on


def test_what_the_simulator_says_by_itself_is_read() -> None:
    said: list[Any] = []
    device = ShellyDevice(Identity(MAC), StillClock().now, relays=[Heater()])
    device.on_notification = said.append
    device.press_button()
    for whole in (*said, device.full_status()):
        frame = read_frame(json.dumps(whole).encode())
        assert isinstance(frame, Notification)
        assert frame.tells_status
        assert read_status(frame.params).switches[1].on
