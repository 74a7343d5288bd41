"""What a Shelly says over Bluetooth: its advertisement, and frames with their length before them."""

from agent.adapters.ble.shelly_frames import COMPANY, read_length, read_shown
from agent.adapters.shelly.messages import Reply, read_frame, read_switch
from agent.profiles.profile import DeviceProfile, GoldenVector
from tests.profiles.said import Said


def said(profile: DeviceProfile, vector: GoldenVector) -> Said:
    payload = bytes.fromhex(vector.payload_hex)
    if vector.message == "advertisement":
        shown = read_shown({COMPANY: payload})
        assert shown is not None
        assert shown.rpc
        assert not shown.locked
        assert shown.model in profile.match.models
        assert shown.mac == "A0B1C2D3E4F5"
        return Said()
    frame = payload[4:]
    assert read_length(payload[:4]) == len(frame)
    reply = read_frame(frame)
    assert isinstance(reply, Reply)
    status = read_switch(reply.result)
    return Said(relays={1: status.on}, power_w=status.power_w, energy_wh=status.energy_wh)
