"""BTHome: thermometers that are only heard. Meters have no relay to switch, so they are asked in tests/ble."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from agent.domain.device import Ability
from agent.ports import Device
from simulators.ble.bthome import BTHomeThermometer, Resolution
from simulators.circuit import Heater
from tests.ble.homes import ble_home
from tests.contract.bench import Bench, OpenBench, Place


@asynccontextmanager
async def _thermometer(
    place: Place, profile: str, name: str | None, resolution: Resolution, measures_to: float
) -> AsyncIterator[Bench]:
    circuit = Heater()
    async with ble_home(place.clock) as home:
        plugged = BTHomeThermometer(
            home.bluez, place.mac(), circuit, place.clock.now, name=name, resolution=resolution, tick_s=0.02
        )

        def device(deadline_s: float, ends_after_s: float | None) -> Device:
            return home.device(profile, plugged.mac, deadline_s, ends_after_s)

        async with plugged:  # it is heard from its first tick on, after what the test prepares
            yield Bench(plugged, circuit, place.clock, home.network, plugged.mac, device, measures_to=measures_to)


def bthome_thermometer(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _thermometer(place, "bthome-thermometer", None, Resolution.HUNDREDTHS, 0.01)


def shelly_blu(place: Place) -> AbstractAsyncContextManager[Bench]:
    return _thermometer(place, "shelly-blu-h-t", "SBHT-003C", Resolution.TENTHS, 0.1)


BENCHES: dict[OpenBench, frozenset[Ability]] = {
    bthome_thermometer: frozenset({Ability.THERMOMETER}),
    shelly_blu: frozenset({Ability.THERMOMETER}),
}
