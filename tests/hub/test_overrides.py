"""Somebody presses the button of a plug: the load is left so for a while, always under the interlock."""

import asyncio
import copy
import logging
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from agent.domain.command import Cause, Command, Stage
from agent.domain.house import WATER_HEATER
from agent.domain.plan import LoadPlan, Plan
from agent.domain.problem import Problem
from agent.settings import Settings
from simulators.house import PhysicalHouse
from tests.hub.days import DAY, START, STEP, a_day, against_the_plan, losses, returns, until
from tests.hub.virtual_home import Running, VirtualHome, live, power_cut_image, virtual_home
from tests.virtual_time import run_virtually

NOON = START + timedelta(hours=12, minutes=1)
ELEVEN = START + timedelta(hours=11)
AN_HOUR = timedelta(hours=1)


def with_override(settings: Settings, override_s: int) -> Settings:
    return settings.model_copy(update={"control": settings.control.model_copy(update={"override_s": override_s})})


async def heating(running: Running, *, on: bool) -> None:
    """From now on plans leave the water heater off, or on, and the tank is far from warm."""
    rule = running.planner.plan

    async def plan(problem: Problem) -> Plan:
        made = await rule(problem)
        rod = LoadPlan(load=WATER_HEATER, power_w=2000, on=(made.horizon,) if on else ())
        return made.model_copy(update={"loads": (*(p for p in made.loads if p.load != WATER_HEATER), rod)})

    running.planner.plan = plan  # type: ignore[method-assign]
    await running.day.make_plan()
    warm(running.home, 30.0)


async def heats(running: Running) -> None:
    """Wait until the water heater is on, as planned."""
    await asyncio.sleep(600)
    await heating(running, on=True)
    await asyncio.sleep(2 * STEP.total_seconds())
    assert running.home.house.is_on(WATER_HEATER)


def warm(home: VirtualHome, water_c: float) -> None:
    """Let the tank be as warm as that."""
    home.advance()
    tank = home.house.tank
    assert tank is not None
    tank.top_c = tank.bottom_c = water_c


async def orders_of_heater(running: Running) -> list[Command]:
    return [command for command in await running.ledger.commands(DAY) if command.load == WATER_HEATER]


def test_a_load_is_left_as_its_owner_set_it_for_an_hour_and_then_set_right(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, ELEVEN)
    ended: list[datetime] = []

    async def press(running: Running) -> None:
        await until(NOON - timedelta(minutes=30))
        await heating(running, on=False)
        await until(NOON)
        home.press("boiler-plug")
        await asyncio.sleep(1)  # heard, and looked at: at once
        found = (await running.ledger.last_commands(WATER_HEATER))[0]
        assert (found.cause, found.on, found.at) == (Cause.OBSERVED, True, NOON)
        while home.house.is_on(WATER_HEATER):
            await asyncio.sleep(10)
        ended.append(datetime.now(UTC))
        assert (await running.ledger.last_commands(WATER_HEATER))[0].cause is Cause.PLAN
        assert await against_the_plan(running, {WATER_HEATER}) == []

    a_day(settings, tmp_path, hours=3, during=press, home=home, start=ELEVEN)
    assert NOON + AN_HOUR <= ended[0] <= NOON + AN_HOUR + STEP + timedelta(seconds=10)


def test_an_off_is_left_too_though_the_plan_begins_meanwhile(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, START)

    async def press(running: Running) -> None:
        await heats(running)
        pressed_at = datetime.now(UTC)
        home.press("boiler-plug")
        while datetime.now(UTC) < pressed_at + AN_HOUR:
            await asyncio.sleep(60)
            assert not home.house.is_on(WATER_HEATER)
        await asyncio.sleep(STEP.total_seconds() + 1)
        assert await against_the_plan(running, {WATER_HEATER}) == []

    a_day(settings, tmp_path, hours=2, during=press, home=home)


