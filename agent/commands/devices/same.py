"""Which sightings are one physical device, seen in several ways: told by its MAC address, and by nothing weaker.

`agent.domain.address` says how an address tells it. Six digits are enough only if exactly one other Shelly ends so.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.domain.address import address_key, digits_of_shelly
from agent.domain.device import Protocol, Sighting


@dataclass(frozen=True)
class Found:
    """A sighting, and by which network it came."""

    network: str
    sighting: Sighting


Ways = tuple[Found, ...]
"""All ways in which one device was seen, the best first."""


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
    if any(one.sighting.protocol is not Protocol.BLE or address_key(one.sighting.address) is None for one in group):
        return None
    names = {digits_of_shelly(one.sighting.label, 12) for one in group}
    (name,) = names if len(names) == 1 else (None,)
    target = whole.get(name) if name is not None else None
    return target if target is not None and target is not group and target and _is_shelly(target) else None


def _ending_alike(group: Sequence[Found], whole: Mapping[str, list[Found]]) -> list[Found] | None:
    """The one Shelly whose MAC ends in the six digits that another way knows of it."""
    ends = {digits_of_shelly(one.sighting.address, 6) for one in group}
    (end,) = ends if len(ends) == 1 else (None,)
    if end is None or end in {"000000", "FFFFFF"}:
        return None
    alike = [other for key, other in whole.items() if other and key.endswith(end) and _is_shelly(other)]
    return alike[0] if len(alike) == 1 else None


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
