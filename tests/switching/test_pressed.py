"""A button on a real protocol: a Tasmota plug tells, and the relay passes on what nobody ordered."""

import asyncio

import pytest

from agent.domain.device import RelayState
from agent.switching.certain import CertainRelay
from simulators.mqtt.mosquitto import Mosquitto
from tests.contract.bench import Place, StillClock
from tests.contract.benches.tasmota import tasmota_plug

TOLD_S = 5.0


@pytest.fixture
def place(mosquitto: Mosquitto) -> Place:
    return Place(broker_port=mosquitto.port, clock=StillClock(), serial=0xFACE)


async def test_a_press_is_told_once_and_an_order_never(place: Place) -> None:
    async with tasmota_plug(place) as bench:
        relay = bench.patient.relay
        assert isinstance(relay, CertainRelay)
        told: asyncio.Queue[RelayState] = asyncio.Queue()
        relay.on_pressed = told.put_nowait
        await relay.switch(on=True)
        await relay.switch(on=False)
        await relay.read()
        assert told.empty()
        bench.plugged.press_button()
        async with asyncio.timeout(TOLD_S):
            assert (await told.get()).on
        assert (await relay.read()).on  # whatever it said of that press has come by now
        assert told.empty()
        assert relay.standing.desired is False
