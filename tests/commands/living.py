"""A home for `kwh-hub devices`: a settings file, a real broker, and simulated plugs that live beside the command."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.__main__ import main
from agent.commands.devices.scan import Board
from agent.domain.device import Sighting
from agent.errors import BrokerUnreachable
from agent.ports import Device
from agent.profiles.library import load_profiles
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.mosquitto import Mosquitto
from simulators.mqtt.tasmota import TasmotaDevice, TasmotaPlug, TasmotaThermometer
from simulators.mqtt.tasmota_says import Identity

LISTENS_S = "1.0"
"""Enough for a busy computer to hear a device, among all that the broker has kept of the others."""

T = TypeVar("T")
PAPER = (Path(__file__).parents[2] / "examples" / "paper.toml").read_text()
SMALL = PAPER.replace("power_w = 10000", "power_w = 2000")
_serials = count(0x10)


@dataclass
class Home:
    """A settings file, and plugs that live in a thread of their own while a command runs in this one."""

    file: Path
    port: int
    loop: asyncio.AbstractEventLoop
    serial: int
    plugged: list[TasmotaDevice] = field(default_factory=list)

    def mac(self, number: int = 1) -> str:
        return f"A0D5{self.serial:04X}{number:04X}"

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def plug_in(
        self, kind: type[TasmotaPlug | TasmotaThermometer] = TasmotaPlug, number: int = 1, circuit: Heater | None = None
    ) -> TasmotaDevice:
        async def make() -> TasmotaDevice:
            identity = Identity(self.mac(number), name=f"plug {number}")
            device = kind(
                BrokerAddress(self.port), identity, circuit or Heater(), lambda: datetime.now(UTC), tick_s=None
            )
            return await device.__aenter__()

        device = self.do(make())
        self.plugged.append(device)
        return device

    def adopt(self, number: int = 1, name: str = "rod", role: str = "water_heater", more: str = "") -> None:
        profile = "tasmota-thermometer" if "thermometer" in role else "tasmota-plug"
        text = self.file.read_text()
        table = f'name = "{name}"\nrole = "{role}"\nprofile = "{profile}"\naddress = "{self.mac(number)}"\n{more}'
        self.file.write_text(f"{text}\n[[devices]]\n{table}")

    def run(self, *words: str) -> int:
        return main(["devices", words[0], "--config", str(self.file), *words[1:]])

    @property
    def folder(self) -> Path:
        return self.file.parent / "var"


@pytest.fixture
def home(mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    file = tmp_path / "home.toml"
    serial = next(_serials)
    file.write_text(SMALL)
    monkeypatch.setenv("KWH_HUB_MQTT__PORT", str(mosquitto.port))
    monkeypatch.setenv("KWH_HUB_MQTT__CLIENT_ID", f"words-{serial}")
    monkeypatch.setenv("KWH_HUB_STORAGE__FOLDER", str(tmp_path / "var"))
    monkeypatch.setenv("KWH_HUB_BLE__ENABLED", "false")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = Home(file, mosquitto.port, loop, serial)
    try:
        yield made
    finally:
        for device in made.plugged:
            made.do(_gone(device))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _gone(device: TasmotaDevice) -> None:
    """What the session's broker keeps of it is of an address that no other test has."""
    await device.__aexit__()


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def refused(home: Home, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is said of an adoption that does not come about."""
    before = home.file.read_bytes()
    capsys.readouterr()
    assert home.run("adopt", *words) == 2
    assert home.file.read_bytes() == before
    told = capsys.readouterr()
    assert "mind:" not in told.out, "nothing is remarked of what is refused"
    assert "[[devices]]" not in told.out
    return " ".join(told.err.split())


class Network:
    """A network that shows one more device at each look, or is away."""

    def __init__(self, *shows: Sighting, away: str = "") -> None:
        self.shows = shows
        self.away = away
        self.looks = 0

    async def scan(self, duration_s: float) -> list[Sighting]:  # noqa: ARG002 - as the port
        await asyncio.sleep(0)
        if self.away:
            raise BrokerUnreachable(self.away)
        self.looks += 1
        return list(self.shows[: self.looks])

    def device(self, *_: object) -> Device:
        raise AssertionError


def board(seconds: float) -> Board:
    return Board(seconds, load_profiles(), {"A0B1C2D3E4F5": ["rod"]})
