"""The radio: heard or not, absent, lost and back, stuck; and how much of what it hears is remembered."""

import asyncio
import logging
from collections.abc import Mapping

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.ble import bthome, bthome_objects, shelly, switchbot
from agent.adapters.ble.link import Links
from agent.adapters.ble.network import BleNetwork
from agent.adapters.ble.radio import _MOST_HEARD, BluetoothAway, Heard, Radio, mac_of
from agent.errors import DeviceUnreachable, HubError, ProfileInvalid
from simulators.ble.bluez import Bluez
from simulators.ble.objects import Adapter
from simulators.ble.switchbot import SwitchBotPlugMini
from simulators.circuit import Heater
from tests.ble.homes import PROFILES, BleHome, ble_home, running, system_bus
from tests.contract.bench import IMPATIENT_S, NOON, PATIENT_S, StillClock

MAC = "A0:B1:C2:D3:E4:F5"
PLUG = "switchbot-plug-mini-us"


def plug_in(home: BleHome, heater: Heater, mac: str = MAC) -> SwitchBotPlugMini:
    return SwitchBotPlugMini(home.bluez, mac, heater, home.clock.now, tick_s=0.02)


async def until_up(radio: Radio, *, up: bool) -> None:
    async with asyncio.timeout(PATIENT_S):
        while radio.up is not up:
            await asyncio.sleep(0)


def said(
    name: str = "", fields: Mapping[int, bytes] | None = None, services: Mapping[str, bytes] | None = None
) -> AdvertisementData:
    return AdvertisementData(name, dict(fields or {}), dict(services or {}), [], None, -60, ())


# ---- absent altogether


async def test_without_a_bus_the_hub_goes_on_and_says_why() -> None:
    async with system_bus(started=False):
        radio = Radio(StillClock(), retry_s=(0.01, 0.02))
        network = BleNetwork(radio, StillClock(), PROFILES)
        async with running(network.loops) as tasks:
            with pytest.raises(BluetoothAway, match="no D-Bus here") as caught:
                await network.scan(IMPATIENT_S)
            assert caught.value.retryable
            assert not any(task.done() for task in tasks)


async def test_without_bluez_on_the_bus_the_hub_goes_on_and_says_why() -> None:
    async with system_bus():
        radio = Radio(StillClock(), retry_s=(0.01, 0.02))
        async with running([radio.run]) as tasks:
            with pytest.raises(BluetoothAway, match="does not run"):
                await radio.wait_up(IMPATIENT_S)
            assert not tasks[0].done()


@pytest.mark.parametrize(
    ("adapter", "why"),
    [
        (None, "No Bluetooth adapters found"),
        (Adapter(powered=False), "Turn on Bluetooth"),
        (Adapter(roles=("peripheral",)), "central"),
    ],
)
async def test_without_a_usable_adapter_the_hub_goes_on_and_says_why(adapter: Adapter | None, why: str) -> None:
    async with system_bus() as bus, Bluez(bus, adapter):
        radio = Radio(StillClock(), retry_s=(0.01, 0.02))
        links = Links(radio)
        device = BleNetwork(radio, StillClock(), PROFILES, links)
        async with running([radio.run]) as tasks:
            with pytest.raises(BluetoothAway, match=why):
                await radio.wait_up(IMPATIENT_S)
            assert not tasks[0].done()
            assert device.families


async def test_a_device_of_a_home_without_bluetooth_is_unreachable_and_says_why() -> None:
    async with ble_home() as home:
        home.bluez.lose_adapter()
        await until_up(home.radio, up=False)
        relay = home.device(PLUG, MAC, IMPATIENT_S).relay
        assert relay is not None
        with pytest.raises(DeviceUnreachable, match="Bluetooth is away: No Bluetooth adapters found"):
            await relay.switch(on=True)


