"""The planner that the hub asks: a process of its own for every problem, which is ended in time whatever it does.

The solver's memory and its threads end with the process, and the hub never loads it. There is always a plan: where the
process gives none in time or breaks, the thermostat's.
"""

import asyncio
import logging
import sys
from collections.abc import Sequence

from agent.domain.plan import Fallback, Plan, Problem
from agent.errors import PlannerFailed, PlannerLate
from agent.planning.thermostat import thermostat_plan

_log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "agent.planning")
_LAST_WORDS = 400


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
            child = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as error:
            raise PlannerFailed(f"cannot be started: {error}") from error
        try:
            answer, said = await asyncio.wait_for(child.communicate(problem.model_dump_json().encode()), limit_s)
        except TimeoutError as error:
            raise PlannerLate(f"ended after {limit_s:.0f} s") from error
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode != 0:
            last_words = said.decode(errors="replace").strip()[-_LAST_WORDS:]
            raise PlannerFailed(f"exit code {child.returncode}: {last_words}")
        try:
            return Plan.model_validate_json(answer)
        except ValueError as error:
            raise PlannerFailed(f"its answer cannot be read: {error}") from error
