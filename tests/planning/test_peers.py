"""The cases that break other planners, by name. Every plan is lived through by the house written a second time."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.domain.appliance import Phase, Run
from agent.domain.comfort import Band
from agent.domain.generation import Photovoltaics
from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, Collector, House, Legionella, LoadState
from agent.domain.interval import Interval
from agent.domain.local_day import local_day
from agent.domain.plan import Fallback, Method, MissCause, Plan, ProofStatus
from agent.domain.problem import Problem
from agent.domain.tariff import DemandCharge
from agent.planning.solve import solve
from tests.planning.houses import (
    BOILER,
    BOTH,
    CELLAR,
    COOLING,
    HEATING,
    ROD,
    ROOM,
    START,
    SUNNY,
    TANK,
    WARM_FLAT,
    WASHING,
    followed,
    hourly,
    problem,
    schedule,
)
from tests.planning.oracle import Account, Oracle, checked

BERLIN = ZoneInfo("Europe/Berlin")
SUMMER_FLAT = House(
    room=ROOM.model_copy(update={"comfort": Band(low_c=22, high_c=26)}),
    air_conditioner=COOLING.model_copy(update={"min_on_s": 900, "min_off_s": 900}),
)
WINTER_FLAT = WARM_FLAT.model_copy(
    update={
        "room": ROOM.model_copy(update={"heat_capacity_wh_per_c": 3000.0}),
        "air_conditioner": HEATING.model_copy(update={"min_on_s": 900, "min_off_s": 900}),
    }
)
PRICES = [1.8, 1.5, 1.2, 1.0, 0.9, 1.1, 1.9, 2.8, 3.1, 2.6, 2.0, 1.7, 1.5, 1.4, 1.6, 2.1, 2.9, 3.6, 3.9, 3.5, 3.0, 2.5]
DAY = [*PRICES, 2.2, 2.0]
SHOWERS = [0.02 if step % 288 in (12, 13, 156, 157, 170) else 0.0 for step in range(576)]


def planned(asked: Problem) -> tuple[Plan, Account]:
    """A plan that is no thermostat's, and that keeps all that must be kept."""
    plan = solve(asked)
    assert plan.method is not Method.THERMOSTAT
    return plan, checked(asked, plan)


def limited(starts: int) -> House:
    """A boiler that may be switched on so often a day."""
    return BOILER.model_copy(update={"water_heater": ROD.model_copy(update={"max_starts_per_day": starts})})


def starts_by_day(asked: Problem, plan: Plan) -> dict[date, int]:
    oracle = Oracle(asked)
    counts: dict[date, int] = {}
    for step in oracle.starts(WATER_HEATER, oracle.actions(plan).on[WATER_HEATER]):
        day = oracle.steps[step].start.astimezone(asked.zone).date()
        counts[day] = counts.get(day, 0) + 1
    return counts


# ---- Outside the comfort band ----


def assert_it_recovers_as_soon_as_can_be(asked: Problem, part: str, path_c: list[float]) -> None:
    """The best of all that can be done: on from the first step."""
    plan, account = planned(asked)
    oracle = Oracle(asked)
    (low_c, high_c), *_ = oracle.band(part)
    recovered = next(step for step, at_c in enumerate(path_c) if low_c <= at_c <= high_c)
    assert Fallback.COMFORT_RELAXED in plan.fallbacks
    (miss,) = plan.misses
    assert (miss.part, miss.cause, miss.recovers) == (part, MissCause.START, True)
    assert miss.span == Interval(start=START, end=oracle.steps[recovered - 1].end)
    soonest = [*path_c[:recovered], *[low_c] * (len(oracle.steps) - recovered)]
    assert miss.degree_hours == pytest.approx(oracle.missed(part, soonest), abs=1e-3)
    missed_c = [at_c for at_c in account.paths_c[part] if not low_c - 1e-3 <= at_c <= high_c + 1e-3]
    assert len(missed_c) == recovered
    assert min(missed_c) - 1e-6 <= miss.worst_c <= max(missed_c) + 1e-6
    assert plan.loads[0].on[0].start == START


