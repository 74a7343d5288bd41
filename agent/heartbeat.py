"""Whether the hub still does its work: written after every completed step, read by the container's health check.

Only the standard library, so that a check costs a small machine next to nothing:

    python -m agent.heartbeat /run/kwh-hub/heartbeat.json

exits 0 if the last step was completed in time and relays could be held to a plan, else 1 with the reason.
"""

import json
import sys
import time
from pathlib import Path

_MISSED_STEPS = 3
"""So many steps may be missed before the hub counts as stuck; planning may take most of one."""


def write_heartbeat(path: Path, *, step_s: float, plan_id: str | None) -> None:
    """Say that a step was just completed; `step_s` wall seconds until the next. The folder must exist."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"completed_s": time.time(), "step_s": step_s, "plan_id": plan_id}))
    new.replace(path)


def illness(path: Path, now_s: float) -> str | None:
    """Why the hub is not well at a wall time (seconds since 1970), or None if it is."""
    try:
        beat = json.loads(path.read_text())
        age_s = now_s - float(beat["completed_s"])
        step_s = max(float(beat["step_s"]), 20.0)
        plan_id = beat["plan_id"]
    except FileNotFoundError:
        return f"no step completed yet ({path} is not there)"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{path} cannot be read: {error}"
    if age_s > _MISSED_STEPS * step_s:
        return f"the last step was completed {age_s:.0f} s ago, one is due every {step_s:.0f} s"
    if plan_id is None:
        return "steps run, but no plan is in force"
    return None


def main(arguments: list[str]) -> int:
    """Check the file named by the only argument; print the reason if the hub is not well."""
    if len(arguments) != 1:
        print("use: python -m agent.heartbeat FILE", file=sys.stderr)  # noqa: T201 - a command line of its own
        return 2
    reason = illness(Path(arguments[0]), time.time())
    if reason is not None:
        print(reason, file=sys.stderr)  # noqa: T201 - a command line of its own
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
