"""Fuzz the parsers for some time with atheris: python -m tests.fuzz --seconds 60."""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["agent.adapters"]):
    from tests.fuzz import parsers

_LARGEST_BYTES = 4096
_MEMORY_MB = 1500


def main() -> None:
    """Run until the time is up; a fault ends it, and leaves the bytes that brought it about in a file `crash-…`."""
    known = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    known.add_argument("--seconds", type=int, default=60, help="how long (60)")
    seconds = known.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for number, seed in enumerate(parsers.seeds()):
            (Path(folder) / str(number)).write_bytes(seed)
        limits = [f"-max_total_time={seconds}", f"-max_len={_LARGEST_BYTES}", f"-rss_limit_mb={_MEMORY_MB}"]
        atheris.Setup([sys.argv[0], folder, *limits], parsers.read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
