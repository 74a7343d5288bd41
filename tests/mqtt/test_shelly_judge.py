"""The simulated Shelly before a judge that we did not write: aioshelly, the library of another hub, over MQTT.

aioshelly has no MQTT of its own: its requests, numbers, answers and notifications are carried by the hub's connection.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aioshelly.common import ConnectionOptions
from aioshelly.const import MODEL_PLUS_1PM
from aioshelly.exceptions import InvalidAuthError, MacAddressMismatchError, RpcCallError
from aioshelly.rpc_device import RpcDevice, RpcUpdateType
from aioshelly.rpc_device.wsrpc import RPCSource, WsRPC

from agent.adapters.mqtt.broker import Message
from simulators.circuit import Heater
from simulators.mqtt.shelly_gen2 import ShellyGen2
from simulators.shelly.says import Identity
from tests.contract.bench import PATIENT_S
from tests.mqtt.benches import Home, settled


class OverMqtt(WsRPC):
    """aioshelly's own requests and answers, on topics instead of a socket."""

    def __init__(self, home: Home, prefix: str) -> None:
        super().__init__("127.0.0.1", lambda *_: None)
        self._home = home
        self._prefix = prefix
        self._topics = (f"{self._session.src}/rpc", f"{prefix}/events/rpc")

    def tell(self, device: RpcDevice) -> None:
        self._on_notification = device._on_notification

    async def connect(self, _session: object) -> None:
        self._client: Any = SimpleNamespace(closed=False)
        for topic in self._topics:
            self._home.broker.subscribe(topic, self._hear)

    async def disconnect(self) -> None:
        if self.connected:
            self._client.closed = True
            for topic in self._topics:
                self._home.broker.unsubscribe(topic, self._hear)

    async def _send_json(self, data: dict[str, Any]) -> None:
        self._home.broker.publish(f"{self._prefix}/rpc", json.dumps(data))

    def _hear(self, message: Message) -> None:
        self.handle_frame(RPCSource.CLIENT, json.loads(message.payload))


def judge_of(home: Home, plugged: ShellyGen2, mac: str = "") -> RpcDevice:
    rpc = OverMqtt(home, plugged.prefix)
    options = ConnectionOptions(ip_address="127.0.0.1", device_mac=mac or plugged.identity.mac)
    session: Any = object()
    device = RpcDevice(None, session, options, rpc)
    rpc.tell(device)
    return device


@asynccontextmanager
async def judged(home: Home, heater: Heater, **more: Any) -> AsyncIterator[tuple[ShellyGen2, RpcDevice]]:  # noqa: ANN401 - as the simulator takes it
    identity = more.pop("identity", None) or Identity(home.mac(), name="Boiler")
    async with ShellyGen2(home.address, identity, home.clock.now, relays=[heater], tick_s=None, **more) as plugged:
        device = judge_of(home, plugged)
        await device.initialize()
        yield plugged, device
        await device.shutdown()


