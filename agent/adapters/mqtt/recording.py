"""Everything that is said to and by one MQTT device, whatever its family, as it passes the broker. Nothing is sent.

Under an address that is no topic the device is followed to the topics that it, or its bridge, says are its own.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from paho.mqtt.client import topic_matches_sub

from agent.adapters.mqtt.broker import LARGEST_PAYLOAD_BYTES, Broker, Message, Receiver
from agent.adapters.mqtt.tasmota_messages import (
    DiscoveryConfig,
    TasmotaMalformed,
    mac_of,
    read_config,
    read_relays,
    read_sensors,
    read_status,
)
from agent.errors import SettingsInvalid
from agent.profiles.profile import GoldenVector

TOPIC = "topic"
"""By what a message is told apart on MQTT; ZigBee has clusters for that, Bluetooth characteristics."""
Hear = Callable[[bool, str, str, bytes, bool], None]
"""Told of one message: whether the device said it (or was told it), TOPIC, which topic, the payload, whether it is old
because the broker kept it."""

_TASMOTA = "tasmota/discovery"
_ORDERS = frozenset({"cmnd", "command", "set", "get", "request"})
"""Parts of a topic on which devices are told something; `get` of OpenBeken answers if it carries something."""
_LONGEST_ADDRESS = 200
_LARGEST_LIST_BYTES = 1024 * 1024
_LEVELS = ("+", "+/+")
"""Owners set prefixes such as home/boiler; deeper ones are not found."""
_WILD = re.compile(r"[+#\x00]")
_IEEE = re.compile("[0-9a-f]{16}")
_MOST_FILTERS = 32
"""A device that announces other topics again and again is not followed for ever."""
_READ = {"RESULT": read_relays, "STATE": read_relays, "STATUS11": read_status}
_MEASURED = frozenset({"SENSOR", "STATUS8", "STATUS10"})


class BrokerTap:
    """Listens in on one device's topics."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    @contextmanager
    def tap(self, address: str, hear: Hear) -> Iterator[None]:
        """Tell `hear` all that passes, until the block ends; what the broker kept comes first.

        Raises SettingsInvalid if the address is no topic.
        """
        trail = _Trail(self._broker, address, hear)
        try:
            trail.begin()
            yield
        finally:
            trail.end()


class _Trail:
    """The topics of one device, as far as they are known by now."""

    def __init__(self, broker: Broker, address: str, hear: Hear) -> None:
        self._broker = broker
        self._address = address
        self._mac = mac_of(address)
        self._ieee = ieee_of(address)
        self._hear = hear
        self._followed: dict[str, Receiver] = {}
        """Filters of the device's own topics."""
        self._signs: list[tuple[str, Receiver]] = []
        """Where somebody may say which topics those are."""

    def begin(self) -> None:
        """Listen. Raises SettingsInvalid."""
        self._follow(filters_of(self._address))
        if self._mac is not None:
            for level in _LEVELS:
                self._look(f"{level}/online", self._on_online)
                self._look(f"{level}/events/rpc", self._on_shelly)
                self._look(f"{level}/rpc", self._on_shelly)
        if self._ieee is not None:
            for level in _LEVELS:
                self._look(f"{level}/bridge/devices", self._on_bridge, largest_bytes=_LARGEST_LIST_BYTES)

    def end(self) -> None:
        """Listen no more."""
        for topic_filter, receiver in (*self._followed.items(), *self._signs):
            self._broker.unsubscribe(topic_filter, receiver)

    def _look(self, topic_filter: str, receiver: Receiver, *, largest_bytes: int = LARGEST_PAYLOAD_BYTES) -> None:
        self._signs.append((topic_filter, receiver))
        self._broker.subscribe(topic_filter, receiver, largest_bytes=largest_bytes)

    def _follow(self, filters: frozenset[str]) -> bool:
        """Listen to these from now on; return whether any of them is new."""
        new = sorted(filters - self._followed.keys())[: max(0, _MOST_FILTERS - len(self._followed))]
        for topic_filter in new:
            announces = topic_filter.startswith(_TASMOTA) and topic_filter.endswith("/config")
            self._followed[topic_filter] = self._on_config if announces else self._take
            self._broker.subscribe(topic_filter, self._followed[topic_filter])
        return bool(new)

    def _take(self, message: Message) -> None:
        said = not is_order(message.topic, message.payload)
        if self._mac is not None and message.topic.endswith("/rpc"):
            said = is_of_shelly(source_of(message.payload), self._mac)
        self._hear(said, TOPIC, message.topic, message.payload, message.retained)

    def _on_config(self, message: Message) -> None:
        self._take(message)
        if message.payload:  # a Tasmota device says which topics are its own
            self._follow(topics_of(read_config(mac_of(self._address) or "", message.payload)))

    def _on_online(self, message: Message) -> None:
        """A Shelly says that it is online, under its own name unless its owner has given it another."""
        prefix = message.topic.removesuffix("/online")
        if self._mac is not None and is_of_shelly(prefix.rpartition("/")[2], self._mac):
            self._follow(frozenset({f"{prefix}/#"}))

    def _on_shelly(self, message: Message) -> None:
        """Frames of a Shelly tell who sent them; its answers go to whoever asked."""
        if self._mac is None or not is_of_shelly(source_of(message.payload), self._mac):
            return
        own = message.topic.removesuffix("/events/rpc")
        followed = any(topic_matches_sub(topic_filter, message.topic) for topic_filter in self._followed)
        if own != message.topic:
            self._follow(frozenset({f"{own}/#"}))
        if not followed:
            self._take(message)

    def _on_bridge(self, message: Message) -> None:
        """zigbee2mqtt says how it calls its devices."""
        name = name_at_bridge(message.payload, self._ieee)
        if name is not None:
            self._follow(frozenset({f"{message.topic.removesuffix('/bridge/devices')}/{name}/#"}))


