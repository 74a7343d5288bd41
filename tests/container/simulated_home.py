"""The world outside the container: `python -m simulators home` on this machine, and what it says of itself."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.container.engine import wait_for


class SimulatedHome:
    """A home that runs in a folder: `home.env` says how to reach it, `truth.json` what is physically so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def environment(self) -> dict[str, str]:
        """The settings that lead a hub to this home."""
        lines = (self.folder / "home.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    def truth(self) -> dict[str, Any]:
        """Relays and temperatures as they are, whatever anybody believes."""
        truth: dict[str, Any] = json.loads((self.folder / "truth.json").read_text())
        return truth

    def relays_on(self) -> set[str]:
        """The relays that are closed."""
        return {name for name, on in self.truth()["relays"].items() if on}


@contextmanager
def simulated_home(folder: Path, settings: Path, speed: float) -> Iterator[SimulatedHome]:
    """Start the home that an owner's settings describe, on the demo's day, and end it afterwards."""
    log = folder.parent / "home.log"
    options = ["--folder", str(folder), "--house", str(settings), "--date", "2020-01-01", "--speed", str(speed)]
    command = [sys.executable, "-m", "simulators", "home", *options]
    with log.open("w") as said, subprocess.Popen(command, stdout=said, stderr=said) as home:
        try:
            wait_for("the simulated home is up", lambda: _is_up(home, folder, log), within_s=60)
            yield SimulatedHome(folder)
        finally:
            home.terminate()
            home.wait(timeout=20)


def _is_up(home: subprocess.Popen[bytes], folder: Path, log: Path) -> bool:
    assert home.poll() is None, f"the simulated home ended with {home.returncode}:\n{log.read_text()[-4000:]}"
    return (folder / "ready").exists()
