"""A place for the work bench."""

import itertools

import pytest

from simulators.mqtt.mosquitto import Mosquitto
from tests.contract.bench import Place, StillClock

_serials = itertools.count(0x8001)  # other tests count from 1, and names are made of the last six digits


@pytest.fixture
def place(mosquitto: Mosquitto) -> Place:
    """A still clock, the session's broker, and addresses of its own."""
    return Place(broker_port=mosquitto.port, clock=StillClock(), serial=next(_serials))
