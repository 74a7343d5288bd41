"""What every test stands on: no leaked tasks, the shared data where present, one profile for hypothesis."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from simulators.mqtt.mosquitto import Mosquitto

settings.register_profile(
    "house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")

SHARED_DATA = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
async def no_leaked_tasks() -> AsyncIterator[None]:
    """Fail a test that leaves a task behind."""
    before = asyncio.all_tasks()
    yield
    leaked = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not leaked, f"tasks left behind: {leaked}"


@pytest.fixture(autouse=True)
def no_settings_of_this_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings that somebody keeps in the environment for a hub of their own."""
    if "KWH_HUB_DOCKER" in os.environ:
        return  # scripts/test-container speaks to the compose file by such variables
    for name in list(os.environ):
        if name.startswith("KWH_HUB_"):
            monkeypatch.delenv(name)


@pytest.fixture
def shared_data() -> Path:
    """The folder of real prices, weather and loads; the test is skipped by name where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"not here: {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Mosquitto]:
    """A broker that no test stops."""
    broker = Mosquitto()
    broker.start()
    yield broker
    broker.discard()
