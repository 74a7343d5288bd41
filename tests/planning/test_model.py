"""The model against the house written a second time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, Collector, House
from agent.domain.problem import Problem
from agent.planning.grid.model import Dispatch, Prediction, model_of
from tests.planning.houses import BOILER, BOTH, TANK, houses, problem, whole_problems
from tests.planning.oracle import Actions, Oracle, Schedule


def switched(oracle: Oracle, data: st.DataObject) -> Actions:
    """Anything at all."""
    count = len(oracle.steps)
    bits = st.lists(st.booleans(), min_size=count, max_size=count).map(tuple)
    battery = oracle.house.battery
    powers_w = st.floats(0, 0) if battery is None else st.floats(-battery.discharge_w, battery.charge_w)
    return Actions(
        on={name: data.draw(bits, label=name) for name in oracle.house.loads},
        runs=tuple(data.draw(st.sampled_from(list(task.courses(count))), label="run") for task in oracle.tasks),
        battery_w=None
        if battery is None
        else tuple(data.draw(st.lists(powers_w, min_size=count, max_size=count), label="battery")),
    )


def dispatch_of(actions: Actions) -> Dispatch:
    return Dispatch(loads=actions.on, runs=actions.runs, battery_w=actions.battery_w)


def predicted(asked: Problem, on: Schedule) -> Prediction:
    return model_of(asked).predict(Dispatch(loads=on))


@given(whole_problems(), st.data())
def test_prediction_agrees_with_the_house_written_a_second_time(asked: Problem, data: st.DataObject) -> None:
    oracle, model = Oracle(asked), model_of(asked)
    actions = switched(oracle, data)
    mine, theirs = model.predict(dispatch_of(actions)), oracle.account(actions)
    for part, path_c in theirs.paths_c.items():
        assert mine.temperatures_c[part] == pytest.approx(path_c, abs=1e-9)
    assert mine.net_w == pytest.approx(theirs.net_w, abs=1e-6)
    assert list(mine.battery_wh or ()) == pytest.approx(theirs.battery_wh, abs=1e-6)
    assert mine.bill_try == pytest.approx(theirs.bill_try, abs=1e-9)
    assert mine.movable_try == pytest.approx(theirs.movable_try, abs=1e-9)
    assert mine.wear_try == pytest.approx(theirs.wear_try, abs=1e-9)
    assert mine.left_try == pytest.approx(theirs.left_try, abs=1e-9)
    grid_w = [model.exchange.grid_w(step, net_w) for step, net_w in enumerate(mine.net_w)]
    assert grid_w == pytest.approx(theirs.grid_w, abs=1e-6)


@given(whole_problems(), st.data())
def test_the_model_allows_what_the_house_written_a_second_time_allows(asked: Problem, data: st.DataObject) -> None:
    oracle, model = Oracle(asked), model_of(asked)
    actions = switched(oracle, data)
    net_w = model.net_w(dispatch_of(actions))
    assert model.exchange.holds(net_w) == (not list(oracle.connection_faults(net_w)))
    assert model.exchange.import_limit_w == pytest.approx(oracle.import_limit_w)
    for errand, task, course in zip(model.errands, oracle.tasks, actions.runs, strict=True):
        assert errand.holds(course) == (not list(task.faults(course)))
    if model.bank is not None and actions.battery_w is not None:
        allowed = model.bank.holds(actions.battery_w, model.exchange.hours)
        assert allowed == (not list(oracle.battery_faults(actions.battery_w)))


@given(whole_problems(battery=False, unhurried=True), st.data())
def test_where_nothing_ties_loads_together_their_objectives_add_up(asked: Problem, data: st.DataObject) -> None:
    asked = asked.model_copy(update={"demand": None, "generation_w": None, "runs": (), "feeder_limit_w": None})
    oracle, model = Oracle(asked), model_of(asked)
    actions = switched(oracle, data)
    together_try = sum(load.objective_try(actions.on[load.name]) for load in model.loads)
    assert together_try == pytest.approx(oracle.account(actions).objective_try, abs=1e-9)


@given(whole_problems(), st.data())
def test_prediction_conserves_energy_in_the_room(asked: Problem, data: st.DataObject) -> None:
    oracle = Oracle(asked)
    room, unit = asked.house.room, asked.house.air_conditioner
    if room is None or unit is None:
        return
    actions = switched(oracle, data)
    path_c = model_of(asked).predict(dispatch_of(actions)).temperatures_c["room"]
    start_c = asked.state.room_temperature_c or 0.0
    rows = list(zip(oracle.hours, oracle.outdoor_c, (start_c, *path_c), oracle.sun_w_m2, strict=False))
    lost_wh = sum(room.heat_loss_w_per_c * (inside_c - outdoor_c) * h for h, outdoor_c, inside_c, _ in rows)
    gained_wh = sum((room.internal_gain_w + room.solar_aperture_m2 * sun) * h for h, _, _, sun in rows)
    pumped_wh = oracle.toward(AIR_CONDITIONER) * sum(
        h * unit.power_w * oracle.cop(outdoor_c)
        for (h, outdoor_c, _, _), on in zip(rows, actions.on[AIR_CONDITIONER], strict=True)
        if on
    )
    stored_wh = room.heat_capacity_wh_per_c * (path_c[-1] - start_c)
    assert abs(pumped_wh + gained_wh - lost_wh - stored_wh) < 1e-6


@given(houses(), st.floats(15, 25))
def test_being_on_cools_where_it_should_cool_and_warms_where_it_should_warm(house: House, room_c: float) -> None:
    asked = problem(house, [1.0] * 4, room_c=room_c if house.room else None)
    unit = asked.house.air_conditioner
    if unit is None:
        return
    rest = dict.fromkeys(asked.house.loads, (False,) * 4)
    idle_c = predicted(asked, rest).temperatures_c["room"]
    busy_c = predicted(asked, {**rest, AIR_CONDITIONER: (True,) * 4}).temperatures_c["room"]
    assert all(
        (busy < idle) if unit.mode == "cool" else (busy > idle) for busy, idle in zip(busy_c, idle_c, strict=True)
    )


@given(whole_problems())
def test_hygiene_is_due_when_the_house_written_a_second_time_says(asked: Problem) -> None:
    due = Oracle(asked).hygiene_due
    for load in model_of(asked).loads:
        if load.name == WATER_HEATER and asked.house.tank is not None and asked.house.tank.legionella is not None:
            assert (load.hygiene is None) == (due is None)
            if load.hygiene is not None and due is not None:
                assert load.hygiene.due == sum(step.end <= due for step in Oracle(asked).steps)
        else:
            assert load.hygiene is None


def test_the_collector_never_takes_heat_out_of_the_tank() -> None:
    sunny = BOILER.model_copy(
        update={"collector": Collector(area_m2=4, heat_removal_factor=0.8, heat_loss_w_per_m2_c=8)}
    )
    off = {WATER_HEATER: (False,) * 6}
    with_it, without_it = (
        predicted(problem(house, [1.0] * 6, outdoor_c=-10.0, sun_w_m2=100.0), off) for house in (sunny, BOILER)
    )
    assert with_it == without_it


def test_a_draw_larger_than_the_tank_leaves_cold_water_and_no_colder() -> None:
    asked = problem(BOILER, [1.0] * 3, draw_kg_per_s=[0.0, 1.0, 0.0])
    path_c = predicted(asked, {WATER_HEATER: (False,) * 3}).temperatures_c["tank"]
    assert TANK.cold_water_c - 0.1 <= path_c[1] <= TANK.cold_water_c + 0.1


def test_a_load_short_of_power_is_not_charged_for_what_it_cannot_draw() -> None:
    on = {AIR_CONDITIONER: (True, False), WATER_HEATER: (False, True)}
    prediction = predicted(problem(BOTH, [1.2, 2.4], base_w=600.0), on)
    assert prediction.energy_wh == {AIR_CONDITIONER: 125.0, WATER_HEATER: 2000 / 12}
    assert abs(prediction.movable_try - (0.15 + 0.4)) < 1e-9
    assert abs(prediction.bill_try - prediction.movable_try - 0.05 * (1.2 + 2.4)) < 1e-9
