"""The planner that the hub asks: a process of its own for every problem, which is ended in time whatever it does.

The solver's memory and its threads end with the process, and the hub never loads it. The process says plan after plan,
one in a line, each better than the one before: whenever it is stopped, the last whole line is the plan. Where there is
none, the thermostat plans.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence

from agent.domain.plan import Fallback, Plan
from agent.domain.problem import Problem
from agent.errors import PlannerFailed, PlannerLate
from agent.planning.thermostat import thermostat_plan

_log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "agent.planning")
_LAST_WORDS = 400
_CHUNK = 1 << 16


class ChildProcessPlanner:
    """Plans in a child process.

    `grace_s` (wall seconds) is what the child gets besides the problem's time limit, for its start and its answer.
    """

    def __init__(self, grace_s: float = 20.0, command: Sequence[str] = COMMAND) -> None:
        self._grace_s = grace_s
        self._command = command

    async def plan(self, problem: Problem) -> Plan:
        """Return the child's plan, or the thermostat's if the child is late or broken. Cancelling ends the child."""
        try:
            return await self._answer(problem)
        except PlannerLate as error:
            _log.warning("planner late, the thermostat plans: %s", error)
            return thermostat_plan(problem, Fallback.PLANNER_LATE)
        except PlannerFailed as error:
            _log.warning("planner failed, the thermostat plans: %s", error)
            return thermostat_plan(problem, Fallback.PLANNER_FAILED)

    async def _answer(self, problem: Problem) -> Plan:
        """Raises PlannerLate, PlannerFailed."""
        limit_s = problem.time_limit_s + self._grace_s
        pipe = asyncio.subprocess.PIPE
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
            )
        except OSError as error:
            raise PlannerFailed(f"cannot be started: {error}") from error
        answers = _Answers()
        try:
            said = await asyncio.wait_for(_talk(child, problem.model_dump_json().encode(), answers), limit_s)
        except TimeoutError as error:
            if answers.last is None:
                raise PlannerLate(f"ended after {limit_s:.0f} s") from error
            _log.info("the planner was stopped after %.0f s; its best plan so far is taken", limit_s)
            return _flagged(answers.plan(), Fallback.PLANNER_LATE)
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)  # a solver may be a process of its own
                await child.wait()
        if child.returncode == 0:
            return answers.plan()
        last_words = f"exit code {child.returncode}: {said.decode(errors='replace').strip()[-_LAST_WORDS:]}"
        if answers.last is None:
            raise PlannerFailed(last_words)
        _log.warning("planner failed, its best plan so far is taken: %s", last_words)
        return _flagged(answers.plan(), Fallback.PLANNER_FAILED)


def _flagged(plan: Plan, flag: Fallback) -> Plan:
    return plan.model_copy(update={"fallbacks": plan.fallbacks | {flag}})


class _Answers:
    """What the child has said so far."""

    def __init__(self) -> None:
        self.last: bytes | None = None
        """The last whole line."""
        self._rest = b""

    def hear(self, said: bytes) -> None:
        """Take in what came; a line that is not whole yet waits for its end."""
        *lines, self._rest = (self._rest + said).split(b"\n")
        self.last = next((line for line in reversed(lines) if line.strip()), self.last)

    def plan(self) -> Plan:
        """The last plan. Raises PlannerFailed if there is none or it cannot be read."""
        if self.last is None:
            raise PlannerFailed("it ended without a plan")
        try:
            return Plan.model_validate_json(self.last)
        except ValueError as error:
            raise PlannerFailed(f"its answer cannot be read: {error}") from error


async def _talk(child: asyncio.subprocess.Process, question: bytes, answers: _Answers) -> bytes:
    """Ask, and hear the answers as they come; return what was said on standard error when all is said."""
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise PlannerFailed("it has no pipes")
    last_words = asyncio.ensure_future(child.stderr.read())
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has died: its exit code tells
            child.stdin.write(question)
            await child.stdin.drain()
            child.stdin.close()
        while said := await child.stdout.read(_CHUNK):
            answers.hear(said)
        await child.wait()
        return await last_words
    finally:
        last_words.cancel()
