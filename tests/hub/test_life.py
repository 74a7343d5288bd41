"""The hub beside others of its kind, and without what it was promised."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from agent.clock import SystemClock
from agent.composition import prices_of
from agent.errors import FeedUnauthorized, JournalError
from agent.hub import alone_in
from agent.settings import load_settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "home.toml"


def test_two_hubs_do_not_share_a_folder(tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(JournalError, match=r"another hub \(process \d+\)"), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):  # the first has gone
        pass


async def test_a_password_file_that_is_gone_is_a_feed_that_refuses_and_ends_nothing(tmp_path: Path) -> None:
    environment = {"KWH_HUB_EPIAS__USERNAME": "me", "KWH_HUB_EPIAS__PASSWORD_FILE": str(tmp_path / "gone")}
    settings = load_settings(EXAMPLE, environment)
    async with httpx.AsyncClient() as http:
        prices = prices_of(settings, http, SystemClock())
        assert prices is not None
        with pytest.raises(FeedUnauthorized, match="cannot be read"):
            await prices.day_ahead(datetime.now(UTC).date())
