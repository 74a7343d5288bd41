"""Value templates of Home Assistant's discovery, the plain ones: which part of a payload is the value.

Understood are `{{ value }}`, `{{ value_json.x.y }}` and `{{ value_json["x"]["y"] }}`, each with any of `| float`,
`| int` and `| round(n)` behind. Everything else is a program in a foreign language and is refused by name: it is never
run, and never guessed at. The default of `float(0)` is not used either: what is no number gives no number.
"""

import json
import re
from dataclasses import dataclass

from agent.errors import HubError

_LONGEST = 300
_MOST_STEPS = 8
_STEP = re.compile(r"""\.([A-Za-z_][A-Za-z0-9_]{0,60})|\[ {0,2}(?:'([^'\]\\]{1,60})'|"([^"\]\\]{1,60})") {0,2}\]""")
_FILTER = re.compile(r"(float|int|round)(?:\( ?(\d{1,6}(?:\.\d{1,6})?)? ?\))?")
_LARGEST = 1e9
"""No number of a home is larger; NaN is not smaller either."""


class HomeAssistantMalformed(HubError):
    """A message that cannot be read, or that asks for what the hub does not do."""


@dataclass(frozen=True)
class Template:
    """Where the value stands in a payload."""

    path: tuple[str, ...] | None = None
    """Keys into the JSON payload; None: the payload itself is the value."""
    filters: tuple[tuple[str, int], ...] = ()
    """What is done with it, in this order: the name, and digits for `round`."""

    def text(self, payload: bytes) -> str:
        """The value as Home Assistant would write it. Raises HomeAssistantMalformed."""
        value = self._value(payload)
        if self.filters:
            return f"{self.number(payload):g}"
        return value if isinstance(value, str) else str(value)

    def number(self, payload: bytes) -> float:
        """The value as a number. Raises HomeAssistantMalformed."""
        value = self._value(payload)
        try:
            number = float("nan") if isinstance(value, bool | None) else float(value)
        except (ValueError, OverflowError) as error:
            raise HomeAssistantMalformed(f"not a number: {str(value)[:40]!r}") from error
        if not abs(number) <= _LARGEST:
            raise HomeAssistantMalformed(f"gives no value: {str(value)[:40]!r}")
        for name, digits in self.filters:
            number = round(number, digits) if name == "round" else float(int(number)) if name == "int" else number
        return number

    def _value(self, payload: bytes) -> str | float | bool | None:
        text = payload.decode(errors="replace")
        if self.path is None:
            return text.strip()
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise HomeAssistantMalformed(f"not JSON: {payload[:60]!r}") from error
        for key in self.path:
            if not isinstance(value, dict) or key not in value:
                raise HomeAssistantMalformed(f"says nothing of {'.'.join(self.path)}")
            value = value[key]
        if isinstance(value, str | int | float | bool | None):
            return value
        raise HomeAssistantMalformed(f"{'.'.join(self.path)} is no plain value")


def read_template(text: str) -> Template:
    """What a template says. Raises HomeAssistantMalformed with the template if it is none of the plain ones."""
    inner = text.strip()
    if len(text) > _LONGEST or not (inner.startswith("{{") and inner.endswith("}}")):
        raise _unknown(text)
    source, *filters = (part.strip() for part in inner[2:-2].strip("-").split("|"))
    return Template(_path(source, text), tuple(_filter(part, text) for part in filters))


def _path(source: str, text: str) -> tuple[str, ...] | None:
    if source == "value":
        return None
    if not source.startswith("value_json"):
        raise _unknown(text)
    keys: list[str] = []
    at = len("value_json")
    while at < len(source):
        step = _STEP.match(source, at)
        if step is None or len(keys) == _MOST_STEPS:
            raise _unknown(text)
        keys.append(next(key for key in step.groups() if key is not None))
        at = step.end()
    if not keys:
        raise _unknown(text)
    return tuple(keys)


def _filter(part: str, text: str) -> tuple[str, int]:
    found = _FILTER.fullmatch(part)
    if found is None:
        raise _unknown(text)
    name, argument = found.groups()
    if name != "round":
        return name, 0
    if argument is not None and not (argument.isdigit() and len(argument) == 1):
        raise _unknown(text)
    return name, int(argument or 0)


def _unknown(text: str) -> HomeAssistantMalformed:
    return HomeAssistantMalformed(f"its value template is not one of the plain ones: {text[:80]!r}")
