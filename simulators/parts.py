"""The simulated home without the hub, whole or in parts, each until it is told to end."""

import argparse
import asyncio
import signal
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from simulators.clock import HomeClock
from simulators.feeds import EpiasServer, OpenMeteoServer
from simulators.home import PASSWORD, USERNAME, Setting, SimulatedHome, market_of, simulated_devices
from simulators.home_file import read_home, with_devices
from simulators.house import PhysicalHouse, switch_by_thermostats
from simulators.living import LivingHome
from simulators.mqtt.mosquitto import Mosquitto


def home(arguments: argparse.Namespace) -> int:
    """Everything but the hub. `ready` stands in the folder as long as it is up."""
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "ready"
    ready.unlink(missing_ok=True)
    try:
        asyncio.run(_home(arguments, ready))
    finally:
        ready.unlink(missing_ok=True)
    return 0


def feeds(arguments: argparse.Namespace) -> int:
    """The servers alone."""
    return asyncio.run(_feeds(arguments))


def plugs(arguments: argparse.Namespace) -> int:
    """Broker, plugs and the house behind them."""
    return asyncio.run(_plugs(arguments))


def house(arguments: argparse.Namespace) -> int:
    """The house alone, a day under thermostats, printed hour by hour."""
    with TemporaryDirectory() as folder:
        setting = _setting(arguments, Path(folder))
    lived = setting.house()
    print("time   outside     room      water")
    moment = setting.recorded.start
    while moment < setting.recorded.end:
        switch_by_thermostats(lived)
        moment += timedelta(minutes=1)
        lived.advance_to(moment)
        if moment.astimezone(setting.file.zone).minute == 0:
            print(f"{moment.astimezone(setting.file.zone):%H:%M}  {_in_words(lived)}")
    return 0


async def _home(arguments: argparse.Namespace, ready: Path) -> None:
    async with SimulatedHome(_setting(arguments, ready.parent)) as simulated, asyncio.TaskGroup() as group:
        living = group.create_task(simulated.live())
        simulated.write_truth()
        path = simulated.write_environment()
        print(f"{path} leads a hub here:  set -a; . {path}; set +a; kwh-hub run --config {arguments.house}", flush=True)
        simulated.announce(ready)
        await _told_to_end()
        living.cancel()


async def _feeds(arguments: argparse.Namespace) -> int:
    with TemporaryDirectory() as folder:
        setting = _setting(arguments, Path(folder))
        clock = HomeClock.created(Path(folder) / "clock.json", setting.recorded.start, setting.speed)
        epias = EpiasServer(
            setting.market,
            clock,
            zone=setting.file.zone,
            credentials=(USERNAME, PASSWORD),
            fault=setting.epias_fault,
        )
        weather = setting.house().weather
        async with epias, OpenMeteoServer(weather, clock, fault=setting.weather_fault) as open_meteo:
            print(f"EPİAŞ       {epias.base_url}, tickets at {epias.login_url} for {USERNAME}, {PASSWORD}")
            print(f"Open-Meteo  {open_meteo.base_url}/v1/forecast")
            print(f"it is {clock.now().isoformat()}; Ctrl-C ends", flush=True)
            await _told_to_end()
    return 0


async def _plugs(arguments: argparse.Namespace) -> int:
    with TemporaryDirectory() as folder:
        setting = _setting(arguments, Path(folder))
        clock = HomeClock.created(Path(folder) / "clock.json", setting.recorded.start, setting.speed)
        living = LivingHome(setting.house(), clock)
        async with AsyncExitStack() as stack:
            broker = await stack.enter_async_context(Mosquitto(arguments.mqtt_port))
            for device in simulated_devices(setting.file, living, broker.port, clock):
                await stack.enter_async_context(device)
                print(f"{device.identity.mac}  {device.identity.own_topic}  {device.identity.name}")
            print(f"all of it:  mosquitto_sub -p {broker.port} -v -t '#'    Ctrl-C ends", flush=True)
            await _told_to_end()
    return 0


def _setting(arguments: argparse.Namespace, folder: Path) -> Setting:
    return Setting(
        file=read_home(with_devices(arguments.house, folder)),
        day=arguments.date,
        market=market_of(arguments.prices, arguments.seed),
        folder=folder,
        speed=getattr(arguments, "speed", 1.0),
        seed=arguments.seed,
        mqtt_port=getattr(arguments, "mqtt_port", 0),
        still=getattr(arguments, "wait", False),
        epias_fault=getattr(arguments, "epias_fault", None),
        weather_fault=getattr(arguments, "weather_fault", None),
    )


async def _told_to_end() -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()


def _in_words(lived: PhysicalHouse) -> str:
    celsius = [lived.weather.temperature_c(lived.moment), lived.room_temperature_c, lived.outlet_temperature_c]
    shown = [f"{value:5.1f} °C" if value is not None else "       -" for value in celsius]
    used = [f"{load.replace('_', ' ')} {lived.energy_wh(load) / 1000:.1f} kWh" for load in lived.house.loads]
    return "  ".join([*shown, *used])
