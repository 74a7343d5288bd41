"""Connections with single devices: one conversation at a time for each, three connections at once in all.

A connection that was broken off in the middle of a conversation is closed, so nothing that it still carries can ever
answer a later question. One that ended well is kept for the next conversation: for good, or for a few seconds.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakCharacteristicNotFoundError, BleakDBusError

from agent.adapters.ble.radio import BROKEN, Radio
from agent.domain.device import Name
from agent.errors import DeviceError, DeviceRefused, DeviceUnreachable, HubError

_CONNECT_S = 30.0
"""Callers give up earlier; this only ends what nobody waits for any more."""
_CLOSE_S = 3.0
_MOST_CONNECTIONS = 3
"""Cheap radios hold five to seven, and scan the worse the more they hold."""
_LINGER_S = 4.0
"""So long a connection stays open for what follows: an order is followed by a question."""
_AGAIN_S = 0.1
_MOST_UNREAD = 64
_LEAST_CHUNK = 20
_LARGEST_CHUNK = 512
"""No characteristic holds more."""
_SILENT_S = 180.0
"""A device that was not heard for so long (wall time) is thought to be away."""


class LinkBroken(HubError):
    """The connection could not be made, or broke."""

    retryable = True


class Talk:
    """One open connection, in the hand of a conversation. Everything raises LinkBroken; may wait for ever."""

    def __init__(self, client: BleakClient) -> None:
        self._client = client
        self._inbox: deque[bytes] = deque(maxlen=_MOST_UNREAD)
        self._news = asyncio.Event()
        self._heeded: set[str] = set()
        self._gone = False

    @property
    def alive(self) -> bool:
        """Whether the connection stands."""
        return not self._gone and self._client.is_connected

    def lose(self) -> None:
        """The connection is gone: who waits for an answer is told."""
        self._gone = True
        self._news.set()

    async def write(self, uuid: str, value: bytes, *, acknowledged: bool) -> None:
        """Write a characteristic; with `acknowledged` return when the device's radio has taken it."""
        try:
            await self._client.write_gatt_char(uuid, value, response=acknowledged)
        except BleakCharacteristicNotFoundError:
            raise
        except BROKEN as error:
            raise LinkBroken(f"the connection broke while it was told something ({error})") from error

    async def read(self, uuid: str) -> bytes:
        """Read a characteristic."""
        try:
            return bytes(await self._client.read_gatt_char(uuid))
        except BleakCharacteristicNotFoundError:
            raise
        except BROKEN as error:
            raise LinkBroken(f"the connection broke while it was asked ({error})") from error

    async def heed(self, uuid: str) -> None:
        """Have the device notify of a characteristic from now on."""
        if uuid in self._heeded:
            return
        try:
            await self._client.start_notify(uuid, self._notified)
        except BleakCharacteristicNotFoundError:
            raise
        except BROKEN as error:
            raise LinkBroken(f"the connection broke while it was asked to notify ({error})") from error
        self._heeded.add(uuid)

    async def notified(self) -> bytes:
        """Return the next notification."""
        while not self._inbox:
            if not self.alive:
                raise LinkBroken("the connection broke before it answered")
            self._news.clear()
            await self._news.wait()
        return self._inbox.popleft()

    def drain(self) -> None:
        """Forget the notifications that nobody has read."""
        self._inbox.clear()

    def chunk_bytes(self, uuid: str) -> int:
        """How much can be written to a characteristic at once."""
        characteristic = self._client.services.get_characteristic(uuid) if self.alive else None
        size = _LEAST_CHUNK if characteristic is None else characteristic.max_write_without_response_size
        return min(_LARGEST_CHUNK, max(_LEAST_CHUNK, size))

    async def close(self) -> None:
        """Let go of the device. Needed for a connection that is lost too, for it holds a bus."""
        with suppress(*BROKEN):
            async with asyncio.timeout(_CLOSE_S):
                await self._client.disconnect()

    def _notified(self, _characteristic: BleakGATTCharacteristic, value: bytearray) -> None:
        self._inbox.append(bytes(value[:_LARGEST_CHUNK]))
        self._news.set()