def test_with_no_time_for_overrides_a_button_is_set_right_at_once(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(with_override(settings, 0), ELEVEN)

    async def press(running: Running) -> None:
        await until(NOON)
        home.press("boiler-plug")
        await asyncio.sleep(2 * STEP.total_seconds())  # the minimum time of what was pressed is kept
        assert Cause.OBSERVED in {command.cause for command in await running.ledger.last_commands(WATER_HEATER)}
        assert await against_the_plan(running, {WATER_HEATER}) == []

    a_day(home.settings, tmp_path, hours=2, during=press, home=home, start=ELEVEN)


def test_a_press_that_nobody_heard_of_is_found_within_half_a_minute(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, ELEVEN)

    async def press(running: Running) -> None:
        await until(NOON - timedelta(minutes=30))
        await heating(running, on=False)
        await until(NOON)
        home.house.switch(WATER_HEATER, on=True)
        await asyncio.sleep(40 * 60)
        assert home.house.is_on(WATER_HEATER)
        found = [c for c in await running.ledger.last_commands(WATER_HEATER) if c.cause is Cause.OBSERVED]
        soon = timedelta(seconds=30)
        assert [(command.on, command.at - NOON < soon) for command in found] == [(True, True)]

    a_day(settings, tmp_path, hours=2, during=press, home=home, start=ELEVEN)


def test_what_a_power_cut_did_is_found_within_half_a_minute_and_was_nobodys_wish(
    settings: Settings, tmp_path: Path
) -> None:
    home = virtual_home(settings, ELEVEN)

    async def dip(running: Running) -> None:
        await until(NOON - timedelta(minutes=30))
        await heating(running, on=True)
        await until(NOON)
        assert home.house.is_on(WATER_HEATER)
        home.house.switch(WATER_HEATER, on=False)
        home.relays["boiler-plug"].returns += 1
        await asyncio.sleep(30)
        assert (await running.ledger.last_commands(WATER_HEATER))[0].cause is Cause.UNATTENDED
        await asyncio.sleep(2 * STEP.total_seconds())  # the minimum time off is kept
        assert home.house.is_on(WATER_HEATER)

    a_day(settings, tmp_path, hours=2, during=dip, home=home, start=ELEVEN)


def test_a_relay_that_may_not_be_asked_often_is_looked_at_with_the_steps(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, ELEVEN)

    async def move(running: Running) -> None:
        relay = home.relays["boiler-plug"]
        relay.asked_often = False
        await until(NOON - timedelta(minutes=30))
        await heating(running, on=False)
        await until(NOON + timedelta(minutes=2))
        before = relay.reads
        home.house.switch(WATER_HEATER, on=True)
        await asyncio.sleep(120)
        assert relay.reads == before
        await asyncio.sleep(STEP.total_seconds())
        assert Cause.OBSERVED in {command.cause for command in await running.ledger.last_commands(WATER_HEATER)}

    a_day(settings, tmp_path, hours=2, during=move, home=home, start=ELEVEN)


def test_a_tank_that_is_too_hot_ends_an_override_for_good(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, ELEVEN)
    switched: list[bool] = []

    async def press(running: Running) -> None:
        await until(NOON - timedelta(minutes=30))
        await heating(running, on=False)
        await until(NOON)
        home.press("boiler-plug")
        await asyncio.sleep(20 * 60)
        warm(home, 75.0)
        await asyncio.sleep(STEP.total_seconds())
        warm(home, 40.0)
        await asyncio.sleep(20 * 60)
        switched.append(home.house.is_on(WATER_HEATER))
        assert (await running.ledger.last_commands(WATER_HEATER))[0].cause is Cause.TANK_TOO_HOT

    a_day(settings, tmp_path, hours=2, during=press, home=home, start=ELEVEN)
    assert switched == [False]


@pytest.mark.parametrize("orderly", [False, True])
def test_an_override_outlives_the_hub(settings: Settings, tmp_path: Path, orderly: bool) -> None:  # noqa: FBT001
    left: list[PhysicalHouse] = []

    async def press(running: Running) -> None:
        await until(NOON - timedelta(minutes=30))
        await heating(running, on=False)
        await until(NOON)
        running.home.press("boiler-plug")
        await asyncio.sleep(60)
        if not orderly:
            power_cut_image(tmp_path / "first", tmp_path / "second")
            left.append(copy.deepcopy(running.home.house))

    first = a_day(settings, tmp_path / "first", hours=1 + 5 / 60, during=press, start=ELEVEN)
    restart = NOON + timedelta(minutes=10)
    if orderly:
        power_cut_image(tmp_path / "first", tmp_path / "second")
        left.append(first.home.house)
        assert not first.home.house.is_on(WATER_HEATER), "a hub that goes leaves everything off"
    home = VirtualHome(settings, left[0])

    async def look(running: Running) -> None:
        await asyncio.sleep(2 * STEP.total_seconds())  # the rest of a rod that was put off is kept
        assert home.house.is_on(WATER_HEATER)
        await until(NOON + AN_HOUR - timedelta(seconds=1))
        assert home.house.is_on(WATER_HEATER)
        await asyncio.sleep(STEP.total_seconds() + 2)
        assert not home.house.is_on(WATER_HEATER)
        stages = {c.stage for c in await running.ledger.commands(DAY) if c.cause is Cause.OVERRIDE}
        assert stages == ({Stage.REQUESTED, Stage.VERIFIED} if orderly else set())

    async def again(running: Running) -> None:
        await heating(running, on=False)
        await look(running)

    run_virtually(restart, lambda: live(home, tmp_path / "second", 2.0, again))


def test_what_a_relay_did_while_nobody_held_it_is_nobodys_wish(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, START)

    async def cut(running: Running) -> None:
        await heats(running)
        home.unplugged = {"boiler-plug"}
        await asyncio.sleep(STEP.total_seconds())
        home.house.switch(WATER_HEATER, on=False)
        home.unplugged = set()
        await asyncio.sleep(2 * STEP.total_seconds())
        causes = {command.cause for command in await running.ledger.last_commands(WATER_HEATER)}
        assert Cause.UNATTENDED in causes
        assert Cause.OBSERVED not in causes
        assert await against_the_plan(running, {WATER_HEATER}) == []

    a_day(settings, tmp_path, hours=1, during=cut, home=home)


def test_a_button_that_chatters_makes_few_steps(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, ELEVEN)

    async def chatter(_running: Running) -> None:
        await until(NOON)
        before = len(home.beats)
        for _ in range(600):
            home.press("boiler-plug")
            await asyncio.sleep(0.1)
        assert len(home.beats) - before <= 60 / 10 + 2

    a_day(settings, tmp_path, hours=1.1, during=chatter, home=home, start=ELEVEN)


def test_a_relay_that_must_be_renewed_stays_on_and_is_journalled_once(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, START)
    home.dead_man_s = 900

    async def watch(running: Running) -> None:
        while datetime.now(UTC) < START + timedelta(hours=7):
            await asyncio.sleep(301)
            home.advance()
            assert len(await against_the_plan(running)) <= 1
        commands = await orders_of_heater(running)
        assert {command.cause for command in commands} <= {Cause.PLAN, Cause.UNATTENDED}
        changes = [command.on for command in commands if command.stage is Stage.VERIFIED]
        assert all(before is not after for before, after in pairwise(changes))
        orders = [on for _, name, on in home.orders if name == "boiler-plug"]
        assert orders.count(True) > 2 * changes.count(True), "nothing was renewed"

    a_day(settings, tmp_path, hours=7.5, during=watch, home=home)


def test_a_relay_that_ends_by_itself_when_the_hub_dies_was_not_pressed(settings: Settings, tmp_path: Path) -> None:
    first = virtual_home(settings, START)
    first.dead_man_s = 900
    left: list[tuple[PhysicalHouse, dict[str, datetime], datetime]] = []

    async def kill(running: Running) -> None:
        await heats(running)
        power_cut_image(tmp_path / "first", tmp_path / "second")
        left.append((copy.deepcopy(first.house), dict(first.ends_at), datetime.now(UTC)))

    a_day(settings, tmp_path / "first", hours=0.6, during=kill, home=first)
    house, ends_at, killed_at = left[0]
    home = VirtualHome(settings, house, dead_man_s=900, ends_at=ends_at)

    async def look(running: Running) -> None:
        await asyncio.sleep(2 * STEP.total_seconds())
        found = [c for c in await running.ledger.last_commands(WATER_HEATER) if c.stage is Stage.VERIFIED]
        assert Cause.OBSERVED not in {command.cause for command in found}
        assert Cause.UNATTENDED in {command.cause for command in found}
        assert await against_the_plan(running, {WATER_HEATER}) == []

    run_virtually(killed_at + timedelta(minutes=20), lambda: live(home, tmp_path / "second", 0.3, look))


def test_a_renewal_that_fails_is_said_once_and_the_plug_ends_itself(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    home = virtual_home(settings, START)
    home.dead_man_s = 900

    async def deafen(running: Running) -> None:
        await heats(running)
        home.deaf = {"boiler-plug"}
        await asyncio.sleep(1800)
        assert not home.house.is_on(WATER_HEATER)
        lost = {condition.subject for condition in await running.ledger.conditions() if not condition.well}
        assert "renewal:boiler-plug" in lost
        home.deaf = set()
        await asyncio.sleep(3 * STEP.total_seconds())
        assert await against_the_plan(running, {WATER_HEATER}) == []

    a_day(settings, tmp_path, hours=1.5, during=deafen, home=home)
    assert len(losses(caplog, "renewal:boiler-plug")) == 1
    assert len(returns(caplog, "renewal:boiler-plug")) == 1
