"""What infrared bridges say: to a receiver, in public threads, in profiles, and whatever comes over the wire."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.adapters.mqtt.tasmota_infrared import TasmotaRemote, UnitState, hvac_order, read_answer, read_heard
from agent.adapters.mqtt.tasmota_messages import TasmotaMalformed
from agent.domain.device import Ability
from agent.domain.house import Aim, AirConditionerMode
from agent.errors import DeviceRefused
from agent.profiles.profile import GoldenVector
from agent.switching.metered import MeteredRelay
from simulators.air_conditioner import SplitAirConditioner
from simulators.mqtt.mosquitto import Mosquitto
from simulators.mqtt.tasmota_infrared import Hvac, TasmotaInfrared
from simulators.mqtt.tasmota_says import Identity, discovery_config
from tests.contract import test_contract as contract
from tests.contract.bench import PATIENT_S, OpenBench, Place, StillClock
from tests.contract.benches.tasmota_infrared import AIM, INFRARED, adopted, tasmota_infrared
from tests.mqtt.benches import Home, settled
from tests.mqtt.infrared import ANSWER, COOL, PROFILES, ordered, room, waits_for
from tests.mqtt.test_judge import Judge
from tests.mqtt.test_judge import judge as judge  # noqa: PLC0414 - a fixture
from tests.profiles.decoders.tasmota import heard_on, unit_on


async def test_what_somebody_presses_on_the_units_own_remote_control_is_told_and_is_no_state(home: Home) -> None:
    async with room(home) as here:
        relay, remote = here.relay(), here.remote()
        heard: list[bool] = []
        remote.on_heard = heard.append
        messages: list[Message] = []
        topic = here.bridge.identity.full("tele", "RESULT")
        here.says("tele", {"IrReceived": ANSWER}, retain=True)  # heard once, and kept
        await settled(lambda: heard == [True])
        home.broker.subscribe(topic, messages.append)
        await settled(lambda: any(message.retained for message in messages))
        here.bridge.press_remote(on=True, vendor="GREE")
        here.says("tele", {"IrReceived": {"Protocol": "NEC", "Bits": 32, "Data": "0x02FDC03F"}})
        here.says("tele", {"IrReceived": {"IRHVAC": {"Vendor": "DAIKIN"}}})
        here.unit.out_of_sight = True
        here.bridge.press_remote(on=False)
        here.bridge.press_remote(on=True)
        here.says("tele", "", retain=True)
        await settled(lambda: len(heard) >= 3)
        assert heard == [True, False, True]
        assert not (await relay.read()).on
        assert waits_for(relay) is None


async def test_its_own_light_is_not_taken_for_somebody(home: Home) -> None:
    async with room(home, hears_itself=True) as here:
        remote = here.remote()
        heard: list[bool] = []
        remote.on_heard = heard.append
        for aim in (AIM, None, COOL):
            await remote.order(aim)
        here.bridge.press_remote(on=True)  # so soon it can be an echo, and says nothing new
        here.bridge.press_remote(on=False)
        await settled(lambda: bool(heard))
        assert heard == [False]


def test_the_simulator_says_what_firmware_14_says_field_by_field() -> None:
    """An order as its own log shows it, arendst/Tasmota issue 24004."""
    real = (
        '{"Vendor":"AMCOR","Model":-1,"Command":"Control","Mode":"Auto","Power":"On","Celsius":"On","Temp":23,'
        '"FanSpeed":"Auto","SwingV":"Off","SwingH":"Off","Quiet":"Off","Turbo":"Off","Econo":"Off","Light":"Off",'
        '"Filter":"Off","Clean":"Off","Beep":"Off","Sleep":-1,"iFeel":"Off","SensorTemp":null}'
    )
    said = Hvac("AMCOR", model=-1, on=True, mode="Auto", temp=23, fan="Auto").said()
    assert json.dumps(said, separators=(",", ":")) == real


async def test_the_simulator_announces_itself_to_the_library_of_another_hub(home: Home, judge: Judge) -> None:
    async with room(home):
        await judge.discover()
        await settled(lambda: home.mac() in judge.devices)
        assert not any(judge.devices[home.mac()]["rl"])


GOLDEN = [
    pytest.param(vector, id=f"{name}-{index}")
    for name, profile in PROFILES.items()
    for index, vector in enumerate(profile.golden)
    if Ability.REMOTE in profile.abilities
]


@pytest.mark.parametrize("vector", GOLDEN)
def test_what_real_devices_answered_is_understood(vector: GoldenVector) -> None:
    assert unit_on(vector) is vector.unit_on
    assert heard_on(vector) is (True if vector.message == "IRRECEIVED" else None)


def test_a_real_answer_in_fahrenheit_is_no_answer_to_the_hub() -> None:
    """stat/tasmota_6A9E68/RESULT of arendst/Tasmota issue 8437."""
    (real,) = [vector for vector in PROFILES["tasmota-infrared"].golden if '"Temp":68' in vector.payload]
    assert read_answer(real.payload.encode()) == UnitState(
        "MITSUBISHI_HEAVY_152", on=True, mode="auto", temperature_c=None
    )


@pytest.mark.parametrize(
    ("model", "profile"),
    [
        ("Athom_IR_Remote", "athom-ar01"),
        ("BW-RC1", "tuya-infrared-bridge"),
        ("YTF IR Bridge", "tuya-infrared-bridge"),
        ("AT-IRBR-1.4", "automate-things-irbr"),
        ("Generic", None),
    ],
)
async def test_a_scan_knows_a_bridge_by_its_name_alone(home: Home, model: str, profile: str | None) -> None:
    unit = SplitAirConditioner(home.clock.now)
    async with TasmotaInfrared(home.address, Identity(home.mac(), model=model), unit, home.clock.now, tick_s=None):
        await settled(lambda: home.mac() in home.network._stations)
        (seen,) = [seen for seen in await home.network.scan(0.05) if seen.address == home.mac()]
        assert seen.profile == profile
        assert (Ability.REMOTE in seen.abilities) is (profile is not None)


RunsOn = Callable[[Place, OpenBench], Coroutine[None, None, None]]
HELD: list[RunsOn] = [
    contract.test_a_verified_switch_has_moved_the_circuit,
    contract.test_reading_tells_the_truth_after_somebody_pressed_the_button,
    contract.test_commands_at_once_are_carried_out_one_after_the_other,
    contract.test_an_unplugged_relay_is_unreachable_and_back_when_plugged_in,
    contract.test_nothing_that_was_sent_while_it_was_unplugged_is_done_later,
    contract.test_a_relay_that_never_answers_is_in_an_unknown_state,
    partial(contract.test_a_relay_that_does_not_move_is_found_out, fault="lie"),
    partial(contract.test_a_relay_that_does_not_move_is_found_out, fault="stuck"),
    contract.test_doubled_answers_and_old_states_mislead_nobody,
    contract.test_a_slow_answer_is_waited_for,
    contract.test_a_cancelled_command_leaves_the_relay_usable,
    contract.test_an_on_that_nobody_renews_ends_in_the_device,
    contract.test_what_is_set_to_start_off_is_not_set_again,
    contract.test_an_unplugged_meter_is_unreachable,
]
"""What of the contract holds for a unit that obeys at once. Not among them: a command or an answer that is lost is not
looked for on the meter, for a unit that starts after minutes would not show it; and a unit in standby draws some power.
"""


@pytest.mark.parametrize("holds", HELD)
async def test_it_keeps_its_part_of_the_contract(mosquitto: Mosquitto, home: Home, holds: RunsOn) -> None:
    await holds(Place(mosquitto.port, StillClock(), 0x4000 + home.serial), tasmota_infrared)


words = st.sampled_from(["On", "Off", "DAIKIN", "Heat", "Cool", "Unknown", "Wrong Vendor (GREE|COOLIX)", "\ud800"])
keys = st.sampled_from(
    ["IRHVAC", "IrReceived", "Command", "Input", "Vendor", "Power", "Mode", "Celsius", "Temp"]
) | st.text(max_size=4)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=15,
)
states = st.fixed_dictionaries({}, optional=dict.fromkeys(("Vendor", "Power", "Mode", "Celsius", "Temp"), values))
payloads = st.binary(max_size=50) | (
    values | st.fixed_dictionaries({"IRHVAC": states}) | st.fixed_dictionaries({"IrReceived": values})
).map(lambda value: json.dumps(value).encode())


@given(st.lists(st.tuples(payloads, st.booleans()), max_size=4))
async def test_no_message_raises_past_the_adapter_nor_answers_or_is_kept(said: list[tuple[bytes, bool]]) -> None:
    broker, clock, mac = Broker(), StillClock(), "A0B100000001"
    network = TasmotaNetwork(broker, clock, PROFILES)
    relay = adopted(network, clock, mac, mac, PATIENT_S).relay
    assert isinstance(relay, MeteredRelay)
    config = json.dumps(discovery_config(Identity(mac), 0)).encode()
    broker._receive(Message(f"tasmota/discovery/{mac}/config", config))
    remote = relay._remote
    assert isinstance(remote, TasmotaRemote)
    answer = remote._answer = asyncio.get_running_loop().create_future()
    remote._wanted = UnitState("NOBODY", on=True, mode="heat", temperature_c=23.0)
    kept = dict(vars(remote))
    listened = tuple(broker._receivers)
    for topic in listened:
        for payload, retained in said:
            if "discovery" not in topic:
                broker._receive(Message(topic, payload, retained))
    assert vars(remote) == kept
    assert tuple(broker._receivers) == listened
    assert waits_for(relay) is None
    assert not relay.acknowledged
    if answer.done():
        assert isinstance(answer.exception(), DeviceRefused)
        assert len(str(answer.exception())) < 500


@pytest.mark.parametrize("field", ["Vendor", "Mode", "Power", "Celsius"])
def test_a_word_that_is_too_long_is_none(field: str) -> None:
    for length in (61, 60_000):
        with pytest.raises(TasmotaMalformed):
            read_answer(json.dumps({"IRHVAC": {**ANSWER["IRHVAC"], field: "x" * length}}).encode())


@pytest.mark.parametrize("said", ["x" * 60_000, f"Wrong Vendor ({'|'.join(f'V{number}' for number in range(9000))})"])
async def test_however_long_a_refusal_is_its_reason_is_not(home: Home, said: str) -> None:
    async with room(home) as here:
        order = await ordered(here, here.relay())
        here.says("stat", {"IRHVAC": said})
        with pytest.raises(DeviceRefused) as refused:
            await order
        assert len(str(refused.value)) < 2000


@given(payloads)
def test_what_is_read_is_bounded(payload: bytes) -> None:
    for read in (read_answer, read_heard):
        with suppress(TasmotaMalformed):
            said = read(payload)
            if isinstance(said, UnitState):
                assert len(said.vendor) + len(said.mode) < 250


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(AirConditionerMode), st.booleans())
def test_a_setpoint_is_whole_within_what_remote_controls_know_and_never_short(
    setpoint_c: float,
    mode: AirConditionerMode,
    on: bool,  # noqa: FBT001
) -> None:
    temp = hvac_order(INFRARED, Aim(mode=mode, setpoint_c=setpoint_c), on=on)["Temp"]
    assert isinstance(temp, int)
    assert 16 <= temp <= 30
    if 16 <= setpoint_c <= 30:
        assert 0 <= (temp - setpoint_c if mode is AirConditionerMode.HEAT else setpoint_c - temp) < 1