def filters_of(address: str) -> frozenset[str]:
    """Where devices of all families may speak under an address. Raises SettingsInvalid if it is no topic."""
    if not address or len(address) > _LONGEST_ADDRESS or _WILD.search(address):
        raise SettingsInvalid(f"{address!r} is no address of an MQTT device: it must hold no +, # or NUL")
    mac = mac_of(address)
    if mac is not None:
        return frozenset({f"{_TASMOTA}/{mac}/config", f"{_TASMOTA}/{mac}/sensors"})
    return frozenset(f"{above}{address}/#" for above in ("", "shellies/", "zigbee2mqtt/", "cmnd/", "stat/", "tele/"))


def ieee_of(address: str) -> str | None:
    """The IEEE address, as zigbee2mqtt writes it, that an owner's address means; None if it is none."""
    plain = address.lower().removeprefix("0x").replace(":", "").replace("-", "")
    return f"0x{plain}" if _IEEE.fullmatch(plain) else None


def name_at_bridge(payload: bytes, ieee: str | None) -> str | None:
    """How zigbee2mqtt calls a device, by its list of all; None where it is not in it, or its name is no topic."""
    try:
        listed = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("ieee_address") == ieee:
            name = one.get("friendly_name")
            if isinstance(name, str) and 0 < len(name) <= _LONGEST_ADDRESS and not _WILD.search(name):
                return name
    return None


def source_of(payload: bytes) -> str:
    """Who sent a frame of Shelly's; empty where it does not say."""
    try:
        frame = json.loads(payload)
    except (ValueError, RecursionError):
        return ""
    source = frame.get("src") if isinstance(frame, dict) else None
    return source if isinstance(source, str) else ""


def is_of_shelly(name: str, mac: str) -> bool:
    """Whether a Shelly of this MAC address calls itself so, as shellyplus1pm-a0b1c2d3e4f5 or shelly1-D3E4F5."""
    model, _, digits = name.upper().rpartition("-")
    return model.startswith("SHELLY") and len(digits) in (6, 12) and mac.endswith(digits)


def topics_of(config: DiscoveryConfig) -> frozenset[str]:
    """All topics of a Tasmota device."""
    return frozenset({config.command_topic("#"), config.answer_topic("#"), config.report_topic("#")})


def is_order(topic: str, payload: bytes) -> bool:
    """Whether a message is addressed to the device, as far as a topic tells."""
    parts = topic.split("/")
    if parts[-1] == "rpc":  # of a Shelly: answers go to the one who asked, what it says by itself to events/rpc
        return parts[-2:-1] != ["events"]
    if parts[-1] == "get":
        return not payload or payload.startswith(b"{")
    return not _ORDERS.isdisjoint(parts)


def golden_of_tasmota(message: str, payload: str, config: DiscoveryConfig) -> GoldenVector | None:
    """A message as a golden vector, with what the hub reads in it; None if it reads nothing there."""
    try:
        if message in _READ:
            relays = _READ[message](payload.encode(), config)
            return GoldenVector(message=message, payload=payload, relays=relays) if relays else None
        if message not in _MEASURED:
            return None
        report = read_sensors(payload.encode())
    except TasmotaMalformed:
        return None
    known = {name: celsius for name, celsius in report.temperatures_c.items() if celsius is not None}
    sensor = next(iter(known), None)
    if sensor is None and not report.power_w and not report.energy_wh:
        return None
    return GoldenVector(
        message=message,
        payload=payload,
        power_w=next(iter(report.power_w), None),
        energy_wh=next(iter(report.energy_wh), None),
        sensor=sensor if len(known) > 1 else None,
        temperature_c=None if sensor is None else known[sensor],
    )
