"""`kwh-hub devices on`, `off` and `test`: switched for certain or not at all."""

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from agent.adapters.store.ledger import open_ledger
from agent.domain.command import Cause, Command, Stage
from agent.hub import alone_in
from simulators.circuit import Heater
from simulators.mqtt.tasmota import TasmotaThermometer
from tests.commands.living import PAPER, SMALL, Home, said


def test_a_test_switches_on_and_off_and_says_what_it_measured(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    circuit = Heater(rated_w=1990)
    home.plug_in(circuit=circuit)
    home.adopt()
    circuit.switchings.clear()
    assert home.run("test", "rod", "--yes", "--seconds", "0.1") == 0
    assert circuit.switchings == [True, False]
    told = said(capsys)
    steps = ["before: 0 W", "on, verified in", "while on: 1990 W", "off, verified in", "after: 0 W"]
    places = [told.index(step) for step in steps]
    assert places == sorted(places)


def test_an_order_is_verified_and_its_end_is_said(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    plug = home.plug_in()
    home.adopt()
    assert home.run("on", "rod", "--yes") == 0
    assert plug.is_on()
    assert "by itself after 900 s" in said(capsys)
    assert home.run("off", "rod", "--yes") == 0
    assert not plug.is_on()


def only_refused(home: Home, circuit: Heater, words: list[str], code: int = 5) -> None:
    circuit.switchings.clear()
    assert home.run(*words) == code
    assert circuit.switchings == []


@pytest.mark.parametrize("word", ["test", "on", "off"])
def test_nothing_is_switched_while_a_hub_is_at_work_in_the_home(
    home: Home, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    circuit = Heater()
    home.plug_in(circuit=circuit)
    home.adopt()
    with alone_in(home.folder):
        only_refused(home, circuit, [word, "rod", "--yes"])
    assert "another hub (process" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["test", "on", "off"])
def test_only_what_was_adopted_to_be_switched_is_switched(
    home: Home, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    circuit = Heater()
    home.plug_in(circuit=circuit)
    only_refused(home, circuit, [word, home.mac(), "--yes"], 2)
    assert "no adopted device" in capsys.readouterr().err
    home.adopt(1, "fridge", "meter")
    only_refused(home, circuit, [word, "fridge", "--yes"])
    assert "nothing is switched through it" in capsys.readouterr().err
    only_refused(home, circuit, [word, "fridgr", "--yes"], 2)
    assert "did you mean fridge?" in capsys.readouterr().err


def test_a_relay_that_would_burn_may_be_switched_off_but_not_on(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.file.write_text(PAPER)
    home.adopt()
    home.file.write_text(home.file.read_text().replace("tasmota-plug", "nous-a1t"))
    circuit = Heater()
    home.plug_in(circuit=circuit)
    for word in ("test", "on"):
        only_refused(home, circuit, [word, "rod", "--yes"])
        assert "it would burn" in capsys.readouterr().err
    assert home.run("off", "rod", "--yes") == 0


@pytest.mark.parametrize("word", ["test", "on"])
def test_without_anybody_to_ask_nothing_is_switched(home: Home, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    home.file.write_text(SMALL.replace("min_off_s = 0", "min_off_s = 600"))
    circuit = Heater()
    home.plug_in(circuit=circuit)
    home.adopt()
    only_refused(home, circuit, [word, "rod"])
    told = capsys.readouterr().err
    assert "last switched is not known" in told
    assert "--yes" in told


@pytest.mark.parametrize(("ago_s", "code"), [(10, 5), (1000, 0)])
def test_a_load_rests_as_long_as_the_house_asks(
    home: Home, ago_s: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    home.file.write_text(SMALL.replace("min_off_s = 0", "min_off_s = 600"))
    home.plug_in()
    home.adopt()

    async def remember() -> None:
        async with open_ledger(home.folder) as ledger:
            at = datetime.now(UTC) - timedelta(seconds=ago_s)
            words = {"load": "water_heater", "device": "rod", "cause": Cause.PLAN, "stage": Stage.VERIFIED}
            await ledger.add_command(Command(command_id="c", on=False, at=at, **words))

    asyncio.run(remember())
    assert home.run("on", "rod", "--yes") == code
    if code:
        assert "must stay off so long" in capsys.readouterr().err


@pytest.mark.parametrize(("celsius", "code"), [(66.0, 5), (40.0, 0)])
def test_a_tank_that_is_too_hot_is_not_heated_by_hand(
    home: Home, celsius: float, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    home.plug_in()
    home.plug_in(TasmotaThermometer, 2, Heater(celsius=celsius))
    home.adopt()
    home.adopt(2, "tank", "tank_thermometer")
    assert home.run("on", "rod") == code
    if code:
        assert "the tank is too hot" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["stuck", "lie"])
def test_a_relay_that_does_not_obey_is_not_called_verified(
    home: Home, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plug = home.plug_in()
    home.adopt(more="deadline_s = 0.4\n")
    setattr(plug.faults, fault, True)
    assert home.run("on", "rod", "--yes") == 4
    assert "NOT verified" in said(capsys)


def test_a_silent_device_is_not_tested_at_all(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    plug = home.plug_in()
    home.adopt(more="deadline_s = 0.2\n")
    home.do(asyncio.to_thread(lambda: None))
    plug.faults.drop_commands = 1000
    assert home.run("test", "rod", "--yes") == 4
    assert "not switched at all" in said(capsys)
    assert not plug.is_on()


class Trigger(Heater):
    """A circuit that does something when it is first switched on."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self.act = act

    def switch(self, on: bool) -> None:  # noqa: FBT001 - as the protocol
        super().switch(on)
        if on:
            self.act()


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_interrupts_a_test_it_ends_off(
    home: Home, name: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    circuit = Trigger(lambda: os.kill(os.getpid(), name))
    plug = home.plug_in(circuit=circuit)
    home.adopt()
    assert home.run("test", "rod", "--yes", "--seconds", "60") == 130
    assert not plug.is_on()
    assert circuit.switchings[-1] is False
    assert "interrupted, and off" in said(capsys)


def test_a_relay_that_cannot_be_brought_off_again_is_said_loudly(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    plug = home.plug_in(circuit=Trigger(lambda: setattr(plug.faults, "stuck", True)))
    home.adopt(more="deadline_s = 0.4\n")
    assert home.run("test", "rod", "--yes", "--seconds", "0.1") == 4
    assert plug.is_on()
    assert "MAY STILL BE ON" in said(capsys)


class Welded(Heater):
    """Contacts that let power through whatever the relay says."""

    def power_w(self) -> float:
        return 2000.0 if True in self.switchings else 0.0


def test_contacts_that_are_welded_are_found_by_the_meter(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.plug_in(circuit=Welded())
    home.adopt()
    assert home.run("test", "rod", "--yes", "--seconds", "0.1") == 4
    assert "welded" in said(capsys)