async def test_bluez_that_never_answers_is_not_waited_for_by_a_scan() -> None:
    async with system_bus() as bus, Bluez(bus, Adapter()) as bluez:
        bluez.faults.unanswered["StartDiscovery"] = 1
        radio = Radio(StillClock(), retry_s=(0.01, 0.02))
        async with running([radio.run]):
            with pytest.raises(BluetoothAway):
                await radio.wait_up(IMPATIENT_S)


# ---- lost and back


async def test_an_adapter_that_is_lost_and_comes_back_is_told_once_each_and_used_again() -> None:
    told: list[bool] = []
    heater = Heater()
    async with (
        ble_home(on_connection=lambda there, _why: told.append(there)) as home,
        plug_in(home, heater) as plug,
    ):
        await home.heard(MAC)
        relay = home.device(PLUG, MAC).relay
        assert relay is not None
        assert (await relay.switch(on=True)).on
        home.bluez.lose_adapter()
        await until_up(home.radio, up=False)
        with pytest.raises(DeviceUnreachable):
            await relay.read()
        home.bluez.bring_adapter()
        await until_up(home.radio, up=True)
        before = home.radio.heard(MAC)
        plug.press_button()
        async with asyncio.timeout(PATIENT_S):
            while home.radio.heard(MAC) is before:
                await asyncio.sleep(0)
        assert not (await relay.read()).on
    assert told == [False, True]


async def test_another_adapter_takes_over() -> None:
    heater = Heater()
    async with ble_home() as home, plug_in(home, heater):
        await home.heard(MAC)
        home.bluez.lose_adapter()
        await until_up(home.radio, up=False)
        home.bluez.bring_adapter(Adapter(name="hci1"))
        await until_up(home.radio, up=True)
        async with asyncio.timeout(PATIENT_S):
            while "hci1" not in home.radio.heard(MAC).device.details["path"]:  # type: ignore[union-attr]
                await asyncio.sleep(0)
        relay = home.device(PLUG, MAC).relay
        assert relay is not None
        assert (await relay.switch(on=True)).on


async def test_a_bus_that_dies_and_comes_back_is_used_again(caplog: pytest.LogCaptureFixture) -> None:
    heater = Heater()
    async with ble_home() as home, plug_in(home, heater):
        await home.heard(MAC)
        relay = home.device(PLUG, MAC).relay
        assert relay is not None
        assert (await relay.switch(on=True)).on
        home.bus.stop()
        await until_up(home.radio, up=False)
        with pytest.raises(DeviceUnreachable):
            await relay.read()
        await home.bluez.stop()
        home.bus.start()
        await home.bluez.start()
        await until_up(home.radio, up=True)
        assert (await relay.read()).on
    # What the library's own calls leave behind when a bus dies is asyncio's to say.
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR and one.name.startswith("agent")]


async def test_an_adapter_that_is_busy_is_asked_again() -> None:
    async with system_bus() as bus, Bluez(bus, Adapter()) as bluez:
        bluez.faults.in_progress["StartDiscovery"] = 2
        radio = Radio(StillClock(), retry_s=(0.01, 0.02))
        async with running([radio.run]):
            await radio.wait_up(PATIENT_S)
        assert bluez.calls["StartDiscovery"] == 3


async def test_a_scan_in_which_nobody_is_heard_is_begun_anew() -> None:
    async with ble_home(silent_s=0.05) as home:
        began = home.bluez.calls["StartDiscovery"]
        async with asyncio.timeout(PATIENT_S):
            while home.bluez.calls["StartDiscovery"] < began + 2:
                await asyncio.sleep(0)
        home.bluez.adapter = Adapter()  # as when bluetoothd was started anew and nobody was told
        async with plug_in(home, Heater()):
            await home.heard(MAC)


async def test_the_hub_wants_to_hear_the_same_again() -> None:
    async with ble_home() as home:
        assert home.bluez.adapter is not None
        assert home.bluez.adapter.duplicates


