"""What tests of the ZigBee network share."""

import asyncio

import pytest

from tests.contract.bench import StillClock
from tests.zigbee.home import Formed, formed, plug


@pytest.fixture(scope="package")
def left(tmp_path_factory: pytest.TempPathFactory) -> Formed:
    """A home with one plug that was set up before; tests use copies of it."""
    return asyncio.run(formed(tmp_path_factory.mktemp("formed"), plug))


@pytest.fixture
def clock() -> StillClock:
    return StillClock()
