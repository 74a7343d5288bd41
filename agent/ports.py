"""The whole hub on one page: what it needs of the world, one ability each.

    Prices ─┐                                              Relay ◄─ Executor ◄─ Interlock
    Weather ┼► Problem ─► Planner ─► Plan ─► Schedule ───────┘
    House   ┘    ▲                                          Meter, Thermometer ─► Sampler ─► Reading
    state        └────────────────── HouseState ◄──────────────────────────────────┘

Every arrow is one value of `agent.domain`, kept in the Ledger or in Telemetry as it passes. All time is aware UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from agent.domain.command import Command
from agent.domain.condition import Condition
from agent.domain.device import Adoption, Name, Reading, RelayState, Role, Sighting
from agent.domain.house import Aim
from agent.domain.interval import Interval
from agent.domain.market import DayAheadPrices, ImbalancePrices
from agent.domain.plan import Plan
from agent.domain.problem import Problem
from agent.domain.weather import WeatherForecast


class Clock(Protocol):
    """Domain time, which is wall time except in a simulated home."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""

    def to_wall(self, moment: datetime) -> datetime:
        """Return the wall moment at which the domain clock will show `moment`."""

    def to_domain(self, wall: datetime) -> datetime:
        """Return what the domain clock shows at a wall moment."""

    def standing_still(self) -> AbstractAsyncContextManager[bool]:
        """Stop domain time where it is simulated; do nothing where it is real. Gives whether it stands."""


class Prices(Protocol):
    """Asks the day-ahead market."""

    async def day_ahead(self, day: date) -> DayAheadPrices:
        """Return all hours of a local day, final or interim. Raises FeedError; FeedNotYet before publication."""

    async def imbalance(self, day: date) -> ImbalancePrices:
        """Return the system marginal prices known for a local day. Raises FeedError."""


class Weather(Protocol):
    """Asks the weather service."""

    async def forecast(self, span: Interval) -> WeatherForecast:
        """Return a forecast that covers the span. Raises FeedError."""


class Switch(Protocol):
    """One relay as its family speaks with it: single attempts, of which `agent.switching` makes a Relay."""

    on_report: Callable[[bool], None] | None
    """Called with what the device says by itself, asked or not; retained and stale words are none of that."""

    @property
    def ends_itself(self) -> bool:
        """Whether the device can end an "on" by itself after a time."""

    @property
    def asked_often(self) -> bool:
        """Whether it may be asked several times a minute: no connection is made for that, no battery used."""

    @property
    def returns(self) -> int:
        """How often the device has said that it is back, from being away or from a power cut."""

    @property
    def away(self) -> str:
        """Why the device is thought to be away, in a few words; empty if it is not."""

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:
        """Send one absolute order, and return when the device has acknowledged it. May wait for ever.

        With `ends_after_s` (only for "on", and only if it `ends_itself`) the device goes off after so many seconds
        unless it is ordered again. Nothing is kept for later, and nothing is sent twice. Raises DeviceUnreachable if
        nothing can be sent, DeviceRefused if it says that it will not.
        """

    async def ask(self) -> bool:
        """Ask the device how it stands, and return its answer, never one from memory. May wait for ever.

        Raises DeviceUnreachable if nothing can be sent, DeviceRefused if it has no such relay, DeviceMalformed.
        """

    async def start_off(self) -> bool:
        """Set the device to start off when its power comes back, unless it is so set; never switches the relay.

        Return whether it answers that it is so set; False if only its owner can do that. May wait for ever. Raises
        as `ask` does.
        """


class Relay(Protocol):
    """Switches one circuit."""

    on_pressed: Callable[[RelayState], None] | None
    """Told when the device reports by itself a change that nobody here ordered."""

    @property
    def must_be_renewed(self) -> bool:
        """Whether an "on" ends by itself unless it is given again."""

    @property
    def asked_often(self) -> bool:
        """Whether it may be asked several times a minute."""

    @property
    def returns(self) -> int:
        """How often the device has said that it is back: what it did meanwhile was nobody's wish."""

    @property
    def acknowledged(self) -> bool:
        """Whether the device has said that it heard the last order; how it stands is another question."""

    @property
    def pending(self) -> bool | None:
        """What it was told and may yet come about, for what obeys slowly; None: nothing is to be waited for."""

    async def switch(self, *, on: bool) -> RelayState:
        """Switch and return the state read back, which is the wanted one.

        Raises DeviceUnreachable (the state is then unknown), DeviceUnverified, DeviceRefused. One that obeys slowly
        raises DeviceUnverified, too, while the order is `pending`.
        """

    async def read(self) -> RelayState:
        """Return the state the device reports now. Raises DeviceUnreachable, DeviceMalformed."""

    async def start_off(self) -> bool:
        """Have the device start off after a power cut; return whether it will, as far as it can be set from here.

        Raises DeviceUnreachable, DeviceRefused, DeviceMalformed.
        """


