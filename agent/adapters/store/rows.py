"""From rows back to values."""

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import Table

from agent.domain.value import Value
from agent.errors import JournalUnreadable

V = TypeVar("V", bound=Value)


def parsed(model: type[V], content: str | Mapping[str, Any], *, table: Table, row: object) -> V:
    """The value that a row holds, as one JSON text or as columns. Raises JournalUnreadable that names table and row."""
    try:
        return model.model_validate_json(content) if isinstance(content, str) else model.model_validate(content)
    except ValueError as error:
        raise JournalUnreadable(
            f"table {table.name}, row {row}: not readable as {model.__name__}, "
            f"perhaps written by another version: {' '.join(str(error).split())[:300]}"
        ) from error
