"""The family of Shelly devices of generation 2 and later: JSON-RPC over `<prefix>/rpc`.

An order is acknowledged by the answer that carries its number; the device ends an "on" by itself if it is told to.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent.adapters.mqtt.announced import is_own_topic, with_others
from agent.adapters.mqtt.broker import Broker, Message
from agent.adapters.mqtt.shelly_gen2_components import Gen2Meter, Gen2Switch, Gen2Thermometer
from agent.adapters.mqtt.shelly_gen2_station import Gen2Station, mac_of_source
from agent.adapters.mqtt.shelly_rpc import ShellyRpc
from agent.adapters.shelly.messages import (
    DEVICE_INFO,
    DEVICE_STATUS,
    Call,
    DeviceInfo,
    DeviceStatus,
    Reply,
    ShellyMalformed,
    mac_of,
    read_device_info,
    read_status,
)
from agent.domain.device import Ability, Adoption, Protocol, Sighting
from agent.domain.printable import printable
from agent.errors import BrokerUnreachable, SettingsInvalid
from agent.ports import Clock, Device
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.switching.certain import CertainRelay

_MOST_DEVICES = 256
"""More devices than any home has; what else says that it is online is not remembered."""
_MOST_AT_ONE_PREFIX = 8
_LONGEST_PREFIX = 300
_ALONE_S = 0.25
"""So long after the answer of a device another one under the same prefix would have answered, too."""


@dataclass
class _Seen:
    """A prefix under which somebody says that it is online: perhaps a Shelly, perhaps by mistake two."""

    infos: dict[str, DeviceInfo] = field(default_factory=dict)
    """By MAC address."""
    statuses: dict[str, DeviceStatus] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    """Who did, in the present scan."""
    macs: set[str] = field(default_factory=set)
    """All that were ever heard to speak there."""
    who: int = 0
    """The number of the last request who it is, the only one whose answers are waited for."""
    how: int = 0
    """The same of the request how it stands."""


class ShellyGen2Network:
    """All Shelly devices of generation 2 and later on one broker."""

    def __init__(self, broker: Broker, clock: Clock, profiles: Profiles, *, alone_s: float = _ALONE_S) -> None:
        """`alone_s` are wall seconds that devices get to say that they are not alone under their prefix."""
        self._alone_s = alone_s
        self._broker = broker
        self._clock = clock
        self._profiles = profiles
        self._rpc = ShellyRpc(broker)
        self._by_mac: dict[str, Gen2Station] = {}
        self._by_prefix: dict[str, Gen2Station] = {}
        """Stations that the settings list by their prefix."""
        self._seen: dict[str, _Seen] = {}
        """By prefix."""
        self._scanning = False
        for level in ("+", "+/+"):  # owners set prefixes such as home/boiler; deeper ones are not found by themselves
            broker.subscribe(f"{level}/online", self._on_online)
            broker.subscribe(f"{level}/announce", self._on_announce)

    async def scan(self, duration_s: float) -> Sequence[Sighting]:
        """Ask who is there, listen for `duration_s` wall seconds, return who was. Raises BrokerUnreachable."""
        await self._broker.wait_connected(duration_s)
        for seen in self._seen.values():
            seen.answered.clear()
        self._scanning = True
        try:
            self._broker.publish("shellies/command", "announce")
            self._seek()
            await asyncio.sleep(duration_s)
        finally:
            self._scanning = False
        return [self._sighting(info, seen) for _, seen in sorted(self._seen.items()) for info in seen.infos.values()]

    def device(self, adoption: Adoption, ends_after_s: float | None = None) -> Device:
        """A device of the home, by its MAC address or MQTT prefix.

        Raises ProfileInvalid for an unknown profile, SettingsInvalid where the address is neither.
        """
        known, name, clock = self._profiles.named(adoption.profile), adoption.name, self._clock
        station = self._adopt(name, adoption.address)
        deadline_s = known.deadline_s(adoption.deadline_s)
        can, relay, meter, thermometer = known.abilities, None, None, None
        if Ability.RELAY in can:
            relay = CertainRelay(
                Gen2Switch(station, name, adoption.channel),
                clock,
                name,
                deadline_s=deadline_s,
                ends_after_s=ends_after_s,
                turn=station.relay_turn,
            )
        if Ability.METER in can:
            behind_relay = Ability.RELAY in can
            meter = Gen2Meter(station, clock, name, deadline_s, channel=adoption.channel, behind_relay=behind_relay)
            meter.max_power_w = known.max_power_w
        if Ability.THERMOMETER in can:
            thermometer = Gen2Thermometer(station, clock, name, deadline_s, sensor=adoption.sensor)
        return Device(name=name, role=adoption.role, relay=relay, meter=meter, thermometer=thermometer)

    def _adopt(self, name: str, address: str) -> Gen2Station:
        mac = mac_of(address)
        if mac is None and not _is_prefix(address):
            raise SettingsInvalid(f"devices.{name}.address: {address!r} is neither a MAC address nor an MQTT prefix")
        stations, key = (self._by_prefix, address) if mac is None else (self._by_mac, mac)
        if key not in stations:
            stations[key] = Gen2Station(self._broker, self._rpc, self._seek, self._witness, mac, self._alone_s)
            if mac is None:
                stations[key].locate(address)
                if address in self._seen:
                    self._introduce(address)
                self._seen.setdefault(address, _Seen())
            else:
                self._seek()
        return stations[key]

    def _seek(self) -> None:
        """Ask all who seem to be there who they are."""
        for prefix in self._seen:
            self._introduce(prefix)

    def _introduce(self, prefix: str) -> None:
        if self._scanning or self._by_mac or prefix in self._by_prefix:
            seen = self._seen[prefix]
            seen.who = self._ask(prefix, DEVICE_INFO, self._on_info, seen.who)

    def _ask(self, prefix: str, call: Call, heard: Callable[[str, Reply], None], before: int) -> int:
        """Ask instead of before, and hear all that answer."""

        def take(reply: Reply) -> bool:
            heard(prefix, reply)
            return False

        self._rpc.forget(before)
        with contextlib.suppress(BrokerUnreachable):  # once it is back, they say again that they are online
            return self._rpc.send(prefix, call, take)
        return 0

    def _on_online(self, message: Message) -> None:
        prefix = message.topic.removesuffix("/online")
        known = self._seen.get(prefix)
        if message.payload == b"true" and not (message.retained and known is not None and known.infos):
            self._remember(prefix)

    def _on_announce(self, message: Message) -> None:
        prefix = message.topic.removesuffix("/announce")
        if b'"gen"' in message.payload and prefix != "shellies":  # generation 1, and the topic that all share
            self._remember(prefix)

    def _remember(self, prefix: str) -> None:
        if prefix not in self._seen and len(self._seen) >= _MOST_DEVICES:
            strangers = (known for known, seen in self._seen.items() if not seen.macs and known not in self._by_prefix)
            stranger = next(strangers, None)
            if stranger is None:
                raise ShellyMalformed(f"more than {_MOST_DEVICES} devices; {prefix:.60} is not remembered")
            self._forget(stranger)
        self._seen.setdefault(prefix, _Seen())
        self._introduce(prefix)

    def _forget(self, prefix: str) -> None:
        seen = self._seen.pop(prefix)
        self._rpc.forget(seen.who)
        self._rpc.forget(seen.how)

    def _on_info(self, prefix: str, reply: Reply) -> None:
        seen = self._seen.get(prefix)
        if seen is None or reply.error is not None:
            return
        info = read_device_info(reply.result)
        if info.mac not in seen.infos and len(seen.infos) >= _MOST_AT_ONE_PREFIX:
            raise ShellyMalformed(f"more than {_MOST_AT_ONE_PREFIX} devices under {prefix:.60}")
        seen.infos[info.mac] = info
        seen.answered.add(info.mac)
        self._has_moved(info.mac, prefix)
        self._witness(prefix, info.mac)
        for station in (self._by_mac.get(info.mac), self._by_prefix.get(prefix)):
            if station is not None:
                station.locate(prefix)
                station.answered()
        self._compare()
        if self._scanning:
            seen.how = self._ask(prefix, DEVICE_STATUS, self._on_status, seen.how)

    def _has_moved(self, mac: str, prefix: str) -> None:
        """Its owner may have given it another prefix: then nobody is left under the old one, or whoever shared it."""
        for other, seen in tuple(self._seen.items()):
            if other != prefix and mac in seen.macs:
                seen.macs.discard(mac)
                seen.infos.pop(mac, None)
                if not seen.macs and other not in self._by_prefix:
                    self._forget(other)

    def _witness(self, prefix: str, mac: str) -> None:
        """Somebody speaks under a prefix."""
        seen = self._seen.setdefault(prefix, _Seen())
        station = self._by_prefix.get(prefix)
        if station is not None and station.mac is None:
            station.mac = mac
        if mac not in seen.macs and len(seen.macs) < _MOST_AT_ONE_PREFIX:
            seen.macs.add(mac)
            self._compare()

    def _compare(self) -> None:
        """Find devices that hear each other's orders, whether or not the settings list them."""
        for station in (*self._by_mac.values(), *self._by_prefix.values()):
            macs = self._seen[station.prefix].macs if station.prefix in self._seen else set()
            station.sharing = frozenset(macs if len(macs) > 1 else ())

    def _on_status(self, prefix: str, reply: Reply) -> None:
        seen, mac = self._seen.get(prefix), mac_of_source(reply.source)
        if seen is not None and reply.error is None:
            mac = next(iter(seen.infos), None) if mac is None else mac
            if mac in seen.infos:
                seen.statuses[mac] = read_status(reply.result)

    def _sighting(self, info: DeviceInfo, seen: _Seen) -> Sighting:
        status = seen.statuses.get(info.mac)
        abilities = frozenset[Ability]() if status is None else status.abilities
        label = printable(info.name or info.id)
        label = with_others(f"{label} (wants a password)" if info.locked else label, info.mac, seen.macs, "prefix")
        return Sighting(
            protocol=Protocol.MQTT,
            address=info.mac,
            profile=self._profiles.fitting(Protocol.MQTT, Family.SHELLY_GEN2, info.model, abilities),
            label=label,
            model=printable(info.model),
            firmware=printable(info.version),
            reachable=info.mac in seen.answered,
            abilities=abilities,
        )


def _is_prefix(address: str) -> bool:
    """Whether all topics under it are such as a broker carries."""
    return len(address) <= _LONGEST_PREFIX and is_own_topic(f"{address}/events/rpc")
