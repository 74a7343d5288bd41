"""The hub's ZigBee network against a stick that is lost, hung, blank or foreign, and devices that misbehave."""

import asyncio
import logging
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.zigbee import seeking
from agent.adapters.zigbee.network import DATABASE, ZigbeeNetwork
from agent.adapters.zigbee.radio import ZigbeeAway
from agent.adapters.zigbee.readings import DIVISOR, MEASURED
from agent.domain.device import Ability
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable, ProfileInvalid, SettingsInvalid
from agent.ports import Device, Relay
from simulators.circuit import Heater
from simulators.zigbee.coordinator import Coordinator
from simulators.zigbee.device import Model
from simulators.zigbee.nvram import Nvram
from simulators.zigbee.plug import OFF_AT_START, Scales, ZigbeePlug, ZigbeeThermometer
from tests.contract.bench import PATIENT_S, StillClock
from tests.zigbee.home import FIRST, Formed, adopt, copied, formed, network_on, plug, running, until


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Formed:
    """A home with one plug that was set up before."""
    return asyncio.run(formed(tmp_path_factory.mktemp("formed"), plug))


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


def relay_of(device: Device) -> Relay:
    assert device.relay is not None
    return device.relay


def put(stick: Coordinator, clock: StillClock, heater: Heater | None = None) -> ZigbeePlug:
    device = ZigbeePlug(stick, FIRST, heater or Heater(), clock.now)
    device.put(0x1001)
    return device


async def test_a_network_is_formed_once_and_resumed_later(tmp_path: Path, clock: StillClock) -> None:
    async with Coordinator() as stick:
        async with running(network_on(stick, tmp_path, clock)):
            formed_as = stick.network
        assert formed_as is not None
        async with running(network_on(stick, tmp_path, clock)):
            assert stick.network == formed_as
    assert (tmp_path / DATABASE).exists()


