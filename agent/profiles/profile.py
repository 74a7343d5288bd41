"""What is known of one device model: how to recognise it, what it can do, what its relay carries."""

from enum import StrEnum
from typing import Self

from pydantic import Field, HttpUrl, model_validator

from agent.domain.device import Ability, Protocol
from agent.domain.value import Value


class Family(StrEnum):
    """The firmware that a device speaks, which decides the adapter that understands it."""

    TASMOTA = "tasmota"


class AcknowledgementKind(StrEnum):
    """How a switching command is known to have been carried out."""

    STATE_READ_BACK = "state_read_back"
    """The device reports the wanted state, and says the same again when it is asked."""


class Match(Value):
    """How a device that was seen is recognised. Without `models` this is a profile for any model of the family."""

    models: tuple[str, ...] = ()
    """Names by which the device calls its model; for Tasmota the module or template name."""
    by_owner_only: bool = False
    """Never proposed, because another model with a lower rating gives the same name; the owner reads the label."""


class Acknowledgement(Value):
    """How and when a command counts as carried out."""

    kind: AcknowledgementKind
    deadline_s: float = Field(gt=0, le=15)
    """Wall seconds until an unanswered command counts as unknown, where the owner's settings say nothing else."""


class MessageKind(StrEnum):
    """Which message of the device a golden vector shows."""

    RESULT = "RESULT"
    STATE = "STATE"
    SENSOR = "SENSOR"
    STATUS10 = "STATUS10"


class GoldenVector(Value):
    """One message as the device sends it, and what the hub must make of it. What it does not say is left out."""

    message: MessageKind
    payload: str
    relays: dict[int, bool] = Field(default_factory=dict)
    """Channel to on."""
    sensor: str | None = None
    power_w: float | None = None
    energy_wh: int | None = None
    temperature_c: float | None = None


class DeviceProfile(Value):
    """One model, or any model of a family."""

    protocol: Protocol
    family: Family
    manufacturer: str = Field(min_length=1)
    model: str = Field(min_length=1)
    source: HttpUrl
    """Where the ratings and messages below are documented."""
    remark: str = ""
    """What an owner must know before using it."""
    checked_on_hardware: bool = False
    match: Match = Match()
    abilities: frozenset[Ability] = Field(min_length=1)
    max_switching_a: float | None = Field(default=None, gt=0, le=63)
    """Resistive load that the relay carries for hours; None if unknown."""
    mains_v: float = Field(default=230.0, gt=0, le=400)
    acknowledgement: Acknowledgement | None = None
    golden: tuple[GoldenVector, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _relay_belongs_to_its_ratings(self) -> Self:
        has_relay = Ability.RELAY in self.abilities
        if has_relay and self.acknowledgement is None:
            raise ValueError("a relay needs [acknowledgement]")
        if not has_relay and (self.acknowledgement is not None or self.max_switching_a is not None):
            raise ValueError("acknowledgement and max_switching_a are for relays; abilities has none")
        return self

    @property
    def max_power_w(self) -> float | None:
        """The largest resistive load that the relay carries; None if unknown."""
        return None if self.max_switching_a is None else self.max_switching_a * self.mains_v

    def carries(self, power_w: float) -> bool | None:
        """Whether the relay carries a load of `power_w`; None if its rating is unknown."""
        return None if self.max_power_w is None else power_w <= self.max_power_w
