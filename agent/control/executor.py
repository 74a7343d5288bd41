"""Holds the relays to the plan: one step looks, decides, orders and journals, and remembers nothing it could lose."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from agent.control.circuits import circuit_of
from agent.control.conditions import Conditions
from agent.control.interlock import Situation, power_on_w, verdicts
from agent.control.overrides import BY_HAND, FOUND, Attendance, override_in_force
from agent.control.sampler import Snapshot
from agent.control.schedule import Want
from agent.domain.command import Cause, Command, Stage
from agent.domain.device import Name, RelayState
from agent.domain.house import House, LoadState
from agent.domain.interval import Interval
from agent.errors import DeviceError, DeviceRefused, JournalError
from agent.ports import Clock, Device, Ledger, Relay

_log = logging.getLogger(__name__)

_DONE = (None, Stage.VERIFIED)
_FATE_UNKNOWN = (Stage.UNKNOWN, Stage.ACKNOWLEDGED)
_NAMED_AFTER = 3
"""So many orders in a row must have failed before a device that answers is called disobedient."""
_ATTEMPTS = 2
"""An order without an answer is given twice at once; after that the next step tries again."""


class Executor:
    """Brings the relays of the house to the state that schedule and interlock agree on."""

    def __init__(
        self,
        *,
        house: House,
        relays: Mapping[Name, Device],
        ledger: Ledger,
        clock: Clock,
        conditions: Conditions,
        override: timedelta,
        dead_man: timedelta,
    ) -> None:
        """`override` is for how long a pressed button counts; `dead_man` after what a relay ends an "on" by itself."""
        self._house = house
        self._relays = relays
        """Devices with a relay, by the load that each switches."""
        self._ledger = ledger
        self._clock = clock
        self._conditions = conditions
        self._override = override
        self._attendance = Attendance(dead_man)
        self._disobeyed: set[Name] = set()
        self._stands: dict[Name, bool] = {}
        """How each load stood at the last look, or was verified since; nothing where that is not known."""
        self.looking()

    @property
    def silent(self) -> frozenset[Name]:
        """The loads whose relay did not answer at the last look."""
        return frozenset(self._relays.keys() - self._attendance.answered)

    @property
    def disobeyed(self) -> frozenset[Name]:
        """The loads whose relay has since then not done as it was told; not those that refused."""
        return frozenset(self._disobeyed)

    @property
    def coming(self) -> frozenset[Name]:
        """The loads whose last order may yet come about."""
        return frozenset(load for load, device in self._relays.items() if _pending(device) is not None)

    async def has_drifted(self) -> bool:
        """Whether a relay that may be asked often stands otherwise than when it was last looked at."""
        asked = {load: stood for load, stood in self._stands.items() if _is_asked_often(self._relays[load])}
        stands = await asyncio.gather(*(_stands(self._relays[load]) for load in asked))
        return any(now is not None and now is not stood for now, stood in zip(stands, asked.values(), strict=True))

    async def answers(self, loads: Iterable[Name]) -> bool:
        """Whether the relay of one of the loads answers now."""
        stands = await asyncio.gather(*(_stands(self._relays[load]) for load in loads))
        return any(on is not None for on in stands)

    def looking(self) -> None:
        """Note, before a look, how often each relay has come back: who returns during it was not held."""
        relays = {load: device.relay for load, device in self._relays.items()}
        self._returns = {load: relay.returns for load, relay in relays.items() if relay is not None}

    async def load_states(self, snapshot: Snapshot) -> dict[Name, LoadState]:
        """The loads that answered, with the moment of their last change. Journals changes that nobody here ordered.

        Raises JournalError.
        """
        states: dict[Name, LoadState] = {}
        for load, reported in self._reported(snapshot):
            states[load] = await self._load_state(load, self._relays[load], reported)
        self._attendance.looked(frozenset(states), self._returns)
        self._stands = {load: reported.on for load, reported in self._reported(snapshot)}
        self._disobeyed.clear()
        return states

    async def overrides(self, at: datetime) -> Mapping[Name, bool]:
        """How the owner set those loads whose button was pressed not long ago. Raises JournalError."""
        found = [override_in_force(await self._ledger.last_commands(load), at, self._override) for load in self._relays]
        return {override.load: override.on for override in found if override is not None}

    async def started_by_hand(self, loads: Mapping[Name, LoadState]) -> frozenset[Name]:
        """The appliances that are on because somebody switched them on, not the hub. Raises JournalError."""
        by_hand: set[Name] = set()
        for load, state in loads.items():
            if state.on and circuit_of(self._house, load).in_runs:
                last = await self._ledger.last_commands(load, limit=1)
                if last and last[0].cause in BY_HAND and last[0].on:
                    by_hand.add(load)
        return frozenset(by_hand)

    def _reported(self, snapshot: Snapshot) -> Iterator[tuple[Name, RelayState]]:
        """The loads that answered, and how."""
        for load, device in self._relays.items():
            if device.name in snapshot.relays:
                yield load, snapshot.relays[device.name]

    async def silent_power_w(self, snapshot: Snapshot) -> float:
        """What the loads that do not answer may be drawing, W: those last told to be on. Raises JournalError."""
        silent_w = 0.0
        for load, device in self._relays.items():
            if device.name not in snapshot.relays:
                last = await self._ledger.last_commands(load, limit=1)
                if last and last[0].on:
                    silent_w += circuit_of(self._house, load).power_at_w(snapshot.at - last[0].at)
        return silent_w

    async def hold(
        self, wanted: Sequence[Want], situation: Situation, pressed: AbstractSet[Name] = frozenset()
    ) -> Sequence[Want]:
        """Carry the wants out as far as the interlock lets them; return what it made of them. Raises JournalError.

        Loads `pressed` since they were looked at are not told to stay on: it may be that they just went off.
        """
        decided = verdicts(self._house, wanted, situation)
        tried: set[Name] = set()
        while to_end := [verdict for verdict in decided if not verdict.on and verdict.load not in tried]:
            tried |= {verdict.load for verdict in to_end}
            stages = await asyncio.gather(*(self._changed(verdict, situation) for verdict in to_end))
            for verdict, stage in zip(to_end, stages, strict=True):
                if stage not in _DONE:
                    # It may still draw: whatever runs or would start beside it is judged again with that in mind.
                    power_w = power_on_w(self._house, verdict.load, situation)
                    situation = situation.model_copy(update={"other_power_w": situation.other_power_w + power_w})
            decided = verdicts(self._house, decided, situation)
        await asyncio.gather(*(self._put_on(verdict, situation, pressed) for verdict in decided if verdict.on))
        return decided

    async def _put_on(self, verdict: Want, situation: Situation, pressed: AbstractSet[Name]) -> None:
        if await self._changed(verdict, situation) is None and verdict.load not in pressed:
            await self._renew(verdict, situation)

    async def release(self) -> bool:
        """Put every load into its safe state, which is off, whether it answered before or not; return if all obeyed.

        All are told at once, for a silent one must not use up the others' time. The relay comes first here: it must go
        off even if the ledger cannot be written any more.
        """
        return all(await asyncio.gather(*(self._released(load, device) for load, device in self._relays.items())))

    async def _released(self, load: Name, device: Device) -> bool:
        if device.relay is None:
            return True
        want = Want(load=load, on=False, cause=Cause.SAFE_STATE)
        stage = await self._switched(device.relay, device, want)
        _say(device, want, stage)
        try:
            await self._keep(device, want, stage, self._clock.now())
        except JournalError as error:
            _log.error("the last order to %s could not be journalled: %s", device.name, error)
        return stage is Stage.VERIFIED

    async def on_s(self, load: Name, since: datetime, now: datetime, *, on_now: bool) -> float:
        """For how many seconds a load was on between two moments, by the ledger. Raises JournalError.

        An order whose fate is unknown counts as what lets the load be on for longer.
        """
        span = Interval(start=since, end=max(now, since + timedelta(seconds=1)))
        commands = [command for command in await self._ledger.commands(span) if command.load == load]
        return on_time_s(commands, span, on_now=on_now)

    async def _changed(self, verdict: Want, situation: Situation) -> Stage | None:
        """Order what differs from the state; return how far the order got, None if there was nothing to order."""
        device = self._relays.get(verdict.load)
        state = situation.loads.get(verdict.load)
        if device is not None and state is None and await self._runs_unseen(device, verdict):
            return await self._order(device, verdict)
        if device is None or state is None or state.on == verdict.on:
            return None
        if _pending(device) is verdict.on:
            return Stage.ACKNOWLEDGED  # it was told, and may still stand as before
        return await self._order(device, verdict)

    async def _runs_unseen(self, device: Device, verdict: Want) -> bool:
        """Whether a unit whose meter is silent is to go off, and was last told to be on: its remote may still work."""
        if device.unit is None or verdict.on or _pending(device) is False:
            return False
        last = await self._ledger.last_commands(verdict.load, limit=1)
        return bool(last) and last[0].on

    async def _renew(self, verdict: Want, situation: Situation) -> None:
        """Give an "on" again that would end by itself otherwise; nothing changes by it, so nothing is journalled."""
        device, state = self._relays.get(verdict.load), situation.loads.get(verdict.load)
        if device is None or device.relay is None or state is None or not device.relay.must_be_renewed:
            return
        at, reason = self._clock.now(), None
        try:
            await device.relay.switch(on=True)
        except DeviceError as error:
            reason = error.reason
        else:
            self._attendance.kept_on(verdict.load, at)
        await self._conditions.report(f"renewal:{device.name}", well=reason is None, detail=reason or "")

    async def _load_state(self, load: Name, device: Device, reported: RelayState) -> LoadState:
        last = await self._ledger.last_commands(load)
        if _pending(device):
            return LoadState(on=True, since=last[0].at if last else None)  # it may draw from any moment on
        await self._proved(device, last, reported)
        history = _carried_out(last, reported)
        if history and history[0].on == reported.on:
            return LoadState(on=reported.on, since=_since(history))
        if last and not history:
            return LoadState(on=reported.on)  # it has obeyed no order that is remembered: that is nobody's press
        if history or reported.on:
            held = (
                device.relay is not None
                and (device.unit is None or reported.on)
                and self._attendance.was_held(
                    load,
                    reported,
                    must_be_renewed=device.relay.must_be_renewed,
                    returns=device.relay.returns,
                )
            )
            cause = Cause.OBSERVED if held else Cause.UNATTENDED
            await self._keep(device, Want(load=load, on=reported.on, cause=cause), Stage.VERIFIED, reported.at)
            self._say_found(device, reported, cause)
            return LoadState(on=reported.on, since=reported.at if history or held else None)
        return LoadState(on=reported.on)

    async def _proved(self, device: Device, last: Sequence[Command], reported: RelayState) -> None:
        """Journal what became of an order that a device heard and that nothing had shown yet."""
        order = last[0] if last else None
        if order is None or order.stage not in _FATE_UNKNOWN or _pending(device) is not None:
            return
        well = order.on == reported.on
        if not well and device.unit is None and _failed_in_a_row(last) < _NAMED_AFTER:
            return  # a message may be lost now and then
        if well:
            await self._ledger.add_command(order.model_copy(update={"stage": Stage.VERIFIED}))
        said = f"it was told to be {_word(on=order.on)} and is {_word(on=reported.on)}"
        await self._conditions.report(f"obedience:{device.name}", well=well, detail="" if well else said)

    async def _order(self, device: Device, want: Want) -> Stage | None:
        relay = device.relay
        if relay is None:
            return None
        at = self._clock.now()
        await self._keep(device, want, Stage.REQUESTED, at)
        stage = await self._switched(relay, device, want)
        self._stands.pop(want.load, None)
        if stage is Stage.VERIFIED:
            self._stands[want.load] = want.on
        if want.on and stage is Stage.VERIFIED:
            self._attendance.kept_on(want.load, at)
        elif not want.on and stage is Stage.VERIFIED:
            await self._conditions.report(f"renewal:{device.name}", well=True)  # nothing is left to renew
        if stage in _FATE_UNKNOWN and relay.pending is None:
            self._disobeyed.add(want.load)
        await self._keep(device, want, stage, at)
        _say(device, want, stage)
        return stage

    async def _switched(self, relay: Relay, device: Device, want: Want) -> Stage:
        stage = Stage.UNKNOWN
        for _ in range(_ATTEMPTS):
            try:
                await relay.switch(on=want.on)
            except DeviceRefused as error:
                _log.warning("%s refused: %s", device.name, error.reason)
                return Stage.REFUSED
            except DeviceError as error:
                _log.debug("%s did not confirm: %s", device.name, error.reason)
                if relay.acknowledged:
                    stage = Stage.ACKNOWLEDGED
                if relay.pending is want.on:
                    return stage
            else:
                return Stage.VERIFIED
        return stage

    def _say_found(self, device: Device, reported: RelayState, cause: Cause) -> None:
        word = _word(on=reported.on)
        if cause is Cause.UNATTENDED:
            _log.info("%s was found %s after a time in which nobody held it", device.name, word)
        elif self._override:
            minutes = self._override / timedelta(minutes=1)
            _log.info("%s was pressed: it is %s, and left so for %.0f minutes", device.name, word, minutes)
        else:
            _log.info("%s was found %s; nobody here ordered that", device.name, word)

    async def _keep(self, device: Device, want: Want, stage: Stage, at: datetime) -> None:
        await self._ledger.add_command(
            Command(
                command_id=f"{want.load}@{at.isoformat()}{':found' if want.cause in FOUND else ''}",
                load=want.load,
                device=device.name,
                on=want.on,
                cause=want.cause,
                stage=stage,
                at=at,
            )
        )


def _pending(device: Device) -> bool | None:
    return None if device.relay is None else device.relay.pending


def _is_asked_often(device: Device) -> bool:
    return device.relay is not None and device.relay.asked_often


def _failed_in_a_row(last: Sequence[Command]) -> int:
    """How many of the newest orders (newest first) were never proved."""
    orders = dict.fromkeys(command.command_id for command in last)
    proved = {command.command_id for command in last if command.stage not in (*_FATE_UNKNOWN, Stage.REQUESTED)}
    return next((place for place, order in enumerate(orders) if order in proved), len(orders))


async def _stands(device: Device) -> bool | None:
    """How a relay stands; None if it does not answer."""
    try:
        return None if device.relay is None else (await device.relay.read()).on
    except DeviceError:
        return None


def on_time_s(commands: Sequence[Command], span: Interval, *, on_now: bool) -> float:
    """The longest that a load can have been on in a span, s, by its commands there (oldest first).

    It was off only where that is certain: from a verified "off", or from the beginning, until somebody orders it on.
    Found on without an order, it may have been on all the while. `on_now` says how it stands at the end.
    """
    total_s, at, surely_off = 0.0, span.start, True
    for command in commands:
        off = surely_off and command.on and command.cause not in FOUND
        total_s += 0.0 if off else (command.at - at).total_seconds()
        at, surely_off = command.at, command.stage is Stage.VERIFIED and not command.on
    return total_s + (0.0 if surely_off and not on_now else (span.end - at).total_seconds())


def _say(device: Device, want: Want, stage: Stage) -> None:
    said = _log.info if stage is Stage.VERIFIED else _log.warning
    said("%s %s (%s): %s", device.name, _word(on=want.on), want.cause, stage)


def _word(*, on: bool) -> str:
    return "on" if on else "off"


def _carried_out(history: Sequence[Command], reported: RelayState) -> Sequence[Command]:
    """The orders of a history (newest first) that reached the relay, judged by what it reports now.

    A refused order did not. One that was never verified did if the relay stands as it asked.
    """
    refused = {command.command_id for command in history if command.stage is Stage.REFUSED}
    left = [command for command in history if command.command_id not in refused]
    while left and left[0].stage is not Stage.VERIFIED and left[0].on != reported.on:
        left = [command for command in left if command.command_id != left[0].command_id]
    return left


def _since(history: Sequence[Command]) -> datetime:
    """When the newest run of equal orders began; the history is newest first and not empty."""
    since = history[0].at
    for command in history:
        if command.on != history[0].on:
            break
        since = command.at
    return since
