"""Devices on simulated networks: how soon 200 are found, how soon relays obey, whether orders are lost among faults.

The simulators of MQTT (a real broker), ZigBee (a coordinator behind TCP) and Bluetooth (a BlueZ on a D-Bus of its own)
have a process each; this one is the hub's side, with the networks that the hub itself would have.

1. Discovery: from nothing open until every device was seen and answered. 50 ZigBee devices are known from before, and
   10 join meanwhile.
2. Latency: 50 relays are due at one instant, and each is switched and read back. What it waits for others counts: at
   most 3 Bluetooth devices are connected at once, so most of the 50 wait there. The simulated radios send at once; a
   real Bluetooth radio connects in a second or so, a real ZigBee mesh carries some tens of messages a second.
3. Certainty: 1 % of orders meet each kind of fault, some several at once, and each network is lost once. A loop as the
   hub's executor has it holds every relay: an order that fails is given again at once and then every 10 s, and relays
   that may be asked often are looked at every 20 s (`control.watch_s`). The circuits themselves tell afterwards what
   happened. `unfounded` is no loss: where a device lies and says everything twice, its second lie passes for an answer
   until its next word, which is true, makes the hub look again.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.domain.device import Adoption, RelayState, Role, Sighting
from agent.errors import DeviceError, DeviceRefused, HubError
from agent.hub import keep_what_was_loaded
from agent.networks import Networks, networks_of
from agent.ports import Network, Relay
from agent.profiles.library import load_profiles
from agent.settings import ControlSettings, PlanningSettings, Settings, load_settings
from benchmarks._devices_home import JOINS_LATER
from benchmarks._devices_judge import Story, Switched, Verdict, Verified, judged

EXAMPLE = Path(__file__).parent.parent / "examples" / "home.toml"
DEVICES = {"mqtt": 84, "zigbee": 60, "ble": 56}
RELAYS = 50
ROUNDS = {"mqtt": 10, "zigbee": 10, "ble": 4}
COMMANDS = {"mqtt": 1000, "zigbee": 700, "ble": 300}
CERTAINTY_S = 90.0
"""Over so many seconds the orders of the third part are spread."""
SETTLES_S = 30.0
"""So long relays are held after the last order, if one is not yet as it should be."""
DEAD_MAN_S = 900.0
SLICE_S, JOINING_S = 1.0, 4.0
GIVES_UP_S = 30.0
LOOKS_EVERY_S = float(ControlSettings().watch_s)
STEPS_EVERY_S = float(PlanningSettings().step_s)
AGAIN_S = 10.0
ATTEMPTS = 2
PRESSES_EVERY_S = 10.0
"""So rarely a change that nobody ordered makes a step of its own, as in the hub."""
PATIENCE_S = 35.0
"""A desired state that is not reached for so long gives way to the next one."""
FAULT_SHARE = 0.01
FAULTS = (
    "drop_commands",
    "drop_answers",
    "delay_s",
    "duplicate",
    "old_state_first",
    "lie",
    "stuck",
    "unplugged",
    "brown_out",
)
BUS = "DBUS_SYSTEM_BUS_ADDRESS"
LINE_BYTES = 64 * 1024 * 1024
LEAST = {"discovered": sum(DEVICES.values())}
LIMITS = {
    "discovery_s": 10.0,
    "p99_ms_mqtt": 500.0,
    "p99_ms_zigbee": 500.0,
    "p99_ms_ble": 2000.0,
    "failed": 0,
    "lost": 0,
    "doubled": 0,
    "worst_drift_s": 30.0,
}


# ---- the simulators' processes ----


class Home:
    """The devices of one protocol, in a process of their own."""

    def __init__(self, protocol: str, process: asyncio.subprocess.Process) -> None:
        self.protocol = protocol
        self._process = process
        self._turn = asyncio.Lock()
        self._said = 0
        self.where: Mapping[str, Any] = {}
        self.devices: Sequence[Mapping[str, Any]] = ()

    async def come_up(self) -> None:
        """Wait for what it says first."""
        first = await self._line()
        self.where, self.devices = first["where"], first["devices"]

    async def told(self, word: str, **what: Any) -> Mapping[str, Any]:  # noqa: ANN401 - what JSON can say
        """Tell it something, and return what it says to that."""
        async with self._turn:
            self._said += 1
            assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
            self._process.stdin.write(json.dumps({"id": self._said, "do": word, **what}).encode() + b"\n")
            answer = await self._line()
        if answer["id"] != self._said:
            raise SystemExit(f"the simulated {self.protocol} home answers something else")
        return answer

    async def _line(self) -> Mapping[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        line = await self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the simulated {self.protocol} home ended")
        said: Mapping[str, Any] = json.loads(line)
        return said


@asynccontextmanager
async def home_of(protocol: str, count: int, seed: int, firmware: str) -> AsyncIterator[Home]:
    """A home with so many devices, until the block ends."""
    words = ["-m", "benchmarks._devices_home", protocol, str(count), "--seed", str(seed), "--firmware", firmware]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdin=pipe, stdout=pipe, limit=LINE_BYTES)
    try:
        home = Home(protocol, process)
        await home.come_up()
        yield home
    finally:
        if process.stdin is not None:
            process.stdin.close()  # it ends when nobody tells it anything any more
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


# ---- the hub's side ----


@asynccontextmanager
async def networks_on(settings: Settings) -> AsyncIterator[Networks]:
    """All networks with their loops at work, as the hub has them."""
    networks = networks_of(settings, SystemClock(), load_profiles(), client_id="kwh-hub-bench")
    tasks = [asyncio.create_task(loop()) for loop in networks.loops]
    try:
        yield networks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error


def settings_for(homes: Mapping[str, Home], folder: Path) -> Settings:
    """The example home on the simulated networks, without its devices."""
    environment = {
        "KWH_HUB_MQTT__PORT": str(homes["mqtt"].where["port"]),
        "KWH_HUB_ZIGBEE__PORT": homes["zigbee"].where["url"],
        "KWH_HUB_STORAGE__FOLDER": str(folder),
    }
    return load_settings(EXAMPLE, environment)


@dataclass
class Held:
    """One relay as the hub has it, and where it is among the simulated devices."""

    home: Home
    index: int
    name: str
    relay: Relay

    @property
    def family(self) -> str:
        """What it speaks."""
        return str(self.home.devices[self.index]["family"])


def relays_of(networks: Networks, home: Home, most: int) -> list[Held]:
    """The relays of one protocol, all families in turn."""
    held: list[Held] = []
    for index, device in enumerate(home.devices):
        if device["relay"] and len(held) < most:
            name = f"{home.protocol}-{index}"
            adoption = Adoption(name=name, role=Role.METER, profile=device["profile"], address=device["address"])
            relay = networks.of(adoption).device(adoption, DEAD_MAN_S).relay
            if relay is None:
                raise SystemExit(f"{device['profile']} has no relay")
            held.append(Held(home, index, name, relay))
    return held


# ---- 1. discovery ----


async def joined_before(settings: Settings, home: Home) -> None:
    """Let most ZigBee devices join in an earlier life of the hub."""
    wanted = len(home.devices) - JOINS_LATER if len(home.devices) > JOINS_LATER else len(home.devices) // 2
    began_s = time.monotonic()
    async with networks_on(settings) as networks:
        assert networks.zigbee is not None  # noqa: S101 - its port is set
        await networks.zigbee.wait_connected(GIVES_UP_S)
        scanning = asyncio.create_task(networks.zigbee.scan(20.0))
        while (arranged := (await home.told("join", upto=wanted))["arranged"]) < wanted:
            if time.monotonic() - began_s > 2 * GIVES_UP_S:
                raise SystemExit(f"only {arranged} of {wanted} ZigBee devices joined")
            await asyncio.sleep(0.2)
        scanning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await scanning
    print(f"{wanted} ZigBee devices have joined before, in {time.monotonic() - began_s:.1f} s", flush=True)


@dataclass
class Discovery:
    """What was found so far."""

    wanted: Mapping[str, frozenset[str]]
    """By protocol: addresses, as simulators know them."""
    seen: dict[str, float] = field(default_factory=dict)
    """By address: after how many seconds it was seen, and answered."""
    began_s: float = field(default_factory=time.monotonic)

    def take(self, sightings: Sequence[Sighting]) -> None:
        """Note who was seen for the first time."""
        for sighting in sightings:
            if sighting.reachable and sighting.profile is not None:
                self.seen.setdefault(sighting.address.lower(), time.monotonic() - self.began_s)

    def found(self, protocol: str) -> int:
        """How many of a protocol."""
        return len(self.wanted[protocol] & self.seen.keys())

    @property
    def complete(self) -> bool:
        """Whether nobody is missing."""
        return all(addresses <= self.seen.keys() for addresses in self.wanted.values())

    @property
    def line(self) -> str:
        """How far it is."""
        parts = ", ".join(f"{protocol} {self.found(protocol)}/{len(all_)}" for protocol, all_ in self.wanted.items())
        passed_s = time.monotonic() - self.began_s
        return f"  {passed_s:4.1f} s: {sum(map(self.found, self.wanted))} devices ({parts})"


async def discovered(settings: Settings, homes: Mapping[str, Home]) -> Discovery:
    """Open all networks and scan them all at once until everybody was seen."""
    found = Discovery(
        {name: frozenset(each["address"].lower() for each in home.devices) for name, home in homes.items()}
    )
    async with networks_on(settings) as networks:
        each = {id(network): network for network in networks.by_family.values()}.values()
        tasks = [asyncio.create_task(_scanning(network, found, joining=network is networks.zigbee)) for network in each]
        tasks.append(asyncio.create_task(_joining(homes["zigbee"])))
        while not found.complete and time.monotonic() - found.began_s < GIVES_UP_S:
            await asyncio.wait(tasks, timeout=0.5, return_when=asyncio.FIRST_EXCEPTION)
            print(found.line, flush=True)
            for task in tasks:
                if task.done():
                    task.result()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return found


async def _scanning(network: Network, found: Discovery, *, joining: bool) -> None:
    while not found.complete:
        try:
            found.take(await network.scan(JOINING_S if joining else SLICE_S))
        except HubError:
            await asyncio.sleep(0.1)  # it is about to come up


async def _joining(home: Home) -> None:
    while True:
        await home.told("join", upto=len(home.devices))
        await asyncio.sleep(0.2)


# ---- 2. latency ----


@dataclass
class Latency:
    """How long orders took, ms, by family."""

    took_ms: dict[str, list[float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    @property
    def all_ms(self) -> list[float]:
        """Of all families, in rising order."""
        return sorted(ms for family in self.took_ms.values() for ms in family)

    def quantile(self, share: float, family: str | None = None) -> float:
        """What such a share of the orders did not exceed."""
        ms = self.all_ms if family is None else sorted(self.took_ms[family])
        return ms[ceil(share * len(ms)) - 1]


async def switched_at_once(held: Sequence[Held], rounds: int) -> Latency:
    """Switch all at one instant, so many times; the first round, in which connections are made, is not counted."""
    latency = Latency()
    for turn in range(rounds + 1):
        due_s = time.perf_counter()
        took = await asyncio.gather(*(_switched(each, on=turn % 2 == 0, due_s=due_s) for each in held))
        for each, (ms, failure) in zip(held, took, strict=True):
            if turn:
                latency.took_ms.setdefault(each.family, []).append(ms)
            if failure:
                latency.failed.append(failure)
    return latency


async def _switched(held: Held, *, on: bool, due_s: float) -> tuple[float, str]:
    failure = ""
    try:
        await held.relay.switch(on=on)
    except DeviceError as error:
        failure = str(error)
    return (time.perf_counter() - due_s) * 1000, failure


# ---- 3. certainty ----


class Holder:
    """Holds one relay to what is desired, as the hub's executor does: order, and where that fails order again."""

    def __init__(self, held: Held, *, on: bool) -> None:
        self.held = held
        self.desired = [(time.monotonic(), on)]
        self.verified: list[Verified] = []
        self.failures: Counter[str] = Counter()
        self.reached = asyncio.Event()
        self._stir = asyncio.Event()
        self._pressed_s = -PRESSES_EVERY_S
        held.relay.on_pressed = self._on_pressed

    @property
    def wants_on(self) -> bool:
        """What is desired now."""
        return self.desired[-1][1]

    def desire(self, *, on: bool) -> None:
        """Desire something else from now on."""
        self.reached.clear()
        self.desired.append((time.monotonic(), on))
        self._stir.set()

    def _on_pressed(self, _state: RelayState) -> None:
        now_s = time.monotonic()
        if now_s - self._pressed_s >= PRESSES_EVERY_S:
            self._pressed_s = now_s
            self._stir.set()

    async def run(self) -> None:
        """Hold it until cancelled."""
        while True:
            self._stir.clear()
            looks_every_s = LOOKS_EVERY_S if self.held.relay.asked_often else STEPS_EVERY_S
            pause_s = looks_every_s if await self._step() else AGAIN_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stir.wait()

    async def _step(self) -> bool:
        wanted, relay = self.wants_on, self.held.relay
        try:
            if not self.reached.is_set():
                await self._order(relay, on=wanted)
            elif (await relay.read()).on is not wanted:
                self.reached.clear()
                await self._order(relay, on=wanted)
        except DeviceError as error:
            self.failures[type(error).__name__] += 1
            return False
        if wanted is self.wants_on:
            self.reached.set()
        return True

    async def _order(self, relay: Relay, *, on: bool) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            began_s = time.monotonic()
            try:
                await relay.switch(on=on)
            except DeviceRefused:
                raise
            except DeviceError as error:
                if attempt == ATTEMPTS:
                    raise
                self.failures[type(error).__name__] += 1
            else:
                self.verified.append(Verified(began_s, time.monotonic(), on))
                return


