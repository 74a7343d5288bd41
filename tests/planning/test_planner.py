import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.domain.plan import Fallback, Method, Plan
from agent.planning.planner import ChildProcessPlanner
from agent.planning.solve import solve
from tests.planning.houses import BOTH, problem

ROOT = Path(__file__).parents[2]
ASKED = problem(BOTH, [3.0, 1.0, 2.0, 1.0] * 6, outdoor_c=2.0, draw_kg_per_s=0.003)
SHORT = ASKED.model_copy(update={"time_limit_s": 0.1})


def saying(code: str) -> tuple[str, ...]:
    """A child that runs `code` where the planner would run."""
    return (sys.executable, "-c", code)


def staying_up(fifo: Path, first: str = "") -> tuple[str, ...]:
    """A child that says its number into a pipe, which breaks when it ends, and never answers."""
    return saying(
        f"import os, threading; {first}"
        f"pipe = open({str(fifo)!r}, 'w'); print(os.getpid(), file=pipe, flush=True); threading.Event().wait()"
    )


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "child"
    os.mkfifo(path)
    return path


async def test_the_child_gives_the_plan_that_the_solver_gives_here() -> None:
    theirs, here = await ChildProcessPlanner().plan(ASKED), solve(ASKED)
    assert theirs.method is Method.DYNAMIC_PROGRAMMING
    assert without_time(theirs) == without_time(here)


def without_time(plan: Plan) -> Plan:
    return plan.model_copy(update={"proof": plan.proof.model_copy(update={"solve_s": 0.0})})


async def test_a_child_that_is_late_is_killed_and_the_thermostat_plans(fifo: Path) -> None:
    planner = ChildProcessPlanner(grace_s=1.5, command=staying_up(fifo))
    plan, pid = await asyncio.gather(planner.plan(SHORT), asyncio.to_thread(fifo.read_text))
    assert plan.method is Method.THERMOSTAT
    assert plan.fallbacks == frozenset({Fallback.PLANNER_LATE})
    assert plan.proof.movable_bound_try is None
    assert not is_alive(int(pid))


@pytest.mark.parametrize(
    "command",
    [
        saying("raise SystemExit('out of memory')"),
        saying("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"),
        saying("print('no plan')"),
        saying(""),
        ("/nonexistent/planner",),
    ],
    ids=["exits with an error", "crashes", "says nonsense", "says nothing", "cannot be started"],
)
async def test_a_child_that_breaks_is_said_to_have_failed_and_the_thermostat_plans(command: tuple[str, ...]) -> None:
    plan = await ChildProcessPlanner(command=command).plan(ASKED)
    assert plan.method is Method.THERMOSTAT
    assert plan.fallbacks == frozenset({Fallback.PLANNER_FAILED})


async def test_what_a_broken_child_said_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    await ChildProcessPlanner(command=saying("raise SystemExit('out of memory')")).plan(ASKED)
    assert "out of memory" in caplog.text


async def test_cancelling_kills_the_child(fifo: Path) -> None:
    planning = asyncio.create_task(ChildProcessPlanner(command=staying_up(fifo)).plan(ASKED))
    with await asyncio.to_thread(fifo.open) as pipe:
        pid = int(await asyncio.to_thread(pipe.readline))
        planning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await planning
        assert not is_alive(pid)


def test_the_child_ends_with_a_hub_that_is_killed(fifo: Path) -> None:
    child = staying_up(fifo, "from agent.planning.__main__ import end_with_parent; end_with_parent(); ")
    hub = subprocess.Popen(
        saying(
            "import asyncio; from agent.planning.planner import ChildProcessPlanner; "
            "from tests.planning.test_planner import ASKED; "
            f"asyncio.run(ChildProcessPlanner(command={child!r}).plan(ASKED))"
        ),
        cwd=ROOT,
    )
    with fifo.open() as pipe:
        pipe.readline()
        hub.send_signal(signal.SIGKILL)
        hub.wait()
        assert not pipe.read()  # returns only when nobody holds the other end any more


def test_the_hub_never_loads_the_solver() -> None:
    loaded = subprocess.run(
        saying("import sys, agent.planning.planner; print(*{'highspy', 'pulp', 'numpy'} & set(sys.modules))"),
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert loaded.stdout.strip() == ""
