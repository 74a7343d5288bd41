"""Why a file of the owner's was refused, in lines that name the field, its value and the remedy."""

import difflib
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from agent.domain.value import Value


def nearest(name: str, known: Iterable[str]) -> str:
    """What to say of a name that does not exist: the one that was probably meant, or all there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(names)}"


def faults(error: ValidationError, model: type[BaseModel]) -> str:
    """One line per fault: the field, what is wrong with its value, and the nearest right name if it is misspelt."""
    return "\n".join(f"  {line}" for line in _fault_lines(error, model))


def truths_for_numbers(given: object, made: object, path: str = "") -> Iterator[str]:
    """The fields in which a file says true or false where a number is meant; `made` is what became of it."""
    if isinstance(given, bool) and not isinstance(made, bool):
        yield f"  {path}: give a number (it is {given!r})"
    elif isinstance(given, dict) and isinstance(made, BaseModel):
        for key, part in given.items():
            yield from truths_for_numbers(part, getattr(made, key, part), f"{path}.{key}" if path else key)
    elif isinstance(given, list) and isinstance(made, tuple):
        for place, (part, value) in enumerate(zip(given, made, strict=True)):
            yield from truths_for_numbers(part, value, f"{path}.{place}")


def _fault_lines(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        *parents, leaf = fault["loc"] or ("",)
        field = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
        if fault["type"] == "extra_forbidden":
            yield f"{field}: there is no such key; {nearest(str(leaf), _field_names(model, parents))}"
        elif fault["type"] == "missing":
            yield f"{field}: is missing"
        else:
            said = fault["msg"].removeprefix("Value error, ")
            given = fault["input"]
            # A word in the place of a whole section may be a secret that lost its way.
            hidden = isinstance(given, dict | list | Value) or "password" in field or len(fault["loc"]) < 2
            shown = "" if hidden else f" (it is {given!r})"
            yield f"{field}: {said}{shown}"


def _field_names(model: type[BaseModel], parents: Sequence[Any]) -> list[str]:
    models: list[type[BaseModel]] = [model]
    for part in parents:
        annotations = [
            m.model_fields[part].annotation for m in models if isinstance(part, str) and part in m.model_fields
        ]
        tagged = [m for m in models if isinstance(part, str) and _has_tag(m, part)]
        models = tagged or [m for annotation in annotations for m in _models_in(annotation)] or models
    return sorted({name for m in models for name in m.model_fields})


def _has_tag(model: type[BaseModel], tag: str) -> bool:
    kind = model.model_fields.get("kind")
    return kind is not None and kind.default == tag


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any type expression
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, tuple, list, dict, Annotated):
        for argument in get_args(annotation):
            yield from _models_in(argument)
