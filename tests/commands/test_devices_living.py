"""`kwh-hub devices` with a real broker and simulated plugs: found, taken in, switched for certain, recorded."""

import asyncio
import io
import json
import logging
import os
import signal
import stat
import sys
import threading
import tomllib
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from rich.console import Console

from agent.__main__ import main
from agent.adapters.store.ledger import open_ledger
from agent.clock import SharedClock, SystemClock
from agent.commands.devices.adopt import _no_other_way
from agent.commands.devices.drafts import drafts
from agent.commands.devices.fixture import Line
from agent.commands.devices.networks import Radio, _silent, radios_of, uses_bluetooth
from agent.commands.devices.record import Recording
from agent.commands.devices.same import Found
from agent.commands.devices.scan import Board, _asides, _listen, _shown, reasons_of
from agent.composition import clock_of
from agent.domain.command import Cause, Command, Stage
from agent.domain.device import Protocol, Sighting
from agent.errors import BrokerUnreachable, DeviceRefused, SettingsInvalid
from agent.hub import alone_in
from agent.networks import Networks, networks_of
from agent.ports import Device
from agent.profiles.library import load_profiles
from agent.profiles.profile import Family, GoldenVector
from agent.settings import device_settings, load_settings
from simulators.air_conditioner import SplitAirConditioner
from simulators.circuit import Heater
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.mosquitto import Mosquitto
from simulators.mqtt.tasmota import TasmotaDevice, TasmotaPlug, TasmotaThermometer
from simulators.mqtt.tasmota_infrared import TasmotaInfrared
from simulators.mqtt.tasmota_says import Identity
from tests.commands.test_devices_same import colons, seen

LISTENS_S = "1.0"
"""Enough for a busy computer to hear a device, among all that the broker has kept of the others."""

T = TypeVar("T")
PAPER = (Path(__file__).parents[2] / "examples" / "paper.toml").read_text()
SMALL = PAPER.replace("power_w = 10000", "power_w = 2000")
_serials = count(0x10)


@dataclass
class Home:
    """A settings file, and plugs that live in a thread of their own while a command runs in this one."""

    file: Path
    port: int
    loop: asyncio.AbstractEventLoop
    serial: int
    plugged: list[TasmotaDevice] = field(default_factory=list)

    def mac(self, number: int = 1) -> str:
        return f"A0D5{self.serial:04X}{number:04X}"

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def plug_in(
        self, kind: type[TasmotaPlug | TasmotaThermometer] = TasmotaPlug, number: int = 1, circuit: Heater | None = None
    ) -> TasmotaDevice:
        async def make() -> TasmotaDevice:
            identity = Identity(self.mac(number), name=f"plug {number}")
            device = kind(
                BrokerAddress(self.port), identity, circuit or Heater(), lambda: datetime.now(UTC), tick_s=None
            )
            return await device.__aenter__()

        device = self.do(make())
        self.plugged.append(device)
        return device

    def adopt(self, number: int = 1, name: str = "rod", role: str = "water_heater", more: str = "") -> None:
        profile = "tasmota-thermometer" if "thermometer" in role else "tasmota-plug"
        text = self.file.read_text()
        table = f'name = "{name}"\nrole = "{role}"\nprofile = "{profile}"\naddress = "{self.mac(number)}"\n{more}'
        self.file.write_text(f"{text}\n[[devices]]\n{table}")

    def run(self, *words: str) -> int:
        return main(["devices", words[0], "--config", str(self.file), *words[1:]])

    @property
    def folder(self) -> Path:
        return self.file.parent / "var"


