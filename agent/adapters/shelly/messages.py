"""What Shelly devices of generation 2 and later are told and say: JSON-RPC frames, read at the border.

Sources: https://shelly-api-docs.shelly.cloud/gen2/ (RPC protocol, Shelly, Switch, Temperature, PM1). It does not matter
what carries a frame. Everything here is a pure function and raises ShellyMalformed for what cannot be read. Channels
count from 1, as everywhere in the hub; the device counts its components from 0.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from agent.domain.device import Ability
from agent.domain.printable import printable
from agent.errors import HubError

LARGEST_FRAME_BYTES = 64 * 1024
"""No answer that the hub asks for is longer."""
MOST_CHANNELS = 32
"""Relays, or meters, of one device."""
MOST_SENSORS = 32
"""Temperature sensors of one device; the Add-on takes five."""
UNAUTHORIZED = 401
"""The code of an answer that wants a password."""
NO_SUCH_COMPONENT = -105
STARTS_OFF = "off"
"""`initial_state` of a relay that is off when power comes back."""
_COMPONENT = re.compile(r"(switch|pm1|temperature):([0-9]{1,3})")
_LARGEST = 1e9
"""No number of a home is larger; NaN is not smaller either."""

Json = Mapping[str, object]
Number = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)]
Mac = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{12}$")]


class ShellyMalformed(HubError):
    """A message that cannot be read."""


class Said(BaseModel):
    """What a device says: unknown keys are passed over, a text is no number, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


# ---- what the hub sends


@dataclass(frozen=True)
class Call:
    """One method with its parameters."""

    method: str
    params: Json = field(default_factory=dict)

    def frame(self, call_id: int, source: str) -> bytes:
        """The request, whose answer carries `call_id` and, over MQTT, comes on `<source>/rpc`."""
        whole: dict[str, object] = {"id": call_id, "src": source, "method": self.method}
        if self.params:
            whole["params"] = dict(self.params)
        return json.dumps(whole, separators=(",", ":")).encode()


DEVICE_INFO = Call("Shelly.GetDeviceInfo")
DEVICE_STATUS = Call("Shelly.GetStatus")


def switch_set(channel: int, *, on: bool, ends_after_s: float | None = None) -> Call:
    """Switch one relay. With `ends_after_s` the device flips back after so many seconds, rounded up, if left alone."""
    params: dict[str, object] = {"id": channel - 1, "on": on}
    if ends_after_s is not None:
        params["toggle_after"] = ceil(ends_after_s)
    return Call("Switch.Set", params)


def switch_status(channel: int) -> Call:
    """Ask one relay how it stands and what it measures."""
    return Call("Switch.GetStatus", {"id": channel - 1})


def switch_config(channel: int) -> Call:
    """Ask how one relay is set up."""
    return Call("Switch.GetConfig", {"id": channel - 1})


def switch_starts_off(channel: int) -> Call:
    """Have one relay be off when power comes back."""
    return Call("Switch.SetConfig", {"id": channel - 1, "config": {"initial_state": STARTS_OFF}})


def meter_status(channel: int) -> Call:
    """Ask one meter that has no relay."""
    return Call("PM1.GetStatus", {"id": channel - 1})


def temperature_status(sensor: int) -> Call:
    """Ask one temperature sensor, by the number that the device gave it."""
    return Call("Temperature.GetStatus", {"id": sensor})


# ---- frames


class RpcError(Said):
    """Why a device did not do what it was asked."""

    code: int = Field(ge=-(2**31), lt=2**31)
    message: str = ""

    def __str__(self) -> str:
        """A short sentence, without the challenge that comes with a wanted password."""
        if self.code == UNAUTHORIZED:
            return "wants a password (its authentication is on)"
        return f"answers error {self.code}: {printable(self.message, 120)}"


class Reply(Said):
    """The answer to one request: a result or an error."""

    id: int
    source: str = Field(alias="src", default="", max_length=200)
    error: RpcError | None = None
    result: dict[str, object] = Field(default_factory=dict)

    @field_validator("result", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: object) -> object:
        return {} if value is None else value


