"""What is set before a power cut: once for each load, and named where that cannot be."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.adapters.store.ledger import SqlLedger, open_ledger
from agent.clock import SystemClock
from agent.control.conditions import Conditions
from agent.control.power_cut import PowerCut
from agent.domain.device import Role
from agent.domain.house import WATER_HEATER
from agent.errors import DeviceError, DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Device
from tests.control.test_executor import ObedientRelay


class Settable(ObedientRelay):
    """Answers, one time after the other, as the test says."""

    answers: list[bool | DeviceError]

    async def start_off(self) -> bool:
        answer = self.answers.pop(0)
        if isinstance(answer, DeviceError):
            raise answer
        return answer


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    async with open_ledger(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("answers", "asked", "named"),
    [
        ([True], 1, False),
        ([False], 1, True),
        ([DeviceRefused("rod", "locked")], 1, True),
        ([DeviceUnreachable("rod", "silent"), DeviceMalformed("rod", "nonsense"), True], 3, False),
        ([DeviceUnreachable("rod", "silent")] * 4, 3, True),
    ],
)
async def test_each_load_is_set_once_and_named_where_it_cannot_be(
    ledger: SqlLedger,
    answers: list[bool | DeviceError],
    asked: int,
    named: bool,  # noqa: FBT001
) -> None:
    rod = Settable("rod", on=False)
    rod.answers = list(answers)
    device = Device(name="boiler-plug", role=Role.WATER_HEATER, relay=rod)
    power_cut = PowerCut({WATER_HEATER: device}, Conditions(ledger, SystemClock()))
    await power_cut.prepare(frozenset())
    assert len(rod.answers) == len(answers), "nobody is asked who does not answer"
    for _ in range(5):
        await power_cut.prepare(frozenset({WATER_HEATER}))
    assert len(answers) - len(rod.answers) == asked
    assert rod.orders == []
    assert [one.subject for one in await ledger.conditions() if not one.well] == ["safe start:boiler-plug"] * named
