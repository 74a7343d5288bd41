"""ZigBee on the hub's own coordinator, with firmware of Silicon Labs: a plug that ends itself."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.domain.device import Ability
from agent.ports import Device
from agent.profiles.library import Profiles
from simulators.circuit import Heater
from tests.contract.bench import Bench, OpenBench, Place
from tests.zigbee.home import PROFILES, adopt, copied_ezsp, formed_by_ezsp, network_on, plug, running

_PROFILE = "zigbee-plug"


@asynccontextmanager
async def zigbee_plug_on_ezsp(place: Place) -> AsyncIterator[Bench]:
    circuit, left = Heater(), await formed_by_ezsp()
    with tempfile.TemporaryDirectory(prefix="zigbee-") as folder:
        async with copied_ezsp(left, Path(folder)) as stick:
            plugged = plug(stick, circuit, place.clock)
            plugged.put(0x1001)
            network = network_on(stick, Path(folder), place.clock)
            able = PROFILES[_PROFILE].model_copy(update={"ends_itself": True})
            network._profiles = Profiles({**PROFILES, _PROFILE: able})
            async with running(network):

                def device(deadline_s: float, ends_after_s: float | None) -> Device:
                    more = {} if ends_after_s is None else {"ends_after_s": ends_after_s}
                    return adopt(network, plugged, _PROFILE, deadline_s=deadline_s, **more)

                yield Bench(
                    plugged, circuit, place.clock, network, plugged.address, device, measures_to=0.01, counts_to_wh=1.0
                )


BENCHES: dict[OpenBench, frozenset[Ability]] = {
    zigbee_plug_on_ezsp: frozenset({Ability.RELAY, Ability.METER}),
}
