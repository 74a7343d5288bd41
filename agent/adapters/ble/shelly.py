"""Shelly of generation 2 and later over Bluetooth: the same JSON-RPC as over MQTT, carried by three characteristics.

The length of a frame is written, then the frame in pieces; the answer is read the same way once its length is not 0.
An answer counts if it carries the number of its question.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Mapping

from agent.adapters.ble.link import Link, LinkBroken, Talk
from agent.adapters.ble.radio import Heard
from agent.adapters.ble.recognised import Recognised
from agent.adapters.ble.shelly_frames import DATA, RX_CTL, TX_CTL, length_of, read_length, read_shown
from agent.adapters.shelly.messages import (
    Call,
    Reply,
    ShellyMalformed,
    read_frame,
    read_switch,
    switch_set,
    switch_status,
)
from agent.adapters.shelly.starting import start_off
from agent.domain.device import Ability, Name, Reading
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Clock
from agent.profiles.profile import Family
from agent.profiles.rating import plausible_power_w

_SOURCE = "kwh-hub"
_POLL_S = (0.02, 0.1)
"""How soon, and at the longest, it is looked whether an answer is there."""
_EMPTY_READS = 20
_MOST_STALE = 8
"""Answers to questions that nobody waits for any more, before the right one."""


def recognise(heard: Heard) -> Recognised | None:
    """A Shelly, by what it advertises. One that cannot be asked over Bluetooth can do nothing for the hub here."""
    shown = read_shown(heard.manufacturer_data)
    if shown is None or shown.model is None:
        return None
    can = frozenset({Ability.RELAY, Ability.METER}) if shown.rpc else frozenset[Ability]()
    return Recognised(Family.SHELLY_BLE, shown.model, heard.name or "Shelly", "", can)


class ShellyRpc:
    """One device, asked over its connection."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self.link = link
        self.clock = clock
        self.relay_turn = asyncio.Lock()
        # A device may still hold the answer to a question of a hub that has ended since.
        self._ids = itertools.count(random.SystemRandom().randrange(1, 2**30))

    async def call(self, name: Name, call: Call) -> Mapping[str, object]:
        """Return the result of one method. May wait for ever.

        Raises DeviceUnreachable, DeviceRefused, ShellyMalformed.
        """
        call_id = next(self._ids)
        async with self.link.conversation(name) as talk:
            await self._send(talk, call.frame(call_id, _SOURCE))
            reply = await self._reply(talk, call_id)
        if reply.error is not None:
            raise DeviceRefused(name, str(reply.error))
        return reply.result

    async def _send(self, talk: Talk, frame: bytes) -> None:
        await talk.write(TX_CTL, length_of(frame), acknowledged=True)
        size = talk.chunk_bytes(DATA)
        for at in range(0, len(frame), size):
            await talk.write(DATA, frame[at : at + size], acknowledged=True)

    async def _reply(self, talk: Talk, call_id: int) -> Reply:
        for _ in range(_MOST_STALE):
            frame = read_frame(await self._receive(talk))
            if isinstance(frame, Reply) and frame.id == call_id:
                return frame
        raise LinkBroken("it answers questions that nobody has asked")

    async def _receive(self, talk: Talk) -> bytes:
        pause_s, longest_s = _POLL_S
        while not (length := read_length(await talk.read(RX_CTL))):
            await asyncio.sleep(pause_s)
            pause_s = min(longest_s, 2 * pause_s)
        whole, empty = bytearray(), 0
        while len(whole) < length:
            piece = await talk.read(DATA)
            empty += not piece
            if empty > _EMPTY_READS:
                raise ShellyMalformed(f"{len(whole)} of {length} bytes came")
            if not piece:
                await asyncio.sleep(longest_s)
            whole += piece
        return bytes(whole[:length])


class ShellySwitch:
    """One relay."""

    asked_often = False
    returns = 0
    """Bluetooth tells of none."""

    ends_itself = True

    def __init__(self, rpc: ShellyRpc, name: Name, channel: int) -> None:
        self._rpc = rpc
        self._name = name
        self._channel = channel
        self.on_report: Callable[[bool], None] | None = None
        """Never called: over Bluetooth it says nothing by itself."""

    @property
    def away(self) -> str:
        """Whether it was not heard for long."""
        return self._rpc.link.away

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:
        """Switch, and return when the device has said so. Raises DeviceUnreachable, DeviceRefused."""
        try:
            await self._rpc.call(self._name, switch_set(self._channel, on=on, ends_after_s=ends_after_s))
        except ShellyMalformed as error:
            raise DeviceUnreachable(self._name, f"no answer that can be read ({error})") from error

    async def ask(self) -> bool:
        """Ask the device. Raises DeviceUnreachable, DeviceRefused, DeviceMalformed."""
        try:
            return read_switch(await self._rpc.call(self._name, switch_status(self._channel))).on
        except ShellyMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error

    async def start_off(self) -> bool:
        """Set `initial_state` to off unless it is so. Raises DeviceUnreachable, DeviceRefused, DeviceMalformed."""
        try:
            return await start_off(lambda call: self._rpc.call(self._name, call), self._channel)
        except ShellyMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error


class ShellyMeter:
    """What is measured behind one relay."""

    def __init__(
        self, rpc: ShellyRpc, name: Name, channel: int, deadline_s: float, max_power_w: float | None = None
    ) -> None:
        self._rpc = rpc
        self._name = name
        self._channel = channel
        self._deadline_s = deadline_s
        self._max_power_w = max_power_w

    async def read(self) -> Reading:
        """Power (W) and the device's counter (Wh). Raises DeviceUnreachable, DeviceRefused, DeviceMalformed."""
        try:
            async with asyncio.timeout(self._deadline_s):
                status = read_switch(await self._rpc.call(self._name, switch_status(self._channel)))
            power_w, energy_wh = status.power_w, status.energy_wh
        except TimeoutError as error:
            raise DeviceUnreachable(self._name, f"no answer within {self._deadline_s:g} s") from error
        except ShellyMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error
        if power_w is None:
            raise DeviceMalformed(self._name, "reports no power")
        power_w = plausible_power_w(self._name, power_w, self._max_power_w)
        return Reading(device=self._name, at=self._rpc.clock.now(), power_w=power_w, energy_wh=energy_wh)
