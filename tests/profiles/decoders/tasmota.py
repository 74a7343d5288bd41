"""Tasmota's messages."""

import json

from agent.adapters.mqtt.tasmota_infrared import UnitState, read_answer, read_heard
from agent.adapters.mqtt.tasmota_messages import read_config, read_relays, read_sensors, read_status
from agent.profiles.profile import DeviceProfile, GoldenVector
from simulators.mqtt.tasmota_says import Identity, discovery_config
from tests.profiles.said import Said

MAC = "A0B1C2D3E4F5"
READ = read_config(MAC, json.dumps(discovery_config(Identity(MAC), 2)).encode())


def said(_profile: DeviceProfile, vector: GoldenVector) -> Said:
    payload = vector.payload.encode()
    if vector.message in {"RESULT", "STATE"}:
        return Said(relays=read_relays(payload, READ), unit_on=unit_on(vector))
    if vector.message == "STATUS11":
        return Said(relays=read_status(payload, READ))
    report = read_sensors(payload)
    return Said(
        power_w=next(iter(report.power_w), None),
        energy_wh=next(iter(report.energy_wh), None),
        temperatures_c={vector.sensor: report.temperature_of(vector.sensor)} if report.temperatures_c else {},
    )


def unit_on(vector: GoldenVector) -> bool | None:
    """What a remote says that it has told its unit; None where it says nothing of that, as in what it heard."""
    answer = read_answer(vector.payload.encode()) if vector.message == "RESULT" else None
    return answer.on if isinstance(answer, UnitState) else None


def heard_on(vector: GoldenVector) -> bool | None:
    """What a receiver heard of a unit."""
    state = read_heard(vector.payload.encode())
    return None if state is None else state.on
