"""A split air conditioner: it starts by its remote control and not by its supply, after a while, and draws as it works.

supply back ──► standby ── "on" heard ──► fan ── compressor has rested ──► running ── its own setpoint ──► fan
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulators.circuit import Now

_START_FROM_OFF = frozenset({"SHARP_AC"})
_TOGGLE_TURBO = frozenset({"COOLIX", "FUJITSU_AC", "MIDEA"})


@dataclass(frozen=True)
class Frame:
    """One infrared message in the language of the unit."""

    on: bool
    mode: str
    temperature_c: float
    from_off: bool = True
    """Whether it says "on" as to a unit that was off, where the language has a word for that."""
    turbo: bool = False
    """Turbo, or its key, where the language can only toggle it."""


@dataclass
class SplitAirConditioner:
    """The unit, which is also its circuit."""

    now: Now
    vendor: str = "DAIKIN"
    start_delay_s: float = 90.0
    """Its compressor waits so long after an "on", and rests so long after it has stopped (domain time)."""
    standby_w: float = 4.0
    fan_w: float = 30.0
    rated_w: float = 900.0
    celsius: float = 22.0
    out_of_sight: bool = False
    """Somebody stands in the light: it hears nothing."""
    at_setpoint: bool = False
    """Its own thermostat is content."""
    frames: list[Frame] = field(default_factory=list)
    """What it understood, in order."""
    switchings: list[bool] = field(default_factory=list)
    """What it was told to be, in order."""
    on: bool = False
    turbo: bool = False
    supplied: bool = True
    _told_at: datetime | None = None
    _rests_until: datetime | None = None

    def hear(
        self, vendor: str, *, on: bool, mode: str, temperature_c: float, from_off: bool = True, turbo: bool = False
    ) -> None:
        """Do as an infrared message says, if it is seen and understood."""
        if self.out_of_sight or not self.supplied or vendor != self.vendor:
            return
        if on and not self.on and self.vendor in _START_FROM_OFF and not from_off:
            return
        frame = Frame(on, mode, temperature_c, from_off, turbo)
        self.frames.append(frame)
        self.switchings.append(frame.on)
        self.turbo = self.turbo ^ frame.turbo if self.vendor in _TOGGLE_TURBO else frame.turbo
        if frame.on is not self.on:
            self._turn(on=frame.on)

    def runs(self) -> bool:
        """Whether its compressor does."""
        if not self.on or self._told_at is None or self.at_setpoint:
            return False
        delay = timedelta(seconds=self.start_delay_s)
        starts_at = max(self._told_at + delay, self._rests_until or self._told_at)
        return self.now() >= starts_at

    def power_w(self) -> float:
        """Drawn now, W."""
        if not self.supplied:
            return 0.0
        if not self.on:
            return self.standby_w
        return self.rated_w if self.runs() else self.fan_w

    def switch(self, on: bool) -> None:  # noqa: FBT001 - a circuit has one switch
        """Give the supply, or cut it: it stays off when that comes back."""
        if not on and self.on:
            self._turn(on=False)
        self.supplied = on

    def temperature_c(self) -> float:
        """Of its room."""
        return self.celsius

    def _turn(self, *, on: bool) -> None:
        if not on and self.runs():
            self._rests_until = self.now() + timedelta(seconds=self.start_delay_s)
        self.on = on
        self._told_at = self.now() if on else None
