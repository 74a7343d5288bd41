"""Which physical device an address in the settings means, as far as that is known without asking a network."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from agent.adapters.mqtt.topics import is_topic
from agent.domain.address import address_key, end_of_mac, hex_digits, spelled, wifi_mac
from agent.domain.device import Adoption
from agent.profiles.library import Profiles
from agent.profiles.profile import Family
from agent.settings import SWITCHING_ROLES

_SHELLYS = frozenset({Family.SHELLY_GEN1, Family.SHELLY_GEN2, Family.SHELLY_BLE})
_BY_BLUETOOTH = frozenset({Family.SHELLY_BLE, Family.SWITCHBOT, Family.BTHOME})
_ONE_LEVEL = frozenset({Family.SHELLY_GEN1, Family.OPENBEKEN})
"""They are named by one level of their topics."""
_MAC, _IEEE = re.compile("[0-9A-F]{12}"), re.compile("[0-9A-F]{16}")
_MAC_DIGITS, _IEEE_DIGITS = 12, 16


@dataclass(frozen=True)
class Place:
    """An address together with the family whose way of naming devices it follows."""

    family: Family
    address: str

    @property
    def device(self) -> str:
        """The address without the switch that Home Assistant's discovery tells apart behind it."""
        return self.address.rpartition("/")[0] or self.address if self.family is Family.HOME_ASSISTANT else self.address

    @property
    def spelled(self) -> str:
        """The device's address, without what is only a matter of spelling."""
        return spelled(self.device)

    def is_same_device(self, other: "Place") -> bool:
        """Whether both mean one device, whatever the way to it."""
        if self.family is other.family and self.spelled == other.spelled:
            return True
        mine, others = address_key(self.device), address_key(other.device)
        if mine is not None and mine == others:
            return True
        return any(one._is_beside(another) for one, another in ((self, other), (other, self)))  # noqa: SLF001

    def _is_beside(self, other: "Place") -> bool:
        """Whether the other is the same maker's device, named by its other MAC address, or by the end of one."""
        if self.family is not other.family and not {self.family, other.family} <= _SHELLYS:
            return False
        key, end = address_key(self.device), end_of_mac(other.device)
        if self.family is Family.SHELLY_BLE is not other.family:
            key = wifi_mac(self.device)
            if key is not None and key == address_key(other.device):
                return True
        return key is not None and end is not None and key.endswith(end)


def address_faults(devices: Sequence[Adoption], profiles: Profiles) -> Iterator[str]:
    """Addresses that cannot be any, and devices that are listed under two of them; one line each."""
    known = [(one, Place(profiles[one.profile].family, one.address)) for one in devices if one.profile in profiles]
    for device, place in known:
        if fault := address_fault(place):
            yield f"devices.{device.name}.address: {device.address!r} {fault}"
    for (first, its), (second, place) in combinations(known, 2):
        if not its.is_same_device(place):
            continue
        said = f"devices.{second.name}: {second.address} is the device that is adopted as {first.name}"
        if (its.family, its.spelled) != (place.family, place.spelled):
            yield (
                f"{said} under the address {first.address}. Take it in once; for another part of it (its second "
                "relay, its thermometer) write the same address and a profile of the same family"
            )
        elif _is_same_relay(first, its, second, place):
            yield f"{said}, and channel {second.channel} is the same relay; each load needs its own"


def _is_same_relay(first: Adoption, its: Place, second: Adoption, place: Place) -> bool:
    both_switch = first.role in SWITCHING_ROLES and second.role in SWITCHING_ROLES
    mine, others = its.address.removeprefix(its.device), place.address.removeprefix(place.device)
    return both_switch and first.channel == second.channel and (mine == others or not mine or not others)


def address_fault(place: Place) -> str:
    """Why there can be no device of the family at that address, and what to write; empty if there can."""
    address, family = place.address, place.family
    plain, digits = re.sub("[:-]", "", address.upper()), hex_digits(address)
    if address != address.strip() or not address.isprintable():
        return "begins or ends with a space, or holds a character that cannot be seen"
    if family in _BY_BLUETOOTH:
        return "" if _MAC.fullmatch(plain) else _no_mac(digits)
    if family is Family.ZIGBEE:
        said = "is no IEEE address: write its 16 hex digits, without 0x, such as a4:c1:38:00:11:22:33:44"
        return "" if _IEEE.fullmatch(plain) else said
    if family is Family.ZIGBEE2MQTT:
        return _at_bridge(address, digits)
    return "" if family is Family.HOME_ASSISTANT else _by_topic(place, digits)


def _at_bridge(address: str, digits: int | None) -> str:
    upper = address.upper()
    if upper.startswith("0X"):
        ok = _IEEE.fullmatch(upper[2:]) is not None
        return "" if ok else f"is no IEEE address: behind 0x it has 16 hex digits, here {len(address) - 2}"
    if digits == _IEEE_DIGITS:
        return f"is not how zigbee2mqtt writes it: 0x{re.sub('[:-]', '', address).lower()}"
    return "" if is_topic(address) else "is no name of a topic: + and # stand for many. Write the one it has there"


def _by_topic(place: Place, digits: int | None) -> str:
    if not is_topic(place.address):
        return "is no topic: + and # stand for many. Write the one it has"
    if place.family in _ONE_LEVEL:
        return "is more than one level of a topic: write the device's own name alone" if "/" in place.address else ""
    meant_as_mac = digits is not None and _MAC.fullmatch(re.sub("[:-]", "", place.address.upper())) is None
    return _no_mac(digits) if meant_as_mac else ""


def _no_mac(digits: int | None) -> str:
    there = "" if digits in (None, _MAC_DIGITS) else f"; here there are {digits}"
    return f"is no MAC address: that has 12 hex digits, such as A0B1C2D3E4F5{there}"
