"""Frames of the ZigBee cluster library: message is cluster/command, as zigpy calls them."""

from typing import Any

from zigpy.zcl.clusters.general import OnOff
from zigpy.zcl.clusters.homeautomation import ElectricalMeasurement
from zigpy.zcl.clusters.measurement import TemperatureMeasurement
from zigpy.zcl.clusters.smartenergy import Metering
from zigpy.zcl.foundation import GENERAL_COMMANDS, FrameType, GeneralCommand, ZCLHeader

from agent.adapters.zigbee.readings import Attribute, energy_wh, on, power_w, temperature_c
from agent.profiles.profile import DeviceProfile, GoldenVector
from tests.profiles.said import Said

CLUSTERS = {
    "on_off": OnOff,
    "electrical_measurement": ElectricalMeasurement,
    "smartenergy_metering": Metering,
    "temperature": TemperatureMeasurement,
}
COMMANDS = {
    "report_attributes": GeneralCommand.Report_Attributes,
    "read_attributes_rsp": GeneralCommand.Read_Attributes_rsp,
}


def values_in(message: str, frame: bytes) -> dict[Attribute, object]:
    cluster, _, command = message.partition("/")
    header, rest = ZCLHeader.deserialize(frame)
    assert header.frame_control.frame_type is FrameType.GLOBAL_COMMAND
    assert header.command_id == COMMANDS[command]
    said: Any
    said, rest = GENERAL_COMMANDS[COMMANDS[command]].schema.deserialize(rest)
    assert not rest
    records = said.attribute_reports if command == "report_attributes" else said.status_records
    return {(CLUSTERS[cluster].cluster_id, int(record.attrid)): record.value.value for record in records}


def said(profile: DeviceProfile, vector: GoldenVector) -> Said:
    values = values_in(vector.message, bytes.fromhex(vector.payload_hex))
    state, celsius = on(values), temperature_c(values)
    return Said(
        relays={} if state is None else {1: state},
        power_w=power_w(values, profile.zigbee),
        energy_wh=energy_wh(values, profile.zigbee),
        temperatures_c={} if celsius is None else {vector.sensor: celsius},
    )
