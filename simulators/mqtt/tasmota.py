"""Tasmota devices that live in this process: real MQTT clients around a circuit of the physical house.

Each speaks as Tasmota 14 does, keeps domain time, and can be broken on purpose.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum

from simulators.circuit import Circuit, EnergyCounter, Now
from simulators.faults import Faults
from simulators.mqtt import tasmota_says as says
from simulators.mqtt.device import MqttDevice
from simulators.mqtt.link import BrokerAddress, Link
from simulators.mqtt.tasmota_says import Energy, Identity, Json


class PowerOnState(IntEnum):
    """What relays do when power comes back."""

    OFF = 0
    ON = 1
    AS_BEFORE = 3


class TasmotaDevice(MqttDevice[Link]):
    """Relays, a meter and temperature sensors behind one MQTT client. Enter it to plug it in."""

    def __init__(
        self,
        broker: BrokerAddress,
        identity: Identity,
        now: Now,
        *,
        relays: Sequence[Circuit] = (),
        metered: Circuit | None = None,
        sensors: Mapping[str, Circuit] | None = None,
        tele_period_s: float = 300.0,
        tick_s: float | None = 0.05,
        shutters: bool = False,
    ) -> None:
        """`tele_period_s` counts domain time, `tick_s` (how often that is looked at) wall time; None: never."""
        self.identity = identity
        self.faults = Faults()
        self.power_on_state = PowerOnState.AS_BEFORE
        self.knows_pulse_time = True
        """Whether its firmware was built with PulseTime."""
        self.longest_pulse = 64_900
        """What PulseTime is at most."""
        self.start_up_written = 0
        """How often it was told how to start."""
        self.tele_period_s = tele_period_s
        self._now = now
        self._relays = tuple(relays)
        self._metered = metered
        self._sensors = dict(sensors or {})
        self._shutters = shutters
        self._states = [False] * len(self._relays)
        self._pulses_s = [0.0] * len(self._relays)
        """By relay: after how long it goes off by itself; 0: never. It survives a restart, as in the device's flash."""
        self._ends_at: list[datetime | None] = [None] * len(self._relays)
        self._muted = False
        self._booted_at = self._day_began_at = now()
        self._next_report_at = self._booted_at
        self._counter = EnergyCounter(metered, now)
        self._today_wh = self._yesterday_wh = 0.0
        super().__init__(self._link_to(broker), tick_s)

    # ---- life

    def press_button(self, channel: int = 1) -> None:
        """Somebody presses the button on the device: the relay changes, and the device tells everybody."""
        self._move(channel, on=not self._states[channel - 1])
        self._say_power(channel)

    def is_on(self, channel: int = 1) -> bool:
        """Where the relay really is."""
        return self._states[channel - 1]

    def reset_energy(self) -> None:
        """The counter begins anew, as after a change of firmware."""
        self._counter.reset()
        self._today_wh = self._yesterday_wh = 0.0

    def report(self) -> None:
        """Send telemetry now."""
        self._say("tele", "STATE", self._state())
        if self._metered is not None or self._sensors:
            self._say("tele", "SENSOR", self._sensor_report())

    def tick(self) -> None:
        """Count energy up to now, end what its PulseTime ends, and report if it is time."""
        self._count()
        for channel, ends_at in enumerate(self._ends_at, start=1):
            if ends_at is not None and self._now() >= ends_at:
                self._move(channel, on=False)
                self._say_power(channel)
        if self._now() >= self._next_report_at:
            self._next_report_at = self._now() + timedelta(seconds=self.tele_period_s)
            self.report()

    def _power_down(self) -> None:
        self._count()
        for circuit in self._relays:
            circuit.switch(False)  # noqa: FBT003 - a circuit has one switch

    def _link_to(self, broker: BrokerAddress) -> Link:
        return Link(
            host=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password,
            client_id=f"DVES_{self.identity.mac[-6:]}",
            will=(self.identity.full("tele", "LWT"), "Offline"),
            command_filters=[self.identity.full("cmnd", "#")],
            on_up=self._introduce,
            on_command=self._on_command,
        )

    def _boot(self) -> None:
        self._booted_at = self._now()
        self._counter.pass_over()
        self._next_report_at = self._booted_at + timedelta(seconds=self.tele_period_s)
        for channel, before in enumerate(self._states, start=1):
            on = before if self.power_on_state is PowerOnState.AS_BEFORE else self.power_on_state is PowerOnState.ON
            self._move(channel, on=on)

    # ---- what it hears

    def _on_command(self, topic: str, payload: str) -> None:
        if self.faults.drop_commands > 0:
            self.faults.drop_commands -= 1
            return
        if self.faults.drop_answers > 0:
            self.faults.drop_answers -= 1
            self._muted = True
        try:
            self._obey(topic.rpartition("/")[2].upper(), payload.strip())
        finally:
            self._muted = False

    def _obey(self, command: str, payload: str) -> None:
        name = command.rstrip("0123456789")
        number = command.removeprefix(name)
        if name == "POWER" and self._relays:
            self._on_power(int(number or 1), payload.upper())
        elif name == "STATE":
            self._say("stat", "RESULT", self._state())
        elif name == "STATUS":
            self._on_status(payload)
        elif name == "TELEPERIOD" and payload.isdigit():
            self.tele_period_s = max(10, int(payload))
            self._say("stat", "RESULT", {"TelePeriod": int(self.tele_period_s)})
        elif name == "PULSETIME" and payload.isdigit() and self.knows_pulse_time:
            self._on_pulse_time(int(number or 1), min(self.longest_pulse, int(payload)))
        elif name == "POWERONSTATE":
            self._on_power_on_state(payload)
        else:
            self._say("stat", "RESULT", {"Command": "Unknown", "Input": command})

    def _on_power(self, channel: int, payload: str) -> None:
        if not 1 <= channel <= len(self._relays):
            return
        off_word, on_word, toggle_word, _ = (word.upper() for word in self.identity.words)
        before = self._states[channel - 1]
        wanted = {
            **dict.fromkeys((off_word, "OFF", "0", "FALSE"), False),
            **dict.fromkeys((on_word, "ON", "1", "TRUE"), True),
            **dict.fromkeys((toggle_word, "TOGGLE", "2"), not before),
        }.get(payload)
        if wanted is None:  # nothing, or nothing known: tell the state
            self._say_power(channel)
            return
        if self.faults.old_state_first:
            self._say_power(channel)
        if not (self.faults.lie or self.faults.stuck):
            self._move(channel, on=wanted)
        self._say_power(channel, pretend=wanted if self.faults.lie else None)

    def _on_pulse_time(self, channel: int, value: int) -> None:
        if 1 <= channel <= len(self._relays):
            self._pulses_s[channel - 1] = value / 10 if value < 112 else value - 100
            self._say("stat", "RESULT", {f"PulseTime{channel}": {"Set": value, "Remaining": 0}})

    def _on_power_on_state(self, payload: str) -> None:
        told = int(payload) if payload in {"0", "1", "3"} else int(self.power_on_state)
        if payload:
            self.start_up_written += 1
        if not (self.faults.lie or self.faults.stuck):
            self.power_on_state = PowerOnState(told)
        self._say("stat", "RESULT", {"PowerOnState": told if self.faults.lie else int(self.power_on_state)})

    def _on_status(self, payload: str) -> None:
        uptime = self._now() - self._booted_at
        every = says.status(self.identity, self._now(), uptime, tuple(self._states), int(self.power_on_state))
        every["STATUS8"] = every["STATUS10"] = {"StatusSNS": self._sensor_report()}
        every["STATUS11"] = {"StatusSTS": self._state()}
        kinds = [kind for kind in every if kind != "STATUS8"] if payload == "0" else [f"STATUS{payload}"]
        for kind in kinds:
            if kind in every:
                self._say("stat", kind, every[kind])

    # ---- what it says

    def _introduce(self) -> None:
        discovery = f"tasmota/discovery/{self.identity.mac}"
        self._link.publish(self.identity.full("tele", "LWT"), "Online", retain=True)
        config = says.discovery_config(self.identity, len(self._relays), shutters=self._shutters)
        self._link.publish(f"{discovery}/config", json.dumps(config), retain=True)
        announced = {"sn": self._sensor_report(), "ver": 1}
        self._link.publish(f"{discovery}/sensors", json.dumps(announced), retain=True)
        for channel in range(1, len(self._relays) + 1):
            self._say_power(channel)
        self.report()

    def _say_power(self, channel: int, *, pretend: bool | None = None) -> None:
        on = self._states[channel - 1] if pretend is None else pretend
        key = says.power_key(channel, len(self._relays))
        word = self.identity.words[int(on)]
        self._say("stat", "RESULT", {key: word})
        self._send(self.identity.full("stat", key), word)

    def _say(self, prefix: str, kind: str, message: Json) -> None:
        self._send(self.identity.full(prefix, kind), json.dumps(message, separators=(",", ":")))

    def _send(self, topic: str, payload: str) -> None:
        if self._muted:
            return
        for _ in range(2 if self.faults.duplicate else 1):
            if self.faults.delay_s:
                asyncio.get_running_loop().call_later(self.faults.delay_s, self._link.publish, topic, payload)
            else:
                self._link.publish(topic, payload)

    def _state(self) -> Json:
        uptime = self._now() - self._booted_at
        return says.state(self.identity, self._now(), uptime, self._link.connects, tuple(self._states))

    def _sensor_report(self) -> Json:
        self._count()
        factor, offset = (1.8, 32.0) if self.faults.wrong_units else (1.0, 0.0)
        temperatures_c = {name: at.temperature_c() * factor + offset for name, at in self._sensors.items()}
        return says.sensors(self.identity, self._now(), self._energy(), temperatures_c)

    def _energy(self) -> Energy | None:
        if self._metered is None:
            return None
        unit = 1000.0 if self.faults.wrong_units else 1.0
        return Energy(
            since=self._day_began_at,
            power_w=self._counter.power_w,
            total_wh=self._counter.energy_wh * unit,
            today_wh=self._today_wh * unit,
            yesterday_wh=self._yesterday_wh * unit,
        )

    # ---- what it does

    def _move(self, channel: int, *, on: bool) -> None:
        self._count()
        self._states[channel - 1] = on
        pulse_s = self._pulses_s[channel - 1]  # each "on" begins it anew
        self._ends_at[channel - 1] = self._now() + timedelta(seconds=pulse_s) if on and pulse_s else None
        self._relays[channel - 1].switch(on)
        self._count()

    def _count(self) -> None:
        if self._now().date() != self._counter.counted_at.date():
            self._yesterday_wh, self._today_wh = self._today_wh, 0.0
        self._today_wh += self._counter.count()


