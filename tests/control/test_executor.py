"""Orders to relays that obey, refuse or say nothing; a real ledger beneath."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.store.ledger import SqlLedger, open_ledger
from agent.clock import SystemClock
from agent.control.conditions import Conditions
from agent.control.executor import Executor, on_time_s
from agent.control.interlock import Situation
from agent.control.sampler import Snapshot
from agent.control.schedule import Want
from agent.domain.command import Cause, Command, Stage
from agent.domain.device import RelayState, Role
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, Aim, LoadState
from agent.domain.interval import Interval
from agent.errors import DeviceRefused, DeviceUnreachable, DeviceUnverified, JournalError
from agent.ports import Device
from tests.control.test_interlock import house

NOW = datetime(2020, 1, 1, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=2)
LIMITED = house(3000.0)


@dataclass
class ObedientRelay:
    """Does as it is told, unless it is deaf or refuses."""

    name: str
    on: bool
    orders: list[tuple[str, bool]] = field(default_factory=list)
    deaf: bool = False
    refuses: bool = False
    must_be_renewed: bool = False
    acknowledged: bool = False
    """Whether it says that it heard an order, even where it then says no more."""
    on_pressed: Callable[[RelayState], None] | None = None
    slow: bool = False
    """Whether it says that it heard an order, and shows it later."""
    pending: bool | None = None
    returns: int = 0
    asked_often: bool = True

    async def switch(self, *, on: bool) -> RelayState:
        self.orders.append((self.name, on))
        if self.refuses:
            raise DeviceRefused(self.name, "locked")
        if self.deaf:
            raise DeviceUnreachable(self.name, "no answer")
        if self.slow:
            self.pending = on
            raise DeviceUnverified(self.name, "does not show yet")
        self.on = on
        return RelayState(on=on, at=NOW)

    async def read(self) -> RelayState:
        return RelayState(on=self.on, at=NOW)

    async def start_off(self) -> bool:
        return False


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    async with open_ledger(tmp_path) as opened:
        yield opened


class Aimed:
    """What can be told more than on and off."""

    def aim(self, aim: Aim) -> None:
        """Nobody asks what it was."""


def executor(ledger: SqlLedger, unit: ObedientRelay, rod: ObedientRelay, told: Aimed | None = None) -> Executor:
    return Executor(
        house=LIMITED,
        relays={
            AIR_CONDITIONER: Device(name="ac-plug", role=Role.AIR_CONDITIONER, relay=unit, unit=told),
            WATER_HEATER: Device(name="boiler-plug", role=Role.WATER_HEATER, relay=rod),
        },
        ledger=ledger,
        clock=SystemClock(),
        conditions=Conditions(ledger, SystemClock()),
        override=timedelta(hours=1),
        dead_man=timedelta(minutes=15),
    )


def situation(*, unit_on: bool, rod_on: bool) -> Situation:
    return Situation(
        at=NOW,
        loads={
            AIR_CONDITIONER: LoadState(on=unit_on, since=LONG_AGO),
            WATER_HEATER: LoadState(on=rod_on, since=LONG_AGO),
        },
        tank_at_most_c=50,
        other_power_w=300,
        drawn_w={},
    )


def wants(*, unit: bool, rod: bool) -> list[Want]:
    return [
        Want(load=AIR_CONDITIONER, on=unit, cause=Cause.PLAN),
        Want(load=WATER_HEATER, on=rod, cause=Cause.PLAN),
    ]


async def test_what_goes_off_goes_off_before_anything_goes_on(ledger: SqlLedger) -> None:
    orders: list[tuple[str, bool]] = []
    unit, rod = ObedientRelay("unit", on=False, orders=orders), ObedientRelay("rod", on=True, orders=orders)
    await executor(ledger, unit, rod).hold(wants(unit=True, rod=False), situation(unit_on=False, rod_on=True))
    assert orders == [("rod", False), ("unit", True)]


@pytest.mark.parametrize("fault", ["deaf", "refuses"])
async def test_nothing_starts_beside_a_load_that_did_not_go_off(ledger: SqlLedger, fault: str) -> None:
    unit, rod = ObedientRelay("unit", on=False), ObedientRelay("rod", on=True)
    setattr(rod, fault, True)
    decided = await executor(ledger, unit, rod).hold(wants(unit=True, rod=False), situation(unit_on=False, rod_on=True))
    assert not unit.on
    assert {v.load: v.cause for v in decided}[AIR_CONDITIONER] is Cause.POWER_LIMIT


async def test_a_silent_load_that_was_last_told_to_be_on_counts_as_drawing(ledger: SqlLedger) -> None:
    unit, rod = ObedientRelay("unit", on=False), ObedientRelay("rod", on=False)
    hub = executor(ledger, unit, rod)
    await hub.hold(wants(unit=True, rod=False), situation(unit_on=False, rod_on=False))
    silent = Snapshot(at=NOW, readings=(), relays={"boiler-plug": RelayState(on=False, at=NOW)}, lost={"ac-plug": "x"})
    assert await hub.silent_power_w(silent) == LIMITED.load(AIR_CONDITIONER).power_w


async def test_on_the_way_out_relays_go_off_even_if_the_ledger_is_broken(
    ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_command: Command) -> None:
        raise JournalError("the disk is full")

    monkeypatch.setattr(ledger, "add_command", full)
    unit, rod = ObedientRelay("unit", on=True), ObedientRelay("rod", on=True)
    assert await executor(ledger, unit, rod).release()
    assert not unit.on
    assert not rod.on


async def test_on_the_way_out_it_is_said_whether_all_obeyed(ledger: SqlLedger) -> None:
    assert not await executor(
        ledger, ObedientRelay("unit", on=True, deaf=True), ObedientRelay("rod", on=True)
    ).release()


async def test_on_the_way_out_a_silent_relay_does_not_use_up_the_time_of_the_others(ledger: SqlLedger) -> None:
    class Mute(ObedientRelay):
        async def switch(self, *, on: bool) -> RelayState:
            self.orders.append((self.name, on))
            return await asyncio.Future[RelayState]()

    mute, rod = Mute("unit", on=True), ObedientRelay("rod", on=True)
    leaving = asyncio.create_task(executor(ledger, mute, rod).release())
    while not mute.orders or rod.on:
        await asyncio.sleep(0)
    leaving.cancel()
    assert not rod.on


async def test_all_that_goes_off_is_told_at_once(ledger: SqlLedger) -> None:
    both = asyncio.Barrier(2)

    class Together(ObedientRelay):
        async def switch(self, *, on: bool) -> RelayState:
            await both.wait()
            return await super().switch(on=on)

    unit, rod = Together("unit", on=True), Together("rod", on=True)
    async with asyncio.timeout(10):
        await executor(ledger, unit, rod).hold(wants(unit=False, rod=False), situation(unit_on=True, rod_on=True))
    assert not unit.on
    assert not rod.on


async def test_the_first_press_of_a_load_that_was_never_ordered_is_a_press(ledger: SqlLedger) -> None:
    hub = executor(ledger, ObedientRelay("unit", on=False), ObedientRelay("rod", on=False))
    await hub.load_states(_looked(unit_on=False))
    await hub.load_states(_looked(unit_on=True))
    assert [command.cause for command in await ledger.last_commands(AIR_CONDITIONER)] == [Cause.OBSERVED]
    assert await hub.overrides(NOW) == {AIR_CONDITIONER: True}


async def test_what_is_on_when_the_hub_first_looks_is_nobodys_press(ledger: SqlLedger) -> None:
    hub = executor(ledger, ObedientRelay("unit", on=True), ObedientRelay("rod", on=False))
    await hub.load_states(_looked(unit_on=True))
    assert [command.cause for command in await ledger.last_commands(AIR_CONDITIONER)] == [Cause.UNATTENDED]


@given(
    changes_s=st.lists(st.integers(1, 3599), max_size=8, unique=True).map(sorted),
)
def test_on_time_is_the_sum_of_what_was_verified(changes_s: list[int]) -> None:
    span = Interval(start=NOW, end=NOW + timedelta(hours=1))
    on, at_s, expected_s, commands = bool(changes_s and changes_s[0] % 2), 0, 0, []
    for change_s in changes_s:
        expected_s += change_s - at_s if on else 0
        on, at_s = not on, change_s
        commands.append(
            Command(
                command_id=f"c{change_s}",
                load=WATER_HEATER,
                device="rod",
                on=on,
                cause=Cause.PLAN,
                stage=Stage.VERIFIED,
                at=NOW + timedelta(seconds=change_s),
            )
        )
    expected_s += 3600 - at_s if on else 0
    assert on_time_s(commands, span, on_now=on) == pytest.approx(expected_s)


def test_an_order_of_unknown_fate_counts_for_the_longest_on_time() -> None:
    span = Interval(start=NOW, end=NOW + timedelta(hours=1))
    unknown = Command(
        command_id="c", load=WATER_HEATER, device="rod", on=True, cause=Cause.PLAN, stage=Stage.UNKNOWN, at=NOW
    )
    assert on_time_s([unknown], span, on_now=False) == 3600
    assert on_time_s([], span, on_now=False) == 0


@pytest.mark.parametrize("cause", [Cause.OBSERVED, Cause.UNATTENDED])
def test_a_load_that_was_found_on_may_have_been_on_all_the_while(cause: Cause) -> None:
    span = Interval(start=NOW, end=NOW + timedelta(hours=1))
    off = _command(0, on=False, cause=Cause.PLAN, stage=Stage.VERIFIED)
    found = _command(30, on=True, cause=cause, stage=Stage.VERIFIED)
    ended = _command(40, on=False, cause=Cause.PLAN, stage=Stage.VERIFIED)
    assert on_time_s([off, found, ended], span, on_now=False) == 40 * 60


def test_a_verified_off_does_not_forget_an_on_of_unknown_fate() -> None:
    span = Interval(start=NOW, end=NOW + timedelta(hours=1))
    asked = _command(10, on=True, cause=Cause.PLAN, stage=Stage.UNKNOWN)
    ended = _command(40, on=False, cause=Cause.PLAN, stage=Stage.VERIFIED)
    assert on_time_s([asked, ended], span, on_now=False) == 30 * 60


def _command(minute: int, *, on: bool, cause: Cause, stage: Stage) -> Command:
    at = NOW + timedelta(minutes=minute)
    return Command(command_id=f"c{minute}", load=WATER_HEATER, device="rod", on=on, cause=cause, stage=stage, at=at)


async def test_a_running_load_is_ended_beside_one_that_would_not_go_off(ledger: SqlLedger) -> None:
    unit, rod = ObedientRelay("unit", on=True), ObedientRelay("rod", on=True, deaf=True)
    await executor(ledger, unit, rod).hold(wants(unit=True, rod=False), situation(unit_on=True, rod_on=True))
    assert not unit.on


@pytest.mark.parametrize("heard", [False, True])
async def test_an_order_that_was_heard_but_never_proved_is_acknowledged(
    ledger: SqlLedger,
    heard: bool,  # noqa: FBT001 - a parameter
) -> None:
    unit = ObedientRelay("unit", on=False, deaf=True, acknowledged=heard)
    rod = ObedientRelay("rod", on=False)
    await executor(ledger, unit, rod).hold(wants(unit=True, rod=False), situation(unit_on=False, rod_on=False))
    stages = [command.stage for command in await ledger.last_commands(AIR_CONDITIONER)]
    assert stages == [Stage.ACKNOWLEDGED if heard else Stage.UNKNOWN, Stage.REQUESTED]


@pytest.mark.parametrize("renewed", [False, True])
async def test_an_on_that_would_end_is_given_again_at_each_step_and_journalled_never(
    ledger: SqlLedger,
    renewed: bool,  # noqa: FBT001 - a parameter
) -> None:
    unit, rod = ObedientRelay("unit", on=True, must_be_renewed=renewed), ObedientRelay("rod", on=False)
    hub = executor(ledger, unit, rod)
    for _ in range(3):
        await hub.hold(wants(unit=True, rod=False), situation(unit_on=True, rod_on=False))
    assert unit.orders == [("unit", True)] * (3 if renewed else 0)
    assert await ledger.last_commands(AIR_CONDITIONER) == []


async def test_what_was_pressed_since_the_look_is_not_told_to_stay_on(ledger: SqlLedger) -> None:
    unit, rod = ObedientRelay("unit", on=True, must_be_renewed=True), ObedientRelay("rod", on=False)
    pressed = frozenset({AIR_CONDITIONER})
    await executor(ledger, unit, rod).hold(wants(unit=True, rod=False), situation(unit_on=True, rod_on=False), pressed)
    assert unit.orders == []


async def test_a_renewal_that_fails_is_lost_until_it_succeeds_or_nothing_is_left_to_renew(ledger: SqlLedger) -> None:
    unit, rod = ObedientRelay("unit", on=True, must_be_renewed=True, deaf=True), ObedientRelay("rod", on=False)
    hub = executor(ledger, unit, rod)

    async def lost() -> set[str]:
        return {condition.subject for condition in await ledger.conditions() if not condition.well}

    await hub.hold(wants(unit=True, rod=False), situation(unit_on=True, rod_on=False))
    assert await lost() == {"renewal:ac-plug"}
    unit.deaf = False
    await hub.hold(wants(unit=True, rod=False), situation(unit_on=True, rod_on=False))
    assert await lost() == set()
    unit.deaf = True
    await hub.hold(wants(unit=True, rod=False), situation(unit_on=True, rod_on=False))
    unit.deaf = False
    await hub.hold(wants(unit=False, rod=False), situation(unit_on=True, rod_on=False))
    assert await lost() == set()


async def test_a_row_of_what_was_found_does_not_hide_the_order_of_the_same_moment(ledger: SqlLedger) -> None:
    unit, rod = ObedientRelay("unit", on=False), ObedientRelay("rod", on=False)
    with time_machine.travel(NOW, tick=False):
        hub = executor(ledger, unit, rod)
        await hub.hold(wants(unit=True, rod=False), situation(unit_on=False, rod_on=False))
        for on in (True, False):
            seen = RelayState(on=on, at=NOW)
            await hub.load_states(Snapshot(at=NOW, readings=(), relays={"ac-plug": seen}, lost={}))
        last = await ledger.last_commands(AIR_CONDITIONER)
    assert [(command.cause, command.on) for command in last[:2]] == [(Cause.OBSERVED, False), (Cause.PLAN, True)]


def _looked(*, unit_on: bool, at: datetime = NOW) -> Snapshot:
    relays = {"ac-plug": RelayState(on=unit_on, at=at), "boiler-plug": RelayState(on=False, at=at)}
    return Snapshot(at=at, readings=(), relays=relays, lost={})


async def test_a_slow_order_is_given_once_and_proved_when_it_shows(ledger: SqlLedger) -> None:
    unit, rod = ObedientRelay("unit", on=False, slow=True, acknowledged=True), ObedientRelay("rod", on=False)
    hub = executor(ledger, unit, rod)
    for _ in range(3):
        await hub.load_states(_looked(unit_on=False))
        await hub.hold(wants(unit=True, rod=False), situation(unit_on=False, rod_on=False))
        assert hub.coming == {AIR_CONDITIONER}
        assert hub.disobeyed == frozenset()
    states = await hub.load_states(_looked(unit_on=False))
    assert states[AIR_CONDITIONER].on, "it may draw from any moment on"
    assert unit.orders == [("unit", True)]
    unit.pending = None
    assert (await hub.load_states(_looked(unit_on=True)))[AIR_CONDITIONER].on
    stages = [command.stage for command in await ledger.last_commands(AIR_CONDITIONER)]
    assert stages == [Stage.VERIFIED, Stage.ACKNOWLEDGED, Stage.REQUESTED]
    assert hub.coming == frozenset()


async def test_a_slow_order_that_never_shows_is_named_and_given_again(ledger: SqlLedger) -> None:
    unit, rod = ObedientRelay("unit", on=False, slow=True, acknowledged=True), ObedientRelay("rod", on=False)
    hub = executor(ledger, unit, rod, Aimed())
    await hub.hold(wants(unit=True, rod=False), situation(unit_on=False, rod_on=False))
    unit.pending = None
    assert not (await hub.load_states(_looked(unit_on=False)))[AIR_CONDITIONER].on
    (condition,) = await ledger.conditions()
    assert (condition.subject, condition.well) == ("obedience:ac-plug", False)
    assert "told to be on and is off" in condition.detail
    await hub.hold(wants(unit=True, rod=False), situation(unit_on=False, rod_on=False))
    assert unit.orders == [("unit", True)] * 2


@pytest.mark.parametrize("heard", [False, True])
async def test_a_relay_that_is_stuck_on_was_not_pressed_and_is_named(
    ledger: SqlLedger,
    heard: bool,  # noqa: FBT001 - a parameter
) -> None:
    unit, rod = ObedientRelay("unit", on=True, deaf=True, acknowledged=heard), ObedientRelay("rod", on=False)
    hub = executor(ledger, unit, rod)
    named = []
    for step in range(30):
        with time_machine.travel(NOW + timedelta(minutes=step), tick=False):
            await hub.load_states(_looked(unit_on=True))
            await hub.hold(wants(unit=False, rod=False), situation(unit_on=True, rod_on=False))
            named.append(any(not one.well for one in await ledger.conditions()))
    assert not {one.cause for one in await ledger.last_commands(AIR_CONDITIONER, limit=500)} & {Cause.OBSERVED}
    assert await hub.overrides(NOW + timedelta(minutes=30)) == {}
    assert named.index(True) == 3, "one lost message is nobody's fault"
    unit.deaf = False
    await hub.load_states(_looked(unit_on=True))
    await hub.hold(wants(unit=False, rod=False), situation(unit_on=True, rod_on=False))
    assert not unit.on


async def test_what_a_pending_off_may_still_draw_is_counted(ledger: SqlLedger) -> None:
    unit = ObedientRelay("unit", on=True, slow=True, acknowledged=True, pending=False)
    rod = ObedientRelay("rod", on=False)
    decided = await executor(ledger, unit, rod, Aimed()).hold(
        wants(unit=False, rod=True), situation(unit_on=True, rod_on=False)
    )
    assert unit.orders == []
    assert not rod.on
    assert {v.load: v.cause for v in decided}[WATER_HEATER] is Cause.POWER_LIMIT


async def test_a_unit_that_draws_no_more_was_not_put_off_by_anybody(ledger: SqlLedger) -> None:
    unit, rod = ObedientRelay("unit", on=True), ObedientRelay("rod", on=False)
    hub = executor(ledger, unit, rod, Aimed())
    for minute, on in enumerate((True, False, True)):
        await hub.load_states(_looked(unit_on=on, at=NOW + timedelta(minutes=minute)))
    causes = [command.cause for command in await ledger.last_commands(AIR_CONDITIONER)]
    assert causes == [Cause.OBSERVED, Cause.UNATTENDED, Cause.UNATTENDED], "only who starts it is seen"


async def test_a_unit_whose_meter_is_silent_is_told_to_stop_once(ledger: SqlLedger) -> None:
    unit, rod = ObedientRelay("unit", on=False), ObedientRelay("rod", on=False)
    hub = executor(ledger, unit, rod, Aimed())
    await hub.hold(wants(unit=True, rod=False), situation(unit_on=False, rod_on=False))
    unit.deaf, unit.acknowledged = True, True  # the remote still works, and nobody sees what comes of it
    blind = situation(unit_on=True, rod_on=False)
    blind = blind.model_copy(update={"loads": {WATER_HEATER: blind.loads[WATER_HEATER]}})
    for _ in range(4):
        await hub.hold(wants(unit=False, rod=False), blind)
    assert unit.orders == [("unit", True), ("unit", False), ("unit", False)], "each order is given twice at once"


async def test_a_device_that_returns_while_the_others_are_still_asked_was_not_pressed(ledger: SqlLedger) -> None:
    unit, rod = ObedientRelay("unit", on=False), ObedientRelay("rod", on=False)
    hub = executor(ledger, unit, rod)
    hub.looking()
    await hub.load_states(_looked(unit_on=False))
    hub.looking()
    unit.returns += 1  # after it was asked, before the slowest has answered
    await hub.load_states(_looked(unit_on=False))
    hub.looking()
    await hub.load_states(_looked(unit_on=True))
    assert [command.cause for command in await ledger.last_commands(AIR_CONDITIONER)] == [Cause.UNATTENDED]
