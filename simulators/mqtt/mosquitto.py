"""The real mosquitto broker in a folder of its own, which can be stopped and started again on the same port."""

import asyncio
import base64
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

_PASSWORD_ROUNDS = 101
_CONNECT = bytes.fromhex("100c00044d5154540402000a0000")
"""An MQTT 3.1.1 CONNECT without a name: any answer at all, even a refusal, shows that the broker serves."""
_START_S = 10.0
_STOP_S = 5.0


class MosquittoMissing(Exception):
    """The mosquitto binary is not on this machine."""


class MosquittoFailed(Exception):
    """mosquitto did not start; the message carries the end of its log."""


def mosquitto_binary() -> Path:
    """Where mosquitto is. Debian keeps it in /usr/sbin, which is not on every PATH. Raises MosquittoMissing."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
    found = shutil.which("mosquitto", path=path)
    if found is None:
        raise MosquittoMissing(
            "mosquitto is not installed. On Debian or Raspberry Pi OS: sudo apt-get install mosquitto"
        )
    return Path(found)


class Mosquitto:
    """One broker on 127.0.0.1. It forgets everything when it stops, retained messages too."""

    def __init__(self, port: int = 0, users: Mapping[str, str] | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = port or _free_port()
        self._users = dict(users or {})
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it answers. Raises MosquittoMissing, MosquittoFailed."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="mosquitto-"))
            self._configure(self._folder)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own configuration, no shell
                [mosquitto_binary(), "-c", self._folder / "mosquitto.conf"], stdout=log, stderr=log
            )
        deadline_s = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                said = (self._folder / "log").read_text(errors="replace")[-500:]
                self.stop()
                raise MosquittoFailed(f"mosquitto on port {self.port} did not start: {said}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the process; the port stays ours for the next start."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def discard(self) -> None:
        """Stop, and remove the folder."""
        self.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.discard)

    def _configure(self, folder: Path) -> None:
        lines = [
            f"listener {self.port} {self.host}",
            "set_tcp_nodelay true",
            "persistence false",
            f"allow_anonymous {'false' if self._users else 'true'}",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # or it would give its rights up and could not read this folder
        if self._users:
            passwords = folder / "passwords"
            passwords.touch(mode=0o600)
            passwords.write_text("".join(f"{name}:{_hashed(word)}\n" for name, word in self._users.items()))
            lines.append(f"password_file {passwords}")
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1.0) as connection:
                connection.sendall(_CONNECT)
                return connection.recv(4)[:1] == b"\x20"
        except OSError:
            return False


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _PASSWORD_ROUNDS)
    return f"$7${_PASSWORD_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
