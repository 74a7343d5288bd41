"""What only Shelly devices of generation 2 do: numbered answers, prefixes of the owner's, passwords, partial news."""

import asyncio
import json
from typing import Any

import pytest

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.shelly_gen2 import ShellyGen2Network
from agent.domain.device import Ability, Adoption, RelayState, Role
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable, ProfileInvalid, SettingsInvalid
from agent.ports import Device
from agent.profiles.library import load_profiles
from agent.switching.certain import CertainRelay
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.mosquitto import Mosquitto
from simulators.mqtt.shelly_gen2 import ShellyGen2
from simulators.shelly.device import INITIAL_STATES
from simulators.shelly.says import MINI_1PM_GEN3, Identity
from tests.contract.bench import IMPATIENT_S, PATIENT_S, StillClock
from tests.mqtt.benches import Home, settled
from tests.mqtt.conftest import running
from tests.mqtt.located import located

PROFILES = load_profiles()


def network_of(home: Home) -> ShellyGen2Network:
    return ShellyGen2Network(home.broker, home.clock, PROFILES, alone_s=0.02)


def adopted(network: ShellyGen2Network, address: str, profile: str = "shelly-gen2-plug", **more: Any) -> Device:  # noqa: ANN401 - as pydantic takes them
    wanted = {"name": "plug", "role": Role.WATER_HEATER, "deadline_s": PATIENT_S, **more}
    ends_after_s = wanted.pop("ends_after_s", None)
    return network.device(Adoption(profile=profile, address=address, **wanted), ends_after_s)


def plug(home: Home, heater: Heater | None = None, number: int = 0, **more: Any) -> ShellyGen2:  # noqa: ANN401 - as the simulator takes them
    identity = more.pop("identity", None) or Identity(home.mac(number))
    return ShellyGen2(home.address, identity, home.clock.now, relays=[heater or Heater()], tick_s=None, **more)


async def on(device: Device) -> bool:
    assert device.relay
    return (await device.relay.switch(on=True)).on


@pytest.mark.parametrize("form", ["mac", "colons", "lower", "prefix"])
async def test_a_device_is_meant_by_its_mac_address_or_its_prefix(home: Home, form: str) -> None:
    mac, network = home.mac(), network_of(home)
    colons = ":".join(mac[i : i + 2] for i in range(0, 12, 2))
    prefix = f"home/{home.serial}"
    address = {"mac": mac, "colons": colons, "lower": mac.lower(), "prefix": prefix}[form]
    device = adopted(network, address)
    async with plug(home, prefix=prefix):
        await located(network, [address])
        assert await on(device)


async def test_a_device_that_was_never_seen_is_unreachable_until_it_is(home: Home) -> None:
    network = network_of(home)
    device = adopted(network, home.mac())
    assert device.relay
    assert device.meter
    for call in (device.relay.read(), device.relay.switch(on=True), device.meter.read()):
        with pytest.raises(DeviceUnreachable, match="not been seen"):
            await call
    async with plug(home):
        await located(network, [home.mac()])
        assert await on(device)


async def test_a_device_that_its_owner_renames_is_followed_by_its_mac_address(home: Home) -> None:
    network, heater = network_of(home), Heater()
    device = adopted(network, home.mac())
    async with plug(home, heater) as plugged:
        await located(network, [home.mac()])
        assert await on(device)
        await plugged.rename(f"kitchen-{home.serial}")
        await settled(lambda: network._by_mac[home.mac()].prefix == plugged.prefix)
        assert device.relay
        assert not (await device.relay.switch(on=False)).on
        assert not heater.on
        assert [seen.address for seen in await network.scan(0.1) if seen.address == home.mac()] == [home.mac()]


async def test_a_scan_says_what_was_found(home: Home) -> None:
    identity = Identity(home.mac(), *MINI_1PM_GEN3, name="Boiler")
    locked = Identity(home.mac(1), locked=True)
    async with plug(home, identity=identity, sensors={100: Heater()}), plug(home, identity=locked):
        network = network_of(home)
        found = {seen.address: seen for seen in await network.scan(0.2)}
    assert "shellies" not in network._seen, "all Shellies announce themselves there; nobody is asked there"
    seen, closed = found[home.mac()], found[home.mac(1)]
    assert (seen.label, seen.model, seen.firmware) == ("Boiler", "S3SW-001P8EU", "1.4.4")
    assert (seen.profile, seen.reachable) == ("shelly-1pm-mini-gen3", True)
    assert seen.abilities == {Ability.RELAY, Ability.METER, Ability.THERMOMETER}
    assert "password" in closed.label
    assert closed.abilities == frozenset()


