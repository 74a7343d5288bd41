"""A home without a broker: a settings file, and a ZigBee stick with a plug in a thread of their own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.__main__ import main
from agent.adapters.zigbee.network import ZigbeeNetwork
from simulators.circuit import Heater
from simulators.zigbee.coordinator import Coordinator
from simulators.zigbee.plug import ZigbeePlug
from tests.contract.bench import StillClock
from tests.zigbee.home import FIRST, Formed, copied, network_on, running

T = TypeVar("T")
PAPER = (Path(__file__).parents[2] / "examples" / "paper.toml").read_text()


@dataclass
class ZigbeeHome:
    """What commands are run against."""

    file: Path
    loop: asyncio.AbstractEventLoop
    stick: Coordinator
    plug: ZigbeePlug
    circuit: Heater

    @property
    def folder(self) -> Path:
        return self.file.parent / "var"

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def adopt(self, name: str = "rod", role: str = "water_heater", more: str = "") -> None:
        table = f'name = "{name}"\nrole = "{role}"\nprofile = "zigbee-plug"\naddress = "{self.plug.address}"\n{more}'
        self.file.write_text(f"{self.file.read_text()}\n[[devices]]\n{table}")

    def run(self, *words: str) -> int:
        return main(["devices", words[0], "--config", str(self.file), *words[1:]])

    def knows(self) -> bool:
        """Whether the hub's own database still has the plug."""

        async def look() -> bool:
            network: ZigbeeNetwork = network_on(self.stick, self.folder, StillClock())
            async with running(network):
                return self.plug.address in {str(ieee) for ieee in network._link.require().devices}

        return asyncio.run(look())


@contextmanager
def zigbee_home(left: Formed, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZigbeeHome]:
    (folder / "var").mkdir()
    file = folder / "home.toml"
    file.write_text(PAPER.replace("power_w = 10000", "power_w = 2000\nmust_end = false"))
    stick = copied(left, folder / "var")
    circuit = Heater()
    plug = ZigbeePlug(stick, FIRST, circuit, lambda: datetime.now(UTC))
    plug.put(0x1001)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = ZigbeeHome(file, loop, stick, plug, circuit)
    made.do(stick.plug_in())
    monkeypatch.setenv("KWH_HUB_ZIGBEE__PORT", stick.url)
    monkeypatch.setenv("KWH_HUB_ZIGBEE__FIRMWARE", "zstack")
    monkeypatch.setenv("KWH_HUB_MQTT__PORT", "1")  # nobody listens there
    monkeypatch.setenv("KWH_HUB_STORAGE__FOLDER", str(made.folder))
    monkeypatch.setenv("KWH_HUB_BLE__ENABLED", "false")
    try:
        yield made
    finally:
        made.do(stick.unplug())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
