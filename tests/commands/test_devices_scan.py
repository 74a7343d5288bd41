"""`kwh-hub devices scan` and `list`, with a real broker and simulated plugs: what is there, and how it is."""

import asyncio
import io
import json
import logging
import tomllib
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from rich.console import Console

from agent.__main__ import main
from agent.clock import SystemClock
from agent.commands.devices.drafts import drafts
from agent.commands.devices.fixture import Line
from agent.commands.devices.networks import Radio, _silent, radios_of, uses_bluetooth
from agent.commands.devices.record import Recording
from agent.commands.devices.scan import _asides, _listen, _shown, reasons_of
from agent.composition import clock_of
from agent.domain.device import Protocol, Sighting
from agent.errors import DeviceRefused
from agent.networks import Networks, networks_of
from agent.profiles.library import load_profiles
from agent.profiles.profile import Family
from agent.settings import load_settings
from simulators.circuit import Heater
from simulators.mqtt.tasmota import TasmotaThermometer
from tests.commands.living import LISTENS_S, Home, Network, board, said
from tests.commands.test_devices_same import colons, seen


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
