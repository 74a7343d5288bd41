"""When a found state is its owner's wish, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.control.overrides import Attendance, override_in_force
from agent.control.schedule import Want, left_to_owner
from agent.domain.command import Cause, Command, Stage
from agent.domain.device import RelayState
from agent.domain.house import WATER_HEATER

NOW = datetime(2020, 1, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEAD_MAN = timedelta(minutes=15)
FOUND_OFF, FOUND_ON = RelayState(on=False, at=NOW), RelayState(on=True, at=NOW)


def command(minutes_ago: float, cause: Cause, *, on: bool, stage: Stage = Stage.VERIFIED) -> Command:
    at = NOW - timedelta(minutes=minutes_ago)
    return Command(
        command_id=f"{at}{cause}",
        load=WATER_HEATER,
        device="plug",
        on=on,
        cause=cause,
        stage=stage,
        at=at,
    )


causes = st.sampled_from(Cause)
rows = st.lists(st.builds(command, st.floats(0, 200), causes, on=st.booleans()), max_size=12)


@given(rows=rows, lasts_s=st.integers(0, 86_400))
def test_an_override_is_the_last_wish_and_what_the_hub_did_of_its_own_ends_it(
    rows: list[Command], lasts_s: int
) -> None:
    newest_first = sorted(rows, key=lambda row: row.at, reverse=True)
    lasts = timedelta(seconds=lasts_s)
    override = override_in_force(newest_first, NOW, lasts)
    pressed = [row for row in newest_first if row.cause in {Cause.OBSERVED, Cause.BY_COMMAND}]
    if override is None:
        return
    assert (override.on, override.until) == (pressed[0].on, pressed[0].at + lasts)
    assert override.until > NOW
    since = newest_first[: newest_first.index(pressed[0])]
    assert {row.cause for row in since} <= {Cause.SAFE_STATE, Cause.OVERRIDE}


@pytest.mark.parametrize(
    ("since", "in_force"),
    [
        ([], True),
        ([Cause.SAFE_STATE], True),
        ([Cause.OVERRIDE, Cause.SAFE_STATE], True),
        ([Cause.TANK_TOO_HOT], False),
        ([Cause.POWER_LIMIT, Cause.SAFE_STATE], False),
        ([Cause.UNATTENDED], False),
        ([Cause.TRIED], False),
        ([Cause.PLAN], False),
    ],
)
def test_an_override_outlives_the_hub_but_not_the_interlock(since: list[Cause], in_force: bool) -> None:  # noqa: FBT001
    newest_first = [*(command(5, cause, on=False) for cause in reversed(since)), command(10, Cause.OBSERVED, on=True)]
    override = override_in_force(newest_first, NOW, HOUR)
    assert (override is not None and override.on) is in_force


@pytest.mark.parametrize("stage", Stage)
def test_an_order_by_hand_is_a_wish_where_the_relay_is_known_to_have_followed_it(stage: Stage) -> None:
    rows = [command(10, Cause.BY_COMMAND, on=True, stage=stage), command(60, Cause.PLAN, on=False)]
    override = override_in_force(rows, NOW, HOUR)
    assert (override is not None and override.on) is (stage is Stage.VERIFIED)
    assert override_in_force([command(5, Cause.PLAN, on=False), *rows], NOW, HOUR) is None


def test_an_override_ends_at_its_time_to_the_second() -> None:
    press = [command(60, Cause.OBSERVED, on=True), command(90, Cause.PLAN, on=False)]
    assert override_in_force(press, NOW, HOUR) is None
    assert override_in_force(press, NOW - timedelta(seconds=1), HOUR) is not None
    assert override_in_force(press, press[0].at, timedelta()) is None
    assert override_in_force(press, press[0].at - timedelta(seconds=1), timedelta()) is None, "a look began before it"


def test_only_the_loads_that_were_pressed_are_left_to_their_owner() -> None:
    wanted = [Want(load=name, on=False, cause=Cause.PLAN) for name in ("a", "b")]
    assert left_to_owner(wanted, {"b": True}) == [wanted[0], Want(load="b", on=True, cause=Cause.OVERRIDE)]


def test_only_what_was_held_up_to_then_can_have_been_pressed() -> None:
    attendance = Attendance(DEAD_MAN)
    assert not attendance.was_held("rod", FOUND_ON, must_be_renewed=False, returns=0), "never looked at"
    attendance.looked(frozenset({"rod"}), {"rod": 0})
    assert attendance.was_held("rod", FOUND_ON, must_be_renewed=False, returns=0)
    assert attendance.was_held("rod", FOUND_OFF, must_be_renewed=False, returns=0)
    attendance.looked(frozenset(), {"rod": 0})
    assert not attendance.was_held("rod", FOUND_ON, must_be_renewed=False, returns=0), "it was silent meanwhile"


@pytest.mark.parametrize(("minutes_ago", "pressed"), [(14.9, True), (15, False), (40, False)])
def test_what_ends_by_itself_was_pressed_only_before_its_time(minutes_ago: float, pressed: bool) -> None:  # noqa: FBT001
    attendance = Attendance(DEAD_MAN)
    attendance.looked(frozenset({"rod"}), {"rod": 0})
    assert not attendance.was_held("rod", FOUND_OFF, must_be_renewed=True, returns=0), (
        "nobody knows since when it is on"
    )
    attendance.kept_on("rod", NOW - timedelta(minutes=minutes_ago))
    assert attendance.was_held("rod", FOUND_OFF, must_be_renewed=True, returns=0) is pressed
    assert attendance.was_held("rod", FOUND_ON, must_be_renewed=True, returns=0)


@pytest.mark.parametrize("returns", [0, 1])
def test_what_changed_in_a_power_cut_was_nobodys_press(returns: int) -> None:
    attendance = Attendance(DEAD_MAN)
    attendance.looked(frozenset({"rod"}), {"rod": 0})
    held = attendance.was_held("rod", FOUND_OFF, must_be_renewed=False, returns=returns)
    assert held is (returns == 0)