class Link:
    """The connection with one device, open or not."""

    def __init__(self, links: "Links", radio: Radio, mac: str, *, kept: bool) -> None:
        self._links = links
        self._radio = radio
        self._mac = mac
        self.kept = kept
        self.turn = asyncio.Lock()
        """One conversation at a time."""
        self.used_s = 0.0
        self._talk: Talk | None = None

    @property
    def alive(self) -> bool:
        """Whether the device is connected."""
        return self._talk is not None and self._talk.alive

    @property
    def open(self) -> bool:
        """Whether there is a connection, be it lost, or still about to come or go."""
        return self._talk is not None

    @property
    def away(self) -> str:
        """Why the device is thought to be away; empty if it is not."""
        if self.alive:
            return ""
        if not self._radio.up:
            return f"Bluetooth is away: {self._radio.reason}"
        heard = self._radio.heard(self._mac)
        if heard is None:
            return "it was not heard yet"
        silent_s = asyncio.get_running_loop().time() - heard.at_s
        return f"it was not heard for {silent_s:.0f} s" if silent_s > _SILENT_S else ""

    @asynccontextmanager
    async def conversation(self, name: Name) -> AsyncIterator[Talk]:
        """Wait for the turn, and connect where need be. May wait for ever.

        Raises DeviceUnreachable, and DeviceRefused if the device lacks what it was asked for.
        """
        try:
            async with self.turn, self._translated(name):
                yield await self._connected()
        finally:
            self.used_s = asyncio.get_running_loop().time()
            self._links.stir()

    @asynccontextmanager
    async def _translated(self, name: Name) -> AsyncIterator[None]:
        """Close what was broken off, and say what was wrong with which device."""
        try:
            yield
        except DeviceError:
            raise
        except BleakCharacteristicNotFoundError as error:
            await self.close()
            said = f"lacks the characteristic {error.char_specifier}; is this its profile, and is that switched on?"
            raise DeviceRefused(name, said) from error
        except LinkBroken as error:
            await self.close()
            raise DeviceUnreachable(name, str(error)) from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of the device."""
        talk = self._talk
        try:
            if talk is not None:
                await talk.close()
        finally:
            if self._talk is talk:
                self._talk = None
                self._links.release(self)

    async def _connected(self) -> Talk:
        if self._talk is not None and self._talk.alive:
            return self._talk
        await self.close()
        if not self._radio.up:
            raise LinkBroken(f"Bluetooth is away: {self._radio.reason}")
        heard = self._radio.heard(self._mac)
        if heard is None:
            raise LinkBroken("was not heard by Bluetooth yet")
        await self._links.slot(self)
        client = BleakClient(heard.device, disconnected_callback=self._on_disconnected, timeout=_CONNECT_S)
        self._talk = Talk(client)
        while True:
            try:
                await client.connect()
            except BleakDBusError as error:
                if not error.dbus_error.endswith(".InProgress"):
                    raise LinkBroken(f"cannot be connected: {error}") from error
                await asyncio.sleep(_AGAIN_S)  # the radio is busy with another connection
            except BROKEN as error:
                raise LinkBroken(f"cannot be connected: {str(error) or 'no answer'}") from error
            else:
                return self._talk

    def _on_disconnected(self, _client: BleakClient) -> None:
        if self._talk is not None:
            self._talk.lose()


class Links:
    """All connections of the home. Those that linger are let go of by `run`."""

    def __init__(
        self, radio: Radio, *, most: int = _MOST_CONNECTIONS, linger_s: float = _LINGER_S, check_s: float = 1.0
    ) -> None:
        self._radio = radio
        self._most = most
        self._linger_s = linger_s
        self._check_s = check_s
        self._links: dict[str, Link] = {}
        self._held: set[Link] = set()
        self._freed = asyncio.Event()

    def to(self, mac: str, *, kept: bool) -> Link:
        """The connection with a device."""
        return self._links.setdefault(mac, Link(self, self._radio, mac, kept=kept))

    async def slot(self, link: Link) -> None:
        """Wait until there is room for one more connection; those that nobody uses make room."""
        while len(self._held) >= self._most:
            idle = [held for held in self._held if not held.turn.locked()]
            if idle:
                await self._let_go(min(idle, key=lambda held: held.used_s))
            else:
                self._freed.clear()
                await self._freed.wait()
        self._held.add(link)

    def release(self, link: Link) -> None:
        """Its place is free."""
        self._held.discard(link)
        self.stir()

    def stir(self) -> None:
        """Somebody is done: who waits for room looks again."""
        self._freed.set()

    async def run(self) -> None:
        """Let go of connections that nobody uses any more until cancelled, and then of all."""
        try:
            while True:
                await asyncio.sleep(self._check_s)
                await self.sweep()
        finally:
            for link in tuple(self._held):
                await link.close()

    async def sweep(self) -> None:
        """Let go of what is lost, and of what was not used for a while."""
        now_s = asyncio.get_running_loop().time()
        for link in tuple(self._held):
            stays = link.alive and (link.kept or now_s - link.used_s < self._linger_s)
            if not stays and not link.turn.locked():
                await self._let_go(link)

    async def _let_go(self, link: Link) -> None:
        async with link.turn:
            await link.close()
