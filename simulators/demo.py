"""A day in a simulated home with the unmodified hub, shown while it goes by and told when it is over."""

import asyncio
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from agent.domain.house import AirConditionerMode
from agent.domain.interval import Interval, SeriesGap
from agent.domain.local_day import local_day
from agent.errors import SettingsInvalid
from simulators.clock import HomeClock
from simulators.feeds import Fault
from simulators.home import Setting, SimulatedHome, market_of
from simulators.home_file import read_home, with_devices
from simulators.hub_process import HubProcess
from simulators.progress import Glance, Progress, progress
from simulators.recorder import thermostat_run
from simulators.report.picture import write_picture
from simulators.report.record import DayRecord, PlanSummary
from simulators.report.strip import strip
from simulators.report.table import day_in_words, summary
from simulators.weather import mean_temperature_c

GLANCE_S = 0.1
KEPT_SPEED = 60.0
PLANNER_S = 5.0
"""Wall seconds that the demo's hub has for each plan, for somebody is watching; a hub at home takes longer."""
MILD_C = 18.0
"""Colder on average than this a home is heated, warmer it is cooled."""
OURS = "made-by-the-demo"


@dataclass(frozen=True)
class DemoOptions:
    """What the command line of the demo can say."""

    house: Path
    day: date
    folder: Path
    speed: float = 1440.0
    seed: int = 1
    prices: Path | None = None
    hours: float | None = None
    epias_fault: Fault | None = None
    weather_fault: Fault | None = None
    keep: bool = False


def demo(options: DemoOptions) -> int:
    """Live the day and tell it; return the exit code. Raises SettingsInvalid where no home can be made."""
    console = Console()
    options.folder.mkdir(parents=True, exist_ok=True)
    config = with_devices(options.house, options.folder)
    return asyncio.run(_Day(options, setting_of(options, config), config, console).run())


def setting_of(options: DemoOptions, config: Path) -> Setting:
    """The home of the demo. Raises SettingsInvalid if prices are missing."""
    file = read_home(config)
    whole = local_day(options.day, file.zone)
    end = whole.end if options.hours is None else min(whole.end, whole.start + timedelta(hours=options.hours))
    setting = Setting(
        file=file,
        day=options.day,
        market=market_of(options.prices, options.seed),
        folder=options.folder,
        speed=options.speed,
        seed=options.seed,
        span=Interval(start=whole.start, end=end),
        still=True,
        epias_fault=options.epias_fault,
        weather_fault=options.weather_fault,
    )
    try:
        setting.bill_prices()
    except SeriesGap as error:
        raise SettingsInvalid(f"{options.prices} has no prices for {options.day}: {error}") from error
    return setting


