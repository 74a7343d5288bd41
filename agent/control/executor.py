"""Holds the relays to the plan: one step looks, decides, orders and journals, and remembers nothing it could lose."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from agent.control.circuits import circuit_of
from agent.control.interlock import Situation, power_on_w, verdicts
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
_ATTEMPTS = 2
"""An order without an answer is given twice at once; after that the next step tries again."""


class Executor:
    """Brings the relays of the house to the state that schedule and interlock agree on."""

    def __init__(self, *, house: House, relays: Mapping[Name, Device], ledger: Ledger, clock: Clock) -> None:
        self._house = house
        self._relays = relays
        """Devices with a relay, by the load that each switches."""
        self._ledger = ledger
        self._clock = clock

    async def load_states(self, snapshot: Snapshot) -> dict[Name, LoadState]:
        """The loads that answered, with the moment of their last change. Journals changes that nobody here ordered.

        Raises JournalError.
        """
        states: dict[Name, LoadState] = {}
        for load, device in self._relays.items():
            reported = snapshot.relays.get(device.name)
            if reported is not None:
                states[load] = await self._load_state(load, device, reported)
        return states

    async def started_by_hand(self, loads: Mapping[Name, LoadState]) -> frozenset[Name]:
        """The appliances that are on because somebody pressed the button of their plug. Raises JournalError."""
        by_hand: set[Name] = set()
        for load, state in loads.items():
            if state.on and circuit_of(self._house, load).in_runs:
                last = await self._ledger.last_commands(load, limit=1)
                if last and last[0].cause is Cause.OBSERVED and last[0].on:
                    by_hand.add(load)
        return frozenset(by_hand)

    async def silent_power_w(self, snapshot: Snapshot) -> float:
        """What the loads that do not answer may be drawing, W: those last told to be on. Raises JournalError."""
        silent_w = 0.0
        for load, device in self._relays.items():
            if device.name not in snapshot.relays:
                last = await self._ledger.last_commands(load, limit=1)
                if last and last[0].on:
                    silent_w += circuit_of(self._house, load).power_at_w(snapshot.at - last[0].at)
        return silent_w

    async def hold(self, wanted: Sequence[Want], situation: Situation) -> Sequence[Want]:
        """Carry the wants out as far as the interlock lets them; return what it made of them. Raises JournalError."""
        decided = verdicts(self._house, wanted, situation)
        tried: set[Name] = set()
        while to_end := [verdict for verdict in decided if not verdict.on and verdict.load not in tried]:
            for verdict in to_end:
                tried.add(verdict.load)
                if await self._changed(verdict, situation) not in _DONE:
                    # It may still draw: whatever runs or would start beside it is judged again with that in mind.
                    power_w = power_on_w(self._house, verdict.load, situation)
                    situation = situation.model_copy(update={"other_power_w": situation.other_power_w + power_w})
            decided = verdicts(self._house, decided, situation)
        for verdict in decided:
            if verdict.on and await self._changed(verdict, situation) is None:
                await self._renewed(verdict, situation)
        return decided

    async def release(self) -> bool:
        """Put every load into its safe state, which is off, whether it answered before or not; return if all obeyed.

        The relay comes first here: it must go off even if the ledger cannot be written any more.
        """
        reached = True
        for load, device in self._relays.items():
            if device.relay is None:
                continue
            want = Want(load=load, on=False, cause=Cause.SAFE_STATE)
            stage = await self._switched(device.relay, device, want)
            reached &= stage is Stage.VERIFIED
            _say(device, want, stage)
            try:
                await self._keep(device, want, stage, self._clock.now())
            except JournalError as error:
                _log.error("the last order to %s could not be journalled: %s", device.name, error)
        return reached

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
        if device is None or state is None or state.on == verdict.on:
            return None
        return await self._order(device, verdict)

    async def _renewed(self, verdict: Want, situation: Situation) -> None:
        """Give an "on" again that would end by itself otherwise; no order, so nothing to journal."""
        device, state = self._relays.get(verdict.load), situation.loads.get(verdict.load)
        if device is None or device.relay is None or state is None or not device.relay.must_be_renewed:
            return
        try:
            await device.relay.switch(on=True)
        except DeviceError as error:
            _log.warning("%s could not be told to stay on: %s", device.name, error.reason)

    async def _load_state(self, load: Name, device: Device, reported: RelayState) -> LoadState:
        history = _carried_out(await self._ledger.last_commands(load), reported)
        if history and history[0].on == reported.on:
            return LoadState(on=reported.on, since=_since(history))
        if history or reported.on:
            await self._keep(device, Want(load=load, on=reported.on, cause=Cause.OBSERVED), Stage.VERIFIED, reported.at)
            _log.info("%s was found %s; nobody here ordered that", device.name, "on" if reported.on else "off")
            return LoadState(on=reported.on, since=reported.at if history else None)
        return LoadState(on=reported.on)

    async def _order(self, device: Device, want: Want) -> Stage | None:
        relay = device.relay
        if relay is None:
            return None
        at = self._clock.now()
        await self._keep(device, want, Stage.REQUESTED, at)
        stage = await self._switched(relay, device, want)
        await self._keep(device, want, stage, at)
        _say(device, want, stage)
        return stage

    async def _switched(self, relay: Relay, device: Device, want: Want) -> Stage:
        for _ in range(_ATTEMPTS):
            try:
                await relay.switch(on=want.on)
            except DeviceRefused as error:
                _log.warning("%s refused: %s", device.name, error.reason)
                return Stage.REFUSED
            except DeviceError as error:
                _log.debug("%s did not confirm: %s", device.name, error.reason)
            else:
                return Stage.VERIFIED
        return Stage.UNKNOWN

    async def _keep(self, device: Device, want: Want, stage: Stage, at: datetime) -> None:
        await self._ledger.add_command(
            Command(
                command_id=f"{want.load}@{at.isoformat()}",
                load=want.load,
                device=device.name,
                on=want.on,
                cause=want.cause,
                stage=stage,
                at=at,
            )
        )


def on_time_s(commands: Sequence[Command], span: Interval, *, on_now: bool) -> float:
    """The longest that a load can have been on in a span, s, by its commands there (oldest first).

    It was off only where that is certain: from a verified "off", or from the beginning, until somebody orders it on.
    Found on without an order, it may have been on all the while. `on_now` says how it stands at the end.
    """
    total_s, at, surely_off = 0.0, span.start, True
    for command in commands:
        off = surely_off and command.on and command.cause is not Cause.OBSERVED
        total_s += 0.0 if off else (command.at - at).total_seconds()
        at, surely_off = command.at, command.stage is Stage.VERIFIED and not command.on
    return total_s + (0.0 if surely_off and not on_now else (span.end - at).total_seconds())


def _say(device: Device, want: Want, stage: Stage) -> None:
    said = _log.info if stage is Stage.VERIFIED else _log.warning
    said("%s %s (%s): %s", device.name, "on" if want.on else "off", want.cause, stage)


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
