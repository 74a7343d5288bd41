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
        (
            "safety_limit_c = 65.0",
            "safety_limit_c = 55.0",
            "safety_limit_c 55.0 is below the comfort band's high_c 60.0",
        ),
        ("low_c = 23.0, high_c = 27.0", "low_c = 27.0, high_c = 23.0", "low_c 27.0 must be below high_c 23.0"),
        ('mode = "heat"', 'mode = "heet"', "house.air_conditioner.mode: Input should be 'heat' or 'cool'"),
        ("power_w = 2000", "power_w = -2000", "house.air_conditioner.power_w: Input should be greater than 0"),
        ("power_w = 2000", "power_w = nan", "house.air_conditioner.power_w"),
    ],
)
def test_a_fault_is_named_with_its_remedy(tmp_path: Path, right: str, wrong: str, expected: str) -> None:
    assert right in PAPER
    assert expected in refusal(tmp_path, PAPER.replace(right, wrong, 1))


def relay(name: str, address: str, more: str) -> str:
    return f'\n[[devices]]\nname = "{name}"\nprofile = "tasmota-plug"\naddress = "{address}"\n{more}\n'


DISHWASHER = """
[[house.appliances]]
name = "dishwasher"
phases = [{ duration_s = 1800, power_w = 2000 }, { duration_s = 3600, power_w = 150 }]
earliest = 21:00:00
latest = 07:00:00
"""
TWICE = """
[[house.room.schedule]]
at = 23:00:00
band = { low_c = 18.0, high_c = 24.0 }
[[house.room.schedule]]
at = 23:00:00
band = { low_c = 16.0, high_c = 24.0 }
days = ["sunday"]
"""
SUMMER = """
[house.air_conditioner.cooling]
cop = 3.0
thermostat_c = 25.0
comfort = { low_c = 23.5, high_c = 26.5 }
"""
COOL_NIGHTS = """
[[house.tank.schedule]]
at = 00:00:00
band = { low_c = 40.0, high_c = 52.0 }
[house.tank.legionella]
temperature_c = 55.0
"""


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        (TWICE, "house.room.schedule says two things for sunday at 23:00:00"),
        (TWICE.replace('["sunday"]', '["sundae"]'), "house.room.schedule.1.days.0"),
        (TWICE.replace('["sunday"]', "[]"), "house.room.schedule: the entry of 23:00:00 has no days"),
        (COOL_NIGHTS, "house.tank.legionella.temperature_c 55.0 cannot be reached: no band of house.tank.schedule"),
        ("\n[house.tank.legionella]\ntemperature = 60\n", "did you mean temperature_c?"),
        (
            DISHWASHER.replace("duration_s = 3600", "duration_s = 36000"),
            "dishwasher runs 37800 s, but between earliest",
        ),
        (DISHWASHER.replace("power_w = 150", "power_w = -1"), "house.appliances.0.phases.1.power_w"),
        (DISHWASHER.replace("latest", "lastest"), "did you mean latest?"),
        (DISHWASHER + "days = []\n", "house.appliances.dishwasher.days is empty, so it would never run"),
        (DISHWASHER + DISHWASHER, "two loads have the same name"),
        (relay("plug", "A", 'role = "appliance"'), 'plug has the role appliance: say which by load = "NAME"'),
        (relay("plug", "A", 'role = "meter"\nload = "dishwasher"'), "plug has the role meter, so it has no load"),
        (
            relay("plug", "A", 'role = "appliance"\nload = "washer"'),
            "plug switches washer, but the house has none ([[house.appliances]])",
        ),
        (
            DISHWASHER + relay("plug", "A", 'role = "appliance"\nload = "washer"'),
            "plug switches washer, but the house has dishwasher",
        ),
        (
            DISHWASHER + "".join(relay(name, name, 'role = "appliance"\nload = "dishwasher"') for name in "ab"),
            "a and b both switch dishwasher; one can",
        ),
        (
            DISHWASHER
            + relay("a", "A0", 'role = "appliance"\nload = "dishwasher"')
            + relay("b", "a0", 'role = "water_heater"'),
            "are the same relay",
        ),
        ("horizon_s = 86400\nlongest_horizon_s = 43200\n", "planning.longest_horizon_s 43200 is below"),
        ('end = "value"\n', "planning.end: Input should be 'valued' or 'restored'"),
        (
            "\n[demand]\ntry_per_kw = 200\nwindow_s = 1000\n",
            "demand.window_s 1000 is not a multiple of planning.step_s",
        ),
        ("\n[demand]\nwindow_s = 900\n", "demand.try_per_kw: is missing"),
        ('\n[export]\nkind = "flat"\nprice_try_kwh = 1\n', "did you mean price_try_per_kwh?"),
        (
            "\n[[house.away]]\nstart = 2026-07-01T10:00:00+03:00\nend = 2026-06-01T10:00:00+03:00\n",
            "is not after start",
        ),
        ("\n[[house.away]]\nstart = 2026-07-01T10:00:00\nend = 2026-08-01T10:00:00\n", "house.away.0.start"),
        (
            SUMMER.replace("= 25.0", "= 28.0"),
            "cooling, as the house is in summer: (whole file): air_conditioner.thermostat_c",
        ),
        (SUMMER.replace("comfort", "comfrt"), "did you mean comfort?"),
        ("\n[house.battery]\ncapacity_wh = 5000\ncharge_w = 2500\n", "house.battery.discharge_w: is missing"),
    ],
)
def test_a_contradiction_is_refused_by_name_and_reason(tmp_path: Path, added: str, expected: str) -> None:
    assert expected in refusal(tmp_path, PAPER + added)


