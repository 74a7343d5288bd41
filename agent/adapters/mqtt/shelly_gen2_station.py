"""One physical Shelly of generation 2 or later as the hub talks with it: where it is, and what it says by itself."""

import asyncio
from collections.abc import Callable

from agent.adapters.mqtt.announced import speak_alike, unseen
from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.shelly_rpc import RpcRefused, ShellyRpc
from agent.adapters.shelly.messages import Call, DeviceStatus, Json, Notification, mac_of, read_frame, read_status
from agent.errors import BrokerUnreachable, DeviceRefused, DeviceUnreachable

_OFFLINE_PATIENCE_S = 1.0
"""A device whose last will says that it is gone is asked all the same, for the will may be late, but not for long."""


class Gen2Station:
    """What is known of one device."""

    def __init__(
        self,
        broker: Broker,
        rpc: ShellyRpc,
        seek: Callable[[], None],
        witness: Callable[[str, str], None],
        mac: str | None,
        alone_s: float,
    ) -> None:
        """`seek` is called where the device is not where it was thought to be, `witness` with whoever speaks there.

        Without a MAC address it is the first that speaks under its prefix. `alone_s` are wall seconds in which another
        device there would have answered, too.
        """
        self._broker = broker
        self._rpc = rpc
        self._seek = seek
        self._witness = witness
        self._alone_s = alone_s
        self._settling: asyncio.TimerHandle | None = None
        self.mac = mac
        self.sharing: frozenset[str] = frozenset()
        """MAC addresses of all devices under its prefix, if it is not alone: an order would switch them all."""
        self.prefix: str | None = None
        """Its topics begin so; None until it was found."""
        self.located = asyncio.Event()
        """Set once it has said that it is there, and others have had the time to say so, too."""
        self.returns = 0
        """How often it has said that it is back."""
        self.online: bool | None = None
        """What its last will or its last word says; None if neither was heard."""
        self.status = DeviceStatus()
        """What it has said by itself, one change laid over the other."""
        self.reporters: dict[int, list[Callable[[bool], None]]] = {}
        """By channel: who is told what its relay says."""
        self.relay_turn = asyncio.Lock()
        self.sensor_turn = asyncio.Lock()

    def locate(self, prefix: str) -> None:
        """It is there from now on, and nowhere else."""
        if prefix == self.prefix:
            return
        if self.prefix is not None:
            self._broker.unsubscribe(f"{self.prefix}/online", self._on_online)
            self._broker.unsubscribe(f"{self.prefix}/events/rpc", self._on_event)
        self.prefix, self.online, self.status = prefix, None, DeviceStatus()
        self._unsettle()
        self._broker.subscribe(f"{prefix}/online", self._on_online)
        self._broker.subscribe(f"{prefix}/events/rpc", self._on_event)

    def _unsettle(self) -> None:
        self.located.clear()
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None

    def answered(self) -> None:
        """It has said who it is: another device under its prefix was asked, too, and is waited for a little."""
        if not self.located.is_set() and self._settling is None:
            self._settling = asyncio.get_running_loop().call_later(self._alone_s, self.located.set)

    async def alone(self, name: str) -> None:
        """Return once it is known who hears an order. May wait for ever. Raises DeviceUnreachable."""
        if self.located.is_set() or self.prefix is None:  # who is nowhere is sent nothing
            return
        if not self._broker.connected:
            raise DeviceUnreachable(name, unseen(self._broker, ""))
        if self._settling is None:
            self._seek()
        await self.located.wait()

    async def call(self, name: str, call: Call) -> Json:
        """Let the device do something and return its result; may wait for ever.

        Raises DeviceUnreachable if nothing can be sent, DeviceRefused if it answers with an error or is not alone.
        """
        if self.prefix is None or self.online is False:
            self._seek()
        if self.prefix is None:
            raise DeviceUnreachable(name, unseen(self._broker, "has not been seen on the broker"))
        self._check_alone(name)
        try:
            result = await self._rpc.ask(self.prefix, call, self._is_mine)
        except BrokerUnreachable as error:
            raise DeviceUnreachable(name, str(error)) from error
        except RpcRefused as error:
            self.online = True
            raise DeviceRefused(name, str(error)) from error
        self.online = True
        self._check_alone(name)
        return result

    def _check_alone(self, name: str) -> None:
        if self.sharing:
            raise DeviceRefused(name, speak_alike(self.sharing, "prefix"))

    def _is_mine(self, source: str) -> bool:
        """Whether what carries this source is the device's; what names none is, unless others are known there."""
        mac = mac_of_source(source)
        if mac is None or self.prefix is None:
            return not self.sharing
        self._witness(self.prefix, mac)
        return mac == self.mac

    async def measured(self, name: str, call: Call, deadline_s: float) -> Json:
        """The same within `deadline_s` wall seconds, one question at a time. Raises the same."""
        async with self.sensor_turn:
            offline = self.online is False
            patience_s = min(deadline_s, _OFFLINE_PATIENCE_S) if offline else deadline_s
            try:
                async with asyncio.timeout(patience_s):
                    return await self.call(name, call)
            except TimeoutError as error:
                gone = ", and its last will says that it is offline" if offline else ""
                raise DeviceUnreachable(name, f"no answer within {patience_s:g} s{gone}") from error

    def _on_online(self, message: Message) -> None:
        self.online = {b"true": True, b"false": False}.get(message.payload)
        if self.online and not message.retained:  # it started anew, or it is another one under its prefix
            self.returns += 1
            self._unsettle()

    def _on_event(self, message: Message) -> None:
        if message.retained:  # what the broker kept tells the past
            return
        frame = read_frame(message.payload)
        if not isinstance(frame, Notification) or not self._is_mine(frame.source):
            return
        self.online = True
        if not frame.tells_status:
            return
        news = read_status(frame.params)
        self.status = self.status.merged(news)
        for channel, switch in news.switches.items():
            if switch.output is not None:
                for report in self.reporters.get(channel, ()):
                    report(switch.output)


def mac_of_source(source: str) -> str | None:
    """The MAC address of a device that calls itself so in its frames, as shellyplus1pm-a0b1c2d3e4f5."""
    return mac_of(source.rpartition("-")[2])
