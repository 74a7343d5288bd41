"""A house that is misspelt or that contradicts itself is refused, with the name, the value and the remedy."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.domain.appliance import Appliance, Phase, Run
from agent.domain.battery import Battery
from agent.domain.comfort import Away, Band, BandFrom
from agent.domain.generation import Photovoltaics, WindTurbine
from agent.domain.house import (
    AirConditioner,
    Collector,
    CopAt,
    House,
    Legionella,
    Room,
    Switched,
    Tank,
    WaterHeater,
)
from agent.domain.interval import Interval
from agent.domain.refusal import faults

MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
WHOLE: dict[str, Any] = {
    "room": {"heat_capacity_wh_per_c": 4000, "heat_loss_w_per_c": 160, "comfort": {"low_c": 20.5, "high_c": 23.5}},
    "air_conditioner": {"power_w": 1400, "cop": 3.2, "mode": "heat", "thermostat_c": 22.0},
    "tank": {
        "water_kg": 100,
        "heat_loss_w_per_c": 1.6,
        "ambient_c": 21.0,
        "cold_water_c": 10.0,
        "comfort": {"low_c": 42.0, "high_c": 65.0},
        "safety_limit_c": 70.0,
        "legionella": {"temperature_c": 60},
    },
    "water_heater": {"power_w": 2000, "thermostat_c": 55.0},
    "collector": {"area_m2": 2.0, "heat_removal_factor": 0.75, "heat_loss_w_per_m2_c": 4.5},
    "appliances": [
        {
            "name": "dishwasher",
            "phases": [{"duration_s": 3600, "power_w": 1200}],
            "earliest": "21:00",
            "latest": "07:00",
        }
    ],
    "battery": {"capacity_wh": 5000, "charge_w": 2500, "discharge_w": 2500},
    "photovoltaics": {"peak_w": 4000},
    "wind_turbine": {"rated_w": 1000},
    "away": [{"start": "2026-07-01T00:00:00Z", "end": "2026-07-15T00:00:00Z"}],
    "base_load": [{"at": "00:00", "power_w": 170}, {"at": "07:00", "power_w": 400}],
}
OPTIONAL = {"collector", "appliances", "battery", "photovoltaics", "wind_turbine", "away", "base_load"}


def changed(tree: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The same house with one value otherwise; None takes it away."""
    head, _, rest = path.partition(".")
    if rest:
        return tree | {head: changed(tree.get(head) or {}, rest, value)}
    return {key: kept for key, kept in tree.items() if key != head} | ({} if value is None else {head: value})


def house(**changes: object) -> House:
    tree = WHOLE
    for path, value in changes.items():
        tree = changed(tree, path.replace("__", "."), value)
    return House.model_validate(tree)


def refusal(**changes: object) -> str:
    with pytest.raises(ValidationError) as caught:
        house(**changes)
    return faults(caught.value, House)


def test_a_house_with_everything_is_accepted() -> None:
    assert house().loads == ("air_conditioner", "water_heater")
    for part in OPTIONAL:
        assert house(**{part: None}).loads


def misspelt() -> st.SearchStrategy[tuple[str, str]]:
    """A part of the house and one of its keys with a letter lost."""
    parts = [(part, key) for part, fields in WHOLE.items() if isinstance(fields, dict) for key in fields]
    return st.sampled_from(sorted(parts))


@given(misspelt(), st.integers(0, 40))
def test_a_key_with_a_letter_lost_is_refused_by_its_right_name(where: tuple[str, str], position: int) -> None:
    part, key = where
    place = position % len(key)
    wrong = key[:place] + key[place + 1 :]
    if wrong in WHOLE[part]:
        return
    fields = {(wrong if name == key else name): value for name, value in WHOLE[part].items()}
    said = refusal(**{part: fields})
    assert f"{part}.{wrong}: there is no such key; did you mean" in said
    assert key in said


@pytest.mark.parametrize("part", ["room", "tank"])
def test_a_load_or_a_collector_needs_what_it_heats(part: str) -> None:
    assert f"but {part} is not: add [house.{part}]" in refusal(**{part: None})