class _Day:
    """One demo from beginning to end."""

    def __init__(self, options: DemoOptions, setting: Setting, config: Path, console: Console) -> None:
        self._options = options
        self._setting = setting
        self._config = config
        self._console = console
        self._prices = setting.bill_prices()
        self._log = options.folder / "hub.log"
        self._stop = asyncio.Event()

    async def run(self) -> int:
        _clear(self._options.folder)
        began_s = time.monotonic()
        with _told_to_stop(self._stop):
            async with SimulatedHome(self._setting) as home, asyncio.TaskGroup() as group:
                home.write_environment(self._own_settings)
                self._introduce()
                living = group.create_task(home.live())
                try:
                    return await self._live(home, began_s)
                finally:
                    living.cancel()

    async def _live(self, home: SimulatedHome, began_s: float) -> int:
        environment = home.environment | self._own_settings
        hub = HubProcess(self._config, environment, self._log)
        async with hub:
            with progress(self._console, self._setting.recorded, self._setting.file.zone) as shown:
                await self._watch(home, hub, shown)
            if hub.exit_code is not None:
                return self._mourn(hub)
            exit_code = await hub.end()
        if exit_code != 0:
            return self._mourn(hub)
        if self._stop.is_set():
            self._console.print("stopped; every relay was switched off and nothing is left running")
            return 130
        await self._tell(home, hub, time.monotonic() - began_s)
        if self._options.keep:
            return await self._keep(home, environment)
        return 0

    @property
    def _own_settings(self) -> dict[str, str]:
        return {
            "KWH_HUB_STORAGE__FOLDER": str(self._options.folder.resolve() / "hub"),
            "KWH_HUB_PLANNING__TIME_LIMIT_S": f"{PLANNER_S:g}",
        }

    def _introduce(self) -> None:
        zone, day = self._setting.file.home.time_zone, day_in_words(self._options.day)
        self._console.print(
            Text.assemble(
                ("kWh Hub", "bold"),
                f" lives through {day} ({zone}) in a simulated home, {self._options.speed:g} times as fast.\n",
                "House, plugs, market and weather are simulated; broker and hub are the ones you would run at home.\n",
                f"While the hub plans (at most {PLANNER_S:g} s each time) the simulated clock stands still.",
            ),
            soft_wrap=True,
        )
        out_of_season = season_warning(self._setting)
        if out_of_season:
            self._console.print(Text(out_of_season, style="yellow"), soft_wrap=True)

    async def _watch(self, home: SimulatedHome, hub: HubProcess, shown: Progress) -> None:
        """Show the day until it is over, the hub ends or somebody stops it."""
        while not home.recorder.complete and hub.exit_code is None and not self._stop.is_set():
            shown.show(self._glance(home))
            await asyncio.sleep(GLANCE_S)

    def _glance(self, home: SimulatedHome) -> Glance:
        house = home.present()
        return Glance(
            at=min(house.moment, self._setting.recorded.end),
            price_try_per_kwh=self._prices.get(house.moment) or self._prices.values[-1],
            outdoor_c=house.weather.temperature_c(house.moment),
            room_c=house.room_temperature_c,
            tank_c=house.tank_temperature_c,
            on=tuple(load for load in house.house.loads if house.is_on(load)),
            planning=home.clock.still,
        )

    def _mourn(self, hub: HubProcess) -> int:
        self._console.print(
            Text(f"the hub ended by itself with exit code {hub.exit_code}; its last words:", style="red")
        )
        self._console.print(Text(hub.last_words()), soft_wrap=True)
        self._console.print(Text(f"the whole log is {self._log}"))
        return 1

    async def _tell(self, home: SimulatedHome, hub: HubProcess, took_s: float) -> None:
        record = DayRecord(
            day=self._options.day,
            time_zone=self._setting.file.home.time_zone,
            span=self._setting.recorded,
            house=self._setting.file.house,
            price_try_per_kwh=self._prices,
            planned=home.recorder.run(),
            thermostat=thermostat_run(self._setting.house(), self._setting.recorded),
            plans=await self._plans(hub),
        )
        self._console.print()
        self._console.print(summary(record))
        self._console.print()
        self._console.print(strip(record))
        self._console.print()
        for label, path in (("picture", write_picture(record, self._options.folder)[0]), ("hub's log", self._log)):
            self._console.print(Text(f" {label:<10} {path}"))
        self._console.print(Text(f" took       {took_s:.0f} s"))

    async def _plans(self, hub: HubProcess) -> tuple[PlanSummary, ...]:
        """What the hub has planned, asked in the last second of the day, for it counts its plans by the day."""
        last = self._setting.recorded.end - timedelta(seconds=1)
        HomeClock.created(self._options.folder.resolve() / "clock.json", last, self._options.speed, still=True)
        said = await hub.status()
        try:
            return plan_summaries(said)
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            self._console.print(Text(f"`kwh-hub status --json` cannot be read: {error}", style="yellow"))
            return ()

    async def _keep(self, home: SimulatedHome, environment: dict[str, str]) -> int:
        end = self._setting.recorded.end
        HomeClock.created(self._options.folder.resolve() / "clock.json", end, KEPT_SPEED, still=True)
        async with HubProcess(self._config, environment, self._log) as hub:
            self._console.print(Text(_directions(home, self._config, self._options.folder)), soft_wrap=True)
            while hub.exit_code is None and not self._stop.is_set():
                home.present()
                await asyncio.sleep(GLANCE_S)
            if hub.exit_code is not None:
                return self._mourn(hub)
        return 0


def season_warning(setting: Setting) -> str:
    """What to say if the air conditioner of the settings works against the season; nothing if it does not."""
    unit = setting.file.house.air_conditioner
    if unit is None:
        return ""
    outdoor_c = mean_temperature_c(setting.house().weather, setting.recorded.start)
    wanted = AirConditionerMode.HEAT if outdoor_c < MILD_C else AirConditionerMode.COOL
    if unit.mode is wanted:
        return ""
    return (
        f"It is {outdoor_c:.0f} °C outside on that day, but the air conditioner of this home is set to {unit.mode}: "
        f'try --house with a copy of the file that has mode = "{wanted}" and a comfort band to match.'
    )


def plan_summaries(status_json: str) -> tuple[PlanSummary, ...]:
    """The plans of the day out of `kwh-hub status --json`. Raises what reading it can raise."""
    keys = PlanSummary.model_fields
    return tuple(
        PlanSummary.model_validate({key: plan[key] for key in keys if key in plan})
        for plan in json.loads(status_json)["plans_today"]
    )


def _directions(home: SimulatedHome, config: Path, folder: Path) -> str:
    return f"""
The home lives on, {KEPT_SPEED:g} times as fast, until Ctrl-C. Look at it from another terminal:
  the hub     set -a; . {folder}/home.env; set +a
              {Path(sys.executable).with_name("kwh-hub")} status --config {config}
  the plugs   mosquitto_sub -p {home.broker.port} -v -t '#'
  the truth   cat {folder}/truth.json
  EPİAŞ       {home.epias.base_url}
  Open-Meteo  {home.open_meteo.base_url}
  the log     tail -f {folder}/hub.log"""


def _clear(folder: Path) -> None:
    """Begin with a hub that remembers nothing. Raises SettingsInvalid rather than delete what is not ours."""
    storage = folder / "hub"
    if storage.exists():
        if not (storage / OURS).exists():
            raise SettingsInvalid(f"{storage} was not made by the demo; choose another --folder")
        shutil.rmtree(storage)
    storage.mkdir()
    (storage / OURS).touch()
    (folder / "hub.log").write_bytes(b"")


@contextmanager
def _told_to_stop(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
