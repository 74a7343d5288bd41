"""Waiting until the hub knows where adopted devices are, as a test must before it speaks with them."""

import asyncio
from collections.abc import Callable, Iterable

from agent.adapters.mqtt.home_assistant import HomeAssistantNetwork
from agent.adapters.mqtt.openbeken import OpenBekenNetwork
from agent.adapters.mqtt.shelly_gen2 import ShellyGen2Network
from agent.adapters.mqtt.tasmota import TasmotaNetwork
from agent.adapters.mqtt.zigbee2mqtt import Zigbee2mqttNetwork
from tests.contract.bench import PATIENT_S

Announcing = TasmotaNetwork | Zigbee2mqttNetwork | HomeAssistantNetwork | OpenBekenNetwork | ShellyGen2Network


async def located(network: Announcing, addresses: Iterable[str]) -> None:
    """Return when all of them are known. Raises TimeoutError."""
    there = [_known(network, address) for address in addresses]
    async with asyncio.timeout(PATIENT_S):
        while not all(known() for known in there):
            await asyncio.sleep(0.002)


def _known(network: Announcing, address: str) -> Callable[[], bool]:
    """How to tell that a device has said what it is, or where."""
    if isinstance(network, TasmotaNetwork):
        tasmota = network._adopt(address)
        return lambda: tasmota.config is not None
    if isinstance(network, Zigbee2mqttNetwork):
        bridged = network._adopt(address)
        return lambda: bridged.device is not None
    if isinstance(network, HomeAssistantNetwork):
        node = network._adopt(address)
        return lambda: not node.empty
    if isinstance(network, OpenBekenNetwork):
        beken = network._adopt(address, address)
        return lambda: beken.online is True
    shelly = network._adopt(address, address)
    return shelly.located.is_set
