"""The owner's file: what is wrong in it is named, with the remedy."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SettingsInvalid
from agent.settings import Settings, load_settings

EXAMPLES = Path(__file__).parent.parent / "examples"
PAPER = (EXAMPLES / "paper.toml").read_text()


def refusal(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> str:
    file = tmp_path / "home.toml"
    file.write_text(text)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(file, environment or {})
    return str(caught.value)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_is_accepted(example: Path) -> None:
    assert load_settings(example, {}).house.loads


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("heat_loss_w_per_c = 86", "heat_los_w_per_c = 86", "did you mean heat_loss_w_per_c?"),
        ("[house.collector]", "[house.colector]", "did you mean collector?"),
        ("[home]", "[hme]", "did you mean home?"),
        ('time_zone = "Europe/Istanbul"', 'time_zone = "Europe/Istambul"', "did you mean Europe/Istanbul?"),
        ("safety_limit_c = 65.0", "safety_limit_c = 55.0", "safety_limit_c 55.0 is below comfort.high_c 60.0"),
        ("low_c = 23.0, high_c = 27.0", "low_c = 27.0, high_c = 23.0", "low_c 27.0 must be below high_c 23.0"),
        ('mode = "heat"', 'mode = "heet"', "house.air_conditioner.mode: Input should be 'heat' or 'cool'"),
        ("power_w = 2000", "power_w = -2000", "house.air_conditioner.power_w: Input should be greater than 0"),
        ("power_w = 2000", "power_w = nan", "house.air_conditioner.power_w"),
    ],
)
def test_a_fault_is_named_with_its_remedy(tmp_path: Path, right: str, wrong: str, expected: str) -> None:
    assert right in PAPER
    assert expected in refusal(tmp_path, PAPER.replace(right, wrong, 1))


def test_a_misspelt_tariff_key_is_answered_from_the_tariff_that_was_chosen(tmp_path: Path) -> None:
    said = refusal(tmp_path, PAPER + '\n[tariff]\nkind = "flat"\nprice_try_kwh = 3\n')
    assert "did you mean price_try_per_kwh?" in said


@given(name=st.sampled_from(sorted(Settings.model_fields)), position=st.integers(0, 20))
def test_any_section_with_a_letter_lost_is_refused_by_its_right_name(name: str, position: int) -> None:
    misspelt = name[: position % len(name)] + name[position % len(name) + 1 :]
    if misspelt in Settings.model_fields:
        return
    with pytest.raises(SettingsInvalid, match=f"did you mean {name}"):
        load_settings(EXAMPLES / "paper.toml", {f"KWH_HUB_{misspelt.upper()}": "1"})


def test_the_environment_overrides_single_values() -> None:
    settings = load_settings(
        EXAMPLES / "paper.toml", {"KWH_HUB_MQTT__HOST": "192.168.1.5", "KWH_HUB_MQTT__PORT": "1884", "OTHER": "x"}
    )
    assert (settings.mqtt.host, settings.mqtt.port) == ("192.168.1.5", 1884)


def test_a_password_in_the_file_is_refused_without_being_repeated(tmp_path: Path) -> None:
    said = refusal(tmp_path, PAPER + '\n[mqtt]\npassword = "canary-7"\n')
    assert "chmod 600" in said
    assert "canary-7" not in said


def test_a_password_never_shows() -> None:
    settings = load_settings(EXAMPLES / "paper.toml", {"KWH_HUB_EPIAS__PASSWORD": "canary-7"})
    assert "canary-7" not in repr(settings) + settings.model_dump_json()
    assert settings.epias.reveal() == "canary-7"


def test_a_password_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("canary-7\n")
    secret.chmod(0o644)
    settings = load_settings(EXAMPLES / "paper.toml", {"KWH_HUB_EPIAS__PASSWORD_FILE": str(secret)})
    with pytest.raises(SettingsInvalid, match="chmod 600"):
        settings.epias.reveal()
    secret.chmod(0o600)
    assert settings.epias.reveal() == "canary-7"


def test_a_missing_file_says_where_to_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"examples/home\.toml"):
        load_settings(tmp_path / "nowhere.toml", {})


def test_two_devices_cannot_hold_one_role(tmp_path: Path) -> None:
    device = '\n[[devices]]\nname = "{}"\nrole = "water_heater"\nprofile = "tasmota-relay"\naddress = "A"\n'
    said = refusal(tmp_path, PAPER + device.format("one") + device.format("two"))
    assert "one and two both have the role water_heater" in said


def test_one_relay_cannot_serve_two_loads(tmp_path: Path) -> None:
    device = '\n[[devices]]\nname = "{}"\nrole = "{}"\nprofile = "tasmota-relay"\naddress = "{}"\n'
    both = device.format("one", "water_heater", "A0B1C2000001") + device.format(
        "two", "air_conditioner", "a0:b1:c2:00:00:01"
    )
    assert "are the same relay" in refusal(tmp_path, PAPER + both)


def test_a_fault_from_the_environment_names_the_variable(tmp_path: Path) -> None:
    said = refusal(tmp_path, PAPER, {"KWH_HUB_MQTT__PROT": "1884"})
    assert "KWH_HUB_MQTT__PROT" in said
    assert "did you mean port?" in said


def test_a_secret_in_the_place_of_a_section_is_not_repeated(tmp_path: Path) -> None:
    assert "canary-7" not in refusal(tmp_path, PAPER, {"KWH_HUB_EPIAS": "canary-7"})
