"""`kwh-hub run`: the hub itself."""

import argparse
import asyncio

from agent.composition import clock_of
from agent.hub import run_hub
from agent.logs import start_logging
from agent.settings import load_settings


def run(arguments: argparse.Namespace) -> int:
    """Run the hub until SIGTERM or SIGINT; exit code 0 once every relay was told to be off."""
    settings = load_settings(arguments.config)
    clock = clock_of(settings)
    start_logging(settings.log.level, clock, settings.home.zone)
    asyncio.run(run_hub(settings, clock))
    return 0
