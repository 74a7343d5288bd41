"""A work bench: one simulated device with its circuit in hand, and the same device as the hub sees it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from agent.ports import Device, Network
from simulators.circuit import Heater
from simulators.faults import Faults

NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)
PATIENT_S = 10.0
"""A deadline that only a broken test reaches."""
IMPATIENT_S = 0.3
"""A deadline for tests in which nobody answers."""
DEAD_MAN_S = 900.0


@dataclass
class StillClock:
    """Domain time that moves only when a test says so."""

    moment: datetime = NOON

    def now(self) -> datetime:
        return self.moment

    def to_wall(self, moment: datetime) -> datetime:
        return moment

    def to_domain(self, wall: datetime) -> datetime:
        return wall

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[bool]:
        yield True

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class Place:
    """Where a bench is set up: the broker's port, the clock, and a number that no other test has."""

    broker_port: int
    clock: StillClock
    serial: int

    def mac(self, number: int = 0) -> str:
        """An address that no other test uses: twelve hex digits."""
        return f"A0B100{self.serial:04X}{number:02X}"


class Plugged(Protocol):
    """A simulated device in the hand of a test."""

    faults: Faults

    def unplug(self) -> None:
        """No power, no good-bye."""

    async def plug_in(self) -> None:
        """Put it back, and wait until it is there again."""

    def press_button(self) -> None:
        """Toggle the relay by hand; the device tells that if its family does."""

    def reset_energy(self) -> None:
        """The counter begins anew."""

    def tick(self) -> None:
        """Do what is due by domain time."""


@dataclass
class Bench:
    """A device as the hub sees it, and the same device in the hand of the test."""

    plugged: Plugged
    circuit: Heater
    clock: StillClock
    network: Network
    address: str
    device: Callable[[float, float | None], Device]
    """The device with a deadline (wall s), and the time (s) after which it is to end an "on" by itself."""
    patient: Device = field(init=False)
    measures_to: float = 0.0
    """How finely its sensor tells temperatures, °C."""
    counts_to_wh: float = 0.0
    """How finely its counter tells energy, Wh."""

    def __post_init__(self) -> None:
        self.patient = self.device(PATIENT_S, None)


OpenBench = Callable[[Place], AbstractAsyncContextManager[Bench]]
