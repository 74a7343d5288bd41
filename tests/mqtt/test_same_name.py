"""Two devices to which their owner has given one name: no order is sent that both would hear, no answer is believed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.openbeken import OpenBekenNetwork
from agent.adapters.mqtt.openbeken_messages import read_identity
from agent.adapters.mqtt.shelly_gen1 import ShellyGen1Network
from agent.adapters.mqtt.shelly_gen1_messages import hardware_of
from agent.adapters.mqtt.zigbee2mqtt import Zigbee2mqttNetwork
from agent.domain.device import Adoption, RelayState, Role
from agent.errors import DeviceRefused, DeviceUnreachable
from agent.ports import Device, Network
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.openbeken import OpenBekenDevice
from simulators.mqtt.shelly_gen1 import Gen1Identity, ShellyGen1
from tests.contract.bench import PATIENT_S, StillClock
from tests.mqtt.benches import Home, settled

PROFILES = load_profiles()


def adopted(network: Network, profile: str, address: str) -> Device:
    return network.device(
        Adoption(name="plug", role=Role.WATER_HEATER, profile=profile, address=address, deadline_s=PATIENT_S)
    )


@asynccontextmanager
async def two(
    home: Home, profile: str, *, late: bool = False
) -> AsyncIterator[tuple[Network, ShellyGen1 | OpenBekenDevice, str, Heater, Heater]]:
    """Two plugs of one name, the second of which is slow to answer."""
    name, heaters, now = f"same{home.serial}", (Heater(), Heater()), home.clock.now
    network: Network
    plugs: list[ShellyGen1 | OpenBekenDevice]
    if profile == "shelly-gen1-plug":
        network = ShellyGen1Network(home.broker, home.clock, PROFILES)
        identities = [Gen1Identity(f"A0B1C2{home.serial:04X}{number:02X}", own_id=name) for number in (0, 1)]
        plugs = [ShellyGen1(home.address, identities[n], heaters[n], now, tick_s=None) for n in (0, 1)]
    else:
        network = OpenBekenNetwork(home.broker, home.clock, PROFILES)
        macs = [f"A0B1C2{home.serial:04X}{number:02X}" for number in (0, 1)]
        plugs = [OpenBekenDevice(home.address, macs[n], heaters[n], now, name=name, tick_s=None) for n in (0, 1)]
    async with plugs[0], plugs[1]:
        plugs[1].faults.delay_s = 0.05
        if late:
            plugs[1].unplug()
        yield network, plugs[1], name, *heaters


@pytest.mark.parametrize("profile", ["shelly-gen1-plug", "openbeken-plug"])
async def test_nobody_is_switched_where_two_devices_hear_it(home: Home, profile: str) -> None:
    async with two(home, profile) as (network, _, name, mine, other):
        device = adopted(network, profile, name)
        assert device.relay
        assert device.meter
        pressed: list[RelayState] = []
        device.relay.on_pressed = pressed.append
        macs = f"A0B1C2{home.serial:04X}00, A0B1C2{home.serial:04X}01"
        for call in (device.relay.switch(on=True), device.relay.read(), device.meter.read()):
            with pytest.raises(DeviceRefused, match=f"2 devices speak on one (id|name): {macs}; give each"):
                await call
        labels = [seen.label for seen in await network.scan(0.2) if seen.address == name]
        assert len(labels) == 2
        assert all("shares its" in label for label in labels)
        assert pressed == []
        assert True not in mine.switchings + other.switchings


@pytest.mark.parametrize("profile", ["shelly-gen1-plug", "openbeken-plug"])
async def test_a_device_that_comes_later_under_the_same_name_is_found_out(home: Home, profile: str) -> None:
    async with two(home, profile, late=True) as (network, second, name, mine, other):
        device = adopted(network, profile, name)
        assert device.relay
        assert (await device.relay.switch(on=True)).on
        assert not (await device.relay.switch(on=False)).on
        heard: list[Message] = []
        home.broker.subscribe(
            f"shellies/{name}/announce" if profile == "shelly-gen1-plug" else f"{name}/connected", heard.append
        )
        already = len(heard)
        await second.plug_in()
        await settled(lambda: len([one for one in heard if not one.retained]) > already)
        with pytest.raises(DeviceRefused, match="2 devices speak on one"):
            await device.relay.switch(on=True)
    assert mine.switchings.count(True) == 1
    assert True not in other.switchings


@pytest.mark.parametrize(
    ("payload", "mac"),
    [
        (b'{"id":"a","mac":"a0b1c2d3e4f5"}', "A0B1C2D3E4F5"),
        (b'{"id":"a","mac":"x"}', None),
        (b'{"id":"a"}', None),
        (b'{"id":"a","mac":7}', None),
        (b"no", None),
        (b'{"id":"a","gen":2,"mac":"a0b1c2d3e4f5"}', None),
    ],
)
def test_the_hardware_of_an_announcement(payload: bytes, mac: str | None) -> None:
    assert hardware_of(payload) == mac


@pytest.mark.parametrize(("said", "mac"), [("A0:B1:c2:D3:E4:F5", "A0B1C2D3E4F5"), ("x" * 12, ""), (None, ""), (7, "")])
def test_the_hardware_of_an_identity(said: object, mac: str) -> None:
    identity = read_identity(json.dumps({"StatusFWR": {"SDK": "obk"}, "StatusNET": {"Mac": said}}).encode())
    assert identity is not None
    assert identity.mac == mac


@pytest.mark.parametrize("profile", ["shelly-gen1-plug", "openbeken-plug", "zigbee2mqtt-plug"])
async def test_a_broker_that_is_away_is_named_and_not_the_device(profile: str) -> None:
    broker = Broker(host="no.such.host", port=1884)
    networks: dict[str, Network] = {
        "shelly-gen1-plug": ShellyGen1Network(broker, StillClock(), PROFILES),
        "openbeken-plug": OpenBekenNetwork(broker, StillClock(), PROFILES),
        "zigbee2mqtt-plug": Zigbee2mqttNetwork(broker, StillClock(), PROFILES),
    }
    device = adopted(networks[profile], profile, "0x00158d0001000001" if profile.startswith("z") else "plug")
    assert device.relay
    assert device.meter
    for call in (device.relay.switch(on=True), device.relay.read(), device.meter.read()):
        with pytest.raises(DeviceUnreachable, match=r"the MQTT broker no\.such\.host:1884 is away"):
            await asyncio.wait_for(call, PATIENT_S)


async def test_a_flood_of_hardware_addresses_is_not_remembered() -> None:
    broker = Broker()
    network = ShellyGen1Network(broker, StillClock(), PROFILES)
    relay = adopted(network, "shelly-gen1-plug", "a").relay
    assert relay
    for number in range(300):
        payload = json.dumps({"id": "a", "mac": f"{number:012X}"}).encode()
        broker._receive(Message("shellies/a/announce", payload))
    assert len(network._stations["a"].sharing) == 8
    with pytest.raises(DeviceRefused, match="8 devices"):
        await relay.switch(on=True)
