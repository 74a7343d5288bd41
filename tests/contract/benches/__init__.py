"""Work benches, one module for each family: `BENCHES` lists them. A further family adds a module, and nothing else."""

import importlib
import pkgutil
from collections.abc import Iterator

from agent.domain.device import Ability
from tests.contract.bench import OpenBench


def benches(ability: Ability | None = None) -> Iterator[OpenBench]:
    """All benches, or those of devices with an ability."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        for open_bench, abilities in importlib.import_module(f"{__name__}.{module.name}").BENCHES.items():
            if ability is None or ability in abilities:
                yield open_bench
