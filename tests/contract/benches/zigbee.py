"""ZigBee on the hub's own coordinator: a plug that ends itself, a relay, a sensor with a battery."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from agent.domain.device import Ability
from agent.ports import Device
from agent.profiles.library import Profiles
from simulators.circuit import Heater
from simulators.zigbee.plug import RELAY, SENSOR, ZigbeePlug, ZigbeeThermometer
from simulators.zigbee.stick import Stick
from tests.contract.bench import Bench, OpenBench, Place, StillClock
from tests.zigbee.home import FIRST, PROFILES, Formed, Made, adopt, copied, formed, network_on, running

_left: dict[str, tuple[tempfile.TemporaryDirectory[str], Formed]] = {}
"""By profile: a network that was formed once, for forming takes longest."""


def plug(stick: Stick, heater: Heater, clock: StillClock) -> ZigbeePlug:
    return ZigbeePlug(stick, FIRST, heater, clock.now)


def relay(stick: Stick, heater: Heater, clock: StillClock) -> ZigbeePlug:
    return ZigbeePlug(stick, FIRST, heater, clock.now, model=RELAY, scales=None, ends_itself=False)


def sensor(stick: Stick, heater: Heater, clock: StillClock) -> ZigbeeThermometer:
    return ZigbeeThermometer(stick, FIRST, heater, clock.now, model=SENSOR)


@asynccontextmanager
async def _zigbee(place: Place, profile: str, make: Made, *, ends_itself: bool = False) -> AsyncIterator[Bench]:
    if profile not in _left:
        kept = tempfile.TemporaryDirectory(prefix="zigbee-")
        _left[profile] = kept, await formed(Path(kept.name), make)
    circuit = Heater()
    with tempfile.TemporaryDirectory(prefix="zigbee-") as folder:
        async with copied(_left[profile][1], Path(folder)) as stick:
            plugged = make(stick, circuit, place.clock)
            plugged.put(0x1001)
            network = network_on(stick, Path(folder), place.clock)
            if ends_itself:
                able = PROFILES[profile].model_copy(update={"ends_itself": True})
                network._profiles = Profiles({**PROFILES, profile: able})
            async with running(network):

                def device(deadline_s: float, ends_after_s: float | None) -> Device:
                    more = {} if ends_after_s is None else {"ends_after_s": ends_after_s}
                    return adopt(network, plugged, profile, deadline_s=deadline_s, **more)

                yield Bench(
                    plugged, circuit, place.clock, network, plugged.address, device, measures_to=0.01, counts_to_wh=1.0
                )


def zigbee_plug(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _zigbee(place, "zigbee-plug", plug, ends_itself=True)


def zigbee_relay(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _zigbee(place, "zigbee-relay", relay)


def zigbee_thermometer(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _zigbee(place, "zigbee-thermometer", sensor)


BENCHES: dict[OpenBench, frozenset[Ability]] = {
    zigbee_plug: frozenset({Ability.RELAY, Ability.METER}),
    zigbee_relay: frozenset({Ability.RELAY}),
    zigbee_thermometer: frozenset({Ability.THERMOMETER}),
}