def test_a_room_at_29_with_limit_26_is_cooled_as_fast_as_can_be_and_the_miss_is_named() -> None:
    asked = problem(SUMMER_FLAT, [2.0] * 6 + [1.0] * 42, room_c=29.0, outdoor_c=33.0)
    assert_it_recovers_as_soon_as_can_be(asked, "room", Oracle(asked).room_c((True,) * 48)[:12])


def test_a_tank_at_35_with_limit_42_is_heated_as_fast_as_can_be_and_the_miss_is_named() -> None:
    asked = problem(BOILER, [5.0] * 6 + [1.0] * 42, tank_c=35.0)
    assert_it_recovers_as_soon_as_can_be(asked, "tank", Oracle(asked).tank_c((True,) * 48)[:12])


COLLECTOR = Collector(area_m2=4, heat_removal_factor=0.8, heat_loss_w_per_m2_c=4)
SOLAR_TANK = TANK.model_copy(update={"comfort": Band(low_c=42, high_c=65)})


def test_a_collector_that_would_bring_82_with_limit_65_is_said_to_be_the_sun() -> None:
    house = House(tank=SOLAR_TANK, water_heater=ROD, collector=COLLECTOR)
    asked = problem(house, [-1.0] * 72, tank_c=55.0, sun_w_m2=900.0, outdoor_c=30.0)
    plan, account = planned(asked)
    idle_c = Oracle(asked).tank_c((False,) * 72)
    assert max(idle_c) > 82.0
    assert max(account.paths_c["tank"]) <= max(idle_c) + 1e-3
    (miss,) = plan.misses
    assert (miss.part, miss.cause, miss.recovers) == ("tank", MissCause.SUN, False)
    assert miss.worst_c == pytest.approx(max(account.paths_c["tank"]), abs=1e-3)


def test_a_collector_whose_pump_stops_at_65_misses_nothing() -> None:
    house = House(tank=SOLAR_TANK, water_heater=ROD, collector=COLLECTOR.model_copy(update={"stops_at_c": 65.0}))
    plan, account = planned(problem(house, [-1.0] * 72, tank_c=55.0, sun_w_m2=900.0, outdoor_c=30.0))
    assert plan.misses == ()
    assert Fallback.COMFORT_RELAXED not in plan.fallbacks
    assert 64.0 < max(account.paths_c["tank"]) <= 65.0 + 1e-3


@pytest.mark.parametrize(
    ("house", "weather", "cause"),
    [
        (
            BOILER.model_copy(update={"power_limit_w": 1500.0}),
            {"tank_c": 43.0, "draw_kg_per_s": 0.01},
            MissCause.POWER_LIMIT,
        ),
        (limited(1), {"tank_c": 43.0, "draw_kg_per_s": 0.01}, MissCause.STARTS_USED_UP),
        (WARM_FLAT, {"room_c": 21.0, "outdoor_c": -30.0}, MissCause.TOO_WEAK),
    ],
    ids=["power", "starts", "weak"],
)
def test_comfort_that_is_missed_for_another_reason_is_told_with_that_reason(
    house: House, weather: dict[str, Any], cause: MissCause
) -> None:
    loads = {WATER_HEATER: LoadState(on=False, starts_today=1)} if cause is MissCause.STARTS_USED_UP else {}
    plan, account = planned(problem(house, [1.0] * 24, loads=loads, **weather))
    assert sum(account.degree_hours.values()) > 0
    assert {miss.cause for miss in plan.misses} == {cause}
    assert not plan.misses[-1].recovers


# ---- Prices and own generation ----


def assert_it_never_does_two_opposite_things(plan: Plan, asked: Problem) -> None:
    """One number for the meter and one for the battery; both must be what the powers add up to, step by step."""
    oracle = Oracle(asked)
    account = oracle.account(oracle.actions(plan))
    assert plan.grid_w is not None
    for grid_w, net_w, own_w in zip(plan.grid_w.values, account.net_w, oracle.generation_w, strict=True):
        assert grid_w == pytest.approx(net_w, abs=1e-3) or (net_w < grid_w <= 1e-3 and grid_w - net_w <= own_w + 1e-3)