class Notification(Said):
    """What a device says by itself: NotifyStatus (what changed), NotifyFullStatus, NotifyEvent."""

    source: str = Field(alias="src", default="", max_length=200)
    method: str = Field(max_length=100)
    params: dict[str, object] = Field(default_factory=dict)

    @property
    def tells_status(self) -> bool:
        """Whether `params` can be read as a status, whole or in part."""
        return self.method in {"NotifyStatus", "NotifyFullStatus"}


def read_frame(payload: bytes) -> Reply | Notification:
    """An answer or a notification. Raises ShellyMalformed."""
    whole = read_object(payload)
    if "method" in whole:
        return _validated(Notification, whole, "notification")
    if "result" not in whole and "error" not in whole:
        raise ShellyMalformed("neither an answer nor a notification")
    return _validated(Reply, whole, "answer")


def read_object(payload: bytes) -> dict[str, object]:
    """A JSON object. Raises ShellyMalformed."""
    if len(payload) > LARGEST_FRAME_BYTES:
        raise ShellyMalformed(f"{len(payload)} bytes are too long")
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ShellyMalformed(f"not JSON: {payload[:60]!r}") from error
    if not isinstance(value, dict):
        raise ShellyMalformed(f"not a JSON object: {payload[:60]!r}")
    return value


# ---- what is in them


class DeviceInfo(Said):
    """What Shelly.GetDeviceInfo answers: it needs no password."""

    id: str = Field(min_length=1, max_length=100)
    """Product and MAC address, as shellyplus1pm-a0b1c2d3e4f5; without a custom prefix also its MQTT prefix."""
    mac: Mac
    model: str = Field(max_length=100)
    """Order code, as SNSW-001P16EU."""
    gen: int = Field(ge=2, le=99)
    app: str = Field(default="", max_length=100)
    """Name of the firmware, as Plus1PM."""
    firmware_id: str = Field(alias="fw_id", default="", max_length=200)
    version: str = Field(alias="ver", default="", max_length=100)
    name: str | None = Field(default=None, max_length=200)
    locked: bool = Field(alias="auth_en", default=False)
    """Whether it wants a password for all else."""


class Counter(Said):
    """An energy counter."""

    total: Number | None = None
    """Wh since the factory, unless it was reset."""


class Component(Said):
    """The status of one component; what a message leaves out is not in `model_fields_set`."""

    def merged(self, news: Self) -> Self:
        """What is known after a message that may say only what changed."""
        return self.model_copy(update={name: getattr(news, name) for name in news.model_fields_set})


class PowerStatus(Component):
    """What a channel measures; None where it says nothing of it."""

    power_w: Number | None = Field(alias="apower", default=None)
    voltage_v: Number | None = Field(alias="voltage", default=None)
    current_a: Number | None = Field(alias="current", default=None)
    counter: Counter | None = Field(alias="aenergy", default=None)

    @property
    def energy_wh(self) -> int | None:
        """The counter; None if it is unknown. Raises ShellyMalformed below 0."""
        total = None if self.counter is None else self.counter.total
        if total is not None and total < 0:
            raise ShellyMalformed(f"aenergy.total is negative: {total:g} Wh")
        return None if total is None else round(total)

    @property
    def measures(self) -> bool:
        """Whether it has said anything of power or energy."""
        return self.power_w is not None or self.counter is not None


class SwitchStatus(PowerStatus):
    """`switch:<n>`: a relay, and what is measured behind it."""

    output: bool | None = None
    """On or off; None if the message does not say so."""

    @property
    def on(self) -> bool:
        """On or off. Raises ShellyMalformed if it was not said."""
        if self.output is None:
            raise ShellyMalformed("says nothing of its output")
        return self.output


class SwitchConfig(Said):
    """What Switch.GetConfig answers, as far as the hub needs it."""

    initial_state: str = Field(max_length=40)


class TemperatureStatus(Component):
    """`temperature:<n>`: a sensor of the home, not that of the chip."""

    celsius: Number | None = Field(alias="tC", default=None)
    """None if the sensor itself does not answer."""


C = TypeVar("C", bound=Component)
S = TypeVar("S", bound=Said)


