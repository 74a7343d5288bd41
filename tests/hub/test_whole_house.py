"""Days of a home with appliances, absences and limits: what the planner is asked, and what is made of its answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from agent.domain.appliance import Appliance, Phase
from agent.domain.comfort import Away
from agent.domain.command import Cause
from agent.domain.device import Role
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, Legionella
from agent.domain.interval import Interval
from agent.domain.plan import ChangeCause, Changes, ComfortMiss, MissCause, Plan
from agent.domain.problem import Problem
from agent.settings import DeviceSettings, Settings, load_settings
from tests.hub.virtual_home import Running, VirtualHome, live, virtual_home
from tests.virtual_time import run_virtually

START = datetime(2019, 12, 31, 21, 0, tzinfo=UTC)  # midnight of 2020-01-01 in Istanbul
EXAMPLE = Path(__file__).parents[2] / "examples" / "home.toml"
DISHWASHER = Appliance(
    name="dishwasher",
    phases=(Phase(duration_s=1800, power_w=2000), Phase(duration_s=3600, power_w=100)),
    earliest=time(2),
    latest=time(9),
)
PLUG = DeviceSettings(name="dish-plug", role=Role.APPLIANCE, load="dishwasher", profile="tasmota-plug", address="D1")


def home_with(*devices: DeviceSettings, **parts: object) -> Settings:
    settings = load_settings(EXAMPLE, {})
    house = settings.house.model_copy(update=parts)
    return settings.model_copy(update={"house": house, "devices": (*settings.devices, *devices)})


def a_day(
    settings: Settings,
    folder: Path,
    hours: float,
    during: Callable[[Running], Awaitable[None]] | None = None,
    start: datetime = START,
    home: VirtualHome | None = None,
) -> Running:
    lived_in = virtual_home(settings, start) if home is None else home
    return run_virtually(start, lambda: live(lived_in, folder, hours, during))


async def until(moment: datetime) -> None:
    await asyncio.sleep((moment - datetime.now(UTC)).total_seconds())


def test_an_appliance_runs_once_as_planned_and_is_not_asked_for_again(tmp_path: Path) -> None:
    running = a_day(home_with(PLUG, appliances=(DISHWASHER,)), tmp_path, 12)
    orders = [(at - START, on) for at, name, on in running.home.orders if name == "dish-plug"]
    assert [on for _, on in orders][:2] == [True, False]
    (begun, _), (ended, _) = orders[:2]
    assert ended - begun == timedelta(minutes=90)
    tonight = [problem.runs for problem in running.planner.problems if problem.horizon.start > START + ended]
    assert tonight
    assert all(run.window.start > START + timedelta(hours=24) for runs in tonight for run in runs)


def test_a_run_that_has_begun_goes_on_after_a_new_plan(tmp_path: Path) -> None:
    async def plan_anew(running: Running) -> None:
        await until(START + timedelta(hours=2, minutes=30))
        await running.day.make_plan()

    running = a_day(home_with(PLUG, appliances=(DISHWASHER,)), tmp_path, 5, plan_anew)
    orders = [at - START for at, name, _ in running.home.orders if name == "dish-plug"]
    assert orders[:2] == [timedelta(hours=2), timedelta(hours=3, minutes=30)]
    begun = [run for run in running.planner.problems[-1].runs if run.begun_at is not None]
    assert [sum(phase.duration_s for phase in run.phases) for run in begun] == [3600]


def test_an_appliance_that_its_owner_started_is_left_running(tmp_path: Path) -> None:
    seen: list[bool] = []

    async def press(running: Running) -> None:
        await until(START + timedelta(hours=10, minutes=7))
        running.home.plugs["dish-plug"] = True
        await asyncio.sleep(1800)
        seen.append(running.home.plugs["dish-plug"])
        last = (await running.ledger.last_commands("dishwasher"))[0]
        assert (last.cause, last.on) == (Cause.OBSERVED, True)

    a_day(home_with(PLUG, appliances=(DISHWASHER,)), tmp_path, 11, press)
    assert seen == [True]


def test_an_appliance_that_its_owner_stopped_is_left_off_for_an_hour_and_then_goes_on(tmp_path: Path) -> None:
    pausing = DISHWASHER.model_copy(
        update={"uninterruptible": False, "phases": (Phase(duration_s=10_800, power_w=500),)}
    )
    stopped_at = START + timedelta(hours=2, minutes=37)

    async def press(running: Running) -> None:
        await until(stopped_at)
        assert running.home.plugs["dish-plug"]
        running.home.plugs["dish-plug"] = False
        while datetime.now(UTC) < stopped_at + timedelta(hours=1):
            await asyncio.sleep(60)
            assert not running.home.plugs["dish-plug"]
        await asyncio.sleep(600)
        assert running.home.plugs["dish-plug"]

    a_day(home_with(PLUG, appliances=(pausing,)), tmp_path, 5, press)


def test_without_a_plug_a_run_counts_as_done_when_its_time_in_the_plan_is_over(tmp_path: Path) -> None:
    running = a_day(home_with(appliances=(DISHWASHER,)), tmp_path, 9)
    assert not any(name == "dish-plug" for _, name, _ in running.home.orders)
    first, last = running.planner.problems[0], running.planner.problems[-1]
    assert [run.window.start for run in first.runs] == [START + timedelta(hours=2)]
    assert last.horizon.start > START + timedelta(hours=4)
    assert all(run.window.start > START + timedelta(hours=24) for run in last.runs)


def test_starts_of_the_day_are_counted_for_the_quota(tmp_path: Path) -> None:
    settings = load_settings(EXAMPLE, {})
    assert settings.house.water_heater is not None
    heater = settings.house.water_heater.model_copy(update={"max_starts_per_day": 30})
    running = a_day(home_with(water_heater=heater), tmp_path, 13)
    problem = running.planner.problems[-1]
    on = [at for at, name, on in running.home.orders if name == "boiler-plug" and on and at <= problem.state.at]
    assert len(on) > 0
    assert problem.state.loads[WATER_HEATER].starts_today == len(on)
    assert AIR_CONDITIONER in problem.state.loads


def test_a_hot_tank_is_remembered_from_what_its_thermometer_said(tmp_path: Path) -> None:
    settings = load_settings(EXAMPLE, {})
    assert settings.house.tank is not None
    tank = settings.house.tank.model_copy(update={"legionella": Legionella(temperature_c=55, hold_s=600)})
    heater = settings.house.water_heater
    assert heater is not None
    warm = heater.model_copy(update={"thermostat_c": 60.0})
    running = a_day(home_with(tank=tank, water_heater=warm), tmp_path, 7)
    first, last = running.planner.problems[0], running.planner.problems[-1]
    assert first.state.hygienic_at is None
    assert last.state.hygienic_at is not None
    assert last.state.hygienic_at <= last.state.at


def test_the_plan_in_force_is_announced_to_the_next(tmp_path: Path) -> None:
    running = a_day(home_with(), tmp_path, 7)
    announced = [problem.announced for problem in running.planner.problems]
    assert announced[0] is None
    assert all(plan is not None for plan in announced[1:])


def test_an_empty_home_is_not_heated_even_where_no_plan_is_good(tmp_path: Path) -> None:
    """No plan is made: the journal's planner stands still, and thermostats take over once the first plan is stale."""
    away = Away(start=START - timedelta(days=1), end=START + timedelta(days=9))
    settings = home_with(away=(away,))

    async def stand_still(running: Running) -> None:
        async def nothing() -> None:
            return None

        running.day.make_plan = nothing  # type: ignore[method-assign]

    running = a_day(settings, tmp_path, 20, stand_still)
    late = [on for at, _, on in running.home.orders if at > START + timedelta(hours=13)]
    assert not any(late)
    room_c = running.home.house.room_temperature_c
    assert room_c is not None
    assert room_c < 20


