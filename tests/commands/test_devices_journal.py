"""Orders by hand stand in the hub's ledger: the next hub takes `on` and `off` for its owner's wish, and `test` not."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.store.ledger import open_ledger
from agent.control.overrides import override_in_force
from agent.domain.command import Cause, Command, Stage
from tests.commands.zigbee_at_home import ZigbeeHome, zigbee_home
from tests.zigbee.home import Formed, formed, plug

LOAD = "water_heater"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Formed:
    return asyncio.run(formed(tmp_path_factory.mktemp("formed"), plug))


@pytest.fixture
def home(left: Formed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZigbeeHome]:
    with zigbee_home(left, tmp_path, monkeypatch) as made:
        made.adopt(more="deadline_s = 0.6\n")
        yield made


def begin_ledger(home: ZigbeeHome) -> None:
    async def begin() -> None:
        async with open_ledger(home.folder):
            pass

    asyncio.run(begin())


def rows(home: ZigbeeHome) -> Sequence[Command]:
    """Newest first."""

    async def read() -> Sequence[Command]:
        async with open_ledger(home.folder, readonly=True) as ledger:
            return await ledger.last_commands(LOAD)

    return asyncio.run(read())


def wish(home: ZigbeeHome) -> bool | None:
    override = override_in_force(rows(home), datetime.now(UTC), HOUR)
    return None if override is None else override.on


def test_an_order_by_hand_is_kept_and_is_its_owners_wish(home: ZigbeeHome) -> None:
    begin_ledger(home)
    for word, on in (("on", True), ("off", False)):
        assert home.run(word, "rod", "--yes") == 0
        newest, requested = rows(home)[:2]
        assert (newest.on, newest.cause, newest.stage) == (on, Cause.BY_COMMAND, Stage.VERIFIED)
        assert requested == newest.model_copy(update={"stage": Stage.REQUESTED})
        assert (newest.device, newest.load) == ("rod", LOAD)
        assert wish(home) is on


def test_what_was_only_tried_out_is_nobodys_wish(home: ZigbeeHome) -> None:
    begin_ledger(home)
    assert home.run("test", "rod", "--yes", "--seconds", "0.1") == 0
    assert [(row.on, row.stage) for row in reversed(rows(home))] == [
        (True, Stage.REQUESTED),
        (True, Stage.VERIFIED),
        (False, Stage.REQUESTED),
        (False, Stage.VERIFIED),
    ]
    assert {row.cause for row in rows(home)} == {Cause.TRIED}
    assert wish(home) is None


@pytest.mark.parametrize(("fault", "stage"), [("stuck", Stage.ACKNOWLEDGED), ("refuses", Stage.REFUSED)])
def test_what_did_not_come_about_is_kept_as_that(home: ZigbeeHome, fault: str, stage: Stage) -> None:
    begin_ledger(home)
    home.plug.faults.stuck = fault == "stuck"
    home.plug.answers_failure = fault == "refuses"
    assert home.run("on", "rod", "--yes") == 4
    assert [row.stage for row in rows(home)] == [stage, Stage.REQUESTED]
    assert wish(home) is None


def test_where_no_hub_ever_ran_no_ledger_is_begun(home: ZigbeeHome, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.run("on", "rod", "--yes") == 0
    assert not list(home.folder.glob("ledger*"))
    assert "mind" not in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["damaged", "newer", "locked"])
def test_a_ledger_that_cannot_be_written_stops_no_order(
    home: ZigbeeHome, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    begin_ledger(home)
    path = home.folder / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as other:
        if wrong == "damaged":
            path.write_bytes(b"no database at all" * 100)
        elif wrong == "newer":
            other.execute("UPDATE alembic_version SET version_num = '9999'")
            other.commit()
        else:
            other.execute("BEGIN IMMEDIATE")
        assert home.run("on", "rod", "--yes") == 0
    assert home.plug.is_on()
    assert "the hub will not know of this order" in " ".join(capsys.readouterr().out.split())
