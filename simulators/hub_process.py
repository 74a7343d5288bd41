"""The unmodified hub as a child process, with the simulated home in its environment."""

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

PREFIX = "KWH_HUB_"
GOODBYE_S = 20.0
"""Wall seconds in which a hub that was told to end puts its relays into their safe state."""
ANSWER_S = 30.0


class HubProcess:
    """`kwh-hub run` from entering to leaving; its log goes to a file."""

    def __init__(self, config: Path, environment: Mapping[str, str], log: Path) -> None:
        self._config = config
        # Settings that somebody keeps in this shell belong to another home.
        own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._environment = {**own, **environment}
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command("run"), env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.returncode if self._process is not None else None

    async def wait(self) -> int:
        """Wait for its end and return the exit code."""
        return await self._process.wait() if self._process is not None else 0

    async def end(self) -> int:
        """Tell it to end (SIGTERM), in need end it, and return the exit code."""
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(GOODBYE_S):
                    await self._process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    self._process.kill()
        return await self._process.wait()

    async def status(self) -> str:
        """What `kwh-hub status --json` says; empty if it says nothing."""
        asked = await asyncio.create_subprocess_exec(
            *self._command("status"),
            "--json",
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(ANSWER_S):
                said, _ = await asked.communicate()
        except TimeoutError:
            asked.kill()
            await asked.wait()
            return ""
        return said.decode() if asked.returncode == 0 else ""

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def _command(self, word: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "agent", word, "--config", str(self._config))
