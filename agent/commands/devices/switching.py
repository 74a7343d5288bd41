"""`kwh-hub devices on`, `off` and `test`: one relay of an adopted device, by hand, verified, and never behind a hub."""

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from agent.commands.devices import guards
from agent.commands.devices.journal import Keep, journal
from agent.commands.devices.networks import ANSWER_S, alive, device_of, first_answer
from agent.commands.devices.speaking import NotDone, SteadyConsole, adopted, agreed, printable
from agent.composition import clock_of
from agent.domain.command import Cause, Stage
from agent.domain.device import RelayState, Role
from agent.domain.house import Aim
from agent.errors import DeviceError, DeviceRefused, HubError
from agent.expecting import Expectations
from agent.networks import Networks
from agent.ports import Device, Meter, Relay
from agent.profiles.library import load_profiles
from agent.settings import DeviceSettings, Settings, load_settings

VERIFIED, UNKNOWN, REFUSED, INTERRUPTED = 0, 4, 5, 130
_OFF_ATTEMPTS = 3
_LOOK_AGAIN_S = 1.0
"""Wall seconds between two looks at the circuit of what obeys slowly."""
_STILL_DRAWS_W = 15.0
"""A plug and what sleeps behind it draw less; a relay whose contacts are welded together lets more through."""
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

T = TypeVar("T")


@dataclass(frozen=True)
class Bench:
    """The one relay that is switched, and who is told of it."""

    settings: Settings
    chosen: DeviceSettings
    device: Device
    relay: Relay
    networks: Networks
    console: Console
    keep: Keep
    aim: Aim | None = None
    """What an "on" is to mean, for an air conditioner that is told by infrared."""

    def say(self, text: str, style: str = "") -> None:
        """One step, as it happens."""
        self.console.print(Text(f"{self.chosen.name}: {printable(text)}", style))


def switch(arguments: argparse.Namespace, answer_s: float = ANSWER_S) -> int:
    """Give one absolute order and read it back; the exit code says what is known afterwards."""
    on: bool = arguments.on
    settings, chosen = _chosen(arguments, on=on)
    with guards.alone(settings.storage.folder):
        known = asyncio.run(_at_work(settings, chosen, lambda bench: _learnt(bench, answer_s)))
        _let_through(settings, chosen, known, on=on, yes=arguments.yes, question="")
        return asyncio.run(
            _at_work(settings, chosen, lambda bench: _switched(bench, answer_s, on=on), Cause.BY_COMMAND)
        )


def try_out(arguments: argparse.Namespace, answer_s: float = ANSWER_S) -> int:
    """On, verify, off, verify; it ends off whatever happens in between."""
    settings, chosen = _chosen(arguments, on=True)
    question = f"Switch {guards.load_of(chosen)} on for {arguments.seconds:g} s, and then off?"
    with guards.alone(settings.storage.folder):
        known = asyncio.run(_at_work(settings, chosen, lambda bench: _learnt(bench, answer_s)))
        if known.state is not None:
            _let_through(settings, chosen, known, on=True, yes=arguments.yes, question=question)
        work = _at_work(settings, chosen, lambda bench: _tested(bench, arguments.seconds, answer_s), Cause.TRIED)
        return asyncio.run(work)


def _chosen(arguments: argparse.Namespace, *, on: bool) -> tuple[Settings, DeviceSettings]:
    """The adopted device of that name, if it is one to switch. Raises SettingsInvalid, NotDone."""
    settings = load_settings(arguments.config)
    chosen = adopted(settings, arguments.name)
    guards.load_of(chosen)
    if on:
        guards.unfit(settings, chosen, load_profiles())
    return settings, chosen


async def _at_work(
    settings: Settings, chosen: DeviceSettings, act: Callable[[Bench], Awaitable[T]], cause: Cause | None = None
) -> T:
    """What becomes of work on the one relay, while its network is alive. Raises HubError, NotDone.

    Orders are journalled with their `cause`; without one none is given.
    """
    failed: HubError
    console = SteadyConsole()
    async with alive(settings, load_profiles(), "switch", alone=True) as networks:
        try:
            device = device_of(settings, networks, chosen)
            if device.relay is None:
                raise NotDone(f"{chosen.name} has no relay")
            async with journal(settings, chosen, guards.load_of(chosen), cause, console) as keep:
                return await act(
                    Bench(settings, chosen, device, device.relay, networks, console, keep, _aimed(settings, device))
                )
        except HubError as error:
            failed = error  # raised outside of the task group, which would put it into a group of its own
    raise failed


