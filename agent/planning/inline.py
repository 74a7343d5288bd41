"""The planner without a process of its own, for the command line and for tests on virtual time."""

from agent.domain.plan import Plan, Problem
from agent.planning.solve import solve


class InlinePlanner:
    """Plans in the caller's process, which stands still meanwhile and keeps the solver's memory."""

    async def plan(self, problem: Problem) -> Plan:
        """Return the plan. Whoever holds a relay meanwhile wants ChildProcessPlanner."""
        return solve(problem)
