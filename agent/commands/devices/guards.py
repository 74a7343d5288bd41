"""Whether a load may be switched by hand now: what the interlock would say, and what nobody can know is asked."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agent.adapters.store.ledger import open_ledger
from agent.commands.devices.networks import first_answer
from agent.commands.devices.speaking import NotDone
from agent.composition import clock_of, device_faults
from agent.control.circuits import circuit_of
from agent.control.interlock import Situation, other_power_w, verdicts
from agent.control.schedule import Want
from agent.domain.command import Cause, Command, Stage
from agent.domain.device import Name, Reading, RelayState, Role
from agent.domain.house import WATER_HEATER, House, LoadState
from agent.errors import HubError, JournalError
from agent.hub import alone_in
from agent.networks import Networks
from agent.profiles.library import Profiles
from agent.settings import SWITCHING_ROLES, DeviceSettings, Settings

_COMMANDS = 200
"""So far back an unchanged state is followed: an on is renewed at every step."""
_WHY = {
    Cause.MIN_ON: "it was switched on less than {min_on_s} s ago, and must stay on so long",
    Cause.MIN_OFF: "it was switched off less than {min_off_s} s ago, and must stay off so long",
    Cause.TANK_TOO_HOT: "the tank is too hot",
    Cause.POWER_LIMIT: "the home would draw more than house.power_limit_w",
}


def load_of(device: DeviceSettings) -> Name:
    """The load that a device switches. Raises NotDone for one that is not there to switch."""
    if device.role not in SWITCHING_ROLES:
        raise NotDone(f"{device.name} has the role {device.role}: nothing is switched through it")
    return device.load or device.role.value


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep every hub out of this home as long as a relay is switched by hand. Raises NotDone while one is in it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(alone_in(folder))
        except JournalError as error:
            raise NotDone(f"{error}; it would set the relay right again. Stop it first") from error
        except OSError as error:
            raise NotDone(f"whether a hub is at work in {folder} cannot be told: {error}") from error
        yield


def unfit(settings: Settings, device: DeviceSettings, profiles: Profiles) -> None:
    """Refuse what `kwh-hub run` would refuse, a relay that would burn for one. Raises NotDone."""
    wrong = [fault for fault in device_faults(settings, profiles) if fault.startswith(f"devices.{device.name}")]
    if wrong:
        raise NotDone("; ".join(wrong))


async def last_commands(settings: Settings, load: Name) -> Sequence[Command]:
    """What the hub last did with a load, newest first; nothing where its journal cannot be read."""
    try:
        async with open_ledger(settings.storage.folder, readonly=True) as ledger:
            return await ledger.last_commands(load, _COMMANDS)
    except JournalError:
        return ()


def unchanged_since(commands: Sequence[Command], *, on: bool) -> datetime | None:
    """Since when, at the latest, a load is as it is, by its commands, newest first; None where they do not say."""
    since = None
    for command in commands:
        if command.stage is Stage.VERIFIED and command.on is on:
            since = command.at
        elif command.stage in (Stage.VERIFIED, Stage.UNKNOWN):
            break
    return since


@dataclass(frozen=True)
class Known:
    """What could be learnt of the home before something is switched in it."""

    at: datetime
    state: RelayState | None
    """How the relay says it stands; None if it does not answer."""
    since: datetime | None = None
    """Since when it stands so; None if nobody knows."""
    readings: Mapping[Role, Reading] = field(default_factory=dict)
    """Of the house's meter and the tank's thermometer, where they answer."""
    own_power_w: float | None = None


async def known(
    settings: Settings, networks: Networks, device: DeviceSettings, state: RelayState | None, answer_s: float
) -> Known:
    """Ask the devices that a decision hangs on."""
    clock = clock_of(settings)
    asked = [other for other in settings.devices if other.role in (Role.HOUSE_METER, Role.TANK_THERMOMETER)]
    answers = await asyncio.gather(*(_reading(settings, networks, other, answer_s) for other in asked))
    own = await _reading(settings, networks, device, answer_s)
    commands = () if state is None else await last_commands(settings, load_of(device))
    return Known(
        at=clock.now(),
        state=state,
        since=None if state is None else unchanged_since(commands, on=state.on),
        readings={other.role: answer for other, answer in zip(asked, answers, strict=True) if answer is not None},
        own_power_w=None if own is None else own.power_w,
    )


async def _reading(settings: Settings, networks: Networks, device: DeviceSettings, answer_s: float) -> Reading | None:
    try:
        at_hand = networks.of(device).device(device, settings.control.dead_man_s)
        gauge = at_hand.thermometer if device.role is Role.TANK_THERMOMETER else at_hand.meter
        return None if gauge is None else await first_answer(gauge.read, answer_s)
    except HubError:
        return None


def forbidden(house: House, load: Name, known: Known, *, on: bool) -> str:
    """Why the interlock would not have it, in words; empty if it would."""
    if not _has(house, load):
        return ""
    meter, tank = known.readings.get(Role.HOUSE_METER), known.readings.get(Role.TANK_THERMOMETER)
    drawn_w = {} if known.own_power_w is None else {load: known.own_power_w}
    now = Situation(
        at=known.at,
        loads={} if known.state is None else {load: LoadState(on=known.state.on, since=known.since)},
        tank_at_most_c=None if tank is None else tank.temperature_c,
        other_power_w=other_power_w(None if meter is None else meter.power_w, drawn_w, 0.0, 0.0),
        drawn_w=drawn_w,
    )
    (verdict,) = verdicts(house, [Want(load=load, on=on, cause=Cause.PLAN)], now)
    circuit = circuit_of(house, load)
    why = _WHY.get(verdict.cause, verdict.cause.value)
    return "" if verdict.on is on else why.format(min_on_s=circuit.min_on_s, min_off_s=circuit.min_off_s)


def doubts(settings: Settings, device: DeviceSettings, known: Known, *, on: bool) -> Iterator[str]:
    """What the owner must decide, for the hub cannot know it."""
    house, load = settings.house, load_of(device)
    if not _has(house, load):
        yield f"the house has no {load}, so nobody knows how long it must be left alone."
        return
    circuit = circuit_of(house, load)
    least_s = circuit.min_off_s if on else circuit.min_on_s
    if known.state is None:
        yield f"{device.name} does not answer."
    elif known.state.on is not on and known.since is None and least_s:
        yield f"When {load} was last switched is not known; it should rest {least_s} s between two switchings."
    if not on and known.state is not None and known.state.on and circuit.in_runs:
        yield f"{load} is on: to cut its run in the middle may spoil it."
    if on and house.power_limit_w is not None and Role.HOUSE_METER not in known.readings:
        yield f"What else the home draws is not known (house.power_limit_w {house.power_limit_w:g})."
    measures = any(other.role is Role.TANK_THERMOMETER for other in settings.devices)
    if on and load == WATER_HEATER and measures and Role.TANK_THERMOMETER not in known.readings:
        yield "The tank's thermometer does not answer: it may be hot already."


def _has(house: House, load: Name) -> bool:
    return load in house.loads or any(appliance.name == load for appliance in house.appliances)