def _aimed(settings: Settings, device: Device) -> Aim | None:
    """What the unit is told to do by an "on", as the hub would tell it now; None where there is only on and off."""
    if device.unit is None:
        return None
    expected, now = Expectations(settings, ()), clock_of(settings).now()
    aim = expected.aim(expected.house(None, now), now)
    if aim is not None:
        device.unit.aim(aim)
    return aim


async def _learnt(bench: Bench, answer_s: float) -> guards.Known:
    """What the decision hangs on, before anybody is asked."""
    try:
        state = await first_answer(bench.relay.read, answer_s)
    except DeviceRefused as error:
        raise NotDone(str(error)) from error
    except DeviceError:
        state = None
    return await guards.known(bench.settings, bench.networks, bench.chosen, state, answer_s)


async def _switched(bench: Bench, answer_s: float, *, on: bool) -> int:
    await _state(bench, answer_s)
    if not await _ordered(bench, on=on):
        return UNKNOWN
    if on and bench.relay.must_be_renewed:
        bench.say(f"it ends this by itself after {bench.settings.control.dead_man_s} s, unless a hub renews it")
    return VERIFIED


async def _tested(bench: Bench, seconds: float, answer_s: float) -> int:
    if await _state(bench, answer_s) is None:
        bench.say("it does not answer, so it is not switched at all", "red")
        return UNKNOWN
    await _say_power(bench, "before", answer_s)
    verified, interrupted = await _on_then_off(bench, seconds, answer_s)
    power_w = await _say_power(bench, "after", answer_s)
    own_meter = bench.device.meter is not None and bench.device.unit is None
    if power_w is not None and power_w > _STILL_DRAWS_W and own_meter:
        bench.say("it says off, but its meter does not: the contacts may be welded. Pull the plug", "red")
        return UNKNOWN
    if interrupted and verified:
        return INTERRUPTED
    return VERIFIED if verified else UNKNOWN


async def _on_then_off(bench: Bench, seconds: float, answer_s: float) -> tuple[bool, bool]:
    """Whether all that was ordered is verified, and whether somebody interrupted it."""
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(_on_for_a_while(bench, seconds, answer_s))
    for name in _ENDINGS:
        loop.add_signal_handler(name, work.cancel)
    try:
        await asyncio.wait([work])
    finally:
        work.cancel()
        off = asyncio.ensure_future(_off_at_last(bench))
        await asyncio.shield(off)
        for name in _ENDINGS:
            loop.remove_signal_handler(name)
    if work.cancelled():
        bench.say("interrupted, and off" if off.result() else "interrupted", "yellow")
        return off.result(), True
    return work.result() and off.result(), False


async def _on_for_a_while(bench: Bench, seconds: float, answer_s: float) -> bool:
    if not await _ordered(bench, on=True):
        return False
    await asyncio.sleep(seconds)
    await _say_power(bench, "while on", answer_s)
    return True


async def _off_at_last(bench: Bench) -> bool:
    for _ in range(_OFF_ATTEMPTS):
        if await _ordered(bench, on=False):
            return True
    bench.say("it MAY STILL BE ON: switch it off by its button, or pull the plug", "bold red")
    return False


def _let_through(
    settings: Settings, chosen: DeviceSettings, known: guards.Known, *, on: bool, yes: bool, question: str
) -> None:
    """Refuse what the interlock would refuse, and ask what it cannot know. Raises NotDone.

    An off is never refused for the sake of a minimum time: the owner may want it at once, and is only asked.
    """
    why = guards.forbidden(settings.house, guards.load_of(chosen), known, on=on)
    if why and on:
        raise NotDone(f"{chosen.name} may not be switched on now: {why}")
    doubts = [*([f"It is too early: {why}."] if why else []), *guards.doubts(settings, chosen, known, on=on)]
    if question or doubts:
        agreed(Console(), " ".join([*doubts, question or f"Switch it {_word(on=on)} all the same?"]), yes=yes)


