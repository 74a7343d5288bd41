"""A home for the hub that lives on virtual time: the simulators' physical house behind the hub's own ports.

Everything above the ports is the product's own: timetable, day, executor, store on real SQLite files. Faults are
switched by setting attributes while the day runs.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from agent.adapters.store.ledger import open_ledger
from agent.adapters.store.telemetry import open_telemetry
from agent.clock import SystemClock
from agent.control.conditions import Conditions
from agent.day import Day
from agent.domain.device import Name, Reading, RelayState, Role
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER
from agent.domain.interval import Interval, Series
from agent.domain.local_day import local_day
from agent.domain.market import DayAheadPrices, ImbalancePrices, PriceStatus
from agent.domain.plan import Plan
from agent.domain.problem import Problem
from agent.domain.weather import WeatherForecast, WeatherSource
from agent.errors import DeviceUnreachable, FeedError, FeedNotYet
from agent.fetching import Fetching
from agent.hub import Hub
from agent.jobs import Timetable
from agent.planning.thermostat import thermostat_plan
from agent.ports import Device, Ledger, Telemetry
from agent.settings import Settings
from simulators.house import PhysicalHouse
from simulators.weather import TrueWeather

CIRCUITS: Mapping[Name, Name] = {"ac-plug": AIR_CONDITIONER, "boiler-plug": WATER_HEATER}


@dataclass
class VirtualHome:
    """The truth, and what is broken of it."""

    settings: Settings
    house: PhysicalHouse
    unplugged: set[Name] = field(default_factory=set)
    deaf: set[Name] = field(default_factory=set)
    """Plugs that answer questions but carry out no order."""
    feed_fault: FeedError | None = None
    weather_fault: FeedError | None = None
    orders: list[tuple[datetime, Name, bool]] = field(default_factory=list)
    plugs: dict[Name, bool] = field(default_factory=dict)
    """Whether the plugs of appliances are on; nothing is heated by them."""
    beats: list[datetime] = field(default_factory=list)
    first_plan_takes_s: float = 0.0
    relays: dict[Name, "VirtualRelay"] = field(default_factory=dict)
    dead_man_s: float | None = None
    """After so long a plug ends an "on" that is not given again; None: it cannot."""
    ends_at: dict[Name, datetime] = field(default_factory=dict)
    starts_off: set[Name] = field(default_factory=set)
    """Plugs that were told how to start after a power cut."""
    slow: set[Name] = field(default_factory=set)
    """Plugs that neither answer nor say that they do not for a minute."""
    stubborn: set[Name] = field(default_factory=set)
    """Plugs that cannot be told."""
    price_try_per_mwh: Callable[[datetime], float] = lambda moment: 300.0 + 10 * (moment.hour % 12)

    def advance(self) -> datetime:
        """Let the house live up to the present moment."""
        now = datetime.now(UTC)
        for plug, ends_at in list(self.ends_at.items()):
            if ends_at <= now:
                self.house.advance_to(ends_at)
                self.house.switch(CIRCUITS[plug], on=False)
                del self.ends_at[plug]
        self.house.advance_to(now)
        return now

    def press(self, plug: Name) -> None:
        """Somebody presses the button of a plug; it says so where it is heard."""
        self.advance()
        on = not self.house.is_on(CIRCUITS[plug])
        self.house.switch(CIRCUITS[plug], on=on)
        relay = self.relays[plug]
        if relay.on_pressed is not None:
            relay.on_pressed(RelayState(on=on, at=datetime.now(UTC)))

    def devices(self) -> list[Device]:
        """What the settings adopt."""
        made = []
        for device in self.settings.devices:
            plug = device.name in CIRCUITS
            if device.role is Role.APPLIANCE:
                relay = self.relays[device.name] = VirtualRelay(self, device.name)
                made.append(Device(name=device.name, role=device.role, relay=relay))
                continue
            if plug:
                self.relays[device.name] = VirtualRelay(self, device.name)
            made.append(
                Device(
                    name=device.name,
                    role=device.role,
                    relay=self.relays.get(device.name),
                    meter=VirtualMeter(self, device.name) if plug else None,
                    thermometer=None if plug else VirtualThermometer(self, device.name, device.role),
                )
            )
        return made


@dataclass
class VirtualRelay:
    """A plug's relay."""

    home: VirtualHome
    name: Name
    on_pressed: Callable[[RelayState], None] | None = None
    acknowledged: bool = False
    pending: bool | None = None
    returns: int = 0
    asked_often: bool = True
    reads: int = 0

    async def start_off(self) -> bool:
        if self.name in self.home.unplugged | self.home.deaf:
            raise DeviceUnreachable(self.name, "no answer")
        self.home.starts_off.add(self.name)
        return self.name not in self.home.stubborn

    @property
    def must_be_renewed(self) -> bool:
        return self.home.dead_man_s is not None and self.name in CIRCUITS

    async def switch(self, *, on: bool) -> RelayState:
        now = self.home.advance()
        if self.name in self.home.unplugged | self.home.deaf | self.home.slow:
            await asyncio.sleep(5)
            raise DeviceUnreachable(self.name, "no answer for 5 s")
        self.home.orders.append((now, self.name, on))
        if self.name in CIRCUITS:
            self.home.ends_at.pop(self.name, None)
            if on and self.home.dead_man_s is not None:
                self.home.ends_at[self.name] = now + timedelta(seconds=self.home.dead_man_s)
            self.home.house.switch(CIRCUITS[self.name], on=on)
        else:
            self.home.plugs[self.name] = on
        return RelayState(on=on, at=now)

    async def read(self) -> RelayState:
        self.reads += 1
        await asyncio.sleep(60 if self.name in self.home.slow else 0)
        now = self.home.advance()
        if self.name in self.home.unplugged:
            raise DeviceUnreachable(self.name, "no answer for 5 s")
        if self.name not in CIRCUITS:
            return RelayState(on=self.home.plugs.get(self.name, False), at=now)
        return RelayState(on=self.home.house.is_on(CIRCUITS[self.name]), at=now)