@dataclass
class Certainty:
    """What happened to all relays."""

    verdicts: Mapping[str, Verdict]
    injected: Counter[str]
    failures: Counter[str]
    commands: Mapping[str, int]


async def _desires(holder: Holder, count: int, injected: Counter[str], until_s: float, seed: int) -> None:
    """Desire the other state again and again, and break the device now and then just before."""
    random_ = random.Random(f"{seed} {holder.held.name}")  # noqa: S311 - a game
    spacing_s = (until_s - time.monotonic()) / (count + 1)
    await asyncio.sleep(random_.uniform(0.0, spacing_s))
    for _ in range(count):
        home, faults = holder.held.home, [*FAULTS, "rejoin"] if holder.held.home.protocol == "zigbee" else FAULTS
        for fault in faults:
            if random_.random() < FAULT_SHARE:
                injected[fault] += 1
                await home.told("fault", device=holder.held.index, fault=fault)
        holder.desire(on=not holder.wants_on)
        began_s = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await holder.reached.wait()
        pause_s = random_.uniform(0.5, 1.5) * spacing_s - (time.monotonic() - began_s)
        await asyncio.sleep(max(0.2, min(pause_s, until_s - time.monotonic())))


async def _lost_once(home: Home, after_s: float, injected: Counter[str]) -> None:
    await asyncio.sleep(after_s)
    injected[{"mqtt": "broker lost", "zigbee": "coordinator lost", "ble": "adapter lost"}[home.protocol]] += 1
    await home.told("lose")