class TasmotaPlug(TasmotaDevice):
    """A plug with one relay and an energy meter."""

    def __init__(
        self,
        broker: BrokerAddress,
        identity: Identity,
        circuit: Circuit,
        now: Now,
        *,
        tele_period_s: float = 300.0,
        tick_s: float | None = 0.05,
    ) -> None:
        super().__init__(
            broker, identity, now, relays=[circuit], metered=circuit, tele_period_s=tele_period_s, tick_s=tick_s
        )


class TasmotaThermometer(TasmotaDevice):
    """A board with a DS18B20 and no relay."""

    def __init__(
        self,
        broker: BrokerAddress,
        identity: Identity,
        circuit: Circuit,
        now: Now,
        *,
        tele_period_s: float = 300.0,
        tick_s: float | None = 0.05,
    ) -> None:
        super().__init__(
            broker, identity, now, sensors={"DS18B20": circuit}, tele_period_s=tele_period_s, tick_s=tick_s
        )


class TasmotaRelaySensor(TasmotaDevice):
    """A relay with a DS18B20 on its jack, as the Sonoff TH16."""

    def __init__(
        self,
        broker: BrokerAddress,
        identity: Identity,
        circuit: Circuit,
        now: Now,
        *,
        tele_period_s: float = 300.0,
        tick_s: float | None = 0.05,
    ) -> None:
        super().__init__(
            broker,
            identity,
            now,
            relays=[circuit],
            sensors={"DS18B20": circuit},
            tele_period_s=tele_period_s,
            tick_s=tick_s,
        )
