"""A Tasmota device with an infrared light and receiver, in sight of an air conditioner and of its remote control."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from simulators.circuit import Now
from simulators.mqtt.link import BrokerAddress
from simulators.mqtt.tasmota import TasmotaDevice
from simulators.mqtt.tasmota_says import Identity, Json

VENDORS = ("COOLIX", "DAIKIN", "MITSUBISHI_AC", "GREE", "FUJITSU_AC", "MIDEA", "SAMSUNG_AC", "SHARP_AC", "WHIRLPOOL_AC")
"""Some of what tasmota-ir speaks."""


class Unit(Protocol):
    """What is in sight of the light: an air conditioner."""

    on: bool
    vendor: str
    """The language that it understands."""

    def hear(
        self, vendor: str, *, on: bool, mode: str, temperature_c: float, from_off: bool = True, turbo: bool = False
    ) -> None:
        """Take an infrared message.

        `from_off` says "on" as to a unit that was off, and `turbo` presses the key, where the language has such words.
        """


@dataclass(frozen=True)
class Hvac:
    """The state that the device sends, hears and remembers."""

    vendor: str
    model: int = 1
    on: bool = False
    mode: str = "Auto"
    celsius: bool = True
    temp: float = 21.0
    fan: str = "Medium"
    turbo: bool = False

    def said(self) -> Json:
        """As firmware 14 says it, field by field."""
        rest = dict.fromkeys(("Econo", "Light", "Filter", "Clean", "Beep"), "Off")
        return {
            "Vendor": self.vendor,
            "Model": self.model,
            "Command": "Control",
            "Mode": self.mode,
            "Power": _word(on=self.on),
            "Celsius": _word(on=self.celsius),
            "Temp": int(self.temp) if self.temp == int(self.temp) else self.temp,
            "FanSpeed": self.fan,
            "SwingV": "Off",
            "SwingH": "Off",
            "Quiet": "Off",
            "Turbo": _word(on=self.turbo),
            **rest,
            "Sleep": -1,
            "iFeel": "Off",
            "SensorTemp": None,
        }


class TasmotaInfrared(TasmotaDevice):
    """The bridge. Enter it to plug it in."""

    def __init__(
        self,
        broker: BrokerAddress,
        identity: Identity,
        unit: Unit,
        now: Now,
        *,
        vendors: Collection[str] = VENDORS,
        hears_itself: bool = False,
        answers_apart: bool = False,
        tick_s: float | None = 0.05,
    ) -> None:
        """Without `vendors` it is a build without IRHVAC. `answers_apart` is its SetOption4."""
        super().__init__(broker, identity, now, tick_s=tick_s)
        self.unit = unit
        self.orders: list[Json] = []
        """Every `IRHVAC` that arrived."""
        self._vendors = tuple(vendors)
        self._hears_itself = hears_itself
        self._answers_apart = answers_apart
        self._memory: Hvac | None = None
        """What it last sent with SendStore, or heard; gone when it restarts."""
        self._last_answer: Json = {}

    def press_remote(self, *, on: bool, turbo: bool = False, vendor: str = "") -> None:
        """Somebody uses the unit's own remote control, or that of another: the unit and the receiver hear it."""
        state = Hvac(vendor or self.unit.vendor, on=on, mode="Cool", temp=24.0, turbo=turbo)
        self.unit.hear(
            state.vendor, on=on, mode=state.mode, temperature_c=state.temp, from_off=not self.unit.on, turbo=turbo
        )
        self._receive(state)

    def press_button(self, channel: int = 1) -> None:  # noqa: ARG002 - it has but one
        """Its relay is the unit: toggled with the unit's own remote control."""
        self.press_remote(on=not self.unit.on)

    def _power_down(self) -> None:
        super()._power_down()
        self._memory = None

    def _obey(self, command: str, payload: str) -> None:
        if command != "IRHVAC" or not self._vendors:
            super()._obey(command, payload)
            return
        if self.faults.old_state_first and self._last_answer:
            self._answer(self._last_answer)
        self._last_answer = self._carried_out(payload)
        self._answer(self._last_answer)

    def _carried_out(self, payload: str) -> Json:
        """Send what an order says, and return the answer to it."""
        try:
            order = json.loads(payload)
        except ValueError:
            return {"IRHVAC": "Invalid JSON"}
        self.orders.append(order)
        vendor = str(order.get("Vendor", "")).upper()
        if vendor not in self._vendors:
            return {"IRHVAC": f"Wrong Vendor ({'|'.join(self._vendors)})"}
        mode = str(order.get("Mode", "Auto"))
        state = Hvac(
            vendor,
            model=int(order.get("Model", 1)),
            on=order.get("Power") == "On" and mode != "Off",
            mode=mode,
            celsius=order.get("Celsius", "On") == "On",
            temp=float(order.get("Temp", 21)),
            fan=str(order.get("FanSpeed", "Medium")),
            turbo=order.get("Turbo") == "On",
        )
        keep = order.get("StateMode", "SendOnly")
        if keep != "StoreOnly" and not (self.faults.lie or self.faults.stuck):
            self._light(state)
        if keep in {"StoreOnly", "SendStore"}:
            self._memory = state
        return {"IRHVAC": state.said()}

    def _light(self, state: Hvac) -> None:
        """A message is in the air. Toggles are worked out from the memory, if that is of the same language."""
        before = self._memory if self._memory is not None and self._memory.vendor == state.vendor else None
        self.unit.hear(
            state.vendor,
            on=state.on,
            mode=state.mode,
            temperature_c=state.temp,
            from_off=before is None or not before.on,
            turbo=state.turbo if before is None else state.turbo ^ before.turbo,
        )
        if self._hears_itself:
            self._receive(state)

    def _receive(self, state: Hvac) -> None:
        """The receiver hears and remembers what is in the air, and says so."""
        self._memory = state
        received: Json = {"Protocol": state.vendor, "Bits": 280, "Data": "0x11DA2700", "Repeat": 0}
        kind = "IRRECEIVED" if self._answers_apart else "RESULT"
        self._say("tele", kind, {"IrReceived": {**received, "IRHVAC": state.said()}})

    def _answer(self, said: Json) -> None:
        self._say("stat", "IRHVAC" if self._answers_apart else "RESULT", said)


def _word(*, on: bool) -> str:
    return "On" if on else "Off"
