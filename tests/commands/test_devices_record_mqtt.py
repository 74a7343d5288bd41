"""Recordings of MQTT devices that are asked for by an address which is none of their topics."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.recording import BrokerTap, ieee_of, is_of_shelly, name_at_bridge, source_of
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.mosquitto import Mosquitto
from simulators.mqtt.shelly_gen2 import ShellyGen2
from simulators.mqtt.zigbee2mqtt import Zigbee2mqtt, ZigbeePlug
from simulators.shelly.says import Identity
from tests.mqtt.conftest import running
from tests.zigbee.home import until

MAC = "A0D60000AB01"
IEEE = "0x0017a0d60000ab01"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Heard:
    """What a tap told."""

    messages: list[tuple[bool, str, bytes]] = field(default_factory=list)

    def hear(self, said: bool, _kind: str, topic: str, payload: bytes, _old: bool) -> None:  # noqa: FBT001
        self.messages.append((said, topic, payload))

    def of(self, topic: str) -> list[bool]:
        return [said for said, where, _ in self.messages if where == topic]


@asynccontextmanager
async def tapped(mosquitto: Mosquitto, address: str) -> AsyncIterator[tuple[Broker, Heard]]:
    heard = Heard()
    async with running(Broker(port=mosquitto.port, client_id=f"tap-{address}", retry_s=(0.02, 0.1))) as broker:
        with BrokerTap(broker).tap(address, heard.hear):
            yield broker, heard
        assert not broker._receivers


@pytest.mark.parametrize("prefix", ["", "home/boiler"])
async def test_a_shelly_is_followed_by_its_mac_to_whatever_prefix_it_has(mosquitto: Mosquitto, prefix: str) -> None:
    identity = Identity(MAC)
    plug = ShellyGen2(BrokerAddress(mosquitto.port), identity, now, relays=[Heater()], prefix=prefix, tick_s=None)
    own = prefix or identity.id
    async with tapped(mosquitto, ":".join(MAC[i : i + 2] for i in range(0, 12, 2))) as (broker, heard), plug:
        plug.press_button()
        await until(lambda: bool(heard.of(f"{own}/events/rpc")))
        broker.publish(
            f"{own}/rpc", json.dumps({"id": 7, "src": "tap/me", "method": "Switch.GetStatus", "params": {"id": 0}})
        )
        await until(lambda: bool(heard.of("tap/me/rpc")))
        assert set(heard.of(f"{own}/events/rpc")) == {True}
        assert heard.of("tap/me/rpc") == [True], "answers go to whoever asked"
        await until(lambda: bool(heard.of(f"{own}/rpc")))
        assert heard.of(f"{own}/rpc") == [False]
        count = len(heard.messages)
        broker.publish("other/events/rpc", json.dumps({"src": "shellyplus1pm-a0d60000ab02", "method": "NotifyStatus"}))
        plug.press_button()
        await until(lambda: len(heard.messages) > count)
        assert not heard.of("other/events/rpc")


@pytest.mark.parametrize("address", [IEEE, "00:17:a0:d6:00:00:ab:01"])
async def test_a_device_of_zigbee2mqtt_is_followed_by_its_ieee_address(mosquitto: Mosquitto, address: str) -> None:
    plug = ZigbeePlug(IEEE, now, model="SP 240", name="kitchen/boiler", relay=Heater(), metered=Heater())
    base = "zigbee2mqtt-tapped"
    bridge = Zigbee2mqtt(BrokerAddress(mosquitto.port), [plug], base=base, tick_s=None)
    async with tapped(mosquitto, address) as (broker, heard), bridge:
        await until(lambda: any(topic.startswith(f"{base}/kitchen/boiler/") for topic in broker._receivers))
        broker.publish(f"{base}/kitchen/boiler/get", '{"state": ""}')
        await until(lambda: bool(heard.of(f"{base}/kitchen/boiler")))
        assert set(heard.of(f"{base}/kitchen/boiler")) == {True}
        assert heard.of(f"{base}/kitchen/boiler/get") == [False]
        assert not heard.of(f"{base}/bridge/devices"), "all other devices stand in that"
        bridge.rename(plug, "cellar")
        await until(lambda: f"{base}/cellar/#" in broker._receivers)


@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
@example(b"[" * 100_000)
@example(b'[{"ieee_address":"0x0017a0d60000ab01","friendly_name":"#"}]')
@example(b'[{"ieee_address":"0x0017a0d60000ab01","friendly_name":["a"]}]')
@example(b'{"src":["shellyplus1pm-a0d60000ab01"]}')
@example(b'{"src":"shellyplus1pm-a0d60000ab01","method":"x"}')
def test_no_payload_leads_a_tap_astray(payload: bytes) -> None:
    broker = Broker()
    heard = Heard()
    for address in (MAC, IEEE):
        with BrokerTap(broker).tap(address, heard.hear):
            for number in range(50):
                for topic in ("online", "events/rpc", "rpc", "bridge/devices"):
                    broker._receive(Message(f"someone{number}/{topic}", payload))
            assert len(broker._receivers) <= 32 + 6
            assert not any("#" in name.removesuffix("/#") for name in broker._receivers)
    assert not broker._receivers
    assert name_at_bridge(payload, IEEE) is None
    assert isinstance(source_of(payload), str)


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("shellyplus1pm-a0d60000ab01", True),
        ("shelly1-00AB01", True),
        ("shellyplus1pm-a0d60000ab02", False),
        ("shelly-01", False),
        ("boiler-a0d60000ab01", False),
        ("", False),
    ],
)
def test_a_shelly_is_known_by_its_name(name: str, *, whose: bool) -> None:
    assert is_of_shelly(name, MAC) is whose


def test_an_ieee_address_is_written_in_several_ways() -> None:
    assert {ieee_of(one) for one in (IEEE, "0017A0D60000AB01", "00:17:A0:D6:00:00:AB:01")} == {IEEE}
    assert ieee_of(MAC) is None
