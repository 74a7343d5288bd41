"""Simulated devices of one protocol in a process of their own, told over standard input what goes wrong.

A line is one JSON object: what to do, answered by one line with the same `id`. The first line that is said tells where
the hub finds the network, and which devices are on it.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from simulators.ble.bluez import Bluez
from simulators.ble.bthome import BTHomeThermometer
from simulators.ble.bus import PrivateBus
from simulators.ble.life import BleDevice
from simulators.ble.objects import Adapter
from simulators.ble.shelly import ShellyBle
from simulators.ble.switchbot import SwitchBotPlugMini
from simulators.circuit import Heater
from simulators.faults import Faults
from simulators.mqtt.home_assistant import EsphomeNode
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.mosquitto import Mosquitto
from simulators.mqtt.openbeken import OpenBekenDevice
from simulators.mqtt.shelly_gen1 import Gen1Identity, ShellyGen1
from simulators.mqtt.shelly_gen2 import ShellyGen2
from simulators.mqtt.tasmota import TasmotaPlug
from simulators.mqtt.tasmota_says import Identity as TasmotaIdentity
from simulators.mqtt.zigbee2mqtt import Zigbee2mqtt
from simulators.mqtt.zigbee2mqtt import ZigbeePlug as BridgedPlug
from simulators.shelly.says import Identity
from simulators.zigbee.coordinator import Coordinator
from simulators.zigbee.ezsp_coordinator import EzspCoordinator
from simulators.zigbee.plug import RELAY, ZigbeePlug, ZigbeeThermometer

TICK_S = 1.0
"""How often a device looks what is due; one on Bluetooth advertises as often."""
FAULT_S = 2.0
"""For how long a device is broken."""
DELAY_S = (0.1, 1.0)
UNPLUGGED_S = (0.5, 3.0)
NETWORK_AWAY_S = 3.0
JOINS_LATER = 10
"""ZigBee devices that are not in the network before they are looked for."""
_FIRST_IEEE = 0xA4C1_3800_0000_0001
_FIRST_NWK = 0x2000


def now() -> datetime:
    """Wall time, for these homes live in it."""
    return datetime.now(UTC)


@dataclass
class WatchedCircuit(Heater):
    """A circuit that remembers when it was switched, and by what."""

    history: list[tuple[float, bool, bool]] = field(default_factory=list)
    """Monotonic seconds, the new state, whether the mains did that rather than an order."""
    by_power: bool = False

    def switch(self, on: bool) -> None:  # noqa: FBT001 - as the protocol
        """Keep the state, and what changed."""
        if on is not self.on:
            self.history.append((time.monotonic(), on, self.by_power))
        self.on = on


class Plugged(Protocol):
    """A simulated device, as far as it can be broken here."""

    faults: Faults

    def unplug(self) -> None:
        """No power, no good-bye."""

    async def plug_in(self) -> None:
        """Put it back."""


@dataclass
class Simulated:
    """One device, what hangs on it, and how the hub is to find it."""

    plugged: Plugged
    circuit: WatchedCircuit
    address: str
    profile: str
    family: str
    has_relay: bool = True
    away: list[tuple[float, float | None]] = field(default_factory=list)
    """From when, monotonic seconds, until when it could not be reached."""

    @property
    def described(self) -> dict[str, Any]:
        """What the hub's side needs of it."""
        return {"address": self.address, "profile": self.profile, "family": self.family, "relay": self.has_relay}

    def break_for_now(self, fault: str) -> None:
        """Break it: for the next command, or for FAULT_S."""
        faults, loop = self.plugged.faults, asyncio.get_running_loop()
        if fault in {"drop_commands", "drop_answers"}:
            setattr(faults, fault, getattr(faults, fault) + 1)
        elif fault == "delay_s":
            faults.delay_s = random.uniform(*DELAY_S)  # noqa: S311 - a game
            loop.call_later(FAULT_S, setattr, faults, fault, 0.0)
        elif fault in {"duplicate", "old_state_first", "lie", "stuck"}:
            setattr(faults, fault, True)
            loop.call_later(FAULT_S, partial(setattr, faults, fault, False))  # noqa: FBT003 - as setattr has it
        else:
            raise ValueError(fault)

    async def lose_power(self, for_s: float) -> None:
        """Pull the plug, and put it back."""
        if self.away and self.away[-1][1] is None:
            return
        self.away.append((time.monotonic(), None))
        self.circuit.by_power = True
        self.plugged.unplug()
        self.circuit.by_power = False
        await asyncio.sleep(for_s)
        self.away[-1] = (self.away[-1][0], time.monotonic())
        self.circuit.by_power = True
        returning = asyncio.create_task(self.plugged.plug_in())
        await asyncio.sleep(0)  # it goes to its initial state at once, before anybody can reach it
        self.circuit.by_power = False
        await returning


