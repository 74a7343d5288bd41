"""What holding relays costs: CPU of one step with ten devices, and of an idle hub; real broker, simulated plugs."""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from agent.adapters.store.ledger import open_ledger
from agent.adapters.store.telemetry import open_telemetry
from agent.composition import clock_of
from agent.day import Day
from agent.hub import day_of, keep_what_was_loaded
from agent.jobs import Timetable
from agent.networks import devices_of, networks_of
from agent.profiles.library import load_profiles
from agent.settings import Settings, load_settings

EXAMPLE = Path(__file__).parent.parent / "examples" / "home.toml"
MORE_DEVICES = 6
"""Metered plugs besides the four devices of the example."""
READY_S = 60.0


def ten_devices(folder: Path) -> Path:
    """The example home with six metered plugs more."""
    plug = (
        '\n[[devices]]\nname = "plug-{0}"\nrole = "meter"\nprofile = "tasmota-meter"\naddress = "A0B1C20001{0:02d}"\n'
    )
    file = folder / "ten.toml"
    file.write_text(EXAMPLE.read_text() + "".join(plug.format(k) for k in range(MORE_DEVICES)))
    return file


@contextmanager
def simulated_home(config: Path, folder: Path) -> Iterator[Mapping[str, str]]:
    """Broker, plugs and feeds in a process of their own, in real time; yields the hub's environment."""
    words = [
        sys.executable,
        "-m",
        "simulators",
        "home",
        "--folder",
        str(folder),
        "--house",
        str(config),
        "--speed",
        "1",
    ]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as home:
        try:
            until = time.monotonic() + READY_S
            while not (folder / "ready").exists():
                if home.poll() is not None or time.monotonic() > until:
                    raise SystemExit("the simulated home did not come up")
                time.sleep(0.1)
            lines = (folder / "home.env").read_text().splitlines()
            yield dict(line.split("=", 1) for line in lines if "=" in line)
        finally:
            home.terminate()
            home.wait(30)


async def step_ms(settings: Settings, steps: int) -> list[float]:
    """CPU milliseconds of each step, after the first plan."""
    clock = clock_of(settings)
    async with (
        open_ledger(settings.storage.folder) as ledger,
        open_telemetry(settings.storage.folder) as telemetry,
        httpx.AsyncClient() as http,
    ):
        networks = networks_of(settings, clock, load_profiles())
        broker = networks.broker
        day = day_of(settings, clock, ledger, telemetry, http, devices_of(settings, networks, clock), Timetable(clock))
        connection = asyncio.create_task(broker.run())
        try:
            await broker.wait_connected(10)
            await asyncio.sleep(1)
            await day.start()
            keep_what_was_loaded()
            return [await _one_step(day) for _ in range(steps)]
        finally:
            connection.cancel()
            await asyncio.wait([connection])


async def _one_step(day: Day) -> float:
    before_s = time.process_time()
    await day.step()
    return (time.process_time() - before_s) * 1000


def idle_share(config: Path, environment: Mapping[str, str], seconds: float) -> tuple[float, float]:
    """Share of a core that a running hub uses once it has planned, and its memory in MB."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("KWH_HUB_")} | dict(environment)
    words = [sys.executable, "-m", "agent", "run", "--config", str(config)]
    with subprocess.Popen(words, env=own, stderr=subprocess.DEVNULL) as hub:
        try:
            process = psutil.Process(hub.pid)
            while not _has_planned(config, own):
                if hub.poll() is not None:
                    raise SystemExit("the hub ended")
                time.sleep(1)
            before_s = _cpu_s(process)
            time.sleep(seconds)
            return (_cpu_s(process) - before_s) / seconds, process.memory_info().rss / 1e6
        finally:
            hub.terminate()
            hub.wait(30)


def _has_planned(config: Path, environment: Mapping[str, str]) -> bool:
    words = [sys.executable, "-m", "agent", "status", "--json", "--config", str(config)]
    said = subprocess.run(words, env=environment, capture_output=True, check=False)
    return said.returncode == 0 and json.loads(said.stdout)["plan"] is not None


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200, help="steps to measure (200)")
    parser.add_argument("--seconds", type=float, default=60.0, help="wall seconds of idling to measure (60)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        config = ten_devices(folder)
        with simulated_home(config, folder / "home") as environment:
            limited = {**environment, "KWH_HUB_PLANNING__TIME_LIMIT_S": "2"}
            settings = load_settings(config, {**limited, "KWH_HUB_STORAGE__FOLDER": str(folder / "steps")})
            costs_ms = asyncio.run(step_ms(settings, arguments.steps))
            running = {**limited, "KWH_HUB_STORAGE__FOLDER": str(folder / "idle")}
            share, memory_mb = idle_share(config, running, arguments.seconds)
    found = {
        "devices": len(settings.devices),
        "step_cpu_ms_median": round(statistics.median(costs_ms), 2),
        "step_cpu_ms_p99": round(sorted(costs_ms)[int(len(costs_ms) * 0.99)], 2),
        "step_cpu_ms_worst": round(max(costs_ms), 2),
        "idle_share_of_core": round(share, 5),
        "hub_rss_mb": round(memory_mb, 1),
    }
    for name, value in found.items():
        print(f"{name:24} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
