"""The owner's file: one more device or one less, and every other byte as it was."""

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.commands.devices.owner_file import rewrite
from agent.commands.devices.table_text import statements, with_device, without_device
from agent.domain.device import Role
from agent.errors import SettingsInvalid
from agent.settings import DeviceSettings, Settings, load_settings

ROOT = Path(__file__).parents[2]
PAPER = (ROOT / "examples" / "paper.toml").read_text()
HOME = (ROOT / "examples" / "home.toml").read_text()
NEW = DeviceSettings(name="new", role=Role.METER, profile="tasmota-meter", address="A0B1C2D3E4F5")

ADDRESSES = st.one_of(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=12),
    st.sampled_from(["[[devices]]", 'a"b', "a'b", "c\\d", "x\ny", "\x7f", "\t", "#", "]] [["]),
)
DEVICES = st.builds(
    DeviceSettings,
    name=st.just("new"),
    role=st.just(Role.METER),
    profile=st.sampled_from(["tasmota-meter", "tasmota-plug"]),
    address=ADDRESSES,
    channel=st.integers(1, 32),
    sensor=st.none() | ADDRESSES,
    deadline_s=st.none() | st.floats(0.1, 15),
)
STRANGE = st.sampled_from(
    [
        '"""\n[[devices]]\nname = "no"\n"""',
        "'''\n[[devices]]\n# no comment ''' ",
        '"""a""""""'[:-1],
        '"""\\"""[[devices]]"""',
        '"# no comment"',
        "'\\'",
        '"\\\\"',
        '"]] [[ {"',
        "'a'",
    ]
)
TRIVIA = st.sampled_from(["", "# [[devices]]\n", '# """\n', "\n", "  \t\n", "# ' \" [[[ {\n\n", "#\n"])
TABLE = st.tuples(
    st.sampled_from(
        ["[[devices]]", "[[ devices ]] # [x]", '  [["devices"]]', "[[ 'devices' ]]", '[["dev\\u0069ces"]]']
    ),
    STRANGE,
    TRIVIA,
    STRANGE,
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A settings file with three devices somewhere in it, in all the ways that TOML has of saying one thing."""
    parts = [f"[mqtt]\nusername = {draw(STRANGE)} # who\n{draw(TRIVIA)}", f"[log]\n{draw(TRIVIA)}level = 'INFO'\n"]
    for index, (header, address, between, sensor) in enumerate(draw(st.tuples(TABLE, TABLE, TABLE))):
        parts.append(
            f'{header}\naddress = {address} # ]]\n{between}name = "d{index}"\nsensor = {sensor}\n'
            f"profile = 'tasmota-meter'\nrole=\"meter\"\n"
        )
    order = draw(st.permutations(parts))
    text = PAPER + "".join(draw(TRIVIA) + part for part in order) + draw(TRIVIA)
    text = text.rstrip("\n") if draw(st.booleans()) else text
    return draw(st.sampled_from([text, text.replace("\n", "\r\n")]))


def loaded(text: str, folder: Path) -> Settings:
    file = folder / "loaded.toml"
    file.write_bytes(text.encode())
    return load_settings(file, {})


@given(files(), DEVICES)
def test_adopting_only_adds_and_is_read_as_it_was_meant(
    tmp_path_factory: pytest.TempPathFactory, text: str, device: DeviceSettings
) -> None:
    folder = tmp_path_factory.mktemp("adopt")
    before = loaded(text, folder)
    longer = with_device(text, device)
    assert longer.startswith(text)
    assert loaded(longer, folder) == before.model_copy(update={"devices": (*before.devices, device)})
    shorter = without_device(longer, device.name)
    assert shorter == text or (not text.endswith("\n") and shorter.rstrip("\r\n") == text)


@given(files(), st.integers(0, 2))
def test_forgetting_cuts_out_one_piece_and_leaves_all_else(
    tmp_path_factory: pytest.TempPathFactory, text: str, which: int
) -> None:
    folder = tmp_path_factory.mktemp("forget")
    before = loaded(text, folder)
    shorter = without_device(text, f"d{which}")
    left = tuple(device for device in before.devices if device.name != f"d{which}")
    assert loaded(shorter, folder) == before.model_copy(update={"devices": left})
    cut = len(text) - len(shorter)
    begins = [at for at in range(len(shorter) + 1) if shorter[:at] + text[at : at + cut] + shorter[at:] == text]
    assert begins, "more than one piece is missing"
    pieces = [text[begin : begin + cut] for begin in begins]
    assert any(f'name = "d{which}"' in piece and piece.strip().startswith("[[") for piece in pieces)


@given(st.text(alphabet="ab=[]{}\"'#\\\n\r \t.", max_size=60))
@example('a = """\\')
@example("a = '")
@example('[["devices"')
def test_no_text_whatever_holds_the_reader_up_or_is_changed_wrongly(text: str) -> None:
    places = [(one.begin, one.end) for one in statements(text)]
    assert all(begin < end for begin, end in places)
    assert places == sorted(places)
    try:
        longer = with_device(text, NEW)
    except SettingsInvalid:
        return
    assert longer.startswith(text)
    assert tomllib.loads(longer.replace("\r\n", "\n").replace("\r", "\n"))["devices"][-1]["name"] == "new"


def test_forgetting_what_was_adopted_gives_the_example_back_byte_by_byte() -> None:
    assert without_device(with_device(HOME, NEW), "new") == HOME


def test_comments_around_a_forgotten_table_stay() -> None:
    shorter = without_device(HOME, "tank-sensor")
    assert "# A plug of its own for an appliance" in shorter
    assert "tank-sensor" not in shorter
    assert set(HOME.splitlines()) - set(shorter.splitlines()) == {
        'name = "tank-sensor"',
        'role = "tank_thermometer"',
        'address = "A0B1C2000004"',
    }


@pytest.mark.parametrize(
    "text",
    ['devices = [{name = "d"}]', "devices = 3", "[devices]\nname = 'd'", "a = [", 'a = nan\n[[devices]]\nname = "d"'],
)
def test_what_cannot_be_changed_safely_is_refused(text: str) -> None:
    with pytest.raises(SettingsInvalid):
        without_device(text, "d")


@pytest.mark.parametrize("text", ["devices = []", 'devices = [{name = "d"}]', "[devices]\nname = 'd'", "a = "])
def test_a_table_is_not_added_where_it_would_not_be_toml(text: str) -> None:
    with pytest.raises(SettingsInvalid):
        with_device(text, NEW)


def test_a_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="not Unicode"):
        with_device("", NEW.model_copy(update={"address": "\udcff"}))


