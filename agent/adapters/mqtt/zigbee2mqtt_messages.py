"""What zigbee2mqtt says, read at the border: its devices, their states, its log.

Sources: the pages MQTT Topics and Messages, Exposes and Device-Availability of https://www.zigbee2mqtt.io. Everything
here is a pure function of a payload and raises Zigbee2mqttMalformed for what cannot be read.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from agent.adapters.mqtt.announced import is_own_topic
from agent.domain.device import Ability
from agent.domain.printable import printable
from agent.errors import HubError

_LARGEST = 1e9
"""No number of a home is larger; NaN is not smaller either."""
_MOST_DEVICES = 256
_MOST_EXPOSES = 64
_POWER = re.compile("power(_phase_[abc])?")
"""Three-phase meters call the power of their first phase `power`, and those of the others as here."""
STARTS_OFF = "off"
_POWER_ON = ("power_on_behavior", "power_outage_memory")
"""What tells how a relay starts after a power cut; behind an endpoint's relay its name ends as that relay's does."""
_PUBLISHED, _SETTABLE, _READABLE = 1, 2, 4
_WATTS = {"W": 1.0, "kW": 1e3}
_WATT_HOURS = {"Wh": 1.0, "kWh": 1e3}
_DEGREES = {"°C": (0.0, 1.0), "°F": (32.0, 1 / 1.8)}
_FAILED = re.compile(r"Publish '(set|get)' '[^']{0,60}' to '([^']{1,200})' failed: (.{0,300})", re.DOTALL)
_REFUSALS = ("UNSUP", "INVALID", "NOT_AUTHORIZED", "READ_ONLY", "No converter", "Status 'FAILURE'")


def is_friendly_name(text: str) -> bool:
    """Whether all topics under it, behind a base of one level, are such as a broker carries."""
    return not text.startswith(("/", "$")) and is_own_topic(f"zigbee2mqtt/{text}/availability")


def _friendly_name(text: str) -> str:
    if not is_friendly_name(text):
        raise ValueError("no broker carries its topics")
    return text


Property = Annotated[str, StringConstraints(min_length=1, max_length=60)]
FriendlyName = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_friendly_name)]
Value = str | float | bool | None


def is_ieee_address(text: str) -> bool:
    """Whether it is an IEEE address as zigbee2mqtt writes it."""
    return re.fullmatch("0x[0-9a-f]{1,16}", text) is not None


class Zigbee2mqttMalformed(HubError):
    """A message that cannot be read."""


class Channel(BaseModel):
    """One relay, as `exposes` describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    property: Property
    on_word: str = Field(min_length=1, max_length=40)
    off_word: str = Field(min_length=1, max_length=40)
    readable: bool
    starts: str = ""
    """The property by which it alone can be set to start off after a power cut, and asked; empty if there is none."""

    def read(self, value: Value) -> bool | None:
        """On or off; None if it says neither."""
        return {self.on_word: True, self.off_word: False}.get(value) if isinstance(value, str) else None


