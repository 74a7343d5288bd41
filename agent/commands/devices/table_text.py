"""The [[devices]] tables of a settings file as text: one more, or one less, and every other byte as it was.

The file is read statement by statement, as far as needed to know where each begins and ends; what came of it is then
compared with what a TOML parser makes of the text before and after. Pure functions of the text.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agent.errors import SettingsInvalid
from agent.settings import DeviceSettings

_BREAK = re.compile(r"\r\n|\n|\r")
_BLANK = re.compile(r"[ \t]*(?:\r\n|\n|\r|$)")
_DELETE = "\x7f"
_MULTI_LINE = ('"""', "'''")


@dataclass(frozen=True)
class Statement:
    """One header or one key with its value, with the spaces before it and without its line's end."""

    begin: int
    end: int
    is_header: bool


def with_device(text: str, device: DeviceSettings) -> str:
    """The text with one more table at its end. Raises SettingsInvalid where none can be added."""
    newline = _newline(text)
    parted = "" if not text or text.endswith(("\n", "\r")) else newline
    added = f"{text}{parted}{newline if text else ''}{newline.join(table_lines(device))}{newline}"
    before = _tree(text)
    wanted = {**before, "devices": [*_tables(before), _said(device)]}
    if _tree(added, "[[devices]] cannot be added") != wanted:
        raise SettingsInvalid("[[devices]] cannot be added without changing something else; add it by hand")
    return added


def without_device(text: str, name: str) -> str:
    """The text without the table of that device, and without the empty line before it. Raises SettingsInvalid."""
    before = _tree(text)
    tables = _tables(before)
    places = [place for place, table in enumerate(tables) if table.get("name") == name]
    if not places:
        raise SettingsInvalid(f"no [[devices]] has the name {name}")
    begin, end = _stretch(text, places[0], len(tables))
    shorter = text[:begin] + text[end:]
    left = [table for place, table in enumerate(tables) if place != places[0]]
    wanted = {key: value for key, value in before.items() if key != "devices"} | ({"devices": left} if left else {})
    if _tree(shorter) != wanted:
        raise SettingsInvalid(f"the table of {name} cannot be told from its surroundings; remove it by hand")
    return shorter


def table_lines(device: DeviceSettings) -> Sequence[str]:
    """The table as an owner would write it: what has its default is left out."""
    return ["[[devices]]", *(f"{key} = {_literal(value)}" for key, value in _said(device).items())]


def statements(text: str) -> Iterator[Statement]:
    """All headers and keys of a TOML text, in order; of a text that is no TOML something, but always an end."""
    at = 0
    while at < len(text):
        begin = at
        while at < len(text) and text[at] in " \t":
            at += 1
        if at < len(text) and text[at] not in "\r\n#":
            is_header = text[at] == "["
            at = _end_of_statement(text, at)
            yield Statement(begin, at, is_header)
        at = _next_line(text, at)


def _said(device: DeviceSettings) -> dict[str, Any]:
    said = device.model_dump(mode="json", exclude_defaults=True)
    order = ["name", "role", "load", "profile", "address"]
    return {key: said[key] for key in [*order, *sorted(set(said) - set(order))] if key in said}


def _stretch(text: str, place: int, count: int) -> tuple[int, int]:
    """Where the table begins and ends: its header, its keys, the line's end, and one empty line before it."""
    found = list(statements(text))
    headers = [at for at, one in enumerate(found) if one.is_header and _heads_devices(text[one.begin : one.end])]
    if len(headers) != count:
        raise SettingsInvalid("devices is not written as [[devices]] tables; change it by hand")
    last = headers[place]
    while last + 1 < len(found) and not found[last + 1].is_header:
        last += 1
    begin = found[headers[place]].begin
    return _before_empty_line(text, begin), _next_line(text, found[last].end)


def _heads_devices(header: str) -> bool:
    try:
        return tomllib.loads(header.strip()) == {"devices": [{}]}
    except tomllib.TOMLDecodeError:
        return False


def _before_empty_line(text: str, begin: int) -> int:
    lines = [match.end() for match in _BREAK.finditer(text, 0, begin)]
    start_of_line_before = lines[-2] if len(lines) > 1 else 0
    return start_of_line_before if lines and _BLANK.fullmatch(text, start_of_line_before, begin) else begin


def _next_line(text: str, at: int) -> int:
    """Behind the end of the line, past a comment."""
    found = _BREAK.search(text, at)
    return len(text) if found is None else found.end()


def _end_of_statement(text: str, at: int) -> int:
    """Where the statement's last line ends: line ends within brackets and long strings do not count."""
    depth = 0
    while at < len(text):
        letter = text[at]
        if letter in "\r\n" and depth <= 0:
            return at
        if letter == "#":
            found = _BREAK.search(text, at)
            at = len(text) if found is None else found.start()
        elif letter in "\"'":
            at = _end_of_string(text, at)
        else:
            depth += (letter in "[{") - (letter in "]}")
            at += 1
    return at


def _end_of_string(text: str, at: int) -> int:
    quote = text[at]
    mark = text[at : at + 3] if text[at : at + 3] in _MULTI_LINE else quote
    at += len(mark)
    while at < len(text):
        if quote == '"' and text[at] == "\\":
            at += 2
        elif text.startswith(mark, at):
            at += len(mark)
            if len(mark) == 3:  # up to two more quotes before the closing ones belong to the string
                at += min(2, len(text[at : at + 2]) - len(text[at : at + 2].lstrip(quote)))
            return at
        elif len(mark) == 1 and text[at] in "\r\n":
            return at
        else:
            at += 1
    return at


def _tree(text: str, otherwise: str = "the file is not TOML") -> dict[str, Any]:
    try:
        return tomllib.loads(_BREAK.sub("\n", text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsInvalid(f"{otherwise}: {error}") from error


def _tables(tree: dict[str, Any]) -> list[dict[str, Any]]:
    tables = tree.get("devices", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SettingsInvalid("devices is not written as [[devices]] tables; change it by hand")
    return tables


def _newline(text: str) -> str:
    found = _BREAK.search(text)
    return "\n" if found is None else found.group()


def _literal(value: object) -> str:
    """A value in TOML; JSON writes the same but for one letter, and for tables."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_literal(part)}' for key, part in value.items())} }}"
    literal = json.dumps(value, ensure_ascii=False).replace(_DELETE, "\\u007F")
    try:
        literal.encode()
    except UnicodeEncodeError as error:
        raise SettingsInvalid(f"{value!r} cannot be written into a file: it is not Unicode") from error
    return literal