@pytest.fixture
def home(mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    file = tmp_path / "home.toml"
    serial = next(_serials)
    file.write_text(SMALL)
    monkeypatch.setenv("KWH_HUB_MQTT__PORT", str(mosquitto.port))
    monkeypatch.setenv("KWH_HUB_MQTT__CLIENT_ID", f"words-{serial}")
    monkeypatch.setenv("KWH_HUB_STORAGE__FOLDER", str(tmp_path / "var"))
    monkeypatch.setenv("KWH_HUB_BLE__ENABLED", "false")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = Home(file, mosquitto.port, loop, serial)
    try:
        yield made
    finally:
        for device in made.plugged:
            made.do(_gone(device))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _gone(device: TasmotaDevice) -> None:
    """What the session's broker keeps of it is of an address that no other test has."""
    await device.__aexit__()


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


# ---- scan


def test_a_scan_tells_of_each_device_what_it_is_and_can(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.plug_in()
    home.plug_in(TasmotaThermometer, 2)
    home.adopt()
    assert home.run("scan", "--seconds", LISTENS_S, "--json") == 0
    lines = {line["address"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    plug, board = lines[home.mac()], lines[home.mac(2)]
    assert plug["names"] == ["rod"]
    assert plug["profile"] == "tasmota-plug"
    assert plug["abilities"] == ["meter", "relay"]
    assert plug["ends_itself"] is True
    assert plug["reachable"] is True
    assert [way["address"] for way in plug["ways"]] == [home.mac()]
    assert (board["names"], board["profile"], board["relay_carries_w"]) == ([], "tasmota-thermometer", None)


def test_without_a_word_it_scans_and_says_which_words_there_are(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.plug_in()
    assert main(["devices", "--config", str(home.file), "--seconds", LISTENS_S]) == 0
    told = said(capsys)
    assert "scan | list | adopt | forget | test | on | off | record" in told
    assert home.mac() in told
    assert main(["devices", "--config", str(home.file), "--seconds", LISTENS_S, "--json"]) == 0
    assert all(json.loads(line) for line in capsys.readouterr().out.splitlines())


def test_options_may_stand_before_the_word(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.plug_in()
    home.adopt()
    assert main(["devices", "--config", str(home.file), "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "rod"


class Network:
    """A network that shows one more device at each look, or is away."""

    def __init__(self, *shows: Sighting, away: str = "") -> None:
        self.shows = shows
        self.away = away
        self.looks = 0

    async def scan(self, duration_s: float) -> list[Sighting]:  # noqa: ARG002 - as the port
        await asyncio.sleep(0)
        if self.away:
            raise BrokerUnreachable(self.away)
        self.looks += 1
        return list(self.shows[: self.looks])

    def device(self, *_: object) -> Device:
        raise AssertionError


def board(seconds: float) -> Board:
    return Board(seconds, load_profiles(), {"A0B1C2D3E4F5": ["rod"]})


async def test_a_network_that_is_away_is_named_and_the_others_go_on() -> None:
    what, other = board(0.01), seen("A0B1C2D3E4F5").sighting
    broken, whole = Radio("ble", Network(away="no adapter")), Radio("tasmota", Network(other))
    await asyncio.gather(_listen(broken, what, 0.0), _listen(whole, what, 0.0))
    assert what.away == {"ble": "no adapter"}
    assert [device[0].sighting for device in what.devices] == [other]


async def test_a_network_that_comes_up_late_is_heard_and_no_longer_called_away() -> None:
    what, network = board(0.01), Network(seen("A0B1C2D3E4F5").sighting, away="starting")
    task = asyncio.create_task(_listen(Radio("mqtt", network), what, 60.0))
    while not what.away:
        await asyncio.sleep(0)
    network.away = ""
    await task
    assert not what.away
    assert len(what.devices) == 1


async def test_the_table_grows_while_devices_are_seen() -> None:
    console = Console(force_terminal=True, width=200, record=True, color_system=None)
    what = board(5.0)
    first, second = (
        seen("A0B1C2D3E4F5", label="Küche\x1b[31m"),
        seen(colons("A0B1C2D3E4F5"), Protocol.BLE, network="ble"),
    )
    other = seen("A0B1C2D3E4F6", label="other")
    gate = asyncio.Event()

    async def devices_come() -> None:
        for number, one in enumerate((first, second, other)):
            what.take(Radio("tasmota", Network()), [one])
            what.listened_s["tasmota"] = number + 1.0
            gate.set()
            await asyncio.sleep(0.25)

    await _shown([asyncio.create_task(devices_come())], what, console)
    frames = console.export_text()
    assert frames.index("1 device") < frames.index("2 devices")
    assert "3 devices" not in frames, "one was seen in two ways"
    assert "A0B1C2D3E4F5 mqtt" in frames
    assert "A0:B1:C2:D3:E4:F5 ble" in frames
    assert "rod" in frames
    assert "Küche·[31m" in frames
    assert "━" in frames


async def test_a_network_that_lets_devices_join_is_not_scanned_in_pieces() -> None:
    what, network = board(0.01), Network(seen("A0B1C2D3E4F5").sighting)
    what.seconds = 3.0
    lengths: list[float] = []

    async def scan(duration_s: float) -> list[Sighting]:
        lengths.append(duration_s)
        return list(network.shows)

    network.scan = scan  # type: ignore[method-assign]
    task = asyncio.create_task(_listen(Radio("zigbee", network, opens=True), what, 0.0))
    while not lengths:
        await asyncio.sleep(0)
    task.cancel()
    assert lengths[0] == 3.0


async def test_families_that_share_a_network_are_scanned_once(home: Home) -> None:
    settings = load_settings(home.file)
    made = networks_of(settings, clock_of(settings), load_profiles(), client_id="words")
    network = made.by_family[Family.TASMOTA]
    twice = Networks(made.broker, {Family.TASMOTA: network, Family.OPENBEKEN: network}, made.profiles, ())
    (radio,) = radios_of(twice)
    assert (radio.name, radio.network) == ("tasmota, openbeken", network)


# ---- list


def test_the_adopted_say_how_they_are_and_the_silent_why_not(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.plug_in(circuit=Heater(on=True))
    home.plug_in(TasmotaThermometer, 2, Heater(celsius=41.5))
    home.adopt()
    home.adopt(2, "tank", "tank_thermometer")
    home.adopt(3, "lost", "meter")
    assert home.run("list", "--json") == 0
    lines = {line["name"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert (lines["rod"]["answers"], lines["rod"]["on"], lines["rod"]["power_w"]) == (True, False, 0.0)
    assert lines["rod"]["energy_wh"] == 12345
    assert lines["tank"]["temperature_c"] == 41.5
    assert lines["tank"]["on"] is None
    assert not lines["lost"]["answers"]
    assert "has not announced itself" in lines["lost"]["reason"]
    home.file.write_text(home.file.read_text().replace('"lost"', '"third"').replace(home.mac(3), home.mac()))
    assert home.run("list") == 0
    told = said(capsys)
    assert "3 adopted, 3 answer" in told
    assert "41.5 °C" in told


def test_nothing_that_a_device_says_of_itself_moves_the_terminal(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.adopt()

    async def refuses(*_: object) -> None:
        raise DeviceRefused("rod", "no \x1b[2J\x9b31m such relay")

    home.plug_in()
    monkeypatch.setattr("agent.commands.devices.adopted.first_answer", refuses)
    monkeypatch.setattr("agent.commands.devices.switching.first_answer", refuses)
    monkeypatch.setattr("agent.commands.devices.adopt.first_answer", refuses)
    assert home.run("list") == 0
    assert home.run("on", "rod", "--yes") == 5
    assert home.run("adopt", home.mac(), "--name", "x", "--role", "meter", "--seconds", LISTENS_S) == 2
    told = capsys.readouterr()
    assert told.err.count("no ·[2J·31m such relay") == 2
    assert not {"\x1b", "\x9b"} & set(told.out + told.err)


def test_what_is_recorded_is_json_without_a_character_that_moves_the_terminal() -> None:
    out = io.StringIO()
    recording = Recording(SystemClock(), out)
    hostile = "a\x1b[2J\x9bb\x7f\U000e0001ü"
    recording.hear(True, "topic", "stat/plug/RESULT", hostile.encode(), False)  # noqa: FBT003
    assert out.getvalue().strip().isprintable()
    assert json.loads(out.getvalue())["payload"] == hostile
    line = Line(at=datetime.now(UTC), direction="from", topic="x/RESULT", payload=hostile)
    printed = "\n".join(drafts([line]))
    assert printed.replace("\n", "").isprintable()
    assert tomllib.loads(printed)["golden"][0]["payload"] == hostile


# ---- adopt and forget


def test_a_plug_that_is_seen_is_adopted_with_the_profile_that_fits(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.plug_in()
    before = home.file.read_bytes()
    words = ["--name", "rod", "--role", "water_heater", "--seconds", LISTENS_S]
    assert home.run("adopt", colons(home.mac()).lower(), *words) == 0
    assert home.file.read_bytes().startswith(before)
    (device,) = load_settings(home.file).devices
    assert (device.name, device.profile, device.address) == ("rod", "tasmota-plug", home.mac())
    assert "kwh-hub devices test rod" in said(capsys)
    assert home.run("forget", "rod") == 0
    assert home.file.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--name", "rod", "--role", "water_heater"], "the role water_heater is taken by boiler"),
        (["--name", "boiler", "--role", "meter"], "the name boiler is taken by the water_heater"),
        (["--name", "ac", "--role", "air_conditioner", "--profile", "sonoff-th10"], "nothing was changed"),
        (["--name", "x", "--role", "room_thermometer"], "needs a thermometer"),
        (["--name", "x", "--role", "appliance", "--load", "washer"], "switches washer, but the house has none"),
        (["--name", "x", "--role", "meter", "--load", "washer"], "so it has no load"),
        (["--name", "Große", "--role", "meter"], "name"),
        (["--name", "x", "--role", "meter", "--channel", "99"], "channel"),
        (["--name", "x", "--role", "meter", "--profile", "tasmota-plag"], "did you mean tasmota-plug?"),
        (["--role", "meter"], "--name is missing"),
        (["--name", "x"], "--role is missing, one of air_conditioner, appliance"),
    ],
)
def test_what_would_not_work_in_this_home_is_not_written(
    home: Home, words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home.file.write_text(SMALL.replace("power_w = 2000\ncop", "power_w = 3000\ncop"))
    if "appliance" in expected:
        dishes = '\n[[house.appliances]]\nname = "dishes"\nphases = [{ duration_s = 600, power_w = 100 }]\n'
        home.file.write_text(home.file.read_text() + dishes + "earliest = 08:00:00\nlatest = 20:00:00\n")
    home.adopt(9, "boiler")
    before = home.file.read_bytes()
    profile = [] if "--profile" in words else ["--profile", "tasmota-plug"]
    assert home.run("adopt", home.mac(), *profile, *words) == 2
    assert expected in " ".join(capsys.readouterr().err.split())
    assert home.file.read_bytes() == before
    assert [path.name for path in home.file.parent.iterdir()] == ["home.toml"]


def test_a_relay_that_its_load_would_burn_is_not_adopted(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.file.write_text(PAPER)
    words = ["--name", "rod", "--role", "water_heater", "--profile", "nous-a1t"]
    assert home.run("adopt", home.mac(), *words) == 2
    assert "it would burn" in capsys.readouterr().err
    assert home.file.read_text() == PAPER


def test_a_device_that_is_not_seen_needs_a_profile(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--name", "rod", "--role", "water_heater", "--seconds", LISTENS_S]
    assert home.run("adopt", home.mac(7), *words) == 2
    told = capsys.readouterr()
    assert "was not seen" in told.out
    assert "--profile is missing" in told.err


def test_at_a_terminal_the_rest_is_asked_for(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["water_heater", "", "y"])
    monkeypatch.setattr("agent.commands.devices.speaking.at_terminal", lambda: True)
    monkeypatch.setattr("agent.commands.devices.adopt.at_terminal", lambda: True)
    monkeypatch.setattr("agent.commands.devices.forget.at_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", lambda *_: next(answers))
    assert home.run("adopt", home.mac(), "--profile", "tasmota-plug") == 0
    (device,) = load_settings(home.file).devices
    assert (device.name, device.role) == ("water-heater", "water_heater")
    assert "--name" not in capsys.readouterr().err
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    assert home.run("forget", "water-heater") == 5
    assert len(load_settings(home.file).devices) == 1


def test_nobody_can_be_forgotten_who_was_never_adopted(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.run("forget", "nobody") == 2
    assert "no [[devices]] has the name nobody" in capsys.readouterr().err


def refused(home: Home, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is said of an adoption that does not come about."""
    before = home.file.read_bytes()
    capsys.readouterr()
    assert home.run("adopt", *words) == 2
    assert home.file.read_bytes() == before
    told = capsys.readouterr()
    assert "mind:" not in told.out, "nothing is remarked of what is refused"
    assert "[[devices]]" not in told.out
    return " ".join(told.err.split())


@pytest.mark.parametrize("spelled", ["{mac}", "{dashes}", "tasmota_{end}"])
def test_a_plug_that_is_adopted_is_not_adopted_again(
    home: Home, spelled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home.plug_in()
    home.adopt(1, "boiler-plug")
    mac = home.mac()
    address = spelled.format(mac=mac, dashes=colons(mac).replace(":", "-"), end=mac[-6:])
    words = [address, "--name", "ac", "--role", "air_conditioner"]
    for more in (["--profile", "tasmota-plug"], ["--seconds", LISTENS_S]):
        if address.startswith("tasmota") and more[0] == "--seconds":
            continue  # no sighting has this address
        told = refused(home, capsys, *words, *more)
        assert "boiler-plug" in told
        assert "nothing was changed" in told


def test_another_part_of_an_adopted_device_is_adopted_under_the_same_address(home: Home) -> None:
    home.plug_in()
    home.adopt(1, "boiler-plug")
    address = colons(home.mac()).lower()
    assert home.run("adopt", address, "--name", "meter", "--role", "meter", "--seconds", LISTENS_S) == 0
    assert [device.address for device in load_settings(home.file).devices] == [home.mac()] * 2


def test_a_device_adopted_over_one_network_is_not_adopted_over_another() -> None:
    settings = load_settings(Path(__file__).parents[2] / "examples" / "home.toml", {})
    over_mqtt, over_ble = (
        seen("shellyplus1pm-a0b1c2d3e4f4", network="gen2"),
        seen("A0:B1:C2:D3:E4:00", Protocol.BLE, label="ShellyPlus1PM-A0B1C2D3E4F4"),
    )
    words = {"name": "boiler", "role": "meter", "profile": "shelly-gen2-plug", "address": "A0B1C2D3E4F4"}
    settings = settings.model_copy(update={"devices": (device_settings(words),)})
    ways = (over_ble, over_mqtt)
    with pytest.raises(SettingsInvalid, match=r"adopted as boiler \(A0B1C2D3E4F4\); .* forget boiler"):
        _no_other_way(settings, load_profiles(), ways, over_ble.sighting)
    _no_other_way(settings, load_profiles(), ways, over_mqtt.sighting)


def test_what_a_scan_knows_of_a_device_is_asked_before_it_is_adopted(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.adopt(1, "boiler-plug")
    text = home.file.read_text().replace("tasmota-plug", "shelly-gen2-plug").replace(home.mac(), "A0B1C2D3E4F4")
    home.file.write_text(text)
    over_mqtt = seen("shellyplus1pm-a0b1c2d3e4f4", network="gen2")
    over_ble = seen("A0:B1:C2:D3:E4:00", Protocol.BLE, label="ShellyPlus1PM-A0B1C2D3E4F4")

    async def looked(*_: object) -> Board:
        what = board(1.0)
        for one in (over_mqtt, over_ble):
            what.take(Radio(one.network, Network()), [one])
        return what

    monkeypatch.setattr("agent.commands.devices.adopt.looked_around", looked)
    told = refused(home, capsys, "A0:B1:C2:D3:E4:00", "--name", "ac", "--role", "air_conditioner")
    assert "is the device that is adopted as boiler-plug (A0B1C2D3E4F4)" in told


@pytest.mark.parametrize("by_name_first", [False, True])
def test_a_device_at_zigbee2mqtt_is_one_by_its_name_and_by_its_address(
    home: Home,
    by_name_first: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ieee, name = "0xa4c1380011223344", "Küche/boiler"
    one = seen(ieee, network="zigbee2mqtt", label=name)
    one = Found(one.network, one.sighting.model_copy(update={"profile": "zigbee2mqtt-plug"}))

    async def looked(*_: object) -> Board:
        what = board(1.0)
        what.take(Radio("zigbee2mqtt", Network()), [one])
        return what

    async def silent(*_: object) -> None:
        raise BrokerUnreachable("away")

    monkeypatch.setattr("agent.commands.devices.adopt.looked_around", looked)
    monkeypatch.setattr("agent.commands.devices.adopt.first_answer", silent)
    first, second = (name, ieee) if by_name_first else (ieee, name)
    home.adopt(1, "boiler-plug", "meter")
    text = home.file.read_text().replace("tasmota-plug", "zigbee2mqtt-plug").replace(home.mac(), first)
    home.file.write_text(text)
    words = ["--name", "ac", "--role", "meter"]
    if by_name_first:
        told = refused(home, capsys, second, *words)
        assert f"{ieee} is the device that is adopted as boiler-plug ({name})" in told
    else:
        assert home.run("adopt", second, *words) == 0
        assert {device.address for device in load_settings(home.file).devices} == {ieee}


def test_a_relay_that_the_device_lacks_is_not_adopted(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.plug_in()
    words = [home.mac(), "--name", "rod", "--role", "water_heater", "--seconds", LISTENS_S]
    told = refused(home, capsys, *words, "--channel", "5")
    assert "has no relay 5; it has 1" in told
    assert home.run("adopt", *words, "--channel", "1") == 0


def test_a_thermometer_is_refused_as_a_switch_without_a_word_of_its_relay(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.plug_in(TasmotaThermometer)
    told = refused(home, capsys, home.mac(), "--name", "ac", "--role", "air_conditioner", "--seconds", LISTENS_S)
    assert "air_conditioner needs a relay" in told


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Klima Salon", "klima-salon"),
        ("KLİMA ısıtıcı", "klima-isitici"),
        ("-şofben!", "sofben"),
        ("x" * 50, "x" * 41),
        ("\x1b[2J", "2j"),
        ("!", ""),
    ],
)
def test_a_name_that_can_be_none_is_refused_in_words_with_one_that_can(
    home: Home, name: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(home, capsys, home.mac(), f"--name={name}", "--role", "meter", "--profile", "tasmota-plug")
    assert "lower-case letters a-z, digits, - and _" in told
    assert (f"; {near} would be one" in told) is bool(near)
    assert "pattern" not in told
    assert "\x1b" not in told


# ---- Bluetooth that a home does without


@pytest.mark.parametrize("word", ["list", "off"])
def test_a_home_without_bluetooth_devices_hears_nothing_of_bluetooth(
    home: Home, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KWH_HUB_BLE__ENABLED", "true")
    monkeypatch.setattr("agent.networks.Radio", None)  # whoever makes one fails
    home.plug_in()
    home.adopt()
    assert home.run(*{"list": ["list"], "off": ["off", "rod", "--yes"]}[word]) == 0
    assert "Bluetooth" not in "".join(capsys.readouterr())


async def test_a_scan_says_of_bluetooth_that_nobody_needs_how_to_do_without_it() -> None:
    what = board(0.01)
    what.not_needed = frozenset({"shelly_ble"})
    ble, mqtt = (
        Radio("shelly_ble", Network(away="Bluetooth is away: no adapter")),
        Radio("tasmota", Network(away="gone")),
    )
    await asyncio.gather(_listen(ble, what, 0.0), _listen(mqtt, what, 0.0))
    assert reasons_of(what) == ["gone (tasmota)"]
    assert _asides(what) == [
        "not listened to: Bluetooth is away: no adapter. Without it in this home: ble.enabled = false"
    ]


@pytest.mark.parametrize("adopted", [False, True])
async def test_bluetooth_is_needed_where_a_device_is_adopted_over_it(
    home: Home,
    adopted: bool,  # noqa: FBT001
    caplog: pytest.LogCaptureFixture,
) -> None:
    home.adopt()
    if adopted:
        home.file.write_text(home.file.read_text().replace("tasmota-plug", "shelly-plus-1pm-bluetooth"))
    settings = load_settings(home.file, {"KWH_HUB_MQTT__PORT": str(home.port)})
    assert uses_bluetooth(settings, load_profiles()) is adopted
    with nullcontext() if adopted else _silent("agent.adapters.ble"):
        logging.getLogger("agent.adapters.ble.radio").warning("Bluetooth is away")
    assert ("Bluetooth is away" in caplog.text) is adopted
    assert logging.getLogger("agent.adapters.ble").level == logging.NOTSET


# ---- on, off, test


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


# ---- record


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


# ---- outputs that nobody reads


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


# ---- air conditioners by infrared


@dataclass
class SlowUnit(SplitAirConditioner):
    """A unit whose compressor starts after its circuit was looked at some times."""

    looks: int = 3

    def runs(self) -> bool:
        self.looks -= self.on
        return self.on and self.looks < 0


@pytest.fixture
def unit(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SlowUnit:
    """A transmitter (number 1), the meter on the unit's circuit (2), and a clock that runs a hundred times as fast."""
    clock = tmp_path / "clock.json"
    clock.write_text(json.dumps({"domain_s": 1.7e9, "wall_s": datetime.now(UTC).timestamp(), "speed": 100.0}))
    monkeypatch.setenv("KWH_HUB_CLOCK__FILE", str(clock))
    monkeypatch.setattr("agent.commands.devices.switching._LOOK_AGAIN_S", 0.01)
    made = SlowUnit(SharedClock(clock).now)
    address = BrokerAddress(home.port)

    async def make() -> list[TasmotaDevice]:
        bridge = TasmotaInfrared(address, Identity(home.mac(1), model="board"), made, made.now, tick_s=None)
        meter = TasmotaDevice(address, Identity(home.mac(2)), made.now, metered=made, tick_s=None)
        return [await device.__aenter__() for device in (bridge, meter)]

    home.plugged += home.do(make())
    return made


def adopt_unit(home: Home, *more: str) -> int:
    assert home.run("adopt", home.mac(2), "--name", "ac-meter", "--role", "meter", "--profile", "tasmota-meter") == 0
    words = ["--name", "ac", "--role", "air_conditioner", "--profile", "tasmota-infrared"]
    return home.run("adopt", home.mac(1), *words, *more)


def test_a_unit_by_infrared_is_adopted_and_tried_out(
    home: Home, unit: SlowUnit, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adopt_unit(home, "--infrared-vendor", "daikin", "--verified-by", "ac-meter") == 0
    assert 'infrared = { vendor = "DAIKIN", verified_by = "ac-meter" }' in home.file.read_text()
    assert "its relay carries" not in said(capsys)
    assert home.run("test", "ac", "--yes", "--seconds", "0.1") == 0
    assert unit.switchings == [True, False]
    told = said(capsys)
    steps = [
        "the meter on its circuit before: 4 W",
        "told to be on, to heat to 27 °C; watching its circuit for up to 180 s",
        "on: its circuit shows it after",
        "while on: 900 W",
        "off, verified in",
    ]
    places = [told.index(step) for step in steps]
    assert places == sorted(places)
    assert unit.frames[0].temperature_c == 27.0
    unit.looks = 0
    assert home.run("on", "ac", "--yes") == 0
    assert home.run("list", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert {line["name"]: line["on"] for line in lines} == {"ac-meter": None, "ac": True}


def test_a_unit_that_hears_nothing_is_not_called_on(
    home: Home, unit: SlowUnit, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adopt_unit(home, "--infrared-vendor", "DAIKIN", "--verified-by", "ac-meter") == 0
    text = home.file.read_text()
    home.file.write_text(text.replace('"ac-meter" }', '"ac-meter", settles_s = 10 }'))
    unit.out_of_sight = True
    assert home.run("on", "ac", "--yes") == 4
    told = said(capsys)
    assert "its circuit still shows off" in told
    assert "Can the unit see the transmitter?" in told


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--verified-by", "ac-meter"], "--infrared-vendor is missing"),
        (["--infrared-vendor", "DAIKIN"], "--verified-by is missing, one of ac-meter"),
        (["--infrared-vendor", "DAIKIN", "--verified-by", "meter"], "did you mean ac-meter?"),
        (["--infrared-vendor", "KELON", "--verified-by", "ac-meter"], "remote control only toggles"),
        (
            ["--infrared-vendor", "PANASONIC_AC", "--infrared-model", "5", "--verified-by", "ac-meter"],
            "PANASONIC_AC (model 5) cannot say on or off",
        ),
    ],
)
def test_a_transmitter_is_adopted_only_with_all_that_it_needs(
    home: Home, more: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adopt_unit(home, *more) == 2
    assert expected in " ".join(capsys.readouterr().err.split())
    assert [device.name for device in load_settings(home.file).devices] == ["ac-meter"]


def test_a_plug_is_no_transmitter(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    words = [home.mac(), "--name", "rod", "--role", "water_heater", "--profile", "tasmota-plug"]
    assert "for infrared transmitters only" in refused(home, capsys, *words, "--infrared-vendor", "DAIKIN")
