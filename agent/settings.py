"""The owner's settings: one frozen tree from one TOML file, with single values overridden by the environment.

`KWH_HUB_MQTT__HOST=192.168.1.5` overrides `host` in `[mqtt]`: two underscores go one level down. A key that does not
exist is refused with the name of the nearest one that does. Secrets come from the environment or from a file that only
its owner can read, never from this tree's text. Relative paths count from the folder of the file, so that every command
means the same ones wherever it is started; those of the environment count from the working directory.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from agent.connections import BleSettings, EpiasSettings, MqttSettings, WeatherSettings, ZigbeeSettings
from agent.domain.address import spelled
from agent.domain.comfort import BandFrom
from agent.domain.device import Adoption, Name, Role
from agent.domain.house import House
from agent.domain.plausible import contradictions
from agent.domain.problem import EndRule, Solver
from agent.domain.refusal import faults, truths_for_numbers
from agent.domain.tariff import DemandCharge, HourlyMarketTariff, Tariff
from agent.domain.value import Value
from agent.errors import SettingsInvalid

ENVIRONMENT_PREFIX = "KWH_HUB_"
SWITCHING_ROLES = (Role.AIR_CONDITIONER, Role.WATER_HEATER, Role.APPLIANCE)
_HOT_C = 60.0
HELD_BY_MANY = (Role.METER, Role.APPLIANCE)
_PATHS = (Path, Path | None)


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        raise ValueError(f"no such time zone{f'; did you mean {near[0]}?' if near else ''}")
    return name


class HomeSettings(Value):
    """Where the home is."""

    time_zone: Annotated[str, AfterValidator(_known_zone)] = "Europe/Istanbul"
    latitude: float = Field(default=41.01, ge=-66, le=66)
    longitude: float = Field(default=28.98, ge=-180, le=180)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone by which days and tariff windows are counted."""
        return ZoneInfo(self.time_zone)


class DeviceSettings(Adoption):
    """One adopted device: the hub switches nothing that is not listed here."""

    load: Name | None = None
    """Which appliance of the house it switches; only with the role `appliance`."""

    @model_validator(mode="after")
    def _says_what_it_switches(self) -> Self:
        if self.role is Role.APPLIANCE and self.load is None:
            raise ValueError(f'{self.name} has the role appliance: say which by load = "NAME" of [[house.appliances]]')
        if self.role is not Role.APPLIANCE and self.load is not None:
            raise ValueError(f"{self.name} has the role {self.role}, so it has no load: leave load out")
        return self


class StorageSettings(Value):
    """Where the hub keeps what it must remember."""

    folder: Path = Path("var")


class PlanningSettings(Value):
    """How the day is planned."""

    step_s: int = Field(default=300, ge=60, le=3600)
    horizon_s: int = Field(default=86_400, ge=3600, le=172_800)
    """A plan looks at least so far ahead; what is known of prices beyond that is planned with too."""
    longest_horizon_s: int = Field(default=172_800, ge=3600, le=172_800)
    end: EndRule = EndRule.VALUED
    time_limit_s: float = Field(default=20.0, gt=0, le=300)
    solver: Solver = Solver.DP
    replan_after_s: int = Field(default=21_600, ge=900, le=86_400)
    """A plan older than this is made anew."""
    room_margin_c: float = Field(default=0.3, ge=0, le=3)
    """The plan stays this far inside the room's comfort band, for no model of a home is exact."""
    tank_margin_c: float = Field(default=1.0, ge=0, le=10)
    """The plan stays this far above the coldest shower."""
    room_deviation_c: float = Field(default=0.7, gt=0, le=10)
    tank_deviation_c: float = Field(default=2.5, gt=0, le=30)
    """Measured this far from the prediction, the rest of the day is planned anew."""
    settle_s: int = Field(default=1800, ge=0, le=86_400)
    """Not again within this time because of a deviation."""


class ControlSettings(Value):
    """How relays are held to the plan."""

    dead_man_s: int = Field(default=900, ge=600, le=6000)
    """A relay that can ends an "on" by itself after so long if the hub does not renew it, as it does at every step."""

    temperature_max_age_s: int = Field(default=1800, ge=300, le=14_400)
    """An older measurement counts as unknown."""
    override_s: int = Field(default=3600, ge=0, le=86_400)
    """So long a load is left as its owner set it at its button; 0: it is set right at once."""
    watch_s: int = Field(default=20, ge=0, le=300)
    """Wall seconds between two questions to each relay, besides those of a step; 0: none. Not over Bluetooth."""


class ClockSettings(Value):
    """Only for simulated homes."""

    file: Path | None = None
    """Mapping of simulated to wall time; None in a real home."""


class HealthSettings(Value):
    """What the container's health check reads."""

    heartbeat_file: Path | None = None
    """Written after every completed step; put it on a RAM disk. None: not written."""


class LogSettings(Value):
    """What is said while running."""

    level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")


