"""Devices of the home as the hub knows them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from agent.domain.interval import Instant
from agent.domain.value import Value

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
"""A short key for a device or a load: lower-case ASCII, digits, hyphen, underscore."""


class Role(StrEnum):
    """What a device is for in this home."""

    AIR_CONDITIONER = "air_conditioner"
    WATER_HEATER = "water_heater"
    APPLIANCE = "appliance"
    """Switches one of the home's appliances; several devices may have this role."""
    ROOM_THERMOMETER = "room_thermometer"
    TANK_THERMOMETER = "tank_thermometer"
    HOUSE_METER = "house_meter"
    """Measures all that the home draws."""
    METER = "meter"
    """Measures some other circuit; several devices may have this role."""


class Protocol(StrEnum):
    """How a device is reached."""

    MQTT = "mqtt"
    ZIGBEE = "zigbee"
    BLE = "ble"


class Ability(StrEnum):
    """What a device can do for the hub."""

    RELAY = "relay"
    METER = "meter"
    THERMOMETER = "thermometer"
    REMOTE = "remote"
    """Tells an air conditioner by infrared what to do, and does not see what becomes of it."""


class Infrared(Value):
    """How an air conditioner is driven that cannot be started by cutting its supply."""

    vendor: str = Field(pattern=r"^[A-Z][A-Z0-9_]{1,40}$")
    """Whose language its remote control speaks, as the transmitter calls it; for example DAIKIN or MITSUBISHI_AC."""
    model: int = Field(default=-1, ge=-1, le=99)
    """Which of the vendor's remote controls; -1: the first."""
    verified_by: Name
    """The device whose meter is on the circuit of the unit: only that shows whether it runs."""
    on_above_w: float = Field(default=50.0, gt=0, le=2000)
    """It runs if its circuit draws more than this; between what it draws in standby and at its lowest speed."""
    settles_s: float = Field(default=180.0, ge=10, le=900)
    """So long after an order its circuit may still show the state before."""


class Adoption(Value):
    """A device that the owner has taken into the home: only such are ever switched."""

    name: Name
    role: Role
    profile: str
    """What it is, and by that how it is reached."""
    address: str = Field(min_length=1)
    """As `kwh-hub devices` prints it."""
    channel: int = Field(default=1, ge=1, le=32)
    """Which relay, where the device has several."""
    sensor: str | None = None
    """Which temperature sensor, where the device has several; for example DS18B20-2."""
    deadline_s: float | None = Field(default=None, gt=0, le=15)
    """Wall seconds until an unanswered command counts as unknown; None: as its profile says."""
    infrared: Infrared | None = None
    """For a transmitter that stands in for the remote control of an air conditioner."""


class Sighting(Value):
    """A device that was seen on a network; nothing is switched because of it."""

    protocol: Protocol
    address: str
    """What `address` of a configured device must say to mean this one."""
    profile: str | None
    """The profile that fits, or None if the hub has none."""
    label: str
    """The name that the device gives itself."""
    model: str
    firmware: str
    reachable: bool
    abilities: frozenset[Ability]
    """What it can do for the hub."""


class RelayState(Value):
    """What a relay reported when asked."""

    on: bool
    at: Instant


class Reading(Value):
    """What one device measured at one moment. What it does not measure is None."""

    device: Name
    at: Instant
    power_w: float | None = None
    """Positive into the device."""
    energy_wh: int | None = Field(default=None, ge=0)
    """The device's own counter; it may be reset by the device."""
    temperature_c: float | None = Field(default=None, ge=-60, le=150)
