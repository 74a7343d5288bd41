"""One connection of the hub for each test, and devices with addresses of their own."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.profiles.library import load_profiles
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.mosquitto import Mosquitto
from tests.contract.bench import StillClock
from tests.mqtt.benches import Home

_serials = itertools.count(1)


@asynccontextmanager
async def running(broker: Broker) -> AsyncIterator[Broker]:
    """Keep the hub's connection for as long as the block lasts."""
    task = asyncio.create_task(broker.run())
    try:
        await broker.wait_connected(10)
        yield broker
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is not None:
            raise task.exception() or AssertionError


@pytest.fixture
async def home(mosquitto: Mosquitto) -> AsyncIterator[Home]:
    """The hub's side of a home: its connection, its clock, its Tasmota network."""
    clock = StillClock()
    serial = next(_serials)
    async with running(Broker(port=mosquitto.port, client_id=f"hub-{serial}", retry_s=(0.02, 0.1))) as broker:
        network = TasmotaNetwork(broker, clock, load_profiles())
        yield Home(BrokerAddress(mosquitto.port), broker, clock, network, serial)
