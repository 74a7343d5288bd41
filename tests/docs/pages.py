"""Documents as a program reads them."""

import re
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_CODE_BLOCK = re.compile(r"^(```.*?^```|(?:(?<=\n\n)(?: {4}.*\n)+))", re.MULTILINE | re.DOTALL)


def pages() -> Sequence[Path]:
    """Every document that a reader may open."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def text_of(name: str) -> str:
    """The text of a document, by its path from the top."""
    return (ROOT / name).read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """The text of a document without its code blocks."""
    return _CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))


def section(text: str, heading: str) -> str:
    """What stands below a heading of the second level, up to the next one. Raises ValueError if it is not there."""
    start = text.index(f"\n## {heading}\n")
    end = text.find("\n## ", start + 4)
    return text[start : end if end >= 0 else len(text)]


def rows_of(text: str) -> Sequence[Sequence[str]]:
    """The cells of every table row in a text, without the line under the head."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in rows if not set("".join(row)) <= set("-|: ")]


def code_in(cell: str) -> Sequence[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)