@dataclass
class Home:
    """All devices of one protocol, with the network that can be lost."""

    where: dict[str, Any]
    devices: list[Simulated]
    lose: Callable[[], Awaitable[None]]
    bring: Callable[[], Awaitable[None]]
    rejoin: Callable[[Simulated], None] | None = None
    join: Callable[[int], int] | None = None
    """Let devices join up to so many of all; returns how many are in the network, and know what to report."""
    away: list[tuple[float, float | None]] = field(default_factory=list)

    async def lose_for_now(self) -> None:
        """Lose the network, and bring it back."""
        self.away.append((time.monotonic(), None))
        await self.lose()
        await asyncio.sleep(NETWORK_AWAY_S)
        await self.bring()
        self.away[-1] = (self.away[-1][0], time.monotonic())


# ---- the three homes ----


def _mac(number: int) -> str:
    return f"A0B1C2{number:06X}"


def _mqtt_device(number: int, address: BrokerAddress) -> Simulated:
    """A device of one of the families that have a connection of their own, in turn."""
    mac, circuit = _mac(number), WatchedCircuit()
    kind = number % 5
    if kind == 0:
        return Simulated(
            TasmotaPlug(address, TasmotaIdentity(mac), circuit, now, tick_s=TICK_S),
            circuit,
            mac,
            "tasmota-plug",
            "tasmota",
        )
    if kind == 1:
        gen1 = Gen1Identity(mac)
        plugged = ShellyGen1(address, gen1, circuit, now, tick_s=TICK_S)
        return Simulated(plugged, circuit, gen1.id, "shelly-1pm", "shelly_gen1")
    if kind == 2:
        gen2 = ShellyGen2(address, Identity(mac), now, relays=[circuit], tick_s=TICK_S)
        return Simulated(gen2, circuit, mac, "shelly-plus-1pm", "shelly_gen2")
    if kind == 3:
        node = EsphomeNode(address, mac, now, relay=circuit, metered=circuit, tick_s=TICK_S)
        return Simulated(node, circuit, f"{mac.lower()}/relay", "esphome-plug", "home_assistant")
    beken = OpenBekenDevice(address, mac, circuit, now, tick_s=TICK_S)
    return Simulated(beken, circuit, beken.name, "openbeken-plug", "openbeken")