async def test_a_locked_device_is_refused_by_name(home: Home) -> None:
    device = adopted(network_of(home), Identity(home.mac()).id)
    heater = Heater()
    async with plug(home, heater, identity=Identity(home.mac(), locked=True)):
        with pytest.raises(DeviceRefused, match="plug: wants a password"):
            await on(device)
        assert device.meter
        with pytest.raises(DeviceRefused, match="wants a password"):
            await device.meter.read()
    assert True not in heater.switchings


async def test_a_relay_that_is_not_there_is_refused_by_name(home: Home) -> None:
    device = adopted(network_of(home), Identity(home.mac()).id, channel=2)
    async with plug(home):
        with pytest.raises(DeviceRefused, match="-105"):
            await on(device)


async def test_only_the_relay_that_was_meant_moves(home: Home) -> None:
    heaters = [Heater(), Heater()]
    identity = Identity(home.mac())
    device = adopted(network_of(home), identity.id, channel=2)
    async with ShellyGen2(home.address, identity, home.clock.now, relays=heaters, tick_s=None) as plugged:
        assert await on(device)
        assert not plugged.is_on(1)
        assert plugged.is_on(2)
        assert device.meter
        assert (await device.meter.read()).power_w == heaters[1].rated_w


async def test_an_on_carries_its_end_and_an_off_none(home: Home) -> None:
    identity, sent = Identity(home.mac()), []
    home.broker.subscribe(f"{identity.id}/rpc", lambda message: sent.append(json.loads(message.payload)))
    device = adopted(network_of(home), identity.id, ends_after_s=899.2)
    async with plug(home):
        assert device.relay
        assert device.relay.must_be_renewed
        await device.relay.switch(on=True)
        await device.relay.switch(on=False)
    orders = [frame["params"] for frame in sent if frame["method"] == "Switch.Set"]
    assert orders == [{"id": 0, "on": True, "toggle_after": 900}, {"id": 0, "on": False}]
    assert len({frame["id"] for frame in sent}) == len(sent)
    assert len({frame["src"] for frame in sent}) == 1


async def test_two_hubs_never_take_the_answers_of_each_other(home: Home) -> None:
    assert network_of(home)._rpc._source != network_of(home)._rpc._source


async def test_answers_to_other_questions_answer_nothing(home: Home) -> None:
    """Wrong numbers, what the broker kept, noise, notifications: all on the very topic of the answers."""
    network = network_of(home)
    identity = Identity(home.mac())
    device = adopted(network, identity.id, deadline_s=IMPATIENT_S)
    topic = f"{network._rpc._source}/rpc"
    answer = {"src": identity.id, "dst": network._rpc._source, "result": {"was_on": False, "output": True}}

    def instead(message: Message) -> None:
        number = json.loads(message.payload)["id"]
        for wrong in ({**answer, "id": number + 1}, {**answer, "id": str(number)}, {**answer, "id": None}):
            home.broker.publish(topic, json.dumps(wrong))
        home.broker.publish(topic, json.dumps({"src": identity.id, "method": "NotifyStatus", "id": number}))
        home.broker.publish(topic, b"\xff" * 20)
        home.broker._receive(Message(topic, json.dumps({**answer, "id": number}).encode(), retained=True))

    home.broker.subscribe(f"{identity.id}/rpc", instead)
    assert device.relay
    with pytest.raises(DeviceUnreachable):
        await device.relay.switch(on=True)
    with pytest.raises(DeviceUnreachable):
        await device.relay.read()
    assert set(network._rpc._waiting) == {network._seen[identity.id].who}, "only who it is may still be told"


async def test_an_answer_that_comes_too_late_answers_nothing_later(home: Home) -> None:
    network = network_of(home)
    hasty = adopted(network, Identity(home.mac()).id, deadline_s=0.05)
    patient = adopted(network, Identity(home.mac()).id)
    heater = Heater()
    async with plug(home, heater) as plugged:
        await located(network, [plugged.identity.id])
        plugged.faults.delay_s = 0.2
        with pytest.raises(DeviceUnreachable):
            await on(hasty)
        plugged.press_button()
        assert patient.relay
        assert not (await patient.relay.read()).on, "the late answer told of before the button"
        assert not heater.on


async def test_news_are_told_but_not_what_the_broker_kept(home: Home) -> None:
    network = network_of(home)
    device = adopted(network, Identity(home.mac()).id)
    pressed: list[RelayState] = []
    assert isinstance(device.relay, CertainRelay)
    device.relay.on_pressed = pressed.append
    async with plug(home) as plugged:
        await device.relay.switch(on=True)
        stale = {"src": plugged.identity.id, "method": "NotifyStatus", "params": {"switch:0": {"output": False}}}
        topic = f"{plugged.prefix}/events/rpc"
        home.broker._receive(Message(topic, json.dumps(stale).encode(), retained=True))
        assert not pressed
        plugged.press_button()
        await settled(lambda: bool(pressed))
        assert [state.on for state in pressed] == [False]


