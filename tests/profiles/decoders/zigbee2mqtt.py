"""States of zigbee2mqtt: `message` names what the device exposes, with its unit where that is not the usual one."""

from agent.adapters.mqtt.zigbee2mqtt_messages import Channel, Quantity, read_values
from agent.profiles.profile import DeviceProfile, GoldenVector
from tests.profiles.said import Said

STATE = Channel(property="state", on_word="ON", off_word="OFF", readable=True)
POWER, ENERGY, TEMPERATURE = (
    Quantity(property=name, unit=unit, readable=True)
    for name, unit in (("power", "W"), ("energy", "kWh"), ("temperature", "°C"))
)


def said(_profile: DeviceProfile, vector: GoldenVector) -> Said:
    values = read_values(vector.payload.encode())
    state = STATE.read(values.get("state"))
    return Said(
        relays={} if state is None else {1: state},
        power_w=None if values.get("power") is None else POWER.power_w(values["power"]),
        energy_wh=None if values.get("energy") is None else ENERGY.energy_wh(values["energy"]),
        temperatures_c={}
        if values.get("temperature") is None
        else {vector.sensor: TEMPERATURE.temperature_c(values["temperature"])},
    )
