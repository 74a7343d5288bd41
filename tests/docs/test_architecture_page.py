"""docs/architecture.md: the table that is enforced, and every word that a fault or a job is known by."""

import re

from agent.domain.command import Cause, Stage
from agent.domain.plan import Fallback
from tests.docs.pages import ROOT, code_in, rows_of, section, text_of
from tests.test_architecture import ALLOWED

PAGE = text_of("docs/architecture.md")


def test_the_table_of_imports_is_the_one_that_is_enforced() -> None:
    rows = rows_of(section(PAGE, "Who may import whom"))[1:]
    written = {room: set(code_in(row[1])) for row in rows for room in code_in(row[0])}
    assert written == ALLOWED


def test_every_fallback_cause_and_stage_is_explained() -> None:
    known = {word.value for words in (Fallback, Cause, Stage) for word in words}
    assert known <= set(code_in(PAGE))


def test_the_table_of_jobs_is_the_one_of_the_code() -> None:
    code = (ROOT / "agent" / "day.py").read_text(encoding="utf-8")
    rows = rows_of(section(PAGE, "Jobs"))[1:]
    assert [row[0] for row in rows] == re.findall(r'\bJob\("([^"]+)"', code)


def test_every_folder_named_is_there() -> None:
    folders = rows_of(section(PAGE, "Folders"))[1:]
    assert [name for row in folders for name in code_in(row[0]) if not (ROOT / name).exists()] == []
    packages = {f"agent/{path.parent.name}/" for path in (ROOT / "agent").glob("*/__init__.py")}
    assert packages <= {name for row in folders for name in code_in(row[0])}
