"""The fields of Home Assistant's discovery: their abbreviations, and what is made of a value of the wrong kind."""

import json

from agent.adapters.mqtt.home_assistant_template import HomeAssistantMalformed

_LONG = {
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "cmd_t": "command_topic",
    "cmd_tpl": "command_template",
    "cmps": "components",
    "cns": "connections",
    "dev": "device",
    "dev_cla": "device_class",
    "ent_cat": "entity_category",
    "exp_aft": "expire_after",
    "ids": "identifiers",
    "mdl": "model",
    "mdl_id": "model_id",
    "mf": "manufacturer",
    "o": "origin",
    "ops": "options",
    "opt": "optimistic",
    "p": "platform",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "pl_off": "payload_off",
    "pl_on": "payload_on",
    "stat_cla": "state_class",
    "stat_off": "state_off",
    "stat_on": "state_on",
    "stat_t": "state_topic",
    "sw": "sw_version",
    "t": "topic",
    "uniq_id": "unique_id",
    "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}


def seconds_of(value: object) -> float | None:
    """A time (s); None if it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9 else None


def word_of(value: object, otherwise: str) -> str:
    """A word that is said or told, or the one that is said where none is announced."""
    return otherwise if value is None else str(value)[:81]


def text_of(value: object) -> str:
    """A text; empty if it is none."""
    return value[:200] if isinstance(value, str) else ""


def in_full(short: dict[str, object]) -> dict[str, object]:
    """With long names; `~` stays as it is."""
    return {_LONG.get(name, name): value for name, value in short.items()}


def mapping_of(value: object) -> dict[str, object]:
    """An object; empty if it is none."""
    return value if isinstance(value, dict) else {}


def object_of(payload: bytes) -> dict[str, object]:
    """The JSON object that a payload is. Raises HomeAssistantMalformed."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise HomeAssistantMalformed(f"not JSON: {payload[:60]!r}") from error
    if not isinstance(value, dict):
        raise HomeAssistantMalformed(f"not a JSON object: {payload[:60]!r}")
    return value