def test_a_house_with_nothing_to_plan_is_refused() -> None:
    assert "nothing to plan: give air_conditioner (with room)" in refusal(
        air_conditioner=None, water_heater=None, appliances=None, battery=None
    )


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("room.comfort", {"low_c": 24.0, "high_c": 20.0}, "room.comfort: low_c 24.0 must be below high_c 20.0"),
        ("room.comfort", {"low_c": 68.0, "high_c": 75.0}, "high_c 75.0 is no temperature for a room: give degrees"),
        (
            "room.schedule",
            [{"at": "22:00", "band": {"low_c": 60.0, "high_c": 66.0}}],
            "high_c 66.0 is no temperature for a room",
        ),
        ("room.heat_capacity_wh_per_c", 0, "room.heat_capacity_wh_per_c: Input should be greater than 0"),
        ("room.solar_aperture_m2", -1, "room.solar_aperture_m2: Input should be greater than or equal to 0"),
        ("air_conditioner.mode", "heet", "air_conditioner.mode: Input should be 'heat' or 'cool' (it is 'heet')"),
        ("air_conditioner.min_on_s", 90_000, "air_conditioner.min_on_s: Input should be less than or equal to 14400"),
        ("air_conditioner.max_starts_per_day", 0, "air_conditioner.max_starts_per_day: Input should be greater than"),
        ("air_conditioner.start_price_try", -0.1, "air_conditioner.start_price_try: Input should be greater than"),
        (
            "air_conditioner.cop_at",
            [{"outdoor_c": 10, "cop": 4}, {"outdoor_c": -5, "cop": 2}],
            "cop_at must go from the coldest outdoor_c to the warmest, each once",
        ),
        (
            "air_conditioner.thermostat_c",
            18.0,
            "air_conditioner.thermostat_c 18.0 is below room.comfort.low_c 20.5: where its own thermostat stands there",
        ),
        (
            "air_conditioner.cooling",
            {"cop": 3, "thermostat_c": 24, "comfort": {"low_c": 22, "high_c": 26}, "above_c": 20},
            "air_conditioner.cooling.above_c: there is no such key; did you mean above_outdoor_c?",
        ),
        (
            "room.heat_capacity_wh_per_c",
            4,
            "heat_capacity_wh_per_c 4.0 is lost within 2 minutes at heat_loss_w_per_c 160",
        ),
        ("air_conditioner.power_w", 140_000, "air_conditioner.min_on_s 900 moves the room by 27.5 °C or more, but"),
        ("tank.safety_limit_c", 60.0, "safety_limit_c 60.0 is below the comfort band's high_c 65.0"),
        ("tank.safety_limit_c", 120.0, "tank.safety_limit_c: Input should be less than or equal to 90"),
        ("tank.cold_water_c", 50.0, "cold_water_c 50.0 is not below comfort.low_c 42.0"),
        (
            "tank.schedule",
            [{"at": "22:00", "band": {"low_c": 42.0, "high_c": 80.0}}],
            "safety_limit_c 70.0 is below the comfort band's high_c 80.0",
        ),
        ("tank.legionella.temperature_c", 68.0, "legionella.temperature_c 68.0 cannot be reached: it is not below"),
        ("tank.legionella.temperature_c", 40.0, "tank.legionella.temperature_c: Input should be greater than or equal"),
        ("tank.legionella.every_days", 0, "tank.legionella.every_days: Input should be greater than or equal to 1"),
        ("tank.water_kg", 0, "tank.water_kg: Input should be greater than 0"),
        ("tank.water_kg", 1.0, "water_heater.min_on_s 300 moves the tank by"),
        (
            "water_heater.thermostat_c",
            35.0,
            "water_heater.thermostat_c 35.0 is below tank.comfort.low_c 42.0: where its own thermostat stands there is",
        ),
        (
            "water_heater.thermostat_c",
            75.0,
            "water_heater.thermostat_c 75.0 is above tank.safety_limit_c 70.0, where the heater goes off: lower",
        ),
        ("water_heater.power_w", -2000, "water_heater.power_w: Input should be greater than 0 (it is -2000)"),
        ("collector.heat_removal_factor", 1.2, "collector.heat_removal_factor: Input should be less than or equal"),
        ("battery.reserve_wh", 5000, "reserve_wh 5000.0 leaves nothing of capacity_wh 5000.0"),
        ("battery.charge_efficiency", 1.1, "battery.charge_efficiency: Input should be less than or equal to 1"),
        ("battery.charge_w", 0, "battery.charge_w: Input should be greater than 0"),
        ("photovoltaics.performance_ratio", 86, "photovoltaics.performance_ratio: Input should be less than or equal"),
        (
            "wind_turbine.cut_in_m_s",
            12.0,
            "cut_in_m_s 12.0, rated_m_s 11.0 and cut_out_m_s 25.0 must be in this order",
        ),
        (
            "away",
            [{"start": "2026-07-15T00:00:00Z", "end": "2026-07-01T00:00:00Z"}],
            "end 2026-07-01 00:00:00+00:00 is not after start",
        ),
        (
            "away",
            [{"start": "2026-07-01T00:00:00Z", "end": "2026-07-15T00:00:00Z", "tank_low_c": 66.0}],
            "away.tank_low_c 66.0 is not below tank.comfort.high_c 65.0: lower it",
        ),
        (
            "base_load",
            [{"at": "07:00", "power_w": 400}, {"at": "00:00", "power_w": 170}],
            "base_load must be in the order of the day, each time once",
        ),
        ("power_limit_w", 0, "power_limit_w: Input should be greater than 0"),
        ("export_limit_w", -1, "export_limit_w: Input should be greater than or equal to 0"),
    ],
)
def test_a_value_that_contradicts_is_named_with_its_remedy(path: str, value: object, expected: str) -> None:
    said = refusal(**{path.replace(".", "__"): value})
    assert expected in said


