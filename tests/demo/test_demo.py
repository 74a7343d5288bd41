"""The demo as a newcomer starts it: real broker, real hub, real child processes."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import psutil
import pytest

from agent.domain.plan import Fallback, Method
from agent.errors import SettingsInvalid
from simulators.demo import DemoOptions, plan_summaries, season_warning, setting_of
from simulators.home_file import read_home, with_devices
from tests.demo.days import DAY, EXAMPLES

ROOT = EXAMPLES.parent


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "simulators", *words]


def children_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def wait_for_file(path: Path, process: subprocess.Popen[str]) -> None:
    deadline_s = time.monotonic() + 30
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline_s, f"{path.name} did not come"
        time.sleep(0.05)


def test_plans_are_read_from_what_the_hub_says() -> None:
    plan = {"plan_id": "x", "method": "milp", "gap_movable": 0.01, "fallbacks": ["weather_climate"], "proof": {}}
    (summary,) = plan_summaries(json.dumps({"plans_today": [plan], "plan": None}))
    assert summary.method is Method.MILP
    assert summary.gap_movable == 0.01
    assert summary.fallbacks == {Fallback.WEATHER_CLIMATE}


def test_heating_in_july_is_warned_of_and_in_january_not(tmp_path: Path) -> None:
    def warning(day: date) -> str:
        options = DemoOptions(house=EXAMPLES / "home.toml", day=day, folder=tmp_path)
        return season_warning(setting_of(options, options.house))

    assert 'mode = "cool"' in warning(date(2024, 7, 15))
    assert not warning(DAY)


def test_a_file_without_prices_for_the_day_is_refused(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("ts,ptf_tl_mwh\n2021-05-01T00:00:00+03:00,100\n")
    options = DemoOptions(house=EXAMPLES / "home.toml", day=DAY, folder=tmp_path, prices=prices)
    with pytest.raises(SettingsInvalid, match="no prices for 2020-01-01"):
        setting_of(options, options.house)


def test_a_house_without_devices_gets_the_simulated_ones(tmp_path: Path) -> None:
    bare = tmp_path / "bare.toml"
    whole = (EXAMPLES / "home.toml").read_text()
    bare.write_text(whole[: whole.index("[[devices]]")])
    assert with_devices(EXAMPLES / "home.toml", tmp_path) == EXAMPLES / "home.toml"
    added = read_home(with_devices(bare, tmp_path)).devices
    assert added == read_home(EXAMPLES / "home.toml").devices


def test_the_demo_does_not_delete_what_is_not_its_own(tmp_path: Path) -> None:
    precious = tmp_path / "hub" / "ledger.sqlite"
    precious.parent.mkdir()
    precious.write_text("mine")
    ended = subprocess.run(
        command("demo", "--folder", str(tmp_path)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "choose another --folder" in ended.stderr
    assert precious.read_text() == "mine"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_three_hours_of_the_demo_end_with_a_bill_and_a_picture(tmp_path: Path) -> None:
    # The hub must not follow settings of the person who starts the demo.
    environment = {**os.environ, "KWH_HUB_MQTT__PORT": "1"}
    ended = subprocess.run(
        command("demo", "--folder", str(tmp_path), "--hours", "3", "--speed", "720"),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Electricity bill" in ended.stdout
    assert "The hub planned" in ended.stdout
    assert "gave no account" not in ended.stdout
    assert (tmp_path / "day.png").stat().st_size > 20_000
    assert (tmp_path / "day.svg").exists()
    log = (tmp_path / "hub.log").read_text()
    assert "ac-plug on (plan): verified" in log
    assert "every relay is off" in log
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["relays"] == {"air_conditioner": False, "water_heater": False}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_demo_that_is_interrupted_leaves_nothing_running(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("demo", "--folder", str(tmp_path)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        wait_for_file(tmp_path / "hub" / "ledger.sqlite", demo)
        running = children_of(demo.pid)
        assert len(running) >= 2
        demo.send_signal(signal.SIGINT)
        said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, said
    assert "nothing is left running" in said
    assert not [process for process in running if process.is_running()]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_hub_that_dies_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("demo", "--folder", str(tmp_path)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        wait_for_file(tmp_path / "hub" / "ledger.sqlite", demo)
        (hub,) = [process for process in children_of(demo.pid) if process.cmdline()[1:4] == ["-m", "agent", "run"]]
        hub.kill()
        said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1, said
    assert "the hub ended by itself" in said
    assert "beginning a new ledger" in said


@pytest.mark.timeout(60)
def test_a_home_says_where_it_is_and_how_it_is_until_it_is_told_to_end(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("home", "--folder", str(tmp_path), "--wait"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as home:
        wait_for_file(tmp_path / "ready", home)
        environment = dict(line.split("=", 1) for line in (tmp_path / "home.env").read_text().splitlines())
        truth = json.loads((tmp_path / "truth.json").read_text())
        home.terminate()
        said, complaints = home.communicate(timeout=30)
    assert home.returncode == 0, complaints
    assert not complaints
    assert str(tmp_path / "home.env") in said
    assert {
        "KWH_HUB_MQTT__HOST",
        "KWH_HUB_MQTT__PORT",
        "KWH_HUB_EPIAS__LOGIN_URL",
        "KWH_HUB_EPIAS__BASE_URL",
        "KWH_HUB_EPIAS__USERNAME",
        "KWH_HUB_EPIAS__PASSWORD",
        "KWH_HUB_WEATHER__BASE_URL",
        "KWH_HUB_CLOCK__FILE",
    } == set(environment)
    assert truth["relays"] == {"air_conditioner": False, "water_heater": False}
    assert truth["room_temperature_c"] == 22.0
    assert not (tmp_path / "ready").exists()
