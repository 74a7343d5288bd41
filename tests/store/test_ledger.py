"""The ledger answers as a list in memory would, whatever the order of events, over restarts too."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy.dialects import sqlite

from agent import ports
from agent.adapters.store.ledger import SqlLedger, open_ledger
from agent.adapters.store.schema import Moment
from agent.domain.command import Command
from agent.domain.condition import Condition
from agent.domain.interval import Interval
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.domain.plan import Plan
from agent.domain.weather import WeatherForecast
from tests.store import values

T = TypeVar("T")


class LedgerBesideAnOracle(RuleBasedStateMachine):
    """Every question is put to the ledger and to plain lists."""

    @initialize()
    def open(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.stack = AsyncExitStack()
        self.ledger = self.wait(self.opened())
        self.plans: list[Plan] = []
        self.commands: list[Command] = []
        self.conditions: dict[str, Condition] = {}
        self.prices: list[DayAheadPrices] = []
        self.weather: list[WeatherForecast] = []

    def wait(self, asked: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asked)

    async def opened(self) -> SqlLedger:
        return await self.stack.enter_async_context(open_ledger(self.folder))

    @rule()
    def reopen(self) -> None:
        self.wait(self.stack.aclose())
        self.ledger = self.wait(self.opened())

    @rule(plan=values.some_plans)
    def add_plan(self, plan: Plan) -> None:
        self.wait(self.ledger.add_plan(plan))
        if plan.plan_id not in {kept.plan_id for kept in self.plans}:
            self.plans.append(plan)

    @rule(moment=values.moments)
    def plan_in_force(self, moment: datetime) -> None:
        expected = next((plan for plan in reversed(self.plans) if moment in plan.horizon), None)
        assert self.wait(self.ledger.plan_in_force(moment)) == expected

    @rule(span=values.spans)
    def plans_made(self, span: Interval) -> None:
        expected = sorted((plan for plan in self.plans if plan.made_at in span), key=lambda plan: plan.made_at)
        assert self.wait(self.ledger.plans(span)) == expected

    @rule(command=values.some_commands)
    def add_command(self, command: Command) -> None:
        self.wait(self.ledger.add_command(command))
        if (command.command_id, command.stage) not in {(kept.command_id, kept.stage) for kept in self.commands}:
            self.commands.append(command)

    @rule(load=values.loads, limit=st.integers(1, 5))
    def last_commands(self, load: str, limit: int) -> None:
        expected = [command for command in reversed(self.commands) if command.load == load][:limit]
        assert self.wait(self.ledger.last_commands(load, limit)) == expected

    @rule(span=values.spans)
    def commands_given(self, span: Interval) -> None:
        expected = sorted((command for command in self.commands if command.at in span), key=lambda command: command.at)
        assert self.wait(self.ledger.commands(span)) == expected

    @rule(condition=values.some_conditions)
    def add_condition(self, condition: Condition) -> None:
        last = self.conditions.get(condition.subject)
        news = last is None or last.well != condition.well
        assert self.wait(self.ledger.add_condition(condition)) is news
        if news:
            self.conditions[condition.subject] = condition

    @rule()
    def last_conditions(self) -> None:
        expected = [self.conditions[subject] for subject in sorted(self.conditions)]
        assert self.wait(self.ledger.conditions()) == expected

    @rule(prices=values.some_prices)
    def add_prices(self, prices: DayAheadPrices) -> None:
        self.wait(self.ledger.add_prices(prices))
        self.prices.append(prices)

    @rule(day=values.days)
    def best_prices(self, day: date) -> None:
        order = [PriceStatus.FINAL, PriceStatus.INTERIM, PriceStatus.ESTIMATED]
        known = [prices for prices in reversed(self.prices) if prices.day == day]
        expected = min(known, key=lambda prices: order.index(prices.status), default=None)
        assert self.wait(self.ledger.prices(day)) == expected

    @rule(forecast=values.some_forecasts)
    def add_weather(self, forecast: WeatherForecast) -> None:
        self.wait(self.ledger.add_weather(forecast))
        self.weather.append(forecast)

    @rule()
    def last_weather(self) -> None:
        assert self.wait(self.ledger.last_weather()) == (self.weather[-1] if self.weather else None)

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.wait(self.stack.aclose())
            self.wait(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.folder)


def test_the_ledger_answers_as_an_oracle_does() -> None:
    run_state_machine_as_test(
        LedgerBesideAnOracle,
        settings=settings(
            max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@given(moment=st.datetimes(datetime(1900, 1, 1), datetime(2300, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - hypothesis adds the zone
def test_a_moment_is_kept_to_the_microsecond(moment: datetime) -> None:
    column, dialect = Moment(), sqlite.dialect()
    kept = column.process_bind_param(moment, dialect)
    assert column.process_result_value(kept, dialect) == moment.astimezone(UTC)


async def test_a_plan_is_no_longer_in_force_at_the_end_of_its_horizon(tmp_path: Path) -> None:
    plan = values.plan(0)
    async with open_ledger(tmp_path) as ledger:
        await ledger.add_plan(plan)
        assert await ledger.plan_in_force(plan.horizon.start) == plan
        assert await ledger.plan_in_force(plan.horizon.end - timedelta(microseconds=1)) == plan
        assert await ledger.plan_in_force(plan.horizon.end) is None


async def test_of_many_reports_at_once_exactly_one_is_news(tmp_path: Path) -> None:
    lost = Condition(subject="broker", well=False, at=values.START)
    async with open_ledger(tmp_path) as ledger:
        news = await asyncio.gather(*(ledger.add_condition(lost) for _ in range(10)))
    assert sorted(news) == [False] * 9 + [True]


async def test_the_ledger_is_what_the_port_asks_for(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        port: ports.Ledger = ledger
        assert await port.conditions() == []
