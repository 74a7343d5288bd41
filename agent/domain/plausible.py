"""What no home can be: wishes and ratings that contradict each other or that were given in another unit."""

from collections.abc import Iterator
from itertools import pairwise

from agent.domain.comfort import Band
from agent.domain.house import AirConditionerMode, House

_COPS = (0.5, 12.0)
_ROOM_C = (-10.0, 45.0)
_HOTTEST_HEATING_C, _COLDEST_COOLING_C, _HOTTEST_TANK_C = 35.0, 10.0, 95.0
_NARROWEST_C = 0.3
_LEAST_W = 50.0
_LEAST_LIMIT_W = 500.0


def contradictions(house: House) -> Iterator[str]:
    """What is wrong with a house, each with the field, its value and the remedy."""
    yield from _of_powers(house)
    yield from _of_room(house)
    summer = house.in_season(_ROOM_C[1])
    if summer is not house:
        yield from _of_room(summer)
    yield from _of_tank(house)
    for before, after in pairwise(sorted(house.away, key=lambda away: away.start)):
        if after.start < before.end:
            yield (
                f"house.away: the entries from {before.start} and from {after.start} overlap: join them or part them"
            )


def _of_powers(house: House) -> Iterator[str]:
    unit, rod, cells, battery = house.air_conditioner, house.water_heater, house.photovoltaics, house.battery
    parts = (
        ("air_conditioner.power_w", None if unit is None else unit.power_w),
        ("water_heater.power_w", None if rod is None else rod.power_w),
        ("photovoltaics.peak_w", None if cells is None else cells.peak_w),
        ("battery.charge_w", None if battery is None else battery.charge_w),
        ("battery.discharge_w", None if battery is None else battery.discharge_w),
    )
    for name, power_w in parts:
        if power_w is not None and power_w < _LEAST_W:
            yield f"house.{name} {power_w:g} is below {_LEAST_W:g} W: is it in kW? Give W"
    if house.power_limit_w is not None and house.power_limit_w < _LEAST_LIMIT_W:
        yield (
            f"house.power_limit_w {house.power_limit_w:g} is below {_LEAST_LIMIT_W:g} W, too little for a home: "
            "is it in kW? Give W"
        )


def _of_room(house: House) -> Iterator[str]:
    room, unit = house.room, house.air_conditioner
    if room is None:
        return
    bands = [("house.room.comfort", room.comfort)]
    bands += [(f"house.room.schedule at {entry.at}", entry.band) for entry in room.schedule]
    for name, band in bands:
        yield from _of_width(name, band)
        heats = unit is not None and unit.mode is AirConditionerMode.HEAT
        if unit is not None and heats and band.low_c > unit.thermostat_c:
            yield (
                f"{name}: low_c {band.low_c:g} is above air_conditioner.thermostat_c {unit.thermostat_c:g}: "
                "correct one of them"
            )
        if not _ROOM_C[0] <= band.low_c <= band.high_c <= _ROOM_C[1]:
            yield f"{name}: {band.low_c:g} to {band.high_c:g} is not within {_ROOM_C[0]:g} and {_ROOM_C[1]:g} °C"
    if unit is None:
        return
    for cop in (unit.cop, *(entry.cop for entry in unit.cop_at)):
        if not _COPS[0] <= cop <= _COPS[1]:
            yield f"house.air_conditioner.cop {cop:g} is not between {_COPS[0]:g} and {_COPS[1]:g}: is it in percent?"
    at_c = unit.thermostat_c
    if unit.mode is AirConditionerMode.HEAT and at_c > _HOTTEST_HEATING_C:
        yield f"house.air_conditioner.thermostat_c {at_c:g} is above {_HOTTEST_HEATING_C:g} °C: lower it"
    if unit.mode is AirConditionerMode.COOL and at_c < _COLDEST_COOLING_C:
        yield f"house.air_conditioner.thermostat_c {at_c:g} is below {_COLDEST_COOLING_C:g} °C: raise it"


def _of_tank(house: House) -> Iterator[str]:
    tank, rod = house.tank, house.water_heater
    if tank is None:
        return
    yield from _of_width("house.tank.comfort", tank.comfort)
    for entry in tank.schedule:
        name = f"house.tank.schedule at {entry.at}"
        yield from _of_width(name, entry.band)
        if entry.band.low_c <= tank.cold_water_c:
            yield f"{name}: low_c {entry.band.low_c:g} is not above cold_water_c {tank.cold_water_c:g}: raise it"
        if rod is not None and entry.band.low_c > rod.thermostat_c:
            yield (
                f"{name}: low_c {entry.band.low_c:g} is above water_heater.thermostat_c {rod.thermostat_c:g}: "
                "correct one of them"
            )
    if rod is not None and rod.thermostat_c > _HOTTEST_TANK_C:
        yield f"house.water_heater.thermostat_c {rod.thermostat_c:g} is above {_HOTTEST_TANK_C:g} °C: lower it"


def _of_width(name: str, band: Band) -> Iterator[str]:
    if band.high_c - band.low_c < _NARROWEST_C - 1e-9:
        yield f"{name}: {band.low_c:g} to {band.high_c:g} is narrower than {_NARROWEST_C:g} °C: nothing could keep it"
