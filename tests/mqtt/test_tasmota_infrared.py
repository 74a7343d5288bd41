"""An air conditioner by infrared over a real broker: told by a Tasmota device, believed by the meter on its circuit."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.adapters.mqtt.tasmota_infrared import TasmotaRemote, UnitState, hvac_order, read_answer, read_heard
from agent.adapters.mqtt.tasmota_messages import TasmotaMalformed
from agent.composition import device_faults
from agent.connections import MqttSettings
from agent.domain.device import Ability, Adoption, Infrared, Role
from agent.domain.house import Aim, AirConditionerMode
from agent.errors import DeviceRefused, DeviceUnreachable, DeviceUnverified
from agent.networks import devices_of, networks_of
from agent.profiles.library import load_profiles
from agent.profiles.profile import Family, GoldenVector
from agent.settings import DeviceSettings, load_settings
from agent.switching.metered import MeteredRelay
from simulators.air_conditioner import Frame, SplitAirConditioner
from simulators.mqtt.mosquitto import Mosquitto
from simulators.mqtt.tasmota import TasmotaDevice
from simulators.mqtt.tasmota_infrared import VENDORS, Hvac, TasmotaInfrared
from simulators.mqtt.tasmota_says import Identity, discovery_config
from tests.contract import test_contract as contract
from tests.contract.bench import IMPATIENT_S, PATIENT_S, OpenBench, Place, StillClock
from tests.contract.benches.tasmota_infrared import AIM, INFRARED, adopted, tasmota_infrared
from tests.hub.days import EXAMPLE
from tests.mqtt.benches import Home, settled
from tests.mqtt.conftest import running
from tests.mqtt.located import located
from tests.mqtt.test_judge import Judge
from tests.mqtt.test_judge import judge as judge  # noqa: PLC0414 - a fixture
from tests.profiles.decoders.tasmota import heard_on, unit_on

COOL = Aim(mode=AirConditionerMode.COOL, setpoint_c=24.0)
PROFILES = load_profiles()


@dataclass
class Room:
    """A unit, its bridge, the meter on its circuit, and the hub's relay of them."""

    home: Home
    unit: SplitAirConditioner
    bridge: TasmotaInfrared
    meter: TasmotaDevice
    infrared: Infrared

    def relay(self, deadline_s: float = PATIENT_S) -> MeteredRelay:
        home = self.home
        device = adopted(home.network, home.clock, home.mac(), home.mac(1), deadline_s, self.infrared)
        assert isinstance(device.relay, MeteredRelay)
        return device.relay

    def remote(self) -> TasmotaRemote:
        adoption = Adoption(
            name="unit",
            role=Role.AIR_CONDITIONER,
            profile="tasmota-infrared",
            address=self.home.mac(),
            infrared=self.infrared,
        )
        remote = self.home.network.device(adoption).remote
        assert isinstance(remote, TasmotaRemote)
        return remote

    def says(self, prefix: str, payload: object, *, retain: bool = False) -> None:
        """Have the bridge say something that it would not."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self.bridge._link.publish(self.bridge.identity.full(prefix, "RESULT"), text, retain=retain)


def waits_for(relay: MeteredRelay) -> bool | None:
    """What is pending now."""
    return relay.pending


@asynccontextmanager
async def room(
    home: Home,
    *,
    vendor: str = "DAIKIN",
    model: int = -1,
    start_delay_s: float = 0.0,
    **bridge: Any,  # noqa: ANN401 - as the bridge
) -> AsyncIterator[Room]:
    unit = SplitAirConditioner(home.clock.now, vendor=vendor, start_delay_s=start_delay_s)
    plugged = TasmotaInfrared(home.address, Identity(home.mac()), unit, home.clock.now, tick_s=None, **bridge)
    meter = TasmotaDevice(home.address, Identity(home.mac(1)), home.clock.now, metered=unit, tick_s=None)
    infrared = Infrared(vendor=vendor, model=model, verified_by="meter")
    async with plugged, meter:
        made = Room(home, unit, plugged, meter, infrared)
        relay = made.relay()
        await located(home.network, [home.mac(), home.mac(1)])
        await relay.read()  # an answer of the broker's: what was asked for before is heard from now on
        yield made


# ---- the chain


async def test_a_unit_is_told_by_its_whole_state_and_believed_by_its_meter(home: Home) -> None:
    async with room(home) as here:
        relay = here.relay()
        assert (await relay.switch(on=True)).on
        assert here.unit.frames == [Frame(on=True, mode="Heat", temperature_c=23.0)]
        assert here.bridge.orders[0] == {
            "Vendor": "DAIKIN",
            "Model": 1,
            "Power": "On",
            "Mode": "Heat",
            "Celsius": "On",
            "Temp": 23,
            "FanSpeed": "Auto",
            **dict.fromkeys(("SwingV", "SwingH", "Quiet", "Turbo", "Econo", "Light", "Filter", "Clean", "Beep"), "Off"),
            "Sleep": -1,
            "StateMode": "SendStore",
        }
        assert not (await relay.switch(on=False)).on
        assert here.bridge.orders[1] == {**here.bridge.orders[0], "Power": "Off"}
        assert len(here.bridge.orders) == 2


async def test_an_order_is_pending_until_the_compressor_starts(home: Home) -> None:
    async with room(home, start_delay_s=90.0) as here:
        relay = here.relay()
        with pytest.raises(DeviceUnverified, match="does not show yet"):
            await relay.switch(on=True)
        assert here.unit.on
        assert waits_for(relay) is True
        home.clock.advance(seconds=89)
        assert not (await relay.read()).on
        home.clock.advance(seconds=1)
        assert (await relay.read()).on
        assert waits_for(relay) is None
        assert not (await relay.switch(on=False)).on
        with pytest.raises(DeviceUnverified):  # a compressor that has just stopped rests
            await relay.switch(on=True)
        assert len(here.bridge.orders) == 3


async def test_a_unit_that_waits_for_its_own_thermostat_is_on(home: Home) -> None:
    async with room(home) as here:
        relay = here.relay()
        await relay.switch(on=True)
        here.unit.at_setpoint = True
        home.clock.advance(minutes=14)
        assert (await relay.read()).on
        home.clock.advance(minutes=100)
        assert (await relay.read()).on


@pytest.mark.parametrize("vendor", ["DAIKIN", "SHARP_AC"])
async def test_what_the_unit_did_not_see_is_not_verified_and_works_when_it_is_given_again(
    home: Home, vendor: str
) -> None:
    async with room(home, vendor=vendor) as here:
        relay = here.relay()
        here.unit.out_of_sight = True
        with pytest.raises(DeviceUnverified):
            await relay.switch(on=True)
        assert relay.acknowledged
        assert waits_for(relay) is True
        home.clock.advance(seconds=INFRARED.settles_s)
        assert waits_for(relay) is None
        assert not (await relay.read()).on
        here.unit.out_of_sight = False
        assert (await relay.switch(on=True)).on
        assert [frame.on for frame in here.unit.frames] == [True]


async def test_only_a_language_that_starts_from_off_has_the_memory_set_and_nothing_is_sent_by_that(home: Home) -> None:
    async with room(home, vendor="SHARP_AC") as here:
        relay = here.relay()
        for on in (True, False):
            await relay.switch(on=on)
        said = [(order["Power"], order["Mode"], order["StateMode"]) for order in here.bridge.orders]
        assert said == [("Off", "Auto", "StoreOnly"), ("On", "Heat", "SendStore"), ("Off", "Heat", "SendStore")]
        assert here.unit.switchings == [True, False]


async def test_what_a_memory_holds_toggles_nothing(home: Home) -> None:
    """Some languages have a turbo key only; the bridge works out whether to press it."""
    async with room(home, vendor="COOLIX") as here:
        relay = here.relay()
        here.bridge.press_remote(on=True, turbo=True)
        assert here.unit.turbo
        for on in (True, True, False, True, False):
            await relay.switch(on=on)
            assert not here.unit.turbo
        await here.bridge.brown_out()
        await relay.switch(on=True)
        assert not here.unit.turbo


async def test_a_supply_that_comes_back_starts_nothing_and_the_unit_is_told_again(home: Home) -> None:
    async with room(home) as here:
        relay = here.relay()
        await relay.switch(on=True)
        here.unit.switch(False)  # noqa: FBT003 - a circuit has one switch
        assert here.unit.power_w() == 0
        here.unit.switch(True)  # noqa: FBT003 - a circuit has one switch
        home.clock.advance(minutes=31)
        await relay.read()
        assert relay.must_be_renewed
        frames = len(here.unit.frames)
        assert (await relay.switch(on=True)).on
        assert len(here.unit.frames) == frames + 1


async def test_the_settings_of_a_home_are_enough(home: Home) -> None:
    bridge = DeviceSettings(
        name="ac",
        role=Role.AIR_CONDITIONER,
        profile="tuya-infrared-bridge",
        address=home.mac(),
        infrared=Infrared(vendor="DAIKIN", verified_by="ac-meter"),
    )
    meter = DeviceSettings(name="ac-meter", role=Role.METER, profile="tasmota-meter", address=home.mac(1))
    settings = load_settings(EXAMPLE, environment={}).model_copy(
        update={
            "devices": (bridge, meter),
            "mqtt": MqttSettings(port=home.address.port, client_id=f"whole-{home.serial}"),
        }
    )
    assert list(device_faults(settings, PROFILES)) == []
    networks = networks_of(settings, home.clock, PROFILES)
    ac, _ = devices_of(settings, networks, home.clock)
    assert ac.relay is not None
    assert ac.unit is not None
    ac.unit.aim(COOL)
    async with room(home) as here, running(networks.broker):
        tasmota = networks.by_family[Family.TASMOTA]
        assert isinstance(tasmota, TasmotaNetwork)
        await located(tasmota, [home.mac(), home.mac(1)])
        assert (await ac.relay.switch(on=True)).on
        assert not (await ac.relay.switch(on=False)).on
        assert [(frame.on, frame.mode, frame.temperature_c) for frame in here.unit.frames] == [
            (True, "Cool", 24.0),
            (False, "Cool", 24.0),
        ]


# ---- refusals


@pytest.mark.parametrize(
    ("vendor", "vendors", "reason"),
    [
        ("DAIKIM", VENDORS, r"cannot speak DAIKIM, set infrared.vendor: did you mean DAIKIN\?"),
        ("TOSHIBA_XY", ("GREE", "COOLIX"), "known here: COOLIX, GREE"),
        ("DAIKIN", (), "does not know IRHVAC: install tasmota-ir"),
    ],
)
async def test_what_the_bridge_cannot_speak_is_refused_with_what_to_do(
    home: Home, vendor: str, vendors: tuple[str, ...], reason: str
) -> None:
    async with room(home, vendor=vendor, vendors=vendors) as here:
        relay = here.relay()
        with pytest.raises(DeviceRefused, match=reason):
            await relay.switch(on=True)
        assert not relay.acknowledged
        assert waits_for(relay) is None
        assert here.unit.frames == []


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        *[(vendor, -1) for vendor in ("AIRWELL", "DAIKIN64", "DAIKIN128", "HITACHI_AC1", "KELON", "PANASONIC_AC32")],
        ("WHIRLPOOL_AC", 2),
        ("PANASONIC_AC", 5),
    ],
)
async def test_a_language_that_only_toggles_power_is_never_sent(home: Home, vendor: str, model: int) -> None:
    async with room(home, vendor=vendor, model=model, vendors=(*VENDORS, vendor)) as here:
        for on in (True, False):
            with pytest.raises(DeviceRefused, match=f"{vendor}.* it only toggles"):
                await here.relay().switch(on=on)
        assert here.bridge.orders == []


async def test_a_remote_without_a_language_sends_nothing(home: Home) -> None:
    adoption = Adoption(name="unit", role=Role.AIR_CONDITIONER, profile="tasmota-infrared", address=home.mac())
    remote = home.network.device(adoption).remote
    assert remote is not None
    with pytest.raises(DeviceRefused, match=r"set infrared\.vendor"):
        await remote.order(AIM)


# ---- silence and noise


async def test_a_lost_answer_leaves_the_order_unknown_and_the_meter_tells(home: Home) -> None:
    async with room(home) as here:
        relay = here.relay(IMPATIENT_S)
        here.bridge.faults.drop_answers = 1
        with pytest.raises(DeviceUnreachable, match="no answer within"):
            await relay.switch(on=True)
        assert not relay.acknowledged
        assert len(here.bridge.orders) == 1
        assert (await here.relay().read()).on


async def test_a_lost_order_is_sent_no_second_time(home: Home) -> None:
    async with room(home) as here:
        relay = here.relay(IMPATIENT_S)
        here.bridge.faults.drop_commands = 1
        with pytest.raises(DeviceUnreachable):
            await relay.switch(on=True)
        assert here.bridge.orders == []
        assert here.unit.frames == []
        assert not (await here.relay().read()).on


async def test_before_it_announces_itself_and_after_it_left_a_bridge_is_unreachable(home: Home) -> None:
    relay = adopted(home.network, home.clock, home.mac(), home.mac(1), IMPATIENT_S).relay
    assert relay is not None
    with pytest.raises(DeviceUnreachable, match="not announced"):
        await relay.switch(on=True)
    async with room(home) as here:
        station = home.network._stations[home.mac()]
        await settled(lambda: station.online is True)
        here.bridge.unplug()
        await settled(lambda: station.online is False)
        with pytest.raises(DeviceUnreachable, match="last will says that it is offline"):
            await here.relay(IMPATIENT_S).switch(on=True)


ANSWER = {"IRHVAC": Hvac("DAIKIN", on=True, mode="Heat", temp=23).said()}
FOREIGN = [
    {"IRHVAC": {**ANSWER["IRHVAC"], **other}}
    for other in (
        {"Vendor": "GREE"},
        {"Power": "Off"},
        {"Mode": "Cool"},
        {"Mode": "Off"},
        {"Temp": 22},
        {"Temp": "23"},
        {"Temp": None},
        {"Celsius": "Off"},
        {"Power": True},
        {"Power": "maybe"},
        {"Vendor": None},
        {"Mode": ["Heat"]},
    )
]


async def _ordered(here: Room, relay: MeteredRelay) -> "asyncio.Task[Any]":
    """An order that never arrives, under way."""
    here.bridge.faults.drop_commands = 9
    order = asyncio.create_task(relay.switch(on=True))
    await settled(lambda: here.bridge.faults.drop_commands < 9)
    return order


async def test_no_answer_but_the_one_to_this_order_counts(home: Home) -> None:
    async with room(home) as here:
        relay = here.relay(2 * IMPATIENT_S)
        heard: list[Message] = []
        home.broker.subscribe(here.bridge.identity.full("stat", "RESULT"), heard.append)
        here.says("stat", ANSWER)  # before the order
        here.says("stat", ANSWER, retain=True)
        await settled(lambda: len(heard) >= 2)
        order = await _ordered(here, relay)
        home.broker.subscribe(here.bridge.identity.full("stat", "RESULT"), lambda _message: None)  # it is repeated
        noise: list[object] = [
            *FOREIGN,
            {"IRHVAC": f"Wrong Vendor ({'|'.join(VENDORS)})"},  # to somebody else's order
            {"IRHVAC": 5},
            {"IRHVAC": None},
            {"Command": "Unknown", "Input": "POWER"},
            {"Command": 7},
            {"IRSend": "Done"},
            {"POWER": "ON"},
            {"IrReceived": ANSWER},
            "",
            "[]",
            "nul",
            '{"IRHVAC":' * 5000,
            json.dumps({"IRHVAC": {**ANSWER["IRHVAC"], "Mode": "x" * 30_000}}),
            "x" * 100_000,
        ]
        for payload in noise:
            here.says("stat", payload)
        here.says("tele", {"IrReceived": ANSWER})
        with pytest.raises(DeviceUnreachable):
            await order
        assert not relay.acknowledged
        assert any(message.retained for message in heard)
        assert len(heard) > len(noise)
        here.bridge.faults.drop_commands = 0
        here.says("stat", "", retain=True)
        assert (await here.relay().switch(on=True)).on


@pytest.mark.parametrize(
    "answer", [ANSWER, {"IRHVAC": {**ANSWER["IRHVAC"], "Vendor": "daikin", "Power": "on", "Mode": "heat"}}]
)
async def test_an_answer_that_carries_the_wanted_state_counts(home: Home, answer: object) -> None:
    async with room(home) as here:
        relay = here.relay()
        order = await _ordered(here, relay)
        here.says("stat", answer)
        with pytest.raises(DeviceUnverified):
            await order
        assert relay.acknowledged


async def test_old_firmware_says_mode_off_where_power_is_off(home: Home) -> None:
    async with room(home) as here:
        remote = here.remote()
        here.bridge.faults.drop_commands = 1
        order = asyncio.create_task(remote.order(None))
        await settled(lambda: here.bridge.faults.drop_commands == 0)
        here.says("stat", {"IRHVAC": {**Hvac("DAIKIN", mode="Off", temp=24).said(), "Power": "Off"}})
        async with asyncio.timeout(PATIENT_S):
            await order


async def test_answers_under_their_own_topic_are_heard(home: Home) -> None:
    async with room(home, answers_apart=True) as here:
        assert (await here.relay().switch(on=True)).on
        heard: list[bool] = []
        here.remote().on_heard = heard.append
        here.bridge.press_remote(on=False)
        await settled(lambda: heard == [False])


async def test_a_restart_of_the_bridge_between_two_orders_loses_nothing(home: Home) -> None:
    async with room(home) as here:
        relay = here.relay()
        await relay.switch(on=True)
        await here.bridge.brown_out()
        assert not (await relay.switch(on=False)).on


async def test_an_off_without_an_order_before_names_a_mode_that_every_unit_has(home: Home) -> None:
    async with room(home) as here:
        here.unit.on = True
        assert not (await here.relay().switch(on=False)).on
        assert (here.bridge.orders[0]["Power"], here.bridge.orders[0]["Mode"]) == ("Off", "Cool")


async def test_two_units_of_one_bridge_take_turns(home: Home) -> None:
    async with room(home) as here:
        other = SplitAirConditioner(home.clock.now, vendor="GREE")
        first, second = (
            here.remote(),
            Room(home, other, here.bridge, here.meter, Infrared(vendor="GREE", verified_by="m")),
        )
        here.bridge.faults.delay_s = 0.01
        await asyncio.gather(first.order(AIM), second.remote().order(COOL), first.order(None))
        assert [(order["Vendor"], order["Power"]) for order in here.bridge.orders] == [
            ("DAIKIN", "On"),
            ("GREE", "On"),
            ("DAIKIN", "Off"),
        ]


# ---- what the receiver hears


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


# ---- the judge, who is not ours: what real devices said in public threads


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


# ---- profiles


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


# ---- the contract


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


# ---- whatever comes over the wire


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
        order = await _ordered(here, here.relay())
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
