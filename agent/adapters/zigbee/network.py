"""The hub's own ZigBee network: formed or resumed, kept for ever, restored onto a blank stick."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from math import ceil
from pathlib import Path
from typing import Any

from zigpy.types import EUI64

from agent.adapters.zigbee.devices import Probe, ZigbeeMeter, ZigbeeSwitch, ZigbeeThermometer
from agent.adapters.zigbee.joining import arrange_reports
from agent.adapters.zigbee.polls import Polls
from agent.adapters.zigbee.radio import Application, RadioSettings, ZigbeeAway, called, opened
from agent.adapters.zigbee.readings import abilities_of
from agent.adapters.zigbee.recording import Ears, Hear
from agent.adapters.zigbee.returning import Returning
from agent.adapters.zigbee.seeking import seek
from agent.adapters.zigbee.station import Link, Station
from agent.domain.device import Ability, Adoption, Protocol, Sighting
from agent.errors import DeviceError, SettingsInvalid
from agent.ports import Clock, Device
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.switching.certain import CertainRelay

_log = logging.getLogger(__name__)

DATABASE = "zigbee.sqlite"
_LONGEST_PERMIT_S = 254
_GREETED_S = 1.0
"""Wall seconds in which a known device must answer a scan to count as reachable."""
_LEAVES_S = 7.0
"""Wall seconds for a farewell: so long a message waits for a device that sleeps."""
_LOOKED_EVERY_S = 1.0
_BACKUP_EVERY_S = 24 * 3600.0
_BACKUP_AFTER_FRAMES = 2_000
"""A network that is restored goes on 10 000 frames later, so a backup may not be older than that."""
_MOST_WAITING = 256
"""Devices that wait for their reports to be arranged."""
_SLEEPS_S = 3600.0
"""A device with a battery counts as reachable for so many wall seconds after its last word."""
_VERSION = (0x0000, 0x0000)

ConnectionListener = Callable[[bool, str], None]


class ZigbeeNetwork:
    """All ZigBee devices of the home."""

    def __init__(
        self,
        settings: RadioSettings,
        folder: Path,
        clock: Clock,
        profiles: Profiles,
        *,
        retry_s: tuple[float, float] = (1.0, 60.0),
        polls_per_s: float = 4.0,
        on_connection: ConnectionListener | None = None,
    ) -> None:
        """`folder` holds the database of the network, with its keys and backups. `retry_s` are wall seconds."""
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._profiles = profiles
        self._retry_s = retry_s
        self._polls = Polls(polls_per_s)
        self.on_connection = on_connection
        self._link = Link()
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self._told: tuple[bool, str] | None = None
        self._stations: dict[str, Station] = {}
        self._meters: list[ZigbeeMeter] = []
        self._joined: asyncio.Queue[Any] = asyncio.Queue(_MOST_WAITING)
        self._returning = Returning(self._polls)
        self._ears = Ears()
        self._jitter = random.SystemRandom()

    # ---- life

    async def run(self) -> None:
        """Keep the connection until cancelled: reconnect with a pause that doubles up to a limit, and jitter."""
        shortest_s, longest_s = self._retry_s
        pause_s = shortest_s
        loop = asyncio.get_running_loop()
        while True:
            tried_at_s = loop.time()
            try:
                await self._session()
            except ZigbeeAway as error:
                self._tell(well=False, detail=f"{self._settings.path}: {error}")
            if loop.time() - tried_at_s > longest_s:
                pause_s = shortest_s
            await asyncio.sleep(pause_s * self._jitter.uniform(0.5, 1.0))
            pause_s = min(longest_s, pause_s * 2)

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait at most `timeout_s` wall seconds for the coordinator. Raises ZigbeeAway."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError as error:
            raise ZigbeeAway(f"the ZigBee coordinator is away: {self._link.reason}") from error

    async def _session(self) -> None:
        """One connection, until it is lost. Raises ZigbeeAway."""
        self._lost = asyncio.Event()
        async with opened(self._settings, self._folder / DATABASE) as app:
            app.add_listener(self)
            self._ears.attach(app)
            self._link.application = app
            for device in list(app.devices.values()):
                self._attach(device)
            self._up.set()
            self._tell(well=True, detail=f"{self._settings.path}, channel {app.state.network_info.channel}")
            try:
                await self._live(app)
            finally:
                self._up.clear()
                self._link.application = None
                for station in self._stations.values():
                    station.detach()
        raise ZigbeeAway(self._link.reason)

    async def _live(self, app: Application) -> None:
        chores: list[Callable[[], Coroutine[None, None, None]]] = [
            lambda: self._welcome(app),
            lambda: self._back_up_daily(app),
            self._keep_fresh,
            self._returning.ask,
            lambda: seek(app, self._stations.values),
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(chore()) for chore in chores]
            try:
                await self._lost.wait()
            finally:
                for task in tasks:
                    task.cancel()

    def _tell(self, *, well: bool, detail: str) -> None:
        """Say once that the coordinator was lost, and once that it is back."""
        if not well:
            self._link.reason = detail
        if self._told is not None and self._told[0] is well:
            return
        self._told = (well, detail)
        if well:
            _log.info("ZigBee coordinator connected: %s", detail)
        else:
            _log.warning("ZigBee coordinator lost: %s", detail)
        if self.on_connection is not None:
            self.on_connection(well, detail)

    # ---- what the library tells

    def connection_lost(self, error: BaseException | None) -> None:
        """The port is gone, or the coordinator hangs."""
        self._link.reason = "it does not answer" if isinstance(error, TimeoutError) else "the connection was lost"
        self._link.application = None
        self._lost.set()

    def device_initialized(self, device: Any) -> None:  # noqa: ANN401 - zigpy's device
        """A device has joined and has said what it is, or is back under another address."""
        if device.nwk != 0x0000:
            self._attach(device)
            self.device_announce(device)
            if not self._joined.full():
                self._joined.put_nowait(device)

    def device_announce(self, device: Any) -> None:  # noqa: ANN401
        """A device says that it is there, as after a power cut: its relay may stand otherwise than before."""
        station = self._stations.get(str(device.ieee))
        if station is not None:
            station.returns += 1
            self._returning.add(station)

    def handle_message(self, device: Any, _profile: int, cluster: int, source: int, _to: int, frame: bytes) -> None:  # noqa: ANN401
        """Anything was heard."""
        self._ears.hear(device, cluster, source, frame, from_device=True)

    def device_removed(self, device: Any) -> None:  # noqa: ANN401
        """A device was forgotten."""
        self._detach(device)

    def device_left(self, device: Any) -> None:  # noqa: ANN401
        """A device says that it leaves; it is known if it comes back."""
        _log.info("%s has left the ZigBee network", device.ieee)

    def _attach(self, device: Any) -> None:  # noqa: ANN401
        station = self._stations.get(str(device.ieee))
        if station is not None and device.is_initialized and station.attach(device):
            device.zdo.add_listener(self)

    def _detach(self, device: Any) -> None:  # noqa: ANN401
        station = self._stations.get(str(device.ieee))
        if station is not None:
            station.detach()

    # ---- chores

    async def _welcome(self, app: Application) -> None:
        """Arrange reports with each device that joins, and then keep its key in a backup."""
        while True:
            device = await self._joined.get()
            try:
                arranged, total = await called(lambda: arrange_reports(device))  # noqa: B023 - awaited at once
            except ZigbeeAway:
                continue  # what was lost is told elsewhere
            _log.info("%s: %d of %d reports are arranged", device.ieee, arranged, total)
            if self._joined.empty():
                await self._back_up(app)

    async def _back_up_daily(self, app: Application) -> None:
        backup = app.backups.most_recent_backup()
        counted = app.state.network_info.network_key.tx_counter
        if backup is None or counted - backup.network_info.network_key.tx_counter > _BACKUP_AFTER_FRAMES:
            await self._back_up(app)
        while True:
            await asyncio.sleep(_BACKUP_EVERY_S)
            await self._back_up(app)

    async def _back_up(self, app: Application) -> None:
        try:
            await called(app.backups.create_backup)
        except ZigbeeAway as error:
            _log.warning("no backup of the ZigBee network could be made: %s", error)

    async def _keep_fresh(self) -> None:
        """Ask meters that are late with their reports, one after the other, so that a step need not."""
        while True:
            await asyncio.sleep(_LOOKED_EVERY_S * self._jitter.uniform(0.5, 1.5))
            for meter in [meter for meter in self._meters if meter.due()]:
                try:
                    await meter.polled(at_once=True)
                except DeviceError as error:
                    _log.debug("%s", error)

    # ---- what the hub asks

    async def scan(self, duration_s: float) -> Sequence[Sighting]:
        """Let devices join for `duration_s` wall seconds, at most 254, and return all that are known.

        Raises ZigbeeAway.
        """
        await self.wait_connected(duration_s)
        app = self._link.require()
        await called(lambda: app.permit(min(_LONGEST_PERMIT_S, max(1, ceil(duration_s)))))
        try:
            await asyncio.sleep(duration_s)
        finally:
            await called(lambda: app.permit(0))
        known = [device for device in app.devices.values() if device.nwk != 0x0000 and device.is_initialized]
        answered = await asyncio.gather(*(self._greeted(device) for device in known))
        return [
            self._sighting(device, reachable=reachable)
            for device, reachable in sorted(zip(known, answered, strict=True), key=lambda pair: str(pair[0].ieee))
        ]

    async def forget(self, address: str) -> bool:
        """Tell a device to leave, and forget it whether it hears that or not; return whether it says that it leaves.

        What has joined through it stays. Raises ZigbeeAway, SettingsInvalid.
        """
        app = self._link.require()
        device = app.devices.get(_ieee(address, address))
        if device is None or device.nwk == 0x0000:
            return False
        leaves = await _leaves(device)
        device.cancel_initialization()
        app.devices.pop(device.ieee, None)
        app.listener_event("device_removed", device)
        return leaves

    def tap(self, address: str, hear: Hear) -> AbstractContextManager[None]:
        """Tell `hear` all that passes between the hub and a device. Raises SettingsInvalid for what is no address."""
        return self._ears.tap(str(_ieee(address, address)), hear)

    def has(self, address: str) -> bool:
        """Whether a device is a member of this network, as far as the coordinator is there to tell."""
        app = self._link.application
        return app is not None and _ieee(address, address) in app.devices

    def device(self, adoption: Adoption, ends_after_s: float | None = None) -> Device:
        """A device of the home by its IEEE address. Raises ProfileInvalid, SettingsInvalid for what is no address."""
        known, name = self._profiles.named(adoption.profile), adoption.name
        station = self._station(str(_ieee(adoption.address, f"devices.{name}.address")))
        deadline_s = known.deadline_s(adoption.deadline_s)
        relay, meter, thermometer = None, None, None
        if Ability.RELAY in known.abilities:
            relay = CertainRelay(
                ZigbeeSwitch(station, name, adoption.channel, ends_itself=known.ends_itself),
                self._clock,
                name,
                deadline_s=deadline_s,
                ends_after_s=ends_after_s,
                turn=station.relay_turn,
            )
        probe = Probe(station, self._clock, self._polls, name, deadline_s)
        if Ability.METER in known.abilities:
            meter = ZigbeeMeter(probe, self._clock, 1 if relay is not None else adoption.channel, known)
            self._meters.append(meter)
        if Ability.THERMOMETER in known.abilities:
            thermometer = ZigbeeThermometer(probe, self._clock, adoption.channel, known)
        return Device(name=name, role=adoption.role, relay=relay, meter=meter, thermometer=thermometer)

    def _station(self, address: str) -> Station:
        station = self._stations.get(address)
        if station is None:
            station = self._stations[address] = Station(self._link, self._clock, address)
            app = self._link.application
            for device in () if app is None else list(app.devices.values()):
                self._attach(device)
        return station

    async def _greeted(self, device: Any) -> bool:  # noqa: ANN401
        """Whether a device answers; one that sleeps, whether it has said something not long ago."""
        station = self._stations.get(str(device.ieee))
        if station is None:
            station = Station(self._link, self._clock, str(device.ieee))
            station.attach(device)
        try:
            async with asyncio.timeout(_GREETED_S):
                endpoint = station.endpoint(station.address, _VERSION[0], 1)
                await station.ask(station.address, endpoint, [_VERSION])
        except (TimeoutError, DeviceError):
            return station.sleeps and time.time() - (device.last_seen or 0.0) < _SLEEPS_S
        return True

    def _sighting(self, device: Any, *, reachable: bool) -> Sighting:  # noqa: ANN401
        clusters = frozenset(number for endpoint in device.non_zdo_endpoints for number in endpoint.in_clusters)
        model, manufacturer = str(device.model or "")[:100], str(device.manufacturer or "")[:100]
        can = abilities_of(clusters)
        return Sighting(
            protocol=Protocol.ZIGBEE,
            address=str(device.ieee),
            profile=self._fitting(manufacturer, model, can),
            label=f"{manufacturer} {model}".strip(),
            model=model,
            firmware="",
            reachable=reachable,
            abilities=can,
        )

    def _fitting(self, manufacturer: str, model: str, shows: frozenset[Ability]) -> str | None:
        """The profile of that manufacturer's model; else one that does not ask who made it."""
        theirs = {name: known for name, known in self._profiles.items() if manufacturer in known.zigbee.manufacturers}
        anyones = {name: known for name, known in self._profiles.items() if not known.zigbee.manufacturers}
        for profiles in (Profiles(theirs), Profiles(anyones)):
            name = profiles.fitting(Protocol.ZIGBEE, Family.ZIGBEE, model, shows)
            if name is not None:
                return name
        return None


async def _leaves(device: Any) -> bool:  # noqa: ANN401
    """Whether a device that is told to leave says that it does."""
    try:
        async with asyncio.timeout(_LEAVES_S):
            answer = await called(lambda: device.zdo.leave(remove_children=False))
    except (TimeoutError, ZigbeeAway) as error:
        _log.debug("%s was told to leave, and does not answer: %s", device.ieee, error)
        return False
    return int(answer[0]) == 0


def _ieee(address: str, what: str) -> EUI64:
    """The address that a text means. Raises SettingsInvalid."""
    try:
        return EUI64.convert(address.lower().replace("-", ":"))
    except (ValueError, AssertionError) as error:
        raise SettingsInvalid(f"{what}: {address!r} is no IEEE address such as a4:c1:38:00:11:22:33:44") from error