@pytest.mark.parametrize("curtailable", [True, False])
def test_negative_prices_with_pv_never_import_and_export_at_once(*, curtailable: bool) -> None:
    solar = Photovoltaics(peak_w=4000, curtailable=curtailable)
    house = SUNNY.model_copy(update={"photovoltaics": solar})
    buy = hourly([1.0, -0.5, -1.0, -0.8, 0.0, 2.0, 3.0, 1.5])
    sell = hourly([0.5, -0.8, -1.2, -0.8, 0.0, 1.0, 2.0, 0.2])
    own_w = hourly([500.0, 2500.0, 3900.0, 3900.0, 2000.0, 500.0, 0.0, 0.0])
    asked = problem(house, buy, sell_try_per_kwh=sell, own_w=own_w, base_w=400.0, draw_kg_per_s=SHOWERS[:96])
    plan, account = planned(asked)
    assert_it_never_does_two_opposite_things(plan, asked)
    assert plan.battery_w is not None
    assert min(account.grid_w) >= -3000.0 - 1e-3
    # Before the dear hours the battery has taken what costs nothing or less.
    assert max(account.battery_wh[:60]) >= CELLAR.capacity_wh - 1.0


def test_selling_dearer_than_buying_pumps_nothing_in_a_circle() -> None:
    asked = problem(SUNNY, [1.0] * 24, sell_try_per_kwh=2.0, own_w=3000.0, base_w=500.0)
    plan, account = planned(asked)
    assert_it_never_does_two_opposite_things(plan, asked)
    assert all(grid_w <= 1e-3 or net_w > 0 for grid_w, net_w in zip(account.grid_w, account.net_w, strict=True))


def test_a_battery_gains_nothing_from_a_price_that_never_changes() -> None:
    _, account = planned(problem(House(battery=CELLAR), [2.0] * 24, base_w=300.0))
    assert account.objective_try == pytest.approx(0.0, abs=1e-6)
    assert max(account.battery_wh) <= 2000.0 + 1.0


def test_a_2_kw_rod_never_gets_more_than_2_kw() -> None:
    asked = problem(BOILER, [-1.0, 3.0] * 24, tank_c=35.0, draw_kg_per_s=0.01, base_w=250.0)
    plan, _ = planned(asked)
    (rod,) = plan.loads
    assert rod.power_w == 2000.0
    assert plan.grid_w is not None
    assert {round(grid_w - 250.0, 3) for grid_w in plan.grid_w.values} <= {0.0, 2000.0}


def test_an_appliance_that_is_worth_trying_runs_only_below_its_worth() -> None:
    energy_kwh = sum(phase.power_w * phase.duration_s for phase in WASHING) / 3.6e6
    for price, wanted in ((1.9, True), (2.1, False)):
        prices = hourly([5.0, price, 4.0])
        run = Run(
            appliance="washer",
            window=Interval(start=START, end=START + timedelta(hours=3)),
            phases=WASHING,
            worth_try=2.0 * energy_kwh,
        )
        plan, account = planned(problem(BOILER, prices, tank_c=55.0, given={"runs": (run,)}))
        washer = plan.load("washer")
        assert washer is not None
        hour = Interval(start=START + timedelta(hours=1), end=START + timedelta(hours=2))
        assert [block.overlap_s(hour) for block in washer.on] == ([1800.0] if wanted else [])
        assert account.wear_try == pytest.approx(0.0 if wanted else 2.0 * energy_kwh)


def test_a_demand_charge_counts_from_the_months_peak_so_far() -> None:
    prices = hourly([1.0, 0.5, 1.2, 1.4])
    weather: dict[str, Any] = {"room_c": 20.6, "tank_c": 43.0, "outdoor_c": 0.0, "base_w": 500.0}
    charge = {"demand": DemandCharge(try_per_kw=40.0, window_s=900)}
    above = {}
    for peak_w in (0.0, 2500.0, 9000.0):
        asked = problem(BOTH, prices, given=charge, state={"month_peak_w": peak_w}, **weather)
        oracle, (_, account) = Oracle(asked), planned(asked)
        above[peak_w] = oracle.bill_try(account.net_w) - Oracle(asked.model_copy(update={"demand": None})).bill_try(
            account.net_w
        )
    assert above[9000.0] == 0.0
    assert above[2500.0] == pytest.approx(0.0, abs=1e-6)  # either load by itself is no higher than that
    assert 0.0 < above[0.0] <= 40.0 * 2.5


