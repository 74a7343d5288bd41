"""The ledger: plans, commands, conditions, prices and weather, added and never changed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, case, desc, func, select
from sqlalchemy.dialects.sqlite import insert  # PostgreSQL's has the same clauses

from agent.adapters.store.database import TIME_LIMIT_S, Database, open_database
from agent.adapters.store.rows import parsed
from agent.adapters.store.schema import (
    LEDGER_FILE,
    commands,
    conditions,
    day_ahead_prices,
    plans,
    weather_forecasts,
)
from agent.domain.command import Command
from agent.domain.condition import Condition
from agent.domain.device import Name
from agent.domain.interval import Interval
from agent.domain.market import DayAheadPrices, PriceStatus
from agent.domain.plan import Plan
from agent.domain.weather import WeatherForecast

_BEST_FIRST = case({status.value: rank for rank, status in enumerate(PriceStatus)}, value=day_ahead_prices.c.status)


class SqlLedger:
    """agent.ports.Ledger. *Newest* means added last: a clock may be set back, the order of rows may not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_plan(self, plan: Plan) -> None:
        """Keep a plan; it is in force from now on. Of two with one plan_id the first stays."""
        row = {
            "plan_id": plan.plan_id,
            "made_at": plan.made_at,
            "horizon_start": plan.horizon.start,
            "horizon_end": plan.horizon.end,
            "method": plan.method.value,
            "gap_movable": plan.proof.gap_movable,
            "value": plan.model_dump_json(),
        }
        statement = insert(plans).on_conflict_do_nothing(index_elements=["plan_id"])
        await self._database.write(lambda connection: connection.execute(statement, row))

    async def plan_in_force(self, moment: datetime) -> Plan | None:
        """Return the newest plan whose horizon holds the moment."""
        held = (plans.c.horizon_start <= moment) & (plans.c.horizon_end > moment)
        found = await self._rows(select(plans.c.id, plans.c.value).where(held).order_by(desc(plans.c.id)).limit(1))
        return _plan(found[0]) if found else None

    async def plans(self, span: Interval) -> Sequence[Plan]:
        """Return the plans that were made within a span, oldest first."""
        made = (plans.c.made_at >= span.start) & (plans.c.made_at < span.end)
        found = await self._rows(select(plans.c.id, plans.c.value).where(made).order_by(plans.c.made_at, plans.c.id))
        return [_plan(row) for row in found]

    async def add_command(self, command: Command) -> None:
        """Keep one stage of a command. Of two with one command_id and stage the first stays."""
        statement = insert(commands).on_conflict_do_nothing(index_elements=["command_id", "stage"])
        await self._database.write(lambda connection: connection.execute(statement, command.model_dump()))

    async def last_commands(self, load: Name, limit: int = 20) -> Sequence[Command]:
        """Return the newest stages of commands to a load, newest first."""
        found = await self._rows(
            select(commands).where(commands.c.load == load).order_by(desc(commands.c.id)).limit(limit)
        )
        return [_command(row) for row in found]

    async def commands(self, span: Interval) -> Sequence[Command]:
        """Return the stages of commands within a span, oldest first."""
        within = (commands.c.at >= span.start) & (commands.c.at < span.end)
        found = await self._rows(select(commands).where(within).order_by(commands.c.at, commands.c.id))
        return [_command(row) for row in found]

    async def add_condition(self, condition: Condition) -> bool:
        """Keep a condition if it is the first of its subject or `well` has changed; return whether it was kept."""
        last = (
            select(conditions.c.well)
            .where(conditions.c.subject == condition.subject)
            .order_by(desc(conditions.c.id))
            .limit(1)
        )

        def add(connection: Connection) -> bool:
            if connection.execute(last).scalar() is condition.well:
                return False
            connection.execute(insert(conditions), condition.model_dump())
            return True

        return await self._database.write(add)

    async def conditions(self) -> Sequence[Condition]:
        """Return the last condition of every subject, in the order of their names."""
        newest = select(func.max(conditions.c.id)).group_by(conditions.c.subject)
        found = await self._rows(select(conditions).where(conditions.c.id.in_(newest)).order_by(conditions.c.subject))
        return [_condition(row) for row in found]

    async def add_prices(self, prices: DayAheadPrices) -> None:
        """Keep the prices of a day; a later answer stands beside the earlier one."""
        row = {
            "day": prices.day,
            "status": prices.status.value,
            "fetched_at": prices.fetched_at,
            "value": prices.model_dump_json(),
        }
        await self._database.write(lambda connection: connection.execute(insert(day_ahead_prices), row))

    async def prices(self, day: date) -> DayAheadPrices | None:
        """Return the best known prices of a day: final before interim before estimated, then newest."""
        found = await self._rows(
            select(day_ahead_prices.c.id, day_ahead_prices.c.value)
            .where(day_ahead_prices.c.day == day)
            .order_by(_BEST_FIRST, desc(day_ahead_prices.c.id))
            .limit(1)
        )
        return parsed(DayAheadPrices, found[0]["value"], table=day_ahead_prices, row=found[0]["id"]) if found else None

    async def add_weather(self, forecast: WeatherForecast) -> None:
        """Keep a forecast."""
        row = {
            "issued_at": forecast.issued_at,
            "source": forecast.source.value,
            "value": forecast.model_dump_json(),
        }
        await self._database.write(lambda connection: connection.execute(insert(weather_forecasts), row))

    async def last_weather(self) -> WeatherForecast | None:
        """Return the newest forecast."""
        found = await self._rows(
            select(weather_forecasts.c.id, weather_forecasts.c.value).order_by(desc(weather_forecasts.c.id)).limit(1)
        )
        return (
            parsed(WeatherForecast, found[0]["value"], table=weather_forecasts, row=found[0]["id"]) if found else None
        )

    async def _rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        return await self._database.read(lambda connection: connection.execute(query).mappings().all())


def _plan(row: RowMapping) -> Plan:
    return parsed(Plan, row["value"], table=plans, row=row["id"])


def _command(row: RowMapping) -> Command:
    return parsed(Command, _without_id(row), table=commands, row=row["id"])


def _condition(row: RowMapping) -> Condition:
    return parsed(Condition, _without_id(row), table=conditions, row=row["id"])


def _without_id(row: RowMapping) -> Mapping[str, Any]:
    return {name: content for name, content in row.items() if name != "id"}


@asynccontextmanager
async def open_ledger(
    folder: Path, *, readonly: bool = False, time_limit_s: float = TIME_LIMIT_S
) -> AsyncIterator[SqlLedger]:
    """Open `ledger.sqlite` in a folder; `readonly` beside a running hub. Raises JournalError, JournalCorrupt."""
    async with open_database(folder, LEDGER_FILE, readonly=readonly, time_limit_s=time_limit_s) as database:
        yield SqlLedger(database)
