"""The home's Bluetooth radio: one scanner for all devices, what it heard last, and its return when it was lost.

bleak speaks with BlueZ over D-Bus. Bluetooth may be absent altogether (no bus, no BlueZ, no adapter): the hub goes on
without it, and looks again after a pause that doubles up to a limit, with jitter.
"""

import asyncio
import logging
import random
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from bleak import BleakAdapter, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError, BleakError

from agent.errors import HubError, RadioAway
from agent.ports import Clock

_log = logging.getLogger(__name__)

BROKEN = (BleakError, OSError, EOFError, ValueError, AssertionError, AttributeError)
"""What bleak raises when BlueZ, the bus or the wire fails: where a bus dies under a call it asserts, or trips over the
answer that is missing. Caught only around calls into bleak."""
_MOST_HEARD = 512
"""More devices than any flat hears; of others the one that was silent longest is forgotten."""
_LARGEST_BYTES = 2048
"""No advertisement is larger, extended ones included."""
_MOST_FIELDS = 32
_LONGEST_NAME = 100
_MOST_COMPLAINTS = 100
_CALL_S = 10.0
"""BlueZ answers at once or not at all."""
_MAC = re.compile("[0-9A-F]{12}")


class BluetoothAway(RadioAway):
    """There is no Bluetooth: no bus, no BlueZ, no adapter, or it is switched off."""


@dataclass(frozen=True)
class Heard:
    """What one device said last."""

    mac: str
    """Six bytes as hex with colons, upper case."""
    name: str
    manufacturer_data: Mapping[int, bytes]
    service_data: Mapping[str, bytes]
    rssi_dbm: int
    at: datetime
    """Domain time."""
    at_s: float
    """The loop's time."""
    device: BLEDevice
    """What bleak needs to connect."""

    def says(self, other: "Heard") -> bool:
        """Whether it says the very same as another."""
        return (self.manufacturer_data, self.service_data) == (other.manufacturer_data, other.service_data)


Listener = Callable[[Heard, bool], None]
"""Told what a device says, and whether that is new; BlueZ repeats old data when anything else changes. A HubError that
it raises is logged and forgotten, anything else ends `run`."""

ConnectionListener = Callable[[bool, str], None]
"""Told once when Bluetooth is lost (False, why) and once when it is back (True, which)."""


def mac_of(address: str) -> str | None:
    """The MAC address, with colons, that an owner's address means; None if it is none."""
    plain = address.replace(":", "").replace("-", "").upper()
    return ":".join(plain[i : i + 2] for i in range(0, 12, 2)) if _MAC.fullmatch(plain) else None


