"""`kwh-hub devices record` of a plug, and words whose output nobody reads."""

import asyncio
import json
import os
import stat
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import pytest

from agent.__main__ import main
from agent.profiles.profile import GoldenVector
from simulators.circuit import Heater
from tests.commands.living import Home


def test_a_recording_holds_what_passed_without_secrets_and_gives_drafts(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.plug_in()
    out = home.file.parent / "plug.jsonl"
    assert home.run("record", home.mac(), "--seconds", "1.5", "--ask", "--out", str(out)) == 0
    text = out.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    topics = {(line["direction"], line["topic"].rpartition("/")[2]) for line in lines}
    assert {("from", "config"), ("from", "STATUS11"), ("from", "STATUS10"), ("to", "STATUS")} <= topics
    printed = capsys.readouterr().out
    golden = tomllib.loads(printed)["golden"]
    vectors = [GoldenVector.model_validate(one | {"relays": dict(one.get("relays", {}))}) for one in golden]
    assert {vector.message for vector in vectors} >= {"STATUS11", "STATUS10"}
    assert next(vector for vector in vectors if vector.message == "STATUS11").relays == {1: False}
    assert next(vector for vector in vectors if vector.message == "STATUS10").energy_wh == 12345
    assert home.run("record", home.mac(), "--seconds", "0.1", "--out", str(out)) == 2
    assert out.read_text() == text, "a recording is never written over"


def test_a_topic_is_recorded_as_it_is_said(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    plug = home.plug_in()

    async def speak() -> None:
        for _ in range(40):
            plug.report()
            await asyncio.sleep(0.05)

    speaking = asyncio.run_coroutine_threadsafe(speak(), home.loop)
    assert home.run("record", plug.identity.own_topic, "--seconds", "0.5") == 0
    speaking.result(10)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    state = next(line for line in lines if line["topic"].endswith("/STATE"))
    assert '"SSId":"(left out)"' in state["payload"]
    assert '"BSSId":"(left out)"' in state["payload"]
    assert all(line["topic"].split("/")[1] == plug.identity.own_topic for line in lines)


@pytest.mark.parametrize("address", ["#", "a/+/b"])
def test_an_address_cannot_widen_a_recording(home: Home, address: str) -> None:
    assert home.run("record", address, "--seconds", "0.1") == 2


@contextmanager
def unread() -> Iterator[None]:
    """Standard output is a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as broken, redirect_stdout(broken):
        yield


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--json"],
        ["list"],
        ["scan", "--seconds", "0.1", "--json"],
        ["record", "rod", "--ask", "--seconds", "20"],
    ],
)
def test_a_word_ends_quietly_where_nobody_reads(home: Home, words: list[str], caplog: pytest.LogCaptureFixture) -> None:
    home.plug_in()
    home.adopt()
    with unread():
        assert home.run(*words) == 141
    assert "fault of its own" not in caplog.text


@pytest.mark.parametrize("grouped", [False, True])
def test_a_long_answer_that_nobody_reads_is_no_fault(
    home: Home,
    grouped: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def act(_: object) -> int:
        try:
            sys.stdout.write("x" * 1_000_000)
        except BrokenPipeError as error:
            raise ExceptionGroup("networks", [error]) if grouped else error from error
        return 0

    monkeypatch.setattr("agent.__main__.config_check", act)
    with unread():
        assert main(["config", "check", "--config", str(home.file)]) == 141
    assert "fault of its own" not in caplog.text


def test_a_test_that_nobody_watches_ends_off(home: Home) -> None:
    circuit = Heater()
    plug = home.plug_in(circuit=circuit)
    home.adopt()
    circuit.switchings.clear()
    with unread():
        assert home.run("test", "rod", "--yes", "--seconds", "0.1") == 141
    assert circuit.switchings == [True, False]
    assert not plug.is_on()
