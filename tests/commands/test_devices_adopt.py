"""`kwh-hub devices adopt` and `forget`: what is taken in, and what is refused in words."""

from pathlib import Path

import pytest

from agent.commands.devices.adopt import _no_other_way
from agent.commands.devices.networks import Radio
from agent.commands.devices.same import Found
from agent.commands.devices.scan import Board
from agent.domain.device import Protocol
from agent.errors import BrokerUnreachable, SettingsInvalid
from agent.profiles.library import load_profiles
from agent.settings import device_settings, load_settings
from simulators.mqtt.tasmota import TasmotaThermometer
from tests.commands.living import LISTENS_S, PAPER, SMALL, Home, Network, board, refused, said
from tests.commands.test_devices_same import colons, seen


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
