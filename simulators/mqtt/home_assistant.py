"""Devices that announce themselves by Home Assistant's discovery: an ESPHome node, and one that announces itself whole.

The ESPHome node speaks as ESPHome 2024.12 does with its MQTT component: one retained message of discovery for each
component, retained states, no state where an order changes nothing, states anew when the connection or a message was
lost, and an answer to `esphome/ping/<node>`. The other device speaks JSON, keeps nothing at the broker, and cannot be
asked. Both live in this process, around a circuit of the physical house, and can be broken on purpose.
"""

import json
from datetime import timedelta

from simulators.circuit import Circuit, Now
from simulators.mqtt.home_assistant_node import Node
from simulators.mqtt.link import BrokerAddress

Json = dict[str, object]

_STARTS = ("Always Off", "Always On", "Restore Power Off State")
_REPORT_S = 60.0
"""So often (s, domain time) sensors report what has not changed."""


class EsphomeNode(Node):
    """An ESPHome node with the components that hang on it."""

    def __init__(
        self,
        broker: BrokerAddress,
        mac: str,
        now: Now,
        *,
        relay: Circuit | None = None,
        metered: Circuit | None = None,
        sensor: Circuit | None = None,
        name: str = "",
        project: tuple[str, str] | None = None,
        starts: bool = False,
        tick_s: float | None = 0.05,
    ) -> None:
        """`project`: maker and product, if sold with ESPHome. `starts`: whether it can be chosen how it starts."""
        self.name = name or f"node-{mac[-6:].lower()}"
        self._project = project
        self._said: dict[str, str] = {}
        """By sensor: what it last reported."""
        self._said_on: bool | None = None
        self._said_starts = ""
        self._chooses = starts
        self.starts = "Restore Power Off State"
        """How it starts after a power cut."""
        self.start_up_written = 0
        """How often it was told how to start."""
        self._report_at = now()
        super().__init__(
            broker,
            mac,
            now,
            will=(f"{self.name}/status", "offline"),
            command_filters=self._heard(),
            relay=relay,
            metered=metered,
            sensor=sensor,
            tick_s=tick_s,
        )

    def _heard(self) -> list[str]:
        """What it listens to."""
        parts = ["switch/relay", *(["select/power_on_state"] if self._chooses else [])]
        return [*(f"{self.name}/{part}/command" for part in parts), f"esphome/ping/{self.name}"]

    def _boot(self) -> None:
        self._on = {"Always Off": False, "Always On": True}.get(self.starts, self._on)
        super()._boot()

    def tick(self) -> None:
        """Count energy up to now, and report what changed, or all if it is time."""
        super().tick()
        due = self._now() >= self._report_at
        if due:
            self._report_at = self._now() + timedelta(seconds=_REPORT_S)
        for object_id, value in self._sensors().items():
            if due or self._said.get(object_id) != value:
                self._said[object_id] = value
                self._send(f"{self.name}/sensor/{object_id}/state", value, retain=True)

    def discovery(self) -> dict[str, Json]:
        """What it announces, by topic."""
        parts: dict[tuple[str, str], Json] = {}
        if self._relay is not None:
            parts["switch", "relay"] = {"cmd_t": f"{self.name}/switch/relay/command"}
        if self._chooses:
            topic = f"{self.name}/select/power_on_state/command"
            parts["select", "power_on_state"] = {"cmd_t": topic, "ops": list(_STARTS), "ent_cat": "config"}
        if self._metered is not None:
            parts["sensor", "power"] = {"dev_cla": "power", "unit_of_meas": "W", "stat_cla": "measurement"}
            parts["sensor", "energy"] = {"dev_cla": "energy", "unit_of_meas": "kWh", "stat_cla": "total_increasing"}
        if self._sensor is not None:
            parts["sensor", "temperature"] = {"dev_cla": "temperature", "unit_of_meas": "°C", "stat_cla": "measurement"}
        return {
            f"homeassistant/{kind}/{self.name}/{object_id}/config": self._component(kind, object_id, part)
            for (kind, object_id), part in parts.items()
        }

    def _component(self, kind: str, object_id: str, part: Json) -> Json:
        maker, product = self._project or ("Espressif", "esp8285")
        return {
            **part,
            "name": object_id.capitalize(),
            "stat_t": f"{self.name}/{kind}/{object_id}/state",
            "avty_t": f"{self.name}/status",
            "uniq_id": f"ESP{kind}{object_id}",
            "dev": {
                "ids": self.mac.lower(),
                "name": self.name,
                "sw": "1.0 (ESPHome 2024.12.4)" if self._project else "2024.12.4 (config hash 0x1f2e3d4c)",
                "mdl": product,
                "mf": maker,
                "cns": [["mac", self.mac.lower()]],
            },
        }

    def _sensors(self) -> dict[str, str]:
        values: dict[str, str] = {}
        if self._metered is not None:
            kilo = 1.0 if self.faults.wrong_units else 1000.0
            values["power"] = f"{self._counter.power_w:.1f}"
            values["energy"] = f"{self._counter.energy_wh / kilo:.3f}"
        if self._sensor is not None:
            values["temperature"] = f"{self._sensor.temperature_c():.1f}"
        return values

    def _introduce(self) -> None:
        for topic, part in self.discovery().items():
            self._link.publish(topic, json.dumps(part, separators=(",", ":"), ensure_ascii=False), retain=True)
        self._link.publish(f"{self.name}/status", "online", retain=True)
        self._said_on = None
        self._said_starts = ""
        self._said.clear()
        self._say_state()
        self.tick()

    def _hears(self, topic: str) -> bool:
        return topic in self._heard()

    def _obey(self, topic: str, payload: str) -> None:
        if not self._muted:
            self._say_state()  # what it could not say before
        if topic == f"{self.name}/switch/relay/command" and self._relay is not None:
            wanted = {"ON": True, "OFF": False, "TOGGLE": not self._on}.get(payload.upper())
            if wanted is not None:
                self._switch(on=wanted)
        elif topic == f"{self.name}/select/power_on_state/command" and payload in _STARTS:
            self._choose(payload)
        elif topic == f"esphome/ping/{self.name}":
            said = {
                "ip": "192.168.1.60",
                "name": self.name,
                "port": 6053,
                "version": "2024.12.4",
                "mac": self.mac.lower(),
            }
            self._send(f"esphome/discover/{self.name}", json.dumps(said, separators=(",", ":")))

    def _switch(self, *, on: bool) -> None:
        before = self._on
        if self.faults.old_state_first:
            self._say(on=before)
        if self.faults.lie:  # it says so before it looks
            self._say(on=on)
        elif not self.faults.stuck:
            self._move(on=on)
            self.tick()
        self._say_state()

    def _choose(self, starts: str) -> None:
        self.start_up_written += 1
        if not (self.faults.lie or self.faults.stuck):
            self.starts = starts
        self._say_starts(starts if self.faults.lie else self.starts)
        self._say_state()

    def _say_state(self) -> None:
        if self._relay is not None and (self._said_on is not self._on):
            self._say(on=self._on)
        if self._chooses and self._said_starts != self.starts:
            self._say_starts(self.starts)

    def _say_starts(self, starts: str) -> None:
        self._send(f"{self.name}/select/power_on_state/state", starts, retain=True)
        if not self._muted:
            self._said_starts = starts

    def _say(self, *, on: bool) -> None:
        self._send(f"{self.name}/switch/relay/state", "ON" if on else "OFF", retain=True)
        if not self._muted:
            self._said_on = on