async def _state(bench: Bench, answer_s: float) -> RelayState | None:
    clock = asyncio.get_running_loop()
    began = clock.time()

    async def ask() -> RelayState:
        nonlocal began
        began = clock.time()  # of the answer, without the time until the device was known
        return await bench.relay.read()

    try:
        state = await first_answer(ask, answer_s)
    except DeviceError as error:
        bench.say(f"no answer: {error.reason}", "yellow")
        return None
    bench.say(f"is {_word(on=state.on)}, answered in {1000 * (clock.time() - began):.0f} ms")
    return state


async def _ordered(bench: Bench, *, on: bool) -> bool:
    """Whether the order was carried out and verified; journalled, and said with the time it took."""
    clock, at = asyncio.get_running_loop(), clock_of(bench.settings).now()
    await bench.keep(on, Stage.REQUESTED, at)
    began = clock.time()
    try:
        await bench.relay.switch(on=on)
    except DeviceError as error:
        if bench.relay.pending is on:
            return await _shown(bench, at, on=on)
        took_ms = 1000 * (clock.time() - began)
        await bench.keep(on, _stage(bench.relay, error), at)
        bench.say(f"{_word(on=on)} NOT verified after {took_ms:.0f} ms: {error.reason}", "red")
        return False
    took_ms = 1000 * (clock.time() - began)
    await bench.keep(on, Stage.VERIFIED, at)
    bench.say(f"{_word(on=on)}, verified in {took_ms:.0f} ms")
    return True


async def _shown(bench: Bench, at: datetime, *, on: bool) -> bool:
    """Whether the circuit shows in time that an order was obeyed which has been sent."""
    clock, word = asyncio.get_running_loop(), _word(on=on)
    await bench.keep(on, Stage.ACKNOWLEDGED, at)
    infrared = bench.chosen.infrared
    until = "" if infrared is None else f" for up to {infrared.settles_s:g} s"
    bench.say(f"told to be {word}{_meaning(bench, on=on)}; watching its circuit{until}")
    began, seen = clock.time(), "its meter says nothing"
    with bench.console.status("") as status:
        while bench.relay.pending is on:
            status.update(f"{clock.time() - began:.0f} s: {printable(seen)}")
            await asyncio.sleep(_LOOK_AGAIN_S)
            try:
                state = await bench.relay.read()
            except DeviceError as error:
                seen = error.reason
                continue
            if state.on is on:
                await bench.keep(on, Stage.VERIFIED, at)
                bench.say(f"{word}: its circuit shows it after {clock.time() - began:.0f} s")
                return True
            seen = f"its circuit still shows {_word(on=state.on)}"
    bench.say(
        f"{word} NOT verified after {clock.time() - began:.0f} s: {seen}. Can the unit see the transmitter?", "red"
    )
    return False


def _meaning(bench: Bench, *, on: bool) -> str:
    return f", to {bench.aim.mode} to {bench.aim.setpoint_c:g} °C" if on and bench.aim is not None else ""


def _stage(relay: Relay, error: DeviceError) -> Stage:
    """How far an order got that failed."""
    if isinstance(error, DeviceRefused):
        return Stage.REFUSED
    return Stage.ACKNOWLEDGED if relay.acknowledged else Stage.UNKNOWN


async def _say_power(bench: Bench, when: str, answer_s: float) -> float | None:
    """What the device's meter sees, or else the house's; said, and given in W."""
    meter, whose = _meter(bench)
    if meter is None:
        return None
    try:
        power_w = (await first_answer(meter.read, answer_s)).power_w
    except DeviceError as error:
        bench.say(f"{whose} {when}: no answer, {error.reason}", "yellow")
        return None
    if power_w is not None:
        bench.say(f"{whose} {when}: {power_w:.0f} W")
    return power_w


def _meter(bench: Bench) -> tuple[Meter | None, str]:
    if bench.device.meter is not None:
        return bench.device.meter, "its meter"
    shown_by = None if bench.chosen.infrared is None else bench.chosen.infrared.verified_by
    for other in bench.settings.devices:
        if other.name == shown_by or (shown_by is None and other.role is Role.HOUSE_METER):
            whose = "the house's meter" if shown_by is None else "the meter on its circuit"
            return bench.networks.of(other).device(other).meter, whose
    return None, ""


def _word(*, on: bool) -> str:
    return "on" if on else "off"