def test_what_is_missed_and_what_changes_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    settings = home_with()
    home = virtual_home(settings, START)
    assert home.house.room is not None
    home.house.room.air_c = 12.0

    async def explain(running: Running) -> None:
        await asyncio.sleep(400)
        rule = running.planner.plan

        async def with_reasons(problem: Problem) -> Plan:
            plan = await rule(problem)
            first = Interval(start=plan.horizon.start, end=plan.horizon.start + timedelta(hours=1))
            miss = ComfortMiss(
                part="room", span=first, recovers=True, degree_hours=1, worst_c=12, cause=MissCause.START
            )
            causes = (ChangeCause.PRICES, ChangeCause.MEASURED)
            changes = Changes(since="old", now_on=((WATER_HEATER, first),), causes=causes, announced_try=0.125)
            return plan.model_copy(update={"misses": (miss,), "changes": changes})

        running.planner.plan = with_reasons  # type: ignore[method-assign]
        await running.day.make_plan()

    a_day(settings, tmp_path, 0.5, explain, home=home)
    said = [record.getMessage() for record in caplog.records]
    (missed,) = [line for line in said if line.startswith("room outside its comfort band")]
    assert "it is outside already; back at 01:05" in missed
    assert (
        "otherwise than plan old: water_heater now on 00:05-01:05, because of prices and what was measured; "
        "keeping the last plan would cost 0.12 TL more"
    ) in said


def test_the_horizon_grows_when_the_prices_of_tomorrow_are_known(tmp_path: Path) -> None:
    running = a_day(home_with(), tmp_path, 2, start=START + timedelta(hours=13))
    lengths_h = [problem.horizon.duration_s / 3600 for problem in running.planner.problems]
    problem = running.planner.problems[-1]
    assert lengths_h[0] == 24
    assert problem.horizon.end == START + timedelta(hours=48)
    assert problem.price_try_per_kwh.covers(Interval(start=problem.horizon.start, end=problem.horizon.end))
