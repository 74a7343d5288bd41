"""Shelly of generation 2 over Bluetooth: a relay with a meter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.domain.device import Ability
from agent.ports import Device
from simulators.ble.shelly import ShellyBle
from simulators.circuit import Heater
from simulators.shelly.says import Identity
from tests.ble.homes import ble_home
from tests.contract.bench import Bench, OpenBench, Place

_PROFILE = "shelly-plus-1pm-bluetooth"
_LONGEST_S = 3.0
"""Patient enough here. An order that was cancelled between its two writes leaves the fault to the next order."""


@asynccontextmanager
async def shelly_over_bluetooth(place: Place) -> AsyncIterator[Bench]:
    circuit = Heater()
    async with ble_home(place.clock) as home:
        plugged = ShellyBle(home.bluez, Identity(place.mac()), circuit, place.clock.now)
        plugged.inside.set_initial_state("restore_last")
        async with plugged:

            def device(deadline_s: float, ends_after_s: float | None) -> Device:
                return home.device(_PROFILE, plugged.mac, min(deadline_s, _LONGEST_S), ends_after_s)

            bench = Bench(plugged, circuit, place.clock, home.network, plugged.mac, device, counts_to_wh=1.0)
            await home.heard(plugged.mac)
            assert bench.patient.relay is not None
            await bench.patient.relay.read()  # a hub that has spoken with it before
            yield bench


BENCHES: dict[OpenBench, frozenset[Ability]] = {
    shelly_over_bluetooth: frozenset({Ability.RELAY, Ability.METER}),
}