class DeviceStatus(Said):
    """What a device says of its components, all or those that changed."""

    switches: Mapping[int, SwitchStatus] = Field(default_factory=dict)
    """By channel, from 1 on."""
    meters: Mapping[int, PowerStatus] = Field(default_factory=dict)
    """Meters that have no relay, by channel, from 1 on."""
    temperatures: Mapping[int, TemperatureStatus] = Field(default_factory=dict)
    """By the number that the device gives a sensor; those of the Add-on begin at 100."""

    @property
    def abilities(self) -> frozenset[Ability]:
        """What these components can do for the hub."""
        shown = {
            Ability.RELAY: bool(self.switches),
            Ability.METER: bool(self.meters) or any(switch.measures for switch in self.switches.values()),
            Ability.THERMOMETER: bool(self.temperatures),
        }
        return frozenset(ability for ability, there in shown.items() if there)

    def merged(self, news: "DeviceStatus") -> "DeviceStatus":
        """What is known after a message that may say only what changed."""
        return DeviceStatus(
            switches=_merged(self.switches, news.switches, MOST_CHANNELS),
            meters=_merged(self.meters, news.meters, MOST_CHANNELS),
            temperatures=_merged(self.temperatures, news.temperatures, MOST_SENSORS),
        )


def read_device_info(result: Json) -> DeviceInfo:
    """What Shelly.GetDeviceInfo answered. Raises ShellyMalformed."""
    return _validated(DeviceInfo, result, "GetDeviceInfo")


def read_status(params: Json) -> DeviceStatus:
    """What Shelly.GetStatus answered, or what a notification says; other components are passed over.

    Raises ShellyMalformed.
    """
    switches: dict[int, SwitchStatus] = {}
    meters: dict[int, PowerStatus] = {}
    temperatures: dict[int, TemperatureStatus] = {}
    for key, value in params.items():
        component = _COMPONENT.fullmatch(key)
        if component is None or value is None:  # null: the component was removed
            continue
        number = int(component[2])
        if component[1] == "temperature":
            temperatures[number] = _validated(TemperatureStatus, value, key)
        elif number >= MOST_CHANNELS:
            raise ShellyMalformed(f"{key}: no device has so many")
        elif component[1] == "switch":
            switches[number + 1] = _validated(SwitchStatus, value, key)
        else:
            meters[number + 1] = _validated(PowerStatus, value, key)
    if len(temperatures) > MOST_SENSORS:
        raise ShellyMalformed(f"{len(temperatures)} temperature sensors; no device has so many")
    return DeviceStatus(switches=switches, meters=meters, temperatures=temperatures)


def read_switch(result: Json) -> SwitchStatus:
    """What Switch.GetStatus answered. Raises ShellyMalformed."""
    return _validated(SwitchStatus, result, "Switch.GetStatus")


def read_initial_state(result: Json) -> str:
    """What one relay does when power comes back, as Switch.GetConfig answered. Raises ShellyMalformed."""
    return _validated(SwitchConfig, result, "Switch.GetConfig").initial_state


def read_meter(result: Json) -> PowerStatus:
    """What PM1.GetStatus answered. Raises ShellyMalformed."""
    return _validated(PowerStatus, result, "PM1.GetStatus")


def read_temperature(result: Json) -> TemperatureStatus:
    """What Temperature.GetStatus answered. Raises ShellyMalformed."""
    return _validated(TemperatureStatus, result, "Temperature.GetStatus")


def sensor_number(name: str) -> int | None:
    """The sensor that an owner's `sensor` means: "100" or "temperature:100"; None if it is no such name."""
    number = name.removeprefix("temperature:")
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 3 else None


def mac_of(address: str) -> str | None:
    """The MAC address, twelve upper-case hex digits, that an owner's address means; None if it is another name."""
    plain = address.replace(":", "").replace("-", "").upper()
    return plain if re.fullmatch("[0-9A-F]{12}", plain) else None


def _merged(known: Mapping[int, C], news: Mapping[int, C], most: int) -> dict[int, C]:
    """Component by component; a device that names ever new ones is not remembered beyond `most`."""
    all_of_them = dict(known)
    for number, said in news.items():
        before = known.get(number)
        if before is not None:
            all_of_them[number] = before.merged(said)
        elif len(all_of_them) < most:
            all_of_them[number] = said
    return all_of_them


def _validated(kind: type[S], value: object, where: str) -> S:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(str(part)[:40] for part in (where, *fault["loc"]))
        raise ShellyMalformed(f"{at}: {fault['msg']}") from error
