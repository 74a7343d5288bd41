"""The planner's process: a Problem as JSON on standard input, its Plan as JSON on standard output."""

import ctypes
import logging
import os
import signal
import sys

from agent.domain.plan import Problem
from agent.planning.solve import solve

_PR_SET_PDEATHSIG = 1
NICENESS = 10
"""The loop that holds the relays goes first."""


def main() -> None:
    """Answer one problem and end."""
    end_with_parent()
    os.nice(NICENESS)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)  # whatever a solver prints is no part of the answer
        problem = Problem.model_validate_json(sys.stdin.buffer.read())
        answer.write(solve(problem).model_dump_json())


def end_with_parent() -> None:
    """Have the kernel kill this process when the hub is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
