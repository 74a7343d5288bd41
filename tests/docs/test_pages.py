"""Links lead somewhere, and the commands that a reader copies exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.__main__ import parser
from simulators.__main__ import parser as simulators_parser
from tests.docs.pages import ROOT, code_in, pages, prose_of, rows_of, text_of

LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
LARGEST_PICTURE_BYTES = 200_000


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """How the headings of a page are linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for found in LINK.findall(prose_of(page)):
        target, _, anchor = "".join(found).partition("#")
        if "://" in target:
            continue
        there = page if not target else page.parent / target
        assert there.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(there), f"{target} has no heading {anchor}"


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {"".join(found) for found in LINK.findall(text_of("README.md"))}
    unlinked = {name_of(page) for page in pages() if page.parent.name != "decisions"} - linked
    assert unlinked == {"README.md"}


def test_every_decision_is_linked_from_the_architecture() -> None:
    linked = re.findall(r"\]\(decisions/([^)]+)\)", text_of("docs/architecture.md"))
    assert sorted(linked) == sorted(path.name for path in (ROOT / "docs/decisions").glob("*.md"))


def test_decisions_are_numbered_and_short() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs/decisions").glob("*.md"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    for path in (ROOT / "docs/decisions").glob("*.md"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 45, f"{path.name} is no half page"


def test_pictures_are_small() -> None:
    for path in (ROOT / "docs").rglob("*.*"):
        assert path.suffix == ".md" or path.stat().st_size <= LARGEST_PICTURE_BYTES, path


def commands() -> Iterator[tuple[str, list[str]]]:
    """What follows `kwh-hub` in the command lines of the pages."""
    for page in pages():
        lines = re.findall(r"^ {4,}(?:\S+=\S+ )?(?:\S*/)?kwh-hub (.+)$", page.read_text(), re.MULTILINE)
        for line in lines:
            yield name_of(page), shlex.split(line, comments=True)


@pytest.mark.parametrize(("page", "words"), list(commands()))
def test_command_lines_are_understood(page: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    del page
    if words[0] in {"--help", "--version"} or words[-1] == "--help":
        with pytest.raises(SystemExit) as ended:
            parser().parse_args(words)
        assert ended.value.code == 0, capsys.readouterr().err
    else:
        parser().parse_args(words)


def test_the_table_of_commands_is_complete() -> None:
    rows = rows_of(text_of("README.md"))
    told = {
        code[0].removeprefix("kwh-hub ") for row in rows if (code := code_in(row[0])) and code[0].startswith("kwh-hub")
    }
    for words in told:
        parser().parse_args(words.split())
    offered = re.findall(r"^ {4}(\w+) {2,}", parser().format_help(), re.MULTILINE)
    assert {words.split()[0] for words in told} == set(offered)


def test_the_options_of_the_demo_are_understood() -> None:
    lines = re.findall(r"^ {4}scripts/run(?! --help| -- )(?: +(--.*?))?(?: +#.*)?$", text_of("README.md"), re.MULTILINE)
    assert lines
    for line in lines:
        simulators_parser().parse_args(["demo", *shlex.split(line)])


def test_every_script_named_is_there() -> None:
    for page in pages():
        for name in re.findall(r"(?<![\w/])scripts/[\w-]+", page.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{name_of(page)} names {name}"


def test_no_page_knows_the_machine_it_was_written_on() -> None:
    for page in pages():
        assert not re.search(r"/work/|/root/|localhost:\d|/home/\w", page.read_text(encoding="utf-8")), name_of(page)
