"""What a family makes of a device that was heard."""

from dataclasses import dataclass

from agent.domain.device import Ability
from agent.profiles.profile import Family


@dataclass(frozen=True)
class Recognised:
    """A device of a family that the hub knows."""

    family: Family
    model: str
    """As profiles name it in `match.models`."""
    label: str
    firmware: str
    abilities: frozenset[Ability]
    """What it shows that it can do; a profile may say less."""
