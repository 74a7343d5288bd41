"""How the hub speaks: one line per event, stamped with the home's time."""

import logging
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from agent.ports import Clock


class HomeTimeFormatter(logging.Formatter):
    """`2020-01-01 10:05:00 INFO    control.executor: heater on (plan): verified`, in domain time and home zone."""

    def __init__(self, clock: Clock, zone: ZoneInfo) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(room)s: %(message)s")
        self._clock = clock
        self._zone = zone

    def format(self, record: logging.LogRecord) -> str:
        """Name the room without the package's own name."""
        record.room = record.name.removeprefix("agent.")
        return super().format(record)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """The moment of the record by the clock of the home."""
        moment = self._clock.to_domain(datetime.fromtimestamp(record.created, UTC))
        return moment.astimezone(self._zone).strftime(datefmt or "%Y-%m-%d %H:%M:%S")


def start_logging(level: str, clock: Clock, zone: ZoneInfo) -> None:
    """Log to standard error from now on. Libraries speak only of what goes wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(HomeTimeFormatter(clock, zone))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # A job that is still at work when it is due again, such as a fetch that waits, is no news either.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    for library in ("apscheduler", "httpx", "httpcore", "alembic", "asyncio"):
        logging.getLogger(library).setLevel(logging.WARNING)
    # A job that breaks ends the timetable, which says why; one that is ended on the way out is no news.
    logging.getLogger("apscheduler.executors").setLevel(logging.CRITICAL)
