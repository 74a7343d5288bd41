"""Who may import whom, and how long a room may be: the table of docs/architecture.md, enforced."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STANDARD = set(sys.stdlib_module_names)

# The longest matching prefix decides. Values: modules that may be imported besides the standard library and itself.
DEVICES = {"agent.domain", "agent.ports", "agent.errors", "agent.profiles", "agent.switching", "pydantic"}
CIRCUITS = {"simulators.circuit", "simulators.faults"}
ALLOWED: dict[str, set[str]] = {
    "agent": set(),
    "agent.domain": {"pydantic"},
    "agent.errors": {"agent.domain"},
    "agent.ports": {"agent.domain"},
    "agent.clock": {"agent.domain", "agent.errors", "pydantic"},
    "agent.heartbeat": set(),
    "agent.forecasting": {"agent.domain", "agent.ports", "agent.errors", "numpy"},
    "agent.planning": {"agent.domain", "agent.ports", "agent.errors", "numpy", "pulp", "highspy"},
    "agent.control": {"agent.domain", "agent.ports", "agent.errors", "numpy"},
    "agent.profiles": {"agent.domain", "agent.errors", "pydantic"},
    "agent.switching": {"agent.domain", "agent.ports", "agent.errors"},
    "agent.adapters": set(),
    "agent.adapters.feeds": {"agent.domain", "agent.ports", "agent.errors", "agent.profiles", "httpx", "pydantic"},
    "agent.adapters.shelly": {"agent.domain", "agent.errors", "pydantic"},
    "agent.adapters.mqtt": {*DEVICES, "agent.adapters.shelly", "paho"},
    "agent.adapters.zigbee": {*DEVICES, "bellows", "zigpy", "zigpy_znp"},
    "agent.adapters.ble": {*DEVICES, "agent.adapters.shelly", "bleak"},
    "agent.adapters.store": {"agent.domain", "agent.ports", "agent.errors", "sqlalchemy", "alembic"},
    "agent.connections": {"agent.domain", "agent.errors", "pydantic"},
    "agent.settings": {"agent", "pydantic"},
    "agent.networks": {"agent"},
    "agent.addresses": {"agent"},
    "agent.jobs": {"agent", "apscheduler"},
    "agent.logs": {"agent.ports"},
    "agent.outlook": {"agent"},
    "agent.telling": {"agent.domain"},
    "agent.day": {"agent"},
    "agent.expecting": {"agent"},
    "agent.insisting": {"agent"},
    "agent.fetching": {"agent"},
    "agent.hub": {"agent", "httpx"},
    "agent.composition": {"agent", "httpx"},
    "agent.commands": {"agent", "rich", "httpx"},
    "agent.__main__": {"agent", "rich"},
    "simulators": {"agent.domain", "agent.errors", "pydantic", "rich"},
    "simulators.feeds": {"agent.domain", "agent.errors", "aiohttp"},
    "simulators.shelly": {*CIRCUITS},
    "simulators.mqtt": {*CIRCUITS, "agent.domain", "agent.errors", "simulators.shelly", "paho"},
    "simulators.zigbee": {*CIRCUITS},
    "simulators.ble": {*CIRCUITS, "simulators.shelly", "dbus_fast"},
    "simulators.report": {"agent.domain", "agent.errors", "matplotlib", "numpy", "pydantic", "rich"},
}
LONGEST_FILE = 400
LONGEST_FUNCTION = 40
TERMS_OF_THE_FIELD = {"base_load"}
"""Names that say what they mean although one of their words alone would not."""


def sources() -> list[Path]:
    return sorted(path for package in ("agent", "simulators") for path in (ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that a reader sees where they lead"
            # `from agent.x import y` may mean the module agent.x.y
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def room_of(module: str) -> str:
    return max((room for room in ALLOWED if within(module, room)), key=len)


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_imports_follow_the_table(path: Path) -> None:
    module = module_of(path)
    room = room_of(module)
    for name in imports(ast.parse(path.read_text())):
        if name.split(".")[0] in STANDARD or name in {"__future__", "agent"}:
            continue
        allowed = any(within(name, permitted) for permitted in ALLOWED[room] | {room})
        assert allowed, f"{module} may not import {name}; {room} may import {sorted(ALLOWED[room])}"
        assert not (module.startswith("agent") and within(name, "simulators"))
        if room.startswith("agent.adapters.") and within(name, "agent.adapters"):
            assert room_of(name) in {room} | ALLOWED[room], f"{module} reaches into another adapter: {name}"


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_imports_stand_at_the_top(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [child for child in ast.walk(node) if isinstance(child, ast.Import | ast.ImportFrom)]
            assert not inner, f"{node.name} imports inside itself"
        if isinstance(node, ast.Name):
            assert node.id != "TYPE_CHECKING"


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_rooms_are_no_halls(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE, "a file over 400 lines wants to be two"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines; over 40 it wants to be two"


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_rooms_have_telling_names(path: Path) -> None:
    words = set(path.stem.lower().split("_")) if path.stem not in TERMS_OF_THE_FIELD else set()
    assert not words & {"util", "utils", "helper", "helpers", "manager", "handler", "service", "common", "base"}


def test_no_module_is_in_a_circle() -> None:
    modules = {module_of(path): path for path in sources()}
    graph = {
        module: {
            target
            for name in imports(ast.parse(path.read_text()))
            for target in (name, name.rpartition(".")[0])
            if target in modules and target != module
        }
        for module, path in modules.items()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"circle: {' -> '.join([*trail, module])}"
        if module in done:
            return
        for target in graph[module]:
            visit(target, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())
