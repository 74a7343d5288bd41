"""What a meter may say, by the rating of the relay beside it."""

from agent.domain.device import Name
from agent.errors import DeviceMalformed

_IMPLAUSIBLE = 2.0
"""A meter that reports this many times its relay's rating reports nonsense: a wrong unit, or a spike."""


def plausible_power_w(device: Name, power_w: float, max_power_w: float | None) -> float:
    """The power (W) that a meter reports through a relay for `max_power_w` (None: unknown). Raises DeviceMalformed."""
    if max_power_w is not None and abs(power_w) > _IMPLAUSIBLE * max_power_w:
        raise DeviceMalformed(device, f"reports {power_w:g} W through a relay for {max_power_w:g} W")
    return power_w
