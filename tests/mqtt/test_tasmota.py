"""What only Tasmota does: discovery, last wills, words and topics of the owner's, several relays and sensors."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.domain.device import Adoption, Role
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable, DeviceUnverified, ProfileInvalid
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.mosquitto import Mosquitto
from simulators.mqtt.tasmota import PowerOnState, TasmotaDevice, TasmotaPlug
from simulators.mqtt.tasmota_says import Identity, discovery_config
from tests.contract.bench import IMPATIENT_S, PATIENT_S, StillClock
from tests.mqtt.benches import Home, settled, tasmota_plug
from tests.mqtt.conftest import running
from tests.mqtt.located import located


def adopted(home: Home, profile: str = "tasmota-plug", address: str = "", **more: object) -> Device:
    wanted = {"name": "plug", "role": Role.WATER_HEATER, "deadline_s": PATIENT_S, **more}
    return home.network.device(Adoption(profile=profile, address=address or home.mac(), **wanted))


@asynccontextmanager
async def plugged_in(home: Home, device: TasmotaDevice, address: str = "") -> AsyncIterator[TasmotaDevice]:
    async with device:
        await located(home.network, [address or home.mac()])
        yield device


async def test_a_device_that_was_never_seen_is_unreachable_until_it_announces_itself(home: Home) -> None:
    device = adopted(home)
    assert device.relay
    assert device.meter
    for call in (device.relay.read(), device.relay.switch(on=True), device.meter.read()):
        with pytest.raises(DeviceUnreachable, match="not announced"):
            await call
    async with plugged_in(home, TasmotaPlug(home.address, Identity(home.mac()), Heater(), home.clock.now)):
        assert (await device.relay.switch(on=True)).on


@pytest.mark.parametrize("form", ["{}", "topic", "colons", "lower"])
async def test_a_device_is_meant_by_its_mac_address_or_its_topic(home: Home, form: str) -> None:
    mac = home.mac()
    colons = ":".join(mac[i : i + 2] for i in range(0, 12, 2))
    address = {"{}": mac, "topic": f"tasmota_{mac[-6:]}", "colons": colons, "lower": mac.lower()}[form]
    device = adopted(home, address=address)
    assert device.relay
    async with plugged_in(home, TasmotaPlug(home.address, Identity(mac), Heater(), home.clock.now), address):
        assert (await device.relay.switch(on=True)).on


async def test_the_owners_words_and_topics_are_used(home: Home) -> None:
    identity = Identity(
        home.mac(), topic="boiler", full_topic="house/%id%/%topic%/%prefix%/", words=("AUS", "AN", "UM", "HALTEN")
    )
    heater = Heater()
    device = adopted(home)
    assert device.relay
    async with plugged_in(home, TasmotaPlug(home.address, identity, heater, home.clock.now)):
        assert (await device.relay.switch(on=True)).on
        assert heater.on
        assert not (await device.relay.switch(on=False)).on


async def test_only_the_relay_that_was_meant_moves(home: Home) -> None:
    heaters = [Heater(), Heater()]
    second = adopted(home, "tasmota-relay", channel=2)
    third = adopted(home, "tasmota-relay", channel=3)
    assert second.relay
    assert third.relay
    async with plugged_in(home, TasmotaDevice(home.address, Identity(home.mac()), home.clock.now, relays=heaters)):
        assert (await second.relay.switch(on=True)).on
        assert [heater.on for heater in heaters] == [False, True]
        with pytest.raises(DeviceRefused, match="no relay 3; it has 1, 2"):
            await third.relay.switch(on=True)


async def test_a_shutter_is_never_switched(home: Home) -> None:
    heater = Heater()
    device = adopted(home, "tasmota-relay")
    assert device.relay
    shutter = TasmotaDevice(
        home.address, Identity(home.mac()), home.clock.now, relays=[heater, Heater()], shutters=True
    )
    async with plugged_in(home, shutter):
        with pytest.raises(DeviceRefused):
            await device.relay.switch(on=True)
        assert not heater.on


async def test_the_last_will_shortens_the_wait_but_does_not_end_the_asking(home: Home) -> None:
    device = adopted(home, deadline_s=15.0)
    assert device.relay
    plug = TasmotaPlug(home.address, Identity(home.mac()), Heater(), home.clock.now)
    async with plugged_in(home, plug):
        will = plug.identity.full("tele", "LWT")
        offline: asyncio.Queue[Message] = asyncio.Queue()
        home.broker.subscribe(will, offline.put_nowait)
        home.broker.publish(will, "Offline")  # a will that comes late, after the device is back
        async with asyncio.timeout(PATIENT_S):
            while (await offline.get()).payload != b"Offline":
                pass
        assert (await device.relay.switch(on=True)).on
        plug.unplug()
        async with asyncio.timeout(PATIENT_S):
            while (await offline.get()).payload != b"Offline":
                pass
            with pytest.raises(DeviceUnreachable, match="last will"):
                await device.relay.read()


async def test_a_broker_that_restarts_finds_everything_again() -> None:
    async with Mosquitto() as mortal:
        clock = StillClock()
        broker = Broker(port=mortal.port, retry_s=(0.02, 0.1))
        network = TasmotaNetwork(broker, clock, load_profiles())
        mac, heater = "A0B1C2D3E4F5", Heater()
        device = network.device(
            Adoption(name="plug", role=Role.WATER_HEATER, profile="tasmota-plug", address=mac, deadline_s=PATIENT_S)
        )
        assert device.relay
        async with running(broker), TasmotaPlug(BrokerAddress(mortal.port), Identity(mac), heater, clock.now) as plug:
            await located(network, [mac])
            await device.relay.switch(on=True)
            await asyncio.to_thread(mortal.stop)
            await settled(lambda: not broker.connected)
            with pytest.raises(DeviceUnreachable, match="broker"):
                await device.relay.switch(on=False)
            assert heater.on
            await asyncio.to_thread(mortal.start)
            await broker.wait_connected(PATIENT_S)
            await plug.wait_up()
            assert (await device.relay.read()).on
            assert heater.switchings == [False, True]  # off as it started, on as it was told, nothing since
            assert not (await device.relay.switch(on=False)).on


@pytest.mark.parametrize("start", PowerOnState)
async def test_after_a_brown_out_reading_tells_what_the_plug_made_of_it(home: Home, start: PowerOnState) -> None:
    async with tasmota_plug(home) as bench:
        assert bench.patient.relay
        await bench.patient.relay.switch(on=True)
        bench.plugged.power_on_state = start
        await bench.plugged.brown_out()
        comes_on = start is not PowerOnState.OFF
        assert (await bench.patient.relay.read()).on is comes_on is bench.circuit.on


async def test_one_of_several_sensors_must_be_named(home: Home) -> None:
    sensors = {"DS18B20-1": Heater(celsius=21.5), "DS18B20-2": Heater(celsius=54.5)}
    named = adopted(home, "tasmota-thermometer", sensor="DS18B20-2").thermometer
    by_id = adopted(home, "tasmota-thermometer", sensor="01131B000001").thermometer
    unnamed = adopted(home, "tasmota-thermometer").thermometer
    absent = adopted(home, "tasmota-thermometer", sensor="DS18B20-3").thermometer
    assert named
    assert by_id
    assert unnamed
    assert absent
    async with plugged_in(home, TasmotaDevice(home.address, Identity(home.mac()), home.clock.now, sensors=sensors)):
        assert (await named.read()).temperature_c == 54.5
        assert (await by_id.read()).temperature_c == 21.5
        with pytest.raises(DeviceRefused, match="DS18B20-1, DS18B20-2"):
            await unnamed.read()
        with pytest.raises(DeviceMalformed, match="no sensor DS18B20-3"):
            await absent.read()


async def test_fahrenheit_becomes_celsius(home: Home) -> None:
    thermometer = adopted(home, "tasmota-thermometer").thermometer
    assert thermometer
    device = TasmotaDevice(
        home.address, Identity(home.mac(), fahrenheit=True), home.clock.now, sensors={"DS18B20": Heater(celsius=50.0)}
    )
    async with plugged_in(home, device):
        assert (await thermometer.read()).temperature_c == 50.0


async def test_a_sensor_that_sleeps_is_not_asked_but_remembered_with_its_time(home: Home) -> None:
    thermometer = adopted(home, "tasmota-thermometer").thermometer
    assert thermometer
    probe = Heater(celsius=20.0)
    device = TasmotaDevice(
        home.address, Identity(home.mac(), sleeps=True), home.clock.now, sensors={"DS18B20": probe}, tick_s=None
    )
    async with plugged_in(home, device):
        probe.celsius = 22.5
        home.clock.advance(minutes=5)
        spoke_at = home.clock.now()
        heard: asyncio.Queue[Message] = asyncio.Queue()
        home.broker.subscribe(device.identity.full("tele", "SENSOR"), heard.put_nowait)
        device.report()
        async with asyncio.timeout(PATIENT_S):
            while b"22.5" not in (await heard.get()).payload:
                pass
        home.clock.advance(minutes=5)
        device.unplug()
        reading = await thermometer.read()
        assert (reading.temperature_c, reading.at) == (22.5, spoke_at)


async def test_a_meter_that_reports_more_than_its_relay_could_carry_is_not_believed(home: Home) -> None:
    meter = adopted(home, "nous-a1t").meter
    assert meter
    async with plugged_in(
        home, TasmotaPlug(home.address, Identity(home.mac()), Heater(rated_w=50_000), home.clock.now)
    ) as plug:
        plug.press_button()
        with pytest.raises(DeviceMalformed, match="50000 W"):
            await meter.read()


async def test_an_answer_that_cannot_be_read_is_said_so_at_once(home: Home) -> None:
    async with tasmota_plug(home) as bench:
        meter = bench.device(15.0).meter
        assert meter
        bench.plugged.faults.drop_answers = 1
        reading = asyncio.create_task(meter.read())
        await settled(lambda: bench.plugged.faults.drop_answers == 0)
        home.broker.publish(
            bench.plugged.identity.full("stat", "STATUS10"), '{"StatusSNS":{"ENERGY":{"Power":"lots"}}}'
        )
        with pytest.raises(DeviceMalformed, match="Power"):
            async with asyncio.timeout(PATIENT_S):
                await reading


async def test_noise_on_the_answer_topics_neither_confirms_nor_breaks_anything(home: Home) -> None:
    async with tasmota_plug(home) as bench:
        relay = bench.device(2 * IMPATIENT_S).relay
        assert relay
        result = bench.plugged.identity.full("stat", "RESULT")
        bench.plugged.faults.drop_commands = 9
        command = asyncio.create_task(relay.switch(on=True))
        await settled(lambda: bench.plugged.faults.drop_commands < 9)
        for noise in (
            "ON",
            "",
            "[]",
            "nul",
            '{"POWER":1}',
            '{"POWER2":"ON"}',
            '{"POWER":"on"}',
            '{"POWER":["ON"]}',
            "\x00",
        ):
            home.broker.publish(result, noise)
        with pytest.raises(DeviceUnreachable):
            await command
        bench.plugged.faults.drop_commands = 0
        assert (await relay.switch(on=True)).on


async def test_a_lie_that_is_told_twice_is_found_out(home: Home) -> None:
    """What an order brings about never passes for the answer to the question after it."""
    async with tasmota_plug(home) as bench:
        bench.plugged.faults.lie = bench.plugged.faults.duplicate = True
        assert bench.patient.relay
        with pytest.raises(DeviceUnverified, match="is off after it was told to be on"):
            await bench.patient.relay.switch(on=True)
    assert not bench.circuit.on


async def test_a_state_that_the_broker_kept_answers_nothing(home: Home) -> None:
    """Where states are retained, a subscriber hears one of long ago."""
    async with tasmota_plug(home) as bench:
        relay = bench.device(2 * IMPATIENT_S).relay
        assert relay
        result = bench.plugged.identity.full("stat", "STATUS11")
        heard: asyncio.Queue[Message] = asyncio.Queue()
        home.broker.subscribe(result, heard.put_nowait)
        bench.plugged._link.publish(result, '{"StatusSTS":{"POWER":"ON"}}', retain=True)
        async with asyncio.timeout(PATIENT_S):
            while b"ON" not in (await heard.get()).payload:
                pass
        bench.plugged.faults.drop_commands = 9
        question = asyncio.create_task(relay.read())
        await settled(lambda: bench.plugged.faults.drop_commands < 9)
        home.broker.subscribe(result, lambda _message: None)  # whereupon the broker repeats what it kept
        async with asyncio.timeout(PATIENT_S):
            while not (await heard.get()).retained:
                pass
        with pytest.raises(DeviceUnreachable):
            await question


async def test_an_unknown_profile_names_the_nearest(home: Home) -> None:
    with pytest.raises(ProfileInvalid, match="did you mean tasmota-plug"):
        adopted(home, "tasmota-plugg")


async def test_hostile_announcements_are_not_believed(home: Home) -> None:
    """Wildcards would make the hub listen to everything, one topic for command and answer would make it loop."""
    good = discovery_config(Identity(home.mac()), 1)
    hostile: list[object] = [
        {**good, "t": "#"},
        {**good, "ft": "+/%prefix%/%topic%"},
        {**good, "ft": "%topic%/"},
        {**good, "tp": ["a", "a", "a"]},
        {**good, "tp": ["cmnd"]},
        {**good, "mac": home.mac(1)},
        {**good, "state": ["ON", "ON", "x", "y"]},
        {**good, "rl": "all"},
        {**good, "t": "\ud800"},
        {**good, "t": ["x"] * 10_000},
        [],
        "nonsense",
        None,
    ]
    device = adopted(home)
    assert device.relay
    seen: asyncio.Queue[Message] = asyncio.Queue()
    topic = f"tasmota/discovery/{home.mac()}/config"
    home.broker.subscribe(topic, seen.put_nowait)
    for announcement in hostile:
        home.broker.publish(topic, json.dumps(announcement))
    async with asyncio.timeout(PATIENT_S):
        for _ in hostile:
            await seen.get()
    with pytest.raises(DeviceUnreachable, match="not announced"):
        await device.relay.read()
    assert home.mac() not in {sighting.address for sighting in await home.network.scan(0.01)}


async def test_a_flood_of_announcements_is_not_remembered_but_the_adopted_device_is(home: Home) -> None:
    seen: asyncio.Queue[Message] = asyncio.Queue()
    last = home.mac(999)
    home.broker.subscribe(f"tasmota/discovery/{last}/config", seen.put_nowait)
    device = adopted(home, address=last)
    assert device.relay
    for number in [*range(400), 999]:
        identity = Identity(home.mac(number))
        home.broker.publish(
            f"tasmota/discovery/{identity.mac}/config", json.dumps(discovery_config(identity, relays=1))
        )
    async with asyncio.timeout(PATIENT_S):
        await seen.get()
    sightings = await home.network.scan(0.01)
    assert len(sightings) <= 256
    assert last in {sighting.address for sighting in sightings}


async def test_a_device_that_is_taken_off_the_list_is_seen_no_more(home: Home) -> None:
    async with TasmotaPlug(home.address, Identity(home.mac()), Heater(), home.clock.now) as plug:
        await settled(lambda: home.mac() in home.network._stations)
        plug._link.publish(f"tasmota/discovery/{home.mac()}/config", "", retain=True)
        await settled(lambda: home.mac() not in home.network._stations)


@pytest.mark.parametrize("start", PowerOnState)
async def test_a_plug_is_set_to_start_off_once(home: Home, start: PowerOnState) -> None:
    async with tasmota_plug(home) as bench:
        bench.plugged.power_on_state = start
        bench.plugged.faults.duplicate = True
        assert bench.patient.relay
        assert await bench.patient.relay.start_off()
        assert bench.plugged.power_on_state is PowerOnState.OFF
        assert bench.plugged.start_up_written == (0 if start is PowerOnState.OFF else 1)


@pytest.mark.parametrize("start", PowerOnState)
async def test_what_else_a_device_switches_is_left_as_its_owner_set_it(home: Home, start: PowerOnState) -> None:
    device = adopted(home)
    assert device.relay
    two = TasmotaDevice(home.address, Identity(home.mac()), home.clock.now, relays=[Heater(), Heater()])
    async with plugged_in(home, two):
        two.power_on_state = start
        assert await device.relay.start_off() is (start is PowerOnState.OFF)
        assert two.power_on_state is start
        assert two.start_up_written == 0


@pytest.mark.parametrize(
    "said", ['{"Status":{"PowerOnState":"0"}}', '{"Status":{"PowerOnState":false}}', '{"Status":0}']
)
async def test_what_is_no_answer_to_how_it_starts_is_none(home: Home, said: str) -> None:
    async with tasmota_plug(home) as bench:
        plug, relay = bench.plugged, bench.device(IMPATIENT_S).relay
        assert relay
        plug.faults.drop_answers = 1
        asking = asyncio.create_task(relay.start_off())
        await settled(lambda: bool(home.network._stations[home.mac()]._starts))
        plug._link.publish(f"stat/{plug.identity.own_topic}/STATUS", said)
        plug._link.publish(f"stat/{plug.identity.own_topic}/RESULT", '{"PowerOnState":0}')
        with pytest.raises(DeviceUnreachable):
            await asking
