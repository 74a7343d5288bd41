"""A D-Bus of its own: the real dbus-daemon in a temporary folder, on which nobody but the simulated BlueZ lives."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

VARIABLE = "DBUS_SYSTEM_BUS_ADDRESS"
"""Where every D-Bus library looks for the system bus."""
_STOP_S = 5.0
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>custom</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class DbusMissing(Exception):
    """dbus-daemon is not on this machine, or does not start."""


class PrivateBus:
    """One bus; it is gone when it stops, and comes back under the same address when it is started again."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="bus-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"unix:path={self._folder / 'socket'}"

    def start(self) -> None:
        """Start, and return when it answers. Raises DbusMissing."""
        config = self._folder / "bus.conf"
        config.write_text(_CONFIG.format(socket=self._folder / "socket"))
        binary = shutil.which("dbus-daemon", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin"]))
        if binary is None:
            raise DbusMissing("dbus-daemon is not installed. On Debian or Raspberry Pi OS: sudo apt-get install dbus")
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own configuration, no shell
                [binary, f"--config-file={config}", "--nofork", "--nopidfile", "--print-address=1"],
                stdout=subprocess.PIPE,
                stderr=log,
            )
        said = self._process.stdout.readline() if self._process.stdout is not None else b""
        if not said:  # it says its address once it listens
            self.stop()
            raise DbusMissing((self._folder / "log").read_text(errors="replace")[-500:])

    def stop(self) -> None:
        """End the daemon; whoever is connected loses the bus."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        (self._folder / "socket").unlink(missing_ok=True)

    def discard(self) -> None:
        """Stop, and remove the folder."""
        self.stop()
        shutil.rmtree(self._folder)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    @contextmanager
    def as_system_bus(self) -> Iterator[None]:
        """Let this process, and what it starts, take this bus for the system's."""
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = self.address
        try:
            yield
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before
