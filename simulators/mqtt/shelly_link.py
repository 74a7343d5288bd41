"""A Shelly's connection with the broker: it listens to commands for itself and to those for all Shellies."""

import asyncio
from collections.abc import Callable, Sequence

from simulators.faults import Faults
from simulators.mqtt.link import BrokerAddress, Link

FOR_ALL = "shellies/command"
ANNOUNCE = "shellies/announce"


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
            command_filters=[*topics, FOR_ALL],
            on_up=on_up,
            on_command=on_command,
        )
        self._faults = faults

    def say(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Send, later if answers are to come late."""
        delay_s = self._faults().delay_s
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, lambda: self.publish(topic, payload, retain=retain))
        else:
            self.publish(topic, payload, retain=retain)
