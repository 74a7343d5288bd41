"""Two Shellys under one prefix, answers of others, and an "on" that would not end."""

import asyncio
import json

import pytest

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.shelly_gen2 import ShellyGen2Network
from agent.domain.device import Adoption, RelayState, Role
from agent.errors import DeviceRefused, DeviceUnreachable
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.shelly_gen2 import ShellyGen2
from simulators.shelly.says import Identity
from tests.contract.bench import DEAD_MAN_S, PATIENT_S, StillClock
from tests.mqtt.benches import Home, settled
from tests.mqtt.located import located

PROFILES = load_profiles()


def network_of(home: Home) -> ShellyGen2Network:
    return ShellyGen2Network(home.broker, home.clock, PROFILES)


def adopted(network: ShellyGen2Network, address: str, ends_after_s: float | None = None) -> Device:
    adoption = Adoption(
        name="plug", role=Role.WATER_HEATER, profile="shelly-gen2-plug", address=address, deadline_s=PATIENT_S
    )
    return network.device(adoption, ends_after_s)


def plug(home: Home, heater: Heater, number: int = 0, prefix: str = "") -> ShellyGen2:
    return ShellyGen2(
        home.address, Identity(home.mac(number)), home.clock.now, relays=[heater], prefix=prefix, tick_s=None
    )


@pytest.mark.parametrize("by_prefix", [False, True])
@pytest.mark.parametrize("answers_first", [0, 1])
async def test_nobody_is_switched_where_two_devices_hear_it(home: Home, by_prefix: bool, answers_first: int) -> None:  # noqa: FBT001 - a parameter
    heaters, prefix, network = (Heater(), Heater()), f"same{home.serial}", network_of(home)
    device = adopted(network, prefix if by_prefix else home.mac())
    assert device.relay
    assert device.meter
    async with plug(home, heaters[0], 0, prefix) as mine, plug(home, heaters[1], 1, prefix) as other:
        (other, mine)[answers_first].faults.delay_s = 0.05
        await located(network, [prefix if by_prefix else home.mac()])
        for call in (device.relay.switch(on=True), device.relay.read(), device.meter.read(), device.relay.start_off()):
            with pytest.raises(DeviceRefused, match=f"{home.mac()}, {home.mac(1)}; give each a prefix of its own"):
                await call
        found = {seen.address: seen.label for seen in await network.scan(0.2)}
    assert f"shares its prefix with {home.mac(1)}" in found[home.mac()]
    assert f"shares its prefix with {home.mac()}" in found[home.mac(1)]
    assert True not in heaters[0].switchings + heaters[1].switchings


async def test_an_order_waits_until_it_is_known_who_hears_it(home: Home) -> None:
    heaters, prefix, network = (Heater(), Heater()), f"same{home.serial}", network_of(home)
    device = adopted(network, prefix)
    assert device.relay
    async with plug(home, heaters[0], 0, prefix), plug(home, heaters[1], 1, prefix) as other:
        other.faults.delay_s = 0.05
        with pytest.raises(DeviceRefused, match="2 devices speak on one prefix"):
            await device.relay.switch(on=True)
    assert True not in heaters[0].switchings + heaters[1].switchings


async def test_a_device_is_switched_again_once_the_other_has_a_prefix_of_its_own(home: Home) -> None:
    heater, prefix, network = Heater(), f"same{home.serial}", network_of(home)
    device = adopted(network, home.mac())
    assert device.relay
    async with plug(home, heater, 0, prefix), plug(home, Heater(), 1, prefix) as other:
        await located(network, [home.mac()])
        with pytest.raises(DeviceRefused):
            await device.relay.switch(on=True)
        await other.rename(f"own{home.serial}")
        await settled(lambda: not network._by_mac[home.mac()].sharing)
        assert (await device.relay.switch(on=True)).on
        assert heater.on
        assert not other.is_on()


