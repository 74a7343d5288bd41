"""`kwh-hub config check`: what would run on without the hub."""

from pathlib import Path

import pytest

import agent.commands.config as command
from agent.__main__ import main
from agent.domain.device import Role
from agent.errors import SettingsInvalid
from agent.profiles.library import Profiles, load_profiles
from agent.settings import load_settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "home.toml"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    file = tmp_path / "home.toml"
    file.write_text(EXAMPLE.read_text())
    return file


@pytest.fixture
def no_plug_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    known = load_profiles()
    profiles = {name: known.named(name) for name in ("tasmota-plug", "tasmota-thermometer")}
    profiles |= {
        device.profile: known.named(device.profile).model_copy(update={"ends_itself": False})
        for device in load_settings(EXAMPLE, {}).devices
    }
    monkeypatch.setattr(command, "load_profiles", lambda: Profiles(profiles))


@pytest.mark.usefixtures("no_plug_ends_itself")
def test_a_heater_that_would_run_on_without_the_hub_is_refused(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_role = {device.role: device for device in load_settings(example, {}).devices}
    heater, unit = by_role[Role.WATER_HEATER], by_role[Role.AIR_CONDITIONER]
    assert main(["config", "check", "--config", str(example)]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert f'wrong: devices.{heater.name}: {heater.profile} cannot end an "on" by itself' in said
    assert "the water_heater must not run on" in said
    assert "house.water_heater.must_end = false" in said
    assert f"wrong: devices.{unit.name}" not in said


@pytest.mark.usefixtures("no_plug_ends_itself")
def test_what_may_run_on_is_named(
    example: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KWH_HUB_HOUSE__WATER_HEATER__MUST_END", "false")
    assert main(["config", "check", "--config", str(example)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for device in load_settings(example, {}).devices:
        switches = device.role in (Role.AIR_CONDITIONER, Role.WATER_HEATER)
        assert (f'mind: devices.{device.name}: {device.profile} cannot end an "on" by itself' in said) is switches


def test_a_plug_that_ends_itself_is_neither_refused_nor_named(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "check", "--config", str(example)]) == 0
    assert "by itself" not in capsys.readouterr().out


def test_a_dead_man_that_would_bite_between_renewals_is_refused(example: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"control.dead_man_s 900 .* planning.step_s 450") as caught:
        load_settings(example, {"KWH_HUB_PLANNING__STEP_S": "450"})
    assert "renewals" in str(caught.value)
    load_settings(example, {"KWH_HUB_PLANNING__STEP_S": "450", "KWH_HUB_CONTROL__DEAD_MAN_S": "901"})


UNIT = """
[[devices]]
name = "ac-meter"
role = "meter"
profile = "tasmota-meter"
address = "A0B1C200000A"

[[devices]]
name = "unit"
role = "air_conditioner"
profile = "tasmota-infrared"
address = "A0B1C200000B"
infrared = { vendor = "VENDOR", model = MODEL, verified_by = "ac-meter" }
"""


@pytest.mark.parametrize(
    ("vendor", "model", "toggles"),
    [("DAIKIN", -1, False), ("KELON", -1, True), ("PANASONIC_AC", 5, True), ("PANASONIC_AC", 1, False)],
)
def test_a_remote_control_that_only_toggles_is_refused_before_the_hub_runs(
    tmp_path: Path,
    vendor: str,
    model: int,
    toggles: bool,  # noqa: FBT001
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "home.toml"
    paper = (EXAMPLE.parent / "paper.toml").read_text()
    file.write_text(paper + UNIT.replace("VENDOR", vendor).replace("MODEL", str(model)))
    assert main(["config", "check", "--config", str(file)]) == (2 if toggles else 0)
    said = " ".join(capsys.readouterr().out.split())
    assert (f"wrong: devices.unit.infrared.vendor: {vendor} (model {model}) cannot say on or off" in said) is toggles
