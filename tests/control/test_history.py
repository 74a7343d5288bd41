"""What has already happened: starts, runs, a hot tank, the month's peak; a real ledger and telemetry beneath."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.store.ledger import SqlLedger, open_ledger
from agent.adapters.store.telemetry import SqlTelemetry, open_telemetry
from agent.control.history import History, highest_mean_w, last_hot, on_blocks, planned_blocks, starts
from agent.domain.appliance import Appliance, Phase
from agent.domain.command import Cause, Command, Stage
from agent.domain.device import Reading
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, House, HouseState, Legionella, LoadState
from agent.domain.interval import Interval
from agent.domain.plan import LoadPlan, Plan
from agent.domain.tariff import DemandCharge
from agent.errors import JournalUnreadable
from tests.control.test_interlock import house
from tests.control.test_situation import plan

ZONE = ZoneInfo("Europe/Istanbul")
NOW = datetime(2020, 1, 8, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOLD = timedelta(minutes=30)
DISHWASHER = Appliance.model_validate(
    {"name": "dishwasher", "phases": [Phase(duration_s=7200, power_w=1000)], "earliest": "08:00", "latest": "20:00"}
)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    async with open_ledger(tmp_path) as opened:
        yield opened


@pytest.fixture
async def telemetry(tmp_path: Path) -> AsyncIterator[SqlTelemetry]:
    async with open_telemetry(tmp_path) as opened:
        yield opened


def home() -> House:
    plain = house()
    assert plain.water_heater is not None
    assert plain.tank is not None
    return plain.model_copy(
        update={
            "water_heater": plain.water_heater.model_copy(update={"max_starts_per_day": 4}),
            "tank": plain.tank.model_copy(update={"legionella": Legionella(temperature_c=58)}),
            "appliances": (DISHWASHER,),
        }
    )


def history(ledger: SqlLedger, telemetry: SqlTelemetry, *, switched: bool = True) -> History:
    return History(
        house=home(),
        zone=ZONE,
        demand=DemandCharge(try_per_kw=200),
        ledger=ledger,
        telemetry=telemetry,
        tank_thermometer="tank-sensor",
        house_meter="main",
        switched=frozenset({"dishwasher"} if switched else ()),
    )


def order(
    at: datetime, *, on: bool, load: str = WATER_HEATER, stage: Stage = Stage.VERIFIED, cause: Cause = Cause.PLAN
) -> Command:
    return Command(
        command_id=f"{load}@{at.isoformat()}", load=load, device="plug", on=on, cause=cause, stage=stage, at=at
    )


def warm(at: datetime, temperature_c: float) -> Reading:
    return Reading(device="tank-sensor", at=at, temperature_c=temperature_c)


@given(st.lists(st.booleans(), max_size=12))
def test_a_start_is_every_change_from_off_to_on(course: list[bool]) -> None:
    commands = [order(NOW + k * MINUTE, on=on) for k, on in enumerate(course)]
    changes = "".join("1" if on else "0" for on in course)
    assert starts(commands) == f"0{changes}".count("01")


def test_what_was_refused_or_only_asked_for_is_no_start_but_what_may_have_been_carried_out_is() -> None:
    stages = {stage: starts([order(NOW, on=True, stage=stage)]) for stage in Stage}
    assert stages == {
        Stage.REQUESTED: 0,
        Stage.REFUSED: 0,
        Stage.VERIFIED: 1,
        Stage.ACKNOWLEDGED: 1,
        Stage.UNKNOWN: 1,
    }


@given(st.lists(st.integers(1, 599), unique=True, max_size=9).map(sorted), st.booleans())
def test_blocks_are_when_it_was_on(changes_min: list[int], begins_on: bool) -> None:  # noqa: FBT001 - drawn
    span = Interval(start=NOW, end=NOW + 600 * MINUTE)
    on, commands = begins_on, []
    for minute in changes_min:
        on = not on
        commands.append(order(NOW + minute * MINUTE, on=on))
    blocks = on_blocks(commands, span, on_now=on)
    for minute in range(600):
        flipped = sum(change <= minute for change in changes_min) % 2 == 1
        assert any(NOW + minute * MINUTE in block for block in blocks) == (begins_on != flipped)


def part(first: int, last: int) -> Interval:
    return Interval(start=NOW + first * MINUTE, end=NOW + last * MINUTE)


def made(minute: int, *blocks: Interval) -> Plan:
    load = LoadPlan(load="dishwasher", power_w=1000, on=blocks)
    return plan().model_copy(update={"made_at": NOW + minute * MINUTE, "loads": (load,)})


def test_each_plan_counts_while_it_was_in_force() -> None:
    plans = [made(0, part(10, 50)), made(30, part(30, 50), part(80, 90)), made(60)]
    assert planned_blocks(plans, "dishwasher", part(0, 100)) == [part(10, 50)]
    assert planned_blocks(plans[:2], "dishwasher", part(0, 100)) == [part(10, 50), part(80, 90)]
    assert planned_blocks(plans[:1], "dishwasher", part(0, 20)) == [part(10, 20)]
    assert planned_blocks(plans, "washer", part(0, 100)) == []
    assert planned_blocks([], "dishwasher", part(0, 100)) == []


@given(st.lists(st.booleans(), max_size=30))
def test_a_tank_was_hot_when_it_had_been_so_for_long_enough(course: list[bool]) -> None:
    readings = [warm(NOW + 5 * k * MINUTE, 61.0 if hot else 59.9) for k, hot in enumerate(course)]
    enough = [k for k in range(len(course)) if k >= 6 and all(course[k - 6 : k + 1])]
    assert last_hot(readings, 60, HOLD) == (NOW + 5 * enough[-1] * MINUTE if enough else None)


def test_a_silence_is_no_heat() -> None:
    assert last_hot([warm(NOW, 61), warm(NOW + 31 * MINUTE, 61)], 60, HOLD) is None


@given(st.lists(st.floats(0, 9000), min_size=4, max_size=40))
def test_the_peak_is_the_highest_mean_of_a_quarter_of_an_hour(powers_w: list[float]) -> None:
    energy_wh, readings = 0.0, []
    for k, power_w in enumerate([*powers_w, 0.0]):
        readings.append(Reading(device="main", at=NOW + 5 * k * MINUTE, power_w=9999, energy_wh=round(energy_wh)))
        energy_wh += power_w / 12
    means_w = [sum(powers_w[k : k + 3]) / 3 for k in range(0, len(powers_w), 3)]
    assert highest_mean_w(readings, 900) == pytest.approx(max(means_w), abs=5)


def test_a_meter_without_a_counter_is_read_by_its_powers_and_a_reset_counts_so_too() -> None:
    powers = [Reading(device="main", at=NOW + 5 * k * MINUTE, power_w=1200) for k in range(4)]
    assert highest_mean_w(powers, 900) == pytest.approx(1200)
    reset = [reading.model_copy(update={"energy_wh": 1000 - 300 * k}) for k, reading in enumerate(powers)]
    assert highest_mean_w(reset, 900) == pytest.approx(1200)


async def test_a_state_is_completed_by_what_happened_before_it(ledger: SqlLedger, telemetry: SqlTelemetry) -> None:
    midnight = datetime(2020, 1, 7, 21, 0, tzinfo=UTC)
    for hour, on in ((-1, True), (0.5, False), (2, True), (3, False), (5, True)):
        await ledger.add_command(order(midnight + timedelta(hours=hour), on=on))
    hot = [warm(NOW - timedelta(days=2) + 5 * k * MINUTE, 58.5) for k in range(8)]
    drawn = [Reading(device="main", at=NOW - 105 * MINUTE + 5 * k * MINUTE, power_w=2400) for k in range(4)]
    await telemetry.add_readings([*hot, *drawn])
    state = HouseState(at=NOW, loads={WATER_HEATER: LoadState(on=True)})
    completed = await history(ledger, telemetry).completed(state)
    assert completed.loads[WATER_HEATER] == LoadState(on=True, starts_today=2)
    assert AIR_CONDITIONER not in completed.loads
    assert completed.hygienic_at == hot[-1].at
    assert completed.month_peak_w == pytest.approx(2400)


async def test_a_start_counts_although_the_plug_is_silent_now(ledger: SqlLedger, telemetry: SqlTelemetry) -> None:
    await ledger.add_command(order(NOW - MINUTE, on=True))
    completed = await history(ledger, telemetry).completed(HouseState(at=NOW))
    assert completed.loads[WATER_HEATER].starts_today == 1


async def test_what_was_found_once_is_remembered_and_a_new_month_begins_anew(
    ledger: SqlLedger, telemetry: SqlTelemetry
) -> None:
    asked = history(ledger, telemetry)
    hot = [warm(NOW - timedelta(hours=2) + 5 * k * MINUTE, 58.5) for k in range(8)]
    drawn = [Reading(device="main", at=NOW - 60 * MINUTE + 5 * k * MINUTE, power_w=2400) for k in range(4)]
    await telemetry.add_readings([*hot, *drawn])
    await asked.completed(HouseState(at=NOW))
    await telemetry.prune(NOW)
    later = await asked.completed(HouseState(at=NOW + timedelta(hours=6)))
    assert later.hygienic_at == hot[-1].at
    assert later.month_peak_w == pytest.approx(2400)
    assert (await asked.completed(HouseState(at=NOW + timedelta(days=30)))).month_peak_w == 0
    assert (await history(ledger, telemetry).completed(HouseState(at=NOW))).hygienic_at is None


async def test_a_hold_that_two_questions_cut_in_two_is_found(ledger: SqlLedger, telemetry: SqlTelemetry) -> None:
    asked = history(ledger, telemetry)
    found = []
    for k in range(8):
        at = NOW + 5 * k * MINUTE
        await telemetry.add_readings([warm(at, 59)])
        found.append((await asked.completed(HouseState(at=at))).hygienic_at)
    assert found == [*[None] * 6, NOW + 30 * MINUTE, NOW + 35 * MINUTE]


@pytest.mark.parametrize("switched", [True, False])
async def test_runs_are_known_by_commands_or_else_by_plans(
    ledger: SqlLedger, telemetry: SqlTelemetry, *, switched: bool
) -> None:
    begun = NOW - 90 * MINUTE
    await ledger.add_command(order(begun, on=True, load="dishwasher"))
    earlier = made(-120, part(-60, 30))
    await ledger.add_plan(earlier.model_copy(update={"horizon": part(-120, 1000)}))
    state = HouseState(at=NOW, loads={"dishwasher": LoadState(on=True)})
    ran = await history(ledger, telemetry, switched=switched).ran(state)
    (block,) = ran["dishwasher"]
    assert block.start == (begun if switched else NOW - 60 * MINUTE)
    assert block.end == NOW + timedelta(seconds=1)


async def test_plans_of_another_version_do_not_stop_the_hub(
    ledger: SqlLedger, telemetry: SqlTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(_span: Interval) -> list[Plan]:
        raise JournalUnreadable("table plans, row 1: not readable as Plan")

    monkeypatch.setattr(ledger, "plans", unreadable)
    assert await history(ledger, telemetry, switched=False).ran(HouseState(at=NOW)) == {"dishwasher": []}


def test_an_appliance_whose_plug_is_silent_runs_on_as_it_was_last_ordered() -> None:
    span = Interval(start=NOW - timedelta(hours=2), end=NOW)
    begun = order(NOW - 30 * MINUTE, on=True, load="dishwasher")
    ended = order(NOW - 10 * MINUTE, on=False, load="dishwasher")
    assert on_blocks([begun], span, on_now=None) == [Interval(start=begun.at, end=NOW)]
    assert on_blocks([begun, ended], span, on_now=None) == [Interval(start=begun.at, end=ended.at)]
    assert on_blocks([], span, on_now=None) == []
