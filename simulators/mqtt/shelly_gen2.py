"""Shelly devices of generation 2 and later on MQTT: JSON-RPC over topics, notifications, the simple commands."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Self

from simulators.circuit import Circuit, Now
from simulators.faults import Faults
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.shelly_link import ANNOUNCE, FOR_ALL, ShellyLink
from simulators.shelly.device import Refused, ShellyDevice
from simulators.shelly.says import Identity, Json


class ShellyGen2:
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
        self._tick_s = tick_s
        self._timer: asyncio.TimerHandle | None = None
        self._link = self._link_to(prefix or identity.id)

    @property
    def identity(self) -> Identity:
        """What it is."""
        return self.device.identity

    @property
    def prefix(self) -> str:
        """Under which it speaks."""
        return self.device.prefix

    # ---- life

    async def __aenter__(self) -> Self:
        await self.plug_in()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop_ticking()
        self._link.close()

    async def run(self) -> None:
        """Be plugged in until cancelled."""
        async with self:
            await asyncio.Future[None]()

    async def wait_up(self) -> None:
        """Wait until the broker has let the device in. Raises TimeoutError."""
        await self._link.wait_up()

    def unplug(self) -> None:
        """Pull the plug: no power, no good-bye."""
        self._stop_ticking()
        self._link.cut()
        self.device.power_down()

    async def plug_in(self) -> None:
        """Put it back: its relays go to their initial state."""
        self.device.power_up()
        self._link.open()
        self._tick_again()
        await self.wait_up()

    async def brown_out(self) -> None:
        """A dip in the mains: it starts anew, and the broker learns that from its return."""
        self.unplug()
        await self.plug_in()

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

    def _tick_again(self) -> None:
        if self._tick_s is not None:
            self.tick()
            self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick_again)

    def _stop_ticking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

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