def test_a_load_that_the_limit_never_lets_run_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, PAPER.replace("[house.room]", "[house]\npower_limit_w = 1500\n[house.room]", 1))
    assert "house.power_limit_w 1500 never lets air_conditioner run: it draws 2000 W" in said


def test_a_collector_that_stops_before_it_helps_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, PAPER.replace("[house.collector]", "[house.collector]\nstops_at_c = 35"))
    assert "house.collector.stops_at_c 35.0 is not above house.tank.comfort.low_c" in said


def test_one_key_may_have_many_appliances(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    second = DISHWASHER.replace("dishwasher", "washer")
    devices = "".join(
        relay(f"{load}-plug", f"A{number}", f'role = "appliance"\nload = "{load}"')
        for number, load in enumerate(("dishwasher", "washer"))
    )
    file.write_text(PAPER + DISHWASHER + second + devices)
    assert [device.load for device in load_settings(file, {}).devices] == ["dishwasher", "washer"]


@pytest.mark.parametrize("export", ["flat", "ptf_hourly"])
def test_prices_of_the_market_are_needed_for_what_is_sold_too(tmp_path: Path, export: str) -> None:
    file = tmp_path / "home.toml"
    price = {"flat": "price_try_per_kwh = 3", "ptf_hourly": ""}
    sections = f'[tariff]\nkind = "flat"\nprice_try_per_kwh = 3\n[export]\nkind = "{export}"\n{price[export]}\n'
    file.write_text(PAPER + sections)
    assert load_settings(file, {}).needs_market is (export == "ptf_hourly")


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


def test_true_is_no_number(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    text = (Path(__file__).parents[1] / "examples" / "home.toml").read_text()
    file.write_text(f"{text}\n[control]\ntemperature_max_age_s = 600\n[weather]\ntimeout_s = true\n")
    with pytest.raises(SettingsInvalid, match=r"weather.timeout_s: give a number \(it is True\)"):
        load_settings(file, {})


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("PLANNING__SETTLE_S", "1e12", "planning.settle_s"),
        ("PLANNING__REPLAN_AFTER_S", "999999999", "less than or equal to 86400"),
        ("CONTROL__TEMPERATURE_MAX_AGE_S", "999999999", "less than or equal to 14400"),
        ("EPIAS__FLOOR_TRY_PER_MWH", "5000", "floor_try_per_mwh 5000 is not below cap_try_per_mwh 4500"),
    ],
)
def test_spans_have_an_end_and_a_floor_is_below_its_cap(variable: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsInvalid, match=expected):
        load_settings(Path(__file__).parents[1] / "examples" / "home.toml", {f"KWH_HUB_{variable}": value})


PATHS = {
    ("storage", "folder"): "memory",
    ("epias", "password_file"): "secrets/epias",
    ("mqtt", "password_file"): "secrets/mqtt",
    ("mqtt", "tls_ca_file"): "ca.pem",
    ("clock", "file"): "clock.json",
    ("health", "heartbeat_file"): "beat.json",
}


def test_every_path_of_the_settings_is_among_those_that_are_tried() -> None:
    parts = {name: field.annotation for name, field in Settings.model_fields.items()}
    paths = {
        (section, key)
        for section, part in parts.items()
        for key, field in getattr(part, "model_fields", {}).items()
        if "Path" in str(field.annotation)
    }
    assert paths == set(PATHS)


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    tables = "".join(
        f'\n[{section}]\n{key} = "{path}"\n' for (section, key), path in PATHS.items() if section != "mqtt"
    )
    mqtt = "\n[mqtt]\n" + "".join(f'{key} = "{path}"\n' for (section, key), path in PATHS.items() if section == "mqtt")
    (home / "home.toml").write_text(PAPER + tables + mqtt)
    (elsewhere / "link.toml").symlink_to(home / "home.toml")
    monkeypatch.chdir(elsewhere)
    for named in (home / "home.toml", Path("../home/home.toml"), Path("link.toml")):
        settings = load_settings(named, {})
        for (section, key), path in PATHS.items():
            assert getattr(getattr(settings, section), key) == home / path
    variables = {f"KWH_HUB_{section}__{key}".upper(): path for (section, key), path in PATHS.items()}
    settings = load_settings(home / "home.toml", variables)
    for (section, key), path in PATHS.items():
        assert getattr(getattr(settings, section), key) == Path(path)


def test_the_hubs_memory_is_one_wherever_a_command_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "home.toml"
    file.write_text(PAPER)
    assert load_settings(file, {}).storage.folder == tmp_path / "var"
    monkeypatch.chdir(tmp_path)
    assert load_settings(Path("home.toml"), {}).storage.folder == tmp_path / "var"
    assert load_settings(file, {}).clock.file is None
    assert load_settings(file, {"KWH_HUB_STORAGE__FOLDER": "/data"}).storage.folder == Path("/data")


def test_what_stands_in_the_place_of_a_path_is_refused_as_before(tmp_path: Path) -> None:
    assert "storage" in refusal(tmp_path, f"storage = 3\n{PAPER}")
    assert "storage.folder" in refusal(tmp_path, f"{PAPER}\n[storage]\nfolder = 3\n")
