"""What devices say of themselves, made safe at the border: topics that a broker carries, texts that a screen shows."""

from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator

from agent.adapters.mqtt.broker import Broker
from agent.adapters.mqtt.topics import is_topic
from agent.domain.printable import printable


def is_own_topic(text: str) -> bool:
    """Whether a device may speak there: those that begin with `$` are the broker's own."""
    return is_topic(text) and not text.startswith("$")


def _own_topic(text: str) -> str:
    if not is_own_topic(text):
        raise ValueError("no broker carries such a topic")
    return text


OwnTopic = Annotated[str, AfterValidator(_own_topic)]
"""Without wildcards: a device that announces `#` must not make the hub listen to all."""
Printable = Annotated[str, AfterValidator(printable)]


def unseen(broker: Broker, otherwise: str) -> str:
    """Why nothing is known of a device: because the broker is away, or `otherwise`."""
    return otherwise if broker.connected else f"the MQTT broker {broker.address} is away"


def speak_alike(hardware: Collection[str], what: str) -> str:
    """Why a device is not switched that shares its topics with another one."""
    known = ", ".join(sorted(hardware))
    return f"{len(hardware)} devices speak on one {what}: {known}; give each a {what} of its own"


def with_others(label: str, mac: str, sharing: Collection[str], what: str) -> str:
    """How a device is shown that shares its topics with others, if there are any."""
    others = ", ".join(sorted(set(sharing) - {mac}))
    return printable(f"{label} (shares its {what} with {others})") if others else label
