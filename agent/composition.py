"""Which feed stands behind which port by the owner's settings, and whether the devices can do what is asked of them."""

from collections.abc import Iterator
from functools import partial

import httpx

from agent.adapters.feeds.epias import EpiasPrices
from agent.adapters.feeds.epias_answers import Bounds
from agent.adapters.feeds.open_meteo import OpenMeteoWeather
from agent.adapters.feeds.retrying import Patience, Retry, RetryingPrices, RetryingWeather
from agent.addresses import address_faults
from agent.clock import SharedClock, SystemClock
from agent.connections import EpiasSettings
from agent.control.circuits import circuit_of
from agent.domain.device import Ability, Name, Role
from agent.domain.infrared_vendors import toggles_power
from agent.domain.refusal import nearest
from agent.errors import FeedUnauthorized, ProfileInvalid, SettingsInvalid
from agent.ports import Clock, Prices, Weather
from agent.profiles.library import Profiles
from agent.settings import DeviceSettings, Settings

_NEEDED = {
    Role.AIR_CONDITIONER: Ability.RELAY,
    Role.WATER_HEATER: Ability.RELAY,
    Role.APPLIANCE: Ability.RELAY,
    Role.ROOM_THERMOMETER: Ability.THERMOMETER,
    Role.TANK_THERMOMETER: Ability.THERMOMETER,
    Role.HOUSE_METER: Ability.METER,
    Role.METER: Ability.METER,
}


def clock_of(settings: Settings) -> Clock:
    """The clock that the settings name."""
    return SystemClock() if settings.clock.file is None else SharedClock(settings.clock.file)


