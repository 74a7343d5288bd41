"""Messages of Shelly devices of generation 1."""

from agent.adapters.mqtt.shelly_gen1_messages import RelayWord, read_celsius, read_energy_wh, read_power_w, read_relay
from agent.profiles.profile import DeviceProfile, GoldenVector
from tests.profiles.said import Said


def said(_profile: DeviceProfile, vector: GoldenVector) -> Said:
    payload = vector.payload.encode()
    kind, _, rest = vector.message.partition("/")
    if kind == "ext_temperature":
        return Said(temperatures_c={vector.sensor: read_celsius(payload)})
    channel, _, measured = rest.partition("/")
    if measured == "power":
        return Said(power_w=read_power_w(payload))
    if measured == "energy":
        return Said(energy_wh=read_energy_wh(payload))
    return Said(relays={int(channel) + 1: read_relay(payload) is RelayWord.ON})
