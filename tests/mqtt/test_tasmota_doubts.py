"""What a Tasmota device may say that must not be taken for more than it is: pulses, phases, topics of two devices."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.adapters.mqtt.tasmota_messages import SensorReport, TasmotaMalformed, read_pulse, read_sensors
from agent.domain.device import Adoption, Reading, Role
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.tasmota import TasmotaPlug
from simulators.mqtt.tasmota_says import Identity, discovery_config
from tests.contract.bench import DEAD_MAN_S, PATIENT_S, StillClock
from tests.mqtt.benches import Home, settled
from tests.mqtt.located import located

PROFILES = load_profiles()
MAC = "A0B1C2000001"


def adopted(home: Home, address: str = "", **more: object) -> Device:
    wanted = {"name": "plug", "role": Role.WATER_HEATER, "profile": "tasmota-plug", "deadline_s": PATIENT_S, **more}
    return home.network.device(Adoption(address=address or home.mac(), **wanted), DEAD_MAN_S)


def plug(home: Home, heater: Heater, number: int = 0, **identity: Any) -> TasmotaPlug:  # noqa: ANN401 - as it takes them
    return TasmotaPlug(home.address, Identity(home.mac(number), **identity), heater, home.clock.now, tick_s=None)


# ---- who cannot end an "on" gets none


async def test_who_does_not_know_pulse_time_is_not_switched_on(home: Home) -> None:
    heater, relay = Heater(), adopted(home).relay
    assert relay is not None
    async with plug(home, heater) as plugged:
        plugged.knows_pulse_time = False
        await located(home.network, [home.mac()])
        with pytest.raises(DeviceRefused, match="cannot end an on by itself: it answers Unknown to PulseTime"):
            await relay.switch(on=True)
        assert True not in heater.switchings
        assert not (await relay.switch(on=False)).on


async def test_who_ends_an_on_at_another_time_is_not_switched_on(home: Home) -> None:
    heater, relay = Heater(), adopted(home).relay
    assert relay is not None
    async with plug(home, heater) as plugged:
        plugged.longest_pulse = 112
        await located(home.network, [home.mac()])
        with pytest.raises(DeviceRefused, match="its PulseTime is 112 after it was set to 1000"):
            await relay.switch(on=True)
        assert True not in heater.switchings
        plugged.longest_pulse = 1000
        assert (await relay.switch(on=True)).on
        home.clock.advance(seconds=DEAD_MAN_S)
        plugged.tick()
        assert not heater.on


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b'{"PulseTime1":{"Set":1000,"Remaining":0}}', 1000),
        (b'{"PulseTime2":{"Set":1000,"Remaining":0}}', None),
        (b'{"POWER":"ON"}', None),
        (b'{"Command":"Unknown","Input":"PULSETIME1"}', "it answers Unknown to PulseTime"),
        (b'{"Command":"Unknown"}', "it answers Unknown to PulseTime"),
        (b'{"Command":"Unknown","Input":"IRHVAC"}', None),
        (b'{"PulseTime1":{"Set":true}}', "it does not say what is set"),
        (b'{"PulseTime1":{}}', "it does not say what is set"),
    ],
)
def test_what_is_said_of_a_pulse(payload: bytes, said: int | str | None) -> None:
    assert read_pulse(payload, 1) == said


@given(
    st.binary(max_size=60)
    | st.dictionaries(st.sampled_from(["PulseTime1", "Command", "Input"]), st.text()).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_a_pulse_is_read_or_refused(payload: bytes) -> None:
    try:
        said = read_pulse(payload, 1)
    except TasmotaMalformed:
        return
    assert said is None or isinstance(said, int) or said.isprintable()


# ---- several numbers


async def measured(relays: list[int], energy: dict[str, object], role: Role, **more: object) -> Reading:
    """What a meter reads of a device that answers so."""
    broker = Broker()
    network = TasmotaNetwork(broker, StillClock(), PROFILES)
    device = network.device(Adoption(name="m", role=role, profile="tasmota-plug", address=MAC, **more))
    config = {**discovery_config(Identity(MAC), 1), "rl": relays}
    broker._receive(Message(f"tasmota/discovery/{MAC}/config", json.dumps(config).encode()))
    report = read_sensors(json.dumps({"ENERGY": energy}).encode())

    async def sensors(_name: str, _deadline_s: float) -> tuple[datetime, SensorReport]:
        return datetime.now(UTC), report

    network._stations[MAC].sensors = sensors  # type: ignore[assignment,method-assign]
    assert device.meter is not None
    return await device.meter.read()


THREE = {"Power": [1000, 2000, 3000], "Total": [11.0, 22.0, 33.0]}
ONE_TOTAL = {"Power": [1000, 2000, 3000], "Total": 66.0}


@pytest.mark.parametrize("role", [Role.HOUSE_METER, Role.METER])
@pytest.mark.parametrize("relays", [[0, 0, 0], [1, 0, 0]])
@pytest.mark.parametrize("energy", [THREE, ONE_TOTAL])
async def test_the_phases_of_a_meter_are_added(role: Role, relays: list[int], energy: dict[str, object]) -> None:
    reading = await measured(relays, energy, role)
    assert (reading.power_w, reading.energy_wh) == (6000, 66_000)


async def test_a_whole_house_is_all_channels_unless_one_is_named() -> None:
    assert (await measured([1, 1, 1], THREE, Role.HOUSE_METER)).power_w == 6000
    assert (await measured([1, 1, 1], THREE, Role.HOUSE_METER, channel=2)).power_w == 2000


async def test_each_relay_has_its_own_number_where_there_are_as_many() -> None:
    assert (await measured([1, 1, 1], THREE, Role.METER)).power_w == 1000
    third = await measured([1, 1, 1], THREE, Role.METER, channel=3)
    assert (third.power_w, third.energy_wh) == (3000, 33_000)
    assert (await measured([1, 1, 1], ONE_TOTAL, Role.METER, channel=3)).energy_wh is None, "of all together"


async def test_one_phase_can_be_named() -> None:
    assert (await measured([0], THREE, Role.METER, channel=2)).power_w == 2000
    assert (await measured([0], {"Power": 7, "Total": 1.0}, Role.METER)).power_w == 7


@pytest.mark.parametrize(("relays", "channel"), [([1, 1], 1), ([1, 1, 1, 1], 4), ([1], 2), ([0], 4)])
async def test_what_is_unclear_is_refused_rather_than_read_in_part(relays: list[int], channel: int) -> None:
    with pytest.raises(DeviceRefused, match=r"unclear|no power of channel"):
        await measured(relays, THREE, Role.METER, channel=channel)


@given(st.lists(st.integers(0, 4000), max_size=5), st.lists(st.integers(0, 3), max_size=6), st.sampled_from(Role))
async def test_a_whole_is_never_read_in_part(powers: list[int], relays: list[int], role: Role) -> None:
    outputs = sum(kind != 0 for kind in relays)
    try:
        reading = await measured(relays, {"Power": powers}, role)
    except (DeviceRefused, DeviceMalformed):
        assert not powers or (len(powers) > 1 and outputs > 1) or max(powers) > 3000
        return
    if outputs != len(powers) or role is Role.HOUSE_METER:
        assert reading.power_w == sum(powers)


# ---- two devices, one topic


def both_are_known(home: Home) -> bool:
    known = [home.network._stations.get(home.mac(number)) for number in (0, 1)]
    return all(station is not None and station.config is not None for station in known)


async def test_nobody_is_switched_where_two_devices_hear_it(home: Home) -> None:
    mine, other = Heater(), Heater()
    device = adopted(home)
    assert device.relay is not None
    assert device.meter is not None
    topic = f"same{home.serial}"
    async with plug(home, mine, topic=topic), plug(home, other, 1, topic=topic) as second:
        await settled(lambda: both_are_known(home))
        for call in (device.relay.switch(on=True), device.relay.read(), device.meter.read(), device.relay.start_off()):
            with pytest.raises(DeviceRefused, match=f"{home.mac()}, {home.mac(1)}; give each a topic of its own"):
                await call
        pressed: list[object] = []
        device.relay.on_pressed = pressed.append
        second.press_button()
        found = {seen.address: seen.label for seen in await home.network.scan(0.05)}
        found = {address: found[address] for address in (home.mac(), home.mac(1))}
        assert found == {
            home.mac(): f"Tasmota (shares its topic with {home.mac(1)})",
            home.mac(1): f"Tasmota (shares its topic with {home.mac()})",
        }
        assert pressed == []
        assert True not in mine.switchings
    assert other.switchings.count(True) == 1, "by its own button"


async def test_a_topic_that_two_devices_have_means_neither(home: Home) -> None:
    mine, other, topic = Heater(), Heater(), f"same{home.serial}"
    relay = adopted(home, address=topic).relay
    assert relay is not None
    other_topics = {"topic": topic, "full_topic": "house/%prefix%/%topic%/"}
    async with plug(home, mine, topic=topic), plug(home, other, 1, **other_topics):
        await settled(lambda: both_are_known(home))
        with pytest.raises(DeviceRefused, match="2 devices speak on one topic"):
            await relay.switch(on=True)
    assert True not in mine.switchings + other.switchings


async def test_a_device_is_switched_again_once_it_is_alone(home: Home) -> None:
    mine, other, topic = Heater(), Heater(), f"same{home.serial}"
    relay = adopted(home).relay
    assert relay is not None
    async with plug(home, mine, topic=topic):
        async with plug(home, other, 1, topic=topic):
            await settled(lambda: both_are_known(home))
            with pytest.raises(DeviceRefused):
                await relay.switch(on=True)
        home.broker._receive(Message(f"tasmota/discovery/{home.mac(1)}/config", b""))
        assert (await relay.switch(on=True)).on
    assert True not in other.switchings


async def test_a_broker_that_is_away_is_named_and_not_the_device() -> None:
    network = TasmotaNetwork(Broker(host="no.such.host", port=1884), StillClock(), PROFILES)
    device = network.device(
        Adoption(name="plug", role=Role.WATER_HEATER, profile="tasmota-plug", address=MAC, deadline_s=PATIENT_S)
    )
    assert device.relay
    assert device.meter
    calls = (device.relay.switch(on=True), device.relay.read(), device.relay.start_off(), device.meter.read())
    for call in calls:
        with pytest.raises(DeviceUnreachable, match=r"the MQTT broker no\.such.host:1884 is away"):
            await asyncio.wait_for(call, PATIENT_S)