def test_a_month_that_has_its_peak_lets_both_loads_run_in_the_cheap_hour() -> None:
    prices = hourly([3.0, 0.2, 3.0])
    weather: dict[str, Any] = {"room_c": 21.0, "tank_c": 44.0, "outdoor_c": 4.0, "draw_kg_per_s": 0.003}
    charge = {"demand": DemandCharge(try_per_kw=100.0)}
    highest_w = {}
    for peak_w in (2000.0, 4000.0):
        _, account = planned(problem(BOTH, prices, given=charge, state={"month_peak_w": peak_w}, **weather))
        quarters = [account.net_w[first : first + 3] for first in range(0, len(account.net_w), 3)]
        highest_w[peak_w] = max(sum(quarter) / len(quarter) for quarter in quarters)
    assert highest_w[2000.0] <= 2000.0 + 1e-6
    assert highest_w[4000.0] > 2000.0


# ---- Cooling ----


def test_cooling_never_gets_its_sign_wrong() -> None:
    hot = hourly([27.0, 29.0, 31.0, 33.0, 33.0, 31.0])
    asked = problem(SUMMER_FLAT, hourly([1.0, 1.0, 2.0, 3.0, 3.0, 2.0]), room_c=24.0, outdoor_c=hot)
    plan, account = planned(asked)
    assert max(account.paths_c["room"]) <= 26.0 + 1e-3
    assert min(account.paths_c["room"]) >= 22.0 - 1e-3
    idle_c = Oracle(asked).room_c((False,) * 72)
    on = schedule(plan, asked)[AIR_CONDITIONER]
    assert any(on)
    assert all(mine <= idle + 1e-9 for mine, idle in zip(account.paths_c["room"], idle_c, strict=True))


def test_a_room_that_is_too_cold_is_not_cooled_however_cheap_that_is() -> None:
    plan, _ = planned(problem(SUMMER_FLAT, [-1.0] * 24, room_c=20.0, outdoor_c=18.0))
    assert plan.loads[0].on == ()


# ---- Days and clocks ----


