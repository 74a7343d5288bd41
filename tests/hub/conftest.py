"""What the days of the hub begin with."""

import pytest

from agent.settings import Settings, load_settings
from tests.hub.days import EXAMPLE


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(EXAMPLE, {})
