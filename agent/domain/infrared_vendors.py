"""Remote controls whose language has no "on" and no "off", as IRremoteESP8266 knows them."""

from agent.domain.device import Infrared

_TOGGLE_POWER = frozenset(
    {"AIRWELL", "DAIKIN128", "DAIKIN64", "HITACHI_AC1", "KELON", "PANASONIC_AC32", "WHIRLPOOL_AC"}
)
"""Languages that have one word that changes from on to off and back."""
_TOGGLE_POWER_MODELS = frozenset({("PANASONIC_AC", 5)})
"""Remote controls of a language that do so, the others do not: here Panasonic's CKP."""


def toggles_power(infrared: Infrared) -> bool:
    """Whether the language cannot say on or off: an order that was not seen would turn all later ones round."""
    return infrared.vendor in _TOGGLE_POWER or (infrared.vendor, infrared.model) in _TOGGLE_POWER_MODELS
