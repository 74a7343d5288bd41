"""What Shelly devices of generation 1 say on MQTT, read at the border: announcements, relay words, plain numbers.

Source: https://shelly-api-docs.shelly.cloud/gen1/ (MQTT of Shelly1/1PM and of Shelly Plug/PlugS). Everything here is a
pure function of a payload and raises ShellyMalformed for what cannot be read.
"""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from agent.adapters.mqtt.announced import Printable
from agent.adapters.shelly.messages import ShellyMalformed, mac_of, read_object

_NUMBER = re.compile(rb"-?[0-9]{1,12}(\.[0-9]{1,9})?")
_NO_PROBE_C = 999.0
"""What the add-on says of a probe that does not answer."""
_DEVICE = re.compile(r"[A-Za-z0-9_.:@ -]{1,100}")


class RelayWord(StrEnum):
    """What a relay says of itself."""

    ON = "on"
    OFF = "off"
    OVERPOWER = "overpower"
    """It opened, because more was drawn than it may carry."""


class Announcement(BaseModel):
    """`shellies/announce`: what a device says of itself."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    id: Annotated[str, StringConstraints(pattern=rf"^{_DEVICE.pattern}$")]
    """Product and the end of the MAC address, as shelly1pm-A0B1C2, or what its owner has set."""
    model: Printable = Field(default="", max_length=100)
    """As SHSW-PM."""
    mac: str = Field(default="", max_length=40)
    """Of its hardware: two devices to which their owner has given one id differ in it."""
    firmware: Printable = Field(alias="fw_ver", default="", max_length=200)


def is_device_id(text: str) -> bool:
    """Whether a text can be one segment of a topic, without wildcards."""
    return _DEVICE.fullmatch(text) is not None


def hardware_of(payload: bytes) -> str | None:
    """The MAC address in an announcement, twelve upper-case hex digits; None if it tells none."""
    try:
        announcement = read_announcement(payload)
    except ShellyMalformed:
        return None
    return None if announcement is None else mac_of(announcement.mac)


def read_announcement(payload: bytes) -> Announcement | None:
    """Who announces itself; None for a device of a later generation. Raises ShellyMalformed."""
    whole = read_object(payload)
    if "gen" in whole:
        return None
    try:
        return Announcement.model_validate(whole)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise ShellyMalformed(
            f"announcement: {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        ) from error


def read_relay(payload: bytes) -> RelayWord:
    """`relay/<n>`. Raises ShellyMalformed."""
    try:
        return RelayWord(payload.decode("ascii"))
    except ValueError as error:
        raise ShellyMalformed(f"not a state of a relay: {payload[:40]!r}") from error


def read_power_w(payload: bytes) -> float:
    """`relay/<n>/power`, W. Raises ShellyMalformed."""
    return _number(payload)


def read_energy_wh(payload: bytes) -> int:
    """`relay/<n>/energy`, which counts watt-minutes, in Wh. Raises ShellyMalformed."""
    watt_minutes = _number(payload)
    if watt_minutes < 0:
        raise ShellyMalformed(f"a negative counter: {watt_minutes:g} watt-minutes")
    return round(watt_minutes / 60)


def read_celsius(payload: bytes) -> float:
    """`ext_temperature/<n>`, °C. Raises ShellyMalformed, also for a probe that does not answer."""
    celsius = _number(payload)
    if celsius == _NO_PROBE_C:
        raise ShellyMalformed("its probe gives no value; look at its wiring")
    return celsius


def _number(payload: bytes) -> float:
    if not _NUMBER.fullmatch(payload):
        raise ShellyMalformed(f"not a number: {payload[:40]!r}")
    return float(payload)
