"""A Shelly's connection with the broker: it listens to commands for itself and to those for all Shellies."""

import asyncio
from collections.abc import Callable, Sequence

from paho.mqtt.client import Client
from paho.mqtt.reasoncodes import ReasonCode

from simulators.faults import Faults
from simulators.mqtt.link import BrokerAddress, Link

FOR_ALL = "shellies/command"
ANNOUNCE = "shellies/announce"
_READY_S = 10.0


class ShellyLink(Link):
    """One MQTT client that takes several topics, and says what it says late or twice where it is broken so."""

    def __init__(
        self,
        broker: BrokerAddress,
        client_id: str,
        prefix: str,
        *,
        topics: Sequence[str],
        faults: Callable[[], Faults],
        on_up: Callable[[], None],
        on_command: Callable[[str, str], None],
    ) -> None:
        """`topics` are taken besides the command that is for all Shellies."""
        super().__init__(
            host=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password,
            client_id=client_id,
            will=(f"{prefix}/online", "false"),
            command_filter=FOR_ALL,
            on_up=on_up,
            on_command=on_command,
        )
        self._topics = tuple(topics)
        self._faults = faults
        self._taken = 0

    async def wait_up(self) -> None:
        """Wait until the broker has let the device in. Raises TimeoutError."""
        async with asyncio.timeout(_READY_S):
            await self.up.wait()

    def say(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Send, later if answers are to come late."""
        delay_s = self._faults().delay_s
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, lambda: self.publish(topic, payload, retain=retain))
        else:
            self.publish(topic, payload, retain=retain)

    def _on_connect(
        self, client: Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        self._taken = 0
        if not reason.is_failure:
            client.subscribe([(topic, 0) for topic in self._topics])
        super()._on_connect(client, userdata, flags, reason, properties)

    def _on_subscribe(
        self, client: Client, userdata: object, mid: int, reasons: list[ReasonCode], properties: object
    ) -> None:
        self._taken += 1
        if self._taken == 2:  # its own topics, and those of all Shellies
            super()._on_subscribe(client, userdata, mid, reasons, properties)
