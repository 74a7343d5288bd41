"""A physical home on a clock, and the circuits by which plugs and sensors touch it."""

import math
from collections.abc import Callable

from agent.domain.device import Name
from simulators.clock import HomeClock
from simulators.house import PhysicalHouse
from simulators.recorder import Recorder


class LivingHome:
    """A home that has always lived up to the present moment when somebody looks at it."""

    def __init__(self, home: PhysicalHouse, clock: HomeClock, recorder: Recorder | None = None) -> None:
        self._home = home
        self._clock = clock
        self._advance_to = recorder.advance_to if recorder is not None else home.advance_to

    def present(self) -> PhysicalHouse:
        """The home as it is now."""
        self._advance_to(self._clock.now())
        return self._home


class LoadCircuit:
    """What hangs on the plug of a load."""

    def __init__(self, living: LivingHome, load: Name) -> None:
        self._living = living
        self._load = load

    def power_w(self) -> float:
        """What the load draws."""
        return self._living.present().power_w(self._load)

    def switch(self, on: bool) -> None:  # noqa: FBT001 - the protocol of the plugs
        """Close or open the circuit of the load."""
        self._living.present().switch(self._load, on=on)

    def temperature_c(self) -> float:
        """A plug of a load has no sensor."""
        return math.nan


class Probe:
    """What only measures: a thermometer, or the meter of the whole home. It has nothing to switch."""

    def __init__(self, living: LivingHome, touch: Callable[[PhysicalHouse], float | None]) -> None:
        self._living = living
        self._touch = touch

    def power_w(self) -> float:
        """What the meter sees, W."""
        return self._felt()

    def switch(self, on: bool) -> None:  # noqa: FBT001 - the protocol of the plugs
        """Do nothing."""

    def temperature_c(self) -> float:
        """What the sensor feels, °C."""
        return self._felt()

    def _felt(self) -> float:
        felt = self._touch(self._living.present())
        return math.nan if felt is None else felt
