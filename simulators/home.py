"""The whole simulated home: broker, plugs, thermometers, market, weather and one physical house on one clock.

What a hub must know to live in it stands in `home.env`, in the names of the hub's own settings; how the home really
is stands in `truth.json`.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

from agent.domain.device import Role
from agent.domain.interval import Interval, Series
from agent.domain.local_day import local_day, local_days
from agent.errors import SettingsInvalid
from simulators.circuit import Circuit
from simulators.clock import HomeClock
from simulators.feeds import EpiasServer, Fault, FileMarket, ForecastError, Market, OpenMeteoServer, ShippedMarket
from simulators.home_file import HomeFile, Plugged
from simulators.house import PhysicalHouse
from simulators.living import LivingHome, LoadCircuit, Probe
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.mosquitto import Mosquitto
from simulators.mqtt.tasmota import TasmotaDevice
from simulators.mqtt.tasmota_says import Identity
from simulators.recorder import Recorder
from simulators.weather import TrueWeather

USERNAME, PASSWORD = "home@example.org", "simulated"
TRUTH_EVERY_S = 0.25
LOAD_ROLES = (Role.AIR_CONDITIONER, Role.WATER_HEATER)
TOUCHED: Mapping[Role, Callable[[PhysicalHouse], float | None]] = {
    Role.ROOM_THERMOMETER: lambda home: home.room_temperature_c,
    Role.TANK_THERMOMETER: lambda home: home.tank_temperature_c,
}


@dataclass(frozen=True)
class Setting:
    """Which home, which day, how fast."""

    file: HomeFile
    day: date
    market: Market
    folder: Path
    speed: float = 60.0
    seed: int = 1
    mqtt_port: int = 0
    span: Interval | None = None
    """What is recorded; the whole day if None."""
    still: bool = False
    """Whether the clock waits for the hub."""
    epias_fault: Fault | None = None
    weather_fault: Fault | None = None
    """How the feeds fail from the beginning."""

    @property
    def recorded(self) -> Interval:
        """The span that is recorded."""
        return self.span or local_day(self.day, self.file.zone)

    def house(self) -> PhysicalHouse:
        """The house at the beginning; every call gives the same one anew."""
        weather = TrueWeather(self.seed, zone=self.file.zone)
        return PhysicalHouse(self.file.house, weather, self.file.zone, self.recorded.start, self.seed)

    def bill_prices(self) -> Series:
        """What a kWh costs on the bill over the recorded span, TRY/kWh. Raises SeriesGap if the market lacks a day."""
        zone, market = self.file.zone, Series()
        for day in local_days(self.recorded, zone):
            per_mwh = self.market.ptf_try_per_mwh(day)
            market = market.over(per_mwh.model_copy(update={"values": tuple(p / 1000 for p in per_mwh.values)}))
        return self.file.tariff.prices(self.recorded, market, zone)


def market_of(prices: Path | None, seed: int) -> Market:
    """The market of a file, or the one that ships with the demo. Raises SettingsInvalid if the file is of no use."""
    if prices is None:
        return ShippedMarket(seed=seed)
    try:
        return FileMarket.read(prices)
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{prices}: {error}") from error


class SimulatedHome:
    """Up from entering to leaving. Run `live` besides, or nobody writes the truth down."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.clock = HomeClock.created(
            setting.folder.resolve() / "clock.json", setting.recorded.start, setting.speed, still=setting.still
        )
        self.house = setting.house()
        self.recorder = Recorder(self.house, setting.recorded)
        self._living = LivingHome(self.house, self.clock, self.recorder)
        self.broker = Mosquitto(setting.mqtt_port)
        self.epias = EpiasServer(
            setting.market,
            self.clock,
            zone=setting.file.zone,
            credentials=(USERNAME, PASSWORD),
            fault=setting.epias_fault,
        )
        self.open_meteo = OpenMeteoServer(
            self.house.weather, self.clock, error=ForecastError(seed=setting.seed), fault=setting.weather_fault
        )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for part in (self.broker, self.epias, self.open_meteo):
                await stack.enter_async_context(part)
            for device in simulated_devices(self.setting.file, self._living, self.broker.port, self.clock):
                await stack.enter_async_context(device)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def live(self) -> None:
        """Let the home live on and write `truth.json`, until cancelled."""
        while True:
            self.write_truth()
            await asyncio.sleep(TRUTH_EVERY_S)

    def present(self) -> PhysicalHouse:
        """The home as it is now."""
        return self._living.present()

    @property
    def environment(self) -> dict[str, str]:
        """What turns the owner's settings into settings for this home."""
        return {
            "KWH_HUB_MQTT__HOST": self.broker.host,
            "KWH_HUB_MQTT__PORT": str(self.broker.port),
            "KWH_HUB_EPIAS__LOGIN_URL": self.epias.login_url,
            "KWH_HUB_EPIAS__BASE_URL": self.epias.base_url,
            "KWH_HUB_EPIAS__USERNAME": USERNAME,
            "KWH_HUB_EPIAS__PASSWORD": PASSWORD,
            "KWH_HUB_WEATHER__BASE_URL": self.open_meteo.base_url,
            "KWH_HUB_CLOCK__FILE": str(self.setting.folder.resolve() / "clock.json"),
        }

    def write_environment(self, more: Mapping[str, str] | None = None) -> Path:
        """Write `home.env`, with more settings if some are given, and return its path."""
        path = self.setting.folder / "home.env"
        lines = {**self.environment, **(more or {})}
        _write(path, "".join(f"{name}={value}\n" for name, value in lines.items()))
        return path

    def announce(self, path: Path) -> None:
        """Write an empty file that says: everything is up, and `home.env` and `truth.json` are there."""
        _write(path, "")

    def write_truth(self) -> None:
        """Write `truth.json`: the home as it is now."""
        home = self.present()
        truth = {
            "at": home.moment.isoformat(),
            "relays": {load: home.is_on(load) for load in home.house.loads},
            "power_w": {load: round(home.power_w(load), 1) for load in home.house.loads},
            "energy_wh": {load: round(home.energy_wh(load), 1) for load in home.house.loads},
            "total_power_w": round(home.total_power_w, 1),
            "room_temperature_c": home.room_temperature_c,
            "tank_temperature_c": home.tank_temperature_c,
            "outlet_temperature_c": home.outlet_temperature_c,
            "outdoor_temperature_c": home.weather.temperature_c(home.moment),
            "minutes_outside": {"room": home.room_discomfort.minutes, "hot_water": home.water_discomfort.minutes},
        }
        _write(self.setting.folder / "truth.json", json.dumps(truth, indent=1))


