"""What only zigbee2mqtt has: the bridge's health, its log, exposes, rename, measurements that cannot be asked for."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from agent.adapters.mqtt.broker import LARGEST_PAYLOAD_BYTES, Message
from agent.adapters.mqtt.zigbee2mqtt import Zigbee2mqttNetwork
from agent.adapters.mqtt.zigbee2mqtt_messages import (
    Zigbee2mqttMalformed,
    read_devices,
    read_failure,
    read_health,
    read_online,
)
from agent.domain.device import Ability, Adoption, Role, Sighting
from agent.errors import DeviceRefused, DeviceUnreachable
from agent.ports import Device
from agent.profiles.library import Profiles, load_profiles
from simulators.circuit import Heater
from simulators.mqtt.zigbee2mqtt import Zigbee2mqtt, ZigbeePlug
from tests.contract.bench import IMPATIENT_S, PATIENT_S
from tests.mqtt.benches import Home, settled
from tests.mqtt.located import located

PROFILES = load_profiles()
NO_ACK = (
    "Publish 'set' 'state' to '{}' failed: 'Error: ZCL command 0x00171234/1 genOnOff.on({{}}, "
    "{{\"timeout\":10000}}) failed (Data request failed with error: 'MAC no ack' (233))'"
)

NO_CONVERTER = (
    '{"level":"error","message":"No converter available for \'set\' \'colour\' on \'boiler\': (red)","namespace":"z2m"}'
)


@dataclass
class Bench:
    home: Home
    plug: ZigbeePlug
    bridge: Zigbee2mqtt
    network: Zigbee2mqttNetwork
    circuit: Heater

    def adopted(self, profile: str = "zigbee2mqtt-plug", **more: object) -> Device:
        wanted = {"name": "plug", "role": Role.WATER_HEATER, "deadline_s": PATIENT_S, "address": self.plug.ieee, **more}
        return self.network.device(Adoption(profile=profile, **wanted))


@asynccontextmanager
async def bench_of(home: Home, *, asked: bool = True, serves: bool = True) -> AsyncIterator[Bench]:
    circuit = Heater()
    plug = ZigbeePlug(
        f"0x0017{home.mac().lower()}", home.clock.now, name="boiler", relay=circuit, metered=circuit, asked=asked
    )
    bridge = Zigbee2mqtt(home.address, [plug], base=f"z2m-{home.serial}", tick_s=None, serves=serves)
    network = Zigbee2mqttNetwork(home.broker, home.clock, PROFILES, bridge.base)
    async with bridge:
        await located(network, [plug.ieee])
        yield Bench(home, plug, bridge, network, circuit)


async def test_the_bridge_says_what_zigbee2mqtt_says(home: Home) -> None:
    heard: list[tuple[str, str]] = []
    base = f"z2m-{home.serial}"
    home.broker.subscribe(
        f"{base}/#", lambda message: heard.append((message.topic[len(base) :], message.payload.decode()))
    )
    async with bench_of(home) as bench:
        bench.plug.faults.old_state_first = True
        for topic, payload in (
            ("bridge/request/health_check", '{"transaction":23}'),
            ("boiler/set", '{"state":"ON"}'),
            ("boiler/get", '{"state":""}'),
            ("boiler/set", '{"colour":"red"}'),
            ("boiler/set", "OFF"),
        ):
            home.broker.publish(f"{base}/{topic}", payload)
        await settled(lambda: sum(topic == "/boiler" for topic, _ in heard) == 5)
        devices = json.loads(next(payload for topic, payload in heard if topic == "/bridge/devices"))
    assert [device["type"] for device in devices] == ["Coordinator", "Router"]
    assert devices[1]["definition"]["exposes"][0]["features"][0]["value_on"] == "ON"
    said = [item for item in heard if not item[0].endswith(("/set", "/get", "_check", "/devices", "bility"))]
    assert said == [
        ("/bridge/state", '{"state":"online"}'),
        ("/boiler", '{"state":"OFF","power_on_behavior":null,"power":null,"energy":null,"linkquality":120}'),
        ("/boiler", '{"state":"ON","power_on_behavior":null,"power":null,"energy":null,"linkquality":120}'),
        ("/boiler", '{"state":"ON","power_on_behavior":null,"power":null,"energy":null,"linkquality":120}'),
        ("/bridge/logging", NO_CONVERTER),
        ("/boiler", '{"state":"ON","power_on_behavior":null,"power":null,"energy":null,"linkquality":120}'),
        ("/boiler", '{"state":"OFF","power_on_behavior":null,"power":null,"energy":null,"linkquality":120}'),
    ]
    assert ("/boiler/availability", '{"state":"online"}') in heard
    assert ("/bridge/response/health_check", '{"data":{"healthy":true},"status":"ok","transaction":23}') in heard


async def test_nothing_is_ordered_before_the_bridge_is_healthy(home: Home) -> None:
    async with bench_of(home, serves=False) as bench:
        sent: list[bytes] = []
        home.broker.subscribe(f"{bench.bridge.base}/boiler/set", lambda message: sent.append(message.payload))
        relay = bench.adopted().relay
        assert relay
        order = asyncio.create_task(relay.switch(on=True))
        await settled(lambda: bool(bench.network._bridge._waiting))
        assert not sent
        bench.bridge.serves = True
        assert (await order).on
        assert sent == [b'{"state": "ON"}']
        assert bench.circuit.switchings == [True]


async def test_a_bridge_that_starts_anew_is_checked_anew(home: Home) -> None:
    async with bench_of(home) as bench:
        relay = bench.adopted().relay
        assert relay
        assert (await relay.switch(on=True)).on
        assert not (await relay.switch(on=False)).on
        assert bench.bridge.health_checks == 1
        bench.bridge.crash()
        await settled(lambda: bench.network._bridge.online is False)
        impatient = bench.adopted(deadline_s=IMPATIENT_S).relay
        assert impatient
        with pytest.raises(DeviceUnreachable, match="offline itself"):
            await impatient.switch(on=True)
        bench.bridge._link.open()
        await settled(lambda: bench.network._bridge.online is True)
        assert (await relay.switch(on=True)).on
        assert bench.bridge.health_checks == 2


async def test_a_failure_in_the_log_ends_the_waiting(home: Home) -> None:
    async with bench_of(home) as bench:
        relay = bench.adopted(deadline_s=15.0).relay
        assert relay
        bench.plug.unplug()
        order = asyncio.create_task(relay.switch(on=True))
        await settled(lambda: bool(bench.network._bridge._complaints))
        bench.bridge.log("info", NO_ACK.format("boiler"))
        bench.bridge.log("error", NO_ACK.format("other"))
        bench.bridge.log("error", NO_ACK.format("boiler").replace("'set'", "'get'", 1))
        bench.bridge.log("error", NO_ACK.format("boiler"))
        with pytest.raises(DeviceUnreachable, match="MAC no ack"):
            async with asyncio.timeout(PATIENT_S):
                await order


async def test_a_device_that_will_not_is_said_to_have_refused(home: Home) -> None:
    async with bench_of(home) as bench:
        relay = bench.adopted(deadline_s=15.0).relay
        assert relay
        bench.plug.faults.drop_commands = 1
        order = asyncio.create_task(relay.switch(on=True))
        await settled(lambda: bench.plug.faults.drop_commands == 0)
        reason = "Error: ZCL command genOnOff.onWithTimedOff failed (Status 'UNSUP_COMMAND')"
        bench.bridge.log("error", f"Publish 'set' 'state' to 'boiler' failed: '{reason}'")
        with pytest.raises(DeviceRefused, match="UNSUP_COMMAND"):
            async with asyncio.timeout(PATIENT_S):
                await order


async def test_a_renamed_device_is_still_the_same(home: Home) -> None:
    async with bench_of(home) as bench:
        relay = bench.adopted().relay
        by_name = bench.adopted(address="heater").relay
        assert relay
        assert by_name
        assert (await relay.switch(on=True)).on
        with pytest.raises(DeviceUnreachable, match="not among"):
            await by_name.switch(on=False)
        bench.bridge.rename(bench.plug, "heater")
        await settled(lambda: "heater" in {found.label for found in sightings(bench)})
        assert not (await relay.switch(on=False)).on
        assert (await by_name.switch(on=True)).on
        left = [topic for topic in home.broker._receivers if topic.startswith(f"{bench.bridge.base}/boiler")]
        assert not left


def sightings(bench: Bench) -> list[Sighting]:
    stations = bench.network._stations.values()
    return [bench.network._sighting(station.device, station) for station in stations if station.device is not None]


async def test_what_cannot_be_asked_is_told_with_the_time_of_its_report(home: Home) -> None:
    async with bench_of(home, asked=False) as bench:
        meter = bench.adopted().meter
        assert meter
        bench.circuit.on = True
        home.clock.advance(minutes=5)
        spoke_at = home.clock.now()
        reading = asyncio.create_task(meter.read())
        await settled(lambda: bool(bench.network._stations[bench.plug.ieee]._waiting))
        bench.plug.tick()
        assert (await reading).power_w == 2000
        home.clock.advance(minutes=5)
        later = await meter.read()
        assert (later.power_w, later.energy_wh, later.at) == (2000, 12_345, spoke_at)
        bench.bridge.mark(bench.plug, online=False)
        await settled(lambda: bench.network._stations[bench.plug.ieee].online is False)
        with pytest.raises(DeviceUnreachable, match="offline"):
            await meter.read()


async def test_a_time_that_does_not_fit_the_air_is_refused(home: Home) -> None:
    async with bench_of(home) as bench:
        able = PROFILES["innr-sp-240"].model_copy(update={"ends_itself": True})
        bench.network._profiles = Profiles({**PROFILES, "innr-sp-240": able})
        adoption = Adoption(
            name="plug", role=Role.WATER_HEATER, profile="innr-sp-240", address=bench.plug.ieee, deadline_s=PATIENT_S
        )
        relay = bench.network.device(adoption, 7200.0).relay
        assert relay
        assert relay.must_be_renewed
        with pytest.raises(DeviceRefused, match="6553"):
            await relay.switch(on=True)
        assert not bench.circuit.on


async def test_an_on_that_nobody_renews_ends_in_a_plug_that_obeys_on_time(home: Home) -> None:
    async with bench_of(home) as bench:
        able = PROFILES["innr-sp-240"].model_copy(update={"ends_itself": True})
        bench.network._profiles = Profiles({**PROFILES, "innr-sp-240": able})
        adoption = Adoption(
            name="plug", role=Role.WATER_HEATER, profile="innr-sp-240", address=bench.plug.ieee, deadline_s=PATIENT_S
        )
        relay = bench.network.device(adoption, 900.0).relay
        assert relay
        for _ in range(2):  # each "on" begins it anew
            await relay.switch(on=True)
            home.clock.advance(seconds=840)
            bench.plug.tick()
            assert bench.circuit.on
        home.clock.advance(seconds=61)
        bench.plug.tick()
        assert not (await relay.read()).on


@pytest.mark.parametrize("starts", ["off", "on", "toggle", "previous"])
async def test_a_plug_is_set_to_start_off_once(home: Home, starts: str) -> None:
    async with bench_of(home) as bench:
        bench.plug.starts = starts
        bench.plug.faults.duplicate = True
        relay = bench.adopted().relay
        assert relay
        for _ in range(2):
            assert await relay.start_off()
        assert bench.plug.starts == "off"
        assert bench.plug.start_up_written == (0 if starts == "off" else 1)


async def test_a_plug_that_says_that_it_cannot_be_set_is_left_to_its_owner(home: Home) -> None:
    async with bench_of(home) as bench:
        relay = bench.adopted().relay
        assert relay
        bench.plug.faults.drop_commands = 1
        setting = asyncio.create_task(relay.start_off())
        await settled(lambda: bench.plug.faults.drop_commands == 0)
        failed = "Publish 'get' 'power_on_behavior' to 'boiler' failed: 'Error: (Status 'UNSUPPORTED_ATTRIBUTE')'"
        bench.bridge.log("error", failed)
        assert not await setting
        assert bench.plug.start_up_written == 0


async def test_what_was_ordered_is_not_how_it_starts(home: Home) -> None:
    async with bench_of(home) as bench:
        bench.plug.faults.lie = True  # zigbee2mqtt publishes what it wrote as if it were so
        relay = bench.adopted().relay
        assert relay
        assert not await relay.start_off()
        assert bench.plug.start_up_written == 1


async def test_the_list_of_a_large_home_is_read(home: Home) -> None:
    plugs = [ZigbeePlug(f"0x00178801{number:08x}", home.clock.now, relay=Heater()) for number in range(100)]
    network = Zigbee2mqttNetwork(home.broker, home.clock, PROFILES, f"z2m-{home.serial}")
    async with Zigbee2mqtt(home.address, plugs, base=f"z2m-{home.serial}", tick_s=None):
        assert len(json.dumps([plug.listed() for plug in plugs])) > LARGEST_PAYLOAD_BYTES
        await located(network, [plugs[-1].ieee])
        assert len(await network.scan(0.0)) == len(plugs)


async def test_a_scan_names_the_model(home: Home) -> None:
    async with bench_of(home) as bench:
        (seen,) = await bench.network.scan(0.01)
        assert (seen.profile, seen.model, seen.label) == ("innr-sp-240", "SP 240", "boiler")
        assert seen.abilities == {Ability.RELAY, Ability.METER}


def listed(**more: object) -> dict[str, object]:
    state = {"name": "state", "property": "state", "access": 7, "value_on": "ON", "value_off": "OFF", "type": "binary"}
    exposes = [{"type": "switch", "features": [state]}]
    return {
        "ieee_address": "0x01",
        "type": "Router",
        "friendly_name": "a",
        "definition": {"model": "m", "exposes": exposes},
        **more,
    }


@pytest.mark.parametrize(
    "more",
    [
        {"type": "Coordinator"},
        {"definition": None},
        {"disabled": True},
        {"ieee_address": "01"},
        {"friendly_name": "#"},
        {"friendly_name": "a/+/b"},
        {"friendly_name": ""},
        {"friendly_name": 5},
    ],
)
def test_what_is_no_usable_device_hides_no_other(more: dict[str, object]) -> None:
    both = json.dumps([listed(**more), listed(ieee_address="0x02", friendly_name="b")]).encode()
    assert [device.name for device in read_devices(both)] == ["b"]


def test_lights_and_locks_are_no_relays() -> None:
    exposes = listed()["definition"]["exposes"]  # type: ignore[index]
    for kind in ("light", "lock", "fan", "cover"):
        definition = {"model": "m", "exposes": [{**exposes[0], "type": kind}]}
        assert read_devices(json.dumps([listed(definition=definition)]).encode())[0].channels == ()


ENUM = {"type": "enum", "name": "power_on_behavior", "property": "power_on_behavior", "access": 7, "values": ["off"]}


@pytest.mark.parametrize(
    ("states", "parts", "starts"),
    [
        (["state"], [ENUM], ["power_on_behavior"]),
        (["state"], [{**ENUM, "property": "power_outage_memory"}], ["power_outage_memory"]),
        (["state"], [{**ENUM, "property": "hue_power_on_behavior"}], [""]),
        (["state"], [{**ENUM, "access": 3}], [""]),
        (["state"], [{**ENUM, "access": 5}], [""]),
        (["state"], [{**ENUM, "values": ["on", "restore"]}], [""]),
        (["state"], [{**ENUM, "values": "off"}], [""]),
        (["state"], [{**ENUM, "values": None}], [""]),
        (["state"], [{**ENUM, "type": "binary"}], [""]),
        (["state_l1", "state_l2"], [ENUM], ["", ""]),
        (["state", "state_l2"], [ENUM], ["", ""]),
        (["state_l1", "state_l2"], [{**ENUM, "property": "power_on_behavior_l2"}], ["", "power_on_behavior_l2"]),
    ],
)
def test_only_what_sets_one_relay_alone_and_can_be_asked_tells_how_it_starts(
    states: list[str], parts: list[dict[str, object]], starts: list[str]
) -> None:
    feature = {"name": "state", "access": 7, "value_on": "ON", "value_off": "OFF", "type": "binary"}
    switches = [{"type": "switch", "features": [{**feature, "property": state}]} for state in states]
    payload = json.dumps([listed(definition={"model": "m", "exposes": [*switches, *parts]})]).encode()
    assert [channel.starts for channel in read_devices(payload)[0].channels] == starts


@pytest.mark.parametrize("payload", [b"{}", b"", b"nul", b"[" * 60_000, b"\xff"])
def test_what_is_no_list_of_devices_is_refused(payload: bytes) -> None:
    with pytest.raises(Zigbee2mqttMalformed):
        read_devices(payload)


@pytest.mark.parametrize(
    ("payload", "online"),
    [(b"online", True), (b'{"state":"offline"}', False), (b"", None), (b"[]", None), (b'{"state":1}', None)],
)
def test_both_forms_of_availability_are_read(payload: bytes, *, online: bool | None) -> None:
    assert read_online(payload) is online


def test_a_health_check_is_well_only_if_it_says_so() -> None:
    assert read_health(b'{"data":{"healthy":true},"status":"ok","transaction":"a"}') == ("a", True)
    assert read_health(b'{"data":{"healthy":false},"status":"ok","transaction":"a"}') == ("a", False)
    assert read_health(b'{"data":{},"status":"error","error":"x"}') == ("", False)


def test_only_failures_to_set_or_get_are_failures() -> None:
    assert read_failure(b'{"level":"error","message":"something else"}') is None
    assert read_failure(b'{"level":"error","message":null}') is None
    failure = read_failure(json.dumps({"level": "error", "message": NO_ACK.format("a/b c")}).encode())
    assert failure is not None
    assert (failure.name, failure.question, failure.refused) == ("a/b c", False, False)


async def test_a_retained_state_is_no_acknowledgement(home: Home) -> None:
    async with bench_of(home) as bench:
        relay = bench.adopted(deadline_s=2 * IMPATIENT_S).relay
        assert relay
        bench.bridge._link.publish(f"{bench.bridge.base}/boiler", '{"state":"ON"}', retain=True)
        bench.plug.faults.drop_commands = 9
        order = asyncio.create_task(relay.switch(on=True))
        await settled(lambda: bench.plug.faults.drop_commands < 9)
        kept: list[Message] = []
        home.broker.subscribe(f"{bench.bridge.base}/boiler", kept.append)  # whereupon the broker repeats what it kept
        await settled(lambda: any(message.retained for message in kept))
        with pytest.raises(DeviceUnreachable):
            await order


async def test_what_was_said_before_the_question_is_no_answer(home: Home) -> None:
    async with bench_of(home) as bench:
        relay = bench.adopted(deadline_s=2 * IMPATIENT_S).relay
        assert relay
        assert not (await relay.read()).on
        bench.plug.faults.drop_commands = 9
        home.broker.publish(f"{bench.bridge.base}/boiler", '{"state":"ON"}')  # still on its way when the hub asks
        with pytest.raises(DeviceUnreachable, match="no answer"):
            await relay.read()
