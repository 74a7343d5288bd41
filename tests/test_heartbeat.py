"""The health check: well, stuck, planless, never started, unreadable."""

import time
from pathlib import Path

import pytest

from agent.heartbeat import illness, main, write_heartbeat


def test_a_hub_is_well_until_it_misses_its_steps(tmp_path: Path) -> None:
    beat = tmp_path / "beat.json"
    write_heartbeat(beat, step_s=300, plan_id="p")
    now_s = time.time()
    assert illness(beat, now_s) is None
    assert illness(beat, now_s + 899) is None
    assert "901 s ago" in (illness(beat, now_s + 901.4) or "")


def test_a_hub_without_a_plan_is_not_well(tmp_path: Path) -> None:
    beat = tmp_path / "beat.json"
    write_heartbeat(beat, step_s=300, plan_id=None)
    assert "no plan" in (illness(beat, time.time()) or "")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"completed_s": "x", "step_s": 1, "plan_id": "p"}'])
def test_a_heartbeat_that_cannot_be_read_is_an_illness(tmp_path: Path, text: str) -> None:
    beat = tmp_path / "beat.json"
    beat.write_text(text)
    assert "cannot be read" in (illness(beat, 0.0) or "")


def test_the_check_exits_as_docker_expects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beat = tmp_path / "beat.json"
    assert main([str(beat)]) == 1
    assert "no step completed yet" in capsys.readouterr().err
    write_heartbeat(beat, step_s=300, plan_id="p")
    assert main([str(beat)]) == 0
    assert main([]) == 2
