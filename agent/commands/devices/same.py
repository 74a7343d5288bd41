"""Which sightings are one physical device, seen in several ways: told by its MAC address, and by nothing weaker.

A0B1C2D3E4F5            mqtt    the MAC itself
a0:b1:c2:d3:e4:f5       ble     the same with colons
a0b1c2fffed3e4f5        zigbee  an EUI-64 that was made of it
shellyplus1pm-a0b1c2d3e4f5      ends in it
shellyplug-s-d3e4f5             ends in its last six digits: enough only if exactly one other Shelly ends so
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.domain.device import Protocol, Sighting

_SEPARATED = re.compile(r"(?:0X)?((?:[0-9A-F]{2}[:-]?){5,7}[0-9A-F]{2})")
_SHELLY = re.compile(r"SHELLY[A-Z0-9-]*-([0-9A-F]{12}|[0-9A-F]{6})")
_OF_NOBODY = frozenset({"0" * 12, "F" * 12, "0" * 16, "F" * 16})
"""What a device says that was never given an address: two of them need not be the same."""


@dataclass(frozen=True)
class Found:
    """A sighting, and by which network it came."""

    network: str
    sighting: Sighting


Ways = tuple[Found, ...]
"""All ways in which one device was seen, the best first."""


def address_key(address: str) -> str | None:
    """The MAC (12 digits) or EUI-64 (16) that an address is or ends in, upper case; None if it is none."""
    upper = address.strip().upper()
    separated = _SEPARATED.fullmatch(upper)
    digits = _digits_of_shelly(upper, 12) if separated is None else re.sub("[:-]", "", separated.group(1))
    if digits is None:
        return None
    if len(digits) == 16 and digits[6:10] == "FFFE":
        digits = digits[:6] + digits[10:]
    return digits if len(digits) in (12, 16) and digits not in _OF_NOBODY else None


def devices_of_sightings(found: Iterable[Found]) -> Sequence[Ways]:
    """The sightings, those of one device together, in the order of their labels and addresses."""
    groups: dict[tuple[str, ...], list[Found]] = defaultdict(list)
    for one in sorted(set(found), key=_order):
        key = address_key(one.sighting.address)
        groups[(key,) if key is not None else (one.network, one.sighting.protocol, one.sighting.address)].append(one)
    whole = {key[0]: group for key, group in groups.items() if len(key) == 1}
    _join(list(groups.values()), lambda group: _claimed(group, whole))
    _join(list(groups.values()), lambda group: _ending_alike(group, whole))
    devices = [tuple(sorted(group, key=_worth)) for group in groups.values() if group]
    return sorted(devices, key=lambda device: _order(device[0]))


def _join(groups: Sequence[list[Found]], whose: Callable[[list[Found]], list[Found] | None]) -> None:
    """Move the sightings of groups to the group they belong to, where only one lays claim to it."""
    wanted = [(group, target) for group in groups if group and (target := whose(group)) is not None]
    claims = Counter(id(target) for _, target in wanted)
    targets = {id(target) for _, target in wanted}
    for group, target in wanted:
        met = {one.network for one in group} & {one.network for one in target}
        if claims[id(target)] == 1 and not met and id(group) not in targets:
            target.extend(group)
            group.clear()


def _claimed(group: Sequence[Found], whole: Mapping[str, list[Found]]) -> list[Found] | None:
    """The group of the MAC that a Shelly's name ends in: over Bluetooth its address is another one."""
    if any(one.sighting.protocol is not Protocol.BLE for one in group):
        return None
    names = {_digits_of_shelly(one.sighting.label.upper(), 12) for one in group}
    (name,) = names if len(names) == 1 else (None,)
    target = whole.get(name) if name is not None else None
    return target if target is not None and target is not group and target and _is_shelly(target) else None


def _ending_alike(group: Sequence[Found], whole: Mapping[str, list[Found]]) -> list[Found] | None:
    """The one Shelly whose MAC ends in the six digits that another way knows of it."""
    ends = {_digits_of_shelly(one.sighting.address.upper(), 6) for one in group}
    (end,) = ends if len(ends) == 1 else (None,)
    if end is None or end in {"000000", "FFFFFF"}:
        return None
    alike = [other for key, other in whole.items() if other and key.endswith(end) and _is_shelly(other)]
    return alike[0] if len(alike) == 1 else None


def _digits_of_shelly(upper: str, count: int) -> str | None:
    match = _SHELLY.fullmatch(upper)
    return match.group(1) if match is not None and len(match.group(1)) == count else None


def _is_shelly(group: Iterable[Found]) -> bool:
    return any(
        text.lower().startswith("shelly")
        for one in group
        for text in (one.sighting.address, one.sighting.label, one.sighting.model, one.sighting.profile or "")
    )


def _order(one: Found) -> tuple[str, ...]:
    seen = one.sighting
    return (seen.label, seen.address, seen.protocol, one.network, seen.model_dump_json())


def _worth(one: Found) -> tuple[bool, bool, tuple[str, ...]]:
    """The way that answers and that the hub knows how to speak comes first."""
    return (not one.sighting.reachable, one.sighting.profile is None, _order(one))
