"""Shelly over Bluetooth: frames in pieces, answers that belong to other questions, a password, hostile bytes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.ble.link import LinkBroken
from agent.adapters.ble.shelly import ShellyMeter, ShellyRpc, ShellySwitch
from agent.adapters.ble.shelly_frames import COMPANY, RX_CTL, read_length, read_shown
from agent.adapters.shelly.messages import ShellyMalformed
from agent.domain.device import Ability
from agent.errors import DeviceError, DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Meter, Relay
from agent.switching.certain import CertainRelay
from simulators.ble.shelly import MINI_1PM_GEN3_ID, PLUS_1PM_ID, PLUS_PLUG_S_ID, ShellyBle
from simulators.circuit import Heater
from simulators.shelly.says import Identity
from tests.ble.homes import BleHome, ble_home
from tests.contract.bench import IMPATIENT_S, PATIENT_S, StillClock

MAC = "A0:B1:C2:D3:E4:F5"
SHELLY = "shelly-plus-1pm-bluetooth"


@asynccontextmanager
async def plugged(
    *, locked: bool = False, mtu: int = 247, model_id: int = PLUS_1PM_ID
) -> AsyncIterator[tuple[BleHome, ShellyBle, Heater]]:
    heater = Heater()
    async with ble_home() as home:
        home.bluez.mtu = mtu
        identity = Identity(MAC.replace(":", ""), locked=locked)
        device = ShellyBle(home.bluez, identity, heater, home.clock.now, model_id=model_id, tick_s=0.02)
        async with device:
            await home.heard(MAC)
            yield home, device, heater


def relay_of(home: BleHome, deadline_s: float = PATIENT_S, ends_after_s: float | None = None) -> Relay:
    relay = home.device(SHELLY, MAC, deadline_s, ends_after_s).relay
    assert relay is not None
    return relay


def meter_of(home: BleHome, deadline_s: float = PATIENT_S) -> Meter:
    meter = home.device(SHELLY, MAC, deadline_s).meter
    assert meter is not None
    return meter


@pytest.mark.parametrize(("mtu", "largest"), [(23, 20), (64, 61), (247, 200)])
async def test_frames_are_written_in_pieces_that_the_link_carries(mtu: int, largest: int) -> None:
    async with plugged(mtu=mtu) as (home, device, heater):
        assert (await relay_of(home, ends_after_s=900).switch(on=True)).on
        assert heater.on
        assert (await meter_of(home).read()).power_w == 2000
        assert device.largest_write_bytes <= largest


async def test_answers_to_other_questions_are_passed_over() -> None:
    async with plugged() as (home, device, _):
        for number in range(3):
            device._answer(json.dumps({"id": number, "result": {"id": 0, "output": True, "was_on": True}}).encode())
        assert not (await relay_of(home).read()).on


async def test_a_device_that_only_ever_answers_other_questions_is_given_up() -> None:
    async with plugged() as (home, device, _):
        for number in range(20):
            device._answer(json.dumps({"id": number, "result": {"output": True}}).encode())
        with pytest.raises(DeviceUnreachable, match="questions that nobody has asked"):
            await relay_of(home).read()


async def test_a_password_is_named() -> None:
    async with plugged(locked=True) as (home, _, heater):
        for call in (relay_of(home).switch(on=True), relay_of(home).read(), meter_of(home).read()):
            with pytest.raises(DeviceRefused, match="wants a password"):
                await call
        assert not heater.on


async def test_a_channel_that_it_lacks_is_refused() -> None:
    async with plugged() as (home, _, _):
        rpc = home.network._shellys.setdefault(MAC, ShellyRpc(home.links.to(MAC, kept=True), home.clock))
        with pytest.raises(DeviceRefused, match="not found"):
            await ShellySwitch(rpc, "bench", 2).ask()


async def test_a_frame_that_would_not_fit_is_refused() -> None:
    async with plugged() as (home, device, _):
        device._read_length = lambda: b"\xff\xff\xff\xff"  # type: ignore[method-assign]
        with pytest.raises(DeviceMalformed, match="4294967295 bytes is too long"):
            await relay_of(home).read()
        with pytest.raises(DeviceUnreachable, match="no answer that can be read"):
            await relay_of(home).switch(on=True)


async def test_a_plug_is_set_to_start_off_once() -> None:
    async with plugged() as (home, device, _):
        device.inside.set_initial_state("on")
        for _ in range(2):
            assert await relay_of(home).start_off()
        assert device.start_up_written == 1


async def test_power_that_no_such_relay_carries_is_refused() -> None:
    async with plugged() as (home, device, heater):
        heater.rated_w = 9000.0
        device.press_button()
        with pytest.raises(DeviceMalformed, match="9000 W through a relay for 3680 W"):
            await meter_of(home).read()


@pytest.mark.parametrize(
    ("model_id", "profile"),
    [
        (PLUS_1PM_ID, SHELLY),
        (PLUS_PLUG_S_ID, "shelly-plus-plug-s-bluetooth"),
        (MINI_1PM_GEN3_ID, "shelly-1pm-mini-gen3-bluetooth"),
        (0x7777, None),
    ],
)
async def test_a_scan_knows_models_by_their_number(model_id: int, profile: str | None) -> None:
    async with plugged(model_id=model_id) as (home, device, _):
        (seen,) = await home.network.scan(0.05)
        assert (seen.profile, seen.model, seen.label) == (profile, f"0x{model_id:04x}", device.inside.identity.id)
        assert seen.abilities == {Ability.RELAY, Ability.METER}


async def test_one_that_cannot_be_asked_over_bluetooth_shows_nothing() -> None:
    async with plugged() as (home, device, _):
        device.rpc_enabled = False
        device.tick()
        (seen,) = await home.network.scan(0.05)
        assert (seen.profile, seen.abilities) == (None, frozenset())


# ---- hostile


@given(st.binary(max_size=60))
def test_an_advertisement_is_read_as_far_as_it_goes(data: bytes) -> None:
    shown = read_shown({COMPANY: data})
    assert shown is not None
    assert shown.model is None or len(shown.model) == 6


@given(st.binary(max_size=8))
def test_a_length_is_bounded(value: bytes) -> None:
    if len(value) >= 4 and int.from_bytes(value[:4], "big") <= 64 * 1024:
        assert read_length(value) == int.from_bytes(value[:4], "big")
    else:
        with pytest.raises(ShellyMalformed, match="bytes"):
            read_length(value)


class Whisperer:
    """A connection over which somebody else says what he likes."""

    def __init__(self, frames: list[bytes]) -> None:
        self._frames = list(frames)
        self._at = b""
        self.away = ""

    @asynccontextmanager
    async def conversation(self, name: str) -> AsyncIterator["Whisperer"]:
        try:
            yield self
        except LinkBroken as error:
            raise DeviceUnreachable(name, str(error)) from error

    def chunk_bytes(self, _uuid: str) -> int:
        return 20

    async def write(self, _uuid: str, _value: bytes, *, acknowledged: bool) -> None:
        assert acknowledged

    async def read(self, uuid: str) -> bytes:
        if uuid == RX_CTL:
            if not self._frames:
                raise LinkBroken("nothing more")
            self._at = self._frames.pop(0)
            return max(1, len(self._at)).to_bytes(4, "big")
        if not self._at:
            raise LinkBroken("nothing more")
        said, self._at = self._at[:20], self._at[20:]
        return said


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["id", "result", "error", "output", "apower", "aenergy", "total"]), inner),
    ),
    max_leaves=8,
)


@given(st.lists(st.one_of(st.binary(max_size=80), JSON.map(lambda said: json.dumps(said).encode())), max_size=10))
async def test_no_answer_breaks_the_hub_or_passes_for_a_state(frames: list[bytes]) -> None:
    clock = StillClock()
    rpc = ShellyRpc(Whisperer(frames), clock)  # type: ignore[arg-type]
    relay = CertainRelay(ShellySwitch(rpc, "bench", 1), clock, "bench", deadline_s=IMPATIENT_S)
    for call in (relay.read(), relay.switch(on=True), ShellyMeter(rpc, "bench", 1, IMPATIENT_S).read()):
        with pytest.raises(DeviceError):  # none carries the number of its question
            await call
    assert relay.standing.verified is None


@given(JSON)
async def test_whatever_an_answer_carries_is_read_or_refused(result: object) -> None:
    clock = StillClock()
    rpc = ShellyRpc(Whisperer([]), clock)  # type: ignore[arg-type]
    number = next(rpc._ids)
    whisperer = Whisperer([json.dumps({"id": number + 1, "result": result}).encode()])
    rpc.link = whisperer  # type: ignore[assignment]
    said = result.get("output") if isinstance(result, dict) else None
    if isinstance(said, bool):
        with suppress(DeviceError):  # what else it carries may still be wrong
            assert await ShellySwitch(rpc, "bench", 1).ask() is said
    else:
        with pytest.raises(DeviceError, match="bench"):
            await ShellySwitch(rpc, "bench", 1).ask()
