"""Connections: one conversation at a time for each device, three at once in all, and what becomes of broken ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from agent.errors import DeviceRefused, DeviceUnreachable
from agent.ports import Relay
from simulators.ble.shelly import ShellyBle
from simulators.ble.switchbot import SwitchBotPlugMini
from simulators.circuit import Heater
from simulators.shelly.says import Identity
from tests.ble.homes import BleHome, ble_home
from tests.contract.bench import IMPATIENT_S, PATIENT_S

MAC = "A0:B1:C2:D3:E4:F5"
PLUG, SHELLY = "switchbot-plug-mini-us", "shelly-plus-1pm-bluetooth"


@asynccontextmanager
async def plugs(home: BleHome, count: int) -> AsyncIterator[list[tuple[SwitchBotPlugMini, Heater]]]:
    """So many plugs, all of them heard."""
    async with AsyncExitStack() as stack:
        made = []
        for number in range(count):
            heater = Heater()
            plug = SwitchBotPlugMini(home.bluez, f"A0B1C2D3E4{number:02X}", heater, home.clock.now, tick_s=0.02)
            await stack.enter_async_context(plug)
            made.append((plug, heater))
        for plug, _ in made:
            await home.heard(plug.mac)
        yield made


@asynccontextmanager
async def shelly(home: BleHome) -> AsyncIterator[tuple[ShellyBle, Heater]]:
    heater = Heater()
    device = ShellyBle(home.bluez, Identity(MAC.replace(":", "")), heater, home.clock.now, tick_s=0.02)
    async with device:
        await home.heard(MAC)
        yield device, heater


def relay_of(home: BleHome, profile: str, mac: str, deadline_s: float = PATIENT_S) -> Relay:
    relay = home.device(profile, mac, deadline_s).relay
    assert relay is not None
    return relay


async def test_five_plugs_are_switched_at_once_over_three_connections() -> None:
    async with ble_home(linger_s=60.0) as home, plugs(home, 5) as all_of_them:
        states = await asyncio.gather(*(relay_of(home, PLUG, plug.mac).switch(on=True) for plug, _ in all_of_them))
        assert all(state.on for state in states)
        assert [heater.switchings[1:] for _, heater in all_of_them] == [[True]] * 5
        assert home.bluez.connections_at_most == 3


async def test_two_conversations_with_one_device_never_overlap() -> None:
    async with ble_home() as home, plugs(home, 1) as [(plug, _)]:
        link, inside = home.links.to(plug.mac, kept=False), []

        async def converse() -> None:
            async with link.conversation("bench"):
                inside.append(1)
                await asyncio.sleep(0.01)
                assert len(inside) == 1
                inside.pop()

        await asyncio.gather(*(converse() for _ in range(5)))
        assert home.bluez.calls["Connect"] == 1


async def test_a_kept_link_stays_and_a_dropped_one_is_let_go_of() -> None:
    async with ble_home(linger_s=0.05) as home, plugs(home, 1) as [(plug, _)], shelly(home):
        assert (await relay_of(home, SHELLY, MAC).switch(on=True)).on
        assert (await relay_of(home, PLUG, plug.mac).switch(on=True)).on
        assert home.bluez.connections == 2
        async with asyncio.timeout(PATIENT_S):
            while home.bluez.connections > 1:
                await asyncio.sleep(0.01)
        assert not (await relay_of(home, SHELLY, MAC).switch(on=False)).on
        assert home.bluez.calls["Connect"] == 2


async def test_a_kept_link_makes_room_for_who_needs_it() -> None:
    async with ble_home() as home, shelly(home), plugs(home, 4) as four:
        assert (await relay_of(home, SHELLY, MAC).switch(on=True)).on
        for plug, _ in four:
            assert (await relay_of(home, PLUG, plug.mac).switch(on=True)).on
        assert home.bluez.connections_at_most == 3
        assert (await relay_of(home, SHELLY, MAC).read()).on


async def test_nothing_is_connected_any_more_where_the_hub_has_ended() -> None:
    async with ble_home() as home, shelly(home):
        assert (await relay_of(home, SHELLY, MAC).switch(on=True)).on
        assert home.bluez.connections == 1
        bluez = home.bluez
    assert bluez.connections == 0
    assert bluez.calls["Disconnect"] >= 1


async def test_places_of_devices_that_cannot_be_connected_are_free_again() -> None:
    async with ble_home() as home, plugs(home, 5) as all_of_them:
        for plug, _ in all_of_them[:4]:
            plug.unplug()
        for plug, _ in all_of_them[:4]:
            with pytest.raises(DeviceUnreachable):
                await relay_of(home, PLUG, plug.mac, 0.1).read()
        assert (await relay_of(home, PLUG, all_of_them[4][0].mac).switch(on=True)).on


# ---- broken


@pytest.mark.parametrize(("profile", "writes", "done"), [(PLUG, 1, True), (SHELLY, 1, False), (SHELLY, 2, True)])
async def test_a_link_that_breaks_in_the_middle_of_an_order_leaves_it_unknown_and_is_made_anew(
    profile: str,
    writes: int,
    done: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async with ble_home() as home, plugs(home, 1) as [(plug, heated)], shelly(home) as (device, heater):
        mac, circuit = (plug.mac, heated) if profile == PLUG else (device.mac, heater)
        relay = relay_of(home, profile, mac)
        assert not (await relay.read()).on
        written = home.bluez.calls["WriteValue"]
        home.bluez.faults.breaks_after_writes = writes
        with pytest.raises(DeviceUnreachable, match="the connection broke"):
            await relay.switch(on=True)
        assert home.bluez.calls["WriteValue"] == written + writes, "nothing is sent twice"
        assert circuit.on is done
        assert (await relay.read()).on is done
        assert (await relay.switch(on=True)).on


async def test_a_link_that_breaks_while_an_answer_is_awaited_is_noticed_at_once() -> None:
    async with ble_home() as home, plugs(home, 1) as [(plug, _)]:
        relay = relay_of(home, PLUG, plug.mac)
        await relay.read()
        plug.faults.drop_answers = 1
        asking = asyncio.create_task(relay.read())
        written = home.bluez.calls["WriteValue"]
        while home.bluez.calls["WriteValue"] == written:
            await asyncio.sleep(0)
        home.bluez.drop(plug)
        with pytest.raises(DeviceUnreachable, match="broke before it answered"):
            await asking


@pytest.mark.parametrize("method", ["Connect", "WriteValue", "StartNotify", "ReadValue"])
@pytest.mark.parametrize("profile", [PLUG, SHELLY])
async def test_a_radio_that_is_busy_for_a_moment_is_asked_again_and_orders_are_done_once(
    method: str, profile: str
) -> None:
    async with ble_home() as home, plugs(home, 1) as [(plug, heated)], shelly(home) as (device, heater):
        mac, circuit = (plug.mac, heated) if profile == PLUG else (device.mac, heater)
        relay = relay_of(home, profile, mac)
        home.bluez.faults.in_progress[method] = 2
        if (profile, method) == (PLUG, "StartNotify"):
            with pytest.raises(DeviceUnreachable, match="InProgress"):
                await relay.read()
            home.bluez.faults.in_progress.clear()
        circuit.switchings.clear()
        assert (await relay.switch(on=True)).on
        assert circuit.switchings == [True]


async def test_a_radio_that_takes_no_connection_is_named() -> None:
    async with ble_home() as home, plugs(home, 1) as [(plug, _)]:
        home.bluez.faults.most_connections = 0
        with pytest.raises(DeviceUnreachable, match=r"cannot be connected: .*Connection refused"):
            await relay_of(home, PLUG, plug.mac).read()
        home.bluez.faults.most_connections = 99
        assert not (await relay_of(home, PLUG, plug.mac).read()).on


async def test_a_radio_that_never_answers_is_given_up_in_time() -> None:
    async with ble_home() as home, plugs(home, 1) as [(plug, heater)]:
        for method in ("Connect", "StartNotify", "WriteValue"):
            home.bluez.faults.unanswered[method] = 1
            with pytest.raises(DeviceUnreachable, match="no answer within"):
                await relay_of(home, PLUG, plug.mac, IMPATIENT_S).read()
        assert (await relay_of(home, PLUG, plug.mac).switch(on=True)).on
        assert heater.on


@pytest.mark.parametrize("method", ["Connect", "StartNotify", "WriteValue"])
async def test_a_bus_that_dies_in_the_middle_of_a_call_leaves_the_device_unreachable(method: str) -> None:
    async with ble_home() as home, plugs(home, 1) as [(plug, _)]:
        home.bluez.faults.unanswered[method] = 1
        reading = asyncio.create_task(relay_of(home, PLUG, plug.mac).read())
        while not home.bluez.calls[method]:
            await asyncio.sleep(0)
        home.bus.stop()
        with pytest.raises(DeviceUnreachable, match="connect"):
            await reading


async def test_a_device_that_was_never_heard_is_unreachable_at_once() -> None:
    async with ble_home() as home:
        relay = relay_of(home, PLUG, MAC)
        with pytest.raises(DeviceUnreachable, match="was not heard by Bluetooth yet"):
            await relay.switch(on=True)


async def test_a_device_that_lacks_what_its_profile_says_refuses() -> None:
    async with ble_home() as home, plugs(home, 1) as [(plug, _)], shelly(home) as (device, _):
        with pytest.raises(DeviceRefused, match="is this its profile"):
            await relay_of(home, SHELLY, plug.mac).switch(on=True)
        device.rpc_enabled = False
        with pytest.raises(DeviceRefused, match="is that switched on"):
            await relay_of(home, SHELLY, MAC).switch(on=True)
