"""What only Home Assistant's discovery has: announcements, templates, and devices that cannot be asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.adapters.mqtt.broker import Message
from agent.adapters.mqtt.home_assistant import HomeAssistantNetwork
from agent.adapters.mqtt.home_assistant_messages import Announcement, abilities_of, read_announcement
from agent.adapters.mqtt.home_assistant_template import HomeAssistantMalformed, read_template
from agent.domain.device import Ability, Adoption, Role
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.home_assistant import EsphomeNode, WholeDevice
from tests.contract.bench import IMPATIENT_S, PATIENT_S
from tests.mqtt.benches import Home, settled
from tests.mqtt.located import located

PROFILES = load_profiles()
ESPHOME_SWITCH = (
    '{{"cmd_t":"{name}/switch/relay/command","name":"Relay","stat_t":"{name}/switch/relay/state",'
    '"avty_t":"{name}/status","uniq_id":"ESPswitchrelay","dev":{{"ids":"{mac}","name":"{name}",'
    '"sw":"2024.12.4 (config hash 0x1f2e3d4c)","mdl":"esp8285","mf":"Espressif","cns":[["mac","{mac}"]]}}}}'
)


def network_of(home: Home) -> HomeAssistantNetwork:
    return HomeAssistantNetwork(home.broker, home.clock, PROFILES)


def adopted(network: HomeAssistantNetwork, profile: str, address: str, **more: object) -> Device:
    wanted = {"name": "plug", "role": Role.WATER_HEATER, "deadline_s": PATIENT_S, **more}
    return network.device(Adoption(profile=profile, address=address, **wanted))


def announced(config: dict[str, object], topic: str = "homeassistant/switch/node/relay/config") -> Announcement:
    said = read_announcement(topic, json.dumps(config).encode())
    assert said is not None
    return said


@asynccontextmanager
async def whole(home: Home, network: HomeAssistantNetwork, device: WholeDevice) -> AsyncIterator[WholeDevice]:
    async with device:
        await located(network, [device.mac])
        await settled(lambda: network._stations[device.mac].online is True)
        yield device


# ---- the simulators, judged by what the documentation says goes over the wire


async def test_an_esphome_node_says_what_esphome_says(home: Home) -> None:
    heard: list[tuple[str, str]] = []
    node = EsphomeNode(home.address, home.mac(), home.clock.now, relay=Heater(), tick_s=None)
    for topic in (f"{node.name}/#", f"homeassistant/+/{node.name}/+/config", f"esphome/discover/{node.name}"):
        home.broker.subscribe(topic, lambda message: heard.append((message.topic, message.payload.decode())))
    async with node:
        home.broker.publish(f"{node.name}/switch/relay/command", "ON")
        home.broker.publish(f"{node.name}/switch/relay/command", "ON")
        home.broker.publish(f"esphome/ping/{node.name}")
        await settled(lambda: bool(heard) and heard[-1][0].startswith("esphome/discover"))
    state, command = f"{node.name}/switch/relay/state", f"{node.name}/switch/relay/command"
    said = [item for item in heard if item[0] != command]
    golden = ESPHOME_SWITCH.format(name=node.name, mac=home.mac().lower())
    assert said[:3] == [
        (f"homeassistant/switch/{node.name}/relay/config", golden),
        (f"{node.name}/status", "online"),
        (state, "OFF"),
    ]
    assert said[3:-1] == [(state, "ON")], "an order that changes nothing is not answered"
    assert json.loads(said[-1][1])["mac"] == home.mac().lower()


async def test_an_esphome_node_retains_what_it_says_and_leaves_a_will(home: Home) -> None:
    node = EsphomeNode(home.address, home.mac(), home.clock.now, relay=Heater(), tick_s=None)
    kept: dict[str, bytes] = {}
    async with node:
        node.press_button()
        live: list[bytes] = []
        home.broker.subscribe(f"{node.name}/status", lambda message: live.append(message.payload))
        await settled(lambda: live == [b"online"])
        node.unplug()
        await settled(lambda: live[-1] == b"offline")
        home.broker.subscribe(f"{node.name}/switch/relay/state", lambda m: kept.update({m.topic: m.payload}))
        await settled(lambda: kept == {f"{node.name}/switch/relay/state": b"ON"})


async def test_a_whole_device_announces_itself_in_one_message(home: Home) -> None:
    heater = Heater(rated_w=1500)
    device = WholeDevice(home.address, home.mac(), home.clock.now, relay=heater, metered=heater, tick_s=None)
    heard: list[tuple[str, str]] = []
    for topic in (f"{device.base}/+", f"homeassistant/device/{home.mac()}/config"):
        home.broker.subscribe(topic, lambda message: heard.append((message.topic, message.payload.decode())))
    async with device:
        home.broker.publish(f"{device.base}/set/relay", "1")
        await settled(lambda: len(heard) == 4)
    config = json.loads(heard[0][1])
    assert heard[0][0] == f"homeassistant/device/{home.mac()}/config"
    assert config["cmps"]["relay"] == {
        "p": "switch",
        "cmd_t": "~/set/relay",
        "val_tpl": '{{ value_json["relay"] }}',
        "pl_on": "1",
        "pl_off": "0",
        "stat_on": "on",
        "stat_off": "off",
        "uniq_id": f"{home.mac()}_relay",
    }
    assert heard[1:] == [
        (f"{device.base}/availability", '{"state":"online"}'),
        (f"{device.base}/state", '{"relay":"off","meter":{"kw":0.0,"mj":44.442}}'),
        (f"{device.base}/state", '{"relay":"on","meter":{"kw":1.5,"mj":44.442}}'),
    ]


# ---- announcements


@pytest.mark.parametrize(
    ("template", "payload", "text"),
    [
        ("{{ value }}", b" ON ", "ON"),
        ("{{value}}", b"1", "1"),
        ("{{ value_json.state }}", b'{"state":"ON"}', "ON"),
        ("{{value_json.a.b}}", b'{"a":{"b":true}}', "True"),
        ('{{ value_json["state"] }}', b'{"state":"OFF"}', "OFF"),
        ("{{ value_json['a']['b c'] }}", b'{"a":{"b c":5}}', "5"),
        ('{{ value_json["a"].b | float }}', b'{"a":{"b":"2.50"}}', "2.5"),
        ("{{ value_json.a | float(0) | round(1) }}", b'{"a":2.55}', "2.5"),
        ("{{ value | int }}", b"2.9", "2"),
        ("{{- value_json.a -}}", b'{"a":"x"}', "x"),
    ],
)
def test_a_plain_template_gives_its_value(template: str, payload: bytes, text: str) -> None:
    assert read_template(template).text(payload) == text


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{{ }}",
        "{{ value_json }}",
        "{{ value_jsonx.a }}",
        "{{ value_json.a + 1 }}",
        "{{ value_json.a * 1000 }}",
        "{{ value_json.a[0] }}",
        "{{ value_json.__class__() }}",
        "{{ value_json.a | default(0) }}",
        "{{ value_json.a | round(99) }}",
        "{{ 'ON' if value == '1' else 'OFF' }}",
        "{% if value %}ON{% endif %}",
        "{{ value }}{{ value }}",
        "{{ states('switch.other') }}",
        "{{ value_json.a.b.c.d.e.f.g.h.i }}",
        "{{ value " + " " * 400 + "}}",
    ],
)
def test_any_other_template_is_refused_by_name(template: str) -> None:
    with pytest.raises(HomeAssistantMalformed, match="value template is not one of the plain ones"):
        read_template(template)


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"a":null}', b'{"a":"nan"}', b'{"a":1e999}', b"[" * 60_000])
def test_a_value_that_is_not_there_is_no_number(payload: bytes) -> None:
    with pytest.raises(HomeAssistantMalformed):
        read_template("{{ value_json.a }}").number(payload)


def test_abbreviations_and_long_names_say_the_same() -> None:
    short: dict[str, object] = {
        "~": "a/b",
        "stat_t": "~/s",
        "cmd_t": "c/~",
        "val_tpl": "{{ value_json.s }}",
        "pl_on": 1,
        "pl_off": 0,
    }
    long: dict[str, object] = {
        "~": "a/b",
        "state_topic": "a/b/s",
        "command_topic": "c/a/b",
        "value_template": "{{ value_json.s }}",
        "payload_on": "1",
        "payload_off": "0",
    }
    short |= {"avty": [{"t": "~/up", "pl_avail": "yes"}], "avty_mode": "all", "dev": {"ids": ["x"], "mdl": "m"}}
    long |= {"availability": [{"topic": "a/b/up", "payload_available": "yes"}], "availability_mode": "all"}
    long |= {"device": {"identifiers": "x", "model": "m"}}
    (component,) = announced(short).components
    assert announced(short) == announced(long)
    assert (component.state_topic, component.command_topic) == ("a/b/s", "c/a/b")
    assert component.read_switch(b'{"s":1}') is True
    assert component.read_switch(b'{"s":"0"}') is False
    assert component.availability[0].read(b"yes") is True


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"cmd_t": "a"}, "does not say how it stands"),
        ({"cmd_t": "a", "stat_t": "b", "opt": True}, "does not say how it stands"),
        ({"stat_t": "b"}, "takes no commands"),
        ({"cmd_t": "a", "stat_t": "a"}, "share a topic"),
        ({"cmd_t": "a", "stat_t": "b", "avty_t": "a"}, "share a topic"),
        ({"cmd_t": "a", "stat_t": "b", "pl_on": "x", "pl_off": "x"}, "do not differ"),
        ({"cmd_t": "a", "stat_t": "b", "cmd_tpl": "{{ value }}"}, "made by a template"),
        ({"cmd_t": "a", "stat_t": "b", "val_tpl": "{{ value_json.a | upper }}"}, r"plain ones: .*upper"),
        ({"cmd_t": ["a"], "stat_t": "b"}, "not a topic"),
    ],
)
def test_a_switch_that_could_not_be_verified_is_refused_by_name(config: dict[str, object], why: str) -> None:
    said = announced(config)
    assert not said.components
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(said.refused["relay"])


def test_a_device_takes_its_shared_settings_over() -> None:
    said = announced(
        {
            "~": "base",
            "dev": {"ids": ["x"]},
            "stat_t": "~/state",
            "avty_t": "~/up",
            "cmps": {
                "a": {"p": "switch", "cmd_t": "~/a"},
                "b": {"p": "sensor", "dev_cla": "power", "unit_of_meas": "kW", "avty_t": "own/up"},
                "gone": {"p": "switch"},
                "lamp": {"p": "light", "cmd_t": "~/l"},
                "diag": {"p": "sensor", "ent_cat": "diagnostic", "dev_cla": "temperature", "unit_of_meas": "°C"},
            },
        },
        "homeassistant/device/x/config",
    )
    switch, sensor = said.components
    assert (switch.state_topic, switch.command_topic) == ("base/state", "base/a")
    assert [where.topic for where in switch.availability] == ["base/up"]
    assert [where.topic for where in sensor.availability] == ["own/up"]
    assert sensor.read_power_w(b"1.25") == 1250


async def test_a_node_is_one_device_with_the_profile_that_fits(home: Home) -> None:
    network = network_of(home)
    heater = Heater()
    project = ("China Athom Technology", "Athom Plug V2")
    node = EsphomeNode(home.address, home.mac(), home.clock.now, relay=heater, metered=heater, project=project)
    async with node:
        await settled(lambda: len(getattr(network._stations.get(home.mac().lower()), "components", ())) == 3)
        await settled(lambda: network._stations[home.mac().lower()].online is True)
        (seen,) = [found for found in await network.scan(0.01) if found.address == f"{home.mac().lower()}/relay"]
    assert seen.profile == "athom-plug-v2-esphome"
    assert seen.abilities == {Ability.RELAY, Ability.METER}
    assert seen.reachable
    assert seen.model == "Athom Plug V2"


async def test_an_empty_announcement_takes_a_component_away_and_a_foreign_family_is_left_alone(home: Home) -> None:
    network = network_of(home)
    name = f"gone-{home.serial}"
    topic = f"homeassistant/switch/{name}/relay/config"
    config: dict[str, object] = {"cmd_t": f"{name}/set", "stat_t": f"{name}/get", "dev": {"ids": name}}
    network._on_config(Message(topic, json.dumps({**config, "o": {"name": "Zigbee2MQTT"}}).encode()))
    assert name not in network._stations
    network._on_config(Message(topic, json.dumps(config).encode()))
    assert name in network._stations
    network._on_config(Message(topic, b""))
    assert name not in network._stations
    relay = adopted(network, "home-assistant-relay", name, deadline_s=IMPATIENT_S).relay
    assert relay
    with pytest.raises(DeviceUnreachable, match="not announced a switch"):
        await relay.switch(on=True)


async def test_one_of_several_switches_must_be_named(home: Home) -> None:
    network = network_of(home)
    mac = home.mac().lower()
    for object_id in ("led", "relay"):
        config = {"cmd_t": f"{mac}/{object_id}/set", "stat_t": f"{mac}/{object_id}/get", "dev": {"ids": mac}}
        network._on_config(Message(f"homeassistant/switch/{mac}/{object_id}/config", json.dumps(config).encode()))
    unnamed = adopted(network, "home-assistant-relay", mac).relay
    named = adopted(network, "home-assistant-relay", f"{mac}/relay").relay
    assert unnamed
    assert named
    with pytest.raises(DeviceRefused, match="led, relay"):
        await unnamed.switch(on=True)
    sent: list[Message] = []

    def obey(message: Message) -> None:
        sent.append(message)
        home.broker.publish(f"{mac}/relay/get", message.payload)

    home.broker.subscribe(f"{mac}/+/set", obey)
    relay = adopted(network, "home-assistant-relay", f"{mac}/relay", deadline_s=4 * IMPATIENT_S).relay
    assert relay
    with pytest.raises(DeviceUnreachable):  # it says ON, and then nothing: acknowledged is not verified
        await relay.switch(on=True)
    assert [message.topic for message in sent] == [f"{mac}/relay/set"]


# ---- how it starts


SELECT = {"cmd_t": "n/set", "stat_t": "n/state", "dev": {"ids": "n"}, "ops": ["Always On", "Always Off"]}


@pytest.mark.parametrize(
    ("object_id", "more", "starts_off"),
    [
        ("power_on_state", {}, ["Always Off"]),
        ("power_on_state", {"ent_cat": "config"}, ["Always Off"]),
        ("boot_state", {"ops": ["off", "on"]}, ["off"]),
        ("x", {"name": "Power-on behaviour"}, ["Always Off"]),
        ("power_on_state", {"ops": ["Restore", "Always On"]}, []),
        ("power_on_state", {"ops": "off"}, []),
        ("power_on_state", {"ops": [None, 1, {}]}, []),
        ("led_power_on_state", {}, []),
        ("effect", {"ops": ["off"]}, []),
        ("power_on_state", {"stat_t": None}, []),
        ("power_on_state", {"cmd_t": None}, []),
        ("power_on_state", {"cmd_tpl": "{{ value }}"}, []),
        ("power_on_state", {"stat_t": "n/set"}, []),
        ("power_on_state", {"opt": True}, []),
    ],
)
def test_a_choice_of_how_a_switch_starts_is_known_by_its_name(
    object_id: str, more: dict[str, object], starts_off: list[str]
) -> None:
    said = announced({**SELECT, **more}, f"homeassistant/select/n/{object_id}/config")
    assert [part.starts_off for part in said.components] == starts_off
    assert abilities_of(said.components) == frozenset()


@pytest.mark.parametrize("starts", ["Always Off", "Always On", "Restore Power Off State"])
async def test_a_node_is_set_to_start_off_once(home: Home, starts: str) -> None:
    network, address = network_of(home), home.mac().lower()
    node = EsphomeNode(home.address, home.mac(), home.clock.now, relay=Heater(), starts=True, tick_s=None)
    node.starts = starts
    node.faults.duplicate = True
    relay = adopted(network, "home-assistant-relay", address).relay
    assert relay
    async with node:
        await settled(lambda: address in network._stations and len(network._stations[address].components) == 2)
        for _ in range(2):
            assert await relay.start_off()
        assert node.starts == "Always Off"
        assert node.start_up_written == (0 if starts == "Always Off" else 1)


async def test_a_choice_that_may_be_for_another_switch_is_left_to_the_owner(home: Home) -> None:
    network, address = network_of(home), home.mac().lower()
    node = EsphomeNode(home.address, home.mac(), home.clock.now, relay=Heater(), starts=True, tick_s=None)
    relay = adopted(network, "home-assistant-relay", f"{address}/relay").relay
    assert relay
    async with node:
        await settled(lambda: address in network._stations and len(network._stations[address].components) == 2)
        (topic,) = [topic for topic in node.discovery() if "/switch/" in topic]
        second = json.dumps({**node.discovery()[topic], "cmd_t": "elsewhere/set", "stat_t": "elsewhere/state"})
        network._on_config(Message(topic.replace("relay", "led"), second.encode()))
        assert not await relay.start_off()
        assert node.start_up_written == 0


async def test_a_device_that_answers_no_pings_cannot_be_asked_how_it_starts(home: Home) -> None:
    network, mac = network_of(home), home.mac().lower()
    said: list[str] = []
    for kind, object_id, more in (("switch", "relay", {}), ("select", "power_on_state", {"ops": ["off", "on"]})):
        config = {"cmd_t": f"{mac}/{object_id}/set", "stat_t": f"{mac}/{object_id}/get", "dev": {"ids": mac}, **more}
        network._on_config(Message(f"homeassistant/{kind}/{mac}/{object_id}/config", json.dumps(config).encode()))
    home.broker.subscribe(f"{mac}/+/set", lambda message: said.append(message.topic))
    relay = adopted(network, "home-assistant-relay", mac).relay
    assert relay
    setting = asyncio.create_task(relay.start_off())
    await settled(lambda: bool(network._stations[mac]._signs))
    home.broker.publish(f"{mac}/relay/get", "ON")
    assert not await setting
    assert said == []


# ---- a device that cannot be asked


async def test_what_the_broker_kept_is_no_answer_while_the_device_is_silent(home: Home) -> None:
    """Available, and its state retained, but nobody is there: the will is late."""
    network = network_of(home)
    node = EsphomeNode(home.address, home.mac(), home.clock.now, relay=Heater(), tick_s=None)
    relay = adopted(network, "home-assistant-relay", home.mac().lower(), deadline_s=2 * IMPATIENT_S).relay
    assert relay
    async with node:
        await located(network, [home.mac().lower()])
        assert (await relay.switch(on=True)).on
        node.faults.drop_commands = 99
        with pytest.raises(DeviceUnreachable, match="no answer"):
            await relay.read()
        with pytest.raises(DeviceUnreachable, match="no answer"):
            await relay.switch(on=True)


async def test_a_device_that_answers_pings_is_believed_by_no_other_sign(home: Home) -> None:
    """A report of a sensor may have been on its way before the question, the answer to a ping not."""
    network = network_of(home)
    heater = Heater()
    node = EsphomeNode(home.address, home.mac(), home.clock.now, relay=heater, metered=heater, tick_s=None)
    relay = adopted(network, "home-assistant-relay", home.mac().lower(), deadline_s=2 * IMPATIENT_S).relay
    assert relay
    async with node:
        station = network._stations[home.mac().lower()]
        await settled(lambda: len(station.components) == 3)
        assert not (await relay.read()).on
        node.faults.drop_commands = 99
        question = asyncio.create_task(relay.read())
        await settled(lambda: bool(station._signs))
        home.clock.advance(minutes=2)
        node.tick()
        await settled(lambda: f"{node.name}/sensor/power/state" in station._last)
        with pytest.raises(DeviceUnreachable, match="no answer"):
            await question


async def test_a_device_that_only_reports_is_verified_by_its_next_report(home: Home) -> None:
    network = network_of(home)
    heater = Heater()
    device = WholeDevice(home.address, home.mac(), home.clock.now, relay=heater, tick_s=None)
    relay = adopted(network, "home-assistant-relay", home.mac()).relay
    assert relay
    async with whole(home, network, device):
        order = asyncio.create_task(relay.switch(on=True))
        station = network._stations[home.mac()]
        await settled(lambda: heater.on and bool(station._signs))  # asked, for it said nothing more after its word
        assert not order.done()
        device.report()
        assert (await order).on
        question = asyncio.create_task(relay.read())
        await settled(lambda: bool(station._signs))
        device.press_button()
        assert not (await question).on


async def test_a_device_that_only_reports_and_says_nothing_more_is_in_an_unknown_state(home: Home) -> None:
    network = network_of(home)
    device = WholeDevice(home.address, home.mac(), home.clock.now, relay=Heater(), tick_s=None)
    relay = adopted(network, "home-assistant-relay", home.mac(), deadline_s=2 * IMPATIENT_S).relay
    assert relay
    async with whole(home, network, device):
        with pytest.raises(DeviceUnreachable, match="no answer"):
            await relay.switch(on=True)


async def test_its_sensors_tell_what_they_last_said_and_when(home: Home) -> None:
    network = network_of(home)
    heater = Heater(rated_w=1500, celsius=50)
    device = WholeDevice(
        home.address, home.mac(), home.clock.now, metered=heater, sensor=heater, fahrenheit=True, tick_s=None
    )
    meter = adopted(network, "home-assistant-meter", home.mac()).meter
    thermometer = adopted(network, "home-assistant-thermometer", home.mac()).thermometer
    assert meter
    assert thermometer
    async with whole(home, network, device):
        heater.on = True
        home.clock.advance(minutes=5)
        spoke_at = home.clock.now()
        waiting = asyncio.create_task(meter.read())
        await settled(lambda: bool(network._stations[home.mac()]._signs))
        device.report()
        await waiting
        home.clock.advance(minutes=5)
        reading = await meter.read()
        assert (reading.power_w, reading.energy_wh, reading.at) == (1500, 12_345, spoke_at)
        warm = await thermometer.read()
        assert (warm.temperature_c, warm.at) == (50.0, spoke_at)
        device.unplug()
        await settled(lambda: network._stations[home.mac()].online is False)
        with pytest.raises(DeviceUnreachable, match="said to be offline"):
            await meter.read()


async def test_a_sensor_without_a_value_gives_no_reading(home: Home) -> None:
    network = network_of(home)
    node = EsphomeNode(home.address, home.mac(), home.clock.now, sensor=Heater(celsius=float("nan")), tick_s=None)
    thermometer = adopted(network, "home-assistant-thermometer", home.mac().lower()).thermometer
    assert thermometer
    async with node:
        await settled(lambda: bool(network._stations[home.mac().lower()].components))
        with pytest.raises(DeviceMalformed, match="gives no value"):
            await thermometer.read()