async def certainty(
    held: Mapping[str, Sequence[Held]], commands: Mapping[str, int], seconds: float, seed: int
) -> Certainty:
    """Switch all relays of all protocols among faults, and judge them by their circuits."""
    injected: Counter[str] = Counter()
    homes = [relays[0].home for relays in held.values()]
    stood = {home.protocol: (await home.told("begin"))["on"] for home in homes}
    holders = [Holder(each, on=stood[each.home.protocol][each.index]) for relays in held.values() for each in relays]
    until_s = time.monotonic() + seconds
    holding = [asyncio.create_task(holder.run()) for holder in holders]
    working = [
        asyncio.create_task(_desires(holder, ceil(commands[protocol] / len(held[protocol])), injected, until_s, seed))
        for holder in holders
        for protocol in [holder.held.home.protocol]
    ]
    working += [asyncio.create_task(_lost_once(home, seconds * (k + 1) / 5, injected)) for k, home in enumerate(homes)]
    await _progress(working, holding, holders)
    settled_by_s = time.monotonic() + SETTLES_S
    while time.monotonic() < settled_by_s and not all(holder.reached.is_set() for holder in holders):  # noqa: ASYNC110 - many events
        await asyncio.sleep(0.2)
    ended_s = time.monotonic()
    for task in holding:
        task.cancel()
    await asyncio.wait(holding)
    ends = {home.protocol: await home.told("end") for home in homes}
    return Certainty(
        {holder.held.name: judged(_story(holder, stood, ends, ended_s)) for holder in holders},
        injected,
        sum((holder.failures for holder in holders), Counter()),
        {
            protocol: sum(len(holder.desired) - 1 for holder in holders if holder.held.home.protocol == protocol)
            for protocol in held
        },
    )


