"""What only Shelly devices of generation 1 do: plain words, watt-minutes, a relay that opens, no end by themselves."""

import asyncio
import json
from typing import Any

import pytest

from agent.adapters.mqtt import shelly_gen1_station
from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.shelly_gen1 import ShellyGen1Network
from agent.adapters.mqtt.shelly_gen1_messages import RelayWord
from agent.adapters.mqtt.shelly_gen1_station import Gen1Station
from agent.domain.device import Ability, Adoption, RelayState, Role
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable, SettingsInvalid
from agent.ports import Device
from agent.profiles.library import load_profiles
from agent.switching.certain import CertainRelay
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.mosquitto import Mosquitto
from simulators.mqtt.shelly_gen1 import SHELLY_PLUG_S, Gen1Identity, ShellyGen1
from simulators.shelly.device import ShellyDevice
from simulators.shelly.says import Identity
from tests.contract.bench import IMPATIENT_S, PATIENT_S, StillClock
from tests.mqtt.benches import Home, settled
from tests.mqtt.conftest import running

PROFILES = load_profiles()


def network_of(home: Home) -> ShellyGen1Network:
    return ShellyGen1Network(home.broker, home.clock, PROFILES, alone_s=0.02)


def identity_of(home: Home) -> Gen1Identity:
    return Gen1Identity(f"{home.mac()[:8]}{home.serial:04X}")


def adopted(network: ShellyGen1Network, address: str, profile: str = "shelly-gen1-plug", **more: Any) -> Device:  # noqa: ANN401 - as pydantic takes them
    wanted = {"name": "plug", "role": Role.WATER_HEATER, "deadline_s": PATIENT_S, **more}
    return network.device(Adoption(profile=profile, address=address, **wanted), 900.0)


def plug(home: Home, heater: Heater | None = None, **more: Any) -> ShellyGen1:  # noqa: ANN401 - as the simulator takes them
    return ShellyGen1(home.address, identity_of(home), heater or Heater(), home.clock.now, tick_s=None, **more)


async def on(device: Device) -> bool:
    assert device.relay
    return (await device.relay.switch(on=True)).on


async def test_nobody_promises_that_an_on_ends_by_itself(home: Home) -> None:
    device = adopted(network_of(home), identity_of(home).id)
    assert device.relay
    assert not device.relay.must_be_renewed
    assert not any(profile.ends_itself for profile in PROFILES.values() if profile.family == "shelly_gen1")


async def test_a_scan_says_what_was_found_and_leaves_later_generations_out(home: Home) -> None:
    identity = Gen1Identity(identity_of(home).mac, *SHELLY_PLUG_S)
    network = network_of(home)
    listened = {topic for topic in home.broker._receivers if topic.startswith("shellies/")}
    second = ShellyDevice(Identity(home.mac()), home.clock.now).call("Shelly.GetDeviceInfo", {})
    async with ShellyGen1(home.address, identity, Heater(), home.clock.now, probes={0: Heater()}, tick_s=None):
        scan = asyncio.create_task(network.scan(0.2))
        await settled(lambda: "shellies/announce" in home.broker._receivers)
        home.broker.publish("shellies/announce", json.dumps(second))
        found = {seen.address: seen for seen in await scan}
    seen = found[identity.id]
    assert (seen.profile, seen.model, seen.reachable) == ("shelly-plug-s", "SHPLG-S", True)
    assert seen.abilities == {Ability.RELAY, Ability.METER, Ability.THERMOMETER}
    assert Identity(home.mac()).id not in found
    left = {topic for topic in home.broker._receivers if topic.startswith("shellies/")}
    assert left == listened, "a scan leaves nothing behind"


async def test_a_state_that_the_broker_kept_answers_nothing(home: Home) -> None:
    network, identity = network_of(home), identity_of(home)
    async with plug(home, retain=True) as plugged:
        plugged.press_button()
        await settled(plugged.is_on)
    device = adopted(network, identity.id, deadline_s=IMPATIENT_S)
    assert device.relay
    assert device.meter
    with pytest.raises(DeviceUnreachable):
        await device.relay.switch(on=True)
    for call in (device.relay.read(), device.meter.read()):
        with pytest.raises(DeviceUnreachable):
            await call