async def test_partial_news_are_laid_over_what_is_known(home: Home) -> None:
    network = network_of(home)
    device = adopted(network, home.mac())
    async with plug(home, sensors={100: Heater(celsius=54.0)}) as plugged:
        await located(network, [home.mac()])
        station = network._by_mac[home.mac()]
        topic = f"{plugged.prefix}/events/rpc"
        home.broker._receive(Message(topic, json.dumps(plugged.device.full_status()).encode()))
        assert station.status.switches[1].output is False
        assert await on(device)
        home.clock.advance(minutes=2)
        plugged.tick()
        await settled(lambda: station.status.switches[1].energy_wh == 12_345 + 67)
        switch = station.status.switches[1]
        assert (switch.output, switch.power_w, switch.voltage_v) == (True, 2000, 230)
        assert station.status.temperatures[100].celsius == 54.0


async def test_the_last_will_shortens_the_wait_but_does_not_end_the_asking(home: Home) -> None:
    network = network_of(home)
    device = adopted(network, home.mac())
    async with plug(home) as plugged:
        await located(network, [home.mac()])
        assert await on(device)
        plugged.unplug()
        station = network._by_mac[home.mac()]
        await settled(lambda: station.online is False)
        assert device.relay
        assert device.meter
        for call in (device.relay.read(), device.meter.read()):
            with pytest.raises(DeviceUnreachable, match="no answer within 1 s, and its last will"):
                await call
        await plugged.plug_in()
        await settled(lambda: station.online is True)
        assert await on(device)


async def test_a_will_that_is_late_does_not_keep_the_hub_from_asking(home: Home) -> None:
    device = adopted(network_of(home), Identity(home.mac()).id)
    async with plug(home) as plugged:
        assert await on(device)
        home.broker._receive(Message(f"{plugged.prefix}/online", b"false"))
        assert device.relay
        assert (await device.relay.read()).on


async def test_a_broker_that_restarts_finds_everything_again() -> None:
    clock, heater = StillClock(), Heater()
    async with Mosquitto() as mosquitto:
        address = BrokerAddress(mosquitto.port)
        async with running(Broker(port=mosquitto.port, client_id="hub", retry_s=(0.02, 0.1))) as broker:
            network = ShellyGen2Network(broker, clock, PROFILES)
            device = adopted(network, "A0B1C2D3E4F5")
            identity = Identity("A0B1C2D3E4F5")
            async with ShellyGen2(address, identity, clock.now, relays=[heater], tick_s=None) as plugged:
                await located(network, [identity.mac])
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


@pytest.mark.parametrize(("state", "after"), [("off", False), ("on", True), ("restore_last", True)])
async def test_after_a_brown_out_reading_tells_what_the_plug_made_of_it(home: Home, state: str, after: bool) -> None:  # noqa: FBT001 - a parameter
    device = adopted(network_of(home), Identity(home.mac()).id)
    async with plug(home) as plugged:
        plugged.device.set_initial_state(state)
        assert await on(device)
        await plugged.brown_out()
        assert device.relay
        assert (await device.relay.read()).on is after


@pytest.mark.parametrize("state", INITIAL_STATES)
async def test_one_relay_is_set_to_start_off_once_and_the_other_is_left_alone(home: Home, state: str) -> None:
    device = adopted(network_of(home), Identity(home.mac()).id, channel=2)
    assert device.relay
    heaters = Heater(), Heater()
    async with ShellyGen2(home.address, Identity(home.mac()), home.clock.now, relays=heaters, tick_s=None) as plugged:
        for channel in (1, 2):
            plugged.device.set_initial_state(state, channel)
        for _ in range(2):
            assert await device.relay.start_off()
        assert plugged.device.call("Switch.GetConfig", {"id": 0})["initial_state"] == state
        assert plugged.device.call("Switch.GetConfig", {"id": 1})["initial_state"] == "off"
        assert plugged.start_up_written == (0 if state == "off" else 1)


@pytest.mark.parametrize("config", [{}, {"initial_state": None}, {"initial_state": 0}, {"initial_state": "o" * 99}])
async def test_a_device_that_does_not_say_how_it_starts_is_not_believed(home: Home, config: dict[str, object]) -> None:
    device = adopted(network_of(home), Identity(home.mac()).id)
    assert device.relay
    async with plug(home) as plugged:
        plugged.device._methods["Switch.GetConfig"] = lambda _: config
        with pytest.raises(DeviceMalformed, match="GetConfig"):
            await device.relay.start_off()
        assert plugged.start_up_written == 0


