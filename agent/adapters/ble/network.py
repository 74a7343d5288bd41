"""All Bluetooth devices of the home, whatever their family: one radio, heard and spoken with."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from agent.adapters.ble import bthome, shelly, switchbot
from agent.adapters.ble.bthome import BTHomeMeter, BTHomeSensor, BTHomeThermometer
from agent.adapters.ble.link import Links
from agent.adapters.ble.radio import Heard, Radio, mac_of
from agent.adapters.ble.shelly import ShellyMeter, ShellyRpc, ShellySwitch
from agent.adapters.ble.switchbot import SwitchBotMeter, SwitchBotPlug, SwitchBotSwitch
from agent.domain.device import Ability, Adoption, Protocol, Sighting
from agent.errors import ProfileInvalid
from agent.ports import Clock, Device, Switch
from agent.profiles.library import Profiles
from agent.profiles.profile import DeviceProfile, Family, Link
from agent.switching.certain import CertainRelay

_DEADLINE_S = 15.0
"""A connection takes a second or two where the radio is good."""
_REACHABLE_S = 60.0
"""A device that was heard within so many wall seconds is there."""
_RECOGNISERS = (shelly.recognise, switchbot.recognise, bthome.recognise)


class BleNetwork:
    """The families Shelly, SwitchBot and BTHome on one radio. Nothing works until `loops` run."""

    families = (Family.SHELLY_BLE, Family.SWITCHBOT, Family.BTHOME)

    def __init__(self, radio: Radio, clock: Clock, profiles: Profiles, links: Links | None = None) -> None:
        self._radio = radio
        self._clock = clock
        self._profiles = profiles
        self._links = Links(radio) if links is None else links
        self._shellys: dict[str, ShellyRpc] = {}
        self._plugs: dict[str, SwitchBotPlug] = {}
        self._sensors: dict[str, BTHomeSensor] = {}

    @property
    def loops(self) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
        """What keeps it alive, each until it is cancelled."""
        return self._radio.run, self._links.run

    async def scan(self, duration_s: float) -> Sequence[Sighting]:
        """Listen for `duration_s` wall seconds and return what was heard. Raises BluetoothAway."""
        await self._radio.wait_up(duration_s)
        await asyncio.sleep(duration_s)
        heard = sorted(self._radio.all_heard(), key=lambda one: one.mac)
        return [sighting for one in heard if (sighting := self._sighting(one)) is not None]

    def device(self, adoption: Adoption, ends_after_s: float | None = None) -> Device:
        """A device of the home, by its MAC address.

        Raises ProfileInvalid for an unknown profile, one of another network, or an address that is none.
        """
        known, mac = self._profiles.named(adoption.profile), mac_of(adoption.address)
        if mac is None:
            said = f"a Bluetooth device is adopted by its MAC address, not as {adoption.address!r}"
            raise ProfileInvalid(f"{adoption.name}: {said}")
        deadline_s = known.deadline_s(adoption.deadline_s, _DEADLINE_S)
        if known.family is Family.SHELLY_BLE:
            return self._shelly(adoption, known, mac, deadline_s, ends_after_s)
        if known.family is Family.SWITCHBOT:
            return self._switchbot(adoption, known, mac, deadline_s)
        if known.family is Family.BTHOME:
            return self._bthome(adoption, known, mac, deadline_s)
        raise ProfileInvalid(f"{adoption.name}: {adoption.profile} is not spoken with over Bluetooth")

    def _shelly(
        self, adoption: Adoption, known: DeviceProfile, mac: str, deadline_s: float, ends_after_s: float | None
    ) -> Device:
        if mac not in self._shellys:
            self._shellys[mac] = ShellyRpc(self._links.to(mac, kept=known.ble.link is Link.KEPT), self._clock)
        rpc, name, can = self._shellys[mac], adoption.name, known.abilities
        relay, meter = None, None
        if Ability.RELAY in can:
            switch = ShellySwitch(rpc, name, adoption.channel)
            relay = self._certain(switch, adoption, deadline_s, rpc.relay_turn, ends_after_s)
        if Ability.METER in can:
            meter = ShellyMeter(rpc, name, adoption.channel, deadline_s, known.max_power_w)
        return Device(name=name, role=adoption.role, relay=relay, meter=meter)

    def _switchbot(self, adoption: Adoption, known: DeviceProfile, mac: str, deadline_s: float) -> Device:
        if mac not in self._plugs:
            link = self._links.to(mac, kept=known.ble.link is Link.KEPT)
            self._plugs[mac] = SwitchBotPlug(self._radio, link, mac, self._clock)
        plug, name, can = self._plugs[mac], adoption.name, known.abilities
        relay, meter = None, None
        if Ability.RELAY in can:
            relay = self._certain(SwitchBotSwitch(plug, name), adoption, deadline_s, plug.relay_turn, None)
        if Ability.METER in can:
            meter = SwitchBotMeter(plug, name, deadline_s, known.max_power_w)
        return Device(name=name, role=adoption.role, relay=relay, meter=meter)

    def _bthome(self, adoption: Adoption, known: DeviceProfile, mac: str, deadline_s: float) -> Device:
        if mac not in self._sensors:
            self._sensors[mac] = BTHomeSensor(self._radio, mac, self._clock)
        sensor, name, can = self._sensors[mac], adoption.name, known.abilities
        meter, thermometer = None, None
        if Ability.METER in can:
            meter = BTHomeMeter(sensor, name, adoption.channel, deadline_s)
        if Ability.THERMOMETER in can:
            thermometer = BTHomeThermometer(sensor, name, adoption.sensor, deadline_s)
        return Device(name=name, role=adoption.role, meter=meter, thermometer=thermometer)

    def _certain(
        self, switch: Switch, adoption: Adoption, deadline_s: float, turn: asyncio.Lock, ends_after_s: float | None
    ) -> CertainRelay:
        return CertainRelay(
            switch, self._clock, adoption.name, deadline_s=deadline_s, ends_after_s=ends_after_s, turn=turn
        )

    def _sighting(self, heard: Heard) -> Sighting | None:
        recognised = next((one for recognise in _RECOGNISERS if (one := recognise(heard)) is not None), None)
        if recognised is None:
            return None
        profile = self._profiles.fitting(Protocol.BLE, recognised.family, recognised.model, recognised.abilities)
        silent_s = asyncio.get_running_loop().time() - heard.at_s
        return Sighting(
            protocol=Protocol.BLE,
            address=heard.mac,
            profile=profile,
            label=recognised.label,
            model=recognised.model,
            firmware=recognised.firmware,
            reachable=silent_s < _REACHABLE_S,
            abilities=recognised.abilities if profile is None else self._profiles[profile].abilities,
        )
