"""How zigbee2mqtt lists its devices in `bridge/devices`, field by field."""

Json = dict[str, object]

_SWITCH: Json = {
    "type": "switch",
    "features": [
        {
            "name": "state",
            "label": "State",
            "property": "state",
            "type": "binary",
            "access": 7,
            "value_on": "ON",
            "value_off": "OFF",
            "value_toggle": "TOGGLE",
            "description": "On/off state of the switch",
        }
    ],
}
STARTS = ("off", "on", "toggle", "previous")
_POWER_ON: Json = {
    "name": "power_on_behavior",
    "label": "Power-on behavior",
    "property": "power_on_behavior",
    "type": "enum",
    "access": 7,
    "values": list(STARTS),
    "description": "Controls the behavior when the device is powered on after power loss",
    "category": "config",
}
COORDINATOR: Json = {
    "ieee_address": "0x00124b0012345678",
    "type": "Coordinator",
    "network_address": 0,
    "supported": True,
    "friendly_name": "Coordinator",
    "disabled": False,
    "definition": None,
    "interview_completed": True,
    "endpoints": {},
}


def _numeric(name: str, unit: str, access: int) -> Json:
    return {
        "name": name,
        "label": name.capitalize(),
        "property": name,
        "type": "numeric",
        "access": access,
        "unit": unit,
    }


def exposes(*, relay: bool, meter: bool, thermometer: bool, asked: bool) -> list[Json]:
    """What a device of so many parts exposes; `asked`: whether its numbers can be asked for."""
    access = 5 if asked else 1
    parts: list[Json] = [_SWITCH, _POWER_ON] if relay else []
    if meter:
        parts += [_numeric("power", "W", access), _numeric("energy", "kWh", access)]
    if thermometer:
        parts.append(_numeric("temperature", "°C", access))
    return [*parts, _numeric("linkquality", "lqi", 1)]


def device(ieee: str, name: str, vendor: str, model: str, parts: list[Json]) -> Json:
    """One device."""
    return {
        "ieee_address": ieee,
        "type": "Router",
        "network_address": int(ieee[-4:], 16),
        "supported": True,
        "friendly_name": name,
        "disabled": False,
        "definition": {
            "model": model,
            "vendor": vendor,
            "description": "Smart plug",
            "exposes": parts,
            "options": [],
            "supports_ota": True,
            "source": "native",
        },
        "power_source": "Mains (single phase)",
        "model_id": model,
        "manufacturer": vendor,
        "interview_completed": True,
        "interview_state": "SUCCESSFUL",
        "software_build_id": "2.1.6",
        "endpoints": {"1": {"bindings": [], "clusters": {"input": ["genBasic", "genOnOff"], "output": []}}},
    }