async def _progress(
    working: Sequence["asyncio.Task[None]"], holding: Sequence["asyncio.Task[None]"], holders: Sequence[Holder]
) -> None:
    pending = set(working)
    while pending:
        _, pending = await asyncio.wait(pending, timeout=10.0)
        for task in (*working, *holding):
            if task.done():
                task.result()
        ordered, open_ = (
            sum(len(holder.desired) - 1 for holder in holders),
            sum(not h.reached.is_set() for h in holders),
        )
        print(f"  {ordered} orders, {open_} under way", flush=True)


def _story(
    holder: Holder, stood: Mapping[str, Sequence[bool]], ends: Mapping[str, Mapping[str, Any]], ended_s: float
) -> Story:
    protocol, index = holder.held.home.protocol, holder.held.index
    device = ends[protocol]["devices"][index]
    away = [(began, ended_s if end is None else end) for began, end in (*device["away"], *ends[protocol]["away"])]
    return Story(
        name=holder.held.name,
        began_on=stood[protocol][index],
        desired=holder.desired,
        switched=[Switched(*change) for change in device["history"]],
        away=away,
        ended_s=ended_s,
        verified=holder.verified,
    )


# ---- the command ----


def _print_latency(protocol: str, latency: Latency) -> None:
    for family in sorted(latency.took_ms):
        ms = latency.took_ms[family]
        print(
            f"  {protocol:<8}{family:<16}{len(ms):>6} orders{statistics.median(ms):>9.1f} ms median"
            f"{latency.quantile(0.99, family):>9.1f} ms p99{max(ms):>9.1f} ms worst"
        )
    for failure in latency.failed[:5]:
        print(f"  failed: {failure}")


