"""docs/configuration.md: every setting, as it is."""

import re
from pathlib import Path

import pytest

from agent.settings import DeviceSettings, Settings, load_settings
from tests.docs.pages import rows_of, text_of
from tests.docs.setting_rows import Row, tables

PAGE = text_of("docs/configuration.md")
HEADING = re.compile(r"^## `(\[[^`]+\])`(?:, `(kind = \"\w+\")`)?$", re.MULTILINE)
TABLES = dict(tables(Settings))


def described() -> dict[str, list[list[str]]]:
    """The rows of each table of the page, by the name of the table in the settings file."""
    parts = HEADING.split(PAGE)[1:]
    titles = [f"{table} {kind}" if kind else table for table, kind in zip(parts[::3], parts[1::3], strict=True)]
    return {title: [list(row) for row in rows_of(part)[1:]] for title, part in zip(titles, parts[2::3], strict=True)}


def test_every_table_of_the_settings_is_described_and_no_other() -> None:
    assert list(described()) == list(TABLES)


@pytest.mark.parametrize("title", TABLES)
def test_every_setting_is_described_as_it_is(title: str) -> None:
    found = [Row(row[0].strip("`"), *row[1:4]) for row in described()[title]]
    assert [str(row) for row in found] == [str(row) for row in TABLES[title]]


@pytest.mark.parametrize("title", TABLES)
def test_every_setting_has_a_meaning(title: str) -> None:
    assert all(row[4].strip("` ") for row in described()[title])


def test_a_field_that_is_added_is_missed() -> None:
    class Wider(Settings):
        pass

    Wider.model_fields["another"] = DeviceSettings.model_fields["channel"]
    assert dict(tables(Wider))[""] == [Row("another", "whole number ≥ 1, ≤ 32", "1", "")]


def test_the_variables_of_the_page_are_understood() -> None:
    variables = dict(re.findall(r"^ {4}(KWH_HUB_\w+)=(\S+) kwh-hub", PAGE, re.MULTILINE))
    assert variables
    settings = load_settings(Path("examples/home.toml"), variables)
    assert settings.house.room is not None
    assert (settings.mqtt.host, settings.house.room.comfort.low_c) == ("192.168.1.5", 19.5)
