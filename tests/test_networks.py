"""Which networks a home gets, and what is loaded for them."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from agent.clock import SystemClock
from agent.connections import BleSettings, ZigbeeSettings
from agent.domain.device import Role
from agent.domain.value import Value
from agent.networks import network_faults, networks_of
from agent.profiles.library import load_profiles
from agent.profiles.profile import Family
from agent.settings import DeviceSettings, Settings, StorageSettings, load_settings

PROFILES = load_profiles()
EXAMPLE = Path(__file__).parents[1] / "examples" / "home.toml"
STICK = {"zigbee": ZigbeeSettings(port="socket://127.0.0.1:1")}
NO_BLUETOOTH = {"ble": BleSettings(enabled=False)}


def settings(folder: Path, profile: str, more: Mapping[str, Value] = MappingProxyType({})) -> Settings:
    device = DeviceSettings(name="clock", role=Role.METER, profile=profile, address="A0B1C2D3E4F5")
    changes = {"devices": (device,), "storage": StorageSettings(folder=folder), **more}
    return load_settings(EXAMPLE, environment={}).model_copy(update=changes)


def test_a_home_gets_only_the_networks_that_its_devices_are_on(tmp_path: Path) -> None:
    networks = networks_of(settings(tmp_path, "tasmota-plug"), SystemClock(), PROFILES)
    assert set(networks.by_family) == {Family.TASMOTA}
    assert networks.loops == (networks.broker.run,)


def test_a_home_without_plugs_on_the_broker_does_not_miss_it(tmp_path: Path) -> None:
    networks = networks_of(settings(tmp_path, "bthome-thermometer"), SystemClock(), PROFILES)
    assert networks.broker.run not in networks.loops
    assert networks.bluetooth is not None


def test_a_command_gets_all_there_can_be_but_never_a_stick_that_a_hub_has(tmp_path: Path) -> None:
    home = settings(tmp_path, "tasmota-plug", STICK)
    free = networks_of(home, SystemClock(), PROFILES, client_id="other")
    assert set(free.by_family) == set(Family)
    held = networks_of(home, SystemClock(), PROFILES, client_id="other", stick_is_free=False)
    assert set(Family) - set(held.by_family) == {Family.ZIGBEE}


@pytest.mark.parametrize(
    ("profile", "more", "said"),
    [
        ("zigbee-plug", {}, "set zigbee.port"),
        ("zigbee-plug", STICK, ""),
        ("bthome-thermometer", NO_BLUETOOTH, "set ble.enabled = true"),
        ("bthome-thermometer", {}, ""),
        ("tasmota-plug", NO_BLUETOOTH, ""),
    ],
)
def test_a_device_on_a_network_that_is_not_there_is_named(
    tmp_path: Path, profile: str, more: Mapping[str, Value], said: str
) -> None:
    found = list(network_faults(settings(tmp_path, profile, more), PROFILES))
    assert len(found) == bool(said)
    assert all("devices.clock" in fault and said in fault for fault in found)


def test_what_speaks_zigbee_is_loaded_only_where_there_is_a_stick() -> None:
    code = "import sys, agent.hub; sys.exit('zigpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
