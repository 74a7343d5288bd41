"""OpenBeken's messages, by the end of their topic."""

from agent.adapters.mqtt.openbeken_messages import read_channel, read_measured
from agent.profiles.profile import DeviceProfile, GoldenVector
from tests.profiles.said import Said


def said(_profile: DeviceProfile, vector: GoldenVector) -> Said:
    payload = vector.payload.encode()
    if vector.message == "STATUS8":
        measured = read_measured(payload)
        return Said(power_w=measured.power_w, energy_wh=measured.energy_wh)
    state = read_channel(payload)
    return Said() if state is None else Said(relays={int(vector.message.partition("/")[0]): state})