@asynccontextmanager
async def mqtt_home(count: int) -> AsyncIterator[Home]:
    """All six families on a real broker; every sixth device is behind zigbee2mqtt."""
    async with Mosquitto() as broker, AsyncExitStack() as stack:
        address = BrokerAddress(broker.port)
        bridged, devices = [], []
        for number in range(count):
            if number % 6 == 5:
                circuit, ieee = WatchedCircuit(), f"0x00178801{number:08x}"
                plug = BridgedPlug(ieee, now, name=f"plug/{number}", relay=circuit, metered=circuit)
                bridged.append(plug)
                devices.append(Simulated(plug, circuit, ieee, "innr-sp-240", "zigbee2mqtt"))
            else:
                devices.append(_mqtt_device(number - number // 6, address))
        await stack.enter_async_context(Zigbee2mqtt(address, bridged, tick_s=TICK_S))
        for device in devices:
            if not isinstance(device.plugged, BridgedPlug):
                await stack.enter_async_context(device.plugged)  # type: ignore[arg-type]

        async def lose() -> None:
            await asyncio.to_thread(broker.stop)

        async def bring() -> None:
            await asyncio.to_thread(broker.start)

        yield Home({"port": broker.port}, devices, lose, bring)


@asynccontextmanager
async def zigbee_home(count: int, firmware: str = "zstack") -> AsyncIterator[Home]:
    """Plugs, relays and a few thermometers around a coordinator behind a TCP port."""
    async with STICKS[firmware]() as stick:
        devices = []
        for number in range(count):
            circuit, ieee = WatchedCircuit(), _FIRST_IEEE + number
            if number % 6 == 5:
                sensor = ZigbeeThermometer(stick, ieee, circuit, now)
                devices.append(
                    Simulated(sensor, circuit, sensor.address, "zigbee-thermometer", "zigbee", has_relay=False)
                )
                continue
            if number % 2:
                plug, profile = (
                    ZigbeePlug(stick, ieee, circuit, now, model=RELAY, scales=None, tick_s=TICK_S),
                    "zigbee-relay",
                )
            else:
                plug, profile = ZigbeePlug(stick, ieee, circuit, now, tick_s=TICK_S), "zigbee-plug"
            plug.tick_by_itself()
            devices.append(Simulated(plug, circuit, plug.address, profile, "zigbee"))
        joined: set[int] = set()

        def join(upto: int) -> int:
            for number, device in enumerate(devices[:upto]):
                if number not in joined and device.plugged.join():  # type: ignore[attr-defined]
                    joined.add(number)
            return sum(device.plugged.arranged for device in devices)  # type: ignore[attr-defined]

        yield Home(
            {"url": stick.url},
            devices,
            stick.unplug,
            stick.plug_in,
            rejoin=lambda device: device.plugged.join(),  # type: ignore[attr-defined]
            join=join,
        )


@asynccontextmanager
async def ble_home(count: int) -> AsyncIterator[Home]:
    """Shelly and SwitchBot plugs and a few thermometers around a BlueZ on a bus of its own."""
    with PrivateBus() as bus:
        async with Bluez(bus, Adapter()) as bluez, AsyncExitStack() as stack:
            devices = []
            for number in range(count):
                circuit, mac = WatchedCircuit(rated_w=1000.0), _mac(0x800000 + number)
                device: BleDevice
                if number % 10 == 9:
                    device, profile, family = (
                        BTHomeThermometer(bluez, mac, circuit, now, tick_s=TICK_S),
                        "bthome-thermometer",
                        "bthome",
                    )
                elif number % 2:
                    device, profile, family = (
                        SwitchBotPlugMini(bluez, mac, circuit, now, tick_s=TICK_S),
                        "switchbot-plug-mini-us",
                        "switchbot",
                    )
                else:
                    device, profile, family = (
                        ShellyBle(bluez, Identity(mac), circuit, now, tick_s=TICK_S),
                        "shelly-plus-1pm-bluetooth",
                        "shelly_ble",
                    )
                    device.inside.set_initial_state("restore_last")
                devices.append(Simulated(device, circuit, device.mac, profile, family, has_relay=family != "bthome"))
                await stack.enter_async_context(device)
                await asyncio.sleep(TICK_S / count)  # they do not all speak at the same moment

            async def lose() -> None:
                bluez.lose_adapter()

            async def bring() -> None:
                bluez.bring_adapter()

            yield Home({"bus": bus.address}, devices, lose, bring)


# ---- what is told ----


class Told:
    """Does what the lines say."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._tasks: set[asyncio.Task[None]] = set()

    def do(self, word: str, told: dict[str, Any]) -> dict[str, Any]:
        """Do one thing; return what there is to say of it."""
        home = self._home
        if word == "fault":
            self._fault(home.devices[told["device"]], told["fault"])
        elif word == "lose":
            self._later(home.lose_for_now())
        elif word == "join" and home.join is not None:
            return {"arranged": home.join(told["upto"])}
        elif word == "begin":
            for device in home.devices:
                device.circuit.history.clear()
                device.away.clear()
            home.away.clear()
            return {"on": [device.circuit.on for device in home.devices]}
        elif word == "end":
            return {
                "away": home.away,
                "devices": [{"history": device.circuit.history, "away": device.away} for device in home.devices],
            }
        return {}

    def _fault(self, device: Simulated, fault: str) -> None:
        if fault == "unplugged":
            self._later(device.lose_power(random.uniform(*UNPLUGGED_S)))  # noqa: S311 - a game
        elif fault == "brown_out":
            self._later(device.lose_power(0.0))
        elif fault == "rejoin" and self._home.rejoin is not None:
            self._home.rejoin(device)
        else:
            device.break_for_now(fault)

    def _later(self, work: Any) -> None:  # noqa: ANN401 - any coroutine
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            print(f"a simulated device failed: {error!r}", file=sys.stderr, flush=True)


HOMES = {"mqtt": mqtt_home, "zigbee": zigbee_home, "ble": ble_home}
STICKS: dict[str, Callable[[], Coordinator | EzspCoordinator]] = {"zstack": Coordinator, "ezsp": EzspCoordinator}


async def live(protocol: str, count: int, seed: int, firmware: str) -> None:
    """Be there until nobody says anything any more."""
    random.seed(seed)
    made = zigbee_home(count, firmware) if protocol == "zigbee" else HOMES[protocol](count)
    async with made as home:
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        told = Told(home)
        _say({"where": home.where, "devices": [device.described for device in home.devices]})
        while line := await lines.readline():
            order = json.loads(line)
            _say({"id": order["id"], **told.do(order["do"], order)})


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    """Live as one protocol's home."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("protocol", choices=HOMES)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--firmware", choices=STICKS, default="zstack")
    arguments = parser.parse_args()
    asyncio.run(live(arguments.protocol, arguments.count, arguments.seed, arguments.firmware))


if __name__ == "__main__":
    main()