def simulated_devices(file: HomeFile, living: LivingHome, port: int, clock: HomeClock) -> list[TasmotaDevice]:
    """A Tasmota device for every address in the owner's list, on what its roles say it is connected to.

    A role without its part of the house gets nothing to switch or to measure.
    """
    parts = {
        Role.AIR_CONDITIONER: file.house.air_conditioner,
        Role.WATER_HEATER: file.house.water_heater,
        Role.ROOM_THERMOMETER: file.house.room,
        Role.TANK_THERMOMETER: file.house.tank,
        Role.HOUSE_METER: file.house,
        Role.METER: file.house,
    }
    return [
        _device(
            Identity(mac=address, name=group[0].name),
            [device for device in group if parts.get(device.role) is not None],
            living,
            BrokerAddress(port),
            clock,
        )
        for address, group in file.by_address.items()
    ]


def _device(
    identity: Identity, group: list[Plugged], living: LivingHome, broker: BrokerAddress, clock: HomeClock
) -> TasmotaDevice:
    loads = {device.channel: LoadCircuit(living, device.role) for device in group if device.role in LOAD_ROLES}
    whole_home = Probe(living, lambda home: home.total_power_w)
    metered: Circuit | None = next(iter(loads.values()), None)
    roles = {device.role for device in group}
    if Role.HOUSE_METER in roles:
        metered = whole_home
    elif metered is None and Role.METER in roles:
        metered = Probe(living, lambda home: home.base_power_w)
    return TasmotaDevice(
        broker,
        identity,
        clock.now,
        relays=[loads.get(channel, whole_home) for channel in range(1, max(loads, default=0) + 1)],
        metered=metered,
        sensors={
            device.sensor or "DS18B20": Probe(living, TOUCHED[device.role])
            for device in group
            if device.role in TOUCHED
        },
    )


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(path.suffix + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
