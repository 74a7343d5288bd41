from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.comfort import Band
from agent.domain.house import (
    AIR_CONDITIONER,
    WATER_HEATER,
    AirConditioner,
    AirConditionerMode,
    Collector,
    HotWaterUse,
    House,
    Room,
    Tank,
    WaterHeater,
)
from simulators.home_file import read_home
from simulators.house import PhysicalHouse, switch_by_thermostats
from simulators.thermal import Source
from simulators.weather import TrueWeather

ZONE = ZoneInfo("Europe/Istanbul")
MIDNIGHT = datetime(2020, 1, 1, tzinfo=ZONE).astimezone(UTC)
EXAMPLES = Path(__file__).parents[2] / "examples"
SHOWER = HotWaterUse(at=time(6, 30), duration_s=600, flow_kg_per_min=4.0)

rooms = st.builds(
    Room,
    heat_capacity_wh_per_c=st.floats(400, 8000),
    heat_loss_w_per_c=st.floats(60, 300),
    comfort=st.just(Band(low_c=20, high_c=24)),
)
units = st.builds(
    AirConditioner,
    power_w=st.floats(500, 3000),
    cop=st.floats(1.5, 5),
    mode=st.sampled_from(AirConditionerMode),
    thermostat_c=st.just(22.0),
)
tanks = st.builds(
    Tank,
    water_kg=st.floats(60, 600),
    heat_loss_w_per_c=st.floats(0, 25),
    ambient_c=st.none() | st.floats(5, 25),
    cold_water_c=st.floats(4, 20),
    comfort=st.just(Band(low_c=40, high_c=60)),
    uses=st.just((SHOWER,)) | st.just(()),
)
rods = st.builds(WaterHeater, power_w=st.floats(1000, 10_000), thermostat_c=st.floats(40, 60))
collectors = st.none() | st.builds(
    Collector,
    area_m2=st.floats(1, 6),
    heat_removal_factor=st.floats(0.5, 0.9),
    heat_loss_w_per_m2_c=st.floats(0, 6),
)
houses = st.builds(House, room=rooms, air_conditioner=units, tank=tanks, water_heater=rods, collector=collectors)
schedules = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=8, max_size=8)
"""Both relays, hour by hour, from midnight to after the morning's shower."""
few = settings(max_examples=25)


def home_of(house: House, *, seed: int = 0, step_s: float = 10.0, start: datetime = MIDNIGHT) -> PhysicalHouse:
    return PhysicalHouse(house, TrueWeather(seed), ZONE, start, seed, step_s)


def live(home: PhysicalHouse, schedule: list[tuple[bool, bool]]) -> PhysicalHouse:
    start = home.moment
    for hour, (air_conditioner, water_heater) in enumerate(schedule):
        home.switch(AIR_CONDITIONER, on=air_conditioner)
        home.switch(WATER_HEATER, on=water_heater)
        home.advance_to(start + timedelta(hours=hour + 1))
    return home


@few
@given(house=houses, schedule=schedules, seed=st.integers(0, 50))
def test_all_heat_that_comes_in_is_stored_or_lost(house: House, schedule: list[tuple[bool, bool]], seed: int) -> None:
    home = home_of(house, seed=seed, step_s=60.0)
    assert home.room is not None
    assert home.tank is not None
    before_wh = home.room.stored_wh, home.tank.stored_wh
    live(home, schedule)
    assert home.room.stored_wh - before_wh[0] == pytest.approx(home.room.heat.net_wh, abs=0.01)
    assert home.tank.stored_wh - before_wh[1] == pytest.approx(home.tank.heat.net_wh, abs=0.01)


@few
@given(house=houses, schedule=schedules)
def test_the_water_heater_turns_all_its_electricity_into_heat(house: House, schedule: list[tuple[bool, bool]]) -> None:
    home = live(home_of(house, step_s=60.0), schedule)
    assert home.tank is not None
    assert home.tank.heat.gained_wh[Source.HEATER] == pytest.approx(home.energy_wh(WATER_HEATER))


@few
@given(house=houses, schedule=schedules, seed=st.integers(0, 50), days=st.sampled_from((0, 200)))
def test_temperatures_stay_within_what_nature_and_safety_devices_allow(
    house: House, schedule: list[tuple[bool, bool]], seed: int, days: int
) -> None:
    start = MIDNIGHT + timedelta(days=days)
    home = home_of(house, seed=seed, start=start)
    for hour, relays in enumerate(schedule):
        live(home, [relays])
        assert home.moment == start + timedelta(hours=hour + 1)
        assert home.room_temperature_c is not None
        assert home.tank is not None
        assert house.tank is not None
        assert 0 < home.room_temperature_c < 40
        assert min(house.tank.cold_water_c - 1, 0) < home.tank.bottom_c <= home.tank.top_c + 1e-9
        assert home.tank.top_c <= house.tank.safety_limit_c + 5


@few
@given(schedule=schedules, seed=st.integers(0, 1000))
def test_the_same_seed_lives_the_same_day(schedule: list[tuple[bool, bool]], seed: int) -> None:
    house = read_home(EXAMPLES / "home.toml").house
    once, again = (live(home_of(house, seed=seed, step_s=60.0), schedule) for _ in range(2))
    assert once.room_temperature_c == again.room_temperature_c
    assert once.outlet_temperature_c == again.outlet_temperature_c
    assert once.base_energy_wh == again.base_energy_wh


