"""What only OpenBeken has: identity, channels that are no relays, units that hang on a flag."""

import asyncio
import json
from typing import Any

import pytest

from agent.adapters.mqtt.openbeken import OpenBekenNetwork
from agent.adapters.mqtt.openbeken_messages import (
    OpenBekenMalformed,
    device_of,
    read_channel,
    read_identity,
    read_measured,
    read_relay,
)
from agent.domain.device import Ability, Adoption, Role
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable, SettingsInvalid
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.openbeken import OpenBekenDevice
from tests.contract.bench import IMPATIENT_S, PATIENT_S
from tests.mqtt.benches import Home, settled
from tests.mqtt.located import located

PROFILES = load_profiles()


def plug_of(home: Home, **more: Any) -> OpenBekenDevice:  # noqa: ANN401 - as the simulator takes them
    return OpenBekenDevice(home.address, home.mac(), Heater(), home.clock.now, tick_s=None, **more)


def adopted(network: OpenBekenNetwork, plug: OpenBekenDevice, **more: object) -> Device:
    wanted = {"name": "plug", "role": Role.WATER_HEATER, "deadline_s": PATIENT_S, "address": plug.name, **more}
    return network.device(Adoption(profile="openbeken-plug", **wanted))


async def test_a_device_says_what_openbeken_says(home: Home) -> None:
    plug = plug_of(home)
    heard: list[tuple[str, str]] = []
    for topic in (f"{plug.name}/+/get", f"{plug.name}/connected", f"stat/{plug.name}/+"):
        home.broker.subscribe(topic, lambda message: heard.append((message.topic, message.payload.decode())))
    async with plug:
        for topic, payload in (("1/set", "1"), ("1/set", "1"), ("1/get", ""), ("7/get", ""), ("1/set", "toggle")):
            home.broker.publish(f"{plug.name}/{topic}", payload)
        home.broker.publish(f"cmnd/{plug.name}/STATUS", "8")
        await settled(lambda: heard[-1][0] == f"stat/{plug.name}/STATUS8" if heard else False)
        plug.report()
        await settled(lambda: heard[-1][0].endswith("energycounter/get"))
    said = [(topic.removeprefix(plug.name), payload) for topic, payload in heard if payload]
    assert said[:5] == [("/connected", "online"), ("/1/get", "1"), ("/1/get", "1"), ("/7/get", "0"), ("/1/get", "0")]
    assert json.loads(said[5][1]) == {
        "StatusSNS": {
            "Time": "2020-01-01T12:00:00",
            "ENERGY": {
                "Power": 0.0,
                "ApparentPower": 0.0,
                "ReactivePower": 0.0,
                "Factor": 1.0,
                "Voltage": 230.0,
                "Current": 0.0,
                "ConsumptionTotal": 12345.0,
                "Yesterday": 0.0,
                "ConsumptionLastHour": 0.0,
            },
        }
    }
    assert said[6:] == [
        ("/voltage/get", "230.0"),
        ("/current/get", "0.000"),
        ("/power/get", "0.00"),
        ("/energycounter/get", "12345.000"),
    ]


async def test_a_channel_that_is_no_relay_is_refused_though_it_could_be_set(home: Home) -> None:
    network = OpenBekenNetwork(home.broker, home.clock, PROFILES, alone_s=0.02)
    plug = plug_of(home)
    relay = adopted(network, plug, channel=2).relay
    assert relay
    sent: list[str] = []
    home.broker.subscribe(f"{plug.name}/+/set", lambda message: sent.append(message.topic))
    async with plug:
        await located(network, [plug.name])
        with pytest.raises(DeviceRefused, match="no relay 2; it has 1"):
            await relay.switch(on=True)
        with pytest.raises(DeviceRefused, match="no relay 2; it has 1"):
            await relay.read()
        home.broker.publish(f"{plug.name}/9/set", "0")
        await settled(lambda: bool(sent))
        assert sent == [f"{plug.name}/9/set"]


async def test_energy_is_told_in_wh_whatever_the_owners_flag_says(home: Home) -> None:
    network = OpenBekenNetwork(home.broker, home.clock, PROFILES, alone_s=0.02)
    plug = plug_of(home, energy_in_kwh=True)
    meter = adopted(network, plug).meter
    assert meter
    async with plug:
        assert (await meter.read()).energy_wh == 12_345


async def test_an_answer_that_cannot_be_read_is_said_so_at_once(home: Home) -> None:
    network = OpenBekenNetwork(home.broker, home.clock, PROFILES, alone_s=0.02)
    plug = plug_of(home)
    meter = adopted(network, plug, deadline_s=15.0).meter
    assert meter
    async with plug:
        plug.faults.drop_answers = 1
        reading = asyncio.create_task(meter.read())
        await settled(lambda: plug.faults.drop_answers == 0)
        home.broker.publish(f"stat/{plug.name}/STATUS8", '{"StatusSNS":{"ENERGY":{"Power":"lots"}}}')
        with pytest.raises(DeviceMalformed, match="Power"):
            async with asyncio.timeout(PATIENT_S):
                await reading


