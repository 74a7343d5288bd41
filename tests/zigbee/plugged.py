"""A plug of a home that was set up before, in the hand of a test."""

from agent.ports import Device, Relay
from simulators.circuit import Heater
from simulators.zigbee.coordinator import Coordinator
from simulators.zigbee.plug import ZigbeePlug
from tests.contract.bench import StillClock
from tests.zigbee.home import FIRST


def relay_of(device: Device) -> Relay:
    assert device.relay is not None
    return device.relay


def put(stick: Coordinator, clock: StillClock, heater: Heater | None = None) -> ZigbeePlug:
    device = ZigbeePlug(stick, FIRST, heater or Heater(), clock.now)
    device.put(0x1001)
    return device
