"""SwitchBot Plug Mini: answers that carry no number, power in the air, a button, hostile bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.ble.link import Links
from agent.adapters.ble.radio import Radio
from agent.adapters.ble.switchbot import COUNTS_FOR, SwitchBotPlug, SwitchBotSwitch
from agent.adapters.ble.switchbot_frames import COMPANY, SwitchBotMalformed, model_of, read_answer, read_plug
from agent.domain.device import RelayState
from agent.errors import DeviceError, DeviceMalformed, DeviceRefused, DeviceUnreachable, DeviceUnverified
from agent.ports import Meter
from agent.switching.certain import CertainRelay
from simulators.ble.switchbot import Region, SwitchBotPlugMini
from simulators.circuit import Heater
from tests.ble.homes import BleHome, ble_home
from tests.contract.bench import IMPATIENT_S, PATIENT_S, StillClock

MAC = "A0:B1:C2:D3:E4:F5"
PLUG = "switchbot-plug-mini-us"


@asynccontextmanager
async def plugged(region: Region = Region.US) -> AsyncIterator[tuple[BleHome, SwitchBotPlugMini, Heater]]:
    heater = Heater(rated_w=1500.0)
    async with (
        ble_home() as home,
        SwitchBotPlugMini(home.bluez, MAC, heater, home.clock.now, region=region, tick_s=0.02) as plug,
    ):
        await home.heard(MAC)
        yield home, plug, heater


def relay_of(home: BleHome, deadline_s: float = PATIENT_S) -> CertainRelay:
    relay = home.device(PLUG, MAC, deadline_s).relay
    assert isinstance(relay, CertainRelay)
    return relay


def meter_of(home: BleHome, deadline_s: float = PATIENT_S) -> Meter:
    meter = home.device(PLUG, MAC, deadline_s).meter
    assert meter is not None
    return meter


async def test_firmware_that_answers_on_to_off_is_believed_only_when_asked() -> None:
    async with plugged() as (home, plug, heater):
        plug.answers_on_to_off = True
        relay = relay_of(home)
        for wanted in (True, False, True, False):
            assert (await relay.switch(on=wanted)).on is wanted is heater.on


async def test_an_answer_that_came_too_late_answers_no_later_question() -> None:
    async with plugged() as (home, plug, heater):
        await relay_of(home).read()
        plug.faults.delay_s = 0.4  # after the order was given up, before the question could be answered
        plug.faults.lie = True
        with pytest.raises(DeviceUnreachable):
            await relay_of(home, 0.7).switch(on=True)
        plug.faults.delay_s = 0.0
        assert not (await relay_of(home).read()).on
        assert not heater.on


async def test_an_answer_that_is_said_again_answers_no_later_question() -> None:
    async with plugged() as (home, plug, heater):
        plug.faults.duplicate = plug.faults.lie = True
        with pytest.raises(DeviceUnverified):
            await relay_of(home).switch(on=True)
        assert not heater.on


async def test_it_cannot_end_itself_and_says_so() -> None:
    async with plugged() as (home, _, _):
        relay = home.device(PLUG, MAC, PATIENT_S, 900.0).relay
        assert relay is not None
        assert not relay.must_be_renewed


async def test_a_button_is_told_by_the_next_advertisement_and_once() -> None:
    async with plugged() as (home, plug, _):
        relay, pressed = relay_of(home), asyncio.Event()
        told: list[RelayState] = []
        reports: list[bool] = []
        await relay.switch(on=False)

        def note(state: RelayState) -> None:
            told.append(state)
            pressed.set()

        relay.on_pressed = note
        home.network._plugs[MAC].reporters.append(reports.append)
        await home.links.to(MAC, kept=False).close()  # a connected plug does not advertise
        plug.press_button()
        async with asyncio.timeout(PATIENT_S):
            await pressed.wait()
            before = home.radio.heard(MAC)
            while home.radio.heard(MAC) is before:
                await asyncio.sleep(0)
        assert [state.on for state in told] == [True]
        assert reports == [True]


async def test_a_password_is_named() -> None:
    async with plugged() as (home, plug, heater):
        plug.locked = True
        with pytest.raises(DeviceRefused, match="password"):
            await relay_of(home).switch(on=True)
        with pytest.raises(DeviceRefused, match="password"):
            await relay_of(home).read()
        assert not heater.on


# ---- power in the air


async def test_power_is_read_in_the_air_without_a_connection() -> None:
    async with plugged() as (home, plug, heater):
        assert (await meter_of(home).read()).power_w == 0
        heater.rated_w = 1234.5
        plug.press_button()
        async with asyncio.timeout(PATIENT_S):
            while (reading := await meter_of(home).read()).power_w == 0:
                await asyncio.sleep(0)
        assert (reading.power_w, reading.energy_wh, reading.at) == (1234.5, None, home.clock.now())
        assert home.bluez.calls["Connect"] == 0


async def test_power_that_was_heard_long_ago_is_none() -> None:
    async with plugged() as (home, plug, _):
        meter = meter_of(home, IMPATIENT_S)
        await meter.read()
        plug.unplug()
        home.clock.advance(seconds=COUNTS_FOR.total_seconds() - 1)
        await meter.read()
        home.clock.advance(seconds=2)
        with pytest.raises(DeviceUnreachable, match="not heard for 5 minutes"):
            await meter.read()
        await plug.plug_in()
        assert (await meter_of(home).read()).at == home.clock.now()


async def test_what_bluez_repeats_when_a_connection_comes_and_goes_is_not_heard_anew() -> None:
    async with plugged() as (home, plug, _):
        plug._stop()
        at = (await meter_of(home).read()).at
        home.clock.advance(minutes=1)
        await relay_of(home).read()
        await home.links.to(MAC, kept=False).close()
        assert (await meter_of(home).read()).at == at


async def test_power_that_no_such_plug_carries_is_refused() -> None:
    async with plugged() as (home, plug, heater):
        heater.rated_w = 15.0
        plug.faults.wrong_units = True
        before = home.radio.heard(MAC)
        plug.press_button()
        async with asyncio.timeout(PATIENT_S):
            while home.radio.heard(MAC) is before:
                await asyncio.sleep(0)
        meter = home.device("switchbot-plug-mini-jp", MAC).meter
        assert meter is not None
        with pytest.raises(DeviceMalformed, match=r"3276.7 W through a relay for 1500 W"):
            await meter.read()


@pytest.mark.parametrize(("region", "profile"), [(Region.US, PLUG), (Region.JP, "switchbot-plug-mini-jp")])
async def test_a_scan_proposes_the_profile_with_its_mains(region: Region, profile: str) -> None:
    async with plugged(region) as (home, _, _):
        (seen,) = await home.network.scan(0.05)
        assert seen.profile == profile
        assert seen.address == MAC


# ---- hostile


@given(st.binary(max_size=40))
def test_an_advertisement_is_read_or_refused(data: bytes) -> None:
    model_of({"0000fd3d-0000-1000-8000-00805f9b34fb": data})
    try:
        state = read_plug({COMPANY: data})
    except SwitchBotMalformed:
        return
    assert 0 <= state.power_w <= 3276.7


@given(st.lists(st.binary(max_size=600), min_size=1, max_size=6))
async def test_no_answer_breaks_the_hub_or_passes_for_a_state(answers: list[bytes]) -> None:
    radio, clock, left = Radio(StillClock()), StillClock(), list(answers)
    plug = SwitchBotPlug(radio, Links(radio).to(MAC, kept=False), MAC, clock)

    async def ask(name: str) -> bytes:
        return left.pop(0) if left else answers[-1]

    plug.ask = ask  # type: ignore[method-assign]
    relay = CertainRelay(SwitchBotSwitch(plug, "bench"), clock, "bench", deadline_s=0.05)
    try:
        state = await relay.read()
    except DeviceError:
        assert relay.standing.verified is None
    else:
        assert answers[0][:1] == b"\x01"
        assert state.on is read_answer(answers[0])
