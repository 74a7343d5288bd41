"""`kwh-hub devices record` of a device on the hub's own ZigBee stick: without a broker, as profiles write it down."""

import argparse
import asyncio
import json
import os
import signal
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.commands.devices.record import record
from agent.errors import SettingsInvalid
from agent.hub import alone_in
from agent.profiles.library import load_profiles
from agent.profiles.profile import GoldenVector
from tests.commands.zigbee_at_home import ZigbeeHome, zigbee_home
from tests.profiles.decoders.zigbee import said
from tests.zigbee.home import Formed, formed, plug


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Formed:
    return asyncio.run(formed(tmp_path_factory.mktemp("formed"), plug))


@pytest.fixture
def home(left: Formed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZigbeeHome]:
    with zigbee_home(left, tmp_path, monkeypatch) as made:
        yield made


def lines_in(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.parametrize("by", ["name", "address"])
def test_frames_of_both_directions_become_golden_vectors(
    home: ZigbeeHome, by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home.adopt()
    out = home.file.parent / "plug.jsonl"
    address = "rod" if by == "name" else home.plug.address.upper()
    assert home.run("record", address, "--seconds", "0.6", "--ask", "--out", str(out)) == 0
    passed = {(line["direction"], line["cluster"], line["endpoint"]) for line in lines_in(out)}
    assert {
        ("to", "on_off/read_attributes", 1),
        ("from", "on_off/read_attributes_rsp", 1),
        ("from", "electrical_measurement/read_attributes_rsp", 1),
        ("from", "smartenergy_metering/read_attributes_rsp", 1),
    } <= passed
    told = capsys.readouterr()
    vectors = [GoldenVector.model_validate(one) for one in tomllib.loads(told.out)["golden"]]
    state = next(vector for vector in vectors if vector.message == "on_off/read_attributes_rsp")
    assert said(load_profiles()["zigbee-plug"], state).relays == {1: False}
    end = " ".join(told.err.split())
    assert "(ZigBee) for 0.6 s" in end
    assert f"recorded {len(lines_in(out))} messages in {out}" in end
    assert home.plug.obeyed == [], "nothing is switched"


@contextmanager
def speaking(home: ZigbeeHome, then: Callable[[], object] = lambda: None) -> Iterator[None]:
    """The plug reports its power again and again, and something is done after each time."""
    stop = threading.Event()

    def speak() -> None:
        while not stop.wait(0.05):
            home.loop.call_soon_threadsafe(home.plug.report, 1, 0x0B04, 0x050B, 15_000)
            then()

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        yield
    finally:
        stop.set()
        speaker.join()


def test_what_it_reports_by_itself_is_recorded_and_nothing_is_sent(home: ZigbeeHome) -> None:
    home.adopt()
    out = home.file.parent / "plug.jsonl"
    with speaking(home):
        assert home.run("record", "rod", "--seconds", "0.4", "--out", str(out)) == 0
    lines = lines_in(out)
    assert {(line["direction"], line["cluster"]) for line in lines} == {
        ("from", "electrical_measurement/report_attributes")
    }
    assert lines[0]["payload_hex"].endswith("0a0b0529983a")


def test_ctrl_c_ends_a_recording_that_is_whole(home: ZigbeeHome, capsys: pytest.CaptureFixture[str]) -> None:
    home.adopt()
    out = home.file.parent / "plug.jsonl"
    interrupted = threading.Event()

    def interrupt() -> None:
        if out.exists() and out.read_text() and not interrupted.is_set():
            interrupted.set()
            os.kill(os.getpid(), signal.SIGINT)

    with speaking(home, interrupt):
        assert home.run("record", "rod", "--seconds", "60", "--out", str(out)) == 0
    assert interrupted.is_set()
    assert f"recorded {len(lines_in(out))} messages" in " ".join(capsys.readouterr().err.split())


def test_what_says_nothing_is_said_to(home: ZigbeeHome, capsys: pytest.CaptureFixture[str]) -> None:
    home.adopt()
    assert home.run("record", "rod", "--seconds", "0.1") == 0
    assert "nothing was heard of it" in " ".join(capsys.readouterr().err.split())


def test_a_stick_that_a_hub_has_is_left_to_it(home: ZigbeeHome, capsys: pytest.CaptureFixture[str]) -> None:
    home.adopt()
    with alone_in(home.folder):
        assert home.run("record", "rod", "--seconds", "0.1") == 2
    assert "stop it to record" in " ".join(capsys.readouterr().err.split())


def test_a_stranger_is_named_as_one_on_every_way(home: ZigbeeHome) -> None:
    arguments = argparse.Namespace(config=home.file, address="a4:c1:38:00:00:00:00:77", out=None)
    with pytest.raises(SettingsInvalid, match=r"MQTT: .*did not answer.*; ZigBee: .* not joined"):
        record(arguments, answer_s=0.2)


def test_what_may_be_on_two_ways_is_heard_on_the_one_that_is_there(home: ZigbeeHome) -> None:
    """Not adopted, it may be behind a zigbee2mqtt as well; there is no broker here."""
    out = home.file.parent / "plug.jsonl"
    address = "0x" + home.plug.address.replace(":", "")  # as zigbee2mqtt writes it
    arguments = argparse.Namespace(config=home.file, address=address, out=out, seconds=0.4, ask=False)
    with speaking(home):
        assert record(arguments, answer_s=0.2) == 0
    assert lines_in(out)