@dataclass
class VirtualMeter:
    """A plug's meter."""

    home: VirtualHome
    name: Name

    async def read(self) -> Reading:
        now = self.home.advance()
        load = CIRCUITS[self.name]
        return Reading(
            device=self.name,
            at=now,
            power_w=self.home.house.power_w(load),
            energy_wh=int(self.home.house.energy_wh(load)),
        )


@dataclass
class VirtualThermometer:
    """A sensor in room or tank."""

    home: VirtualHome
    name: Name
    role: Role

    async def read(self) -> Reading:
        now = self.home.advance()
        if self.name in self.home.unplugged:
            raise DeviceUnreachable(self.name, "no answer for 5 s")
        house = self.home.house
        value = house.room_temperature_c if self.role is Role.ROOM_THERMOMETER else house.tank_temperature_c
        return Reading(device=self.name, at=now, temperature_c=value)


@dataclass
class VirtualFeeds:
    """Market and weather service."""

    home: VirtualHome
    asked: list[date] = field(default_factory=list)
    published_at: timedelta = timedelta(hours=14)
    """Local time on the day before."""

    async def day_ahead(self, day: date) -> DayAheadPrices:
        now = datetime.now(UTC)
        self.asked.append(day)
        if self.home.feed_fault is not None:
            raise self.home.feed_fault
        zone = self.home.settings.home.zone
        published = datetime.combine(day - timedelta(days=1), datetime.min.time(), zone) + self.published_at
        if now < published:
            raise FeedNotYet("epias", f"{day} is not published yet")
        hours = local_day(day, zone).steps(3600)
        return DayAheadPrices(
            day=day,
            status=PriceStatus.FINAL,
            fetched_at=now,
            price_try_per_kwh=Series.of(
                (h, self.home.price_try_per_mwh(h.start.astimezone(zone)) / 1000) for h in hours
            ),
        )

    async def imbalance(self, day: date) -> ImbalancePrices:
        raise FeedNotYet("epias", f"nothing for {day}")

    async def forecast(self, span: Interval) -> WeatherForecast:
        if self.home.weather_fault is not None:
            raise self.home.weather_fault
        truth = self.home.house.weather
        hours = span.steps(3600)
        half = timedelta(minutes=30)
        return WeatherForecast(
            issued_at=datetime.now(UTC),
            source=WeatherSource.FORECAST,
            outdoor_temperature_c=Series.of((h, truth.temperature_c(h.start + half)) for h in hours),
            irradiance_w_m2=Series.of((h, truth.irradiance_w_m2(h.start + half)) for h in hours),
        )


class ThermostatPlanner:
    """Plans by the rule: a real plan, made at once."""

    def __init__(self, first_takes_s: float) -> None:
        self.problems: list[Problem] = []
        self._first_takes_s = first_takes_s

    async def plan(self, problem: Problem) -> Plan:
        if not self.problems:
            await asyncio.sleep(self._first_takes_s)
        self.problems.append(problem)
        return thermostat_plan(problem)


@dataclass
class Running:
    """A hub that runs, as a test looks at it."""

    home: VirtualHome
    feeds: VirtualFeeds
    planner: ThermostatPlanner
    ledger: Ledger
    telemetry: Telemetry
    day: Day


def virtual_home(settings: Settings, start: datetime, seed: int = 1) -> VirtualHome:
    """A physical house that begins to live at `start`."""
    zone = settings.home.zone
    house = PhysicalHouse(settings.house, TrueWeather(seed, zone=zone), zone, start, seed=seed, step_s=60.0)
    return VirtualHome(settings, house)


async def live(
    home: VirtualHome,
    folder: Path,
    hours: float,
    during: Callable[[Running], Awaitable[None]] | None = None,
) -> Running:
    """Run the hub on a home for some hours and stop it as SIGTERM would; `during` runs beside it."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(open_ledger(folder))
        telemetry = await stack.enter_async_context(open_telemetry(folder))
        timetable = Timetable(clock)
        feeds, planner = VirtualFeeds(home), ThermostatPlanner(home.first_plan_takes_s)
        conditions = Conditions(ledger, clock)
        fetching = Fetching(
            settings=home.settings,
            clock=clock,
            ledger=ledger,
            prices=feeds,
            weather=feeds,
            conditions=conditions,
        )
        day = Day(
            settings=home.settings,
            clock=clock,
            ledger=ledger,
            telemetry=telemetry,
            conditions=conditions,
            fetching=fetching,
            planner=planner,
            devices=home.devices(),
            timetable=timetable,
            beat=lambda _plan_id: home.beats.append(datetime.now(UTC)),
        )
        running = Running(home, feeds, planner, ledger, telemetry, day)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(Hub(day, timetable, [_radio]).run(stop, _at_once))
            if during is not None:
                group.create_task(_beside(during, running))
            await asyncio.sleep(hours * 3600)
            stop.set()
        return running


async def _radio() -> None:
    await asyncio.Event().wait()


async def _at_once() -> None:
    return None


async def _beside(during: Callable[[Running], Awaitable[None]], running: Running) -> None:
    await during(running)


def power_cut_image(folder: Path, image: Path) -> Path:
    """What a disk holds at this moment, write-ahead log included, as after kill -9."""
    shutil.copytree(folder, image)
    return image
