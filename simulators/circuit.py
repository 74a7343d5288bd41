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


class EnergyCounter:
    """What a metering chip makes of a circuit: the power at its last look, and the energy since it was made."""

    def __init__(self, circuit: Circuit | None, now: Now, energy_wh: float = 12_345.0) -> None:
        """Of no circuit it measures nothing. `energy_wh` is what a used device has counted before."""
        self._circuit = circuit
        self._now = now
        self.energy_wh = energy_wh
        self.power_w = 0.0
        self.counted_at = now()

    def count(self) -> float:
        """Integrate what was drawn since the last look, at the power of that look; return what was added, Wh."""
        now = self._now()
        added_wh = self.power_w * max(0.0, (now - self.counted_at).total_seconds()) / 3600
        self.energy_wh += added_wh
        self.counted_at = now
        self.power_w = 0.0 if self._circuit is None else self._circuit.power_w()
        return added_wh

    def pass_over(self) -> None:
        """There was no power since the last look, so nothing is counted."""
        self.counted_at = self._now()

    def reset(self) -> None:
        """Begin anew at 0."""
        self.count()
        self.energy_wh = 0.0


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
