"""Recordings: what is left out of them, who said what, and the drafts that come of them."""

import json
import tomllib
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.recording import BrokerTap, filters_of, is_order
from agent.clock import SystemClock
from agent.commands.devices.drafts import drafts, vector_lines, vectors_of
from agent.commands.devices.fixture import Line
from agent.commands.devices.record import Recording
from agent.commands.devices.secrets_left_out import LEFT_OUT, without_secrets
from agent.errors import SettingsInvalid
from agent.profiles.profile import GoldenVector
from simulators.mqtt.tasmota_says import Identity, discovery_config

MAC = "A0B1C2D3E4F5"
AT = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "hunter2"  # noqa: S105 - what must not be found again
NAMES = st.sampled_from(
    ["Password1", "SSId", "BSSId", "wifi_ssid", "MqttPassword", "pass", "token", "key", "auth", "psk", "ap-password"]
)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.floats(allow_nan=False))
TREES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))


@st.composite
def with_a_secret(draw: st.DrawFn) -> str:
    """JSON in which a secret stands somewhere, under a name that gives it away, perhaps as JSON within a text."""
    tree: object = {draw(NAMES): draw(st.sampled_from([SECRET, [SECRET], {"a": SECRET}]))}
    for step in draw(st.lists(st.sampled_from("dlt"), max_size=4)):
        tree = {"d": {"Wifi": tree, "x": draw(TREES)}, "l": [draw(TREES), tree], "t": {"text": json.dumps(tree)}}[step]
    return json.dumps(tree, ensure_ascii=draw(st.booleans()))


@given(with_a_secret())
@example('{"Password":"hunter2","Password":""}')
@example('{"Input":"Backlog Password1 hunter2; Restart 1"}')
@example('{"server":"mqtt://me:hunter2@broker"}')
@example('{"Password1":"hunter2"')
def test_no_secret_is_left_in_a_recording(text: str) -> None:
    assert SECRET not in str(without_secrets("stat/plug/RESULT", text.encode()))


@pytest.mark.parametrize("topic", ["cmnd/plug/Password1", "cmnd/plug/SSID2", "cmnd/plug/MqttPassword"])
def test_a_secret_that_is_the_whole_payload_is_left_out(topic: str) -> None:
    assert without_secrets(topic, SECRET.encode()) == LEFT_OUT
    assert without_secrets("cmnd/plug/Backlog", b"SSID1 home; Password1 hunter2") == LEFT_OUT
    assert without_secrets("x", b"\xff password hunter2") == LEFT_OUT


@given(st.text(alphabet='{}[]:, 0123456789.POWERN"', max_size=40))
@example('{"POWER" : "ON"}')
def test_what_holds_no_secret_stays_letter_by_letter(text: str) -> None:
    assert without_secrets("stat/plug/RESULT", text.encode()) in (text, _once(text))


def _once(text: str) -> str | None:
    """Keys that are said twice are said once."""
    try:
        return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        return None


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'{"a":' * 50_000)
def test_no_payload_breaks_a_recording(payload: bytes) -> None:
    recording = Recording(SystemClock(), None)
    recording.hear(True, "topic", "a/b", payload, False)  # noqa: FBT003 - as taps do
    (line,) = recording.lines
    assert (line.payload is None) != (line.payload_hex is None)
    assert list(drafts(recording.lines)) is not None


def test_what_the_broker_kept_is_recorded_once_and_what_is_said_each_time() -> None:
    recording = Recording(SystemClock(), None)
    for old in (True, True, False, False):
        recording.hear(True, "topic", "tele/plug/LWT", b"Online", old)  # noqa: FBT003 - as taps do
    assert [line.retained for line in recording.lines] == [True, False, False]


def test_a_recording_is_bounded() -> None:
    recording = Recording(SystemClock(), None)
    for number in range(3000):
        recording.hear(True, "topic", f"a/{number}", b"1", False)  # noqa: FBT003 - as taps do
    assert (len(recording.lines), recording.full, recording.ended.is_set()) == (2000, True, True)
    large = Recording(SystemClock(), None)
    for number in range(40):
        large.hear(True, "topic", f"a/{number}", b"1" * 60_000, False)  # noqa: FBT003 - as taps do
    assert large.characters <= 1_000_000
    assert large.full


