"""Bodies of heat on the step grid."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.comfort import Band
from agent.domain.house import Collector, CopAt, House
from agent.domain.interval import Series
from agent.domain.problem import Problem, Wanted
from agent.planning.grid.model import model_of
from agent.planning.grid.stores import Store, cop_of
from tests.planning.houses import BOILER, HEATING, ROOM, TANK, WARM_FLAT, per_step, problem, whole_problems
from tests.planning.oracle import Oracle

ANY_C = st.floats(-20, 95)


def store_of(asked: Problem) -> Store:
    (store,) = model_of(asked).stores
    return store


def collecting(**curve: float) -> House:
    given_curve: dict[str, float] = {"heat_removal_factor": 0.8, "heat_loss_w_per_m2_c": 4.0} | curve
    return BOILER.model_copy(update={"collector": Collector(area_m2=4, **given_curve)})


@given(asked=whole_problems(max_steps=4), start_c=st.lists(ANY_C, min_size=4, max_size=4), on=st.booleans())
def test_a_step_from_any_temperature_is_that_of_the_house_written_a_second_time(
    asked: Problem, start_c: list[float], *, on: bool
) -> None:
    for at_c in start_c:
        measured = {
            f"{part}_temperature_c": at_c for part in ("room", "tank") if getattr(asked.house, part) is not None
        }
        oracle = Oracle(asked.model_copy(update={"state": asked.state.model_copy(update=measured)}))
        for load in model_of(asked).loads:
            for step in range(len(oracle.steps)):
                alone = replace(load.store, start_c=at_c)
                course = (on,) * (step + 1)
                path_c = oracle.path_c(load.name, (*course, *[on] * (len(oracle.steps) - step - 1)))
                assert alone.trajectory(course)[-1] == pytest.approx(path_c[step], abs=1e-9)


@given(asked=whole_problems(), cooler_c=ANY_C, apart_c=st.floats(0, 40), on=st.booleans())
def test_who_begins_warmer_ends_warmer_and_no_difference_grows(
    asked: Problem, cooler_c: float, apart_c: float, *, on: bool
) -> None:
    for store in model_of(asked).stores:
        for step in range(len(store.keep)):
            low_c, high_c = (store.after(step, at_c, on=on) for at_c in (cooler_c, cooler_c + apart_c))
            assert -1e-9 <= high_c - low_c <= apart_c + 1e-9


@given(whole_problems())
def test_what_the_bound_needs_of_the_numbers_holds(asked: Problem) -> None:
    for store in model_of(asked).stores:
        assert all(0.0 <= fade <= keep <= 1.0 for keep, fade in zip(store.keep, store.fade, strict=True))


@given(whole_problems(), ANY_C)
def test_the_collector_only_warms_and_never_beyond_its_stop(asked: Problem, at_c: float) -> None:
    for store in model_of(asked).stores:
        for step in range(len(store.keep)):
            dark_c = store.keep[step] * at_c + store.push_c[step]
            after_c = store.after(step, at_c, on=False)
            assert after_c >= dark_c - 1e-12
            assert after_c <= max(dark_c, store.stop_c)


def test_a_pump_that_stops_at_65_never_warms_the_tank_to_82() -> None:
    day: dict[str, Any] = {"sun_w_m2": 900.0, "outdoor_c": 30.0, "tank_c": 55.0}
    without, stopping = (
        store_of(problem(house, [1.0] * 72, **day)).trajectory((False,) * 72)
        for house in (collecting(), collecting(stops_at_c=65.0))
    )
    assert max(without) > 82.0
    assert 64.0 < max(stopping) <= 65.0


def test_a_collector_far_too_large_for_its_tank_never_goes_past_the_balance() -> None:
    tank = TANK.model_copy(update={"water_kg": 5.0})
    house = collecting(heat_loss_w_per_m2_c=30.0).model_copy(update={"tank": tank})
    asked = problem(house, [1.0] * 6, step_s=3600, sun_w_m2=900.0, outdoor_c=25.0)
    path_c = store_of(asked).trajectory((False,) * 6)
    assert path_c == pytest.approx(Oracle(asked).tank_c((False,) * 6))
    assert all(25.0 < at_c <= 25.0 + 900.0 / 30.0 for at_c in path_c)


def test_the_quadratic_loss_is_exact_in_the_middle_of_the_band() -> None:
    usual_c = (TANK.comfort.low_c + TANK.comfort.high_c) / 2
    store = store_of(problem(collecting(heat_loss_w_per_m2_c2=0.02), [1.0], sun_w_m2=800.0, outdoor_c=11.0))
    apart_c = usual_c - 11.0
    gain_w = 4 * 0.8 * (800 - 4.0 * apart_c - 0.02 * apart_c**2)
    warmed_c = store.after(0, usual_c, on=False) - (store.keep[0] * usual_c + store.push_c[0])
    assert warmed_c == pytest.approx(gain_w / 12 / (80 * 1.163))


def test_the_sun_through_the_windows_and_people_warm_the_room() -> None:
    room = ROOM.model_copy(update={"solar_aperture_m2": 2.0, "internal_gain_w": 200.0})
    house = WARM_FLAT.model_copy(update={"room": room})
    plain, gaining = (
        store_of(problem(each, [1.0], sun_w_m2=500.0)).after(0, 22.0, on=False) for each in (WARM_FLAT, house)
    )
    assert gaining - plain == pytest.approx((2.0 * 500 + 200) / 12 / 800)


@pytest.mark.parametrize(
    ("outdoor_c", "cop"), [(-20.0, 2.0), (-5.0, 2.0), (0.0, 2.5), (5.0, 3.0), (10.0, 3.5), (15.0, 4.0), (40.0, 4.0)]
)
def test_a_cop_between_two_points_is_straight_and_beyond_them_that_of_the_last(outdoor_c: float, cop: float) -> None:
    table = (CopAt(outdoor_c=-5, cop=2), CopAt(outdoor_c=5, cop=3), CopAt(outdoor_c=15, cop=4))
    assert cop_of(HEATING.model_copy(update={"cop_at": table}), outdoor_c) == pytest.approx(cop)


def test_without_a_table_the_cop_always_holds() -> None:
    assert cop_of(HEATING, -20.0) == cop_of(HEATING, 30.0) == 3.0


def test_comfort_changes_with_the_hours() -> None:
    asked = problem(BOILER, [1.0] * 4)
    steps = asked.horizon.steps(300)
    wanted = Wanted(low_c=per_step(steps, [42, 42, 45, 45]), high_c=Series.constant(asked.horizon, 62))
    store = store_of(asked.model_copy(update={"tank_wanted": wanted}))
    assert list(store.wanted_low_c) == [42, 42, 45, 45]
    assert set(store.wanted_high_c) == {62}
    assert [store.miss_c(step, 44.0) for step in range(4)] == [0.0, 0.0, 1.0, 1.0]
    assert store.miss_c(0, 63.0) == 1.0


def test_without_a_wish_for_each_hour_the_comfort_band_holds() -> None:
    house = BOILER.model_copy(update={"tank": TANK.model_copy(update={"comfort": Band(low_c=43, high_c=58)})})
    store = store_of(problem(house, [1.0] * 2))
    assert (store.wanted_low_c, store.wanted_high_c) == ((43, 43), (58, 58))
