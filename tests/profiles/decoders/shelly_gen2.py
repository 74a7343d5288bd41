"""Messages of Shelly devices of generation 2 and later: whole frames."""

from agent.adapters.shelly.messages import Notification, read_frame, read_status, read_switch, read_temperature
from agent.profiles.profile import DeviceProfile, GoldenVector
from tests.profiles.said import Said


def said(_profile: DeviceProfile, vector: GoldenVector) -> Said:
    frame = read_frame(vector.payload.encode())
    if vector.message == "Switch.GetStatus":
        assert not isinstance(frame, Notification)
        switch = read_switch(frame.result)
        return Said(relays={1: switch.on}, power_w=switch.power_w, energy_wh=switch.energy_wh)
    if vector.message == "Temperature.GetStatus":
        assert not isinstance(frame, Notification)
        return Said(temperatures_c={vector.sensor: read_temperature(frame.result).celsius})
    status = read_status(frame.params if isinstance(frame, Notification) else frame.result)
    only = next(iter(status.temperatures.values()), None)
    channel = next(iter(status.switches.values()), None)
    meter = channel or next(iter(status.meters.values()), None)
    return Said(
        relays={number: one.output for number, one in status.switches.items() if one.output is not None},
        power_w=None if meter is None else meter.power_w,
        energy_wh=None if meter is None else meter.energy_wh,
        temperatures_c={} if only is None else {vector.sensor: only.celsius},
    )
