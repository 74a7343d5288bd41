"""What a message says, as far as golden vectors ask for it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Said:
    """What the hub reads in one message; None or nothing where it says nothing of it."""

    relays: dict[int, bool] = field(default_factory=dict)
    unit_on: bool | None = None
    """What a remote has told its unit."""
    power_w: float | None = None
    energy_wh: int | None = None
    temperatures_c: dict[str | None, float | None] = field(default_factory=dict)
    """By sensor; None is the only one."""
