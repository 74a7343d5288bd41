"""All that one Bluetooth device says: what it advertises, and what it is told and answers over the hub's connection.

A connection has two ends only, so nobody else's can be listened in on.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from agent.adapters.ble.link import Link, Links, Talk
from agent.adapters.ble.radio import Heard, Radio, mac_of
from agent.adapters.ble.shelly_frames import DATA, RX_CTL, TX_CTL
from agent.adapters.ble.switchbot_frames import NOTIFY
from agent.adapters.shelly.messages import LARGEST_FRAME_BYTES
from agent.errors import SettingsInvalid

ADVERTISEMENT, CHARACTERISTIC = "advertisement", "characteristic"
"""By what a message is told apart."""
Hear = Callable[[bool, str, str, bytes, bool], None]
"""Told of one message: whether the device said it (or was told it), ADVERTISEMENT or CHARACTERISTIC, which one, the
bytes, whether it is old (never)."""

_NAMES = {NOTIFY: "answer"}
"""As profiles call them; others go by their UUID."""
_FRAME = "frame"
_MOST_TOLD = 64
"""Kinds of data of one device, more than any advertises."""


class AirTap:
    """Listens to what one device advertises."""

    def __init__(self, radio: Radio) -> None:
        self._radio = radio

    @contextmanager
    def tap(self, address: str, hear: Hear) -> Iterator[None]:
        """Tell `hear` what a device says anew, until the block ends. Raises SettingsInvalid for what is no MAC."""
        mac = mac_of(address)
        if mac is None:
            raise SettingsInvalid(f"{address!r} is no address of a Bluetooth device such as A0:B1:C2:D3:E4:F5")
        told: dict[str, bytes] = {}
        listening = True

        def listen(heard: Heard, _fresh: bool) -> None:  # noqa: FBT001 - as the radio's listeners
            parts = {f"manufacturer {company:#06x}": data for company, data in heard.manufacturer_data.items()}
            parts |= {f"service {uuid}": data for uuid, data in heard.service_data.items()}
            for where, data in parts.items():
                if listening and told.get(where) != data and (where in told or len(told) < _MOST_TOLD):
                    told[where] = data
                    hear(True, ADVERTISEMENT, where, data, False)  # noqa: FBT003 - as all taps

        self._radio.listen(mac, listen)
        try:
            yield
        finally:
            listening = False


class HeardLinks(Links):
    """Connections on which one device is listened in on. Its `run` must be kept alive as that of others."""

    def __init__(self, radio: Radio, address: str, hear: Hear) -> None:
        super().__init__(radio)
        self._mac = mac_of(address)
        self._hear = hear

    def to(self, mac: str, *, kept: bool) -> Link:
        """The connection with a device."""
        if mac != self._mac:
            return super().to(mac, kept=kept)
        return self._links.setdefault(mac, _HeardLink(self, self._radio, mac, self._hear, kept=kept))


class _HeardLink(Link):
    """A connection whose conversations are told."""

    def __init__(self, links: Links, radio: Radio, mac: str, hear: Hear, *, kept: bool) -> None:
        super().__init__(links, radio, mac, kept=kept)
        self._hear = hear

    @asynccontextmanager
    async def conversation(self, name: str) -> AsyncIterator[Talk]:
        """As any, and told."""
        async with super().conversation(name) as talk:
            yield _HeardTalk(talk, self._hear)


class _HeardTalk(Talk):
    """A conversation that tells what passes. The pieces of a Shelly's frame are told as one."""

    def __init__(self, talk: Talk, hear: Hear) -> None:
        self._talk = talk
        self._hear = hear
        self._heeds = ""
        self._pieces: dict[bool, bytes] = {}
        """By who speaks, as much as came of a frame, with its length before it."""

    @property
    def alive(self) -> bool:
        """Whether the connection stands."""
        return self._talk.alive

    def lose(self) -> None:
        """The connection is gone."""
        self._talk.lose()

    async def write(self, uuid: str, value: bytes, *, acknowledged: bool) -> None:
        """Write a characteristic."""
        self._tell(uuid, value, from_device=False)
        await self._talk.write(uuid, value, acknowledged=acknowledged)

    async def read(self, uuid: str) -> bytes:
        """Read a characteristic."""
        value = await self._talk.read(uuid)
        self._tell(uuid, value, from_device=True)
        return value

    async def heed(self, uuid: str) -> None:
        """Have the device notify of a characteristic from now on."""
        self._heeds = uuid
        await self._talk.heed(uuid)

    async def notified(self) -> bytes:
        """Return the next notification."""
        value = await self._talk.notified()
        self._tell(self._heeds, value, from_device=True)
        return value

    def drain(self) -> None:
        """Forget the notifications that nobody has read."""
        self._talk.drain()

    def chunk_bytes(self, uuid: str) -> int:
        """How much can be written to a characteristic at once."""
        return self._talk.chunk_bytes(uuid)

    async def close(self) -> None:
        """Let go of the device."""
        await self._talk.close()

    def _tell(self, uuid: str, value: bytes, *, from_device: bool) -> None:
        if uuid in (TX_CTL, RX_CTL):
            self._pieces[from_device] = value if any(value) else b""
        elif uuid == DATA:
            whole = self._pieces.get(from_device, b"") + value
            length = min(LARGEST_FRAME_BYTES, int.from_bytes(whole[:4], "big")) + 4
            self._pieces[from_device] = whole[:length]
            if 4 < length <= len(whole):
                self._hear(from_device, CHARACTERISTIC, _FRAME, self._pieces.pop(from_device), False)  # noqa: FBT003
        elif value:
            self._hear(from_device, CHARACTERISTIC, _NAMES.get(uuid, uuid), value, False)  # noqa: FBT003
