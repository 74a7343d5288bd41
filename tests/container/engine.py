"""The Docker engine that scripts/test-container hands over, driven through its own command line."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DOCKER = os.environ.get("KWH_HUB_DOCKER", "docker")
COMPOSE_FILE = Path(__file__).parents[2] / "docker" / "compose.yaml"


def output(*command: str, environment: dict[str, str] | None = None) -> str:
    """What a command says on both its streams. Raises AssertionError with all of it if the command fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}, timeout=120
    )
    assert done.returncode == 0, f"{' '.join(command)} → {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def docker(*arguments: str) -> str:
    """What `docker ARGUMENTS` says."""
    return output(DOCKER, *arguments)


def _compose() -> list[str]:
    plugin = subprocess.run([DOCKER, "compose", "version"], capture_output=True, check=False)
    return [DOCKER, "compose"] if plugin.returncode == 0 else ["docker-compose"]


class Container:
    """One running service of the compose file."""

    def __init__(self, container_id: str) -> None:
        self.id = container_id

    def inspected(self) -> dict[str, Any]:
        """All that the engine knows of it."""
        described: dict[str, Any] = json.loads(docker("inspect", self.id))[0]
        return described

    @property
    def health(self) -> str:
        """starting, healthy or unhealthy."""
        return str(self.inspected()["State"]["Health"]["Status"])

    def run(self, *command: str) -> str:
        """What a command says inside."""
        return docker("exec", self.id, *command)

    def fails(self, *command: str) -> str:
        """What a command says inside that must not succeed."""
        done = subprocess.run([DOCKER, "exec", self.id, *command], capture_output=True, text=True, check=False)
        assert done.returncode != 0, f"{' '.join(command)} succeeded: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def logs(self) -> str:
        """Everything it said since it was made."""
        return docker("logs", self.id)

    def heartbeat(self) -> dict[str, Any] | None:
        """What the hub wrote after its last completed step since it was started; None before the first."""
        written = subprocess.run(
            [DOCKER, "exec", self.id, "cat", "/run/kwh-hub/heartbeat.json"], capture_output=True, check=False
        )
        beat: dict[str, Any] | None = json.loads(written.stdout) if written.returncode == 0 else None
        return beat


class Project:
    """The shipped compose file, with what differs in the test."""

    def __init__(self, folder: Path, name: str, changes: dict[str, Any], variables: dict[str, str]) -> None:
        self._changes = folder / f"{name}.json"  # which is YAML too
        self._changes.write_text(json.dumps({"services": changes}))
        self._variables = variables
        self._name = f"kwh-hub-test-{name}-{os.getpid()}"

    def start(self, service: str) -> Container:
        """Start one service without those it depends on."""
        self._compose("up", "--detach", "--no-build", "--no-deps", service)
        return Container(self._compose("ps", "--quiet", service).split()[0])

    def run(self, service: str, *arguments: str) -> str:
        """What a service says that is run once with these arguments."""
        return self._compose("run", "--rm", "--no-deps", "-T", service, *arguments)

    def remove(self) -> None:
        """Stop and remove the containers, networks and volumes."""
        self._compose("down", "--volumes", "--timeout", "5")

    def _compose(self, *arguments: str) -> str:
        files = ["--file", str(COMPOSE_FILE), "--file", str(self._changes)]
        return output(*_compose(), "--project-name", self._name, *files, *arguments, environment=self._variables)


def wait_for(fact: str, holds: Callable[[], bool], within_s: float) -> float:
    """Wait until a fact holds; return the seconds it took. Raises AssertionError naming the fact if it never does."""
    began = time.monotonic()
    while not holds():
        waited_s = time.monotonic() - began
        assert waited_s < within_s, f"not within {within_s:.0f} s: {fact}"
        time.sleep(0.5)
    return time.monotonic() - began
