"""What can be known of the image and the scripts without an engine."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SCRIPTS = [*(path for path in (TOP / "scripts").iterdir() if path.is_file()), TOP / ".ci" / "run"]


def test_the_dockerfile_builds_with_every_engine() -> None:
    text = (TOP / "Dockerfile").read_text()
    for fetched_or_new in ("# syntax=", "<<", "--link", "--mount"):
        assert fetched_or_new not in text


def test_the_image_fits_every_64_bit_machine() -> None:
    assert not re.search(
        r"x86_64|amd64|--platform", (TOP / "Dockerfile").read_text() + (TOP / "docker/trim").read_text()
    )


@pytest.mark.parametrize(
    "copied", re.findall(r"^COPY (?!--from)(.+) \S+$", (TOP / "Dockerfile").read_text(), re.MULTILINE)
)
def test_what_the_image_copies_is_let_through(copied: str) -> None:
    let_through = {line[1:] for line in (TOP / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for path in copied.split():
        assert (TOP / path).exists()
        assert {path, *map(str, Path(path).parents)} & let_through


@pytest.mark.parametrize(
    ("lock", "group"),
    [("requirements.lock", None), ("requirements-build.lock", "build"), ("requirements-dev.lock", "dev")],
)
def test_the_lock_files_hold_what_pyproject_asks_for(lock: str, group: str | None) -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] if group is None else project["dependency-groups"][group]
    names = {re.split(r"[^a-zA-Z0-9-]", line)[0].lower() for line in wanted if isinstance(line, str)}
    locked = set(re.findall(r"^([a-z0-9-]+)==", (TOP / lock).read_text(), re.MULTILINE))
    assert names <= locked


def test_every_locked_package_has_a_hash() -> None:
    for lock in TOP.glob("requirements*.lock"):
        packages = re.findall(r"^\S+==.*(?:\n .*)*", lock.read_text(), re.MULTILINE)
        assert packages
        assert [package for package in packages if "--hash=sha256:" not in package] == []


def test_the_scripts_are_executable_but_for_the_one_that_is_sourced() -> None:
    assert [path.name for path in SCRIPTS if not path.stat().st_mode & 0o111] == ["setup"]


def test_help_comes_before_anything_is_installed(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "SETUP_VENV": str(tmp_path / "venv")}
    told = subprocess.run(
        [TOP / "scripts" / "run", "--help"], capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert "--speed" in told
    assert not (tmp_path / "venv").exists()


def test_no_password_stands_in_the_compose_file() -> None:
    settings = re.findall(r"KWH_HUB_\w*PASSWORD\w*", (TOP / "docker" / "compose.yaml").read_text())
    assert settings
    assert [name for name in settings if not name.endswith("_PASSWORD_FILE")] == []
