"""Shelly devices of generation 1 on MQTT, as firmware 1.14 speaks: plain words on topics of their own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from simulators.circuit import Circuit, EnergyCounter, Now
from simulators.faults import Faults
from simulators.mqtt.device import MqttDevice
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.shelly_link import ANNOUNCE, FOR_ALL, ShellyLink

_NO_SENSOR_C = 999.0
"""What it says of a probe that does not answer."""


@dataclass(frozen=True)
class Gen1Identity:
    """What a device is."""

    mac: str
    """Twelve upper-case hex digits."""
    product: str = "shelly1pm"
    model: str = "SHSW-PM"
    firmware: str = "20230913-114008/v1.14.0-gcb84623"
    own_id: str = ""
    """As its owner has set it; empty for the factory setting."""

    @property
    def id(self) -> str:
        """Its name on the broker."""
        return self.own_id or f"{self.product}-{self.mac[-6:]}"


SHELLY_1 = ("shelly1", "SHSW-1")
SHELLY_1PM = ("shelly1pm", "SHSW-PM")
SHELLY_PLUG_S = ("shellyplug-s", "SHPLG-S")


class ShellyGen1(MqttDevice[ShellyLink]):
    """One relay, its meter and the probes of the add-on. Enter it to plug it in."""

    def __init__(
        self,
        broker: BrokerAddress,
        identity: Gen1Identity,
        circuit: Circuit,
        now: Now,
        *,
        metered: bool = True,
        probes: Mapping[int, Circuit] | None = None,
        update_period_s: float = 30.0,
        retain: bool = False,
        tick_s: float | None = 0.05,
    ) -> None:
        """`update_period_s` counts domain time, `tick_s` (how often that is looked at) wall time; None: never."""
        self.identity = identity
        self.faults = Faults()
        self.restores = True
        """Whether the relay is as before when power comes back; else it is off."""
        self._circuit = circuit
        self._now = now
        self._metered = metered
        self._probes = dict(probes or {})
        self._update_period = timedelta(seconds=update_period_s)
        self._retain = retain
        self._on = False
        self._muted = False
        self._counter = EnergyCounter(circuit, now)
        self._next_update_at = now() + self._update_period
        super().__init__(self._link_to(broker, f"shellies/{identity.id}"), tick_s)

    # ---- life

    async def brown_out(self) -> None:
        """A dip in the mains: it starts anew, and its counter at nothing."""
        self.unplug()
        self._counter.reset()
        await self.plug_in()

    def _boot(self) -> None:
        self._counter.pass_over()
        self._next_update_at = self._now() + self._update_period
        self._move(on=self._on and self.restores)

    def _power_down(self) -> None:
        self._counter.count()
        self._circuit.switch(False)  # noqa: FBT003 - a circuit has one switch

    def press_button(self) -> None:
        """Somebody presses the button: the relay changes, and the device tells everybody."""
        self._move(on=not self._on)
        self._say("input/0", "1")
        self._say("input/0", "0")
        self._say_relay()

    def is_on(self) -> bool:
        """Where the relay really is."""
        return self._on

    def overpower(self) -> None:
        """It draws more than it may: the relay opens."""
        self._move(on=False)
        self._say("relay/0", "overpower")

    def reset_energy(self) -> None:
        """The counter begins anew."""
        self._counter.reset()

    def tick(self) -> None:
        """Count energy up to now, and tell everything if it is time."""
        self._counter.count()
        if self._now() >= self._next_update_at:
            self._next_update_at = self._now() + self._update_period
            self.update()

    def update(self) -> None:
        """Tell everything now."""
        self._say_relay()
        self._say("input/0", "0")
        if self._metered:
            self._counter.count()
            unit = 1000.0 if self.faults.wrong_units else 1.0
            self._say("relay/0/power", f"{self._counter.power_w:.2f}")
            self._say("relay/0/energy", str(round(self._counter.energy_wh * 60 * unit)))
            self._say("temperature", "47.31")
            self._say("overtemperature", "0")
        for number, probe in self._probes.items():
            self._say_probe(number, probe)

    # ---- what it hears

    def _link_to(self, broker: BrokerAddress, prefix: str) -> ShellyLink:
        return ShellyLink(
            broker,
            f"{self.identity.product}-{self.identity.mac[-6:]}",
            prefix,
            topics=(f"{prefix}/command", f"{prefix}/relay/0/command"),
            faults=lambda: self.faults,
            on_up=self._introduce,
            on_command=self._on_command,
        )

    def _on_command(self, topic: str, payload: str) -> None:
        if self.faults.drop_commands > 0:
            self.faults.drop_commands -= 1
            return
        self._muted = self.faults.drop_answers > 0
        self.faults.drop_answers -= int(self._muted)
        if topic in {FOR_ALL, f"shellies/{self.identity.id}/command"}:
            if payload == "announce":
                self._announce()
            elif payload == "update":
                self.update()
        elif payload in {"on", "off", "toggle"}:
            self._on_relay(on=not self._on if payload == "toggle" else payload == "on")
        self._muted = False

    def _on_relay(self, *, on: bool) -> None:
        if self.faults.old_state_first:
            self._say_relay()
        if not (self.faults.lie or self.faults.stuck):
            self._move(on=on)
        self._say_relay(pretend=on if self.faults.lie else None)

    # ---- what it says

    def _introduce(self) -> None:
        self._link.publish(f"shellies/{self.identity.id}/online", "true", retain=True)
        self._announce()
        self.update()

    def _announce(self) -> None:
        about = json.dumps(
            {
                "id": self.identity.id,
                "model": self.identity.model,
                "mac": self.identity.mac,
                "ip": "192.168.1.61",
                "new_fw": False,
                "fw_ver": self.identity.firmware,
            },
            separators=(",", ":"),
        )
        if not self._muted:
            self._link.say(ANNOUNCE, about)
        self._say("announce", about)

    def _say_relay(self, *, pretend: bool | None = None) -> None:
        self._say("relay/0", "on" if (self._on if pretend is None else pretend) else "off")

    def _say_probe(self, number: int, probe: Circuit) -> None:
        celsius = probe.temperature_c()
        if not -55 <= celsius <= 125:
            celsius = _NO_SENSOR_C
        elif self.faults.wrong_units:
            celsius = celsius * 1.8 + 32
        self._say(f"ext_temperature/{number}", f"{celsius:.2f}")
        self._say(f"ext_temperature_f/{number}", f"{celsius * 1.8 + 32:.2f}")

    def _say(self, last: str, payload: str) -> None:
        if self._muted:
            return
        for _ in range(2 if self.faults.duplicate else 1):
            self._link.say(f"shellies/{self.identity.id}/{last}", payload, retain=self._retain)

    # ---- what it does

    def _move(self, *, on: bool) -> None:
        self._counter.count()
        self._on = on
        self._circuit.switch(on)
        self._counter.count()
