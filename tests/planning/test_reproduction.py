import pytest

from benchmarks.reproduction import Reproduction, reproduction


@pytest.fixture(scope="module")
def found() -> Reproduction:
    return reproduction(time_limit_s=20.0)


def test_the_papers_day_comes_out_as_the_paper_prints_it(found: Reproduction) -> None:
    assert found.heater_thermostat_kwh == pytest.approx(34.986, abs=0.1)
    assert found.heater_planned_kwh == pytest.approx(25.823, abs=0.3)
    assert found.bill_change == pytest.approx(-0.24, abs=0.015)
    assert found.critical_load_kwh == pytest.approx(15.0, abs=0.1)


def test_the_loads_run_mainly_when_the_paper_says(found: Reproduction) -> None:
    assert found.heater_energy_in_windows > 0.5
    assert found.heater_energy_in_windows_thermostat < 0.2
    assert found.air_conditioner_on_in_windows > 0.7
    assert found.air_conditioner_on_elsewhere < 0.4


def test_comfort_is_never_broken_and_no_heat_is_used_up(found: Reproduction) -> None:
    assert found.room_lowest_c >= 23.0 - 1e-3
    assert found.room_highest_c <= 27.0 + 1e-3
    assert found.tank_lowest_c >= 40.0 - 1e-3
    assert found.tank_highest_c <= 60.0 + 1e-3
    assert found.room_end_c >= 25.0 - 1e-3
    assert found.tank_end_c >= 45.0 - 1e-3


def test_nothing_cheaper_exists(found: Reproduction) -> None:
    assert found.gap_movable is not None
    assert found.gap_movable < 1e-4
