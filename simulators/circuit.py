"""What hangs on a simulated plug, and which clock it lives by: seams that the physical house fills."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

Now = Callable[[], datetime]
"""Domain time, aware UTC."""


class Circuit(Protocol):
    """What a device switches, meters and measures. Called in the event loop only."""

    def power_w(self) -> float:
        """Drawn now, W; 0 while off."""

    def switch(self, on: bool) -> None:  # noqa: FBT001 - a circuit has one switch
        """Close or open the circuit."""

    def temperature_c(self) -> float:
        """Where the device's sensor sits, °C."""


@dataclass
class Heater:
    """The simplest circuit, for tests: so many watts while on, and a temperature that somebody sets."""

    rated_w: float = 2000.0
    celsius: float = 20.0
    on: bool = False
    switchings: list[bool] = field(default_factory=list)
    """What the relay was told by the device, in order."""

    def power_w(self) -> float:
        """Rated power while on."""
        return self.rated_w if self.on else 0.0

    def switch(self, on: bool) -> None:  # noqa: FBT001 - as the protocol
        """Keep the state and remember that it was set."""
        self.on = on
        self.switchings.append(on)

    def temperature_c(self) -> float:
        """What was set."""
        return self.celsius
