"""Things that are well or not: devices, feeds, the broker, the planner."""

from agent.domain.interval import Instant
from agent.domain.value import Value


class Condition(Value):
    """From `at` on, `subject` is well or not. Written once per change, so loss and return are said once each."""

    subject: str
    """For example `device:heater`, `feed:epias`, `broker`, `planner`."""
    well: bool
    at: Instant
    detail: str = ""
