"""`kwh-hub prices`: what the market says of a day, asked now."""

import argparse
import asyncio
from datetime import UTC, datetime

import httpx
from rich.console import Console
from rich.table import Table

from agent.composition import clock_of, prices_of
from agent.domain.interval import Series
from agent.domain.local_day import local_day
from agent.domain.market import DayAheadPrices, ImbalancePrices
from agent.errors import SettingsInvalid
from agent.settings import Settings, load_settings

_BAR = 30


def prices(arguments: argparse.Namespace) -> int:
    """Fetch the prices of a local day and print them, as a table or as JSON."""
    settings = load_settings(arguments.config)
    console = Console(stderr=arguments.json)
    with console.status("asking the market operator…"):
        answer = asyncio.run(_asked(arguments, settings))
    if arguments.json:
        print(answer.model_dump_json(indent=2))  # noqa: T201 - the answer itself
    else:
        console.print(_table(answer, settings))
    return 0


async def _asked(arguments: argparse.Namespace, settings: Settings) -> DayAheadPrices | ImbalancePrices:
    day = arguments.date or datetime.now(UTC).astimezone(settings.home.zone).date()
    async with httpx.AsyncClient() as http:
        market = prices_of(settings, http, clock_of(settings))
        if market is None:
            raise SettingsInvalid(
                "epias.username is not set: register at the transparency platform (free), set epias.username and "
                "epias.password_file, or KWH_HUB_EPIAS__USERNAME and KWH_HUB_EPIAS__PASSWORD"
            )
        return await (market.imbalance(day) if arguments.smf else market.day_ahead(day))


def _table(answer: DayAheadPrices | ImbalancePrices, settings: Settings) -> Table:
    zone = settings.home.zone
    if isinstance(answer, DayAheadPrices):
        table = Table(title=f"PTF of {answer.day}, {answer.status}")
        bill = settings.tariff.prices(local_day(answer.day, zone), answer.price_try_per_kwh, zone)
    else:
        table, bill = Table(title=f"SMF of {answer.day}"), Series()
    table.add_column("from")
    table.add_column("market TL/kWh", justify="right")
    if bill.values:
        table.add_column("on your bill TL/kWh", justify="right")
    table.add_column("")
    dearest = max([*answer.price_try_per_kwh.values, 1e-9])
    for span, price in answer.price_try_per_kwh.items():
        cells = [f"{span.start.astimezone(zone):%H:%M}", f"{price:.4f}"]
        if bill.values:
            cells.append(f"{bill.at(span.start):.4f}")
        table.add_row(*cells, "█" * max(0, round(_BAR * price / dearest)))
    return table
