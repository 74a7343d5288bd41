"""`kwh-hub` as its user meets it: answers, refusals with a remedy, exit codes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.commands.day_files import read_prices, read_weather
from agent.errors import SettingsInvalid
from agent.settings import load_settings

ROOT = Path(__file__).parents[2]
PAPER = str(ROOT / "examples" / "paper.toml")
FULL = str(ROOT / "examples" / "full-house.toml")
PRICES = str(ROOT / "examples" / "paper-prices.csv")
WEATHER = str(ROOT / "examples" / "paper-weather.csv")
ZONE = load_settings(ROOT / "examples" / "paper.toml", {}).home.zone


def test_a_day_is_planned_from_files_and_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "--config", PAPER, "--prices", PRICES, "--weather", WEATHER, "--time-limit", "2", "--json"]
    assert main([*words, "--start", "21:00"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert {load["load"] for load in made["loads"]} == {"air_conditioner", "water_heater"}
    proof = made["proof"]
    assert proof["movable_bound_try"] <= proof["movable_try"] + proof["wear_try"] - proof["left_try"] + 1e-9


def test_a_day_is_planned_from_files_and_printed_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "--config", PAPER, "--prices", PRICES, "--weather", WEATHER, "--time-limit", "1"]
    assert main([*words, "--start", "22:00"]) == 0
    said = capsys.readouterr().out
    assert "air_conditioner" in said
    assert "a thermostat would make it" in said
    assert "counting wear and what is left, the plan is" in said
    assert "otherwise" in said


def test_the_whole_house_is_planned_with_all_that_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "--config", FULL, "--prices", PRICES, "--time-limit", "1", "--charge", "2000", "--json"]
    assert main(words) == 0
    made = json.loads(capsys.readouterr().out)
    (run,) = next(load["on"] for load in made["loads"] if load["load"] == "dishwasher")
    assert run["start"] >= "2020-01-01T06:00:00Z"
    assert run["end"] <= "2020-01-01T15:00:00Z"
    assert min(made["battery_wh"]["values"]) >= 500 - 1e-3
    assert max(made["grid_w"]["values"]) <= 6000 + 1e-3
    assert made["hygienic_at"] is not None


def test_every_commented_setting_of_the_example_is_accepted(tmp_path: Path) -> None:
    text = (ROOT / "examples" / "home.toml").read_text()
    wishes = text[: text.index("# ---- What a kWh costs")]
    lines = re.sub(r"^# (?=\[|\w+ = |    \{|\])", "", wishes, flags=re.MULTILINE).splitlines()
    cut = lines.index("[house]")
    limits = [line for line in lines[cut : cut + 3] if line]
    file = tmp_path / "home.toml"
    file.write_text("\n".join([*limits, *lines[:cut], *lines[cut + 3 :]]))
    house = load_settings(file, {}).house
    given = {name for name in type(house).model_fields if getattr(house, name)}
    assert given == set(type(house).model_fields) - {"battery", "wind_turbine"}
    assert house.air_conditioner is not None
    assert house.air_conditioner.cooling is not None
    assert house.tank is not None
    assert house.tank.legionella is not None


def test_a_plan_says_what_it_changes_of_the_one_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "--config", PAPER, "--prices", PRICES, "--weather", WEATHER, "--time-limit", "2"]
    assert main([*words, "--start", "20:00", "--json"]) == 0
    before = tmp_path / "plan.json"
    before.write_text(capsys.readouterr().out)
    assert main([*words, "--start", "20:00", "--room", "23.2", "--announced", str(before)]) == 0
    assert f"otherwise than plan {json.loads(before.read_text())['plan_id']}" in " ".join(
        capsys.readouterr().out.split()
    )


@pytest.mark.parametrize(("day", "steps"), [("2026-03-29", 23 * 12), ("2026-10-25", 25 * 12)])
def test_a_day_of_23_or_25_hours_is_planned_whole(
    day: str, steps: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KWH_HUB_HOME__TIME_ZONE", "Europe/Berlin")
    monkeypatch.setenv("KWH_HUB_TARIFF__KIND", "flat")
    monkeypatch.setenv("KWH_HUB_TARIFF__PRICE_TRY_PER_KWH", "3")
    assert main(["plan", "--config", PAPER, "--date", day, "--time-limit", "1", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["room_temperature_c"]["values"]) == steps


def test_a_horizon_may_go_beyond_the_known_prices_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "--config", PAPER, "--prices", PRICES, "--time-limit", "1", "--start", "22:00", "--hours", "4"]
    assert main([*words, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["horizon"]["end"] == "2020-01-01T23:00:00Z"
    assert "prices_estimated" in made["fallbacks"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["plan", "--config", "nowhere.toml"], "examples/home.toml"),
        (["plan", "--config", PAPER], "--prices FILE"),
        (["plan", "--config", PAPER, "--prices", PRICES, "--date", "2021-05-05"], "2020-01-01"),
        (["plan", "--config", PAPER, "--prices", WEATHER], "ptf_tl_mwh"),
        (["plan", "--config", PAPER, "--prices", "nowhere.csv"], "nowhere.csv"),
        (["prices", "--config", PAPER], "epias.username"),
        (["plan", "--config", PAPER, "--time-limit", "-4"], "--time-limit"),
        (["plan", "--config", PAPER, "--room", "nan"], "--room"),
        (["plan", "--config", PAPER, "--hours", "49"], "'49' is no number of hours from 1 to 48"),
        (["plan", "--config", PAPER, "--hours", "0.0001"], "'0.0001' is no number of hours from 1 to 48"),
        (["plan", "--config", PAPER, "--date", "9999-12-31"], "is no date from 2000-01-01 to 2099-12-31"),
        (["plan", "--config", PAPER, "--date", "0001-01-01"], "is no date from 2000-01-01 to 2099-12-31"),
        (["plan", "--config", PAPER, "--start", "07:00+03:00"], "is no time of the day without a zone, like 07:30"),
        (["plan", "--config", PAPER, "--tank", "200"], "'200' is no number of °C from -40 to 95"),
        (["plan", "--config", PAPER, "--charge", "-1"], "--charge"),
        (["plan", "--config", PAPER, "--prices", PRICES, "--charge", "100"], "no [house.battery]"),
        (["plan", "--config", PAPER, "--prices", PRICES, "--peak", "100"], "add [demand]"),
        (["plan", "--config", FULL, "--prices", PRICES, "--charge", "9000"], "above house.battery.capacity_wh 5000"),
        (["plan", "--config", PAPER, "--prices", PRICES, "--announced", PRICES], "is no plan; `kwh-hub plan --json`"),
        (["plan", "--config", PAPER, "--prices", PRICES, "--announced", "no.json"], "no.json cannot be read"),
        (["run", "--config", FULL], "house.battery (capacity_wh 5000): no battery can be driven yet"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_remedy(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(words)
    except SystemExit as ended:  # refused by the parser itself
        code = int(ended.code or 0)
    assert code == 2
    assert expected in capsys.readouterr().err


def test_a_broker_that_is_away_is_exit_code_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KWH_HUB_MQTT__PORT", "1")
    monkeypatch.setattr("agent.commands.devices._ANSWER_S", 0.5)
    assert main(["devices", "--config", PAPER, "--seconds", "1"]) == 1
    assert "127.0.0.1:1" in capsys.readouterr().err


def test_status_without_a_journal_says_when_there_will_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KWH_HUB_STORAGE__FOLDER", str(tmp_path))
    assert main(["status", "--config", PAPER]) == 1
    assert "when the hub runs for the first time" in capsys.readouterr().err


def test_a_relay_that_its_load_would_burn_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "home.toml"
    device = '\n[[devices]]\nname = "rod"\nrole = "water_heater"\nprofile = "nous-a1t"\naddress = "A0B1C2000002"\n'
    file.write_text(Path(PAPER).read_text() + device)
    assert main(["config", "check", "--config", str(file)]) == 2
    assert "it would burn" in " ".join(capsys.readouterr().out.split())


def test_an_example_is_usable_and_its_gaps_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--config", PAPER]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "usable" in said
    assert "no device has the role water_heater" in said


def test_what_cannot_be_run_yet_is_said_beforehand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--config", FULL]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert "no battery can be driven yet" in said
    assert "Leave [house.battery] out" in said
    assert "house.tank.legionella (every_days 7): no device has the role tank_thermometer" in said
    assert "no device switches dishwasher" in said


@pytest.mark.parametrize("word", [[], ["run"], ["plan"], ["devices"], ["prices"], ["status"], ["config", "check"]])
def test_every_word_teaches(word: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*word, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "example:" in said or "exit codes:" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "column ptf_tl_mwh, ts is missing"),
        ("ts,ptf\n", "column ptf_tl_mwh is missing"),
        ("ts,ptf_tl_mwh\n", "holds no prices"),
        ("ts,ptf_tl_mwh\nyesterday,3\n", "line 2: ts 'yesterday'"),
        ("ts,ptf_tl_mwh\n2020-01-01T00:00,x\n", "line 2: ptf_tl_mwh 'x' is not a number"),
        ("ts,ptf_tl_mwh\n2020-01-01T00:00,nan\n", "not a finite number"),
        ("ts,ptf_tl_mwh\n2020-01-01T00:00,1e300\n", "is the unit right"),
        ("ts,ptf_tl_mwh\n0001-01-01T00:00,1\n", "between 2000 and 2100"),
        ("ts,ptf_tl_mwh\n2020-01-01T00:00,1\n2020-01-01T00:00,2\n", "a time is given twice"),
    ],
)
def test_a_price_file_is_refused_by_line(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(text)
    with pytest.raises(SettingsInvalid, match=expected):
        read_prices(file, ZONE)


def test_price_and_weather_files_are_read_by_the_hour() -> None:
    (day,) = read_prices(Path(PRICES), ZONE).values()
    assert len(day.price_try_per_kwh.values) == 24
    assert day.price_try_per_kwh.values[5] == pytest.approx(0.17999)
    assert day.price_try_per_kwh.span is not None
    assert read_weather(Path(WEATHER), ZONE).outdoor_temperature_c.covers(day.price_try_per_kwh.span)


def test_wind_is_read_where_a_file_has_it(tmp_path: Path) -> None:
    lines = Path(WEATHER).read_text().splitlines()
    file = tmp_path / "weather.csv"
    file.write_text("\n".join([f"{lines[0]},wind_speed_m_s", *(f"{line},7.5" for line in lines[1:])]))
    windy = read_weather(file, ZONE).wind_speed_m_s
    assert windy is not None
    assert set(windy.values) == {7.5}
    assert read_weather(Path(WEATHER), ZONE).wind_speed_m_s is None


def test_real_prices_are_read(shared_data: Path) -> None:
    known = read_prices(shared_data / "ptf_hourly.csv", ZONE)
    assert len(known) > 3000


@pytest.mark.parametrize("words", [["--help"], ["devices", "adopt", "--help"], ["config", "check", "--config", PAPER]])
def test_an_output_that_nobody_reads_ends_a_command_quietly(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "agent", *words], stdout=writing, stderr=subprocess.PIPE, cwd=ROOT, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_pipe_that_breaks_elsewhere_is_a_fault_as_any_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def act(_: object) -> int:
        raise ExceptionGroup("networks", [BrokenPipeError(32, "Broken pipe")])

    monkeypatch.setattr("agent.__main__.config_check", act)
    assert main(["config", "check", "--config", PAPER]) == 3
    assert "a fault of its own" in caplog.text


def test_what_an_error_quotes_cannot_move_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(_: object) -> int:
        raise SettingsInvalid("refused \x1b[2J\x9b31m\nby it")

    monkeypatch.setattr("agent.__main__.config_check", act)
    assert main(["config", "check", "--config", PAPER]) == 2
    assert capsys.readouterr().err == "kwh-hub: refused ·[2J·31m\nby it\n"