def test_a_thermostat_of_a_cooling_unit_stands_within_comfort_too() -> None:
    warm = {"low_c": 22.0, "high_c": 26.0}
    cooling = {"power_w": 1400, "cop": 3.2, "mode": "cool", "thermostat_c": 28.0}
    said = refusal(room__comfort=warm, air_conditioner=cooling)
    assert "air_conditioner.thermostat_c 28.0 is above room.comfort.high_c 26.0" in said
    assert house(room__comfort=warm, air_conditioner=cooling | {"thermostat_c": 25.0}).loads


def test_a_rod_too_weak_for_what_is_asked_is_refused_unless_the_sun_helps() -> None:
    leaky: dict[str, Any] = {"tank__heat_loss_w_per_c": 60.0, "water_heater__power_w": 2000}
    said = refusal(collector=None, **leaky)
    assert "tank.legionella.temperature_c 60.0 cannot be reached" in said
    assert "the tank gets 54 °C at most; correct one of them" in said
    assert house(**leaky).tank is not None
    said = refusal(collector=None, tank__legionella=None, tank__heat_loss_w_per_c=110.0)
    assert "tank.comfort.low_c 42.0 cannot be reached" in said


@given(st.floats(100, 4000), st.sampled_from([300, 900, 1800, 3600]))
def test_a_minimum_run_is_refused_exactly_where_it_moves_the_room_by_more_than_its_band(
    capacity_wh_per_c: float, min_on_s: int
) -> None:
    at_least_c = (1400 * 3.2 - 160 * (23.5 + 25)) * min_on_s / 3600 / capacity_wh_per_c  # negative: it loses more
    strong_c = (14_000 * 3.2 - 160 * (23.5 + 25)) * min_on_s / 3600 / capacity_wh_per_c
    for power_w, moved_c in ((1400, at_least_c), (14_000, strong_c)):
        changes = {
            "room__heat_capacity_wh_per_c": capacity_wh_per_c,
            "air_conditioner__min_on_s": min_on_s,
            "air_conditioner__power_w": power_w,
        }
        if moved_c > 3.0:
            assert "lower min_on_s, widen the band" in refusal(**changes)
        else:
            assert house(**changes).room is not None


DISHWASHER: dict[str, Any] = WHOLE["appliances"][0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"earliest": "06:30"}, "dishwasher runs 3600 s, but between earliest 06:30:00 and latest 07:00:00 there are"),
        ({"phases": []}, "Tuple should have at least 1 item"),
        ({"phases": [{"duration_s": 0, "power_w": 1200}]}, "phases.0.duration_s: Input should be greater than 0"),
        ({"phases": [{"duration_s": 600, "power_w": -1}]}, "phases.0.power_w: Input should be greater than or equal"),
        (
            {"phases": [{"duration_s": 600, "power_w": 0}]},
            "dishwasher draws nothing in any of its phases: give power_w",
        ),
        ({"phases": [{"duration": 600, "power_w": 1}]}, "did you mean duration_s?"),
        ({"days": ["mondey"]}, "Input should be 'monday'"),
        ({"name": "Dish Washer"}, "appliances.0.name: String should match pattern"),
        ({"uninterruptable": True}, "did you mean uninterruptible?"),
    ],
)
def test_an_appliance_that_cannot_be_meant_is_refused(changes: dict[str, Any], expected: str) -> None:
    assert expected in refusal(appliances=[DISHWASHER | changes])


