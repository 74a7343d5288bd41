"""The owner's settings file, read from the other side: what the world must know of it to be that home.

The hub checks the whole file and names every fault; the simulators take only the house, its place, its tariff and its
devices, and leave the rest alone.
"""

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.domain.device import Name, Role
from agent.domain.house import House
from agent.domain.tariff import HourlyMarketTariff, Tariff
from agent.errors import SettingsInvalid

SIMULATED_DEVICES = """

# Added for the simulated home: this file named no devices.
[[devices]]
name = "ac-plug"
role = "air_conditioner"
profile = "tasmota-plug"
address = "A0B1C2000001"
[[devices]]
name = "boiler-plug"
role = "water_heater"
profile = "tasmota-plug"
address = "A0B1C2000002"
[[devices]]
name = "room-sensor"
role = "room_thermometer"
profile = "tasmota-thermometer"
address = "A0B1C2000003"
[[devices]]
name = "tank-sensor"
role = "tank_thermometer"
profile = "tasmota-thermometer"
address = "A0B1C2000004"
"""


class _Part(BaseModel):
    """A part of a file that has more in it."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Place(_Part):
    """Where the home is."""

    time_zone: str = "Europe/Istanbul"
    latitude: float = 41.01
    longitude: float = 28.98


class Plugged(_Part):
    """A device that the owner listed."""

    name: Name
    role: Role
    address: str
    channel: int = 1
    sensor: str | None = None


class HomeFile(_Part):
    """A home as its owner describes it."""

    home: Place = Place()
    house: House
    tariff: Tariff = HourlyMarketTariff()
    devices: tuple[Plugged, ...] = ()

    @property
    def by_address(self) -> dict[str, list[Plugged]]:
        """What stands in one casing, by MAC address."""
        found: dict[str, list[Plugged]] = {}
        for device in self.devices:
            found.setdefault(device.address.replace(":", "").upper(), []).append(device)
        return found

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the home."""
        return ZoneInfo(self.home.time_zone)


def read_home(path: Path) -> HomeFile:
    """Read a settings file. Raises SettingsInvalid if no home can be made of it."""
    try:
        return HomeFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise SettingsInvalid(f"{path} does not exist. Try examples/home.toml") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise SettingsInvalid(f"{path} describes no home: {error}") from error


def with_devices(path: Path, folder: Path) -> Path:
    """The file itself if it lists devices, else a copy of it in `folder` that lists the simulated ones.

    Raises SettingsInvalid if no home can be made of it.
    """
    if read_home(path).devices:
        return path
    copy = folder / "settings.toml"
    copy.write_text(path.read_text(encoding="utf-8") + SIMULATED_DEVICES, encoding="utf-8")
    return copy
