"""Which sightings are one physical device: no two that differ ever become one."""

from itertools import permutations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.commands.devices.same import Found, devices_of_sightings
from agent.domain.address import address_key
from agent.domain.device import Protocol, Sighting

MACS = st.integers(0x1000, 0xFFFFFFFFFFFE).map(lambda number: f"{number:012X}")
ANYTHING = st.one_of(
    MACS,
    MACS.map(lambda mac: f"shellyplug-s-{mac[-6:]}"),
    MACS.map(lambda mac: f"shellyplus1pm-{mac.lower()}"),
    st.sampled_from(["000000000000", "FFFFFFFFFFFF", "shelly1-000000", "boiler", "AA:BB:CC:DD:EE:FF"]),
    st.text(min_size=1, max_size=20),
)


def seen(
    address: str, protocol: Protocol = Protocol.MQTT, *, network: str | None = None, label: str = "", model: str = ""
) -> Found:
    sighting = Sighting(
        protocol=protocol,
        address=address,
        profile=None,
        label=label,
        model=model,
        firmware="",
        reachable=True,
        abilities=frozenset(),
    )
    return Found(network or protocol.value, sighting)


def colons(mac: str) -> str:
    return ":".join(mac[i : i + 2] for i in range(0, 12, 2))


def as_eui64(mac: str) -> str:
    return f"{mac[:6]}fffe{mac[6:]}".lower()


def ways_of(mac: str) -> list[Found]:
    """One device as each kind of network would tell of it."""
    return [
        seen(mac, network="tasmota"),
        seen(f"shellyplus1pm-{mac.lower()}", network="shelly"),
        seen(colons(mac).lower(), Protocol.BLE),
        seen(as_eui64(mac), Protocol.ZIGBEE),
        seen(f"0x{as_eui64(mac)}", network="zigbee2mqtt"),
    ]


@given(st.lists(MACS, unique=True, min_size=1, max_size=6), st.data())
def test_a_device_is_one_however_it_is_seen_and_two_are_two(macs: list[str], data: st.DataObject) -> None:
    shown = {mac: data.draw(st.sets(st.sampled_from(range(5)), min_size=1)) for mac in macs}
    found = [way for mac in macs for place, way in enumerate(ways_of(mac)) if place in shown[mac]]
    devices = list(devices_of_sightings(data.draw(st.permutations(found))))
    told = [sorted({address_key(one.sighting.address) or "" for one in device}) for device in devices]
    assert sorted(told) == sorted([mac] for mac in macs)
    assert len(devices) == len(macs)


@settings(max_examples=500)
@given(st.lists(st.tuples(ANYTHING, st.sampled_from(Protocol), ANYTHING, st.sampled_from("abc")), max_size=8))
@example(
    [
        ("shellyplug-s-001000", Protocol.BLE, "shellyplus1pm-000000001001", "a"),
        ("shellyplus1pm-000000001001", Protocol.MQTT, "000000001000", "b"),
    ]
)
def test_nothing_is_lost_doubled_or_merged_against_its_address(rows: list[tuple[str, Protocol, str, str]]) -> None:
    found = [seen(address, protocol, network=network, label=label) for address, protocol, label, network in rows]
    devices = devices_of_sightings(found)
    assert sorted(map(repr, (one for device in devices for one in device))) == sorted(map(repr, set(found)))
    for device in devices:
        radio = [one for one in device if one.sighting.protocol is not Protocol.BLE]
        keys = {address_key(one.sighting.address) for one in radio} - {None}
        assert len(keys) <= 1, "two different MAC addresses became one device"
        nameless = [one for one in device if address_key(one.sighting.address) is None]
        assert len({(one.network, one.sighting.protocol, one.sighting.address) for one in nameless}) <= 1
        if nameless and keys:
            (key,) = keys
            assert nameless[0].sighting.address.upper().endswith(str(key)[-6:])


def test_the_order_of_sightings_does_not_matter() -> None:
    mac = "A0B1C2D3E4F5"
    found = [seen(mac), seen(colons(mac), Protocol.BLE), seen("shelly1-D3E4F5", network="gen1"), seen("other")]
    assert len({tuple(devices_of_sightings(order)) for order in permutations(found)}) == 1


def test_six_digits_are_enough_only_for_a_shelly_and_only_if_one_ends_so() -> None:
    short = seen("shellyplug-s-D3E4F5", network="gen1")
    shelly = seen("A0B1C2D3E4F5", Protocol.BLE, label="ShellyPlugS")
    twin = seen("001122D3E4F5", Protocol.BLE, label="ShellyPlug", network="ble2")
    tasmota = seen("A0B1C2D3E4F5", label="boiler")
    assert len(devices_of_sightings([short, shelly])) == 1
    assert len(devices_of_sightings([short, shelly, twin])) == 3
    assert len(devices_of_sightings([short, tasmota])) == 2


def test_over_bluetooth_a_shelly_is_told_by_the_mac_in_its_name() -> None:
    over_mqtt = seen("shellyplus1pm-a0b1c2d3e4f4", network="gen2")
    over_ble = seen("A0:B1:C2:D3:E4:F6", Protocol.BLE, label="ShellyPlus1PM-A0B1C2D3E4F4")
    liar = seen("A0:B1:C2:D3:E4:FE", Protocol.BLE, label="ShellyPlus1PM-A0B1C2D3E4F4")
    (device,) = devices_of_sightings([over_mqtt, over_ble])
    assert set(device) == {over_mqtt, over_ble}
    assert len(devices_of_sightings([over_mqtt, over_ble, liar])) == 3, "two lay claim to it: then neither has it"


@pytest.mark.parametrize("address", ["000000000000", "FF:FF:FF:FF:FF:FF", "shelly1-000000000000", "topic", "A0B1"])
def test_what_was_never_given_an_address_is_not_told_by_it(address: str) -> None:
    assert address_key(address) is None
    assert len(devices_of_sightings([seen(address), seen(address, Protocol.BLE)])) == 2


def test_the_way_that_answers_comes_first() -> None:
    silent = seen("A0B1C2D3E4F5")
    silent = Found("mqtt", silent.sighting.model_copy(update={"reachable": False, "profile": "tasmota-plug"}))
    (device,) = devices_of_sightings([silent, seen("A0:B1:C2:D3:E4:F5", Protocol.BLE)])
    assert [one.sighting.protocol for one in device] == [Protocol.BLE, Protocol.MQTT]