async def test_what_the_broker_kept_is_no_news(home: Home) -> None:
    device = adopted(network_of(home), identity_of(home).id)
    pressed: list[RelayState] = []
    assert isinstance(device.relay, CertainRelay)
    device.relay.on_pressed = pressed.append
    async with plug(home) as plugged:
        assert await on(device)
        home.broker._receive(Message(f"shellies/{plugged.identity.id}/relay/0", b"off", retained=True))
        assert not pressed
        plugged.press_button()
        await settled(lambda: bool(pressed))
        assert [state.on for state in pressed] == [False]


async def test_the_state_before_an_order_does_not_acknowledge_it(home: Home) -> None:
    """It tells its state every half minute anyway: only the wanted state is an acknowledgement."""
    identity = identity_of(home)
    station = Gen1Station(home.broker, identity.id)
    ordered = asyncio.create_task(station.switch(0, on=True))
    await asyncio.sleep(0)
    for word, done in ((b"off", False), (b"nonsense", False), (b"on", True)):
        home.broker._receive(Message(f"shellies/{identity.id}/relay/0", word))
        await asyncio.sleep(0)
        assert ordered.done() is done
    assert await ordered is RelayWord.ON


async def test_a_relay_that_opens_because_of_the_load_is_said_so(home: Home) -> None:
    network, identity = network_of(home), identity_of(home)
    device = adopted(network, identity.id)
    topic = f"shellies/{identity.id}/relay/0"
    home.broker.subscribe(f"{topic}/command", lambda _: home.broker.publish(topic, "overpower"))
    with pytest.raises(DeviceRefused, match="more was drawn than it may carry"):
        await on(device)


async def test_an_overload_is_news(home: Home) -> None:
    device = adopted(network_of(home), identity_of(home).id)
    pressed: list[RelayState] = []
    assert isinstance(device.relay, CertainRelay)
    device.relay.on_pressed = pressed.append
    async with plug(home) as plugged:
        assert await on(device)
        plugged.overpower()
        await settled(lambda: bool(pressed))
        assert [state.on for state in pressed] == [False]
        assert not (await device.relay.read()).on


async def test_numbers_of_an_earlier_question_answer_no_later_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelly_gen1_station, "_FENCE_S", 3600.0)
    identity = identity_of(home)
    station = Gen1Station(home.broker, identity.id)
    async with plug(home) as plugged, asyncio.timeout(PATIENT_S):
        plugged.faults.duplicate = True
        asked = asyncio.create_task(station.answers(["relay/0/power", "relay/0/energy"]))
        await asyncio.sleep(0)  # it has asked, and listens
        for last, payload in (("power", b"1.00"), ("energy", b"60")):
            home.broker._receive(Message(f"shellies/{identity.id}/relay/0/{last}", payload))
        assert await asked == {"relay/0/power": b"0.00", "relay/0/energy": b"740700"}


async def test_a_late_word_on_an_order_is_no_answer_to_a_question(home: Home) -> None:
    identity = identity_of(home)
    relay = adopted(network_of(home), identity.id, deadline_s=IMPATIENT_S).relay
    assert relay
    announced: list[Message] = []
    home.broker.subscribe(f"shellies/{identity.id}/announce", announced.append)
    async with plug(home) as plugged:
        assert not (await relay.read()).on
        await settled(lambda: len(announced) == 2)  # as it connected, and as it was asked
        plugged.faults.drop_commands = 2
        reading = asyncio.create_task(relay.read())
        await settled(lambda: plugged.faults.drop_commands == 0)
        plugged._say("relay/0", "on")
        with pytest.raises(DeviceUnreachable):
            await reading


async def test_a_device_that_does_not_announce_itself_is_measured_all_the_same(home: Home) -> None:
    identity = identity_of(home)
    device = adopted(network_of(home), identity.id)
    topic = f"shellies/{identity.id}"

    def answer(message: Message) -> None:
        if message.payload == b"update":
            for last, payload in (("power", "441.20"), ("energy", "6000")):
                home.broker.publish(f"{topic}/relay/0/{last}", payload)

    home.broker.subscribe(f"{topic}/command", answer)
    assert device.meter
    reading = await device.meter.read()
    assert (reading.power_w, reading.energy_wh) == (441.2, 100)