def prices_of(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> Prices | None:
    """The market's prices; None without a username, for then nobody can be asked."""
    epias = settings.epias
    if not epias.username:
        return None
    return RetryingPrices(
        EpiasPrices(
            http,
            clock,
            zone=settings.home.zone,
            login_url=epias.login_url,
            base_url=epias.base_url,
            username=epias.username,
            password=partial(_epias_password, epias),
            bounds=Bounds(epias.floor_try_per_mwh, epias.cap_try_per_mwh),
            timeout_s=epias.timeout_s,
        ),
        Retry(Patience()),
    )


def _epias_password(epias: EpiasSettings) -> str:
    """The password, read when a ticket is needed. Raises FeedUnauthorized: a lost file must not end the hub."""
    try:
        return epias.reveal()
    except SettingsInvalid as error:
        raise FeedUnauthorized("epias", str(error)) from error


def weather_of(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> Weather:
    """The weather of the home's place."""
    return RetryingWeather(
        OpenMeteoWeather(
            http,
            clock,
            base_url=settings.weather.base_url,
            latitude=settings.home.latitude,
            longitude=settings.home.longitude,
            timeout_s=settings.weather.timeout_s,
        ),
        Retry(Patience()),
    )


def device_faults(settings: Settings, profiles: Profiles) -> Iterator[str]:
    """Why devices cannot do what their role asks of them, one line each."""
    for device in settings.devices:
        try:
            profile = profiles.named(device.profile)
        except ProfileInvalid as error:
            yield f"devices.{device.name}.profile: {error}"
            continue
        needed = _NEEDED[device.role]
        if device.role is Role.AIR_CONDITIONER and Ability.REMOTE in profile.abilities:
            yield from _blind(settings, device, profiles)
        elif needed not in profile.abilities:
            able = ", ".join(sorted(profile.abilities))
            yield f"devices.{device.name}: {device.role} needs a {needed}, but {device.profile} has only {able}"
        elif device.infrared is not None:
            yield f"devices.{device.name}.infrared: {device.profile} is no infrared transmitter; leave infrared out"
        yield from _overload(settings, device, profiles)
        yield from (fault for fault, forbidden in _endless(settings, device, profiles) if forbidden)
    yield from address_faults(settings.devices, profiles)


def device_remarks(settings: Settings, profiles: Profiles) -> Iterator[str]:
    """What an owner must know of devices that can be used, one line each. Profiles must be known."""
    for device in settings.devices:
        yield from (remark for remark, forbidden in _endless(settings, device, profiles) if not forbidden)


def run_faults(settings: Settings) -> Iterator[str]:
    """Why a home can be planned, but not yet be run as its settings describe it, one line each."""
    house, roles = settings.house, {device.role for device in settings.devices}
    if house.battery is not None:
        yield (
            f"house.battery (capacity_wh {house.battery.capacity_wh:g}): no battery can be driven yet, and a plan "
            "would count on what nobody carries out. Leave [house.battery] out; `kwh-hub plan` can plan with it"
        )
    if house.tank is not None and house.tank.legionella is not None and Role.TANK_THERMOMETER not in roles:
        yield (
            f"house.tank.legionella (every_days {house.tank.legionella.every_days}): no device has the role "
            "tank_thermometer, so nobody can tell whether the tank was hot. Adopt one, or leave it out"
        )


def switched_load(settings: Settings, device: DeviceSettings) -> Name | None:
    """What the relay of a device switches in this house; None if nothing."""
    load = device.role.value if device.load is None else device.load
    return load if device.load is not None or load in settings.house.loads else None


def _endless(settings: Settings, device: DeviceSettings, profiles: Profiles) -> Iterator[tuple[str, bool]]:
    """Why a load would run on without the hub, and whether that must not be."""
    profile, load = profiles.named(device.profile), switched_load(settings, device)
    if Ability.REMOTE in profile.abilities and device.role is Role.AIR_CONDITIONER:
        yield (
            f"devices.{device.name}: if the hub is gone while the unit is on, its own thermostat holds the room",
            False,
        )
        return
    if load is None or profile.ends_itself or Ability.RELAY not in profile.abilities:
        return
    table = f"house.{load}" if device.load is None else f"house.appliances ({load})"
    said = f'devices.{device.name}: {device.profile} cannot end an "on" by itself'
    if circuit_of(settings.house, load).must_end:
        remedy = f"Use a device whose profile says ends_itself, or, if something else ends it, {table}.must_end = false"
        yield f"{said}, but the {load} must not run on if the hub is gone. {remedy}", True
    else:
        yield f"{said}: if the hub is gone while the {load} is on, it stays on", False


def _blind(settings: Settings, device: DeviceSettings, profiles: Profiles) -> Iterator[str]:
    """Why nobody could tell what a unit does that is told by infrared."""
    field = f"devices.{device.name}.infrared"
    if device.infrared is None:
        yield (
            f"{field} is missing: {device.profile} only tells a unit what to do. Say whose language the unit speaks "
            'and which meter is on its circuit: infrared = { vendor = "DAIKIN", verified_by = "METER" }'
        )
        return
    if toggles_power(device.infrared):
        yield (
            f"{field}.vendor: {device.infrared.vendor} (model {device.infrared.model}) cannot say on or off, its "
            "remote control only toggles: one order that is not seen would turn all later ones round. Such a unit "
            "cannot be driven"
        )
    unit = settings.house.air_conditioner
    if unit is not None and device.infrared.on_above_w > unit.power_w / 2:
        yield (
            f"{field}.on_above_w {device.infrared.on_above_w:g}: the unit draws {unit.power_w:g} W, so it would seldom "
            "count as on; give a figure a little above what it draws in standby"
        )
    named = device.infrared.verified_by
    meter = next((other for other in settings.devices if other.name == named), None)
    meters = [other.name for other in settings.devices if other.role is Role.METER]
    if meter is None:
        yield f"{field}.verified_by: there is no device {named!r}; {nearest(named, meters)}"
    elif meter.role is not Role.METER:
        yield f"{field}.verified_by: {named} has the role {meter.role}; give it the role meter: nobody may switch it"
    elif meter.profile in profiles and unit is not None and profiles[meter.profile].carries(unit.power_w) is False:
        yield f"devices.{named}: it carries less than the {unit.power_w:g} W of the unit"


def _overload(settings: Settings, device: DeviceSettings, profiles: Profiles) -> Iterator[str]:
    house, load = settings.house, switched_load(settings, device)
    if load is None:
        return
    power_w = circuit_of(house, load).power_w
    profile = profiles.named(device.profile)
    if profile.carries(power_w) is False:
        yield (
            f"devices.{device.name}: its relay carries {profile.max_power_w:.0f} W, but the {load} draws "
            f"{power_w:.0f} W; it would burn. Use a contactor or a stronger relay"
        )
