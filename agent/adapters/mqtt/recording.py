"""Everything that is said to and by one MQTT device, whatever its family, as it passes the broker. Nothing is sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.adapters.mqtt.broker import Broker, Message
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
        listened: set[str] = set()

        def take(message: Message) -> None:
            hear(not is_order(message.topic, message.payload), TOPIC, message.topic, message.payload, message.retained)

        def follow(message: Message) -> None:
            take(message)
            if message.payload:  # a Tasmota device says which topics are its own
                listen(topics_of(read_config(mac_of(address) or "", message.payload)))

        def listen(filters: frozenset[str]) -> None:
            for topic_filter in sorted(filters - listened)[: max(0, _MOST_FILTERS - len(listened))]:
                listened.add(topic_filter)
                self._broker.subscribe(topic_filter, receiver_of(topic_filter))

        def receiver_of(topic_filter: str) -> Callable[[Message], None]:
            return follow if topic_filter.startswith(_TASMOTA) and topic_filter.endswith("/config") else take

        try:
            listen(filters_of(address))
            yield
        finally:
            for topic_filter in listened:
                self._broker.unsubscribe(topic_filter, receiver_of(topic_filter))


def filters_of(address: str) -> frozenset[str]:
    """Where devices of all families may speak under an address. Raises SettingsInvalid if it is no topic."""
    if not address or len(address) > _LONGEST_ADDRESS or any(letter in "+#\x00" for letter in address):
        raise SettingsInvalid(f"{address!r} is no address of an MQTT device: it must hold no +, # or NUL")
    mac = mac_of(address)
    if mac is not None:
        return frozenset({f"{_TASMOTA}/{mac}/config", f"{_TASMOTA}/{mac}/sensors"})
    return frozenset(f"{above}{address}/#" for above in ("", "shellies/", "zigbee2mqtt/", "cmnd/", "stat/", "tele/"))


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
