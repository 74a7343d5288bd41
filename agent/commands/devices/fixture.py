"""One line of a recording."""

from datetime import datetime
from typing import Literal

from agent.domain.value import Value


class Line(Value):
    """One message. Exactly one of topic, cluster and characteristic says where it passed."""

    at: datetime
    direction: Literal["from", "to"]
    """From the device, or to it."""
    topic: str | None = None
    cluster: str | None = None
    characteristic: str | None = None
    retained: bool = False
    """The broker had kept it: it may be old."""
    payload: str | None = None
    """As text, ..."""
    payload_hex: str | None = None
    """... or as bytes."""

    @property
    def where(self) -> str:
        """The topic, the cluster or the characteristic."""
        return self.topic or self.cluster or self.characteristic or ""
