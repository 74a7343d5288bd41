"""Shelly devices of generation 2 and later on MQTT: JSON-RPC over topics, notifications, the simple commands."""

import json
from collections.abc import Mapping, Sequence

from simulators.circuit import Circuit, Now
from simulators.faults import Faults
from simulators.mqtt.device import MqttDevice
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.shelly_link import ANNOUNCE, FOR_ALL, ShellyLink
from simulators.shelly.device import Refused, ShellyDevice
from simulators.shelly.says import Identity, Json


class ShellyGen2(MqttDevice[ShellyLink]):
    """One device with its MQTT client. Enter it to plug it in."""

    def __init__(
        self,
        broker: BrokerAddress,
        identity: Identity,
        now: Now,
        *,
        relays: Sequence[Circuit] = (),
        metered: bool = True,
        sensors: Mapping[int, Circuit] | None = None,
        prefix: str = "",
        tick_s: float | None = 0.05,
    ) -> None:
        """`prefix` as its owner has set it, else its id. `tick_s` is wall time between looks at the clock; None: never.

        `sensors` by the number that the device gave them: those of the Add-on begin at 100.
        """
        self.device = ShellyDevice(identity, now, relays=relays, metered=metered, sensors=sensors)
        self.device.on_notification = self._notify
        self.faults: Faults = self.device.faults
        self.status_ntf = False
        """Whether it also tells whole statuses; off by factory setting."""
        self._broker = broker
        super().__init__(self._link_to(prefix or identity.id), tick_s)

    @property
    def identity(self) -> Identity:
        """What it is."""
        return self.device.identity

    @property
    def prefix(self) -> str:
        """Under which it speaks."""
        return self.device.prefix

    @property
    def start_up_written(self) -> int:
        """How often it was told how to start."""
        return self.device.start_up_written

    # ---- life

    def _boot(self) -> None:
        self.device.power_up()

    def _power_down(self) -> None:
        self.device.power_down()

    async def rename(self, prefix: str) -> None:
        """Its owner gives it another prefix: it connects anew under that."""
        self._link.cut()
        self._link = self._link_to(prefix)
        self._link.open()
        await self.wait_up()

    def press_button(self, channel: int = 1) -> None:
        """Somebody presses the button."""
        self.device.press_button(channel)

    def is_on(self, channel: int = 1) -> bool:
        """Where the relay really is."""
        return self.device.is_on(channel)

    def reset_energy(self) -> None:
        """The counters begin anew."""
        self.device.reset_energy()

    def tick(self) -> None:
        """Do what is due by domain time."""
        self.device.tick()

    def _link_to(self, prefix: str) -> ShellyLink:
        self.device.prefix = prefix
        return ShellyLink(
            self._broker,
            self.identity.id,
            prefix,
            topics=(f"{prefix}/rpc", f"{prefix}/command", f"{prefix}/command/+"),
            faults=lambda: self.faults,
            on_up=self._introduce,
            on_command=self._on_command,
        )

    # ---- what it hears

    def _on_command(self, topic: str, payload: str) -> None:
        if topic == f"{self.prefix}/rpc":
            for answer in self.device.hear(payload):
                if answer.get("dst"):  # who does not say where to answer gets none
                    self._link.say(f"{answer['dst']}/rpc", _text(answer))
        elif topic in {FOR_ALL, f"{self.prefix}/command"}:
            self._on_simple(payload)
        else:
            self._on_component(topic.rpartition("/")[2], payload)

    def _on_simple(self, payload: str) -> None:
        if payload == "announce":
            about = _text(self.device.call("Shelly.GetDeviceInfo", {}))
            self._link.say(f"{self.prefix}/announce", about)
            self._link.say(ANNOUNCE, about)
        elif payload == "status_update":
            for key, status in self.device.status().items():
                self._link.say(f"{self.prefix}/status/{key}", json.dumps(status))

    def _on_component(self, component: str, payload: str) -> None:
        """`switch:0` takes on, off, and with a third word the seconds after which it flips: on,900."""
        kind, _, number = component.partition(":")
        word, _, ends_s = payload.partition(",")
        if kind != "switch" or not number.isdigit() or word not in {"on", "off"}:
            return
        params: Json = {"id": int(number), "on": word == "on"}
        if ends_s.isdigit():
            params["toggle_after"] = int(ends_s)
        try:
            self.device.call("Switch.Set", params)
        except Refused:
            return

    # ---- what it says

    def _introduce(self) -> None:
        self.device.over_mqtt = True
        self._link.publish(f"{self.prefix}/online", "true", retain=True)
        self._notify_connected()

    def _notify_connected(self) -> None:
        frame = self.device.full_status()
        self._notify({**frame, "method": "NotifyStatus", "params": {"mqtt": {"connected": True}}})

    def _notify(self, frame: Json) -> None:
        self._link.say(f"{self.prefix}/events/rpc", _text({**frame, "dst": f"{self.prefix}/events"}))
        params = frame.get("params")
        if self.status_ntf and isinstance(params, dict):
            whole = self.device.status()
            for key in params.keys() & whole.keys():
                self._link.say(f"{self.prefix}/status/{key}", json.dumps(whole[key]))


def _text(frame: Json) -> str:
    return json.dumps(frame, separators=(",", ":"))