class Quantity(BaseModel):
    """One number, as `exposes` describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    property: Property
    unit: str
    readable: bool

    def power_w(self, value: Value) -> float:
        """The power (W). Raises Zigbee2mqttMalformed."""
        return _number(value, self.property) * _WATTS[self.unit]

    def energy_wh(self, value: Value) -> int:
        """The counter (Wh). Raises Zigbee2mqttMalformed."""
        energy_wh = round(_number(value, self.property) * _WATT_HOURS[self.unit])
        if energy_wh < 0:
            raise Zigbee2mqttMalformed(f"{self.property} is negative: {energy_wh} Wh")
        return energy_wh

    def temperature_c(self, value: Value) -> float:
        """The temperature (°C). Raises Zigbee2mqttMalformed."""
        offset, factor = _DEGREES[self.unit]
        return round((_number(value, self.property) - offset) * factor, 2)


class BridgeDevice(BaseModel):
    """One device of `bridge/devices`, as far as the hub needs it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{1,16}$")]
    name: FriendlyName
    model: str
    model_id: str = ""
    label: str = ""
    firmware: str = ""
    channels: tuple[Channel, ...] = ()
    power: Quantity | None = None
    parts: tuple[str, ...] = ()
    """Properties that tell the power of one of its channels or phases each, where there are several."""
    energy: Quantity | None = None
    temperatures: tuple[Quantity, ...] = ()

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do for the hub."""
        present = (
            (Ability.RELAY, self.channels),
            (Ability.METER, self.power or self.parts),
            (Ability.THERMOMETER, self.temperatures),
        )
        return frozenset(ability for ability, there in present if there)


@dataclass(frozen=True)
class Failure:
    """What zigbee2mqtt could not do, by its log."""

    question: bool
    """Whether it was to read rather than to set."""
    name: str
    reason: str
    refused: bool
    """Whether the device answered that it will not, or cannot."""


def read_devices(payload: bytes) -> tuple[BridgeDevice, ...]:
    """The devices of `bridge/devices` that are of use, without the coordinator. Raises Zigbee2mqttMalformed."""
    value = _json(payload)
    if not isinstance(value, list):
        raise Zigbee2mqttMalformed(f"not a list: {payload[:60]!r}")
    return tuple(device for item in value[:_MOST_DEVICES] if (device := _device(item)) is not None)


def read_values(payload: bytes) -> dict[str, Value]:
    """The plain values of `<name>`; empty if it is no object. Raises Zigbee2mqttMalformed if it is no JSON."""
    value = _json(payload)
    if not isinstance(value, dict):
        return {}
    return {key: said for key, said in value.items() if isinstance(said, str | int | float | bool | None)}


def read_online(payload: bytes) -> bool | None:
    """What `bridge/state` or `<name>/availability` says, as a word or as an object; None if neither."""
    try:
        value = _json(payload)
    except Zigbee2mqttMalformed:
        value = payload.decode(errors="replace")
    if isinstance(value, dict):
        value = value.get("state")
    return {"online": True, "offline": False}.get(value) if isinstance(value, str) else None


def read_announce(payload: bytes) -> str | None:
    """The IEEE address of a device that announced itself, as `bridge/event` tells; None for all else."""
    value = _json(payload)
    data = value.get("data") if isinstance(value, dict) and value.get("type") == "device_announce" else None
    address = data.get("ieee_address") if isinstance(data, dict) else None
    return address if isinstance(address, str) and is_ieee_address(address) else None


def read_health(payload: bytes) -> tuple[str, bool]:
    """The transaction of `bridge/response/health_check`, and whether all is well. Raises Zigbee2mqttMalformed."""
    value = _json(payload)
    if not isinstance(value, dict):
        raise Zigbee2mqttMalformed(f"not an object: {payload[:60]!r}")
    data = value.get("data")
    well = value.get("status") == "ok" and isinstance(data, dict) and data.get("healthy") is True
    return str(value.get("transaction", ""))[:60], well


def read_failure(payload: bytes) -> Failure | None:
    """What `bridge/logging` says of an order or a question that failed; None for all else."""
    value = _json(payload)
    message = value.get("message") if isinstance(value, dict) and value.get("level") == "error" else None
    found = _FAILED.search(message) if isinstance(message, str) else None
    if found is None:
        return None
    kind, name, reason = found.groups()
    return Failure(kind == "get", name, printable(reason, 200), refused=any(word in reason for word in _REFUSALS))


def _device(item: object) -> BridgeDevice | None:
    if not isinstance(item, dict) or item.get("type") == "Coordinator" or item.get("disabled") is True:
        return None
    definition = item.get("definition")
    if not isinstance(definition, dict):  # zigbee2mqtt does not know what it is
        return None
    exposes = definition.get("exposes")
    parts = [part for part in (exposes if isinstance(exposes, list) else [])[:_MOST_EXPOSES] if isinstance(part, dict)]
    quantities = list(_quantities(parts))
    powers = [found for name, found in quantities if _POWER.fullmatch(name) and found.unit in _WATTS]
    alone = len(powers) == 1
    try:
        return BridgeDevice(
            address=item.get("ieee_address", ""),
            name=item.get("friendly_name", ""),
            model=printable(_text(definition.get("model"))),
            model_id=printable(_text(item.get("model_id"))),
            label=printable(_text(definition.get("description"))),
            firmware=printable(_text(item.get("software_build_id"))),
            channels=tuple(_with_starts(list(_channels(parts)), parts)),
            power=powers[0] if alone else None,
            parts=() if alone else tuple(found.property for found in powers),
            energy=next((found for name, found in quantities if name == "energy" and found.unit in _WATT_HOURS), None),
            temperatures=tuple(found for name, found in quantities if name == "temperature" and found.unit in _DEGREES),
        )
    except ValidationError:  # one device that cannot be read does not hide the others
        return None


def _channels(parts: list[dict[str, object]]) -> Iterator[Channel]:
    """`state` in each type switch; lights and locks have a state too, and are none of the hub's business."""
    for part in parts:
        features = part.get("features")
        if part.get("type") != "switch" or not isinstance(features, list):
            continue
        for feature in features[:_MOST_EXPOSES]:
            if isinstance(feature, dict) and feature.get("name") == "state" and _can(feature, _PUBLISHED | _SETTABLE):
                yield Channel(
                    property=_text(feature.get("property")),
                    on_word=_text(feature.get("value_on")),
                    off_word=_text(feature.get("value_off")),
                    readable=_can(feature, _READABLE),
                )


def _with_starts(channels: list[Channel], parts: list[dict[str, object]]) -> Iterator[Channel]:
    """One that several relays share is passed over: it would set more than what the hub was given."""
    every = _PUBLISHED | _SETTABLE | _READABLE
    listed = [(part, part.get("values")) for part in parts if part.get("type") == "enum" and _can(part, every)]
    known = {
        _text(part.get("property")) for part, values in listed if isinstance(values, list) and STARTS_OFF in values
    }
    for channel in channels:
        ending = channel.property.removeprefix("state")
        own = [name + ending for name in _POWER_ON if name + ending in known and (ending or len(channels) == 1)]
        yield channel.model_copy(update={"starts": own[0]}) if own else channel


def _quantities(parts: list[dict[str, object]]) -> Iterator[tuple[str, Quantity]]:
    for part in parts:
        if part.get("type") == "numeric" and _can(part, _PUBLISHED) and part.get("property"):
            quantity = Quantity(
                property=_text(part.get("property"))[:60] or "?",
                unit=_text(part.get("unit")),
                readable=_can(part, _READABLE),
            )
            yield _text(part.get("name")), quantity


def _can(part: dict[str, object], bits: int) -> bool:
    access = part.get("access")
    return isinstance(access, int) and access & bits == bits


def _number(value: Value, field: str) -> float:
    if isinstance(value, bool | str | None) or not abs(value) <= _LARGEST:
        raise Zigbee2mqttMalformed(f"{field} is not a number: {str(value)[:40]!r}")
    return float(value)


def _text(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""


def _json(payload: bytes) -> object:
    try:
        value: object = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Zigbee2mqttMalformed(f"not JSON: {payload[:60]!r}") from error
    return value
