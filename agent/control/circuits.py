"""What the control loop must know of a load that a relay switches: what it draws, and how long it is left alone."""

from agent.domain.device import Name
from agent.domain.house import House
from agent.domain.value import Value


class Circuit(Value):
    """One load as its relay sees it."""

    power_w: float
    """The most that it draws by its rating."""
    min_on_s: int = 0
    min_off_s: int = 0
    in_runs: bool = False
    """An appliance: cutting its run in the middle spoils it."""


def circuit_of(house: House, load: Name) -> Circuit:
    """The circuit of a load or an appliance. Raises KeyError if the house has none of that name."""
    for appliance in house.appliances:
        if appliance.name == load:
            return Circuit(power_w=max(phase.power_w for phase in appliance.phases), in_runs=True)
    unit = house.load(load)
    return Circuit(power_w=unit.power_w, min_on_s=unit.min_on_s, min_off_s=unit.min_off_s)
