"""All networks of the home: each family of devices is found and spoken with on one of them."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Protocol

from agent.adapters.ble.network import BleNetwork
from agent.adapters.ble.radio import Radio
from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.home_assistant import HomeAssistantNetwork
from agent.adapters.mqtt.openbeken import OpenBekenNetwork
from agent.adapters.mqtt.shelly_gen1 import ShellyGen1Network
from agent.adapters.mqtt.shelly_gen2 import ShellyGen2Network
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.adapters.mqtt.zigbee2mqtt import Zigbee2mqttNetwork
from agent.connections import MqttSettings
from agent.domain.device import Adoption, Name
from agent.errors import HubError, ProfileInvalid, SettingsInvalid
from agent.ports import Clock, Device, Meter, Network
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.settings import Settings
from agent.switching.metered import MeteredRelay

_ON_THE_BROKER: Mapping[Family, Callable[[Broker, Clock, Profiles], Network]] = {
    Family.TASMOTA: TasmotaNetwork,
    Family.SHELLY_GEN1: ShellyGen1Network,
    Family.SHELLY_GEN2: ShellyGen2Network,
    Family.ZIGBEE2MQTT: Zigbee2mqttNetwork,
    Family.HOME_ASSISTANT: HomeAssistantNetwork,
    Family.OPENBEKEN: OpenBekenNetwork,
}
_FIRST_WORD_S = 3.0
"""Wall seconds that a network gets to answer before the first step."""
_RETAINED_S = 0.3
"""Wall seconds in which a broker delivers what it has kept."""
_log = logging.getLogger(__name__)


class Coordinator(Network, Protocol):
    """The ZigBee stick, as far as the hub's life needs it."""

    on_connection: Callable[[bool, str], None] | None

    async def run(self) -> None:
        """Keep the connection until cancelled."""

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait for it. Raises HubError."""


@dataclass(frozen=True)
class Networks:
    """All radios and buses of the home."""

    broker: Broker
    by_family: Mapping[Family, Network]
    profiles: Profiles
    loops: tuple[Callable[[], Coroutine[None, None, None]], ...]
    """What keeps them alive, each until it is cancelled."""
    zigbee: Coordinator | None = None
    bluetooth: Radio | None = None

    def listen(self, tell: Callable[[str, bool, str], None]) -> None:
        """Have somebody told by name whenever a network is lost or back."""
        self.broker.on_connection = partial(tell, "broker")
        if self.zigbee is not None:
            self.zigbee.on_connection = partial(tell, "zigbee")
        if self.bluetooth is not None:
            self.bluetooth.on_connection = partial(tell, "bluetooth")

    async def first_words(self) -> None:
        """Give each network, and the devices whose words the broker kept, a moment before they are needed."""
        waits = [self.broker.wait_connected] if self.broker.run in self.loops else []
        waits += [] if self.zigbee is None else [self.zigbee.wait_connected]
        waits += [] if self.bluetooth is None else [self.bluetooth.wait_up]
        for error in await asyncio.gather(*(wait(_FIRST_WORD_S) for wait in waits), return_exceptions=True):
            if isinstance(error, HubError):
                _log.warning("starting without it: %s", error)
            elif error is not None:
                raise error
        await asyncio.sleep(_RETAINED_S)

    def of(self, adoption: Adoption) -> Network:
        """The network on which a device is. Raises ProfileInvalid, SettingsInvalid where the settings lack it."""
        family = self.profiles.named(adoption.profile).family
        if family not in self.by_family:
            raise SettingsInvalid(f"devices.{adoption.name}: {_missing(family)}")
        return self.by_family[family]


def networks_of(
    settings: Settings, clock: Clock, profiles: Profiles, client_id: str | None = None, *, stick_is_free: bool = True
) -> Networks:
    """The networks that the settings have devices on, or, with a `client_id` of a command's own, all there can be.

    Nothing is open before its loop runs. A command has another client's name, or it would put the running hub out of
    the broker; and it gets no coordinator unless the `stick_is_free`, for two at one stick ruin its network.
    """
    mqtt = settings.mqtt if client_id is None else settings.mqtt.model_copy(update={"client_id": client_id})
    broker = broker_of(mqtt)
    wanted = set(Family) if client_id is not None else set(_families(settings.devices, profiles))
    by_family: dict[Family, Network] = {
        family: make(broker, clock, profiles) for family, make in _ON_THE_BROKER.items() if family in wanted
    }
    loops: list[Callable[[], Coroutine[None, None, None]]] = []
    if by_family or not settings.devices:
        loops.append(broker.run)
    zigbee, radio = None, None
    if settings.zigbee.port is not None and Family.ZIGBEE in wanted and stick_is_free:
        by_family[Family.ZIGBEE] = zigbee = _coordinator(settings, clock, profiles)
        loops.append(zigbee.run)
    if settings.ble.enabled and not wanted.isdisjoint(BleNetwork.families):
        radio = Radio(clock)
        bluetooth = BleNetwork(radio, clock, profiles)
        by_family.update(dict.fromkeys(BleNetwork.families, bluetooth))
        loops += bluetooth.loops
    return Networks(
        broker=broker, by_family=by_family, profiles=profiles, loops=tuple(loops), zigbee=zigbee, bluetooth=radio
    )


def _coordinator(settings: Settings, clock: Clock, profiles: Profiles) -> Coordinator:
    """The stick. What speaks with it is loaded here, for it takes 35 MB, and most homes have none."""
    made, zigbee = import_module("agent.adapters.zigbee.radio").RadioSettings, settings.zigbee
    stick = made(path=zigbee.port, baudrate=zigbee.baudrate, firmware=zigbee.firmware)
    made = import_module("agent.adapters.zigbee.network").ZigbeeNetwork
    coordinator: Coordinator = made(stick, settings.storage.folder, clock, profiles)
    return coordinator


def broker_of(mqtt: MqttSettings) -> Broker:
    """The broker of the house. Raises SettingsInvalid where its password file cannot be trusted."""
    return Broker(
        host=mqtt.host,
        port=mqtt.port,
        client_id=mqtt.client_id,
        username=mqtt.username,
        password=mqtt.reveal(),
        keepalive_s=mqtt.keepalive_s,
        tls_ca_file=mqtt.tls_ca_file,
    )


def devices_of(settings: Settings, networks: Networks, clock: Clock) -> Sequence[Device]:
    """The adopted devices, whether they answer yet or not. Raises SettingsInvalid, ProfileInvalid."""
    made = [networks.of(device).device(device, settings.control.dead_man_s) for device in settings.devices]
    meters = {device.name: device.meter for device in made if device.meter is not None}
    return [
        _with_unit(device, adoption, networks, clock, meters)
        for device, adoption in zip(made, settings.devices, strict=True)
    ]


def _with_unit(
    device: Device, adoption: Adoption, networks: Networks, clock: Clock, meters: Mapping[Name, Meter]
) -> Device:
    """A remote control becomes a relay by the meter that shows what it brings about."""
    if device.remote is None:
        return device
    infrared = adoption.infrared
    if infrared is None or infrared.verified_by not in meters:
        raise SettingsInvalid(
            f"devices.{device.name}.infrared: it needs verified_by, the name of a device with a meter"
        )
    deadline_s = networks.profiles.named(adoption.profile).deadline_s(adoption.deadline_s)
    meter = meters[infrared.verified_by]
    unit = MeteredRelay(device.remote, meter, clock, device.name, deadline_s=deadline_s, infrared=infrared)
    return replace(device, relay=unit, unit=unit)


def network_faults(settings: Settings, profiles: Profiles) -> Iterator[str]:
    """Why devices are on networks that the settings lack, one line each."""
    for device in settings.devices:
        family = profiles[device.profile].family if device.profile in profiles else None
        no_stick = family is Family.ZIGBEE and settings.zigbee.port is None
        if family is not None and (no_stick or (family in BleNetwork.families and not settings.ble.enabled)):
            yield f"devices.{device.name}: {_missing(family)}"


def _families(devices: Collection[Adoption], profiles: Profiles) -> Sequence[Family]:
    found = []
    for device in devices:
        try:
            found.append(profiles.named(device.profile).family)
        except ProfileInvalid:
            continue  # whoever asks for the device is told
    return found


def _missing(family: Family) -> str:
    """Why there is no network for a family, and what to do."""
    if family is Family.ZIGBEE:
        return 'no coordinator: set zigbee.port, for example "/dev/serial/by-id/…" (and stop the hub, if it has it)'
    if family in BleNetwork.families:
        return "Bluetooth is switched off: set ble.enabled = true"
    return f"this hub has no network for {family}"