async def test_the_judge_knows_the_device_and_all_its_parts(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    async with judged(home, Heater(celsius=54.5), sensors={100: Heater(celsius=54.5)}) as (plugged, device):
        assert device.initialized
        assert device.firmware_supported
        assert (device.model, device.gen, device.name) == (MODEL_PLUS_1PM, 2, "Boiler")
        assert device.hostname == plugged.identity.id
        assert device.status["temperature:100"]["tC"] == 54.5
        assert device.config["switch:0"]["initial_state"] == "off"
        assert device.config["mqtt"]["topic_prefix"] == plugged.prefix
        assert set(device.status) >= {"switch:0", "input:0", "sys", "wifi", "mqtt", "cloud", "ble"}
        await device.get_dynamic_components()
    assert not [record for record in caplog.records if record.name.startswith("aioshelly")]


async def test_the_judge_switches_the_relay_and_sees_what_changes(home: Home) -> None:
    heater = Heater()
    async with judged(home, heater) as (plugged, device):
        updates: list[RpcUpdateType] = []
        device.subscribe_updates(lambda _, kind: updates.append(kind))
        await device.switch_set(0, value=True)
        assert heater.on
        await settled(lambda: device.status["switch:0"]["output"])
        assert device.status["switch:0"]["apower"] == heater.rated_w
        assert device.status["switch:0"]["voltage"] == 230, "what a change leaves out stays known"
        plugged.press_button()
        await settled(lambda: not device.status["switch:0"]["output"])
        assert device.status["switch:0"]["source"] == "button"
        assert set(updates) == {RpcUpdateType.STATUS}


async def test_the_judge_counts_the_same_energy(home: Home) -> None:
    async with judged(home, Heater()) as (plugged, device):
        device.subscribe_updates(lambda *_: None)
        before_wh = device.status["switch:0"]["aenergy"]["total"]
        await device.switch_set(0, value=True)
        home.clock.advance(hours=1)
        plugged.tick()
        await settled(lambda: device.status["switch:0"]["aenergy"]["total"] > before_wh)
        assert device.status["switch:0"]["aenergy"]["total"] == pytest.approx(before_wh + 2000)
        plugged.reset_energy()
        await device.poll()
        assert device.status["switch:0"]["aenergy"]["total"] == 0


async def test_the_judge_is_told_what_the_device_does_not_know(home: Home) -> None:
    async with judged(home, Heater()) as (_, device):
        assert "Switch.Set" in await device.methods_list()
        for method, params, code in (
            ("Cover.Open", {"id": 0}, 404),
            ("Switch.Set", {"id": 7, "on": True}, -105),
            ("Switch.Set", {"id": 0, "on": "yes"}, -103),
        ):
            with pytest.raises(RpcCallError) as caught:
                await device.call_rpc(method, params)
            assert caught.value.code == code


async def test_the_judge_ends_an_on_after_a_time_and_sets_what_power_on_does(home: Home) -> None:
    heater = Heater()
    async with judged(home, heater) as (plugged, device):
        assert await device.call_rpc("Switch.Set", {"id": 0, "on": True, "toggle_after": 900}) == {"was_on": False}
        await device.update_status()
        assert device.status["switch:0"]["timer_duration"] == 900
        home.clock.advance(seconds=901)
        plugged.tick()
        assert not heater.on
        changed = await device.call_rpc("Switch.SetConfig", {"id": 0, "config": {"initial_state": "on"}})
        assert changed == {"restart_required": False}
        await plugged.brown_out()
        await device.update_status()
        assert plugged.is_on()
        assert device.status["switch:0"]["output"]


async def test_the_judge_finds_a_locked_device_locked_and_another_device_another(home: Home) -> None:
    identity = Identity(home.mac(), locked=True)
    async with ShellyGen2(home.address, identity, home.clock.now, relays=[Heater()], tick_s=None) as plugged:
        device = judge_of(home, plugged)
        with pytest.raises(InvalidAuthError):
            await device.initialize()
        assert device.requires_auth
        with pytest.raises(MacAddressMismatchError):
            await judge_of(home, plugged, home.mac(1)).initialize()


async def test_what_people_see_on_the_topics_of_the_vendor(home: Home) -> None:
    heard: dict[str, bytes] = {}
    heater = Heater()
    identity = Identity(home.mac())
    async with ShellyGen2(home.address, identity, home.clock.now, relays=[heater], tick_s=None) as plugged:
        plugged.status_ntf = True
        home.broker.subscribe(f"{plugged.prefix}/#", lambda message: heard.__setitem__(message.topic, message.payload))
        home.broker.publish(f"{plugged.prefix}/command/switch:0", "on,60")
        await settled(lambda: f"{plugged.prefix}/status/switch:0" in heard)
        assert heater.on
        assert json.loads(heard[f"{plugged.prefix}/status/switch:0"])["timer_duration"] == 60
        home.broker.publish("shellies/command", "announce")
        home.broker.publish(f"{plugged.prefix}/command", "status_update")
        async with asyncio.timeout(PATIENT_S):
            await settled(lambda: {f"{plugged.prefix}/announce", f"{plugged.prefix}/status/sys"} <= heard.keys())
        assert json.loads(heard[f"{plugged.prefix}/announce"])["mac"] == home.mac()
        assert heard[f"{plugged.prefix}/online"] == b"true"