@few
@given(schedule=schedules, moments=st.lists(st.floats(0, 86_400), max_size=20))
def test_looking_at_a_home_does_not_change_its_day(schedule: list[tuple[bool, bool]], moments: list[float]) -> None:
    house = read_home(EXAMPLES / "home.toml").house
    undisturbed, watched = home_of(house), home_of(house)
    live(undisturbed, schedule[:4])
    for hour, (air_conditioner, water_heater) in enumerate(schedule[:4]):
        watched.switch(AIR_CONDITIONER, on=air_conditioner)
        watched.switch(WATER_HEATER, on=water_heater)
        for moment_s in sorted(moments):
            watched.advance_to(min(MIDNIGHT + timedelta(seconds=moment_s), MIDNIGHT + timedelta(hours=hour + 1)))
        watched.advance_to(MIDNIGHT + timedelta(hours=hour + 1))
    assert watched.room_temperature_c == pytest.approx(undisturbed.room_temperature_c, abs=0.02)
    assert watched.outlet_temperature_c == pytest.approx(undisturbed.outlet_temperature_c, abs=0.2)


@pytest.mark.parametrize("name", ["home.toml", "paper.toml"])
def test_finer_steps_tell_the_same_day(name: str) -> None:
    house = read_home(EXAMPLES / name).house
    schedule = [(hour % 3 == 0, hour in (5, 9, 23)) for hour in range(24)]
    coarse, fine, finest = (live(home_of(house, step_s=step_s), schedule) for step_s in (10.0, 5.0, 1.0))
    for temperature in ("room_temperature_c", "tank_temperature_c"):
        errors_c = [abs(getattr(home, temperature) - getattr(finest, temperature)) for home in (coarse, fine)]
        assert errors_c[0] < 0.1
        assert errors_c[1] <= 0.6 * errors_c[0] + 1e-6


def test_seeds_differ_from_the_settings_and_from_each_other_by_a_few_per_cent() -> None:
    house = read_home(EXAMPLES / "home.toml").house
    assert house.tank is not None
    tanks = [home_of(house, seed=seed).tank for seed in range(20)]
    shares = [tank.water_kg / house.tank.water_kg for tank in tanks if tank is not None]
    assert len(set(shares)) == 20
    assert all(0.95 < share < 1.05 for share in shares)
    assert max(shares) - min(shares) > 0.03


def test_the_tank_is_layered_after_a_shower_and_mixed_after_heating() -> None:
    home = home_of(read_home(EXAMPLES / "home.toml").house)
    home.advance_to(MIDNIGHT + timedelta(hours=7))
    assert home.tank is not None
    assert home.tank.top_c - home.tank.bottom_c > 5
    home.switch(WATER_HEATER, on=True)
    home.advance_to(MIDNIGHT + timedelta(hours=8, minutes=30))
    assert home.tank.top_c == pytest.approx(home.tank.bottom_c)


def test_a_forgotten_heater_is_cut_out_at_the_safety_limit_and_comes_back() -> None:
    house = read_home(EXAMPLES / "home.toml").house
    home = home_of(house)
    home.switch(WATER_HEATER, on=True)
    drawing = []
    for minute in range(24 * 60):
        home.advance_to(MIDNIGHT + timedelta(minutes=minute))
        drawing.append(home.power_w(WATER_HEATER) > 0)
        assert home.is_on(WATER_HEATER)
    assert False in drawing
    assert drawing[drawing.index(False) :].count(True) > 10


def test_a_forgotten_air_conditioner_stops_where_its_remote_control_ends() -> None:
    house = read_home(EXAMPLES / "paper.toml").house
    home = home_of(house)
    home.switch(AIR_CONDITIONER, on=True)
    temperatures_c = []
    for minute in range(6 * 60):
        home.advance_to(MIDNIGHT + timedelta(minutes=minute))
        temperatures_c.append(home.room_temperature_c or 0.0)
    assert 30 < max(temperatures_c) < 31.5
    assert home.is_on(AIR_CONDITIONER)


def test_the_air_conditioner_weakens_in_the_cold() -> None:
    house = read_home(EXAMPLES / "home.toml").house
    heats = []
    for start in (MIDNIGHT, MIDNIGHT + timedelta(days=100)):
        home = home_of(house, start=start)
        home.switch(AIR_CONDITIONER, on=True)
        home.advance_to(start + timedelta(hours=1))
        assert home.room is not None
        heats.append(home.room.heat.gained_wh[Source.AIR_CONDITIONER] / home.energy_wh(AIR_CONDITIONER))
    assert 2.5 < heats[0] < heats[1] < 4.2


def test_thermostats_keep_the_example_home_comfortable() -> None:
    home = home_of(read_home(EXAMPLES / "home.toml").house)
    for minute in range(24 * 60):
        switch_by_thermostats(home)
        home.advance_to(MIDNIGHT + timedelta(minutes=minute + 1))
    assert home.room_discomfort.minutes == 0
    assert home.water_discomfort.minutes == 0
    assert 12_000 < home.energy_wh(AIR_CONDITIONER) < 25_000
    assert 4_000 < home.energy_wh(WATER_HEATER) < 9_000
    assert home.base_energy_wh == pytest.approx(8_000, rel=0.1)


def test_cooling_thermostats_keep_a_summer_day_comfortable() -> None:
    house = read_home(EXAMPLES / "home.toml").house
    assert house.air_conditioner is not None
    assert house.room is not None
    unit = house.air_conditioner.model_copy(update={"mode": AirConditionerMode.COOL, "thermostat_c": 25.0})
    room = house.room.model_copy(update={"comfort": Band(low_c=23.5, high_c=26.5)})
    start = MIDNIGHT + timedelta(days=196)
    home = home_of(house.model_copy(update={"air_conditioner": unit, "room": room}), start=start)
    for minute in range(24 * 60):
        switch_by_thermostats(home)
        home.advance_to(start + timedelta(minutes=minute + 1))
    assert home.room_discomfort.minutes == 0
    assert home.energy_wh(AIR_CONDITIONER) > 500
