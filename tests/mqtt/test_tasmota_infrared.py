"""An air conditioner by infrared over a real broker: told by a Tasmota device, believed by the meter on its circuit."""

import asyncio
import json

import pytest

from agent.adapters.mqtt.broker import Message
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.composition import device_faults
from agent.connections import MqttSettings
from agent.domain.device import Adoption, Infrared, Role
from agent.errors import DeviceRefused, DeviceUnreachable, DeviceUnverified
from agent.networks import devices_of, networks_of
from agent.profiles.profile import Family
from agent.settings import DeviceSettings, load_settings
from simulators.air_conditioner import Frame, SplitAirConditioner
from simulators.mqtt.tasmota_infrared import VENDORS, Hvac
from tests.contract.bench import IMPATIENT_S, PATIENT_S
from tests.contract.benches.tasmota_infrared import AIM, INFRARED, adopted
from tests.hub.days import EXAMPLE
from tests.mqtt.benches import Home, settled
from tests.mqtt.conftest import running
from tests.mqtt.infrared import ANSWER, COOL, PROFILES, Room, ordered, room, waits_for
from tests.mqtt.located import located
from tests.mqtt.test_judge import judge as judge  # noqa: PLC0414 - a fixture

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


async def test_no_answer_but_the_one_to_this_order_counts(home: Home) -> None:
    async with room(home) as here:
        relay = here.relay(2 * IMPATIENT_S)
        heard: list[Message] = []
        home.broker.subscribe(here.bridge.identity.full("stat", "RESULT"), heard.append)
        here.says("stat", ANSWER)  # before the order
        here.says("stat", ANSWER, retain=True)
        await settled(lambda: len(heard) >= 2)
        order = await ordered(here, relay)
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
        order = await ordered(here, relay)
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
