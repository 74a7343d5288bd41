"""What is arranged with a device that has joined: which clusters report to the hub, and how often."""

import logging
from collections.abc import Iterator
from typing import Any

from agent.adapters.zigbee.devices import LONGEST_S
from agent.adapters.zigbee.radio import FAILURES, why
from agent.adapters.zigbee.readings import (
    ACTIVE_POWER,
    CELSIUS,
    DELIVERED,
    DEMAND,
    DIVISOR,
    ELECTRICAL,
    MULTIPLIER,
    POWER_DIVISOR,
    POWER_MULTIPLIER,
    STATE,
    Attribute,
)

_log = logging.getLogger(__name__)

_SHORTEST_S: dict[Attribute, int] = {STATE: 0, ACTIVE_POWER: 5, DEMAND: 5, DELIVERED: 60, CELSIUS: 10}
_WORTH_W, _WORTH_WH, _WORTH_CENTIDEGREES = 5.0, 10.0, 10
"""Changes that are worth a report."""


async def arrange_reports(device: Any) -> tuple[int, int]:  # noqa: ANN401 - zigpy's device
    """Bind clusters and configure their reports; return how many were arranged, of how many.

    What a device refuses is asked for instead, so nothing is raised.
    """
    arranged = total = 0
    for cluster, attributes in _clusters(device):
        total += len(attributes)
        try:
            await cluster.bind(retries=0)
            for attribute in attributes:
                change = await _worth(cluster, attribute)
                answer = await cluster.configure_reporting(
                    attribute[1], _SHORTEST_S[attribute], LONGEST_S[attribute], change
                )
                arranged += all(int(status) == 0 for status in answer.values())
        except FAILURES as error:
            _log.info("%s: cluster %#06x does not report: %s", device.ieee, cluster.cluster_id, why(error))
    return arranged, total


def _clusters(device: Any) -> Iterator[tuple[Any, list[Attribute]]]:  # noqa: ANN401
    """Clusters with what they can report; the demand only where nothing better tells the power."""
    for endpoint in device.non_zdo_endpoints:
        better = ELECTRICAL in endpoint.in_clusters
        for number, cluster in endpoint.in_clusters.items():
            wanted = [each for each in LONGEST_S if each[0] == number and not (each == DEMAND and better)]
            if wanted:
                yield cluster, wanted


async def _worth(cluster: Any, attribute: Attribute) -> int:  # noqa: ANN401
    """The change that is worth a report, in the device's own units."""
    if attribute == CELSIUS:
        return _WORTH_CENTIDEGREES
    if attribute == STATE:
        return 1
    multiplier, divisor = (POWER_MULTIPLIER, POWER_DIVISOR) if attribute == ACTIVE_POWER else (MULTIPLIER, DIVISOR)
    said, _ = await cluster.read_attributes([multiplier[1], divisor[1]], retries=0)
    ratio = max(1, int(said.get(divisor[1]) or 1)) / max(1, int(said.get(multiplier[1]) or 1))
    worth = {ACTIVE_POWER: _WORTH_W, DEMAND: _WORTH_W / 1000, DELIVERED: _WORTH_WH / 1000}[attribute]
    return min(0x7FFF, max(1, round(worth * ratio)))
