"""Other people's libraries drive the simulated devices: PySwitchbot, bthome-ble, aioshelly. No adapter of the hub's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aioshelly.ble.manufacturer_data import has_rpc_over_ble, parse_shelly_manufacturer_data
from aioshelly.exceptions import RpcCallError
from aioshelly.rpc_device.blerpc import BleRPC
from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bthome_ble import BTHomeBluetoothDeviceData
from bthome_ble.const import MEAS_TYPES
from habluetooth import BluetoothServiceInfoBleak
from switchbot import SwitchbotPlugMini
from switchbot.adv_parser import parse_advertisement_data
from switchbot.const import SwitchbotModel

from agent.adapters.ble import bthome_objects
from simulators.ble.bluez import Bluez
from simulators.ble.bthome import BTHomeMeter, BTHomeThermometer, Resolution
from simulators.ble.life import BleDevice
from simulators.ble.objects import Adapter
from simulators.ble.shelly import ShellyBle
from simulators.ble.switchbot import Region, SwitchBotPlugMini
from simulators.circuit import Heater
from simulators.shelly.says import Identity
from tests.ble.homes import system_bus
from tests.contract.bench import NOON, PATIENT_S, StillClock

MAC = "A0B1C2D3E4F5"
Seen = tuple[BLEDevice, AdvertisementData]


@asynccontextmanager
async def heard_by_bleak(make: Callable[[Bluez], BleDevice]) -> AsyncIterator[Callable[[], Seen]]:
    """Plug a device in, and let bleak alone hear it; gives what was heard last."""
    seen: list[Seen] = []
    news = asyncio.Event()

    def hear(device: BLEDevice, data: AdvertisementData) -> None:
        seen.append((device, data))
        news.set()

    async with system_bus() as bus, Bluez(bus, Adapter()) as bluez, make(bluez), BleakScanner(hear):
        async with asyncio.timeout(PATIENT_S):
            await news.wait()
        yield lambda: seen[-1]


@pytest.mark.parametrize(("region", "model"), [(Region.US, "PLUG_MINI_US"), (Region.JP, "PLUG_MINI_JP")])
async def test_pyswitchbot_reads_what_the_plug_advertises(region: Region, model: str) -> None:
    heater = Heater(rated_w=1234.5)

    def plug(air: Bluez) -> BleDevice:
        made = SwitchBotPlugMini(air, MAC, heater, lambda: NOON, region=region)
        made.press_button()
        return made

    async with heard_by_bleak(plug) as last:
        read = parse_advertisement_data(*last())
        assert read is not None
        assert read.data["modelName"] is SwitchbotModel[model]
        assert (read.data["data"]["isOn"], read.data["data"]["power"]) == (True, 1234.5)


async def test_pyswitchbot_switches_the_plug() -> None:
    heater = Heater()
    made: list[SwitchBotPlugMini] = []

    def plug(air: Bluez) -> BleDevice:
        made.append(SwitchBotPlugMini(air, MAC, heater, lambda: NOON))
        return made[0]

    async with heard_by_bleak(plug) as last:
        driver = SwitchbotPlugMini(last()[0])
        try:
            answers = {await driver.turn_on(): heater.switchings[-1]}
            answers |= {await driver.turn_off(): heater.switchings[-1]}
            assert answers == {True: True, False: False}  # it takes the vendor's own answer to "off" for a failure, ...
            made[0].answers_on_to_off = True
            assert await driver.turn_off()  # ... and that of some firmware for success
            assert await driver._send_command("570f5101") == b"\x01\x00"
        finally:
            await driver._execute_forced_disconnect()


def read_by_bthome(seen: Seen) -> dict[str, object]:
    device, data = seen
    heard = BluetoothServiceInfoBleak.from_device_and_advertisement_data(device, data, "hub", 0.0, connectable=False)
    update = BTHomeBluetoothDeviceData().update(heard)
    return {key.key: value.native_value for key, value in update.entity_values.items()}


@pytest.mark.parametrize("resolution", Resolution)
@pytest.mark.parametrize("celsius", [-18.4, 0.0, 21.4, 61.5])
async def test_bthome_ble_reads_the_thermometer(resolution: Resolution, celsius: float) -> None:
    heater = Heater(celsius=celsius)

    def sensor(air: Bluez) -> BleDevice:
        return BTHomeThermometer(air, MAC, heater, lambda: NOON, name="ATC_D3E4F5", resolution=resolution)

    async with heard_by_bleak(sensor) as last:
        assert read_by_bthome(last())["temperature"] == celsius


@pytest.mark.parametrize("long_counter", [False, True])
async def test_bthome_ble_reads_the_meter(long_counter: bool) -> None:  # noqa: FBT001 - a parameter of the test
    heater, clock = Heater(), StillClock()
    heater.switch(True)  # noqa: FBT003 - a circuit has one switch

    def sensor(air: Bluez) -> BleDevice:
        made = BTHomeMeter(air, MAC, heater, clock.now, long_counter=long_counter)
        made.reset_energy()
        clock.advance(hours=1.5)
        return made

    async with heard_by_bleak(sensor) as last:
        read = read_by_bthome(last())
        assert (read["power"], read["energy"]) == (2000.0, 3.0)


def test_every_object_is_as_long_as_bthome_ble_says() -> None:
    judged = {
        kind: said.data_length
        for kind, said in MEAS_TYPES.items()
        if said.data_format not in {"raw", "string", "command"}
    }
    assert judged == bthome_objects._LENGTHS


async def test_aioshelly_recognises_the_shelly_by_what_it_advertises() -> None:
    async with heard_by_bleak(lambda air: ShellyBle(air, Identity(MAC), Heater(), lambda: NOON)) as last:
        data = last()[1].manufacturer_data
        assert has_rpc_over_ble(data)
        assert parse_shelly_manufacturer_data(data) == {"flags": 5, "model_id": 0x1001, "mac": "A0:B1:C2:D3:E4:F5"}


async def test_aioshelly_speaks_with_the_shelly_over_bluetooth() -> None:
    heater = Heater()
    async with heard_by_bleak(lambda air: ShellyBle(air, Identity(MAC), heater, lambda: NOON)) as last:
        rpc = BleRPC(last()[0])
        await rpc.connect()
        try:
            assert (await rpc.call("Shelly.GetDeviceInfo"))["mac"] == MAC
            assert await rpc.call("Switch.Set", {"id": 0, "on": True, "toggle_after": 900}) == {"was_on": False}
            assert heater.on
            status = await rpc.call("Switch.GetStatus", {"id": 0})
            assert (status["output"], status["apower"], status["timer_duration"]) == (True, 2000.0, 900.0)
            assert len(await rpc.call("Shelly.GetStatus")) > 5
            with pytest.raises(RpcCallError, match="No handler"):
                await rpc.call("Switch.Explode")
        finally:
            await rpc.disconnect()
