"""Profiles are read whole or not at all, and choose the safe rating."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.device import Ability, Protocol
from agent.errors import ProfileInvalid
from agent.profiles import schema, table
from agent.profiles.library import FOLDER, Profiles, load_profiles, read_profile
from agent.profiles.profile import Family

PROFILES = load_profiles()
GOOD = (FOLDER / "mqtt" / "sonoff-th16.toml").read_text()
RELAY, METER, THERMOMETER = Ability.RELAY, Ability.METER, Ability.THERMOMETER


def fitting(model: str, *shows: Ability) -> str | None:
    return PROFILES.fitting(Protocol.MQTT, Family.TASMOTA, model, frozenset(shows))


def read(folder: Path, text: str) -> None:
    path = folder / "profile.toml"
    path.write_text(text)
    read_profile(path)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_called_as_its_device(name: str) -> None:
    profile = PROFILES[name]
    assert name == re.sub(r"[^a-z0-9]+", "-", f"{profile.manufacturer} {profile.model}".lower())


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("max_switching_amps = 16", "did you mean max_switching_a?"),
        ("abilitys = []", "did you mean abilities?"),
        ("[acknowledgement]\ndeadline = 5.0", "did you mean deadline_s?"),
        ("[match]\nmodel = []", "did you mean models?"),
        ("[[golden]]\ntemperature = 20.0", "did you mean temperature_c?"),
        ("zzz = 1", "known here: abilities"),
    ],
)
def test_a_misspelt_key_names_the_nearest_right_one(tmp_path: Path, wrong: str, right: str) -> None:
    with pytest.raises(ProfileInvalid, match=re.escape(right)):
        read(tmp_path, wrong)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("max_switching_a = 16", "max_switching_a = -1", "max_switching_a: "),
        ("max_switching_a = 16", 'max_switching_a = "much"', "max_switching_a: "),
        ('abilities = ["relay", "thermometer"]', 'abilities = ["thermometer"]', "are for relays"),
        ('abilities = ["relay", "thermometer"]', "abilities = []", "abilities: "),
        ('kind = "state_read_back"', 'kind = "hope"', "acknowledgement.kind: "),
        ("https://templates.blakadder.com", "somewhere", "source: "),
        ('protocol = "mqtt"', "", "protocol: is missing"),
        ('protocol = "mqtt"', "protocol = ", "not TOML"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ProfileInvalid, match=re.escape(said)):
        read(tmp_path, GOOD.replace(old, new))


def test_a_relay_without_an_acknowledgement_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileInvalid, match=re.escape("a relay needs [acknowledgement]")):
        read(tmp_path, re.sub(r"\[acknowledgement\].*?\n\n", "", GOOD, flags=re.DOTALL))


def test_an_empty_folder_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ProfileInvalid, match="no device profiles"):
        load_profiles(tmp_path)


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(ProfileInvalid, match="did you mean sonoff-th16"):
        PROFILES.named("sonof-th16")


@given(st.floats(min_value=0.1, max_value=20_000))
def test_a_relay_carries_what_its_rating_says_and_nobody_knows_without_one(power_w: float) -> None:
    for profile in PROFILES.values():
        if profile.max_switching_a is None:
            assert profile.carries(power_w) is None
        else:
            assert profile.carries(power_w) is (power_w <= profile.max_switching_a * profile.mains_v)


def test_the_heater_of_the_paper_is_too_much_for_every_known_relay() -> None:
    assert not any(profile.carries(10_000) for profile in PROFILES.values())


def test_where_two_models_share_a_name_the_lower_rating_is_proposed() -> None:
    for name, profile in PROFILES.items():
        if Ability.RELAY not in profile.abilities:
            continue
        for model in profile.match.models:
            fits = PROFILES.fitting(profile.protocol, profile.family, model, profile.abilities)
            proposed = PROFILES.named(fits or "")
            assert proposed.max_power_w is not None
            assert profile.max_power_w is not None
            assert proposed.max_power_w <= profile.max_power_w, name


@pytest.mark.parametrize(
    ("model", "shows", "name"),
    [
        ("NOUS A1T", (RELAY, METER), "nous-a1t"),
        ("NOUS A1T", (RELAY,), "tasmota-relay"),
        ("Generic", (RELAY,), "tasmota-relay"),
        ("Generic", (RELAY, METER), "tasmota-plug"),
        ("Generic", (METER,), "tasmota-meter"),
        ("Generic", (THERMOMETER,), "tasmota-thermometer"),
        ("Generic", (RELAY, THERMOMETER), "tasmota-relay-thermometer"),
        ("Generic", (), None),
    ],
)
def test_a_device_gets_the_profile_that_fits_what_it_shows(
    model: str, shows: tuple[Ability, ...], name: str | None
) -> None:
    assert fitting(model, *shows) == name


def test_profiles_come_in_the_order_of_their_names() -> None:
    assert list(Profiles({name: PROFILES[name] for name in sorted(PROFILES, reverse=True)})) == sorted(PROFILES)


def test_the_schema_is_current() -> None:
    assert schema.FILE.read_text() == schema.schema_text(), "run: python -m agent.profiles.schema"


def test_the_list_of_devices_is_current() -> None:
    text = table.FILE.read_text()
    assert text == table.with_table(text, PROFILES), "run: python -m agent.profiles.table"
    assert all(f"`{name}`" in text for name in PROFILES)