def _print_certainty(certain: Certainty) -> None:
    print("  injected: " + ", ".join(f"{count} {fault}" for fault, count in sorted(certain.injected.items())))
    print("  the hub's side met: " + ", ".join(f"{n} {name}" for name, n in sorted(certain.failures.items())))
    for protocol, count in certain.commands.items():
        of = [verdict for name, verdict in certain.verdicts.items() if name.startswith(protocol)]
        drifts_s = [verdict.drift_s for verdict in of]
        print(
            f"  {protocol:<8}{count:>6} orders{sum(v.lost for v in of):>4} lost{sum(v.doubled for v in of):>4} doubled"
            f"{sum(v.unfounded for v in of):>4} unfounded{max(drifts_s):>7.1f} s worst drift"
        )
    for name, verdict in certain.verdicts.items():
        if verdict.lost or verdict.doubled or verdict.unfounded or verdict.drift_s > LIMITS["worst_drift_s"]:
            print(f"  {name}: {verdict}")


async def measured(quick: bool, seed: int, firmware: str) -> dict[str, Any]:  # noqa: FBT001 - of the command line
    """All three parts."""
    share = 10 if quick else 1
    began_s = time.monotonic()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-devices-")))
        comings = [home_of(name, ceil(n / share), seed, firmware) for name, n in DEVICES.items()]
        homes = {home.protocol: home for home in [await stack.enter_async_context(coming) for coming in comings]}
        os.environ[BUS] = homes["ble"].where["bus"]
        settings = settings_for(homes, folder)
        await joined_before(settings, homes["zigbee"])
        print("discovery", flush=True)
        found = await discovered(settings, homes)
        async with networks_on(settings) as networks:
            await _known(networks, homes)
            held = {name: relays_of(networks, home, ceil(RELAYS / share)) for name, home in homes.items()}
            await _heard(held)
            keep_what_was_loaded()  # as the hub does
            print("latency", flush=True)
            latencies = {}
            for name, relays in held.items():
                latencies[name] = await switched_at_once(relays, ceil(ROUNDS[name] / (4 if quick else 1)))
                _print_latency(name, latencies[name])
            print("certainty", flush=True)
            commands = {name: ceil(count / share) for name, count in COMMANDS.items()}
            certain = await certainty(held, commands, CERTAINTY_S / (4 if quick else 1), seed)
        _print_certainty(certain)
    about = {"firmware": firmware, "seconds": round(time.monotonic() - began_s, 1)}
    return _figures(homes, found, latencies, certain) | about


