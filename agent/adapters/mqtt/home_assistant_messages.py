"""What devices announce by Home Assistant's discovery, read at the border: switches and sensors, and whose they are.

Source: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery, with its list of abbreviations. Everything here
is a pure function of a topic and a payload and raises HomeAssistantMalformed for what cannot be read.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from agent.adapters.mqtt.announced import OwnTopic, is_own_topic
from agent.adapters.mqtt.home_assistant_fields import in_full, mapping_of, object_of, seconds_of, text_of, word_of
from agent.adapters.mqtt.home_assistant_template import HomeAssistantMalformed, Template, read_template
from agent.domain.device import Ability
from agent.domain.printable import printable

_MOST_COMPONENTS = 64
_MOST_KEYS = 8
_LONGEST_TOPIC = 250
_LONGEST_ADDRESS = 250
_PLATFORMS = ("switch", "sensor", "select")
_STARTS = re.compile(r"power[ _-]?on[ _-]?(state|behaviou?r)|boot[ _-]?state")
"""What firmware calls the choice of how its relay starts after a power cut: Athom, Kauf, and others after them."""
_STARTS_OFF = ("off", "always off")
_SHARED = frozenset({"~", "state_topic", "command_topic"})
_PART = re.compile(r"(day|daily|today|yesterday|hour|week|month|year|last)")
"""A counter with such a name counts only part of the time."""
WATTS = {"W": 1.0, "kW": 1e3, "MW": 1e6}
WATT_HOURS = {"Wh": 1.0, "kWh": 1e3, "MWh": 1e6, "kJ": 1 / 3.6, "MJ": 1e3 / 3.6, "GJ": 1e6 / 3.6}
_DEGREES = {"°C": (0.0, 1.0), "°F": (32.0, 1 / 1.8), "K": (273.15, 1.0)}
"""What is taken off, and what the rest is multiplied with."""

Topic = Annotated[OwnTopic, StringConstraints(max_length=_LONGEST_TOPIC)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class TopicMalformed(HomeAssistantMalformed):
    """A topic that no broker carries: nothing of the message is used, and what was announced before stays."""


class Availability(BaseModel):
    """Where a device says whether it is there."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)

    topic: Topic
    online: Word = "online"
    offline: Word = "offline"
    template: Template = Template()

    def read(self, payload: bytes) -> bool | None:
        """Whether it is there; None if the message does not say. Raises HomeAssistantMalformed."""
        return {self.online: True, self.offline: False}.get(self.template.text(payload))


