"""BTHome: readings that are only heard, for as long as they count; what is encrypted, unclear or hostile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bthome_ble import BTHomeBluetoothDeviceData
from habluetooth import BluetoothServiceInfoBleak
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.ble.bthome import COUNTS_FOR, BTHomeSensor, model_of
from agent.adapters.ble.bthome_objects import (
    SERVICE_DATA,
    BTHomeEncrypted,
    BTHomeMalformed,
    read_report,
)
from agent.adapters.ble.radio import Radio
from agent.domain.device import Ability
from agent.errors import DeviceError, DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Meter, Thermometer
from simulators.ble.bluez import Bluez
from simulators.ble.bthome import BTHomeMeter, BTHomeThermometer
from simulators.ble.bthome import BTHomeSensor as SimulatedSensor
from simulators.circuit import Heater
from tests.ble.homes import BleHome, ble_home
from tests.contract.bench import IMPATIENT_S, PATIENT_S, StillClock

MAC = "A0:B1:C2:D3:E4:F5"
S = TypeVar("S", bound=SimulatedSensor)


@asynccontextmanager
async def plugged(make: Callable[[Bluez, Heater, StillClock], S]) -> AsyncIterator[tuple[BleHome, S, Heater]]:
    heater = Heater(rated_w=2000.0, celsius=21.4)
    async with ble_home() as home, make(home.bluez, heater, home.clock) as sensor:
        yield home, sensor, heater


def thermometer(air: Bluez, heater: Heater, clock: StillClock) -> BTHomeThermometer:
    return BTHomeThermometer(air, MAC, heater, clock.now, name="SBHT-003C", tick_s=0.02)


def meter(air: Bluez, heater: Heater, clock: StillClock) -> BTHomeMeter:
    return BTHomeMeter(air, MAC, heater, clock.now, tick_s=0.02)


def thermometer_of(home: BleHome, deadline_s: float = PATIENT_S, sensor: str | None = None) -> Thermometer:
    made = home.device("bthome-thermometer", MAC, deadline_s, sensor=sensor).thermometer
    assert made is not None
    return made


def meter_of(home: BleHome, deadline_s: float = PATIENT_S) -> Meter:
    made = home.device("bthome-meter", MAC, deadline_s).meter
    assert made is not None
    return made


async def test_a_meter_tells_power_and_energy() -> None:
    async with plugged(meter) as (home, sensor, heater):
        sensor.reset_energy()
        heater.switch(True)  # noqa: FBT003 - a circuit has one switch
        first = await meter_of(home).read()
        assert (first.power_w, first.energy_wh, first.at) == (2000.0, 0, home.clock.now())
        home.clock.advance(hours=1.5)
        later = await meter_of(home).read()  # the first one is too old by now
        assert (later.power_w, later.energy_wh, later.at) == (2000.0, 3000, home.clock.now())


async def test_a_reading_counts_for_a_while_and_then_no_more() -> None:
    async with plugged(thermometer) as (home, sensor, _):
        reading = await thermometer_of(home).read()
        sensor.unplug()
        home.clock.advance(seconds=COUNTS_FOR.total_seconds())
        assert await thermometer_of(home, IMPATIENT_S).read() == reading
        home.clock.advance(seconds=1)
        with pytest.raises(DeviceUnreachable, match="not heard for 15 minutes"):
            await thermometer_of(home, IMPATIENT_S).read()
        await sensor.plug_in()
        assert (await thermometer_of(home).read()).at == home.clock.now()


async def test_an_unplugged_meter_is_unreachable() -> None:
    async with plugged(meter) as (home, sensor, _):
        sensor.unplug()
        with pytest.raises(DeviceUnreachable):
            await meter_of(home, IMPATIENT_S).read()


async def test_encrypted_readings_are_refused_by_name_and_read_once_they_are_open() -> None:
    async with plugged(thermometer) as (home, sensor, _):
        sensor.encrypted = True
        with pytest.raises(DeviceRefused, match="encrypted"):
            await thermometer_of(home).read()
        (seen,) = await home.network.scan(0.05)
        assert (seen.profile, seen.abilities) == (None, frozenset())
        sensor.encrypted = False
        async with asyncio.timeout(PATIENT_S):
            while True:
                try:
                    assert (await thermometer_of(home).read()).temperature_c == 21.4
                    break
                except DeviceRefused:
                    await asyncio.sleep(0)


async def test_a_scan_knows_models_by_their_names() -> None:
    async with plugged(thermometer) as (home, _, _):
        (seen,) = await home.network.scan(0.05)
        assert (seen.profile, seen.model, seen.label) == ("shelly-blu-h-t", "SBHT-003C", "SBHT-003C")
        assert seen.abilities == {Ability.THERMOMETER}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("ATC_D3E4F5", "ATC"),
        ("LYWSD03MMC", "LYWSD03MMC"),
        ("SBHT-003C", "SBHT-003C"),
        ("ATC_ABCDEF", "ATC_ABCDEF"),
        ("", ""),
    ],
)
def test_the_end_of_the_address_is_no_part_of_the_model(name: str, model: str) -> None:
    assert model_of(name, MAC) == model


# ---- without a radio


def told(radio: Radio, hexed: str) -> None:
    data = {SERVICE_DATA: bytes.fromhex(hexed)}
    radio._on_advertisement(BLEDevice(MAC, None, {}), AdvertisementData("", {}, data, [], None, -60, ()))


async def test_readings_that_are_told_in_turn_are_all_kept() -> None:
    radio, clock = Radio(StillClock()), StillClock()
    sensor = BTHomeSensor(radio, MAC, clock)
    told(radio, "40 02 ca 09")
    told(radio, "40 0b 02 1b 00")
    assert (await sensor.temperatures("bench", 0.01))[1] == (25.06,)
    assert (await sensor.powers("bench", 0.01))[1].powers_w == (69.14,)


@pytest.mark.parametrize(
    ("which", "hexed", "celsius"),
    [(None, "40 02 ca 09", 25.06), ("1", "40 02 ca 09 02 10 27", 25.06), ("2", "40 02 ca 09 02 10 27", 100.0)],
)
async def test_a_sensor_may_be_chosen(which: str | None, hexed: str, celsius: float) -> None:
    async with ble_home() as home:
        chosen = thermometer_of(home, sensor=which)
        told(home.radio, hexed)
        assert (await chosen.read()).temperature_c == celsius


@pytest.mark.parametrize("which", [None, "3", "kitchen"])
async def test_which_sensor_is_meant_must_be_clear(which: str | None) -> None:
    async with ble_home() as home:
        unclear = thermometer_of(home, sensor=which)
        told(home.radio, "40 02 ca 09 02 10 27")
        with pytest.raises(DeviceRefused, match="let `sensor` be one of 1, 2"):
            await unclear.read()


async def test_a_temperature_that_no_home_has_is_no_reading() -> None:
    async with ble_home() as home:
        broken = thermometer_of(home)
        told(home.radio, "40 02 00 80")
        with pytest.raises(DeviceMalformed, match="no home has"):
            await broken.read()


@pytest.mark.parametrize(
    ("hexed", "error", "why"),
    [
        ("", BTHomeMalformed, "0 bytes"),
        ("20 02 ca 09", BTHomeMalformed, "version 1"),
        ("41 02 ca 09", BTHomeEncrypted, "encrypted"),
        ("40 02 ca", BTHomeMalformed, "cut off"),
        ("40 53", BTHomeMalformed, "cut off"),
        ("40 54 ff 00", BTHomeMalformed, "cut off"),
        ("40" + " 00 00" * 200, BTHomeMalformed, "401 bytes"),
    ],
)
def test_what_cannot_be_read_is_named(hexed: str, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        read_report(bytes.fromhex(hexed))


def test_what_follows_an_unknown_object_is_passed_over() -> None:
    assert read_report(bytes.fromhex("40 02 ca 09 ee 01 02 03")).temperatures_c == (25.06,)


OBJECTS = st.one_of(
    st.integers(-6000, 15000).map(lambda n: b"\x02" + n.to_bytes(2, "little", signed=True)),
    st.integers(0, 2**24 - 1).map(lambda n: b"\x0b" + n.to_bytes(3, "little")),
    st.integers(0, 2**24 - 1).map(lambda n: b"\x0a" + n.to_bytes(3, "little")),
    st.integers(-(2**31), 2**31 - 1).map(lambda n: b"\x5c" + n.to_bytes(4, "little", signed=True)),
    st.binary(max_size=9).map(lambda text: b"\x54" + bytes([len(text)]) + text),
    st.integers(0, 255).map(lambda n: bytes([0x2E, n])),
)


@given(st.lists(OBJECTS, max_size=5, unique_by=lambda said: said[0]))
def test_every_report_is_read_as_bthome_ble_reads_it(objects: list[bytes]) -> None:
    data = b"\x40" + b"".join(sorted(objects))
    report = read_report(data)
    heard = BluetoothServiceInfoBleak.from_device_and_advertisement_data(
        BLEDevice(MAC, "sensor", {}),
        AdvertisementData("sensor", {}, {SERVICE_DATA: data}, [], None, -60, ()),
        "hub",
        0.0,
        connectable=False,
    )
    read = BTHomeBluetoothDeviceData().update(heard).entity_values
    judged = {key.key: value.native_value for key, value in read.items()}
    assert report.temperatures_c == tuple(value for key, value in judged.items() if key.startswith("temperature"))
    powers = [value for key, value in judged.items() if key.startswith("power")]
    assert sorted(report.powers_w) == pytest.approx(sorted(map(float, powers)))  # type: ignore[arg-type]
    energies = [value for key, value in judged.items() if key.startswith("energy")]
    assert [wh / 1000 for wh in report.energies_wh] == energies


@given(st.binary(max_size=400))
async def test_no_bytes_break_the_hub_or_grow(data: bytes) -> None:
    radio, clock = Radio(StillClock()), StillClock()
    sensor = BTHomeSensor(radio, MAC, clock)
    told(radio, data.hex())
    assert radio._bug is None
    try:
        report = read_report(data)
    except BTHomeMalformed:
        with pytest.raises(DeviceError):
            await sensor.temperatures("bench", 0.0)
        return
    assert max(map(len, (report.temperatures_c, report.powers_w, report.energies_wh))) <= 8
