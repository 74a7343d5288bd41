"""The planner's process: a Problem as JSON on standard input, ever better Plans on standard output, one in a line."""

import ctypes
import gc
import logging
import os
import signal
import sys

gc.disable()  # while modules come in, which leave no garbage: looking for some takes a fifth of a short answer's time

from agent.domain.problem import Problem  # noqa: E402
from agent.planning.solve import improving  # noqa: E402

_PR_SET_PDEATHSIG = 1
_GARBAGE = 20_000
"""So many new objects before garbage is looked for."""
NICENESS = 10
"""The loop that holds the relays goes first."""


def main() -> None:
    """Answer one problem, better and better, and end."""
    look_seldom_for_garbage()
    end_with_parent()
    os.nice(NICENESS)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)  # whatever a solver prints is no part of the answer
        problem = Problem.model_validate_json(sys.stdin.buffer.read())
        for plan in improving(problem):
            answer.write(plan.model_dump_json() + "\n")
            answer.flush()  # whoever stops this process has the best plan so far


def look_seldom_for_garbage() -> None:
    """Spare what was loaded, and let most of what a short life leaves go with its process."""
    gc.freeze()
    gc.set_threshold(_GARBAGE, 20, 20)
    gc.enable()


def end_with_parent() -> None:
    """Have the kernel kill this process when the hub is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