async def test_the_word_of_another_device_is_neither_an_answer_nor_a_press(home: Home) -> None:
    network = network_of(home)
    device = adopted(network, home.mac())
    assert device.relay
    pressed: list[RelayState] = []
    device.relay.on_pressed = pressed.append
    async with plug(home, Heater()) as mine:
        await located(network, [home.mac()])
        await device.relay.switch(on=True)
        mine.faults.drop_commands = 10
        stranger = Identity(home.mac(1)).id

        def instead(message: Message) -> None:
            asked = json.loads(message.payload)
            answer = {"id": asked["id"], "src": stranger, "result": {"output": False}}
            home.broker.publish(f"{asked['src']}/rpc", json.dumps(answer))

        home.broker.subscribe(f"{mine.prefix}/rpc", instead)
        relay = network.device(
            Adoption(
                name="plug", role=Role.WATER_HEATER, profile="shelly-gen2-plug", address=home.mac(), deadline_s=0.3
            )
        ).relay
        assert relay
        with pytest.raises((DeviceRefused, DeviceUnreachable)):
            await relay.switch(on=False)
        event = {"src": stranger, "method": "NotifyStatus", "params": {"switch:0": {"output": False}}}
        home.broker._receive(Message(f"{mine.prefix}/events/rpc", json.dumps(event).encode()))
        assert pressed == []
        with pytest.raises(DeviceRefused, match="2 devices speak on one prefix"):
            await device.relay.read()
        assert mine.is_on()


@pytest.mark.parametrize("timer", [{}, {"timer_duration": 9000}, {"timer_duration": 0}, {"timer_duration": True}])
async def test_an_on_whose_timer_does_not_run_is_taken_back(home: Home, timer: dict[str, object]) -> None:
    heater, network = Heater(), network_of(home)
    device = adopted(network, home.mac(), DEAD_MAN_S)
    assert device.relay
    assert device.relay.must_be_renewed
    async with plug(home, heater) as plugged:
        await located(network, [home.mac()])
        assert (await device.relay.switch(on=True)).on, "one that does as it is told"
        await device.relay.switch(on=False)
        methods = plugged.device._methods
        status, order = methods["Switch.GetStatus"], methods["Switch.Set"]
        methods["Switch.Set"] = lambda params: order({key: params[key] for key in ("id", "on")})
        methods["Switch.GetStatus"] = lambda params: {**status(params), **timer}
        with pytest.raises(DeviceRefused, match="cannot end an on by itself"):
            await device.relay.switch(on=True)
        assert not heater.on


async def test_a_broker_that_is_away_is_named_and_not_the_device() -> None:
    network = ShellyGen2Network(Broker(host="no.such.host", port=1884), StillClock(), PROFILES)
    for address in ("A0B1C2D3E4F5", "boiler"):
        device = adopted(network, address)
        assert device.relay
        assert device.meter
        for call in (device.relay.switch(on=True), device.relay.read(), device.meter.read()):
            with pytest.raises(DeviceUnreachable, match=r"the MQTT broker no\.such\.host:1884 is away"):
                await asyncio.wait_for(call, PATIENT_S)


async def test_a_device_that_comes_later_under_the_same_prefix_is_found_out(home: Home) -> None:
    heaters, prefix, network = (Heater(), Heater()), f"same{home.serial}", network_of(home)
    device = adopted(network, home.mac())
    assert device.relay
    async with plug(home, heaters[0], 0, prefix):
        await located(network, [home.mac()])
        assert (await device.relay.switch(on=True)).on
        assert not (await device.relay.switch(on=False)).on
        heard: list[Message] = []
        home.broker.subscribe(f"{prefix}/online", heard.append)
        other = plug(home, heaters[1], 1, prefix)
        other.faults.delay_s = 0.05
        async with other:
            await settled(lambda: any(not one.retained for one in heard))
            with pytest.raises(DeviceRefused, match="2 devices speak on one prefix"):
                await device.relay.switch(on=True)
    assert heaters[0].switchings.count(True) == 1
    assert True not in heaters[1].switchings
