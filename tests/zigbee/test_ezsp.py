"""The hub's ZigBee network on a stick of Silicon Labs: all that holds for Z-Stack holds here."""

import asyncio
import dataclasses
import gc
import logging
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.zigbee.radio import asked_for
from agent.errors import DeviceUnreachable
from agent.ports import Device, Relay
from simulators.circuit import Heater
from simulators.zigbee.ash import FLAG, Frame, Kind
from simulators.zigbee.coordinator import Coordinator
from simulators.zigbee.ezsp import callback
from simulators.zigbee.ezsp_coordinator import TRUST_CENTER_JOIN, EzspCoordinator
from simulators.zigbee.ezsp_memory import EzspMemory
from simulators.zigbee.mt import Writer
from simulators.zigbee.nvram import Nvram
from simulators.zigbee.plug import SENSOR, ZigbeePlug, ZigbeeThermometer
from tests.contract.bench import StillClock
from tests.zigbee.home import (
    FIRST,
    FORMING_S,
    FormedByEzsp,
    adopt,
    copied_ezsp,
    formed,
    formed_by_ezsp,
    network_on,
    plug,
    running,
    until,
)

NOTHING, SEND_UNICAST = 0x0005, 0x0034
"""Commands: the one that does nothing, and the one that every order is."""


@pytest.fixture(scope="module")
def left() -> FormedByEzsp:
    """A home with one plug that was set up before."""
    return asyncio.run(formed_by_ezsp())


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


def relay_of(device: Device) -> Relay:
    assert device.relay is not None
    return device.relay


def put(stick: EzspCoordinator, clock: StillClock, heater: Heater | None = None) -> ZigbeePlug:
    device = ZigbeePlug(stick, FIRST, heater or Heater(), clock.now)
    device.put(0x1001)
    return device


async def test_a_network_is_resumed_and_nothing_is_left_behind(
    left: FormedByEzsp, tmp_path: Path, clock: StillClock
) -> None:
    tasks = asyncio.all_tasks()
    await asyncio.to_thread(int)  # the loop keeps a thread for whoever asks for one
    threads = threading.active_count()
    async with copied_ezsp(left, tmp_path) as stick:
        for _ in range(2):
            async with running(network_on(stick, tmp_path, clock)) as network:
                app = network._link.require()
                assert stick.network == left.memory.network
                assert app.state.network_info.network_key.key.serialize() == left.memory.security.network_key
                assert stick.memory.security.frame_counter > left.memory.security.frame_counter
                assert not [thread for thread in threading.enumerate() if "bellows" in thread.name]
    await until(lambda: asyncio.all_tasks() == tasks)
    assert threading.active_count() == threads


async def test_a_blank_stick_becomes_the_one_that_broke(left: FormedByEzsp, tmp_path: Path, clock: StillClock) -> None:
    copied_ezsp(left, tmp_path)
    heater = Heater()
    async with EzspCoordinator(EzspMemory(0x00124B00DEADBEEF)) as stick:
        assert stick.network is None
        network = network_on(stick, tmp_path, clock)
        async with running(network, FORMING_S):
            before, after = left.memory, stick.memory
            assert (after.network, after.ieee) == (before.network, before.ieee)
            assert after.security.network_key == before.security.network_key
            assert after.security.link_key == before.security.link_key
            assert after.security.frame_counter > before.security.frame_counter
            device = put(stick, clock, heater)
            assert (await relay_of(adopt(network, device, "zigbee-plug")).switch(on=True)).on
    assert heater.on