async def test_the_last_will_shortens_the_wait_but_does_not_end_the_asking(home: Home) -> None:
    network = network_of(home)
    device = adopted(network, identity_of(home).id)
    async with plug(home) as plugged:
        assert await on(device)
        plugged.unplug()
        (station,) = network._stations.values()
        await settled(lambda: station.online is False)
        assert device.relay
        assert device.meter
        for call in (device.relay.read(), device.meter.read()):
            with pytest.raises(DeviceUnreachable, match="no answer within 1 s, and its last will"):
                await call
        await plugged.plug_in()
        await settled(lambda: station.online is True)
        assert await on(device)


async def test_a_broker_that_restarts_finds_everything_again() -> None:
    clock, heater = StillClock(), Heater()
    async with Mosquitto() as mosquitto:
        address = BrokerAddress(mosquitto.port)
        async with running(Broker(port=mosquitto.port, client_id="hub", retry_s=(0.02, 0.1))) as broker:
            identity = Gen1Identity("A0B1C2D3E4F5")
            device = adopted(ShellyGen1Network(broker, clock, PROFILES), identity.id)
            async with ShellyGen1(address, identity, heater, clock.now, tick_s=None) as plugged:
                assert await on(device)
                await asyncio.to_thread(mosquitto.stop)
                await settled(lambda: not broker.connected)
                assert device.relay
                with pytest.raises(DeviceUnreachable):
                    await device.relay.switch(on=False)
                await asyncio.to_thread(mosquitto.start)
                await broker.wait_connected(PATIENT_S)
                await plugged.wait_up()
                assert (await device.relay.read()).on, "what could not be sent is not sent later"
                assert not (await device.relay.switch(on=False)).on


async def test_a_brown_out_begins_the_counter_anew(home: Home) -> None:
    device = adopted(network_of(home), identity_of(home).id)
    async with plug(home) as plugged:
        assert await on(device)
        await plugged.brown_out()
        assert device.relay
        assert device.meter
        assert (await device.relay.read()).on
        assert (await device.meter.read()).energy_wh == 0


async def test_one_of_several_probes_must_be_named(home: Home) -> None:
    network, address = network_of(home), identity_of(home).id

    def thermometer(sensor: str | None) -> Any:  # noqa: ANN401 - a thermometer
        return adopted(network, address, "shelly-gen1-thermometer", sensor=sensor).thermometer

    async with plug(home, probes={0: Heater(celsius=21.0), 1: Heater(celsius=61.0)}):
        assert (await thermometer("1").read()).temperature_c == 61.0
        assert (await thermometer("0").read()).temperature_c == 21.0
        with pytest.raises(DeviceRefused, match="set `sensor` to one of 0, 1"):
            await thermometer(None).read()
        with pytest.raises(DeviceRefused, match="not 'DS18B20'"):
            await thermometer("DS18B20").read()


async def test_a_meter_that_reports_more_than_its_relay_could_carry_is_not_believed(home: Home) -> None:
    device = adopted(network_of(home), identity_of(home).id, "shelly-1pm")
    async with plug(home, Heater(rated_w=9000.0)):
        assert await on(device)
        assert device.meter
        with pytest.raises(DeviceMalformed, match="9000 W through a relay for 3450 W"):
            await device.meter.read()


async def test_noise_neither_confirms_nor_breaks_anything(home: Home) -> None:
    device = adopted(network_of(home), identity_of(home).id)
    async with plug(home) as plugged:
        for last in ("relay/0", "relay/0/power", "relay/0/energy", "online", "announce", "ext_temperature/0"):
            for payload in (b"", b"\xff\xfe", b"ON", b"{}", b"[" * 9000, b"nan"):
                home.broker.publish(f"shellies/{plugged.identity.id}/{last}", payload)
        assert await on(device)
        assert device.meter
        assert (await device.meter.read()).power_w == 2000


async def test_a_flood_of_announcements_is_not_remembered(home: Home) -> None:
    network = network_of(home)
    async with network._watched() as seen:
        for number in range(1000):
            home.broker._receive(Message("shellies/announce", f'{{"id":"shelly1-{number:06X}"}}'.encode()))
            home.broker._receive(Message(f"shellies/other-{number}/relay/0", b"on"))
        assert len(seen) == 256


async def test_a_wrong_address_is_refused(home: Home) -> None:
    for address in ("#", "a/b", "+"):
        with pytest.raises(SettingsInvalid, match=r"devices\.plug\.address"):
            adopted(network_of(home), address)
