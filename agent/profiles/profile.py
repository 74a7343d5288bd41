"""What is known of one device model: how to recognise it, what it can do, what its relay carries."""

from enum import StrEnum
from typing import Self

from pydantic import Field, HttpUrl, model_validator

from agent.domain.device import Ability, Protocol
from agent.domain.value import Value


class Family(StrEnum):
    """The firmware that a device speaks, which decides the adapter that understands it."""

    TASMOTA = "tasmota"
    SHELLY_GEN1 = "shelly_gen1"
    SHELLY_GEN2 = "shelly_gen2"
    """Generation 2 and later, over MQTT."""
    ZIGBEE2MQTT = "zigbee2mqtt"
    HOME_ASSISTANT = "home_assistant"
    """Whatever announces itself by Home Assistant's discovery, ESPHome for one."""
    OPENBEKEN = "openbeken"
    ZIGBEE = "zigbee"
    """By the hub's own coordinator."""
    SHELLY_BLE = "shelly_ble"
    """Generation 2 and later, over Bluetooth."""
    SWITCHBOT = "switchbot"
    BTHOME = "bthome"


class AcknowledgementKind(StrEnum):
    """How a switching command is known to have been carried out."""

    STATE_READ_BACK = "state_read_back"
    """The device reports the wanted state, and says the same again when it is asked."""
    REPLY = "reply"
    """It replies to the very command, and says the same again when it is asked."""


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


class GoldenVector(Value):
    """One message as the device sends it, and what the hub must make of it. What it does not say is left out."""

    message: str = Field(min_length=1)
    """Which message of the family it is: the kind, the end of the topic, the cluster, the characteristic."""
    payload: str = ""
    """As text, ..."""
    payload_hex: str = Field(default="", pattern=r"^([0-9a-f]{2}( ?))*$")
    """... or as bytes."""
    relays: dict[int, bool] = Field(default_factory=dict)
    """Channel to on."""
    unit_on: bool | None = None
    """What a remote says that it has told its unit."""
    sensor: str | None = None
    power_w: float | None = None
    energy_wh: int | None = None
    temperature_c: float | None = None


class Zigbee(Value):
    """What a ZigBee device does otherwise than the cluster library says."""

    manufacturers: tuple[str, ...] = ()
    """Names of the manufacturer under which it is recognised, besides `match.models`; empty: any."""
    power_scale: float | None = Field(default=None, gt=0)
    """W per unit of its power; None: by the multiplier and divisor that it tells."""
    energy_scale: float | None = Field(default=None, gt=0)
    """Wh per unit of its counter; None: by the multiplier and divisor that it tells."""
    reports: bool = True
    """Whether reporting works; if not it is asked."""


class Link(StrEnum):
    """What becomes of a Bluetooth connection between two conversations."""

    KEPT = "kept"
    DROPPED = "dropped"


class Ble(Value):
    """How a Bluetooth device wants to be spoken with."""

    link: Link = Link.DROPPED


_OBEY = frozenset({Ability.RELAY, Ability.REMOTE})


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
    ends_itself: bool = False
    """Whether its relay can end an "on" by itself if the hub is gone."""
    zigbee: Zigbee = Zigbee()
    ble: Ble = Ble()
    golden: tuple[GoldenVector, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _relay_belongs_to_its_ratings(self) -> Self:
        has_relay, obeys = Ability.RELAY in self.abilities, not self.abilities.isdisjoint(_OBEY)
        if obeys and self.acknowledgement is None:
            raise ValueError("a relay needs [acknowledgement], and so does a remote")
        if not obeys and self.acknowledgement is not None:
            raise ValueError("acknowledgement, max_switching_a and ends_itself are for relays; abilities has none")
        if not has_relay and (self.max_switching_a is not None or self.ends_itself):
            raise ValueError("max_switching_a and ends_itself are for relays; abilities has none")
        return self

    @property
    def max_power_w(self) -> float | None:
        """The largest resistive load that the relay carries; None if unknown."""
        return None if self.max_switching_a is None else self.max_switching_a * self.mains_v

    def deadline_s(self, asked_s: float | None, otherwise_s: float = 5.0) -> float:
        """Wall seconds for an order or a question: as the owner asked, else as the model needs."""
        if asked_s is not None:
            return asked_s
        return otherwise_s if self.acknowledgement is None else self.acknowledgement.deadline_s

    def carries(self, power_w: float) -> bool | None:
        """Whether the relay carries a load of `power_w`; None if its rating is unknown."""
        return None if self.max_power_w is None else power_w <= self.max_power_w
