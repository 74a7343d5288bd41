"""What no home can be is named with its value and the remedy."""

import pytest

from agent.domain.plausible import contradictions
from tests.domain.test_house import house


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("air_conditioner.power_w", 1.4, "air_conditioner.power_w 1.4 is below 50 W: is it in kW? Give W"),
        ("photovoltaics.peak_w", 4, "photovoltaics.peak_w 4 is below 50 W"),
        ("battery.charge_w", 2.5, "battery.charge_w 2.5 is below 50 W"),
        ("power_limit_w", 6, "power_limit_w 6 is below 500 W"),
        ("air_conditioner.cop", 0.32, "cop 0.32 is not between 0.5 and 12"),
        ("air_conditioner.thermostat_c", 40, "thermostat_c 40 is above 35 °C: lower it"),
        ("room.comfort", {"low_c": -20, "high_c": 23}, "room.comfort: -20 to 23 is not within -10 and 45 °C"),
        (
            "room.schedule",
            [{"at": "22:00", "band": {"low_c": 20, "high_c": 20.1}}],
            "room.schedule at 22:00:00: 20 to 20.1 is narrower than 0.3 °C",
        ),
        (
            "room.schedule",
            [{"at": "22:00", "band": {"low_c": 22.5, "high_c": 25}}],
            "room.schedule at 22:00:00: low_c 22.5 is above air_conditioner.thermostat_c 22",
        ),
        (
            "tank.schedule",
            [{"at": "22:00", "band": {"low_c": 9, "high_c": 60}}],
            "tank.schedule at 22:00:00: low_c 9 is not above cold_water_c 10",
        ),
        (
            "tank.schedule",
            [{"at": "22:00", "band": {"low_c": 58, "high_c": 65}}],
            "low_c 58 is above water_heater.thermostat_c 55",
        ),
        (
            "away",
            [
                {"start": "2026-07-01T00:00:00Z", "end": "2026-07-15T00:00:00Z"},
                {"start": "2026-07-10T00:00:00Z", "end": "2026-07-20T00:00:00Z"},
            ],
            "overlap: join them or part them",
        ),
    ],
)
def test_what_no_home_can_be_is_named(path: str, value: object, expected: str) -> None:
    said = "; ".join(contradictions(house(**{path.replace(".", "__"): value})))
    assert expected in said


def test_a_plausible_house_passes() -> None:
    assert not list(contradictions(house()))
