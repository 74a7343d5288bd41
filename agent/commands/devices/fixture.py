"""One line of a recording."""

from datetime import datetime
from typing import Literal

from agent.domain.value import Value


class Line(Value):
    """One message. Exactly one of topic, cluster, advertisement and characteristic says where it passed."""

    at: datetime
    direction: Literal["from", "to"]
    """From the device, or to it."""
    topic: str | None = None
    cluster: str | None = None
    """Of ZigBee, with the command: on_off/report_attributes."""
    endpoint: int | None = None
    """The device's application that it was of, on ZigBee."""
    advertisement: str | None = None
    """Of Bluetooth: whose data it is."""
    characteristic: str | None = None
    retained: bool = False
    """The broker had kept it: it may be old."""
    payload: str | None = None
    """As text, ..."""
    payload_hex: str | None = None
    """... or as bytes."""

    @property
    def where(self) -> str:
        """The topic, the cluster, the advertised data or the characteristic."""
        return self.topic or self.cluster or self.advertisement or self.characteristic or ""

    @property
    def message(self) -> str:
        """What a profile calls such a message."""
        if self.topic is not None:
            return self.topic.rpartition("/")[2]
        if self.advertisement is not None:
            return "service data" if self.advertisement.startswith("service ") else "advertisement"
        return self.where