@pytest.mark.parametrize("twin", ["dishwasher", "air_conditioner", "water_heater"])
def test_two_loads_with_one_name_are_refused(twin: str) -> None:
    said = refusal(appliances=[DISHWASHER, DISHWASHER | {"name": twin}])
    assert "two loads have the same name" in said
    assert twin in said


def test_a_window_that_ends_when_it_begins_is_a_whole_day() -> None:
    noon = time(12)
    day = (Phase(duration_s=86_400, power_w=100),)
    assert Appliance(name="pump", phases=day, earliest=noon, latest=noon).duration_s == 86_400
    with pytest.raises(ValidationError, match="there are only 86400 s"):
        Appliance(name="pump", phases=(*day, *day), earliest=noon, latest=noon)


def test_a_run_needs_something_left_to_run() -> None:
    window = Interval(start=MIDNIGHT, end=MIDNIGHT + timedelta(hours=1))
    with pytest.raises(ValidationError, match="at least 1 item"):
        Run(appliance="pump", window=window, phases=())


VALUES = [
    Band(low_c=20, high_c=24),
    BandFrom(at=time(22), band=Band(low_c=17, high_c=24)),
    Away(start=MIDNIGHT, end=MIDNIGHT + timedelta(days=1)),
    Room(heat_capacity_wh_per_c=4000, heat_loss_w_per_c=160, comfort=Band(low_c=20, high_c=24)),
    Tank(water_kg=100, heat_loss_w_per_c=1.6, cold_water_c=10, comfort=Band(low_c=42, high_c=60)),
    Legionella(),
    CopAt(outdoor_c=7, cop=3.4),
    Switched(power_w=2000, thermostat_c=50),
    WaterHeater(power_w=2000, thermostat_c=50),
    AirConditioner.model_validate(WHOLE["air_conditioner"]),
    Collector(area_m2=2, heat_removal_factor=0.75, heat_loss_w_per_m2_c=4.5),
    Battery(capacity_wh=5000, charge_w=2500, discharge_w=2500),
    Photovoltaics(peak_w=4000),
    WindTurbine(rated_w=1000),
    Phase(duration_s=600, power_w=100),
    Appliance.model_validate(DISHWASHER),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_no_number_may_be_without_end_and_no_key_unknown(value: Any) -> None:  # noqa: ANN401 - any part of a house
    tree = value.model_dump()
    assert type(value).model_validate(tree) == value
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(value).model_validate(tree | {"wat": 1})
    numbers = [key for key, given_value in tree.items() if isinstance(given_value, float)]
    for key in numbers:
        for endless in (float("nan"), float("inf")):
            with pytest.raises(ValidationError):
                type(value).model_validate(tree | {key: endless})


@pytest.mark.parametrize("given", [630, 18, True, "06:30:00+03:00", "half past six"])
@pytest.mark.parametrize("path", ["base_load", "tank.uses", "room.schedule", "appliances"])
def test_a_time_of_the_day_is_written_as_one(given: object, path: str) -> None:
    entries: dict[str, list[dict[str, Any]]] = {
        "base_load": [{"at": given, "power_w": 100}],
        "tank.uses": [{"at": given, "duration_s": 300, "flow_kg_per_min": 6}],
        "room.schedule": [{"at": given, "band": {"low_c": 20, "high_c": 23}}],
        "appliances": [WHOLE["appliances"][0] | {"latest": given}],
    }
    said = refusal(**{path.replace(".", "__"): entries[path]})
    assert "give a local time without a zone, written as 06:30:00" in said
    assert repr(given) in said


def test_a_moment_is_written_as_one_and_a_draw_ends() -> None:
    end = WHOLE["away"][0]["end"]
    assert "written as 2026-07-01T12:00:00+03:00 (it is 1)" in refusal(away=[{"start": 1, "end": end}])
    assert "less than or equal to 14400" in refusal(
        tank__uses=[{"at": "07:00", "duration_s": 20_000, "flow_kg_per_min": 6}]
    )
