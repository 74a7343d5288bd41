"""OpenBeken devices that live in this process: real MQTT clients around a circuit of the physical house.

Each speaks as OpenBeken 1.17 does, keeps domain time, and can be broken on purpose.
"""

import asyncio
import json
from datetime import timedelta

from simulators.circuit import Circuit, EnergyCounter, Now
from simulators.faults import Faults
from simulators.mqtt.device import MqttDevice
from simulators.mqtt.link import BrokerAddress, Link

Json = dict[str, object]

_REPORT_S = 60.0
_MAINS_V = 230.0


class OpenBekenDevice(MqttDevice[Link]):
    """One relay on channel 1, metered or not. Enter it to plug it in."""

    def __init__(
        self,
        broker: BrokerAddress,
        mac: str,
        circuit: Circuit,
        now: Now,
        *,
        metered: bool = True,
        energy_in_kwh: bool = False,
        name: str = "",
        tick_s: float | None = 0.05,
    ) -> None:
        """`energy_in_kwh` is a flag of the owner's: then `energycounter` tells kWh instead of Wh; so is the `name`."""
        self.mac = mac
        self.name = name or f"obk{mac[-8:]}"
        self.faults = Faults()
        self._now = now
        self._circuit = circuit
        self._metered = metered
        self._energy_in_kwh = energy_in_kwh
        self._on = False
        self._muted = False
        self._counter = EnergyCounter(circuit if metered else None, now)
        self._report_at = now()
        link = Link(
            host=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password,
            client_id=f"obk{mac[-8:]}",
            will=(f"{self.name}/connected", "offline"),
            command_filters=[f"{self.name}/+/set", f"{self.name}/+/get", f"cmnd/{self.name}/+"],
            on_up=self._introduce,
            on_command=self._on_message,
        )
        super().__init__(link, tick_s)

    # ---- life

    def press_button(self) -> None:
        """Somebody presses the button on the device: the relay changes, and the device tells everybody."""
        self._move(on=not self._on)
        self._say_channel()

    def is_on(self) -> bool:
        """Where the relay really is."""
        return self._on

    def reset_energy(self) -> None:
        """The counter begins anew, as by EnergyCntReset."""
        self._counter.reset()

    def tick(self) -> None:
        """Count energy up to now, and report if it is time."""
        self._counter.count()
        if self._metered and self._now() >= self._report_at:
            self._report_at = self._now() + timedelta(seconds=_REPORT_S)
            self.report()

    def report(self) -> None:
        """Tell what it measures."""
        self._counter.count()
        counted = self._counter.energy_wh / (1000.0 if self._energy_in_kwh else 1.0)
        numbers = {
            "voltage": f"{_MAINS_V:.1f}",
            "current": f"{self._counter.power_w / _MAINS_V:.3f}",
            "power": f"{self._counter.power_w:.2f}",
            "energycounter": f"{counted:.3f}",
        }
        for name, number in numbers.items():
            self._send(f"{self.name}/{name}/get", number)

    def _power_down(self) -> None:
        self._counter.count()
        self._circuit.switch(False)  # noqa: FBT003 - a circuit has one switch

    def _boot(self) -> None:
        self._counter.pass_over()
        self._move(on=self._on)

    def _introduce(self) -> None:
        self._link.publish(f"{self.name}/connected", "online", retain=True)

    # ---- what it hears

    def _on_message(self, topic: str, payload: str) -> None:
        parts = topic.split("/")
        own = parts[0] == self.name and len(parts) == 3 and (parts[2] == "set" or (parts[2] == "get" and not payload))
        if not own and parts[:2] != ["cmnd", self.name]:
            return  # among them what it says itself under `get`
        if self.faults.drop_commands > 0:
            self.faults.drop_commands -= 1
            return
        self._muted = self.faults.drop_answers > 0
        self.faults.drop_answers = max(0, self.faults.drop_answers - 1)
        try:
            self._obey(parts, payload)
        finally:
            self._muted = False

    def _obey(self, parts: list[str], payload: str) -> None:
        if parts[0] == "cmnd":
            if parts[2].upper() == "STATUS":
                self._on_status(payload)
            return
        channel = int(parts[1]) if parts[1].isdigit() else 0  # as atoi does
        if parts[2] == "get":
            self._send(f"{self.name}/{channel}/get", str(int(self._on)) if channel == 1 else "0")
        elif channel == 1:
            self._on_set(payload)

    def _on_set(self, payload: str) -> None:
        on = not self._on if payload.lower().startswith("toggle") else payload.strip() == "1"
        if self.faults.old_state_first:
            self._say_channel()
        unchanged = on is self._on
        if not (self.faults.lie or self.faults.stuck):
            self._move(on=on)
        if not unchanged:  # else it ignores the order without a word
            self._say_channel(pretend=on if self.faults.lie else None)

    def _on_status(self, argument: str) -> None:
        if argument in {"8", "10"}:
            said: Json = {"StatusSNS": self._sensors()}
        elif argument == "11":
            said = {"StatusSTS": self._state()}
        else:
            said = {
                "Status": {
                    "Module": 0,
                    "DeviceName": self.name,
                    "FriendlyName": [f"{self.name}_1"],
                    "Topic": self.name,
                    "ButtonTopic": "0",
                    "Power": int(self._on),
                    "PowerOnState": 3,
                },
                "StatusFWR": {
                    "Version": "OpenBK7231N_1.17.600",
                    "BuildDateTime": "Jun  1 2024 12:00:00",
                    "Boot": 7,
                    "Core": "0.0",
                    "SDK": "obk",
                    "CpuFrequency": 80,
                    "Hardware": "BK7231N",
                },
                "StatusNET": {"Hostname": self.name, "Mac": ":".join(self.mac[at : at + 2] for at in range(0, 12, 2))},
                "StatusSNS": self._sensors(),
            }
        kind = f"STATUS{argument}" if argument in {"8", "10", "11"} else "STATUS"
        self._send(f"stat/{self.name}/{kind}", json.dumps(said, separators=(",", ":")))

    def _state(self) -> Json:
        """With one relay it is called POWER, whatever its channel; most other numbers are fixed in the firmware."""
        return {
            "Time": self._now().strftime("%Y-%m-%dT%H:%M:%S"),
            "Uptime": "0T00:10:00",
            "UptimeSec": 600,
            "Heap": 25,
            "SleepMode": "Dynamic",
            "Sleep": 10,
            "LoadAvg": 99,
            "MqttCount": 23,
            "POWER": "ON" if self._on else "OFF",
            "Wifi": {"AP": 1, "SSId": "home", "BSSId": "30:B5:C2:5D:70:72", "Channel": 11, "Mode": "11n"},
        }

    def _sensors(self) -> Json:
        self._counter.count()
        said: Json = {"Time": self._now().strftime("%Y-%m-%dT%H:%M:%S")}
        if self._metered:
            said["ENERGY"] = {
                "Power": round(self._counter.power_w, 6),
                "ApparentPower": round(self._counter.power_w, 6),
                "ReactivePower": 0.0,
                "Factor": 1.0,
                "Voltage": _MAINS_V,
                "Current": round(self._counter.power_w / _MAINS_V, 6),
                "ConsumptionTotal": round(self._counter.energy_wh * (1e-3 if self.faults.wrong_units else 1.0), 6),
                "Yesterday": 0.0,
                "ConsumptionLastHour": 0.0,
            }
        return said

    # ---- what it says and does

    def _say_channel(self, *, pretend: bool | None = None) -> None:
        self._send(f"{self.name}/1/get", str(int(self._on if pretend is None else pretend)))

    def _send(self, topic: str, payload: str) -> None:
        if self._muted:
            return
        for _ in range(2 if self.faults.duplicate else 1):
            if self.faults.delay_s:
                asyncio.get_running_loop().call_later(self.faults.delay_s, self._link.publish, topic, payload)
            else:
                self._link.publish(topic, payload)

    def _move(self, *, on: bool) -> None:
        self._counter.count()
        self._on = on
        self._circuit.switch(on)
        self._counter.count()
