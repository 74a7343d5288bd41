"""`kwh-hub devices`: find, take in, try and record the devices of the home. One module for each of its words."""

import argparse

from rich.console import Console

from agent.commands.devices.networks import ANSWER_S
from agent.commands.devices.scan import scan

_ANSWER_S = ANSWER_S
_WORDS = """\
kwh-hub devices scan | list | adopt | forget | test | on | off | record; each explains itself with --help.
Without a word, as now, it scans."""


def devices(arguments: argparse.Namespace) -> int:
    """Without a word: say which there are, and scan."""
    Console(stderr=arguments.json).print(_WORDS, highlight=False)
    return scan(arguments, _ANSWER_S)
