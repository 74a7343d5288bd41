"""What attributes of the ZigBee cluster library mean, in the hub's units. Pure functions, at the border.

Everything here raises ZigbeeMalformed for what cannot be read.
"""

from collections.abc import Mapping
from math import isfinite

from agent.domain.device import Ability
from agent.errors import HubError
from agent.profiles.profile import Zigbee

ON_OFF, TEMPERATURE, METERING, ELECTRICAL = 0x0006, 0x0402, 0x0702, 0x0B04
"""Clusters."""

Attribute = tuple[int, int]
"""Cluster and number."""

STATE: Attribute = (ON_OFF, 0x0000)
START_UP: Attribute = (ON_OFF, 0x4003)
CELSIUS: Attribute = (TEMPERATURE, 0x0000)
ACTIVE_POWER: Attribute = (ELECTRICAL, 0x050B)
POWER_MULTIPLIER: Attribute = (ELECTRICAL, 0x0604)
POWER_DIVISOR: Attribute = (ELECTRICAL, 0x0605)
DELIVERED: Attribute = (METERING, 0x0000)
UNIT: Attribute = (METERING, 0x0300)
MULTIPLIER: Attribute = (METERING, 0x0301)
DIVISOR: Attribute = (METERING, 0x0302)
DEMAND: Attribute = (METERING, 0x0400)

MEASURED = frozenset({STATE, CELSIUS, ACTIVE_POWER, DELIVERED, DEMAND})
"""What changes by itself, and is reported."""
_INVALID = {CELSIUS: {-0x8000}, ACTIVE_POWER: {-0x8000}, DEMAND: {-0x80_0000}, DELIVERED: {0xFFFF_FFFF_FFFF}}
"""What devices say where they have no value."""
_KWH = {0x00, 0x80}
"""Units of a meter that counts electric energy; 0x80 says that its display counts in decimals."""
_LARGEST = 1e12

Values = Mapping[Attribute, object]
"""By attribute; None where the device has none."""


class ZigbeeMalformed(HubError):
    """A value that cannot be read."""


def on(values: Values) -> bool | None:
    """Whether the relay is on; None if nothing was said of it."""
    number = _number(values, STATE)
    if number is None:
        return None
    if number not in (0, 1):
        raise ZigbeeMalformed(f"its relay is neither on nor off: {number:g}")
    return number == 1


def temperature_c(values: Values) -> float | None:
    """The temperature (°C); None if nothing was said of it."""
    number = _number(values, CELSIUS)
    return None if number is None else round(number / 100, 2)


def power_w(values: Values, scales: Zigbee) -> float | None:
    """The power (W) by the profile's scale, else by what the device says of its units; None if nothing was said."""
    for attribute, factor_of in ((ACTIVE_POWER, _watts), (DEMAND, _metered_watts)):
        number = _number(values, attribute)
        if number is not None:
            factor = scales.power_scale or factor_of(values)
            return None if factor is None else round(number * factor, 3)
    return None


def energy_wh(values: Values, scales: Zigbee) -> int | None:
    """The counter (Wh) by the profile's scale, else by what the device says of its units; None without either."""
    number = _number(values, DELIVERED)
    factor = scales.energy_scale or _watt_hours(values)
    if number is None or factor is None:
        return None
    if number < 0:
        raise ZigbeeMalformed(f"its counter is negative: {number:g}")
    return round(number * factor)


def abilities_of(clusters: frozenset[int]) -> frozenset[Ability]:
    """What a device with these clusters can do for the hub."""
    abilities = set()
    if ON_OFF in clusters:
        abilities.add(Ability.RELAY)
    if ELECTRICAL in clusters or METERING in clusters:
        abilities.add(Ability.METER)
    if TEMPERATURE in clusters:
        abilities.add(Ability.THERMOMETER)
    return frozenset(abilities)


def _watts(values: Values) -> float | None:
    """W per unit of active power; what the device does not say is 1, says the cluster library."""
    multiplier, divisor = _number(values, POWER_MULTIPLIER), _number(values, POWER_DIVISOR)
    return _ratio(1.0 if multiplier is None else multiplier, 1.0 if divisor is None else divisor)


def _watt_hours(values: Values) -> float | None:
    """Wh per unit of the counter, which counts kWh; None if the device does not say, for then nobody knows."""
    unit = _number(values, UNIT)
    multiplier, divisor = _number(values, MULTIPLIER), _number(values, DIVISOR)
    if divisor is None or (unit is not None and unit not in _KWH):
        return None
    return 1000.0 * _ratio(1.0 if multiplier is None else multiplier, divisor)


def _metered_watts(values: Values) -> float | None:
    """W per unit of the demand, which has the scale of the counter and is in kW."""
    return _watt_hours(values)


def _ratio(multiplier: float, divisor: float) -> float:
    if multiplier <= 0 or divisor <= 0:
        raise ZigbeeMalformed(f"it says to multiply by {multiplier:g} and to divide by {divisor:g}")
    return multiplier / divisor


def _number(values: Values, attribute: Attribute) -> float | None:
    value = values.get(attribute)
    if value is None:
        return None
    if not isinstance(value, int | float) or not isfinite(value) or abs(value) > _LARGEST:
        raise ZigbeeMalformed(f"attribute {attribute[1]:#06x} of cluster {attribute[0]:#06x} is not a number")
    if value in _INVALID.get(attribute, ()):
        raise ZigbeeMalformed(f"it has no value for attribute {attribute[1]:#06x} of cluster {attribute[0]:#06x}")
    return float(value)