class Remote(Protocol):
    """A remote control: it tells an air conditioner what to do, and cannot see what becomes of it."""

    on_heard: Callable[[bool], None] | None
    """Told when somebody else's remote control says on or off to such a unit; whether it heard that is not known."""

    @property
    def away(self) -> str:
        """Why the remote is thought to be away, in a few words; empty if it is not."""

    async def order(self, aim: Aim | None) -> None:
        """Tell the unit to run as aimed, or (None) to stop, and return when the remote says that it has sent it.

        Always the whole state, never a toggle. May wait for ever. Raises DeviceUnreachable if nothing can be sent,
        DeviceRefused if the remote says that it cannot, DeviceMalformed.
        """


class Unit(Protocol):
    """An air conditioner that can be told what to do while it is on."""

    def aim(self, aim: Aim) -> None:
        """Say what the next "on" is to mean; nothing is sent."""


class Meter(Protocol):
    """Measures one circuit."""

    async def read(self) -> Reading:
        """Return power (W) and the device's counter (Wh). Raises DeviceUnreachable, DeviceMalformed."""


class Thermometer(Protocol):
    """Measures one temperature."""

    async def read(self) -> Reading:
        """Return the temperature (°C). Raises DeviceUnreachable, DeviceMalformed."""


@dataclass(frozen=True)
class Device:
    """A device of the home with what it can do; an ability that it lacks is None."""

    name: Name
    role: Role
    relay: Relay | None = None
    meter: Meter | None = None
    thermometer: Thermometer | None = None
    remote: Remote | None = None
    unit: Unit | None = None
    """What its relay switches, where that can be told more than on and off."""


class Network(Protocol):
    """One radio or bus on which devices are found."""

    async def scan(self, duration_s: float) -> Sequence[Sighting]:
        """Listen for `duration_s` wall seconds and return what was seen. Raises HubError if the network is away."""

    def device(self, adoption: Adoption, ends_after_s: float | None = None) -> Device:
        """A device of the home, with the abilities of its profile, whether it has been seen yet or not.

        Until it is there its calls raise DeviceUnreachable. `ends_after_s` is the time after which it ends an "on"
        that is not renewed, if it can. Raises ProfileInvalid if there is no such profile.
        """


class Planner(Protocol):
    """Answers problems."""

    async def plan(self, problem: Problem) -> Plan:
        """Return a plan; there always is one, and its proof and fallbacks say what it is worth."""


class Ledger(Protocol):
    """What must never be lost: append-only, on disk when the call returns. Raises JournalError."""

    async def add_plan(self, plan: Plan) -> None:
        """Keep a plan; it is in force from now on."""

    async def plan_in_force(self, moment: datetime) -> Plan | None:
        """Return the newest plan whose horizon holds the moment."""

    async def plans(self, span: Interval) -> Sequence[Plan]:
        """Return the plans that were made within a span, oldest first."""

    async def add_command(self, command: Command) -> None:
        """Keep one stage of a command."""

    async def last_commands(self, load: Name, limit: int = 20) -> Sequence[Command]:
        """Return the newest stages of commands to a load, newest first."""

    async def commands(self, span: Interval) -> Sequence[Command]:
        """Return the stages of commands within a span, oldest first."""

    async def add_condition(self, condition: Condition) -> bool:
        """Keep a condition if it is the first of its subject or `well` has changed; return whether it was kept."""

    async def conditions(self) -> Sequence[Condition]:
        """Return the last condition of every subject."""

    async def add_prices(self, prices: DayAheadPrices) -> None:
        """Keep the prices of a day; a later answer stands beside the earlier one."""

    async def prices(self, day: date) -> DayAheadPrices | None:
        """Return the best known prices of a day: final before interim, then newest."""

    async def add_weather(self, forecast: WeatherForecast) -> None:
        """Keep a forecast."""

    async def last_weather(self) -> WeatherForecast | None:
        """Return the newest forecast."""


class Telemetry(Protocol):
    """What was measured; at most the last step may be lost when the power fails. Raises JournalError."""

    async def add_readings(self, readings: Sequence[Reading]) -> None:
        """Keep the readings of one step in one commit."""

    async def last_reading(self, device: Name) -> Reading | None:
        """Return a device's newest reading."""

    async def readings(self, device: Name, span: Interval) -> Sequence[Reading]:
        """Return a device's readings in the order of time."""

    async def prune(self, before: datetime) -> int:
        """Forget the readings before a moment; return how many."""
