"""`kwh-hub devices forget` of a ZigBee device: it is told to leave, or the owner is told what is left to do."""

import argparse
import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.adapters.zigbee import network
from agent.commands.devices.forget import forget
from agent.hub import alone_in
from agent.settings import load_settings
from tests.commands.zigbee_at_home import ZigbeeHome, zigbee_home
from tests.zigbee.home import FIRST, Formed, formed, plug


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Formed:
    return asyncio.run(formed(tmp_path_factory.mktemp("formed"), plug))


@pytest.fixture
def home(left: Formed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZigbeeHome]:
    with zigbee_home(left, tmp_path, monkeypatch) as made:
        yield made


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_a_zigbee_device_leaves_the_network_with_the_settings(
    home: ZigbeeHome, capsys: pytest.CaptureFixture[str]
) -> None:
    before = home.file.read_bytes()
    home.adopt()
    assert home.run("forget", "rod") == 0
    assert home.file.read_bytes() == before
    assert "has left the hub's ZigBee network" in said(capsys)
    assert FIRST not in home.stick.nvram.known()
    assert not home.knows()


def test_a_device_that_does_not_hear_it_is_forgotten_all_the_same(
    home: ZigbeeHome, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_LEAVES_S", 0.3)
    home.adopt()
    home.plug.powered = False
    assert home.run("forget", "rod") == 0
    assert "did not answer" in said(capsys)
    assert not load_settings(home.file).devices
    assert not home.knows()


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("kept", "stays in the hub's ZigBee network, and can be adopted again"),
        ("shared", "load-2 is another part of the same device"),
        ("hub at work", "could not be told: another hub"),
        ("no stick", "name no stick"),
        ("stick away", "coordinator is away"),
    ],
)
def test_a_device_that_stays_joined_is_said_to(
    home: ZigbeeHome, case: str, expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home.adopt()
    if case == "shared":
        home.adopt("load-2", "meter", "channel = 2\n")
    if case == "no stick":
        monkeypatch.delenv("KWH_HUB_ZIGBEE__PORT")
    if case == "stick away":
        monkeypatch.setenv("KWH_HUB_ZIGBEE__PORT", "socket://127.0.0.1:1")
    arguments = argparse.Namespace(config=home.file, name="rod", yes=True, keep_joined=case == "kept")
    if case == "hub at work":
        with alone_in(home.folder):
            assert forget(arguments) == 0
    else:
        assert forget(arguments, stick_s=0.5) == 0
    assert expected in said(capsys)
    assert "rod" not in {device.name for device in load_settings(home.file).devices}
    assert FIRST in home.stick.nvram.known()
    assert home.knows()


def test_a_file_that_is_not_usable_may_still_be_mended_by_forgetting(
    home: ZigbeeHome, capsys: pytest.CaptureFixture[str]
) -> None:
    before = home.file.read_bytes()
    home.adopt(more="sensor = 3\n")
    assert home.run("forget", "rod") == 0
    assert home.file.read_bytes() == before
    assert "is forgotten" in said(capsys)
