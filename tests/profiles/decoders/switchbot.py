"""SwitchBot's advertisements and answers."""

from agent.adapters.ble.switchbot_frames import COMPANY, DONE, read_answer, read_plug, read_status
from agent.profiles.profile import DeviceProfile, GoldenVector
from tests.profiles.said import Said


def said(_profile: DeviceProfile, vector: GoldenVector) -> Said:
    payload = bytes.fromhex(vector.payload_hex)
    if vector.message == "answer":
        assert read_status(payload) == DONE
        return Said(relays={1: read_answer(payload)})
    state = read_plug({COMPANY: payload})
    return Said(relays={1: state.on}, power_w=state.power_w)
