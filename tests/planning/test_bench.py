"""What `scripts/bench planning` plans and how it judges."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from agent.domain.plan import Fallback, Plan
from agent.domain.problem import Problem, Solver
from agent.planning.thermostat import thermostat_plan
from benchmarks.days.homes import HOMES, day_problem, suits
from benchmarks.days.market import Day, Kind, market_days
from benchmarks.planning import Case, Measured, Plain, Reference, Row, by, summary, warnings

NOWHERE = Path("no-such-folder")
FIRST = market_days(NOWHERE)[1]
MEASURED = Measured(plan=None, cpu_s=1.0, first_plan_cpu_s=0.5, wall_s=2.0, rss_mb=100.0, exit_code=0, said="")


def assert_they_differ_and_are_complete(days: tuple[Day, ...]) -> None:
    assert len({day.name for day in days}) == len(days) >= 30
    assert {day.kind for day in days} >= {Kind.WINTER, Kind.SUMMER, Kind.CAPPED, Kind.ZERO}
    for day in days:
        assert day.weather.outdoor_temperature_c.covers(day.span(day.days_known))
        hours = [price for known in day.prices.values() for price in known.price_try_per_kwh.values]
        assert len(hours) == 24 * day.days_known
        first = [round(price, 5) for price in day.prices[day.day].price_try_per_kwh.values]
        if day.kind is Kind.CAPPED:
            assert first.count(max(first)) >= 3
        if day.kind is Kind.ZERO:
            assert sum(price < 0.001 for price in first) >= 3


def test_without_the_shared_data_there_are_as_many_days() -> None:
    assert_they_differ_and_are_complete(market_days(NOWHERE))


def test_the_real_days_are_what_they_are_called(shared_data: Path) -> None:
    days = market_days(shared_data)
    assert_they_differ_and_are_complete(days)
    assert len({day.day.year for day in days}) >= 9


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("days", [1, 2])
def test_every_home_has_a_problem_on_every_day_that_suits_it(home: str, days: int) -> None:
    suited = [day for day in market_days(NOWHERE)[1:] if suits(home, day)]
    for day in suited[:: len(suited) // 4]:
        asked = day_problem(home, day, days, 20.0)
        assert len(asked.horizon.steps(asked.step_s)) == 288 * days
        unit = asked.house.air_conditioner
        assert unit is not None
        assert unit.mode == ("cool" if day.is_warm else "heat")


def planned(objective_try: float, bound_try: float, plain: Mapping[Solver, Plain], *fallbacks: Fallback) -> Row:
    asked = day_problem("home", FIRST, 1, 20.0)
    plan = thermostat_plan(asked)
    proof = plan.proof.model_copy(
        update={"movable_try": objective_try, "wear_try": 0.0, "left_try": 0.0, "movable_bound_try": bound_try}
    )
    plan = plan.model_copy(update={"proof": proof, "fallbacks": frozenset(fallbacks)})
    return Row(Case("home", FIRST, 1), replace(MEASURED, plan=plan), plain)


def test_a_solver_beats_a_plan_only_by_more_than_rounding() -> None:
    better, same, worse = (
        planned(10.0, 9.99, {Solver.MILP: Plain(cost, 9.9, 60.0)}) for cost in (9.9, 10.0 - 1e-6, 10.1)
    )
    assert better.is_beaten_by(Solver.MILP)
    assert not same.is_beaten_by(Solver.MILP)
    assert not worse.is_beaten_by(Solver.MILP)
    assert not worse.is_beaten_by(Solver.CBC)
    assert worse.dearer(Solver.MILP) == pytest.approx(0.1 / 10.1)
    assert better.plain[Solver.MILP].gap == 0.0
    assert Plain(None, 9.0, 60.0).gap == inf


def test_the_summary_takes_the_worst_and_counts_what_has_no_plan_of_its_own() -> None:
    rows = [
        replace(planned(10.0, 9.9, {Solver.MILP: Plain(9.95, 9.9, 60.0)}), measured=replace(MEASURED, cpu_s=float(k)))
        for k in range(1, 21)
    ]
    rows = [replace(row, measured=replace(row.measured, plan=planned(10.0, 9.9, {}).measured.plan)) for row in rows]
    found = summary(rows)
    assert found["worst_gap_movable"] == pytest.approx(0.01)
    assert (found["median_cpu_s"], found["p95_cpu_s"]) == (10.5, 19.0)
    assert (found["worse_than_highs"], found["compared_with_highs"], found["infeasible"]) == (20, 20, 0)
    broken = replace(rows[0], measured=replace(rows[0].measured, exit_code=1))
    unplanned = [planned(10.0, 9.9, {}, Fallback.PLANNER_LATE), Row(Case("home", FIRST, 1), MEASURED, {})]
    assert summary([*rows, *unplanned, broken])["infeasible"] == 3
    assert summary(unplanned)["worst_gap_movable"] is None
    groups = by([*rows, *unplanned], lambda row: row.case.group)
    assert list(groups) == ["loads_24h"]
    said = list(warnings({**groups, "all": summary(rows)}))
    assert any("loads_24h: worst_gap_movable is unknown" in one for one in said)
    assert any("worse_than_highs is 20" in one for one in said)


def test_a_plain_answer_is_kept_for_the_same_question_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = day_problem("home", FIRST, 1, 20.0)
    times: list[object] = []

    def ask(_self: Reference, _problem: Problem, solver: Solver, known: object) -> dict[str, object]:
        times.append((solver, known is None))
        return {"objective_try": 5.0, "bound_try": 4.0, "dispatch": None, "cpu_s": 60.0}

    monkeypatch.setattr(Reference, "_ask", ask)
    for _ in range(2):
        assert Reference(tmp_path / "kept", 60.0).plain(asked, Solver.MILP) == Plain(5.0, 4.0, 60.0)
    later = asked.model_copy(update={"time_limit_s": 5.0})
    assert Reference(tmp_path / "kept", 60.0).is_known(later, Solver.MILP)
    assert not Reference(tmp_path / "kept", 30.0).is_known(asked, Solver.MILP)
    assert not Reference(tmp_path / "kept", 60.0).is_known(asked, Solver.CBC)
    warmer = asked.model_copy(update={"state": asked.state.model_copy(update={"room_temperature_c": 23.0})})
    assert not Reference(tmp_path / "kept", 60.0).is_known(warmer, Solver.MILP)
    assert times == [(Solver.MILP, True), (Solver.MILP, False)]


def test_an_answer_of_a_busy_machine_is_sought_anew_if_one_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = day_problem("home", FIRST, 1, 20.0)
    answer = {"objective_try": 5.0, "bound_try": 4.0, "dispatch": None, "cpu_s": 20.0}
    monkeypatch.setattr(Reference, "_ask", lambda *_: answer)
    assert Reference(tmp_path / "kept", 60.0).plain(asked, Solver.MILP).is_starved(60.0)
    assert Reference(tmp_path / "kept", 60.0).is_known(asked, Solver.MILP)
    assert not Reference(tmp_path / "kept", 60.0, anew_if_starved=True).is_known(asked, Solver.MILP)
    assert not Plain(5.0, 4.0, 55.0).is_starved(60.0)
    assert not Plain(5.0, 5.0, 2.0).is_starved(60.0)


def test_an_answer_is_void_once_it_cannot_be_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = day_problem("home", FIRST, 1, 20.0)
    found: list[dict[str, object]] = [{"objective_try": 5.0}, {"objective_try": None}, {"objective_try": 6.0}]
    answers = iter(found)

    def ask(_self: Reference, *_: object) -> dict[str, object]:
        return {"bound_try": 4.0, "dispatch": None, "cpu_s": 60.0, **next(answers)}

    monkeypatch.setattr(Reference, "_ask", ask)
    reference = Reference(tmp_path / "kept", 60.0)
    assert [reference.plain(asked, Solver.MILP).objective_try for _ in range(2)] == [5.0, 6.0]


def test_a_plan_is_as_good_as_its_bound_says() -> None:
    row = planned(10.0, 9.9, {})
    assert isinstance(row.measured.plan, Plan)
    assert row.gap == pytest.approx(0.01)
    assert Row(row.case, MEASURED, {}).gap == inf
