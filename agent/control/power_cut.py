"""What the loads do when the mains come back: each device is set to start off, so that the hub decides again."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from agent.control.conditions import Conditions
from agent.domain.device import Name
from agent.errors import DeviceError, DeviceRefused
from agent.ports import Device

_TRIES = 3
"""So often a device is asked that answers other questions, but not this one."""
_MAY_BE_ON = "it may be on when the mains come back: set it to start off at the device itself, or in its own app"


class PowerCut:
    """Sets each device once in the hub's life, and names those that only their owner can set."""

    def __init__(self, relays: Mapping[Name, Device], conditions: Conditions) -> None:
        """`relays` are the devices of the loads that are safe when off."""
        self._relays = relays
        self._conditions = conditions
        self._done: set[Name] = set()
        self._tried: dict[Name, int] = {}

    async def prepare(self, answering: AbstractSet[Name]) -> None:
        """Set those of the loads that answer and were not set yet. Raises JournalError."""
        for load in sorted((self._relays.keys() & answering) - self._done):
            device = self._relays[load]
            if device.relay is None:
                continue
            try:
                well = await device.relay.start_off()
            except DeviceRefused:
                well = False
            except DeviceError:
                self._tried[load] = self._tried.get(load, 0) + 1
                if self._tried[load] < _TRIES:
                    continue  # it is tried again at the next step
                well = False
            self._done.add(load)
            detail = "" if well else _MAY_BE_ON
            await self._conditions.report(f"safe start:{device.name}", well=well, detail=detail)
