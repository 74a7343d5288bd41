"""A day with an air conditioner behind a remote control, which obeys slowly and not always."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.domain.command import Cause, Stage
from agent.domain.device import Infrared
from agent.domain.house import AIR_CONDITIONER, Aim, AirConditionerMode
from agent.ports import Device
from agent.settings import Settings
from agent.switching.metered import MeteredRelay
from tests.hub.days import DAY, START, a_day, against_the_plan, until
from tests.hub.virtual_home import Running, VirtualHome, VirtualMeter, virtual_home

INFRARED = Infrared(vendor="DAIKIN", verified_by="ac-meter", on_above_w=50.0, settles_s=180.0)
OBEYS_AFTER_S = 90.0


@dataclass
class SlowRemote:
    """Sends at once; the unit follows a minute and a half later, unless it is out of sight."""

    home: VirtualHome
    out_of_sight: bool = False
    sent: list[Aim | None] = field(default_factory=list)
    away: str = ""
    on_heard: Callable[[bool], None] | None = None

    async def order(self, aim: Aim | None) -> None:
        self.sent.append(aim)
        if not self.out_of_sight:
            asyncio.get_running_loop().call_later(OBEYS_AFTER_S, self._obeyed, aim is not None)

    def _obeyed(self, on: bool) -> None:  # noqa: FBT001
        self.home.advance()
        self.home.house.switch(AIR_CONDITIONER, on=on)


class InfraredHome(VirtualHome):
    """The home whose air conditioner is told by infrared."""

    remote: SlowRemote

    def devices(self) -> list[Device]:
        self.remote = SlowRemote(self)
        unit = MeteredRelay(
            self.remote, VirtualMeter(self, "ac-plug"), SystemClock(), "ac-plug", deadline_s=5.0, infrared=INFRARED
        )
        made = super().devices()
        return [replace(one, relay=unit, unit=unit, meter=None) if one.name == "ac-plug" else one for one in made]


@pytest.fixture
def home(settings: Settings) -> InfraredHome:
    plain = virtual_home(settings, START)
    return InfraredHome(plain.settings, plain.house)


def test_each_change_of_the_plan_is_sent_once_and_proved(
    settings: Settings, tmp_path: Path, home: InfraredHome
) -> None:
    stages: list[tuple[bool, Stage]] = []
    late: list[str] = []

    async def watch(running: Running) -> None:
        while datetime.now(UTC) < START + timedelta(hours=23):
            await until(datetime.now(UTC) + timedelta(minutes=1))
            before = await against_the_plan(running)
            await asyncio.sleep(OBEYS_AFTER_S + 30)
            if before and await against_the_plan(running) == before:
                late.append(datetime.now(UTC).isoformat())
        commands = await running.ledger.commands(DAY)
        stages.extend((one.on, one.stage) for one in commands if one.load == AIR_CONDITIONER)
        assert not {one.cause for one in commands} & {Cause.OBSERVED, Cause.OVERRIDE}

    a_day(settings, tmp_path, hours=24, during=watch, home=home)
    sent = [aim is not None for aim in home.remote.sent]
    assert len(sent) > 4
    assert all(one is not other for one, other in pairwise(sent)), "nothing is sent twice"
    assert late == []
    for on in (True, False):
        assert stages.count((on, Stage.REQUESTED)) == stages.count((on, Stage.ACKNOWLEDGED))
        assert stages.count((on, Stage.REQUESTED)) - stages.count((on, Stage.VERIFIED)) in (0, 1)  # on the way out
    aims = {aim for aim in home.remote.sent if aim is not None}
    assert settings.house.room is not None
    assert aims == {Aim(mode=AirConditionerMode.HEAT, setpoint_c=ceil(settings.house.room.comfort.high_c))}


def test_a_unit_that_is_out_of_sight_is_named_and_told_again_once_it_may_have_heard(
    settings: Settings, tmp_path: Path, home: InfraredHome
) -> None:
    named: list[str] = []

    async def hide(running: Running) -> None:
        await until(START + timedelta(hours=1))
        home.remote.out_of_sight = True
        before = len(home.remote.sent)
        while "obedience:ac-plug" not in [one.subject for one in await running.ledger.conditions() if not one.well]:
            await asyncio.sleep(30)
        assert len(home.remote.sent) - before <= 2
        named.append("obedience")
        home.remote.out_of_sight = False
        await asyncio.sleep(400 + OBEYS_AFTER_S)
        assert await against_the_plan(running, {AIR_CONDITIONER}) == []
        assert all(one.well for one in await running.ledger.conditions() if one.subject == "obedience:ac-plug")

    a_day(settings, tmp_path, hours=8, during=hide, home=home)
    assert named == ["obedience"]