async def test_a_blank_stick_becomes_the_one_that_broke(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    copied(left, tmp_path)
    heater = Heater()
    async with Coordinator(Nvram(0x00124B00DEADBEEF)) as stick:
        assert stick.network is None
        network = network_on(stick, tmp_path, clock)
        async with running(network):
            assert stick.network == left.nvram.network
            assert stick.nvram.network_key == left.nvram.network_key
            assert stick.nvram.ieee == left.nvram.ieee
            assert FIRST in stick.nvram.known()
            device = put(stick, clock, heater)
            assert (await relay_of(adopt(network, device, "zigbee-plug")).switch(on=True)).on
    assert heater.on


async def test_a_stick_of_another_home_is_not_used(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with Coordinator(Nvram(0x00124B0000000002)) as foreign:
        (tmp_path / "other").mkdir()
        async with running(network_on(foreign, tmp_path / "other", clock)):
            pass
        before = foreign.network
        copied(left, tmp_path)
        network = network_on(foreign, tmp_path, clock)
        said: list[str] = []
        network.on_connection = lambda _, detail: said.append(detail)
        task = asyncio.create_task(network.run())
        await until(lambda: bool(said))
        task.cancel()
        await asyncio.wait([task])
        assert "another network" in said[0]
        assert foreign.network == before


async def test_twenty_plugs_join_while_it_is_permitted_and_none_afterwards(tmp_path: Path, clock: StillClock) -> None:
    async with Coordinator() as stick:
        network = network_on(stick, tmp_path, clock)
        plugs = [ZigbeePlug(stick, FIRST + n, Heater(), clock.now) for n in range(21)]
        async with running(network):
            assert not plugs[20].join()
            scanning = asyncio.create_task(network.scan(1.5))
            await until(lambda: stick.permitted_s > 0)
            assert all(each.join() for each in plugs[:20])
            seen = await scanning
            assert [each.address for each in seen] == [each.address for each in plugs[:20]]
            assert all(each.reachable and each.profile == "zigbee-plug" for each in seen)
            assert stick.permitted_s == 0
            await until(lambda: all(each.arranged for each in plugs[:20]))
            assert not plugs[20].join()
            adopted = [relay_of(adopt(network, each, "zigbee-plug")) for each in plugs[:20]]
            assert all(state.on for state in await asyncio.gather(*(relay.switch(on=True) for relay in adopted)))


async def test_a_device_that_is_forgotten_leaves(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        device = put(stick, clock)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug"))
            await network.forget(device.address)
            await until(lambda: FIRST not in stick.nvram.known())
            with pytest.raises(DeviceUnreachable, match="has not joined"):
                await relay.read()


async def test_a_plug_is_found_again_at_another_address(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        device = put(stick, clock)
        device.start_up = OFF_AT_START
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug"))
            assert (await relay.switch(on=True)).on
            before = device.nwk
            await device.brown_out()
            assert device.nwk != before
            assert not (await relay.read()).on


async def test_a_plug_that_moved_while_the_stick_was_away_is_sought(
    left: Formed, tmp_path: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeking, "EVERY_S", 0.01)
    heater = Heater()
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        device = put(stick, clock, heater)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug"))
            assert (await relay.switch(on=True)).on
            before = device.nwk
            await stick.unplug()
            assert device.join()
            assert device.nwk != before
            await stick.plug_in()
            async with asyncio.timeout(PATIENT_S):
                while heater.on:
                    await asyncio.sleep(0.01)
                    with suppress(DeviceUnreachable):
                        await relay.switch(on=False)
            assert not (await relay.read()).on


async def test_a_lost_coordinator_is_named_and_comes_back(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        told: list[bool] = []
        network.on_connection = lambda well, _: told.append(well)
        device = put(stick, clock)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug"))
            assert (await relay.switch(on=True)).on
            await stick.unplug()
            await until(lambda: told == [True, False])
            with pytest.raises(DeviceUnreachable, match="coordinator is away"):
                await relay.switch(on=False)
            with pytest.raises(ZigbeeAway):
                await network.scan(0.01)
            await stick.plug_in()
            await until(lambda: told == [True, False, True])
            assert not (await relay.switch(on=False)).on


async def test_a_question_is_not_lost_with_its_coordinator(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        device = put(stick, clock)
        device.deaf = True
        async with running(network):
            asking = asyncio.create_task(relay_of(adopt(network, device, "zigbee-plug")).read())
            await until(lambda: bool(stick.heard))
            await stick.cut()
            with pytest.raises(DeviceUnreachable):
                await asking


async def test_a_hung_stick_is_noticed_and_nothing_is_done_later(
    left: Formed, tmp_path: Path, clock: StillClock
) -> None:
    heater = Heater()
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock, answers_s=0.3)
        device = put(stick, clock, heater)
        told: list[bool] = []
        network.on_connection = lambda well, _: told.append(well)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug", deadline_s=0.2))
            stick.silent = True
            for _ in range(3):
                with pytest.raises(DeviceUnreachable):
                    await relay.switch(on=True)
            stick.silent = False  # within the library's own patience: its queue goes on
            await asyncio.sleep(0.5)
            assert not heater.on
            assert not device.obeyed
            stick.silent = True
            await until(lambda: False in told)
            stick.silent = False
            await until(lambda: told[-1])
            assert (await relay_of(adopt(network, device, "zigbee-plug")).switch(on=True)).on


async def test_a_command_whose_answer_is_lost_is_sent_once(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    async with copied(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        device = put(stick, clock)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug", deadline_s=0.6, ends_after_s=900.0))
            device.faults.drop_answers = 1
            assert (await relay.switch(on=True)).on
            assert device.obeyed == [0x01]


async def test_what_is_said_all_the_time_is_not_written_down(left: Formed, tmp_path: Path, clock: StillClock) -> None:
    def kept(what: str) -> list[tuple[float, ...]]:
        with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            table = max(name for (name,) in tables if name.startswith(what.partition(" ")[0] + "_v"))
            return database.execute(f"SELECT {what.partition(' ')[2].replace('TABLE', table)}").fetchall()

    seen = "devices max(last_seen) FROM TABLE"
    async with copied(left, tmp_path) as stick:
        before = kept(seen)
        network, device = network_on(stick, tmp_path, clock), put(stick, clock)
        async with running(network):
            assert network._link.application is not None
            database = network._link.application._dblistener
            written: list[str] = []
            save = database._save_device_last_seen

            async def watched(*what: object) -> None:
                written.append(str(what[0]))
                await save(*what)

            database._save_device_last_seen = watched
            adopted = adopt(network, device, "zigbee-plug")
            assert adopted.meter is not None
            for on in (True, False, True):
                await relay_of(adopted).switch(on=on)
            await adopted.meter.read()
    assert written.count(device.address) == 1
    assert kept(seen) >= before
    attributes = kept("attributes_cache cluster_id, attr_id FROM TABLE")
    assert set(attributes).isdisjoint(MEASURED)
    assert DIVISOR in attributes


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


def test_no_frame_moves_a_relay_or_breaks_the_hub(
    left: Formed, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a device or the line says: one home hears it all, and is as before."""

    async def live(noise: list[tuple[int, int, bytes, bytes]]) -> None:
        clock, heater = StillClock(), Heater()
        folder = tmp_path_factory.mktemp("fuzz")
        async with copied(left, folder) as stick:
            network: ZigbeeNetwork = network_on(stick, folder, clock)
            device = put(stick, clock, heater)
            async with running(network):
                relay = relay_of(adopt(network, device, "zigbee-plug"))
                before = (await relay.switch(on=True)).on
                for cluster, endpoint, payload, line in noise:
                    stick.hear(device, cluster, endpoint, payload[:200])
                    stick.hear_zdo(device, cluster, 1, payload[:200])
                    stick.say_raw(line)
                stick.say_raw(bytes(300))
                assert (await relay.read()).on is before is heater.on
                assert len(network._stations) == 1
                assert len(network._stations[device.address]._heard) <= 8
                assert device.obeyed == [0x01]

    clusters = st.sampled_from([0x0006, 0x0402, 0x0702, 0x0B04, 0x0000, 0xFC00, 0x0019])
    frames = st.one_of(
        st.binary(max_size=60), st.builds(lambda rest: b"\x18\x05\x0a\x00\x00" + rest, st.binary(max_size=20))
    )

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.tuples(clusters, st.integers(0, 255), frames, st.binary(max_size=80)), max_size=20))
    def heard(noise: list[tuple[int, int, bytes, bytes]]) -> None:
        asyncio.run(live(noise))

    with caplog.at_level(logging.CRITICAL):
        heard()