async def test_a_stick_whose_address_cannot_be_overwritten_says_so(
    left: FormedByEzsp, tmp_path: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied_ezsp(left, tmp_path)
    said: list[str] = []
    async with EzspCoordinator(EzspMemory(0x00124B00DEADBEEF)) as stick:
        monkeypatch.setattr(stick.memory, "token", lambda *_: None)  # as firmware that has none
        network = network_on(stick, tmp_path, clock)
        network.on_connection = lambda _, detail: said.append(detail)
        task = asyncio.create_task(network.run())
        await until(lambda: bool(said))
        task.cancel()
        await asyncio.wait([task])
    assert "upgrade your adapter firmware" in said[0]
    assert stick.network is None


async def test_a_stick_of_another_home_is_not_used(left: FormedByEzsp, tmp_path: Path, clock: StillClock) -> None:
    async with copied_ezsp(left, tmp_path) as foreign:
        assert foreign.memory.network is not None
        foreign.memory.network = dataclasses.replace(foreign.memory.network, extended_pan_id=b"another!")
        before = foreign.memory.copied()
        network, said = network_on(foreign, tmp_path, clock), []
        network.on_connection = lambda _, detail: said.append(detail)
        task = asyncio.create_task(network.run())
        await until(lambda: bool(said))
        task.cancel()
        await asyncio.wait([task])
        assert "another network" in said[0]
        assert foreign.memory.network == before.network


async def test_devices_join_while_it_is_permitted_and_come_back_elsewhere(
    left: FormedByEzsp, tmp_path: Path, clock: StillClock
) -> None:
    heater = Heater()
    async with copied_ezsp(left, tmp_path) as stick:
        network, first = network_on(stick, tmp_path, clock), put(stick, clock)
        second = ZigbeePlug(stick, FIRST + 1, heater, clock.now)
        sensor = ZigbeeThermometer(stick, FIRST + 2, heater, clock.now, model=SENSOR)
        async with running(network):
            assert not second.join()
            scanning = asyncio.create_task(network.scan(0.5))
            await until(lambda: stick.permitted_s > 0)
            assert second.join()
            assert sensor.join()
            seen = await scanning
            assert [each.address for each in seen] == [first.address, second.address, sensor.address]
            assert {each.profile for each in seen} == {"zigbee-plug", "zigbee-thermometer"}
            assert stick.permitted_s == 0
            assert [child.ieee for child in stick.memory.children.values()] == [sensor.ieee]
            await until(lambda: second.arranged and sensor.arranged)
            relay = relay_of(adopt(network, second, "zigbee-plug"))
            assert (await relay.switch(on=True)).on
            before = second.nwk
            await second.brown_out()
            assert second.nwk != before
            assert (await relay.read()).on
            second.leave()
            assert second.ieee not in stick.memory.members


async def test_a_device_reports_and_sleeps(left: FormedByEzsp, tmp_path: Path, clock: StillClock) -> None:
    heater = Heater()
    async with copied_ezsp(left, tmp_path) as stick:
        network, _ = network_on(stick, tmp_path, clock), put(stick, clock)
        sensor = ZigbeeThermometer(stick, FIRST + 2, heater, clock.now, model=SENSOR)
        async with running(network):
            scanning = asyncio.create_task(network.scan(0.3))
            await until(lambda: stick.permitted_s > 0)
            assert sensor.join()
            await scanning
            await until(lambda: sensor.arranged)
            assert sensor.ieee in stick._held.slow
            thermometer = adopt(network, sensor, "zigbee-thermometer").thermometer
            assert thermometer is not None
            asked, heater.celsius = len(stick.heard), 21.5
            clock.advance(seconds=60)
            sensor.tick()
            await until(lambda: network._stations[sensor.address].heard(1, (0x0402, 0)) is not None)
            assert (await thermometer.read()).temperature_c == 21.5
            assert len(stick.heard) == asked
            backup = (await network._link.require().backups.create_backup()).network_info
            assert [int.from_bytes(child.serialize(), "little") for child in backup.children] == [sensor.ieee]


async def test_a_device_that_is_forgotten_leaves(left: FormedByEzsp, tmp_path: Path, clock: StillClock) -> None:
    async with copied_ezsp(left, tmp_path) as stick:
        network, device = network_on(stick, tmp_path, clock), put(stick, clock)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug"))
            await network.forget(device.address)
            await until(lambda: FIRST not in stick.memory.members)
            with pytest.raises(DeviceUnreachable, match="has not joined"):
                await relay.read()


async def test_a_plug_without_power_is_named(left: FormedByEzsp, tmp_path: Path, clock: StillClock) -> None:
    async with copied_ezsp(left, tmp_path) as stick:
        network, device = network_on(stick, tmp_path, clock), put(stick, clock)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug"))
            device.unplug()
            with pytest.raises(DeviceUnreachable, match="DELIVERY_FAILED"):
                await relay.read()
            await device.plug_in()
            stick.confirms_after_s = 0.05
            assert (await relay.switch(on=True)).on


async def test_a_lost_stick_is_named_and_comes_back(left: FormedByEzsp, tmp_path: Path, clock: StillClock) -> None:
    async with copied_ezsp(left, tmp_path) as stick:
        network, device = network_on(stick, tmp_path, clock), put(stick, clock)
        told: list[bool] = []
        network.on_connection = lambda well, _: told.append(well)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug"))
            assert (await relay.switch(on=True)).on
            await stick.unplug()
            await until(lambda: told == [True, False])
            with pytest.raises(DeviceUnreachable, match="coordinator is away"):
                await relay.switch(on=False)
            await stick.plug_in()
            await until(lambda: told == [True, False, True])
            assert not (await relay.switch(on=False)).on


async def test_a_stick_that_starts_anew_is_opened_anew(left: FormedByEzsp, tmp_path: Path, clock: StillClock) -> None:
    async with copied_ezsp(left, tmp_path) as stick:
        network, device = network_on(stick, tmp_path, clock), put(stick, clock)
        told: list[bool] = []
        network.on_connection = lambda well, _: told.append(well)
        async with running(network):
            stick.restart()
            await until(lambda: told == [True, False, True])
            assert (await relay_of(adopt(network, device, "zigbee-plug")).switch(on=True)).on


async def test_a_question_is_not_lost_with_its_stick(left: FormedByEzsp, tmp_path: Path, clock: StillClock) -> None:
    async with copied_ezsp(left, tmp_path) as stick:
        network, device = network_on(stick, tmp_path, clock), put(stick, clock)
        device.deaf = True
        async with running(network):
            asking = asyncio.create_task(relay_of(adopt(network, device, "zigbee-plug")).read())
            await until(lambda: bool(stick.heard))
            await stick.cut()
            with pytest.raises(DeviceUnreachable):
                await asking


async def test_what_was_given_up_while_the_stick_hung_is_not_done_later(
    left: FormedByEzsp, tmp_path: Path, clock: StillClock, caplog: pytest.LogCaptureFixture
) -> None:
    heater = Heater()
    async with copied_ezsp(left, tmp_path) as stick:
        network, device = network_on(stick, tmp_path, clock), put(stick, clock, heater)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug", deadline_s=0.2))
            asked, stick.silent = len(stick.commands), True
            for _ in range(3):
                with pytest.raises(DeviceUnreachable):
                    await relay.switch(on=True)
            stick.silent = False  # within the library's own patience: ASH repeats what was not acknowledged
            await until(lambda: len(stick.commands) > asked)
            assert stick.commands[asked] == NOTHING
            assert not (await relay_of(adopt(network, device, "zigbee-plug")).read()).on
            assert SEND_UNICAST in stick.commands[asked:]
            assert not heater.on
            assert not device.obeyed
            stick.silent = True
            with pytest.raises(DeviceUnreachable):
                await relay.switch(on=True)
    gc.collect()
    assert "never retrieved" not in caplog.text


@pytest.mark.parametrize("how", ["silent", "dumb"])
async def test_a_stick_that_hangs_is_noticed(left: FormedByEzsp, tmp_path: Path, clock: StillClock, how: str) -> None:
    heater = Heater()
    async with copied_ezsp(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock, answers_s=0.3)
        device = put(stick, clock, heater)
        told: list[tuple[bool, str]] = []
        network.on_connection = lambda well, why: told.append((well, why))
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug", deadline_s=0.2))
            asked = len(stick.commands)
            setattr(stick, how, True)
            with pytest.raises(DeviceUnreachable):
                await relay.switch(on=True)
            await until(lambda: len(told) == 2)
            assert "does not answer" in told[1][1]
            assert stick.commands[asked:].count(NOTHING) == (how == "dumb")  # one question is enough
            setattr(stick, how, False)
            await until(lambda: told[-1][0])
            assert not (await relay_of(adopt(network, device, "zigbee-plug")).read()).on
            assert not device.obeyed


async def test_a_stick_that_gives_up_during_an_order_is_named(
    left: FormedByEzsp, tmp_path: Path, clock: StillClock
) -> None:
    async with copied_ezsp(left, tmp_path) as stick:
        network, device = network_on(stick, tmp_path, clock), put(stick, clock)
        async with running(network):
            line = network._link.require()._ezsp._gw._obj._transport
            stick.silent = True
            asking = asyncio.create_task(relay_of(adopt(network, device, "zigbee-plug")).switch(on=True))
            await until(lambda: bool(line._pending_data_frames))
            stick.silent = False
            stick.say_raw(Frame(Kind.ERROR, b"\x02\x51").encoded())
            with pytest.raises(DeviceUnreachable):
                await asking


async def test_what_outlives_its_order_in_the_library_is_not_sent(
    left: FormedByEzsp, tmp_path: Path, clock: StillClock
) -> None:
    async with copied_ezsp(left, tmp_path) as stick, running(network_on(stick, tmp_path, clock)) as network:
        ezsp, go = network._link.require()._ezsp, asyncio.Event()

        async def late() -> None:
            await go.wait()
            await ezsp.getEui64()

        with asked_for():
            task = asyncio.create_task(late())
        asked = len(stick.commands)
        go.set()
        await asyncio.wait([task])
        assert task.cancelled()
        assert len(stick.commands) == asked


async def test_a_command_whose_answer_is_lost_is_sent_once(
    left: FormedByEzsp, tmp_path: Path, clock: StillClock
) -> None:
    async with copied_ezsp(left, tmp_path) as stick:
        network, device = network_on(stick, tmp_path, clock), put(stick, clock)
        async with running(network):
            relay = relay_of(adopt(network, device, "zigbee-plug", deadline_s=0.6, ends_after_s=900.0))
            device.faults.drop_answers, asked = 1, len(stick.commands)
            assert (await relay.switch(on=True)).on
            assert device.obeyed == [0x01]
            assert set(stick.commands[asked:]) == {SEND_UNICAST}  # and no more of the line is used


async def test_a_stick_that_gives_up_is_opened_anew(left: FormedByEzsp, tmp_path: Path, clock: StillClock) -> None:
    async with copied_ezsp(left, tmp_path) as stick:
        network, device = network_on(stick, tmp_path, clock), put(stick, clock)
        told: list[bool] = []
        network.on_connection = lambda well, _: told.append(well)
        async with running(network):
            stick.say_raw(Frame(Kind.ERROR, b"\x02\x51").encoded())
            await until(lambda: told == [True, False, True])
            assert (await relay_of(adopt(network, device, "zigbee-plug")).switch(on=True)).on


async def test_no_more_devices_are_remembered_than_homes_have(
    left: FormedByEzsp, tmp_path: Path, clock: StillClock
) -> None:
    async with copied_ezsp(left, tmp_path) as stick:
        network = network_on(stick, tmp_path, clock)
        async with running(network):
            app = network._link.require()
            for number in range(300):
                joined = Writer().u16(0x2000 + number).u64(FIRST + 100 + number).u8(1, 0).u16(0)
                stick.say_frame(callback(0, TRUST_CENTER_JOIN, joined.done()))
            await until(lambda: len(app.devices) == 256)


def test_no_frame_moves_a_relay_or_breaks_the_hub(
    left: FormedByEzsp, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a device, the stick or the line says: one home hears it all, and is as before."""

    async def live(noise: list[tuple[int, int, bytes, bytes]], frames: list[bytes]) -> None:
        clock, heater = StillClock(), Heater()
        folder = tmp_path_factory.mktemp("fuzz")
        async with copied_ezsp(left, folder) as stick:
            network, device = network_on(stick, folder, clock), put(stick, clock, heater)
            async with running(network):
                relay = relay_of(adopt(network, device, "zigbee-plug"))
                before = (await relay.switch(on=True)).on
                for cluster, endpoint, payload, line in noise:
                    stick.hear(device, cluster, endpoint, payload)
                    stick.hear_zdo(device, cluster, 1, payload)
                    stick.say_raw(line)
                for frame in frames:
                    stick.say_frame(frame)
                stick.say_raw(bytes(3000) + bytes([FLAG]))
                assert (await relay.read()).on is before is heater.on
                assert len(network._stations) == 1
                assert len(network._stations[device.address]._heard) <= 8
                assert device.obeyed == [0x01]

    clusters = st.sampled_from([0x0006, 0x0402, 0x0702, 0x0B04, 0x0000, 0xFC00, 0x0019, 0x0013, 0x8000])
    payloads = st.one_of(
        st.binary(max_size=60), st.builds(lambda rest: b"\x18\x05\x0a\x00\x00" + rest, st.binary(max_size=20))
    )
    known = st.sampled_from([0x0019, 0x0023, 0x0024, 0x003F, 0x0045, 0x0049, 0x0059, 0x0080, 0x00C5, 0x0058, 0x0034])
    acknowledged = st.builds(
        lambda kind, awaits: Frame(kind, awaits=awaits).encoded(),
        st.sampled_from([Kind.ACK, Kind.NAK]),
        st.integers(0, 7),
    )
    frames = st.one_of(
        st.builds(callback, st.integers(0, 255), known | st.integers(0, 0x1FF), st.binary(max_size=100)),
        st.binary(min_size=3, max_size=128),
    )
    lines = st.one_of(st.binary(max_size=80), acknowledged)

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(st.tuples(clusters, st.integers(0, 255), payloads, lines), max_size=20),
        st.lists(frames, max_size=20),
    )
    def heard(noise: list[tuple[int, int, bytes, bytes]], frames: list[bytes]) -> None:
        asyncio.run(live(noise, frames))

    with caplog.at_level(logging.CRITICAL):
        heard()


async def test_a_network_moves_from_z_stack_to_silicon_labs_and_back(tmp_path: Path, clock: StillClock) -> None:
    heater = Heater()
    before = await formed(tmp_path, plug)
    async with EzspCoordinator(EzspMemory(0x00124B00DEADBEEF)) as stick:
        network = network_on(stick, tmp_path, clock)
        async with running(network, FORMING_S):
            assert stick.network is not None
            assert before.nvram.network is not None
            assert stick.network.extended_pan_id == before.nvram.network.extended_pan_id
            assert stick.memory.security.network_key == before.nvram.network_key
            assert stick.memory.ieee == before.nvram.ieee
            device = put(stick, clock, heater)
            assert (await relay_of(adopt(network, device, "zigbee-plug")).switch(on=True)).on
    async with Coordinator(Nvram(0x00124B00AAAAAAAA)) as other, running(network_on(other, tmp_path, clock)):
        assert other.network == before.nvram.network
        assert other.nvram.network_key == before.nvram.network_key
        assert other.nvram.ieee == before.nvram.ieee
