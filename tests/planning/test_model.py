from hypothesis import given
from hypothesis import strategies as st

from agent.domain.house import AIR_CONDITIONER, WATER_HEATER, Collector, House
from agent.domain.plan import Problem
from agent.planning.model import predict
from tests.planning import oracle
from tests.planning.houses import BOILER, BOTH, TANK, houses, problem, problems


def switched(asked: Problem, data: st.DataObject) -> oracle.Schedule:
    count = len(oracle.step_starts(asked))
    bits = st.lists(st.booleans(), min_size=count, max_size=count).map(tuple)
    return {name: data.draw(bits, label=name) for name in asked.house.loads}


@given(problems(), st.data())
def test_prediction_agrees_with_the_papers_equations(asked: Problem, data: st.DataObject) -> None:
    on = switched(asked, data)
    prediction = predict(asked, on)
    for name, path_c, _ in oracle.paths_c(asked, on):
        store = {AIR_CONDITIONER: "room", WATER_HEATER: "tank"}[name]
        assert all(
            abs(mine - theirs) < 1e-9 for mine, theirs in zip(prediction.temperatures_c[store], path_c, strict=True)
        )
    assert abs(prediction.movable_try - oracle.movable_try(asked, on)) < 1e-9


@given(problems(), st.data())
def test_prediction_conserves_energy_in_the_room(asked: Problem, data: st.DataObject) -> None:
    room, unit = asked.house.room, asked.house.air_conditioner
    if room is None or unit is None:
        return
    on = switched(asked, data)
    path_c = predict(asked, on).temperatures_c["room"]
    hours = asked.step_s / 3600
    starts = oracle.step_starts(asked)
    lost_wh = sum(
        room.heat_loss_w_per_c * (inside_c - asked.outdoor_temperature_c.at(at)) * hours
        for at, inside_c in zip(starts, (asked.state.room_temperature_c or 0.0, *path_c), strict=False)
    )
    pumped_wh = sum(on[AIR_CONDITIONER]) * unit.power_w * unit.cop * hours * (-1 if unit.mode == "cool" else 1)
    stored_wh = room.heat_capacity_wh_per_c * (path_c[-1] - (asked.state.room_temperature_c or 0.0))
    assert abs(pumped_wh - lost_wh - stored_wh) < 1e-6


@given(houses(), st.floats(15, 25))
def test_being_on_cools_where_it_should_cool_and_warms_where_it_should_warm(house: House, room_c: float) -> None:
    asked = problem(house, [1.0] * 4, room_c=room_c if house.room else None)
    unit = asked.house.air_conditioner
    if unit is None:
        return
    rest = dict.fromkeys(asked.house.loads, (False,) * 4)
    idle_c = predict(asked, rest).temperatures_c["room"]
    busy_c = predict(asked, {**rest, AIR_CONDITIONER: (True,) * 4}).temperatures_c["room"]
    assert all(
        (busy < idle) if unit.mode == "cool" else (busy > idle) for busy, idle in zip(busy_c, idle_c, strict=True)
    )


def test_the_collector_never_takes_heat_out_of_the_tank() -> None:
    sunny = BOILER.model_copy(
        update={"collector": Collector(area_m2=4, heat_removal_factor=0.8, heat_loss_w_per_m2_c=8)}
    )
    off = {WATER_HEATER: (False,) * 6}
    with_it, without_it = (
        predict(problem(house, [1.0] * 6, outdoor_c=-10.0, sun_w_m2=100.0), off) for house in (sunny, BOILER)
    )
    assert with_it == without_it


def test_a_draw_larger_than_the_tank_leaves_cold_water_and_no_colder() -> None:
    asked = problem(BOILER, [1.0] * 3, draw_kg_per_s=[0.0, 1.0, 0.0])
    path_c = predict(asked, {WATER_HEATER: (False,) * 3}).temperatures_c["tank"]
    assert TANK.cold_water_c - 0.1 <= path_c[1] <= TANK.cold_water_c + 0.1


def test_a_load_short_of_power_is_not_charged_for_what_it_cannot_draw() -> None:
    on = {AIR_CONDITIONER: (True, False), WATER_HEATER: (False, True)}
    prediction = predict(problem(BOTH, [1.2, 2.4], base_w=600.0), on)
    assert prediction.energy_wh == {AIR_CONDITIONER: 125.0, WATER_HEATER: 2000 / 12}
    assert abs(prediction.movable_try - (0.15 + 0.4)) < 1e-9
    assert abs(prediction.bill_try - prediction.movable_try - 0.05 * (1.2 + 2.4)) < 1e-9
