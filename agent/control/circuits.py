"""What the control loop must know of a load that a relay switches: what it draws, and how long it is left alone."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from agent.domain.appliance import Phase
from agent.domain.device import Name
from agent.domain.house import House, LoadState
from agent.domain.value import Value

ORDERS_TAKE = timedelta(seconds=30)
"""An order is carried out some seconds after its instant; a block as long as a minimum time must still end on time."""


class Circuit(Value):
    """One load as its relay sees it."""

    power_w: float
    """The most that it draws by its rating."""
    min_on_s: int = 0
    min_off_s: int = 0
    in_runs: bool = False
    """An appliance: cutting its run in the middle spoils it."""
    must_end: bool = False
    """Whether it must go off by itself if the hub is gone."""
    phases: tuple[Phase, ...] = ()
    """What its run draws one after the other; only of an appliance that runs without pauses."""

    def power_at_w(self, running: timedelta | None) -> float:
        """What it is expected to draw so long after its start, W; the most where the start is unknown.

        Beyond the end of a run it may be another one that somebody started: then too the most.
        """
        end = timedelta()
        for phase in self.phases:
            end += timedelta(seconds=phase.duration_s)
            if running is not None and running < end:
                return phase.power_w
        return self.power_w


def circuit_of(house: House, load: Name) -> Circuit:
    """The circuit of a load or an appliance. Raises KeyError if the house has none of that name."""
    for appliance in house.appliances:
        if appliance.name == load:
            phases = appliance.phases if appliance.uninterruptible else ()
            power_w = max(phase.power_w for phase in appliance.phases)
            return Circuit(power_w=power_w, in_runs=True, must_end=appliance.must_end, phases=phases)
    unit = house.load(load)
    return Circuit(power_w=unit.power_w, min_on_s=unit.min_on_s, min_off_s=unit.min_off_s, must_end=unit.must_end)


def in_mid_run(house: House, loads: Mapping[Name, LoadState], at: datetime) -> frozenset[Name]:
    """The appliances that run without pauses and have begun, but whose duration is not over yet."""
    begun: set[Name] = set()
    for appliance in house.appliances:
        state = loads.get(appliance.name)
        if appliance.uninterruptible and state is not None and state.on and state.since is not None:
            until = state.since + timedelta(seconds=appliance.duration_s) - ORDERS_TAKE
            begun |= {appliance.name} if at < until else set()
    return frozenset(begun)
