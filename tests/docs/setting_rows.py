"""What docs/configuration.md must say of each setting, read from the settings themselves."""

import types
from collections.abc import Iterator
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import annotated_types
from pydantic import AwareDatetime, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from agent.domain.comfort import Band

_UNITS = {
    "_try_per_kwh": "TRY/kWh",
    "try_per_kw": "TRY/kW",
    "_try_per_mwh": "TRY/MWh",
    "_wh_per_c": "Wh/°C",
    "_w_per_m2_c": "W/m²°C",
    "_w_per_m2_c2": "W/m²°C²",
    "_w_per_c": "W/°C",
    "_per_c": "1/°C",
    "_kg_per_min": "kg/min",
    "_kg": "kg",
    "_m2": "m²",
    "_rate": "share",
    "_ratio": "share",
    "_efficiency": "share",
    "_days": "days",
    "_m_s": "m/s",
    "_try": "TRY",
    "_wh": "Wh",
    "_w": "W",
    "_c": "°C",
    "_s": "s",
}
_KINDS = {
    float: "number",
    int: "whole number",
    bool: "true or false",
    str: "text",
    Path: "path",
    SecretStr: "text",
    time: "local time",
    AwareDatetime: "date and time",
}
_SIGNS = ((annotated_types.Gt, "gt", ">"), (annotated_types.Ge, "ge", "≥"))
_UPPER_SIGNS = ((annotated_types.Lt, "lt", "<"), (annotated_types.Le, "le", "≤"))


class Row(NamedTuple):
    """One setting: what its table must say before the meaning."""

    key: str
    kind: str
    default: str
    unit: str

    def __str__(self) -> str:
        """As a line of the table, up to the meaning."""
        return f"| `{self.key}` | {self.kind} | {self.default} | {self.unit} |"


def tables(model: type[BaseModel], path: str = "", title: str = "") -> Iterator[tuple[str, list[Row]]]:
    """The tables of the settings file as they are written there, each with its settings, in the order of the code."""
    rows: list[Row] = []
    inner: list[tuple[str, list[Row]]] = []
    for key, field in model.model_fields.items():
        models, many = _models_in(field.annotation)
        if models == [Band]:
            rows += [_band_row(key, part, field) for part in Band.model_fields]
        elif not models:
            rows.append(_row(key, field))
        for found in models if models != [Band] else []:
            below = f"{path}.{key}" if path else key
            written = f"[[{below}]]" if many else f"[{below}]"
            tag = f' kind = "{found.model_fields["kind"].default}"' if len(models) > 1 else ""
            inner += tables(found, below, written + tag)
    if rows:
        yield title, rows
    yield from inner


def _models_in(annotation: Any) -> tuple[list[type[BaseModel]], bool]:  # noqa: ANN401 - any type expression
    """The models that an annotation may mean, and whether it means many of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation], False
    origin = get_origin(annotation)
    if origin is Annotated:
        return _models_in(get_args(annotation)[0])
    if origin in (tuple, Union, types.UnionType):
        found = [model for part in get_args(annotation) for model in _models_in(part)[0]]
        return found, origin is tuple and bool(found)
    return [], False


def _band_row(key: str, part: str, field: FieldInfo) -> Row:
    row = _row(f"{key}.{part}", Band.model_fields[part])
    return row if field.is_required() else row._replace(default=f"{getattr(field.default, part):g}")


def _row(key: str, field: FieldInfo) -> Row:
    name = key.rpartition(".")[2]
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
    return Row(key, _kind(field.annotation) + _bounds(field.metadata), _default(field), unit)


def _kind(annotation: Any) -> str:  # noqa: ANN401 - any type expression
    if get_origin(annotation) is tuple:
        return "list of " + _kind(get_args(annotation)[0]).removeprefix("one of ")
    parts = [part for part in get_args(annotation) if part is not types.NoneType]
    if get_origin(annotation) is Literal:
        return "text"
    if parts:
        return _kind(parts[0])
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return "one of " + ", ".join(f"`{member.value}`" for member in annotation)
    return _KINDS[annotation]


def _bounds(metadata: list[Any]) -> str:
    said = [
        f" {sign} {getattr(bound, name):g}"
        for signs in (_SIGNS, _UPPER_SIGNS)
        for kind, name, sign in signs
        for bound in metadata
        if isinstance(bound, kind)
    ]
    return ",".join(said)


def _default(field: FieldInfo) -> str:  # noqa: PLR0911 - a word for each kind of value
    if field.is_required() or get_origin(field.annotation) is Literal:  # the word that tells one kind from another
        return "required"
    match field.default:
        case None:
            return "none"
        case bool(switch):
            return str(switch).lower()
        case float(number):
            return f"{number:g}"
        case time() as at:
            return at.isoformat()
        case (_, *_):
            return "all of them"
        case str() | Path() as word if str(word):
            return f"`{word}`"
    return str(field.default) or "empty"
