"""`kwh-hub devices` with an air conditioner by infrared: adopted with its meter, and tried out."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.clock import SharedClock
from agent.settings import load_settings
from simulators.air_conditioner import SplitAirConditioner
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.tasmota import TasmotaDevice
from simulators.mqtt.tasmota_infrared import TasmotaInfrared
from simulators.mqtt.tasmota_says import Identity
from tests.commands.living import Home, refused, said


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
