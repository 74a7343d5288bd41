"""SwitchBot: a Plug Mini. Its meter tells no energy, so what meters promise is asked of it in tests/ble."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.domain.device import Ability
from agent.ports import Device
from simulators.ble.switchbot import SwitchBotPlugMini
from simulators.circuit import Heater
from tests.ble.homes import ble_home
from tests.contract.bench import Bench, OpenBench, Place

_PROFILE = "switchbot-plug-mini-us"


@asynccontextmanager
async def switchbot_plug_mini(place: Place) -> AsyncIterator[Bench]:
    circuit = Heater(rated_w=1500.0)
    async with ble_home(place.clock) as home:
        plugged = SwitchBotPlugMini(home.bluez, place.mac(), circuit, place.clock.now)
        async with plugged:

            def device(deadline_s: float, ends_after_s: float | None) -> Device:
                return home.device(_PROFILE, plugged.mac, deadline_s, ends_after_s)

            bench = Bench(plugged, circuit, place.clock, home.network, plugged.mac, device)
            await home.heard(plugged.mac)
            assert bench.patient.relay is not None
            await bench.patient.relay.read()  # a hub that has spoken with it before
            yield bench


BENCHES: dict[OpenBench, frozenset[Ability]] = {switchbot_plug_mini: frozenset({Ability.RELAY})}