@pytest.mark.parametrize("minutes", [5, 35, 7 * 60 + 25, 23 * 60 + 55])
def test_a_price_list_that_ends_early_is_planned_to_its_end(minutes: int) -> None:
    prices = hourly(DAY)[: minutes // 5]
    plan, _ = planned(problem(BOTH, prices, outdoor_c=3.0, draw_kg_per_s=SHOWERS[: minutes // 5]))
    assert plan.horizon.duration_s == 60 * minutes
    assert plan.tank_temperature_c is not None
    assert len(plan.tank_temperature_c.values) == minutes // 5
    assert plan.proof.movable_bound_try is not None


def test_a_horizon_that_ends_within_a_step_is_planned_to_its_end() -> None:
    asked = problem(BOTH, [2.0, 1.0, 3.0] * 4)
    cut = asked.model_copy(update={"horizon": Interval(start=START, end=asked.horizon.end - timedelta(seconds=100))})
    plan, _ = planned(cut)
    assert plan.room_temperature_c is not None
    assert plan.room_temperature_c.span == cut.horizon


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_of_23_or_25_hours_has_a_plan_and_a_quota_for_each_of_them(day: date, hours: int) -> None:
    short, after = local_day(day, BERLIN), local_day(day + timedelta(days=1), BERLIN)
    assert short.duration_s == 3600 * hours
    before_s = 4 * 3600
    start = short.start - timedelta(seconds=before_s)
    count = int((before_s + short.duration_s + after.duration_s / 2) // 900)
    prices = [1.0 + (7 * step % 24) / 12 for step in range(count)]
    draws = [0.008 if step % 7 == 0 else 0.0 for step in range(count)]
    used = {WATER_HEATER: LoadState(on=False, starts_today=2)}
    zone = {"time_zone": "Europe/Berlin"}
    asked = problem(limited(3), prices, start=start, step_s=900, loads=used, given=zone, draw_kg_per_s=draws)
    plan, _ = planned(asked)
    counts = starts_by_day(asked, plan)
    assert counts.get(day - timedelta(days=1), 0) <= 1
    assert counts[day] == 3
    assert plan.tank_temperature_c is not None
    inside = [span for span, _ in plan.tank_temperature_c.items() if span.start in short]
    assert len(inside) == 4 * hours


@pytest.fixture(params=["UTC", "America/New_York", "Europe/Istanbul"])
def zone_of_the_machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The clock of the container, which has nothing to say in the matter."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def test_a_container_in_any_time_zone_buys_in_the_cheapest_hour(zone_of_the_machine: str) -> None:
    midnight = datetime(2026, 1, 5, tzinfo=ZoneInfo("Europe/Istanbul"))
    prices = hourly([2.0] * 3 + [0.1] + [2.0] * 20)
    plan, _ = planned(problem(limited(2), prices, start=midnight, tank_c=55.0, draw_kg_per_s=SHOWERS[:288]))
    cheapest = Interval(start=midnight + timedelta(hours=3), end=midnight + timedelta(hours=4))
    assert plan.loads[0].on[0].start in cheapest
    assert plan.horizon.start == datetime(2026, 1, 4, 21, tzinfo=UTC)
    assert plan.made_at.utcoffset() == timedelta(0)


# ---- Planning again ----


def replans(whole: Problem, each: int, times: int) -> Iterator[tuple[Problem, Plan]]:
    """Plans that follow each other after so many steps; every one is kept to what was expected."""
    asked = whole
    for _ in range(times):
        plan, _ = planned(asked)
        yield asked, plan
        asked = followed(asked, plan, each)


def test_a_starts_quota_is_kept_across_plans() -> None:
    draws = [0.006 if step % 5 == 0 else 0.0 for step in range(96)]
    prices = [1.0 + (5 * step % 24) / 8 for step in range(96)]
    begun: dict[date, int] = {}
    whole = problem(limited(3), prices, step_s=900, draw_kg_per_s=draws, tank_c=48.0)
    for asked, plan in replans(whole, 9, 8):
        oracle = Oracle(asked)
        for step in oracle.starts(WATER_HEATER, oracle.actions(plan).on[WATER_HEATER]):
            if step < 9:
                day = oracle.steps[step].start.astimezone(asked.zone).date()
                begun[day] = begun.get(day, 0) + 1
    assert begun
    assert max(begun.values()) <= 3


def test_minimum_times_are_never_cut_by_planning_again() -> None:
    slow = {"min_on_s": 1800, "min_off_s": 2400}
    house = BOTH.model_copy(
        update={
            "water_heater": ROD.model_copy(update=slow),
            "room": WINTER_FLAT.room,
            "air_conditioner": HEATING.model_copy(update=slow),
        }
    )
    prices = [1.0 + (11 * step % 24) / 6 for step in range(72)]
    lived: dict[str, list[bool]] = {name: [] for name in house.loads}
    whole = problem(house, prices, draw_kg_per_s=0.003, tank_c=46.0, room_c=21.0, outdoor_c=2.0)
    asked = whole
    for change in range(8):
        plan, _ = planned(asked)
        for name, on in schedule(plan, asked).items():
            lived[name] += on[:7]
        # Everything is different each time: a plan that was right is not any more.
        asked = followed(asked, plan, 7)
        warmer = asked.state.room_temperature_c or 0.0
        moved = asked.state.model_copy(update={"room_temperature_c": warmer + (0.4 if change % 2 else -0.4)})
        asked = asked.model_copy(update={"state": moved})
    for name, course in lived.items():
        told = "".join("#" if runs else "." for runs in course).strip(".")
        assert told
        assert all(len(run) >= 6 for run in told.split(".")[:-1] if run), name
        assert all(len(rest) >= 8 for rest in told.split("#") if rest), name


def switched_steps(plan: Plan, asked: Problem, other: Plan) -> int:
    """In how many steps another plan has a load otherwise."""
    mine, theirs = schedule(plan, asked), schedule(other, asked)
    return sum(a != b for name in mine for a, b in zip(mine[name], theirs[name], strict=True))


def test_nothing_new_changes_nothing() -> None:
    first = problem(WINTER_FLAT, hourly(DAY), outdoor_c=3.0, room_c=21.5)
    plan, _ = planned(first)
    again = followed(first, plan, 12)
    second, _ = planned(again)
    assert switched_steps(second, again, plan) == 0


@pytest.mark.parametrize("off_c", [-0.3, 0.3])
def test_a_room_three_tenths_off_costs_the_same_and_changes_little_of_what_was_announced(off_c: float) -> None:
    first = problem(WINTER_FLAT, hourly(DAY), outdoor_c=3.0, room_c=21.5)
    plan, _ = planned(first)
    again = followed(first, plan, 12)
    expected_c = again.state.room_temperature_c
    assert expected_c is not None
    measured = again.state.model_copy(update={"room_temperature_c": expected_c + off_c})
    off = again.model_copy(update={"state": measured})
    (_, as_expected), (second, as_measured) = planned(again), planned(off)
    heat_try = 0.3 * 3000 / 3 / 1000 * max(DAY)
    assert abs(as_measured.objective_try - as_expected.objective_try) <= heat_try
    assert second.proof.status is ProofStatus.OPTIMAL
    moved_steps = 0.3 * 3000 / (1500 * 3 / 12)
    assert switched_steps(second, off, plan) <= 3 * moved_steps


# ---- Legionella ----

HYGIENIC_TANK = TANK.model_copy(
    update={
        "comfort": Band(low_c=42, high_c=68),
        "safety_limit_c": 75.0,
        "legionella": Legionella(temperature_c=60, hold_s=1800, every_days=3),
        "water_kg": 60.0,
    }
)
HYGIENIC = House(tank=HYGIENIC_TANK, water_heater=ROD)


def test_legionella_are_not_starved_by_planning_again_however_the_prices_fall() -> None:
    steps = 9 * 48  # nine days of half hours, each cheaper than the one before
    prices = [3.0 - 2.9 * step / steps + (step % 48) / 96 for step in range(steps)]
    draws = [0.004 if step % 12 == 0 else 0.0 for step in range(steps)]
    whole = problem(
        HYGIENIC,
        prices,
        step_s=1800,
        draw_kg_per_s=draws,
        state={"hygienic_at": START - timedelta(days=2)},
    )
    asked = whole.model_copy(update={"horizon": Interval(start=START, end=START + timedelta(hours=36))})
    seen = [START - timedelta(days=2)]
    for _ in range(14):
        plan, account = planned(asked)
        hot = Oracle(asked).last_hygienic_at(account.paths_c["tank"][:24])
        if hot is not None:
            seen.append(hot)
        asked = followed(asked, plan, 24)
        horizon = Interval(start=asked.horizon.start, end=asked.horizon.start + timedelta(hours=36))
        asked = asked.model_copy(update={"horizon": horizon})
    assert len(seen) > 2
    assert all(later - earlier <= timedelta(days=3) for earlier, later in pairwise(seen))


def test_a_tank_of_which_nothing_is_known_is_not_put_off_from_plan_to_plan() -> None:
    prices = [3.0 - 2.9 * step / 144 for step in range(144)]
    whole = problem(HYGIENIC, prices, step_s=1800, draw_kg_per_s=0.0005)
    asked = whole.model_copy(update={"horizon": Interval(start=START, end=START + timedelta(hours=30))})
    for _ in range(6):
        plan, _ = planned(asked)
        asked = followed(asked, plan, 10)
        horizon = Interval(start=asked.horizon.start, end=asked.horizon.start + timedelta(hours=30))
        asked = asked.model_copy(update={"horizon": horizon})
    assert asked.state.hygienic_at is not None
    assert asked.state.hygienic_at <= START + timedelta(hours=30)


def test_heat_against_legionella_is_bought_when_it_is_cheapest() -> None:
    prices = hourly([3.0, 3.0, 3.0, 0.5, 0.5, 3.0, 3.0, 3.0])
    due = {"hygienic_at": START - timedelta(days=3) + timedelta(hours=8)}
    plan, account = planned(problem(HYGIENIC, prices, tank_c=50.0, state=due))
    assert plan.hygienic_at is not None
    assert START + timedelta(hours=3) <= plan.hygienic_at <= START + timedelta(hours=6)
    assert max(account.paths_c["tank"]) >= 60.0 - 1e-3


def test_a_sunny_day_that_is_hot_enough_by_itself_costs_nothing_extra() -> None:
    sun_w_m2 = hourly([0.0, 300.0, 600.0, 850.0, 900.0, 850.0, 600.0, 300.0])
    due = {"hygienic_at": START - timedelta(days=3) + timedelta(hours=8)}
    cost = {}
    for asked_for in (True, False):
        tank = HYGIENIC_TANK if asked_for else HYGIENIC_TANK.model_copy(update={"legionella": None})
        house = House(tank=tank, water_heater=ROD, collector=COLLECTOR)
        asked = problem(house, [2.0] * 96, tank_c=50.0, sun_w_m2=sun_w_m2, outdoor_c=20.0, state=due)
        plan, account = planned(asked)
        cost[asked_for] = account.objective_try
        assert plan.load(WATER_HEATER) is not None
        assert plan.loads[0].on == ()
    assert cost[True] == cost[False]


def test_legionella_that_cannot_be_killed_in_time_are_as_soon_as_can_be() -> None:
    overdue = {"hygienic_at": START - timedelta(days=4)}
    asked = problem(HYGIENIC, hourly([5.0, 0.1, 0.1]), tank_c=50.0, state=overdue)
    plan, _ = planned(asked)
    soonest = Oracle(asked).hygienic_at(Oracle(asked).tank_c((True,) * 11 + (False,) * 25))
    assert Fallback.HYGIENE_LATE in plan.fallbacks
    assert plan.hygienic_at == soonest


# ---- Always a plan ----


def full_house(time_limit_s: float) -> Problem:
    """All at once, over a day."""
    house = SUNNY.model_copy(
        update={
            "room": WINTER_FLAT.room,
            "air_conditioner": WINTER_FLAT.air_conditioner,
            "water_heater": ROD.model_copy(update={"min_on_s": 900, "min_off_s": 900, "max_starts_per_day": 6}),
        }
    )
    window = Interval(start=START + timedelta(hours=2), end=START + timedelta(hours=20))
    run = Run(appliance="washer", window=window, phases=(Phase(duration_s=5400, power_w=1200),))
    own_w = hourly([0.0] + [400.0 * hour * (8 - hour) / 2 for hour in range(9)] + [0.0] * 14)
    return problem(
        house,
        hourly(DAY),
        outdoor_c=4.0,
        room_c=21.5,
        base_w=hourly([300.0, 500.0, 400.0, 250.0] * 6),
        own_w=own_w,
        sell_try_per_kwh=0.6,
        draw_kg_per_s=SHOWERS[:288],
        given={"runs": (run,), "time_limit_s": time_limit_s, "demand": DemandCharge(try_per_kw=5.0)},
        state={"month_peak_w": 3000.0},
    )


@pytest.mark.parametrize("time_limit_s", [0.001, 0.5])
def test_stopped_at_any_time_there_is_a_plan_that_keeps_every_limit(time_limit_s: float) -> None:
    began_s = time.process_time()
    asked = full_house(time_limit_s)
    plan = solve(asked)
    account = checked(asked, plan)
    assert account.degree_hours == pytest.approx({"room": 0.0, "tank": 0.0}, abs=1e-3)
    assert time.process_time() - began_s < 8.0


def test_a_full_house_is_planned_better_than_by_its_thermostat_and_knows_how_well() -> None:
    plan, account = planned(full_house(5.0))
    proof = plan.proof
    assert proof.movable_bound_try is not None
    rule_try = proof.thermostat_movable_try + proof.thermostat_wear_try - proof.thermostat_left_try
    assert account.objective_try < rule_try
    assert proof.gap_movable is not None
    assert proof.gap_movable <= 0.05
