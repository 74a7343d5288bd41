"""An air conditioner behind a remote control, as the meter on its circuit shows it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.domain.device import Infrared, Reading
from agent.domain.house import Aim, AirConditionerMode
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable, DeviceUnverified
from agent.switching.metered import MeteredRelay
from tests.virtual_time import run_virtually

HEAT = Aim(mode=AirConditionerMode.HEAT, setpoint_c=23.0)
START = datetime(2024, 1, 20, tzinfo=UTC)
INFRARED = Infrared(vendor="DAIKIN", verified_by="meter", on_above_w=50.0, settles_s=180.0)
STANDBY_W, RUNNING_W = 4.0, 900.0


@dataclass
class Room:
    """A unit that obeys after some time, the remote control beside it, and the meter on its circuit."""

    starts_after_s: float = 0.0
    deaf: bool = False
    silent: bool = False
    away: str = ""
    sent: list[Aim | None] = field(default_factory=list)
    power_w: float | None = STANDBY_W
    told: tuple[float, datetime] = (STANDBY_W, START)
    on_heard: Callable[[bool], None] | None = None
    measured_at: datetime | None = None
    """Of a meter that only reports now and then."""

    async def order(self, aim: Aim | None) -> None:
        if self.silent:
            await asyncio.Event().wait()
        self.sent.append(aim)
        if not self.deaf:
            self.told = (STANDBY_W if aim is None else RUNNING_W, datetime.now(UTC))

    async def read(self) -> Reading:
        power_w, at = self.told
        if (datetime.now(UTC) - at).total_seconds() >= self.starts_after_s and self.power_w is not None:
            self.power_w = power_w
        return Reading(device="meter", at=self.measured_at or datetime.now(UTC), power_w=self.power_w)


def relay(room: Room) -> MeteredRelay:
    made = MeteredRelay(room, room, SystemClock(), "unit", deadline_s=5.0, infrared=INFRARED)
    made.aim(HEAT)
    return made


def virtually(main) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    run_virtually(START, main)


def test_a_unit_that_shows_at_once_is_verified() -> None:
    async def main() -> None:
        room = Room()
        unit = relay(room)
        assert (await unit.switch(on=True)).on
        assert unit.acknowledged
        assert unit.pending is None
        assert not (await unit.switch(on=False)).on
        assert room.sent == [HEAT, None]

    virtually(main)


@pytest.mark.parametrize("on", [True, False])
def test_an_order_is_pending_until_its_circuit_shows_it(on: bool) -> None:  # noqa: FBT001
    async def main() -> None:
        room = Room()
        unit = relay(room)
        if not on:
            await unit.switch(on=True)
        room.starts_after_s = 120.0
        with pytest.raises(DeviceUnverified, match="does not show yet"):
            await unit.switch(on=on)
        assert unit.acknowledged
        assert unit.pending is on
        await asyncio.sleep(60)
        assert (await unit.read()).on is not on
        assert unit.pending is on
        await asyncio.sleep(61)
        assert (await unit.read()).on is on
        assert unit.pending is None

    virtually(main)


def test_what_a_unit_did_not_hear_is_pending_no_longer_than_it_may_take() -> None:
    async def main() -> None:
        unit = relay(Room(deaf=True))
        with pytest.raises(DeviceUnverified):
            await unit.switch(on=True)
        pending = []
        for pause_s in (179, 1):
            await asyncio.sleep(pause_s)
            pending.append(unit.pending)
        assert pending == [True, None]
        assert not (await unit.read()).on

    virtually(main)


def test_a_unit_at_its_own_setpoint_is_on_until_it_is_told_otherwise() -> None:
    async def main() -> None:
        room = Room()
        unit = relay(room)
        await unit.switch(on=True)
        await asyncio.sleep(600)
        assert (await unit.read()).on
        room.told = (STANDBY_W, datetime.now(UTC))
        for minute in range(1, 50):
            await asyncio.sleep(60)
            assert (await unit.read()).on
            assert unit.must_be_renewed is (minute >= 30)
        assert (await unit.switch(on=True)).on
        assert not unit.must_be_renewed, "it was told again"
        room.told = (STANDBY_W, datetime.now(UTC))
        room.silent = True
        with pytest.raises(DeviceUnreachable):
            await unit.switch(on=True)
        assert (await unit.read()).on, "a renewal that fails changes nothing of what is known"
        room.silent = False
        assert room.sent.pop() == HEAT
        room.told = (STANDBY_W, datetime.now(UTC))
        assert not (await unit.switch(on=False)).on
        assert room.sent == [HEAT, None], "and that is sent, or it would go on by itself"

    virtually(main)


def test_a_unit_that_somebody_starts_with_its_own_remote_control_is_on() -> None:
    async def main() -> None:
        room = Room()
        unit = relay(room)
        assert not (await unit.read()).on
        room.told = (RUNNING_W, datetime.now(UTC))
        assert (await unit.read()).on
        assert unit.pending is None

    virtually(main)


def test_a_unit_is_watched_while_somebody_may_have_put_it_on_by_hand() -> None:
    async def main() -> None:
        room = Room()
        unit = relay(room)
        watched = [unit.asked_often]
        assert room.on_heard is not None
        room.on_heard(True)  # noqa: FBT003 - as the remote tells it
        for pause_s in (0, 179, 1):
            await asyncio.sleep(pause_s)
            watched.append(unit.asked_often)
        assert watched == [False, True, True, False]
        assert room.sent == []

    virtually(main)


def test_what_the_meter_said_before_an_order_proves_nothing() -> None:
    async def main() -> None:
        room = Room(measured_at=START - timedelta(seconds=1), power_w=RUNNING_W)
        room.deaf = True
        room.told = (RUNNING_W, START)
        unit = relay(room)
        with pytest.raises(DeviceUnreachable, match="has not measured since"):
            await unit.switch(on=True)
        assert unit.acknowledged
        assert unit.pending is True

    virtually(main)


def test_a_remote_that_is_silent_or_was_not_aimed_sends_nothing() -> None:
    async def main() -> None:
        room = Room(silent=True, away="its last will says that it is offline")
        unit = relay(room)
        with pytest.raises(DeviceUnreachable, match="no answer within 5 s, and its last will"):
            await unit.switch(on=True)
        assert not unit.acknowledged
        assert unit.pending is None
        blind = MeteredRelay(room, room, SystemClock(), "unit", deadline_s=5.0, infrared=INFRARED)
        with pytest.raises(DeviceRefused, match="whether to heat or to cool"):
            await blind.switch(on=True)
        assert room.sent == []

    virtually(main)


def test_a_meter_without_power_is_malformed() -> None:
    async def main() -> None:
        with pytest.raises(DeviceMalformed, match="no power"):
            await relay(Room(power_w=None)).read()

    virtually(main)


STEPS = st.lists(
    st.tuples(st.sampled_from(["on", "off", "look", "theirs"]), st.integers(min_value=1, max_value=400)), max_size=12
)


@given(steps=STEPS, starts_after_s=st.integers(min_value=0, max_value=400), deaf=st.booleans())
def test_it_never_says_of_a_running_unit_that_it_is_off(
    steps: list[tuple[str, int]],
    starts_after_s: int,
    deaf: bool,  # noqa: FBT001
) -> None:
    async def main() -> None:
        room = Room(starts_after_s=float(starts_after_s), deaf=deaf)
        unit = relay(room)
        for what, pause_s in steps:
            if what == "theirs":
                room.told = (RUNNING_W, datetime.now(UTC))
            elif what in {"on", "off"}:
                try:
                    assert (await unit.switch(on=what == "on")).on is (what == "on")
                except DeviceUnverified:
                    assert unit.pending is (what == "on")
            await asyncio.sleep(pause_s)
            on = (await unit.read()).on
            running = room.power_w == RUNNING_W
            assert on or not running
            if unit.pending is not None:
                assert unit.pending is not running

    virtually(main)