class Settings(Value):
    """Everything that the owner decides."""

    home: HomeSettings = HomeSettings()
    house: House
    tariff: Tariff = HourlyMarketTariff()
    export: Tariff | None = None
    """What is paid for a kWh that is fed in; None if nothing is."""
    demand: DemandCharge | None = None
    devices: tuple[DeviceSettings, ...] = ()
    epias: EpiasSettings = EpiasSettings()
    weather: WeatherSettings = WeatherSettings()
    mqtt: MqttSettings = MqttSettings()
    zigbee: ZigbeeSettings = ZigbeeSettings()
    ble: BleSettings = BleSettings()
    storage: StorageSettings = StorageSettings()
    planning: PlanningSettings = PlanningSettings()
    control: ControlSettings = ControlSettings()
    clock: ClockSettings = ClockSettings()
    health: HealthSettings = HealthSettings()
    log: LogSettings = LogSettings()

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with every setting that a plan depends on."""
        planned = {"home", "house", "tariff", "export", "demand", "planning"}
        return sha256(self.model_dump_json(include=planned).encode()).hexdigest()[:16]

    @property
    def needs_market(self) -> bool:
        """Whether day-ahead prices are needed."""
        return self.tariff.follows_market or (self.export is not None and self.export.follows_market)

    @model_validator(mode="after")
    def _devices_are_told_apart(self) -> Self:
        names = [device.name for device in self.devices]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"devices: the name {', '.join(sorted(twice))} is given twice")
        for role in set(Role) - set(HELD_BY_MANY):
            holders = [device.name for device in self.devices if device.role is role]
            if len(holders) > 1:
                raise ValueError(f"devices: {' and '.join(holders)} both have the role {role}; one can")
        switched = [device for device in self.devices if device.role in SWITCHING_ROLES]
        for first, second in combinations(switched, 2):
            if (spelled(first.address), first.channel) == (spelled(second.address), second.channel):
                raise ValueError(
                    f"devices: {first.name} and {second.name} are the same relay (address and channel); each load "
                    "needs its own"
                )
        return self

    @model_validator(mode="after")
    def _appliances_have_their_own_devices(self) -> Self:
        known = [appliance.name for appliance in self.house.appliances]
        switched = [device for device in self.devices if device.load is not None]
        for device in switched:
            if device.load not in known:
                there = f"the house has {', '.join(known)}" if known else "the house has none"
                raise ValueError(f"devices: {device.name} switches {device.load}, but {there} ([[house.appliances]])")
        loads = [device.load for device in switched]
        for load in known:
            if loads.count(load) > 1:
                holders = [device.name for device in switched if device.load == load]
                raise ValueError(f"devices: {' and '.join(holders)} both switch {load}; one can")
        return self

    @model_validator(mode="after")
    def _wishes_do_not_contradict(self) -> Self:
        said = [
            *contradictions(self.house),
            *_contradictions_in_time(self),
            *_contradictions_of_heat(self.house),
            *_contradictions_in_summer(self.house),
            *_never_within_limit(self.house),
        ]
        if said:
            raise ValueError("; ".join(said))
        return self


def _contradictions_in_time(settings: Settings) -> Iterator[str]:
    planning, demand, house = settings.planning, settings.demand, settings.house
    if planning.longest_horizon_s < planning.horizon_s:
        yield (
            f"planning.longest_horizon_s {planning.longest_horizon_s} is below planning.horizon_s {planning.horizon_s}"
        )
    dead_man_s = settings.control.dead_man_s
    if dead_man_s <= 2 * planning.step_s and any(device.role in SWITCHING_ROLES for device in settings.devices):
        yield (
            f"control.dead_man_s {dead_man_s} is not more than two steps of planning.step_s {planning.step_s}: relays "
            "would go off between renewals"
        )
    if demand is not None and demand.window_s % planning.step_s:
        yield f"demand.window_s {demand.window_s} is not a multiple of planning.step_s {planning.step_s}"
    for appliance in house.appliances:
        if not appliance.days:
            yield f"house.appliances.{appliance.name}.days is empty, so it would never run: name a day or leave it out"
    cooling = None if house.air_conditioner is None else house.air_conditioner.cooling
    for name, part in (("room", house.room), ("tank", house.tank), ("air_conditioner.cooling", cooling)):
        if part is not None:
            yield from _contradictions_in_schedule(f"house.{name}.schedule", part.schedule)


def _contradictions_in_schedule(where: str, schedule: Sequence[BandFrom]) -> Iterator[str]:
    seen = set()
    for entry in schedule:
        if not entry.days:
            yield f"{where}: the entry of {entry.at} has no days: name a day or leave days out"
        for day in entry.days:
            if (entry.at, day) in seen:
                yield f"{where} says two things for {day} at {entry.at}"
            seen.add((entry.at, day))


def _contradictions_of_heat(house: House) -> Iterator[str]:
    tank, collector = house.tank, house.collector
    if tank is None:
        return
    if tank.legionella is not None:
        bands = [entry.band for entry in tank.schedule] or [tank.comfort]
        warmest_c = max(band.high_c for band in bands)
        if house.water_heater is None and collector is None:
            yield "house.tank.legionella asks for hot water, but nothing heats the tank: add [house.water_heater]"
        if tank.legionella.temperature_c >= warmest_c:
            yield (
                f"house.tank.legionella.temperature_c {tank.legionella.temperature_c} cannot be reached: no band of "
                f"house.tank.schedule goes beyond {warmest_c}"
            )
    if collector is not None and collector.stops_at_c is not None and collector.stops_at_c <= tank.comfort.low_c:
        yield (
            f"house.collector.stops_at_c {collector.stops_at_c} is not above house.tank.comfort.low_c "
            f"{tank.comfort.low_c}: the sun would never help"
        )


def _contradictions_in_summer(house: House) -> Iterator[str]:
    """What is wrong with the house once its unit cools; no season may bring a fault to light."""
    summer = house.in_season(_HOT_C)
    if summer is not house:
        try:
            House.model_validate(summer.model_dump())
        except ValidationError as error:
            yield f"house.air_conditioner.cooling, as the house is in summer: {faults(error, House).strip()}"


def _never_within_limit(house: House) -> Iterator[str]:
    """Loads that could never run, because with the least base load they are already above the power limit."""
    own = (house.photovoltaics, house.wind_turbine, house.battery)
    if house.power_limit_w is None or any(part is not None for part in own):
        return
    base_w = min((entry.power_w for entry in house.base_load), default=0.0)
    powers_w = {name: house.load(name).power_w for name in house.loads}
    powers_w |= {one.name: max(phase.power_w for phase in one.phases) for one in house.appliances}
    for name, power_w in powers_w.items():
        if base_w + power_w > house.power_limit_w:
            yield (
                f"house.power_limit_w {house.power_limit_w:g} never lets {name} run: it draws {power_w:g} W beside a "
                f"base load of {base_w:g} W"
            )


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings file and the environment. Raises SettingsInvalid with every fault named.

    A relative path counts from the folder of the file, of a link from that of the file it points to; one of the
    environment from the working directory.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsInvalid(f"{path} does not exist. Start from examples/home.toml") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{path} is not TOML: {error}") from error
    for section in ("epias", "mqtt"):
        if isinstance(tree.get(section), dict) and "password" in tree[section]:
            raise SettingsInvalid(
                f"{path}: {section}.password must not stand in this file. Write it into a file of its own, chmod 600, "
                f"and set {section}.password_file, or set {ENVIRONMENT_PREFIX}{section.upper()}__PASSWORD"
            )
    _anchor(tree, path.resolve().parent)
    variables = _override(tree, os.environ if environment is None else environment)
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        source = f"{path}, with {', '.join(variables)} from the environment," if variables else f"{path}"
        raise SettingsInvalid(f"{source} is not usable:\n{faults(error, Settings)}") from error
    truths = "\n".join(truths_for_numbers(tree, settings))
    if truths:
        raise SettingsInvalid(f"{path} is not usable:\n{truths}")
    return settings


def device_settings(said: Mapping[str, object]) -> DeviceSettings:
    """One device as its table would say it. Raises SettingsInvalid with every fault named."""
    try:
        return DeviceSettings.model_validate(said)
    except ValidationError as error:
        raise SettingsInvalid(f"this is no usable device:\n{faults(error, DeviceSettings)}") from error


def with_device(settings: Settings, device: DeviceSettings) -> Settings:
    """The settings with one more device, checked as those of a file are. Raises SettingsInvalid."""
    tree = {name: getattr(settings, name) for name in Settings.model_fields}
    try:
        return Settings.model_validate({**tree, "devices": (*settings.devices, device)})
    except ValidationError as error:
        raise SettingsInvalid(faults(error, Settings).strip().removeprefix("(whole file): ")) from error


def _anchor(tree: dict[str, Any], folder: Path) -> None:
    """Let the paths of the file, and those that it leaves out, begin at its folder; what is no path is left alone."""
    for section, part in Settings.model_fields.items():
        for key, field in _fields_of(part.annotation):
            branch = tree.setdefault(section, {}) if field.default is not None else tree.get(section, {})
            said = branch.get(key, field.default) if isinstance(branch, dict) else None
            if isinstance(said, str | Path):
                branch[key] = str(folder / said)


def _fields_of(section: object) -> Iterator[tuple[str, FieldInfo]]:
    """The fields of one table of the settings that are paths."""
    if isinstance(section, type) and issubclass(section, Value):
        yield from ((key, field) for key, field in section.model_fields.items() if field.annotation in _PATHS)


def _override(tree: dict[str, Any], environment: Mapping[str, str]) -> Sequence[str]:
    """Put the variables into the tree; return their names."""
    used = []
    for key, value in sorted(environment.items()):
        if not key.startswith(ENVIRONMENT_PREFIX):
            continue
        *parents, leaf = key.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        branch = tree
        for parent in parents:
            child = branch.setdefault(parent, {})
            if not isinstance(child, dict):
                raise SettingsInvalid(f"{key}: {parent} is not a table, so nothing in it can be overridden")
            branch = child
        branch[leaf] = value
        used.append(key)
    return used