async def test_one_of_several_sensors_must_be_named(home: Home) -> None:
    network, prefix = network_of(home), Identity(home.mac()).id

    def thermometer(sensor: str | None) -> Any:  # noqa: ANN401 - a thermometer
        return adopted(network, prefix, "shelly-gen2-thermometer", sensor=sensor).thermometer

    async with plug(home, sensors={100: Heater(celsius=21.0), 101: Heater(celsius=61.0)}):
        with pytest.raises(DeviceRefused, match="set `sensor` to one of 100, 101"):
            await thermometer(None).read()
        assert (await thermometer("101").read()).temperature_c == 61.0
        assert (await thermometer("temperature:100").read()).temperature_c == 21.0
        with pytest.raises(DeviceRefused, match="-105"):
            await thermometer("102").read()
        with pytest.raises(DeviceRefused, match="not 'DS18B20'"):
            await thermometer("DS18B20").read()
    async with plug(home, number=1):
        lacking = adopted(network, Identity(home.mac(1)).id, "shelly-gen2-thermometer").thermometer
        assert lacking
        with pytest.raises(DeviceMalformed, match="no temperature"):
            await lacking.read()


async def test_a_meter_that_measures_nothing_or_too_much_is_not_believed(home: Home) -> None:
    network = network_of(home)
    async with plug(home, metered=False), plug(home, Heater(rated_w=9000.0), number=1):
        without = adopted(network, Identity(home.mac()).id).meter
        assert without
        with pytest.raises(DeviceMalformed, match="reports no power"):
            await without.read()
        swollen = adopted(network, Identity(home.mac(1)).id, "shelly-plus-1pm")
        assert await on(swollen)
        assert swollen.meter
        with pytest.raises(DeviceMalformed, match="9000 W through a relay for 3680 W"):
            await swollen.meter.read()


async def test_an_answer_that_cannot_be_read_is_said_so(home: Home) -> None:
    network, identity = network_of(home), Identity(home.mac())
    result: dict[str, object] = {}

    def answer(message: Message) -> None:
        asked = json.loads(message.payload)
        home.broker.publish(f"{asked['src']}/rpc", json.dumps({"id": asked["id"], "result": result}))

    home.broker.subscribe(f"{identity.id}/rpc", answer)
    device = adopted(network, identity.id)
    assert device.relay
    assert device.meter
    for output in ("on", None, 1):
        result["output"] = output
        with pytest.raises(DeviceMalformed):
            await device.relay.read()
    result["output"] = True
    for measured in ({"apower": "much"}, {"apower": 5.0, "aenergy": {"total": -5}}):
        result.update(measured)
        with pytest.raises(DeviceMalformed):
            await device.meter.read()


async def test_a_meter_without_a_relay_is_read(home: Home) -> None:
    network = network_of(home)

    def answer(message: Message) -> None:
        asked = json.loads(message.payload)
        assert (asked["method"], asked["params"]) == ("PM1.GetStatus", {"id": 0})
        result = {"id": 0, "apower": 441.2, "aenergy": {"total": 80123.554}}
        home.broker.publish(f"{asked['src']}/rpc", json.dumps({"id": asked["id"], "result": result}))

    home.broker.subscribe(f"pm-{home.serial}/rpc", answer)
    device = adopted(network, f"pm-{home.serial}", "shelly-gen2-meter", role=Role.METER)
    assert device.relay is None
    assert device.meter
    reading = await device.meter.read()
    assert (reading.power_w, reading.energy_wh) == (441.2, 80124)


async def test_a_flood_of_strangers_is_not_remembered_but_the_device_is_found(home: Home) -> None:
    network = network_of(home)
    device = adopted(network, home.mac())
    for number in range(1000):
        home.broker._receive(Message(f"stranger-{number}/online", b"true"))
    assert len(network._seen) <= 256
    async with plug(home):
        await located(network, [home.mac()])
        assert await on(device)
    assert len(network._rpc._waiting) <= 256


async def test_a_wrong_address_and_an_unknown_profile_are_refused(home: Home) -> None:
    for address in ("#", "home/+/x", "$SYS"):
        with pytest.raises(SettingsInvalid, match=r"devices\.plug\.address"):
            adopted(network_of(home), address)
    with pytest.raises(ProfileInvalid, match="did you mean shelly-plus-1pm"):
        adopted(network_of(home), home.mac(), "shelly-plus-1pn")