class WholeDevice(Node):
    """A device that announces all its components in one message, and reports them in one JSON object, not retained."""

    def __init__(
        self,
        broker: BrokerAddress,
        mac: str,
        now: Now,
        *,
        relay: Circuit | None = None,
        metered: Circuit | None = None,
        sensor: Circuit | None = None,
        report_s: float = _REPORT_S,
        fahrenheit: bool = False,
        tick_s: float | None = 0.05,
    ) -> None:
        """`report_s` counts domain time."""
        self.base = f"devices/{mac.lower()}"
        self._report_s = report_s
        self._report_at = now()
        self._fahrenheit = fahrenheit
        super().__init__(
            broker,
            mac,
            now,
            will=(f"{self.base}/availability", '{"state":"offline"}'),
            command_filters=[f"{self.base}/set/#"],
            relay=relay,
            metered=metered,
            sensor=sensor,
            tick_s=tick_s,
        )

    def tick(self) -> None:
        """Count energy up to now, and report if it is time."""
        super().tick()
        if self._now() >= self._report_at:
            self.report()

    def report(self) -> None:
        """Send everything now."""
        self._report_at = self._now() + timedelta(seconds=self._report_s)
        self._say_state()

    def discovery(self) -> Json:
        """What it announces under `homeassistant/device/<mac>/config`."""
        parts: dict[str, Json] = {}
        if self._relay is not None:
            parts["relay"] = {
                "p": "switch",
                "cmd_t": "~/set/relay",
                "val_tpl": '{{ value_json["relay"] }}',
                "pl_on": "1",
                "pl_off": "0",
                "stat_on": "on",
                "stat_off": "off",
                "uniq_id": f"{self.mac}_relay",
            }
        if self._metered is not None:
            parts["power"] = self._measured("power", "kW", "{{ value_json.meter.kw }}")
            parts["energy"] = self._measured("energy", "MJ", "{{ value_json.meter.mj | float }}")
        if self._sensor is not None:
            unit = "°F" if self._fahrenheit else "°C"
            parts["temperature"] = self._measured("temperature", unit, "{{ value_json.degrees | round(1) }}")
        return {
            "~": self.base,
            "dev": {"ids": [self.mac], "name": "Whole device", "mf": "Somebody", "mdl": "whole", "sw": "1.0"},
            "o": {"name": "whole2mqtt", "sw": "1.0", "url": "https://example.com/whole2mqtt"},
            "avty": [{"t": "~/availability", "val_tpl": "{{ value_json.state }}"}],
            "avty_mode": "all",
            "stat_t": "~/state",
            "cmps": parts,
        }

    def _measured(self, kind: str, unit: str, template: str) -> Json:
        return {
            "p": "sensor",
            "dev_cla": kind,
            "unit_of_meas": unit,
            "val_tpl": template,
            "uniq_id": f"{self.mac}_{kind}",
        }

    def _introduce(self) -> None:
        config = json.dumps(self.discovery(), separators=(",", ":"), ensure_ascii=False)
        self._link.publish(f"homeassistant/device/{self.mac}/config", config, retain=True)
        self._link.publish(f"{self.base}/availability", '{"state":"online"}', retain=True)
        self.report()

    def _hears(self, topic: str) -> bool:
        return topic == f"{self.base}/set/relay"

    def _obey(self, _topic: str, payload: str) -> None:
        if payload not in {"0", "1"}:
            return
        if self.faults.old_state_first:
            self._say_state()
        if not (self.faults.lie or self.faults.stuck):
            self._move(on=payload == "1")
        self._say_state(pretend=payload == "1" if self.faults.lie else None)

    def _say_state(self, *, pretend: bool | None = None) -> None:
        self._counter.count()
        said: Json = {}
        if self._relay is not None:
            said["relay"] = "on" if (self._on if pretend is None else pretend) else "off"
        if self._metered is not None:
            said["meter"] = {
                "kw": round(self._counter.power_w / 1e3, 4),
                "mj": round(self._counter.energy_wh * 0.0036, 4),
            }
        if self._sensor is not None:
            celsius = self._sensor.temperature_c()
            said["degrees"] = round(celsius * 1.8 + 32 if self._fahrenheit else celsius, 3)
        self._send(f"{self.base}/state", json.dumps(said, separators=(",", ":")))