def test_the_file_keeps_its_mode_and_the_link_that_leads_to_it(tmp_path: Path) -> None:
    file, link = tmp_path / "real.toml", tmp_path / "home.toml"
    file.write_text("a = 1\n")
    file.chmod(0o640)
    link.symlink_to(file)
    rewrite(link, lambda text: text + "b = 2\n", lambda _new: None)
    assert link.is_symlink()
    assert file.read_text() == "a = 1\nb = 2\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home.toml", "real.toml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_file_keeps_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    file.write_text("a = 1\n")
    os.chown(file, 1234, 2345)
    rewrite(file, lambda text: text + "b = 2\n", lambda _new: None)
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 2345)


def test_a_file_that_would_not_load_is_left_untouched(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    file.write_text("a = 1\n")
    before = file.stat()

    def check(new: Path) -> None:
        assert new.read_text() == "broken"
        raise SettingsInvalid(f"{new} is not usable")

    with pytest.raises(SettingsInvalid, match=rf"nothing was changed.*{file} is not usable"):
        rewrite(file, lambda _text: "broken", check)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert list(tmp_path.iterdir()) == [file]


def test_what_somebody_else_wrote_meanwhile_is_not_lost(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    file.write_text("a = 1\n")

    def somebody_writes(_new: Path) -> None:
        file.write_text("a = 1000\n")

    with pytest.raises(SettingsInvalid, match="changed by somebody else"):
        rewrite(file, lambda text: text + "b = 2\n", somebody_writes)
    assert file.read_text() == "a = 1000\n"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    for data in (None, b"\xff\xfe"):
        if data is not None:
            file.write_bytes(data)
        with pytest.raises(SettingsInvalid, match="cannot be read"):
            rewrite(file, lambda text: text, lambda _new: None)
