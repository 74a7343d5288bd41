"""Devices of the hub's own ZigBee network: what they say, report and refuse."""

import asyncio
from pathlib import Path

import pytest

from agent.domain.device import Ability
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable, ProfileInvalid, SettingsInvalid
from simulators.circuit import Heater
from simulators.zigbee.coordinator import Coordinator
from simulators.zigbee.device import Model
from simulators.zigbee.plug import Scales, ZigbeePlug, ZigbeeThermometer
from tests.contract.bench import StillClock
from tests.zigbee.home import FIRST, Formed, adopt, copied, network_on, plug, running, until
from tests.zigbee.plugged import put, relay_of


async def test_a_command_whose_answer_is_lost_is_sent_once(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        device = put(stick, clock)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug", deadline_s=0.6, ends_after_s=900.0))
            device.faults.drop_answers = 1
            assert (await relay.switch(on=True)).on
            assert device.obeyed == [0x01]


async def test_a_device_that_answers_failure_refuses(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        device = put(stick, clock)
        async with running(network):
            device.answers_failure = True
            with pytest.raises(DeviceRefused, match="FAILURE"):
                await relay_of(adopt(network, device, "zigbee-plug")).switch(on=True)
            device.answers_failure = False
            with pytest.raises(DeviceRefused, match=r"no 2\."):
                await relay_of(adopt(network, device, "zigbee-plug", channel=2)).read()


async def test_away_is_what_did_not_answer_lately(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        device = put(stick, clock)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug"))
            station = network._stations[device.address]
            device.unplug()
            for _ in range(2):
                assert not station.away
                with pytest.raises(DeviceUnreachable, match="MAC_NO_ACK"):
                    await relay.read()
            assert "MAC_NO_ACK" in station.away
            await device.plug_in()
            await relay.read()
            assert not station.away


async def test_reports_spare_questions_until_they_are_late(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    heater = Heater()
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        device = put(stick, clock, heater)
        async with running(network):
            adopted = adopt(network, device, "zigbee-plug")
            relay, meter = relay_of(adopted), adopted.meter
            assert meter is not None
            await relay.switch(on=True)
            assert (await meter.read()).power_w == 2000
            asked = len(stick.heard)
            device.report(1, 0x0B04, 0x050B, 15_000)
            station = network._stations[device.address]
            await until(lambda: station.heard(1, (0x0B04, 0x050B)).value == 15_000)  # type: ignore[union-attr]
            assert (await meter.read()).power_w == 1500
            assert len(stick.heard) == asked
            clock.advance(seconds=301)
            assert (await meter.read()).power_w == 2000
            assert len(stick.heard) > asked


async def test_a_device_reports_what_it_was_asked_to(tmp_path: Path, clock: StillClock) -> None:
    heater = Heater()
    async with Coordinator() as stick:
        network = network_on(stick, tmp_path, clock)
        device, sensor = plug(stick, heater, clock), ZigbeeThermometer(stick, FIRST + 1, heater, clock.now)
        async with running(network):
            scanning = asyncio.create_task(network.scan(0.3))
            await until(lambda: stick.permitted_s > 0)
            assert device.join()
            assert sensor.join()
            assert {each.profile for each in await scanning} == {"zigbee-plug", "zigbee-thermometer"}
            await until(lambda: device.arranged and sensor.arranged)
            relay, thermometer = (
                relay_of(adopt(network, device, "zigbee-plug")),
                adopt(network, sensor, "zigbee-thermometer").thermometer,
            )
            assert thermometer is not None
            assert not (await relay.switch(on=False)).on
            pressed: list[bool] = []
            relay.on_pressed = lambda state: pressed.append(state.on)
            device.press_button()
            await until(lambda: pressed == [True])
            asked = len(stick.heard)
            heater.celsius = 21.5
            clock.advance(seconds=60)
            sensor.tick()
            await until(lambda: network._stations[sensor.address].heard(1, (0x0402, 0)) is not None)
            assert (await thermometer.read()).temperature_c == 21.5
            assert len(stick.heard) == asked


@pytest.mark.parametrize(
    ("scales", "power_w", "wh"),
    [
        (Scales(power_divisor=1, energy_divisor=100), 2000.0, 12_340),
        (Scales(power_multiplier=2, power_divisor=20, energy_divisor=3_600_000), 2000.0, 12_345),
        (Scales(electrical=False, energy_divisor=1000), 2000.0, 12_345),
        (Scales(power_divisor=1, tells=False), 2000.0, None),
    ],
)
async def test_numbers_are_scaled_as_the_device_says(
    tmp_path: Path, clock: StillClock, scales: Scales, power_w: float, wh: int | None
) -> None:
    async with Coordinator() as stick:
        network = network_on(stick, tmp_path, clock)
        device = ZigbeePlug(stick, FIRST, Heater(on=True), clock.now, scales=scales)
        async with running(network):
            scanning = asyncio.create_task(network.scan(0.15))
            await until(lambda: stick.permitted_s > 0)
            assert device.join()
            (seen,) = await scanning
            assert seen.abilities == {Ability.RELAY, Ability.METER}
            meter = adopt(network, device, "zigbee-plug").meter
            assert meter is not None
            reading = await meter.read()
            assert (reading.power_w, reading.energy_wh) == (power_w, wh)


async def test_a_meter_in_wrong_units_is_not_believed(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        device = put(stick, clock, Heater(on=True))
        device.faults.wrong_units = True
        async with running(network):
            meter = adopt(network, device, "ikea-e2206-zigbee").meter
            assert meter is not None
            with pytest.raises(DeviceMalformed, match="20000 W"):
                await meter.read()


async def test_the_maker_decides_between_models_of_one_name(tmp_path: Path, clock: StillClock) -> None:
    makers = {"_TZ3000_2putqrmw": "nous-a1z-zigbee", "_TZ3000_unknown0": "tuya-ts011f-zigbee"}
    async with Coordinator() as stick:
        network = network_on(stick, tmp_path, clock)
        async with running(network):
            scanning = asyncio.create_task(network.scan(0.3))
            await until(lambda: stick.permitted_s > 0)
            for number, maker in enumerate(makers):
                assert ZigbeePlug(stick, FIRST + number, Heater(), clock.now, model=Model(maker, "TS011F")).join()
            assert [each.profile for each in await scanning] == list(makers.values())


async def test_what_is_no_address_and_no_profile_is_refused(tmp_path: Path, clock: StillClock) -> None:
    async with Coordinator() as stick:
        network = network_on(stick, tmp_path, clock)
        device = plug(stick, Heater(), clock)
        with pytest.raises(ProfileInvalid):
            adopt(network, device, "zigbee-plugg")
        with pytest.raises(SettingsInvalid, match="no IEEE address"):
            adopt(network, device, "zigbee-plug", address="a4:c1:38")
        with pytest.raises(DeviceUnreachable, match="not been reached yet"):
            await relay_of(adopt(network, device, "zigbee-plug")).read()
