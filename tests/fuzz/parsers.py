"""What reads the bytes of devices, one entry for each border. Nothing but a HubError may come out."""

import json
from collections.abc import Callable, Iterator

from agent.adapters.ble import bthome_objects, shelly_frames, switchbot_frames
from agent.adapters.mqtt import (
    home_assistant_messages,
    home_assistant_template,
    openbeken_messages,
    shelly_gen1_messages,
    tasmota_infrared,
    tasmota_messages,
    zigbee2mqtt_messages,
)
from agent.adapters.shelly import messages as shelly_messages
from agent.errors import HubError
from agent.profiles.library import load_profiles
from simulators.mqtt.tasmota_says import Identity, discovery_config

Parser = Callable[[bytes], object]

_MAC = "A0B1C2D3E4F5"
_CONFIG = tasmota_messages.read_config(_MAC, json.dumps(discovery_config(Identity(_MAC), 2)).encode())
_ALLTERCO, _SWITCHBOT = 0x0BA9, 0x0969


def _shelly_frame(data: bytes) -> None:
    frame = shelly_messages.read_frame(data)
    said = frame.params if isinstance(frame, shelly_messages.Notification) else frame.result
    for read in (
        shelly_messages.read_status,
        shelly_messages.read_switch,
        shelly_messages.read_meter,
        shelly_messages.read_temperature,
        shelly_messages.read_device_info,
        shelly_messages.read_initial_state,
    ):
        try:
            read(said or {})
        except HubError:
            continue


def _discovered(data: bytes) -> None:
    for topic in ("homeassistant/switch/a/b/config", "homeassistant/sensor/a/config", "homeassistant/device/a/config"):
        home_assistant_messages.read_announcement(topic, data)


PARSERS: tuple[Parser, ...] = (
    lambda data: tasmota_messages.read_config(_MAC, data),
    tasmota_messages.read_announced_sensors,
    tasmota_messages.read_sensors,
    tasmota_messages.read_start,
    tasmota_messages.read_start_set,
    lambda data: tasmota_messages.read_relays(data, _CONFIG),
    lambda data: tasmota_messages.read_status(data, _CONFIG),
    tasmota_infrared.read_answer,
    tasmota_infrared.read_heard,
    _discovered,
    lambda data: home_assistant_template.read_template(data.decode(errors="replace")),
    openbeken_messages.read_channel,
    openbeken_messages.read_identity,
    openbeken_messages.read_measured,
    lambda data: openbeken_messages.read_relay(data, 1, frozenset({1})),
    shelly_gen1_messages.read_announcement,
    shelly_gen1_messages.read_relay,
    shelly_gen1_messages.read_power_w,
    shelly_gen1_messages.read_energy_wh,
    shelly_gen1_messages.read_celsius,
    zigbee2mqtt_messages.read_devices,
    zigbee2mqtt_messages.read_values,
    zigbee2mqtt_messages.read_online,
    zigbee2mqtt_messages.read_announce,
    zigbee2mqtt_messages.read_health,
    zigbee2mqtt_messages.read_failure,
    _shelly_frame,
    lambda data: shelly_frames.read_shown({_ALLTERCO: data}),
    shelly_frames.read_length,
    lambda data: switchbot_frames.read_plug({_SWITCHBOT: data}),
    switchbot_frames.read_status,
    switchbot_frames.read_answer,
    bthome_objects.read_report,
)


def read(data: bytes) -> None:
    """Give bytes to the parser that the first of them names. Raises what is a fault."""
    if not data:
        return
    try:
        PARSERS[data[0] % len(PARSERS)](data[1:])
    except HubError:
        return


def seeds() -> Iterator[bytes]:
    """What devices really say, for each parser: the golden vectors of the profiles."""
    for profile in load_profiles().values():
        for vector in profile.golden:
            message = vector.payload.encode() or bytes.fromhex(vector.payload_hex)
            yield from (bytes([number]) + message for number in range(len(PARSERS)))
