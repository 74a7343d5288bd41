"""Whole days with faults: they are outlived, flagged and said once."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.domain.command import Cause, Stage
from agent.domain.condition import Condition
from agent.domain.house import WATER_HEATER
from agent.domain.interval import Interval
from agent.domain.plan import Fallback, LoadPlan, Plan
from agent.domain.problem import Problem
from agent.errors import FeedDown, FeedUnreachable
from agent.settings import Settings
from tests.hub.days import DAY, START, STEP, a_day, against_the_plan, losses, returns, until
from tests.hub.virtual_home import Running, live, virtual_home
from tests.virtual_time import run_virtually


def test_a_broker_away_for_ten_minutes_is_said_once_and_the_day_goes_on(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def outage(running: Running) -> None:
        await until(START + timedelta(hours=6, minutes=2))
        running.home.unplugged = {device.name for device in settings.devices}
        running.day.network_changed("broker", False, "connection refused")  # noqa: FBT003 - the broker's listener
        await asyncio.sleep(600)
        running.home.unplugged = set()
        running.day.network_changed("broker", True, "127.0.0.1:1883")  # noqa: FBT003
        await asyncio.sleep(5)
        assert await against_the_plan(running) == []

    a_day(settings, tmp_path, hours=8, during=outage)
    for subject in ("broker", *(f"device:{device.name}" for device in settings.devices)):
        assert len(losses(caplog, subject)) == 1, subject
        assert len(returns(caplog, subject)) == 1, subject


def test_an_unplugged_plug_does_not_hold_up_the_others(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def unplug(running: Running) -> None:
        await until(START + timedelta(hours=5))
        running.home.unplugged = {"boiler-plug"}
        await asyncio.sleep(2 * 3600)
        ac_plug = await running.telemetry.readings("ac-plug", Interval(start=START, end=datetime.now(UTC)))
        assert ac_plug[-1].at >= datetime.now(UTC) - STEP
        running.home.unplugged = set()
        await asyncio.sleep(STEP.total_seconds() + 1)
        assert await against_the_plan(running, {WATER_HEATER}) == []

    a_day(settings, tmp_path, hours=8, during=unplug)
    assert len(losses(caplog, "device:boiler-plug")) == 1
    assert len(returns(caplog, "device:boiler-plug")) == 1


def test_an_order_without_an_answer_is_unknown_and_given_again(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, START)
    home.deaf = {"boiler-plug", "ac-plug"}
    stages: list[Stage] = []

    async def mend(running: Running) -> None:
        await until(START + timedelta(hours=5))
        stages.extend(command.stage for command in await running.ledger.commands(DAY))
        home.deaf = set()
        await asyncio.sleep(STEP.total_seconds() + 1)
        assert await against_the_plan(running) == []

    a_day(settings, tmp_path, hours=6, during=mend, home=home)
    assert Stage.UNKNOWN in stages
    assert Stage.VERIFIED not in stages


@pytest.mark.parametrize(("fault", "lasts_s"), [("deaf", 45), ("unplugged", 1800)])
def test_what_did_not_obey_is_held_to_the_plan_half_a_minute_after_it_can(
    settings: Settings, tmp_path: Path, fault: str, lasts_s: float
) -> None:
    home = virtual_home(settings, START)
    setattr(home, fault, {"boiler-plug", "ac-plug"})

    async def mend(running: Running) -> None:
        await until(START + timedelta(minutes=1))
        while not await against_the_plan(running):
            await asyncio.sleep(5)
        await asyncio.sleep(lasts_s)
        setattr(home, fault, set())
        await asyncio.sleep(30)
        assert await against_the_plan(running) == []

    a_day(settings, tmp_path, hours=12, during=mend, home=home)


def test_loads_are_set_to_start_off_and_the_owner_is_told_of_those_that_cannot(
    settings: Settings, tmp_path: Path
) -> None:
    home = virtual_home(settings, START)
    home.stubborn = {"ac-plug"}
    home.unplugged = {"boiler-plug"}
    said: dict[str, Condition] = {}

    async def mend(running: Running) -> None:
        await until(START + timedelta(hours=1))
        assert home.starts_off == {"ac-plug"}
        home.unplugged = set()
        await asyncio.sleep(60)
        said.update({condition.subject: condition for condition in await running.ledger.conditions()})

    a_day(settings, tmp_path, hours=2, during=mend, home=home)
    assert home.starts_off == {"ac-plug", "boiler-plug"}
    assert "safe start:boiler-plug" not in said
    assert not said["safe start:ac-plug"].well
    assert "start off at the device itself" in said["safe start:ac-plug"].detail


def test_a_tank_above_its_limit_puts_the_heater_off_whatever_the_plan_says(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, START)
    causes: set[Cause] = set()

    async def insist(running: Running) -> None:
        rule = running.planner.plan

        async def heat_all_day(problem: Problem) -> Plan:
            plan = await rule(problem)
            always = LoadPlan(load=WATER_HEATER, power_w=2000, on=(plan.horizon,))
            return plan.model_copy(update={"loads": (always,)})

        running.planner.plan = heat_all_day  # type: ignore[method-assign]
        await asyncio.sleep(60)
        await running.day.make_plan()
        while datetime.now(UTC) < START + timedelta(hours=10):
            await asyncio.sleep(301)
            tank_c = home.house.tank_temperature_c
            assert tank_c is not None
            if tank_c > 71.0:
                assert not home.house.is_on(WATER_HEATER)
        causes.update(command.cause for command in await running.ledger.commands(DAY))

    assert settings.house.tank is not None
    assert settings.house.tank.safety_limit_c == 70
    a_day(settings, tmp_path, hours=11, during=insist, home=home)
    assert Cause.TANK_TOO_HOT in causes


def test_prices_that_fail_are_estimated_flagged_and_said_once(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    home = virtual_home(settings, START)
    home.feed_fault = FeedDown("epias", "answered 500")

    async def mend(running: Running) -> None:
        await until(START + timedelta(hours=10))
        plan = await running.ledger.plan_in_force(datetime.now(UTC))
        assert plan is not None
        assert Fallback.PRICES_ESTIMATED in plan.fallbacks
        home.feed_fault = None
        await asyncio.sleep(1800)
        plan = await running.ledger.plan_in_force(datetime.now(UTC))
        assert plan is not None
        assert plan.price_try_per_kwh.at(datetime.now(UTC)) == pytest.approx(
            home.price_try_per_mwh(datetime.now(UTC).astimezone(settings.home.zone)) / 1000
        )

    a_day(settings, tmp_path, hours=11, during=mend, home=home)
    assert len(losses(caplog, "feed:epias")) == 1
    assert len(returns(caplog, "feed:epias")) == 1


def test_prices_of_tomorrow_that_come_at_five_are_missed_aloud_and_then_planned_with(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def late(running: Running) -> None:
        published = running.feeds.published_at
        running.feeds.published_at = timedelta(hours=17)
        assert published == timedelta(hours=14)
        await until(START + timedelta(hours=16))
        plan = await running.ledger.plan_in_force(datetime.now(UTC))
        assert plan is not None
        assert Fallback.PRICES_ESTIMATED in plan.fallbacks
        await until(START + timedelta(hours=17, minutes=30))
        plan = await running.ledger.plan_in_force(datetime.now(UTC))
        assert plan is not None
        assert Fallback.PRICES_ESTIMATED not in plan.fallbacks

    a_day(settings, tmp_path, hours=18, during=late)
    assert len(losses(caplog, "prices of tomorrow")) == 1
    assert len(returns(caplog, "prices of tomorrow")) == 1


def test_weather_that_fails_falls_back_to_the_last_good_and_then_the_climate(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    seen: list[frozenset[Fallback]] = []

    async def cut(running: Running) -> None:
        await until(START + timedelta(hours=1))
        running.home.weather_fault = FeedUnreachable("open-meteo", "no route")
        for hour in (13, 47):
            await until(START + timedelta(hours=hour))
            plan = await running.ledger.plan_in_force(datetime.now(UTC))
            assert plan is not None
            seen.append(plan.fallbacks)

    a_day(settings, tmp_path, hours=48, during=cut)
    assert Fallback.WEATHER_LAST_GOOD in seen[0]
    assert Fallback.WEATHER_CLIMATE in seen[1]
    assert len(losses(caplog, "feed:weather")) == 1


def test_without_a_thermometer_the_prediction_stands_in_and_is_flagged(settings: Settings, tmp_path: Path) -> None:
    async def unplug(running: Running) -> None:
        await until(START + timedelta(hours=2))
        running.home.unplugged = {"tank-sensor"}
        await asyncio.sleep(8 * 3600)
        problem = running.planner.problems[-1]
        assert problem.state.estimated == {"tank_temperature_c"}
        assert Fallback.TEMPERATURE_ESTIMATED in problem.fallbacks

    a_day(settings, tmp_path, hours=11, during=unplug)


def test_a_heater_whose_thermometer_is_silent_gets_no_more_heat_than_the_tank_can_take(
    settings: Settings, tmp_path: Path
) -> None:
    home = virtual_home(settings, START)
    home.unplugged = {"tank-sensor"}
    warmest_c: list[float] = []

    async def watch(_running: Running) -> None:
        while datetime.now(UTC) < START + timedelta(hours=10):
            await asyncio.sleep(60)
            home.unplugged = {"tank-sensor"} if datetime.now(UTC) > START + timedelta(hours=4, minutes=1) else set()
            home.advance()
            warmest_c.append(home.house.tank_temperature_c or 0.0)

    assert settings.house.tank is not None
    a_day(settings, tmp_path, hours=10.5, during=watch, home=home)
    assert max(warmest_c) < settings.house.tank.safety_limit_c


def test_a_heater_whose_thermometer_was_never_heard_stays_off(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, START)
    home.unplugged = {"tank-sensor"}
    a_day(settings, tmp_path, hours=8, home=home)
    assert not [at for at, name, on in home.orders if name == "boiler-plug" and on]


def test_prices_that_come_late_to_a_fresh_hub_are_lost_and_found_once(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    afternoon = START + timedelta(hours=14, minutes=31)

    async def late(running: Running) -> None:
        running.feeds.published_at = timedelta(hours=17)

    run_virtually(afternoon, lambda: live(virtual_home(settings, afternoon), tmp_path, 4, late))
    for subject in ("prices of tomorrow", "feed:epias"):
        assert len(losses(caplog, subject)) == len(returns(caplog, subject)) <= 1, subject


def test_weather_that_was_missing_at_the_start_is_planned_with_as_soon_as_it_comes(
    settings: Settings, tmp_path: Path
) -> None:
    home = virtual_home(settings, START)
    home.weather_fault = FeedUnreachable("open-meteo", "no route")

    async def mend(running: Running) -> None:
        await asyncio.sleep(60)
        home.weather_fault = None
        await asyncio.sleep(1800)
        plan = await running.ledger.plan_in_force(datetime.now(UTC))
        assert plan is not None
        assert not plan.fallbacks & {Fallback.WEATHER_CLIMATE, Fallback.WEATHER_LAST_GOOD}

    a_day(settings, tmp_path, hours=1, during=mend, home=home)


def test_a_slow_step_does_not_keep_the_hub_from_leaving_the_house_safe(settings: Settings, tmp_path: Path) -> None:
    home = virtual_home(settings, START)

    async def leave(running: Running) -> None:
        await until(START + timedelta(minutes=1))
        home.house.switch(WATER_HEATER, on=True)
        home.slow = {"ac-plug"}
        step = asyncio.create_task(running.day.step())
        await asyncio.sleep(1)
        assert not step.done()
        async with asyncio.timeout(15):
            assert not await running.day.release(), "the slow one did not obey"
        assert not home.house.is_on(WATER_HEATER)
        assert step.cancelled()
        before = list(home.orders)
        await running.day.step()
        assert home.orders == before, "no step begins any more"

    a_day(settings, tmp_path, hours=0.2, during=leave, home=home)
