"""What a profile could say of a recording: [[golden]] drafts, for the owner to check against the device's display."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from agent.adapters.mqtt.recording import golden_of_tasmota
from agent.adapters.mqtt.tasmota_messages import DiscoveryConfig, TasmotaMalformed, mac_of, read_config
from agent.commands.devices.fixture import Line
from agent.profiles.profile import GoldenVector

_MOST_OF_A_KIND = 3
_HEAD = "# Drafts for [[golden]]; check each number against the device's display before you trust it."


def drafts(lines: Sequence[Line]) -> Iterator[str]:
    """The lines of the drafts, nothing if the device said nothing of use."""
    vectors = list(vectors_of(lines))
    if vectors:
        yield _HEAD
    for vector in vectors:
        yield ""
        yield from vector_lines(vector)


def vectors_of(lines: Sequence[Line]) -> Iterator[GoldenVector]:
    """What the device itself said, each once, a few of each kind; with what the hub reads in it, where it can."""
    config = _config(lines)
    seen: set[tuple[str, str]] = set()
    kinds: Counter[str] = Counter()
    for line in lines:
        said = (line.where, line.payload or line.payload_hex or "")
        if line.direction != "from" or line.retained or not said[1] or said in seen:
            continue
        seen.add(said)
        vector = _vector(line, config)
        if vector is not None and kinds[vector.message] < _MOST_OF_A_KIND:
            kinds[vector.message] += 1
            yield vector


def vector_lines(vector: GoldenVector) -> Iterator[str]:
    """One vector as TOML."""
    yield "[[golden]]"
    for key, value in vector.model_dump(exclude_defaults=True).items():
        if isinstance(value, dict):
            pairs = ", ".join(f"{channel} = {json.dumps(on)}" for channel, on in value.items())
            yield f"{key} = {{ {pairs} }}"
        else:
            yield f"{key} = {_literal(value)}"


def _vector(line: Line, config: DiscoveryConfig | None) -> GoldenVector | None:
    if line.topic is not None and config is not None:
        return golden_of_tasmota(line.message, line.payload or "", config)
    try:
        return GoldenVector(message=line.message, payload=line.payload or "", payload_hex=line.payload_hex or "")
    except ValueError:
        return None


def _config(lines: Sequence[Line]) -> DiscoveryConfig | None:
    """How a Tasmota device announced itself, if it is one."""
    for line in lines:
        parts = (line.topic or "").split("/")
        if parts[:2] == ["tasmota", "discovery"] and parts[-1] == "config" and len(parts) == 4 and mac_of(parts[2]):
            try:
                return read_config(parts[2], (line.payload or "").encode())
            except TasmotaMalformed:
                continue
    return None


def _literal(value: object) -> str:
    """In TOML; a text of JSON is readable between single quotes."""
    if isinstance(value, str) and "'" not in value and value.isprintable():
        return f"'{value}'" if '"' in value else f'"{value}"' if "\\" not in value else f"'{value}'"
    written = json.dumps(value, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08X}" for letter in written)