async def _known(networks: Networks, homes: Mapping[str, Home]) -> None:
    """Wait until all networks are up, and every ZigBee device knows what to report."""
    await networks.first_words()
    home = homes["zigbee"]
    until_s = time.monotonic() + GIVES_UP_S
    while (await home.told("join", upto=0))["arranged"] < len(home.devices) and time.monotonic() < until_s:  # noqa: ASYNC110
        await asyncio.sleep(0.2)


async def _heard(held: Mapping[str, Sequence[Held]]) -> None:
    """Wait until every device has answered once."""
    for relays in held.values():
        await asyncio.gather(*(_answered(each.relay.read) for each in relays))


async def _answered(read: Callable[[], Awaitable[object]]) -> None:
    until_s = time.monotonic() + GIVES_UP_S
    while True:
        try:
            await read()
        except DeviceError:
            if time.monotonic() > until_s:
                raise
            await asyncio.sleep(0.5)
        else:
            return


def _figures(
    homes: Mapping[str, Home], found: Discovery, latencies: Mapping[str, Latency], certain: Certainty
) -> dict[str, Any]:
    verdicts = certain.verdicts.values()
    figures: dict[str, Any] = {
        "benchmark": "devices",
        "devices": sum(len(home.devices) for home in homes.values()),
        "discovered": sum(found.found(protocol) for protocol in found.wanted),
        "discovery_s": round(max(found.seen.values(), default=0.0), 2),
    }
    for name, latency in latencies.items():
        figures[f"p50_ms_{name}"] = round(latency.quantile(0.5), 1)
        figures[f"p99_ms_{name}"] = round(latency.quantile(0.99), 1)
    return figures | {
        "failed": sum(len(latency.failed) for latency in latencies.values()),
        "orders": sum(certain.commands.values()),
        "faults": sum(certain.injected.values()),
        "lost": sum(verdict.lost for verdict in verdicts),
        "doubled": sum(verdict.doubled for verdict in verdicts),
        "unfounded": sum(verdict.unfounded for verdict in verdicts),
        "worst_drift_s": round(max(verdict.drift_s for verdict in verdicts), 2),
    }


def warnings(figures: Mapping[str, Any]) -> list[str]:
    """What does not hold."""
    said = [f"{name} is {figures[name]:g}, above {limit:g}" for name, limit in LIMITS.items() if figures[name] > limit]
    missing = figures["devices"] - figures["discovered"]
    return [*said, f"{missing} devices were not found"] if missing else said


def main() -> None:
    """Print a table, then one line of JSON; exit with 1 where a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (1)")
    parser.add_argument("--firmware", choices=("zstack", "ezsp"), default="zstack", help="of the ZigBee stick (zstack)")
    parser.add_argument("--verbose", action="store_true", help="with the hub's log")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.CRITICAL)
    figures = asyncio.run(measured(arguments.quick, arguments.seed, arguments.firmware))
    said = warnings(figures)
    for warning in said:
        print(f"above the limit: {warning}")
    print(json.dumps(figures))
    sys.exit(1 if said else 0)


if __name__ == "__main__":
    main()
