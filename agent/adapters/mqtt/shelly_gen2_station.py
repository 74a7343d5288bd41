"""One physical Shelly of generation 2 or later as the hub talks with it: where it is, and what it says by itself."""

import asyncio
from collections.abc import Callable

from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.shelly_rpc import RpcRefused, ShellyRpc
from agent.adapters.shelly.messages import Call, DeviceStatus, Json, Notification, read_frame, read_status
from agent.errors import BrokerUnreachable, DeviceRefused, DeviceUnreachable

_OFFLINE_PATIENCE_S = 1.0
"""A device whose last will says that it is gone is asked all the same, for the will may be late, but not for long."""


class Gen2Station:
    """What is known of one device."""

    def __init__(self, broker: Broker, rpc: ShellyRpc, seek: Callable[[], None]) -> None:
        """`seek` is called where the device is not where it was thought to be."""
        self._broker = broker
        self._rpc = rpc
        self._seek = seek
        self.prefix: str | None = None
        """Its topics begin so; None until it was found."""
        self.located = asyncio.Event()
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
        self.located.set()
        self._broker.subscribe(f"{prefix}/online", self._on_online)
        self._broker.subscribe(f"{prefix}/events/rpc", self._on_event)

    async def call(self, name: str, call: Call) -> Json:
        """Let the device do something and return its result; may wait for ever.

        Raises DeviceUnreachable if nothing can be sent, DeviceRefused if it answers with an error.
        """
        if self.prefix is None or self.online is False:
            self._seek()
        if self.prefix is None:
            raise DeviceUnreachable(name, "has not been seen on the broker")
        try:
            result = await self._rpc.ask(self.prefix, call)
        except BrokerUnreachable as error:
            raise DeviceUnreachable(name, str(error)) from error
        except RpcRefused as error:
            self.online = True
            raise DeviceRefused(name, str(error)) from error
        self.online = True
        return result

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

    def _on_event(self, message: Message) -> None:
        if message.retained:  # what the broker kept tells the past
            return
        frame = read_frame(message.payload)
        if not isinstance(frame, Notification):
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
