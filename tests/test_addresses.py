"""Addresses in the settings: what can be none, and one device under two of them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.addresses import Place, address_fault, address_faults
from agent.composition import device_faults
from agent.domain.device import Adoption, Role
from agent.profiles.library import load_profiles
from agent.profiles.profile import Family
from agent.settings import load_settings

PAPER = (Path(__file__).parent.parent / "examples" / "paper.toml").read_text()
PROFILES = load_profiles()
MAC = "A0B1C2D3E4F5"
AC, HEATER, METER, TANK = Role.AIR_CONDITIONER, Role.WATER_HEATER, Role.METER, Role.TANK_THERMOMETER


def adopted(name: str, profile: str, address: str, role: Role = METER, channel: int = 1) -> Adoption:
    return Adoption(name=name, role=role, profile=profile, address=address, channel=channel)


def faults(*devices: Adoption) -> Sequence[str]:
    return list(address_faults(devices, PROFILES))


@pytest.mark.parametrize(
    ("family", "address", "expected"),
    [
        (Family.TASMOTA, "my/+/plug#", "is no topic"),
        (Family.TASMOTA, "A0B1C200000", "that has 12 hex digits, such as A0B1C2D3E4F5; here there are 11"),
        (Family.TASMOTA, "A0:B1:C2:D3:E4", "here there are 10"),
        (Family.TASMOTA, "0xA0B1C2D3E4F5", "is no MAC address"),
        (Family.TASMOTA, "plug ", "begins or ends with a space"),
        (Family.TASMOTA, "plug\x1b[2J", "cannot be seen"),
        (Family.SHELLY_GEN2, "A0B1C2D3E4F500", "here there are 14"),
        (Family.SHELLY_GEN2, "home/#", "is no topic"),
        (Family.SHELLY_GEN1, "home/shelly1pm-A0B1C2", "more than one level"),
        (Family.OPENBEKEN, "obk/plug", "more than one level"),
        (Family.SHELLY_BLE, "A0B1C2D3E4F", "is no MAC address"),
        (Family.BTHOME, "boiler", "is no MAC address"),
        (Family.ZIGBEE, "zz", "is no IEEE address"),
        (Family.ZIGBEE, "0xa4c1380011223344", "without 0x"),
        (Family.ZIGBEE2MQTT, "0xa4c13800112233", "behind 0x it has 16 hex digits, here 14"),
        (Family.ZIGBEE2MQTT, "a4:c1:38:00:11:22:33:44", "zigbee2mqtt writes it: 0xa4c1380011223344"),
        (Family.ZIGBEE2MQTT, "boiler/#", "is no name of a topic"),
    ],
)
def test_what_can_be_no_address_is_refused_with_what_to_write(family: Family, address: str, expected: str) -> None:
    assert expected in address_fault(Place(family, address))


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (Family.TASMOTA, MAC),
        (Family.TASMOTA, "a0-b1-c2-d3-e4-f5"),
        (Family.TASMOTA, "tasmota_D3E4F5"),
        (Family.TASMOTA, "decade"),
        (Family.TASMOTA, "kitchen/boiler"),
        (Family.SHELLY_GEN2, "shellyplus1pm-a0b1c2d3e4f5"),
        (Family.SHELLY_GEN2, "home/cellar/boiler"),
        (Family.SHELLY_GEN1, "shelly1pm-A0B1C2"),
        (Family.OPENBEKEN, "obkA0B1C2D3"),
        (Family.SHELLY_BLE, "a0:b1:c2:d3:e4:f7"),
        (Family.ZIGBEE, "a4c1380011223344"),
        (Family.ZIGBEE, "a4-c1-38-00-11-22-33-44"),
        (Family.ZIGBEE2MQTT, "0xA4C1380011223344"),
        (Family.ZIGBEE2MQTT, "Küche/Boiler"),
        (Family.HOME_ASSISTANT, "a0b1c2d3e4f5/relay"),
        (Family.HOME_ASSISTANT, "1234567890"),
    ],
)
def test_an_address_as_scan_prints_it_or_as_devices_md_says_is_accepted(family: Family, address: str) -> None:
    assert address_fault(Place(family, address)) == ""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("tasmota-plug", MAC), ("tasmota-plug", "tasmota_D3E4F5")),
        (("shelly-gen2-plug", MAC), ("shelly-gen2-plug", "shellyplus1pm-a0b1c2d3e4f5")),
        (("shelly-gen2-plug", MAC), ("shelly-plus-1pm-bluetooth", "A0:B1:C2:D3:E4:F5")),
        (("shelly-gen2-plug", MAC), ("shelly-plus-1pm-bluetooth", "A0:B1:C2:D3:E4:F7")),
        (("shelly-gen2-plug", "shellyplus1pm-a0b1c2d3e4f5"), ("shelly-plus-1pm-bluetooth", "A0B1C2D3E4F7")),
        (("shelly-gen1-plug", "shellyplug-s-D3E4F5"), ("shelly-gen2-plug", MAC)),
        (("zigbee2mqtt-plug", "0xa4c1380011223344"), ("zigbee-plug", "a4:c1:38:00:11:22:33:44")),
        (("home-assistant-plug", "a0b1c2d3e4f5/relay"), ("tasmota-plug", MAC)),
    ],
)
def test_one_device_under_two_addresses_is_refused_whatever_it_is_for(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    for one, other in ((first, second), (second, first)):
        (said,) = faults(adopted("a", *one, HEATER), adopted("b", *other, METER))
        assert said.startswith(f"devices.b: {other[1]} is the device that is adopted as a under the address {one[1]}")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (adopted("a", "sonoff-th16", MAC, HEATER), adopted("b", "tasmota-thermometer", MAC, TANK)),
        (adopted("a", "sonoff-th16", MAC, HEATER), adopted("b", "sonoff-th16", "a0:b1:c2:d3:e4:f5", TANK)),
        (adopted("a", "tasmota-plug", MAC, HEATER), adopted("b", "tasmota-plug", MAC, AC, 2)),
        (adopted("a", "tasmota-plug", MAC, HEATER), adopted("b", "tasmota-plug", "A0B1C2D3E4F6", AC)),
        (adopted("a", "tasmota-plug", MAC, HEATER), adopted("b", "shelly-gen1-plug", "shelly1-D3E4F5", AC)),
        (adopted("a", "tasmota-plug", MAC, HEATER), adopted("b", "tasmota-plug", "tasmota_D3E4F6", AC)),
        (adopted("a", "home-assistant-plug", "x/one", HEATER), adopted("b", "home-assistant-plug", "x/two", AC)),
        (
            adopted("a", "shelly-plus-1pm-bluetooth", "A0B1C2D3E4F6", HEATER),
            adopted("b", "shelly-plus-1pm-bluetooth", "A0B1C2D3E4F8", AC),
        ),
    ],
)
def test_two_devices_and_two_parts_of_one_may_both_be_adopted(first: Adoption, second: Adoption) -> None:
    assert faults(first, second) == []
    assert faults(second, first) == []


@pytest.mark.parametrize(("mine", "others"), [("x/one", "x"), ("x", "x"), ("x/one", "x/one")])
def test_one_switch_behind_home_assistant_is_one_relay(mine: str, others: str) -> None:
    (said,) = faults(adopted("a", "home-assistant-plug", mine, HEATER), adopted("b", "home-assistant-plug", others, AC))
    assert "channel 1 is the same relay" in said


@given(st.sampled_from(Family), st.text(min_size=1, max_size=40), st.sampled_from(Family), st.text(max_size=40))
def test_no_address_breaks_the_check(family: Family, address: str, other: Family, text: str) -> None:
    one, another = Place(family, address), Place(other, text)
    address_fault(one)
    assert one.is_same_device(one)
    assert one.is_same_device(another) is another.is_same_device(one)


@pytest.mark.parametrize("spelled", ["A0-B1-C2-00-00-02", "a0:b1:c2:00:00:02", "0xA0B1C2000002"])
def test_the_settings_themselves_know_one_relay_however_it_is_spelled(tmp_path: Path, spelled: str) -> None:
    file = tmp_path / "home.toml"
    tables = [("a", "water_heater", "A0B1C2000002"), ("b", "air_conditioner", spelled)]
    file.write_text(
        PAPER
        + "".join(
            f'\n[[devices]]\nname = "{name}"\nrole = "{role}"\nprofile = "tasmota-plug"\naddress = "{address}"\n'
            for name, role, address in tables
        )
    )
    with pytest.raises(Exception, match="a and b are the same relay"):
        load_settings(file, {})


def test_the_hub_itself_would_not_start_with_them(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    file.write_text(
        f'{PAPER}\n[[devices]]\nname = "a"\nrole = "meter"\nprofile = "tasmota-plug"\naddress = "my/+/plug#"\n'
    )
    said = list(device_faults(load_settings(file, {}), PROFILES))
    assert any("is no topic" in line for line in said)