class Component(BaseModel):
    """One switch or one sensor of a device, or the choice of how its switch starts after a power cut."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)

    platform: Literal["switch", "sensor", "select"]
    object_id: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    name: str = Field(default="", max_length=200)
    state_topic: Topic | None = None
    command_topic: Topic | None = None
    on_word: Word = "ON"
    off_word: Word = "OFF"
    on_state: Word = "ON"
    off_state: Word = "OFF"
    template: Template = Template()
    device_class: str = Field(default="", max_length=40)
    unit: str = Field(default="", max_length=20)
    expires_after_s: float | None = Field(default=None, ge=0, le=1e9)
    starts_off: str = Field(default="", max_length=80)
    """Which of its choices has the switch start off."""
    availability: tuple[Availability, ...] = Field(default=(), max_length=8)
    availability_mode: Literal["all", "any", "latest"] = "latest"

    def read_switch(self, payload: bytes) -> bool | None:
        """On or off; None if the message says neither. Raises HomeAssistantMalformed."""
        return {self.on_state: True, self.off_state: False}.get(self.template.text(payload))

    def read_chosen(self, payload: bytes) -> str:
        """What is chosen. Raises HomeAssistantMalformed."""
        return self.template.text(payload)

    def read_power_w(self, payload: bytes) -> float:
        """The power (W). Raises HomeAssistantMalformed."""
        return self.template.number(payload) * WATTS[self.unit]

    def read_energy_wh(self, payload: bytes) -> int:
        """The counter (Wh). Raises HomeAssistantMalformed."""
        energy_wh = round(self.template.number(payload) * WATT_HOURS[self.unit])
        if energy_wh < 0:
            raise HomeAssistantMalformed(f"its counter is negative: {energy_wh} Wh")
        return energy_wh

    def read_temperature_c(self, payload: bytes) -> float:
        """The temperature (°C). Raises HomeAssistantMalformed."""
        offset, factor = _DEGREES[self.unit]
        return round((self.template.number(payload) - offset) * factor, 2)

    @property
    def measures(self) -> str:
        """`power`, `energy` or `temperature`, where its unit is known; else nothing."""
        units = {"power": WATTS.keys(), "energy": WATT_HOURS.keys(), "temperature": _DEGREES.keys()}
        known = self.unit in units.get(self.device_class, ())
        return self.device_class if self.platform == "sensor" and known and self.state_topic else ""

    @property
    def counts_for_ever(self) -> bool:
        """Whether its name says nothing of a day or an hour."""
        return _PART.search(self.object_id.lower()) is None


@dataclass(frozen=True)
class Announcement:
    """One message of discovery: components, the device they belong to, and what was not understood."""

    keys: tuple[str, ...]
    """Every name under which the device is known: its identifiers; where it has none, its connections."""
    node: str
    """The second part of a topic of one component, which for ESPHome is the node's name; may be empty."""
    label: str = ""
    model: str = ""
    model_id: str = ""
    firmware: str = ""
    origin: str = ""
    components: tuple[Component, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    """By component: why it is not used."""
    names: frozenset[str] = frozenset()
    """All that it calls itself, connections among it, which may be the names of another device, too."""

    @property
    def claim(self) -> tuple[frozenset[str], str]:
        """Who says this: no two devices of a home have the same names and the same node."""
        return frozenset(self.keys), self.node

    @property
    def switches(self) -> tuple[Component, ...]:
        """What can be switched."""
        return tuple(component for component in self.components if component.platform == "switch")


def abilities_of(components: tuple[Component, ...]) -> frozenset[Ability]:
    """What these components can do for the hub."""
    measured = {component.measures for component in components}
    present = (
        (Ability.RELAY, any(component.platform == "switch" for component in components)),
        (Ability.METER, "power" in measured),
        (Ability.THERMOMETER, "temperature" in measured),
    )
    return frozenset(ability for ability, there in present if there)


def parts_of(address: str) -> tuple[str, str]:
    """A device and one of its switches, as an address names them; the switch is empty where it names none."""
    device, slash, object_id = address.rpartition("/")
    return (device, object_id) if slash and device else (address, "")


def is_address(text: str) -> bool:
    """Whether it can be an identifier of a device, with or without one of its switches behind it."""
    return 0 < len(text) <= _LONGEST_ADDRESS and text.isprintable()


def read_announcement(topic: str, payload: bytes) -> Announcement | None:
    """What `<prefix>/<platform>/[<node>/]<object>/config` says; None if it concerns neither switch nor sensor.

    Raises HomeAssistantMalformed.
    """
    _, platform, *middle, _ = topic.rsplit("/", 4 if topic.count("/") > 3 else 3)
    if platform not in (*_PLATFORMS, "device"):
        return None
    whole = in_full(object_of(payload))
    device = in_full(mapping_of(whole.get("device")))
    parts = _components(whole) if platform == "device" else {middle[-1]: {**whole, "platform": platform}}
    components: list[Component] = []
    refused: dict[str, str] = {}
    for object_id, part in parts.items():
        try:
            components += _component(object_id, part)
        except TopicMalformed:  # the whole message is none that a device means
            raise
        except HomeAssistantMalformed as error:
            refused[printable(object_id)] = str(error)
    connections = tuple(_connections(device))
    keys = tuple(_identifiers(device)) or connections or ("/".join(middle),)
    return Announcement(
        keys=keys,
        names=frozenset((*keys, *connections)),
        node=middle[0] if len(middle) > 1 else "",
        label=printable(text_of(device.get("name"))),
        model=printable(text_of(device.get("model"))),
        model_id=printable(text_of(device.get("model_id"))),
        firmware=printable(text_of(device.get("sw_version"))),
        origin=text_of(mapping_of(whole.get("origin")).get("name")),
        components=tuple(components),
        refused=refused,
    )


def _components(whole: dict[str, object]) -> dict[str, dict[str, object]]:
    """The components of one device; what it says for all of them is taken over, as Home Assistant does."""
    shared = {name: whole[name] for name in whole if name in _SHARED or name.startswith("availability")}
    parts: dict[str, dict[str, object]] = {}
    for object_id, value in list(mapping_of(whole.get("components")).items())[:_MOST_COMPONENTS]:
        part = in_full(mapping_of(value))
        if part.get("platform") not in _PLATFORMS or len(part) == 1:  # a platform alone takes the component away
            continue
        own = any(name.startswith("availability") for name in part)
        parts[object_id] = {name: shared[name] for name in shared if not (own and name.startswith("availability"))}
        parts[object_id].update(part)
    return parts


def _component(object_id: str, part: dict[str, object]) -> Iterator[Component]:
    select = part["platform"] == "select"
    starts_off = _starts_off(object_id, part) if select else ""
    if starts_off is None or (part.get("entity_category") in ("config", "diagnostic") and not select):
        return
    base = text_of(part.get("~"))
    state_topic, command_topic = (_topic(part.get(name), base) for name in ("state_topic", "command_topic"))
    if part["platform"] != "sensor":
        _check_commanded(part, state_topic, command_topic)
    if not _is_object_id(object_id):
        raise HomeAssistantMalformed("its name cannot stand in an address")
    on_word, off_word = word_of(part.get("payload_on"), "ON"), word_of(part.get("payload_off"), "OFF")
    try:
        component = Component(
            platform=_platform(part["platform"]),
            object_id=object_id,
            name=text_of(part.get("name")),
            state_topic=state_topic,
            command_topic=command_topic,
            on_word=on_word,
            off_word=off_word,
            on_state=word_of(part.get("state_on"), on_word),
            off_state=word_of(part.get("state_off"), off_word),
            template=_template(part.get("value_template")),
            device_class=text_of(part.get("device_class")),
            unit=text_of(part.get("unit_of_measurement")),
            expires_after_s=seconds_of(part.get("expire_after")),
            starts_off=starts_off,
            availability=tuple(_availability(part, base)),
            availability_mode=_mode(part.get("availability_mode")),
        )
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise HomeAssistantMalformed(f"{'.'.join(str(at) for at in fault['loc'])}: {fault['msg']}") from error
    _check_words(component)
    yield component


def _starts_off(object_id: str, part: dict[str, object]) -> str | None:
    """The option of a select that has the switch start off; None if it chooses something else."""
    options = part.get("options")
    named = _STARTS.fullmatch(object_id.lower()) or _STARTS.fullmatch(text_of(part.get("name")).lower())
    known = [option for option in options if isinstance(option, str)] if named and isinstance(options, list) else []
    return next((option for option in known if option.lower() in _STARTS_OFF), None)


def _platform(value: object) -> Literal["switch", "sensor", "select"]:
    return "switch" if value == "switch" else "select" if value == "select" else "sensor"


def _check_commanded(part: dict[str, object], state_topic: str | None, command_topic: str | None) -> None:
    if command_topic is None:
        raise HomeAssistantMalformed("it takes no commands")
    if state_topic is None or part.get("optimistic") is True:
        raise HomeAssistantMalformed("it does not say how it stands, so that no order could be verified")
    if "command_template" in part:
        raise HomeAssistantMalformed("its commands are made by a template")


def _check_words(component: Component) -> None:
    heard = {component.state_topic, *(where.topic for where in component.availability)}
    if component.platform != "sensor" and component.command_topic in heard:
        raise HomeAssistantMalformed("commands and answers would share a topic")
    if component.on_word == component.off_word or component.on_state == component.off_state:
        raise HomeAssistantMalformed("the words for on and off do not differ")


def _availability(part: dict[str, object], base: str) -> Iterator[Availability]:
    listed = part.get("availability")
    items = [
        in_full(mapping_of(item)) for item in (listed if isinstance(listed, list) else [listed]) if item is not None
    ]
    if "availability_topic" in part:
        single = {"topic": part["availability_topic"], "value_template": part.get("availability_template")}
        items.append({**part, **single})
    for item in items:
        yield Availability(
            topic=_topic(item.get("topic"), base) or "",
            online=word_of(item.get("payload_available"), "online"),
            offline=word_of(item.get("payload_not_available"), "offline"),
            template=_template(item.get("value_template")),
        )


def _identifiers(device: dict[str, object]) -> Iterator[str]:
    ids = device.get("identifiers")
    for key in (ids if isinstance(ids, list) else [ids])[:_MOST_KEYS]:
        if isinstance(key, str | int) and _is_key(str(key)):
            yield str(key)


def _connections(device: dict[str, object]) -> Iterator[str]:
    pairs = device.get("connections")
    for pair in (pairs if isinstance(pairs, list) else [])[:_MOST_KEYS]:
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], str) and _is_key(pair[1]):
            yield pair[1]


def _is_object_id(text: str) -> bool:
    return 0 < len(text) <= 120 and text.isprintable() and "/" not in text


def _is_key(text: str) -> bool:
    return 0 < len(text) <= 120 and text.isprintable()


def _topic(value: object, base: str) -> str | None:
    """A topic with `~` at its beginning or its end filled in. Raises TopicMalformed."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise HomeAssistantMalformed(f"not a topic: {str(value)[:40]!r}")
    if value.startswith("~"):
        value = base + value[1:]
    topic = value[:-1] + base if value.endswith("~") else value
    if len(topic) > _LONGEST_TOPIC or not is_own_topic(topic):
        raise TopicMalformed(f"no broker carries the topic {topic[:60]!r}")
    return topic


def _template(value: object) -> Template:
    if value is None:
        return Template()
    if not isinstance(value, str):
        raise HomeAssistantMalformed(f"not a template: {str(value)[:40]!r}")
    return read_template(value)


def _mode(value: object) -> Literal["all", "any", "latest"]:
    return "all" if value == "all" else "any" if value == "any" else "latest"
