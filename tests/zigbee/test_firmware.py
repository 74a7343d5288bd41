"""Which firmware a stick has is found out once, and remembered."""

import asyncio
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from agent.adapters.zigbee.network import DATABASE
from agent.adapters.zigbee.radio import RadioSettings, ZigbeeAway, opened
from simulators.zigbee.coordinator import Coordinator
from simulators.zigbee.ezsp_coordinator import EzspCoordinator
from simulators.zigbee.stick import Stick
from tests.zigbee.home import FormedByEzsp, copied_ezsp, formed_by_ezsp, until

REMEMBERED = "zigbee.firmware"


@pytest.fixture(scope="module")
def left() -> FormedByEzsp:
    return asyncio.run(formed_by_ezsp())


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The firmwares that were tried, in order."""
    tried: list[str] = []

    def loaded(name: str) -> object:
        tried.append(name.rpartition(".")[2])
        return import_module(name)

    monkeypatch.setattr("agent.adapters.zigbee.radio.import_module", loaded)
    return tried


def asked(stick: Stick, **more: str | float) -> RadioSettings:
    return replace(RadioSettings(stick.url, answers_s=0.5, opens_s=20.0), **more)  # type: ignore[arg-type]


async def test_what_answers_is_found_and_kept_to(left: FormedByEzsp, tmp_path: Path, tried: list[str]) -> None:
    async with copied_ezsp(left, tmp_path) as stick:
        settings = asked(stick)
        for expected in (["znp", "ezsp"], ["ezsp"]):
            async with opened(settings, tmp_path / DATABASE) as app:
                assert app.state.network_info.channel == 15
            assert tried == expected
            tried.clear()
        async with opened(asked(stick), tmp_path / DATABASE):
            assert tried == ["ezsp"]
        assert (tmp_path / REMEMBERED).read_text() == "ezsp"


async def test_another_stick_is_found_after_a_start(tmp_path: Path, tried: list[str]) -> None:
    (tmp_path / REMEMBERED).write_text("ezsp")
    async with Coordinator() as stick:
        async with opened(asked(stick, opens_s=4.0), tmp_path / DATABASE):
            assert tried == ["ezsp", "znp"]
        assert (tmp_path / REMEMBERED).read_text() == "zstack"


@pytest.mark.parametrize("kept", [b"\xff\x00 nonsense", b"ezsp" * 100_000, None])
async def test_what_is_remembered_badly_is_found_again(tmp_path: Path, tried: list[str], kept: bytes | None) -> None:
    if kept is None:
        (tmp_path / REMEMBERED).mkdir()  # it can neither be read nor written
    else:
        (tmp_path / REMEMBERED).write_bytes(kept)
    async with Coordinator() as stick, opened(asked(stick), tmp_path / DATABASE):
        assert tried == ["znp"]


async def test_an_owner_who_knows_is_believed(left: FormedByEzsp, tmp_path: Path, tried: list[str]) -> None:
    async with copied_ezsp(left, tmp_path) as stick:
        with pytest.raises(ZigbeeAway, match=r"^zstack: no answer in time$"):
            async with opened(asked(stick, firmware="zstack"), tmp_path / DATABASE):
                pass
        assert tried == ["znp"]
        assert not (tmp_path / REMEMBERED).exists()


async def test_a_stick_that_says_nothing_is_named(tmp_path: Path, tried: list[str]) -> None:
    async with Coordinator() as stick:
        stick.silent = True
        tasks = asyncio.all_tasks()
        with pytest.raises(ZigbeeAway, match=r"^no firmware answers \(zstack: no answer in time; ezsp: no answer in"):
            async with opened(asked(stick, opens_s=1.0), tmp_path / DATABASE):
                pass
        assert tried == ["znp", "ezsp"]
        await until(lambda: asyncio.all_tasks() <= tasks)


async def test_where_nothing_listens_nothing_else_is_tried(tmp_path: Path, tried: list[str]) -> None:
    async with Coordinator() as stick:
        url = stick.url
    with pytest.raises(ZigbeeAway, match=r"refused|Connect call failed"):
        async with opened(RadioSettings(url), tmp_path / DATABASE):
            pass
    assert tried == ["znp"]


async def test_a_stick_on_a_serial_server_does_not_start_by_itself(left: FormedByEzsp, tmp_path: Path) -> None:
    copied_ezsp(left, tmp_path)
    async with (
        EzspCoordinator(left.memory.copied(), announces=False) as stick,
        opened(asked(stick, firmware="ezsp"), tmp_path / DATABASE) as app,
    ):
        assert app.state.network_info.channel == 15


async def test_a_firmware_that_lacks_a_command_says_which(left: FormedByEzsp, tmp_path: Path, tried: list[str]) -> None:
    export_key = 0x0114
    async with copied_ezsp(left, tmp_path) as stick:
        del stick._answers[export_key]
        (tmp_path / REMEMBERED).write_text("ezsp")
        with pytest.raises(ZigbeeAway, match="exportKey"):
            async with opened(asked(stick), tmp_path / DATABASE):
                pass
        assert tried == ["ezsp"]  # it has answered, so no other firmware is tried
