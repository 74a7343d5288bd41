"""SwitchBot Plug Mini: ordered and asked over a connection, measured by what it advertises.

Answers carry nothing that tells which question they belong to. What comes within a moment after an answer is therefore
thrown away with it, and where an answer stayed out, it is not taken for that of a later question. Its answer to an
order only says that it was taken: some firmware answers "on" to "off". It cannot end an "on" by itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from agent.adapters.ble.link import Link, Talk
from agent.adapters.ble.radio import Heard, Radio
from agent.adapters.ble.recognised import Recognised
from agent.adapters.ble.switchbot_frames import (
    BUSY,
    COMPANY,
    DONE,
    NOTIFY,
    ORDER_OFF,
    ORDER_ON,
    QUESTION,
    WRITE,
    PlugState,
    SwitchBotMalformed,
    model_of,
    read_answer,
    read_plug,
    read_status,
    refusal,
)
from agent.domain.device import Ability, Name, Reading
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Clock
from agent.profiles.profile import Family
from agent.profiles.rating import plausible_power_w

_ECHO_S = 0.05
"""What comes so soon after an answer still belongs to it."""
_LATE_S = 10.0
"""An answer that has not come after so long comes no more."""
_MOST_OWED = 3
COUNTS_FOR = timedelta(minutes=5)
"""So old (domain time) may an advertisement be that is taken for the present power."""


def recognise(heard: Heard) -> Recognised | None:
    """A Plug Mini, by what it advertises."""
    model = model_of(heard.service_data)
    if model is None:
        return None
    can = frozenset({Ability.RELAY, Ability.METER})
    return Recognised(Family.SWITCHBOT, model, heard.name or "SwitchBot Plug Mini", "", can)


class SwitchBotPlug:
    """One plug, as far as it is remembered."""

    def __init__(self, radio: Radio, link: Link, mac: str, clock: Clock) -> None:
        self.link = link
        self.clock = clock
        self.relay_turn = asyncio.Lock()
        self.last: tuple[datetime, PlugState] | None = None
        """What it advertised last, and when."""
        self.reporters: list[Callable[[bool], None]] = []
        self._unanswered: deque[float] = deque(maxlen=_MOST_OWED)
        """When something was said that was not answered."""
        self._news = asyncio.Event()
        radio.listen(mac, self._on_heard)

    async def order(self, name: Name, frame: bytes) -> bytes:
        """Give an order once, and return an answer. May wait for ever. Raises DeviceUnreachable, DeviceRefused."""
        async with self.link.conversation(name) as talk:
            await talk.heed(NOTIFY)
            return await self._exchanged(talk, frame)

    async def ask(self, name: Name) -> bytes:
        """Return an answer to a question asked now. May wait for ever. Raises DeviceUnreachable, DeviceRefused.

        Where answers may still come that nobody waited for, so many more questions are asked: answers come in the
        order of their questions, so the last one is no old one.
        """
        async with self.link.conversation(name) as talk:
            await talk.heed(NOTIFY)
            answer = b""
            for _ in range(1 + self._owed()):
                answer = await self._exchanged(talk, QUESTION)
        return answer

    async def _exchanged(self, talk: Talk, frame: bytes) -> bytes:
        self._unanswered.append(asyncio.get_running_loop().time())
        talk.drain()
        await talk.write(WRITE, frame, acknowledged=False)
        answer = await talk.notified()
        self._unanswered.pop()
        await asyncio.sleep(_ECHO_S)
        talk.drain()
        return answer

    def _owed(self) -> int:
        """How many answers may still come to what was said before."""
        since_s = asyncio.get_running_loop().time() - _LATE_S
        return sum(said_s > since_s for said_s in self._unanswered)

    async def advertised(self) -> tuple[datetime, PlugState]:
        """What it says in the air, not older than COUNTS_FOR. May wait for ever."""
        while self.last is None or self.clock.now() - self.last[0] > COUNTS_FOR:
            self._news.clear()
            await self._news.wait()
        return self.last

    def _on_heard(self, heard: Heard, fresh: bool) -> None:  # noqa: FBT001 - as the radio calls it
        if COMPANY not in heard.manufacturer_data or (not fresh and self.link.open):
            return  # BlueZ says old things again when a connection comes or goes
        state = read_plug(heard.manufacturer_data)
        self.last = (heard.at, state)
        self._news.set()
        if fresh:
            for report in tuple(self.reporters):
                report(state.on)


class SwitchBotSwitch:
    """The relay of a plug."""

    asked_often = False
    returns = 0
    """Bluetooth tells of none."""

    ends_itself = False

    def __init__(self, plug: SwitchBotPlug, name: Name) -> None:
        self._plug = plug
        self._name = name
        self.on_report: Callable[[bool], None] | None = None
        plug.reporters.append(self._report)

    @property
    def away(self) -> str:
        """Whether it was not heard for long."""
        return self._plug.link.away

    async def order(self, *, on: bool, ends_after_s: float | None) -> None:  # noqa: ARG002 - it cannot end itself
        """Switch, and return when the plug has taken the order. Raises DeviceUnreachable, DeviceRefused."""
        try:
            self._done(read_status(await self._plug.order(self._name, ORDER_ON if on else ORDER_OFF)))
        except SwitchBotMalformed as error:
            raise DeviceUnreachable(self._name, f"no answer that can be read ({error})") from error

    async def ask(self) -> bool:
        """Ask the plug. Raises DeviceUnreachable, DeviceRefused, DeviceMalformed."""
        answer = await self._plug.ask(self._name)
        try:
            self._done(read_status(answer))
            return read_answer(answer)
        except SwitchBotMalformed as error:
            raise DeviceMalformed(self._name, str(error)) from error

    async def start_off(self) -> bool:
        """Only its owner can set that."""
        return False

    def _done(self, status: int) -> None:
        if status == BUSY:
            raise DeviceUnreachable(self._name, "it says that it is busy")
        if status != DONE:
            raise DeviceRefused(self._name, refusal(status))

    def _report(self, on: bool) -> None:  # noqa: FBT001 - a relay reports one thing
        if self.on_report is not None:
            self.on_report(on)


class SwitchBotMeter:
    """The power that a plug advertises; it tells no energy."""

    def __init__(self, plug: SwitchBotPlug, name: Name, deadline_s: float, max_power_w: float | None) -> None:
        self._plug = plug
        self._name = name
        self._deadline_s = deadline_s
        self._max_power_w = max_power_w

    async def read(self) -> Reading:
        """Return the power (W) that was heard within COUNTS_FOR. Raises DeviceUnreachable, DeviceMalformed."""
        try:
            async with asyncio.timeout(self._deadline_s):
                at, state = await self._plug.advertised()
        except TimeoutError as error:
            minutes = COUNTS_FOR.total_seconds() / 60
            raise DeviceUnreachable(self._name, f"was not heard for {minutes:g} minutes") from error
        power_w = plausible_power_w(self._name, state.power_w, self._max_power_w)
        return Reading(device=self._name, at=at, power_w=power_w)