async def test_what_was_said_before_the_question_is_no_answer(home: Home) -> None:
    network = OpenBekenNetwork(home.broker, home.clock, PROFILES, alone_s=0.02)
    plug = plug_of(home)
    relay = adopted(network, plug, deadline_s=2 * IMPATIENT_S).relay
    assert relay
    async with plug:
        await located(network, [plug.name])
        assert not (await relay.read()).on
        plug.faults.drop_commands = 9
        home.broker.publish(f"{plug.name}/1/get", "1")  # still on its way when the hub asks
        with pytest.raises(DeviceUnreachable):
            await relay.read()
        plug._link.publish(f"{plug.name}/1/get", "1", retain=True)
        with pytest.raises(DeviceUnreachable):
            await relay.read()


async def test_a_late_word_on_an_order_is_no_answer_to_a_question(home: Home) -> None:
    network = OpenBekenNetwork(home.broker, home.clock, PROFILES, alone_s=0.02)
    plug = plug_of(home)
    relay = adopted(network, plug, deadline_s=2 * IMPATIENT_S).relay
    assert relay
    async with plug:
        await located(network, [plug.name])
        assert not (await relay.read()).on
        plug.faults.drop_commands = 1
        reading = asyncio.create_task(relay.read())
        await settled(lambda: plug.faults.drop_commands == 0)
        plug._link.publish(f"{plug.name}/1/get", "1")
        with pytest.raises(DeviceUnreachable):
            await reading


async def test_a_scan_asks_who_is_there_and_leaves_others_out(home: Home) -> None:
    network = OpenBekenNetwork(home.broker, home.clock, PROFILES, alone_s=0.02)
    plug = plug_of(home)
    async with plug:
        home.broker.publish(f"stranger{home.serial}/connected", "online")
        await settled(lambda: {plug.name, f"stranger{home.serial}"} <= set(network._stations))
        home.broker.publish(f"stat/stranger{home.serial}/STATUS", '{"StatusFWR":{"SDK":"2.2.2"}}')
        seen = {found.address: found for found in await network.scan(0.1)}
    assert f"stranger{home.serial}" not in seen
    assert seen[plug.name].profile == "openbeken-plug"
    assert seen[plug.name].abilities == {Ability.RELAY, Ability.METER}
    assert seen[plug.name].model == "BK7231N"


def test_an_address_is_one_part_of_a_topic(home: Home) -> None:
    network = OpenBekenNetwork(home.broker, home.clock, PROFILES, alone_s=0.02)
    for address in ("#", "+", "a/b", "$SYS", "\x00"):
        with pytest.raises(SettingsInvalid, match="first part of its topics"):
            network.device(Adoption(name="plug", role=Role.METER, profile="openbeken-plug", address=address))


@pytest.mark.parametrize(
    ("payload", "state"), [(b"1", True), (b"0", False), (b"", None), (b"100", None), (b"ON", None), (b"1.0", None)]
)
def test_only_one_and_zero_are_states(payload: bytes, *, state: bool | None) -> None:
    assert read_channel(payload) is state


def test_relays_are_told_by_their_names() -> None:
    status = {"DeviceName": "strip", "FriendlyName": ["strip_1", "strip_12", "strip_x", "other_3", 5, "strip_123"]}
    identity = read_identity(json.dumps({"Status": status, "StatusFWR": {"SDK": "obk"}}).encode())
    assert identity is not None
    assert identity.relays == {1, 12}
    assert not identity.metered
    assert read_identity(json.dumps({"Status": status, "StatusFWR": {"SDK": "2.2.2(38a443e)"}}).encode()) is None


@pytest.mark.parametrize(
    "payload",
    [
        b'{"StatusSNS":{"ENERGY":{"Power":NaN}}}',
        b'{"StatusSNS":{"ENERGY":{"Power":1e400}}}',
        b'{"StatusSNS":{"ENERGY":{"Power":true}}}',
        b'{"StatusSNS":{"ENERGY":{"Power":1,"ConsumptionTotal":-5}}}',
        b'{"StatusSNS":[]}',
        b"[" * 60_000,
        b"",
    ],
)
def test_what_is_no_measurement_is_refused(payload: bytes) -> None:
    with pytest.raises(OpenBekenMalformed):
        read_measured(payload)


STATES = b'{"StatusSTS":{"Uptime":"0T00:10:00","POWER1":"ON","POWER3":"OFF","Wifi":{"AP":1}}}'
ALONE = b'{"StatusSTS":{"POWER":"ON"}}'


def test_the_only_relay_has_no_number_in_a_status() -> None:
    assert read_relay(ALONE, 4, frozenset({4})) is True
    assert read_relay(STATES, 1, frozenset({1, 3})) is True
    assert read_relay(STATES, 3, frozenset({1, 3})) is False


@pytest.mark.parametrize(
    ("payload", "relays"),
    [
        (STATES, {2, 3}),
        (STATES, {2}),
        (ALONE, {1, 2}),
        (b'{"StatusSTS":{"POWER":"on"}}', {2}),
        (b'{"StatusSTS":{"POWER":["ON"]}}', {2}),
        (b'{"POWER":"ON"}', {2}),
        (b"[" * 60_000, {2}),
        (b"1", {2}),
    ],
)
def test_what_says_nothing_of_a_relay_is_refused(payload: bytes, relays: set[int]) -> None:
    with pytest.raises(OpenBekenMalformed):
        read_relay(payload, 2, frozenset(relays))


def test_a_topic_of_nobody_is_refused() -> None:
    with pytest.raises(OpenBekenMalformed):
        device_of("/connected")
