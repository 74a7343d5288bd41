"""The planner's process: a Problem as JSON on standard input, ever better Plans on standard output, one in a line."""

import ctypes
import logging
import os
import signal
import sys

from agent.domain.problem import Problem
from agent.planning.solve import improving

_PR_SET_PDEATHSIG = 1
NICENESS = 10
"""The loop that holds the relays goes first."""


def main() -> None:
    """Answer one problem, better and better, and end."""
    end_with_parent()
    os.nice(NICENESS)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)  # whatever a solver prints is no part of the answer
        problem = Problem.model_validate_json(sys.stdin.buffer.read())
        for plan in improving(problem):
            answer.write(plan.model_dump_json() + "\n")
            answer.flush()  # whoever stops this process has the best plan so far


def end_with_parent() -> None:
    """Have the kernel kill this process when the hub is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