class Radio:
    """One adapter. Nothing is heard until `run` does."""

    def __init__(
        self,
        clock: Clock,
        *,
        on_connection: ConnectionListener | None = None,
        retry_s: tuple[float, float] = (1.0, 60.0),
        check_s: float = 1.0,
        silent_s: float = 120.0,
    ) -> None:
        """After `silent_s` wall seconds without a word from anybody the scan is begun anew: it may be stuck."""
        self._clock = clock
        self.on_connection = on_connection
        self._retry_s = retry_s
        self._check_s = check_s
        self._silent_s = silent_s
        self._heard: OrderedDict[str, Heard] = OrderedDict()
        self._listeners: dict[str, list[Listener]] = {}
        self._up = asyncio.Event()
        self._told: bool | None = None
        self._bug: BaseException | None = None
        self._complained: set[str] = set()
        self._last_s = 0.0
        self.reason = "it was not looked for yet"
        """Why Bluetooth is away, if it is."""

    @property
    def up(self) -> bool:
        """Whether it listens now."""
        return self._up.is_set()

    async def wait_up(self, timeout_s: float) -> None:
        """Wait until it listens. Raises BluetoothAway after `timeout_s` wall seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError as error:
            raise BluetoothAway(f"Bluetooth is away: {self.reason}") from error

    def listen(self, mac: str, listener: Listener) -> None:
        """Tell `listener` what a device says, at once what it said last; such a device is never forgotten."""
        self._listeners.setdefault(mac, []).append(listener)
        if mac in self._heard:
            self._tell(listener, self._heard[mac], fresh=False)

    def heard(self, mac: str) -> Heard | None:
        """What a device said last."""
        return self._heard.get(mac)

    def all_heard(self) -> Iterator[Heard]:
        """What every device said last that is remembered."""
        return iter(tuple(self._heard.values()))

    async def run(self) -> None:
        """Listen until cancelled, whenever there is Bluetooth."""
        shortest_s, longest_s = self._retry_s
        pause_s, jitter, loop = shortest_s, random.SystemRandom(), asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self._scan()
                continue  # it was silent too long: at once again
            except BluetoothAway as error:
                self._lost(str(error))
            if loop.time() - began_s > longest_s:
                pause_s = shortest_s
            await asyncio.sleep(pause_s * jitter.uniform(0.5, 1.5))
            pause_s = min(longest_s, 2 * pause_s)

    async def _scan(self) -> None:
        """Listen until nobody is heard any more. Raises BluetoothAway."""
        scanner = BleakScanner(self._on_advertisement, bluez={"filters": {"DuplicateData": True}})
        try:
            try:
                async with asyncio.timeout(_CALL_S):
                    await scanner.start()
            except BROKEN as error:
                raise self._away(error) from error
            self._came()
            await self._watch()
        finally:
            self._up.clear()
            self.reason = self.reason or "it begins to listen anew"
            with suppress(*BROKEN):
                async with asyncio.timeout(_CALL_S):
                    await scanner.stop()

    async def _watch(self) -> None:
        """Return when nobody was heard for long. Raises BluetoothAway when the adapter is gone."""
        loop = asyncio.get_running_loop()
        self._last_s = loop.time()
        while loop.time() - self._last_s < self._silent_s:
            await asyncio.sleep(self._check_s)
            if self._bug is not None:
                raise self._bug
            try:
                async with asyncio.timeout(_CALL_S):
                    await BleakAdapter.get()
            except BROKEN as error:
                raise self._away(error) from error

    def _away(self, error: BaseException) -> BluetoothAway:
        self.reason = _reason(error)
        return BluetoothAway(self.reason)

    def _came(self) -> None:
        self._up.set()
        self.reason = ""
        if self._told is not True:
            _log.log(logging.INFO if self._told is None else logging.WARNING, "Bluetooth listens")
            if self._told is False and self.on_connection is not None:
                self.on_connection(True, "Bluetooth listens")  # noqa: FBT003 - as the broker's listener
            self._told = True

    def _lost(self, reason: str) -> None:
        if self._told is not False:
            _log.warning("Bluetooth is away: %s", reason)
            self._told = False
            if self.on_connection is not None:
                self.on_connection(False, f"Bluetooth is away: {reason}")  # noqa: FBT003 - as the broker's listener

    def _on_advertisement(self, device: BLEDevice, data: AdvertisementData) -> None:
        heard = self._read(device, data)
        if heard is None:
            return
        self._last_s = heard.at_s
        before = self._heard.pop(heard.mac, None)
        if before is None and len(self._heard) >= _MOST_HEARD:
            del self._heard[next(mac for mac in self._heard if mac not in self._listeners)]
        self._heard[heard.mac] = heard
        for listener in tuple(self._listeners.get(heard.mac, ())):
            self._tell(listener, heard, fresh=before is None or not heard.says(before))

    def _read(self, device: BLEDevice, data: AdvertisementData) -> Heard | None:
        mac = mac_of(device.address)
        fields = [*data.manufacturer_data.values(), *data.service_data.values()]
        if mac is None or len(fields) > _MOST_FIELDS or sum(map(len, fields)) > _LARGEST_BYTES:
            return None
        return Heard(
            mac=mac,
            name=(data.local_name or "")[:_LONGEST_NAME],
            manufacturer_data=dict(data.manufacturer_data),
            service_data={uuid.lower(): value for uuid, value in data.service_data.items()},
            rssi_dbm=data.rssi,
            at=self._clock.now(),
            at_s=asyncio.get_running_loop().time(),
            device=device,
        )

    def _tell(self, listener: Listener, heard: Heard, *, fresh: bool) -> None:
        try:
            listener(heard, fresh)
        except HubError as error:
            complaint = f"{heard.mac}: {error}"
            if complaint not in self._complained and len(self._complained) < _MOST_COMPLAINTS:
                self._complained.add(complaint)
                _log.warning("cannot be read, and is passed over: %s", complaint)
        except Exception as bug:  # noqa: BLE001 - D-Bus would only log it, `run` raises it
            self._bug = bug


def _reason(error: BaseException) -> str:
    """What is wrong, for people."""
    if isinstance(error, FileNotFoundError):
        return "there is no D-Bus here (is the container given /run/dbus?)"
    if isinstance(error, TimeoutError):
        return "BlueZ does not answer"
    if isinstance(error, BleakDBusError) and error.dbus_error.endswith(".ServiceUnknown"):
        return "BlueZ (bluetoothd) does not run"
    if isinstance(error, BleakBluetoothNotAvailableError):
        return str(error.args[0])
    return str(error) or f"BlueZ failed ({type(error).__name__})"
