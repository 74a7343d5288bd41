"""The simulator before a judge that we did not write: hatasmota, the library of another hub."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hatasmota import const
from hatasmota.discovery import TasmotaDiscovery, get_entity, get_switch_entities, get_triggers
from hatasmota.mqtt import ReceiveMessage, TasmotaMQTTClient

from agent.adapters.mqtt.broker import Message
from simulators.circuit import Heater
from simulators.mqtt.tasmota import TasmotaPlug, TasmotaRelaySensor
from simulators.mqtt.tasmota_says import Identity
from tests.contract.bench import PATIENT_S
from tests.mqtt.benches import Home, settled


@dataclass
class Judge:
    """hatasmota, fed by the hub's connection; its callbacks are awaited one by one, as Home Assistant does."""

    home: Home
    messages: asyncio.Queue[tuple[Callable[[ReceiveMessage], Any], Message]] = field(default_factory=asyncio.Queue)
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    sensors: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = TasmotaMQTTClient(self._publish, self._subscribe, self._unsubscribe)

    async def discover(self) -> None:
        async def device(payload: dict[str, Any], mac: str) -> None:
            self.devices[mac] = payload

        async def sensors(found: list[Any], mac: str) -> None:
            self.sensors[mac] = found

        await TasmotaDiscovery("tasmota/discovery", self.client).start_discovery(device, sensors)

    async def work(self) -> None:
        while True:
            callback, message = await self.messages.get()
            result = callback(ReceiveMessage(message.topic, message.payload.decode(), 0, message.retained))
            if result is not None:
                await result

    async def _publish(self, topic: str, payload: Any, _qos: int | None, _retain: bool | None) -> None:  # noqa: ANN401, FBT001 - hatasmota's
        self.home.broker.publish(topic, str(payload))

    async def _subscribe(self, state: dict[str, Any] | None, topics: dict[str, Any]) -> dict[str, Any]:
        await self._unsubscribe(state)
        kept = {}
        for name, wanted in topics.items():

            def receive(message: Message, callback: Any = wanted["msg_callback"]) -> None:  # noqa: ANN401 - hatasmota's
                self.messages.put_nowait((callback, message))

            self.home.broker.subscribe(wanted["topic"], receive)
            kept[name] = (wanted["topic"], receive)
        return kept

    async def _unsubscribe(self, state: dict[str, Any] | None) -> dict[str, Any]:
        for topic, receive in (state or {}).values():
            self.home.broker.unsubscribe(topic, receive)
        return {}


@pytest.fixture
async def judge(home: Home) -> AsyncIterator[Judge]:
    judge = Judge(home)
    before = asyncio.all_tasks()
    work = asyncio.create_task(judge.work())
    yield judge
    work.cancel()
    for timer in judge.client._pending_messages.values():
        timer.cancel()
    own = asyncio.all_tasks() - before - {asyncio.current_task()}  # hatasmota makes tasks and forgets them
    await asyncio.wait({work, *own}, timeout=PATIENT_S)
    if not work.cancelled():
        work.result()


async def test_the_judge_discovers_a_plug_without_a_complaint(
    home: Home, judge: Judge, caplog: pytest.LogCaptureFixture
) -> None:
    async with TasmotaPlug(
        home.address, Identity(home.mac(), name="Boiler", model="Nous A1T"), Heater(), home.clock.now
    ):
        await judge.discover()
        await settled(lambda: home.mac() in judge.sensors)
    config = judge.devices[home.mac()]
    assert (config[const.CONF_DEVICENAME], config[const.CONF_MODEL]) == ("Boiler", "Nous A1T")
    assert len([entity for entity, _ in get_switch_entities(config) if entity is not None]) == 1
    assert get_triggers(config) is not None
    assert not [record for record in caplog.records if record.name.startswith("hatasmota")]