@pytest.mark.parametrize(
    ("topic", "payload", "order"),
    [
        ("cmnd/plug/POWER", b"ON", True),
        ("stat/plug/POWER", b"ON", False),
        ("zigbee2mqtt/plug/set", b"{}", True),
        ("zigbee2mqtt/plug/get", b'{"state":""}', True),
        ("zigbee2mqtt/plug", b"{}", False),
        ("obk/1/get", b"1", False),
        ("obk/1/get", b"", True),
        ("shellyplus/rpc", b"{}", True),
        ("shellyplus/events/rpc", b"{}", False),
        ("shellies/shelly1-AABBCC/relay/0/command", b"on", True),
        ("shellies/shelly1-AABBCC/relay/0", b"on", False),
    ],
)
def test_who_said_it_is_told_by_the_topic(topic: str, payload: bytes, *, order: bool) -> None:
    assert is_order(topic, payload) is order


@pytest.mark.parametrize("address", ["", "#", "+", "a/#", "x" * 300, "a\x00"])
def test_an_address_that_is_no_topic_is_refused(address: str) -> None:
    with pytest.raises(SettingsInvalid, match="no address"):
        filters_of(address)


def config(topic: str = "plug") -> bytes:
    return json.dumps(discovery_config(Identity(MAC, topic=topic), 1)).encode()


def test_a_tap_follows_the_device_leaves_nothing_behind_and_is_bounded() -> None:
    broker = Broker()
    heard: list[str] = []
    tap = BrokerTap(broker)
    taken: AbstractContextManager[None] = tap.tap(MAC, lambda _from, _kind, where, _payload, _old: heard.append(where))
    with taken:
        for number in range(100):
            broker._receive(Message(f"tasmota/discovery/{MAC}/config", config(f"plug{number}")))
        broker._receive(Message(f"tasmota/discovery/{MAC}/config", b"{"))
        broker._receive(Message("stat/plug0/RESULT", b"{}"))
        broker._receive(Message("stat/another/RESULT", b"{}"))
        assert len(broker._receivers) <= 32 + 6
    assert heard[-1] == "stat/plug0/RESULT"
    assert not broker._receivers


@given(
    st.builds(
        GoldenVector,
        message=st.text(min_size=1, max_size=9),
        payload=st.text(max_size=30),
        relays=st.dictionaries(st.integers(1, 9), st.booleans(), max_size=2),
        sensor=st.none() | st.text(max_size=5),
        power_w=st.none() | st.floats(-1e4, 1e4),
        energy_wh=st.none() | st.integers(0, 10**9),
        temperature_c=st.none() | st.floats(-40, 90),
    )
)
def test_a_draft_is_read_back_as_it_was_meant(vector: GoldenVector) -> None:
    (read,) = tomllib.loads("\n".join(vector_lines(vector)))["golden"]
    assert GoldenVector.model_validate(read) == vector


def test_drafts_are_of_what_the_device_itself_said_and_each_once() -> None:
    def line(topic: str, payload: str, *, to: bool = False, old: bool = False) -> Line:
        return Line(at=AT, direction="to" if to else "from", topic=topic, payload=payload, retained=old)

    said = [
        line(f"tasmota/discovery/{MAC}/config", config().decode(), old=True),
        line("cmnd/plug/POWER", "ON", to=True),
        *[line("stat/plug/RESULT", '{"POWER":"ON"}')] * 3,
        line("stat/plug/RESULT", '{"POWER":"OFF"}', old=True),
        line("stat/plug/LOGGING", "hello"),
        *[line("tele/plug/SENSOR", json.dumps({"ENERGY": {"Power": watts}})) for watts in range(9)],
    ]
    vectors = list(vectors_of(said))
    assert [(one.message, one.relays, one.power_w) for one in vectors] == [
        ("RESULT", {1: True}, None),
        *(("SENSOR", {}, float(watts)) for watts in range(3)),
    ]


def test_what_other_networks_tap_becomes_a_draft_by_its_cluster() -> None:
    line = Line(at=AT, direction="from", cluster="0x0006", payload_hex="18010a00001001")
    (vector,) = vectors_of([line])
    assert (vector.message, vector.payload_hex) == ("0x0006", "18010a00001001")