async def test_a_bug_in_a_listener_ends_the_hub_rather_than_a_line_in_the_log() -> None:
    def broken(_heard: Heard, _fresh: bool) -> None:  # noqa: FBT001 - as the radio calls it
        raise KeyError("a bug")

    async with system_bus() as bus, Bluez(bus, Adapter()) as bluez:
        radio = Radio(StillClock(), check_s=0.02)
        radio.listen(MAC, broken)
        async with SwitchBotPlugMini(bluez, MAC, Heater(), lambda: NOON, tick_s=0.02):
            with pytest.raises(KeyError, match="a bug"):
                async with asyncio.timeout(PATIENT_S):
                    await radio.run()


async def test_what_cannot_be_read_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    def unable(_heard: Heard, _fresh: bool) -> None:  # noqa: FBT001 - as the radio calls it
        raise HubError("cannot be read")

    radio = Radio(StillClock())
    radio.listen(MAC, unable)
    for _ in range(3):
        radio._on_advertisement(BLEDevice(MAC, None, {}), said())
    assert len(caplog.records) == 1


# ---- what is remembered


async def test_no_more_devices_are_remembered_than_a_home_can_hear_and_adopted_ones_always() -> None:
    radio = Radio(StillClock())
    radio.listen(MAC, lambda _heard, _fresh: None)
    radio._on_advertisement(BLEDevice(MAC, None, {}), said("mine"))
    for number in range(3 * _MOST_HEARD):
        radio._on_advertisement(BLEDevice(mac_of(f"{number:012X}") or "", None, {}), said())
    assert len(list(radio.all_heard())) == _MOST_HEARD
    mine = radio.heard(MAC)
    assert mine is not None
    assert mine.name == "mine"
    assert radio.heard(mac_of(f"{3 * _MOST_HEARD - 1:012X}") or "") is not None


@given(
    name=st.text(max_size=300),
    fields=st.dictionaries(st.sampled_from([0x0969, 0x0BA9, 0x004C]), st.binary(max_size=3000), max_size=3),
    services=st.dictionaries(
        st.sampled_from(["0000fd3d-0000-1000-8000-00805f9b34fb", bthome_objects.SERVICE_DATA]),
        st.binary(max_size=300),
        max_size=2,
    ),
    address=st.one_of(st.just(MAC), st.text(max_size=30)),
)
async def test_nothing_in_the_air_breaks_the_radio(
    name: str, fields: dict[int, bytes], services: dict[str, bytes], address: str
) -> None:
    radio = Radio(StillClock())
    network = BleNetwork(radio, StillClock(), PROFILES)
    profiles = ("bthome-meter", PLUG, "shelly-plus-1pm-bluetooth")
    home = BleHome(None, None, StillClock(), radio, Links(radio), network)  # type: ignore[arg-type]
    devices = [home.device(profile, MAC, 0.001) for profile in profiles]
    for _ in range(2):
        radio._on_advertisement(BLEDevice(address, None, {}), said(name, fields, services))
    assert radio._bug is None
    for heard in radio.all_heard():
        assert len(heard.name) <= 100
        assert sum(map(len, [*heard.manufacturer_data.values(), *heard.service_data.values()])) <= 2048
        for recognise in (shelly.recognise, switchbot.recognise, bthome.recognise):
            recognise(heard)
        network._sighting(heard)
    assert len(devices) == 3


@pytest.mark.parametrize("address", ["kitchen", "A0:B1:C2:D3:E4", "", "A0B1C2D3E4FG", "tasmota_E4F5"])
def test_an_address_that_is_no_mac_is_refused(address: str) -> None:
    assert mac_of(address) is None


async def test_a_device_of_another_network_is_refused() -> None:
    async with ble_home() as home:
        with pytest.raises(ProfileInvalid, match="not spoken with over Bluetooth"):
            home.device("tasmota-plug", MAC)
        with pytest.raises(ProfileInvalid, match="by its MAC address"):
            home.device(PLUG, "kitchen")
