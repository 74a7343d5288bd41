"""States of Home Assistant's discovery. `message` is the kind, what is measured, its unit, then a template."""

import json

from agent.adapters.mqtt.home_assistant_messages import Component, read_announcement
from agent.profiles.profile import DeviceProfile, GoldenVector
from tests.profiles.said import Said

TOPIC = "homeassistant/{}/node/object/config"


def component(message: str) -> Component:
    """`switch [template] [on off]` or `sensor <class> <unit> [template]`, as discovery would announce it."""
    head, _, rest = message.partition("{{")
    words = head.split()
    template, _, states = rest.rpartition("}}")
    config: dict[str, object] = {"stat_t": "node/object/state"}
    if rest:
        config["val_tpl"] = f"{{{{{template}}}}}"
    if words[0] == "switch":
        config |= {"cmd_t": "node/object/command", **dict(zip(("stat_on", "stat_off"), states.split(), strict=False))}
    else:
        config |= {"dev_cla": words[1], "unit_of_meas": words[2]}
    announcement = read_announcement(TOPIC.format(words[0]), json.dumps(config).encode())
    assert announcement is not None
    assert not announcement.refused
    return announcement.components[0]


def said(_profile: DeviceProfile, vector: GoldenVector) -> Said:
    part = component(vector.message)
    payload = vector.payload.encode()
    if part.platform == "switch":
        state = part.read_switch(payload)
        return Said() if state is None else Said(relays={1: state})
    match part.measures:
        case "power":
            return Said(power_w=part.read_power_w(payload))
        case "energy":
            return Said(energy_wh=part.read_energy_wh(payload))
        case _:
            return Said(temperatures_c={vector.sensor: part.read_temperature_c(payload)})
