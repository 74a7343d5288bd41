"""zigbee2mqtt with plugs behind it: one MQTT client for all of them, as version 2 speaks.

Device states are not retained; the list of devices, availability and the bridge's own state are. What comes before the
bridge serves is dropped, though it already says "online". Errors are logged, never answered.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Self

from simulators.circuit import Circuit, EnergyCounter, Now
from simulators.faults import Faults
from simulators.mqtt import zigbee2mqtt_says as says
from simulators.mqtt.link import BrokerAddress, Link
from simulators.mqtt.zigbee2mqtt_says import Json

_READY_S = 10.0
_REPORT_S = 60.0


class ZigbeePlug:
    """One device on the ZigBee network: what it is, and how it stands. The bridge speaks for it."""

    def __init__(
        self,
        ieee: str,
        now: Now,
        *,
        name: str = "",
        vendor: str = "Innr",
        model: str = "SP 240",
        relay: Circuit | None = None,
        metered: Circuit | None = None,
        sensor: Circuit | None = None,
        asked: bool = True,
    ) -> None:
        """`asked`: whether its measurements can be asked for, rather than only be reported."""
        self.ieee = ieee
        self.name = name or ieee
        self.vendor = vendor
        self.model = model
        self.faults = Faults()
        self.here = True
        self.on = False
        self.starts = "previous"
        """What it does when power comes back: off, on, toggle, previous."""
        self.start_up_written = 0
        """How often it was told how to start."""
        self.bridge: Zigbee2mqtt | None = None
        self._now = now
        self._relay = relay
        self._metered = metered
        self._sensor = sensor
        self._asked = asked
        self._ends_at: datetime | None = None
        self._counter = EnergyCounter(metered, now)
        self._report_at = now()
        self.cached: dict[str, object] = {}
        """What zigbee2mqtt last heard of it; null what it never heard."""

    # ---- in the hand

    def unplug(self) -> None:
        """Pull the plug: it is gone from the air, and zigbee2mqtt does not know that yet."""
        self._counter.count()
        self.here = False
        if self._relay is not None:
            self._relay.switch(False)  # noqa: FBT003 - a circuit has one switch

    async def plug_in(self) -> None:
        """Put it back: it starts as it is set to."""
        self.here = True
        self._counter.pass_over()
        self.on = {"off": False, "on": True, "toggle": not self.on}.get(self.starts, self.on)
        if self._relay is not None:
            self._relay.switch(self.on)
        if self.bridge is not None:
            self.bridge.announce(self)

    def press_button(self) -> None:
        """Toggle the relay by hand; the device reports that."""
        self.move(on=not self.on)
        self.say("state")

    def reset_energy(self) -> None:
        """The counter begins anew."""
        self._counter.reset()

    def is_on(self) -> bool:
        """Where the relay really is."""
        return self.on

    def tick(self) -> None:
        """Count, end what its `on_time` ends, and report if it is time."""
        self._counter.count()
        if self._ends_at is not None and self._now() >= self._ends_at:
            self.move(on=False)
            self.say("state")
        if self._now() >= self._report_at:
            self._report_at = self._now() + timedelta(seconds=_REPORT_S)
            if not self._asked:
                self.say(*self.attributes())

    # ---- on the air

    def move(self, *, on: bool, for_s: float | None = None) -> None:
        """The relay moves; with `for_s` (domain time) it goes off again by itself."""
        self._counter.count()
        self.on = on
        self._ends_at = self._now() + timedelta(seconds=for_s) if on and for_s else None
        if self._relay is not None:
            self._relay.switch(on)
        self._counter.count()

    def attributes(self) -> dict[str, object]:
        """How it stands now, as zigbee2mqtt says it."""
        self._counter.count()
        said: dict[str, object] = {}
        if self._relay is not None:
            said["state"] = "ON" if self.on else "OFF"
            said["power_on_behavior"] = self.starts
        if self._metered is not None:
            said["power"] = round(self._counter.power_w, 1)
            said["energy"] = round(self._counter.energy_wh / (1.0 if self.faults.wrong_units else 1000.0), 3)
        if self._sensor is not None:
            said["temperature"] = round(self._sensor.temperature_c(), 2)
        return said

    def say(self, *names: str, pretend: Mapping[str, object] | None = None) -> None:
        """It reports attributes: zigbee2mqtt keeps them, and publishes all that it knows of the device."""
        said = self.attributes() | dict(pretend or {})
        self.cached |= {name: said[name] for name in names if name in said}
        if self.bridge is not None and self.here:
            self.bridge.publish_state(self)

    def listed(self) -> Json:
        """Its entry in `bridge/devices`."""
        exposes = says.exposes(
            relay=self._relay is not None,
            meter=self._metered is not None,
            thermometer=self._sensor is not None,
            asked=self._asked,
        )
        return says.device(self.ieee, self.name, self.vendor, self.model, exposes)


class Zigbee2mqtt:
    """The bridge. Enter it to start it."""

    def __init__(
        self,
        broker: BrokerAddress,
        plugs: Mapping[str, ZigbeePlug] | list[ZigbeePlug],
        *,
        base: str = "zigbee2mqtt",
        availability: bool = True,
        tick_s: float | None = 0.05,
        serves: bool = True,
    ) -> None:
        """`serves`: whether it answers at once; else it drops all until it is set."""
        self.base = base
        self.serves = serves
        self.plugs = list(plugs.values()) if isinstance(plugs, Mapping) else plugs
        self._availability = availability
        self._tick_s = tick_s
        self._timer: asyncio.TimerHandle | None = None
        self._muted = False
        self.health_checks = 0
        for plug in self.plugs:
            plug.bridge = self
        self._link = Link(
            host=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password,
            client_id=f"mqttjs_{base}",
            will=(f"{base}/bridge/state", '{"state":"offline"}'),
            command_filters=[f"{base}/#"],
            on_up=self._introduce,
            on_command=self._on_message,
        )

    async def __aenter__(self) -> Self:
        self._link.open()
        self._tick_again()
        async with asyncio.timeout(_READY_S):
            await self._link.up.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._link.publish(f"{self.base}/bridge/state", '{"state":"offline"}', retain=True)
        for plug in self.plugs:
            plug.bridge = None
        self._link.close()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with self:
            await asyncio.Future[None]()

    def crash(self) -> None:
        """Vanish: the broker publishes the last will."""
        self._link.cut()

    def rename(self, plug: ZigbeePlug, name: str) -> None:
        """The owner renames a device: its old topics are cleared."""
        if self._availability:
            self._link.publish(f"{self.base}/{plug.name}/availability", "", retain=True)
        plug.name = name
        self._introduce()

    def mark(self, plug: ZigbeePlug, *, online: bool) -> None:
        """zigbee2mqtt finds out whether a device is there."""
        said = json.dumps({"state": "online" if online else "offline"}, separators=(",", ":"))
        self._link.publish(f"{self.base}/{plug.name}/availability", said, retain=True)

    def announce(self, plug: ZigbeePlug) -> None:
        """A device has told that it is there."""
        about = {"friendly_name": plug.name, "ieee_address": plug.ieee}
        said = json.dumps({"type": "device_announce", "data": about}, separators=(",", ":"))
        self._link.publish(f"{self.base}/bridge/event", said)

    def publish_state(self, plug: ZigbeePlug) -> None:
        """Publish all that is known of a device."""
        unknown = dict.fromkeys(plug.attributes())
        said = json.dumps({**unknown, **plug.cached, "linkquality": 120}, separators=(",", ":"))
        self._send(plug, f"{self.base}/{plug.name}", said)

    def log(self, level: str, message: str) -> None:
        """Write a line of its log."""
        said = {"level": level, "message": message, "namespace": "z2m"}
        self._link.publish(f"{self.base}/bridge/logging", json.dumps(said, separators=(",", ":")))

    def _introduce(self) -> None:
        self._link.publish(f"{self.base}/bridge/state", '{"state":"online"}', retain=True)
        devices = json.dumps([says.COORDINATOR, *(plug.listed() for plug in self.plugs)], ensure_ascii=False)
        self._link.publish(f"{self.base}/bridge/devices", devices, retain=True)
        for plug in self.plugs if self._availability else ():
            self.mark(plug, online=plug.here)

    def _tick_again(self) -> None:
        if self._tick_s is not None:
            for plug in self.plugs:
                plug.tick()
            self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick_again)

    def _on_message(self, topic: str, payload: str) -> None:
        if not self.serves:
            return
        path = topic.removeprefix(f"{self.base}/")
        if path == "bridge/request/health_check":
            self._on_health_check(payload)
        obey: dict[str, Callable[[ZigbeePlug, dict[str, object]], None]] = {"set": self._on_set, "get": self._on_get}
        for plug in self.plugs:
            for kind, step in obey.items():
                if path == f"{plug.name}/{kind}":
                    self._heard(plug, step, payload, kind)

    def _on_health_check(self, payload: str) -> None:
        self.health_checks += 1
        asked = json.loads(payload) if payload else {}
        said: Json = {"data": {"healthy": True}, "status": "ok"}
        if "transaction" in asked:
            said["transaction"] = asked["transaction"]
        self._link.publish(f"{self.base}/bridge/response/health_check", json.dumps(said, separators=(",", ":")))

    def _heard(
        self, plug: ZigbeePlug, step: Callable[[ZigbeePlug, dict[str, object]], None], payload: str, kind: str
    ) -> None:
        plug.tick()
        try:
            wanted = json.loads(payload)
        except ValueError:
            wanted = {"state": payload} if payload in {"ON", "OFF", "TOGGLE"} else None
        if not isinstance(wanted, dict) or plug.faults.drop_commands > 0:
            plug.faults.drop_commands = max(0, plug.faults.drop_commands - 1)
            return
        if not plug.here:  # its log says so some 17 s later; a test says when
            return
        for key in wanted:
            if key not in {*plug.attributes(), "on_time", "off_wait_time"}:
                self.log("error", f"No converter available for '{kind}' '{key}' on '{plug.name}': ({wanted[key]})")
                return
        self._muted = plug.faults.drop_answers > 0
        plug.faults.drop_answers = max(0, plug.faults.drop_answers - 1)
        try:
            step(plug, wanted)
        finally:
            self._muted = False

    def _on_set(self, plug: ZigbeePlug, wanted: dict[str, object]) -> None:
        if "power_on_behavior" in wanted:
            self._on_set_start(plug, wanted.pop("power_on_behavior"))
            if not wanted:
                return
        on = {"ON": True, "OFF": False, "TOGGLE": not plug.on}.get(str(wanted.get("state", "")).upper())
        if on is None:
            self._invalid(plug, "state", "ON, OFF or TOGGLE")
            return
        if plug.faults.old_state_first:
            plug.say("state")
        if not (plug.faults.lie or plug.faults.stuck):
            seconds = wanted.get("on_time")
            plug.move(on=on, for_s=float(seconds) if isinstance(seconds, int | float) else None)
        plug.say("state", pretend={"state": "ON" if on else "OFF"} if plug.faults.lie else None)

    def _on_set_start(self, plug: ZigbeePlug, starts: object) -> None:
        """What was written is published as if it were so, and not read back."""
        if starts not in says.STARTS:
            self._invalid(plug, "power_on_behavior", ", ".join(says.STARTS))
            return
        plug.start_up_written += 1
        if not (plug.faults.lie or plug.faults.stuck):
            plug.starts = str(starts)
        plug.say("power_on_behavior", pretend={"power_on_behavior": starts})

    def _invalid(self, plug: ZigbeePlug, key: str, expected: str) -> None:
        reason = f"Error: Value '{key}' is not valid, expected {expected}: INVALID_VALUE"
        self.log("error", f"Publish 'set' '{key}' to '{plug.name}' failed: '{reason}'")

    def _on_get(self, plug: ZigbeePlug, wanted: dict[str, object]) -> None:
        for key in wanted:
            plug.say(key)

    def _send(self, plug: ZigbeePlug, topic: str, payload: str) -> None:
        if self._muted:
            return
        for _ in range(2 if plug.faults.duplicate else 1):
            if plug.faults.delay_s:
                asyncio.get_running_loop().call_later(plug.faults.delay_s, self._link.publish, topic, payload)
            else:
                self._link.publish(topic, payload)
