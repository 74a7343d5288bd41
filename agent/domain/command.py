"""What the hub asked of a relay, and what became of it."""

from enum import StrEnum

from agent.domain.device import Name
from agent.domain.interval import Instant
from agent.domain.value import Value


class Stage(StrEnum):
    """How far a command got. Each stage is a row of its own in the ledger."""

    REQUESTED = "requested"
    ACKNOWLEDGED = "acknowledged"
    """It said that it heard the order, but not afterwards that it stands so: it may be in either state."""
    VERIFIED = "verified"
    UNKNOWN = "unknown"
    """It neither said that it heard the order nor how it stands: it may be in either state, and is read back."""
    REFUSED = "refused"


class Cause(StrEnum):
    """Why a relay was told what it was told."""

    PLAN = "plan"
    THERMOSTAT = "thermostat"
    """No valid plan: the rule decides from the measured temperature."""
    MIN_ON = "min_on"
    MIN_OFF = "min_off"
    TANK_TOO_HOT = "tank_too_hot"
    POWER_LIMIT = "power_limit"
    NO_PLAN = "no_plan"
    """Neither a plan nor a temperature: off."""
    SAFE_STATE = "safe_state"
    """The hub is going away."""
    OBSERVED = "observed"
    """Not an order: the relay was found in this state, though the hub held it in the other: somebody pressed it."""
    UNATTENDED = "unattended"
    """Not an order: the relay was found in this state after a time in which nobody held it."""
    BY_COMMAND = "by_command"
    """Its owner ordered it by hand, `kwh-hub devices on` or `off`: a wish, as a pressed button is one."""
    TRIED = "tried"
    """It was tried out, `kwh-hub devices test`: nobody wishes it to stay so."""
    OVERRIDE = "override"
    """Its owner pressed its button not long ago, and it is left as that."""


class Command(Value):
    """One absolute order to one relay at one stage of its life."""

    command_id: str
    load: Name
    device: Name
    on: bool
    cause: Cause
    stage: Stage
    at: Instant
