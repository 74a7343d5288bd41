"""The rule of a plain thermostat: the baseline of every comparison and the fallback of every failure."""

from agent.domain.house import AirConditionerMode


def thermostat(
    temperature_c: float,
    setpoint_c: float,
    *,
    mode: AirConditionerMode = AirConditionerMode.HEAT,
) -> bool:
    """On while the temperature is on the wrong side of the setpoint (below it when heating, above when cooling)."""
    if mode is AirConditionerMode.COOL:
        return temperature_c > setpoint_c
    return temperature_c < setpoint_c
