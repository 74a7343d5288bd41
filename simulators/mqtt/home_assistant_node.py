"""What devices of Home Assistant's discovery have in common: a connection, a relay, a meter, a sensor, and faults."""

import asyncio
from collections.abc import Sequence

from simulators.circuit import Circuit, EnergyCounter, Now
from simulators.faults import Faults
from simulators.mqtt.device import MqttDevice
from simulators.mqtt.link import BrokerAddress, Link


class Node(MqttDevice[Link]):
    """What both kinds have: a connection, a relay, a meter, a sensor, and faults."""

    def __init__(
        self,
        broker: BrokerAddress,
        mac: str,
        now: Now,
        *,
        will: tuple[str, str],
        command_filters: Sequence[str],
        relay: Circuit | None,
        metered: Circuit | None,
        sensor: Circuit | None,
        tick_s: float | None,
    ) -> None:
        self.mac = mac
        self.faults = Faults()
        self._now = now
        self._relay = relay
        self._metered = metered
        self._sensor = sensor
        self._on = False
        self._muted = False
        self._counter = EnergyCounter(metered, now)
        link = Link(
            host=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password,
            client_id=f"node-{mac}",
            will=will,
            command_filters=command_filters,
            on_up=self._introduce,
            on_command=self._on_command,
        )
        super().__init__(link, tick_s)

    def press_button(self) -> None:
        """Somebody presses the button on the device: the relay changes, and the device tells everybody."""
        self._move(on=not self._on)
        self._say_state()

    def is_on(self) -> bool:
        """Where the relay really is."""
        return self._on

    def reset_energy(self) -> None:
        """The counter begins anew."""
        self._counter.reset()

    def tick(self) -> None:
        """Do what is due by domain time."""
        self._counter.count()

    def _introduce(self) -> None:
        raise NotImplementedError

    def _obey(self, _topic: str, _payload: str) -> None:
        raise NotImplementedError

    def _say_state(self) -> None:
        raise NotImplementedError

    def _boot(self) -> None:
        self._counter.pass_over()
        if self._relay is not None:
            self._move(on=self._on)

    def _power_down(self) -> None:
        self._counter.count()
        if self._relay is not None:
            self._relay.switch(False)  # noqa: FBT003 - a circuit has one switch

    def _hears(self, _topic: str) -> bool:
        raise NotImplementedError

    def _on_command(self, topic: str, payload: str) -> None:
        if not self._hears(topic):
            return
        self.tick()  # what was due before it heard this
        if self.faults.drop_commands > 0:
            self.faults.drop_commands -= 1
            return
        if self.faults.drop_answers > 0:
            self.faults.drop_answers -= 1
            self._muted = True
        try:
            self._obey(topic, payload)
        finally:
            self._muted = False

    def _send(self, topic: str, payload: str, *, retain: bool = False) -> None:
        if self._muted:
            return
        for _ in range(2 if self.faults.duplicate else 1):
            if self.faults.delay_s:
                loop = asyncio.get_running_loop()
                loop.call_later(self.faults.delay_s, lambda: self._link.publish(topic, payload, retain=retain))
            else:
                self._link.publish(topic, payload, retain=retain)

    def _move(self, *, on: bool) -> None:
        self._counter.count()
        self._on = on
        if self._relay is not None:
            self._relay.switch(on)
        self._counter.count()