async def test_the_judge_switches_the_relay_and_sees_the_button(home: Home, judge: Judge) -> None:
    heater = Heater()
    async with TasmotaPlug(home.address, Identity(home.mac()), heater, home.clock.now) as plug:
        await judge.discover()
        await settled(lambda: home.mac() in judge.devices)
        (config,) = [entity for entity, _ in get_switch_entities(judge.devices[home.mac()]) if entity is not None]
        relay: Any = get_entity(config, judge.client)
        states: asyncio.Queue[bool] = asyncio.Queue()
        online: asyncio.Queue[bool] = asyncio.Queue()
        relay.set_on_state_callback(states.put_nowait)
        relay.set_on_availability_callback(online.put)
        await relay.subscribe_topics()
        async with asyncio.timeout(PATIENT_S):
            assert await online.get()
            await relay.set_state(True)
            while not await states.get():
                pass
            assert heater.on
            plug.press_button()
            while await states.get():
                pass
            plug.unplug()
            while await online.get():
                pass
        await relay.unsubscribe_topics()


async def test_the_judge_reads_energy_temperature_and_health(home: Home, judge: Judge) -> None:
    boiler = Heater(celsius=54.5)
    metered = TasmotaRelaySensor(home.address, Identity(home.mac()), boiler, home.clock.now)
    plug = TasmotaPlug(home.address, Identity(home.mac(1)), Heater(on=False), home.clock.now)
    async with metered, plug:
        plug.press_button()
        await judge.discover()
        await settled(lambda: {home.mac(), home.mac(1)} <= set(judge.sensors))
        values: dict[str, Any] = {}
        entities = []
        for mac in (home.mac(), home.mac(1)):
            for config, _ in judge.sensors[mac]:
                entity: Any = get_entity(config, judge.client)
                key = f"{mac}:{entity.quantity}"
                entity.set_on_state_callback(lambda value, key=key, **_: values.__setitem__(key, value))
                await entity.subscribe_topics()
                entities.append(entity)
                home.broker.publish(config.poll_topic, config.poll_payload)
        expected = {
            f"{home.mac()}:{const.SENSOR_TEMPERATURE}": 54.5,
            f"{home.mac(1)}:{const.SENSOR_POWER}": 2000,
            f"{home.mac(1)}:{const.SENSOR_ENERGY_IMPORT_TOTAL}": 12.345,
            f"{home.mac(1)}:{const.SENSOR_VOLTAGE}": 230,
            f"{home.mac(1)}:{const.SENSOR_STATUS_SIGNAL}": -62,
            f"{home.mac(1)}:{const.SENSOR_STATUS_SSID}": "home",
            f"{home.mac(1)}:{const.SENSOR_STATUS_VERSION}": "14.4.1(tasmota)",
            f"{home.mac(1)}:{const.SENSOR_STATUS_RESTART_REASON}": "Power On",
            f"{home.mac(1)}:{const.SENSOR_STATUS_MQTT_COUNT}": 1,
        }
        await settled(lambda: expected.keys() <= values.keys())
        assert {key: values[key] for key in expected} == expected
        assert isinstance(values[f"{home.mac(1)}:{const.SENSOR_STATUS_LAST_RESTART_TIME}"], datetime)
        for entity in entities:
            await entity.unsubscribe_topics()


async def test_every_status_that_a_person_asks_for_is_json(home: Home) -> None:
    async with TasmotaPlug(home.address, Identity(home.mac()), Heater(), home.clock.now) as plug:
        heard: asyncio.Queue[Message] = asyncio.Queue()
        home.broker.subscribe(plug.identity.full("stat", "+"), heard.put_nowait)
        home.broker.publish(plug.identity.full("cmnd", "STATUS"), "0")
        kinds = set()
        async with asyncio.timeout(PATIENT_S):
            while "STATUS11" not in kinds:
                message = await heard.get()
                kind = message.topic.rpartition("/")[2]
                if kind.startswith("STATUS"):
                    kinds.add(kind)
                    assert isinstance(json.loads(message.payload), dict)
        assert kinds == {"STATUS", "STATUS1", "STATUS2", "STATUS5", "STATUS10", "STATUS11"}
