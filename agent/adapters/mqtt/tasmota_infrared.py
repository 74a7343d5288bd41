"""Air conditioners by infrared: a Tasmota device that stands in for their remote control.

Sources: xdrv_05_irremote_full.ino of Tasmota, IRac.cpp of IRremoteESP8266, Tasmota's page Tasmota-IR. The device
answers `IRHVAC` with the state that it has sent; whether the unit has heard it nobody says.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, floor

from agent.adapters.mqtt.broker import Message, Receiver
from agent.adapters.mqtt.tasmota_messages import DiscoveryConfig, TasmotaMalformed, read_object
from agent.adapters.mqtt.tasmota_station import Station
from agent.domain.device import Infrared, Name
from agent.domain.house import Aim, AirConditionerMode
from agent.domain.infrared_vendors import toggles_power
from agent.domain.refusal import nearest
from agent.errors import BrokerUnreachable, DeviceRefused, DeviceUnreachable

_START_FROM_OFF = frozenset({"SHARP_AC"})
"""Languages in which "on" is another word for a unit that was off; what was before is taken from the memory."""
_MODES = {AirConditionerMode.HEAT: "Heat", AirConditionerMode.COOL: "Cool"}
_COLDEST_C, _WARMEST_C = 16, 30
"""Setpoints that nearly every language has; what one lacks becomes its nearest."""
_STOPS = Aim(mode=AirConditionerMode.COOL, setpoint_c=24.0)
"""What an "off" says besides, before any order: some units ignore one without a mode, and every unit cools."""
_ECHO_S = 3.0
"""Wall seconds in which a receiver hears the light of its own transmitter."""
_LONGEST_WORD = 60
_MOST_VENDORS = 150
"""More than a build speaks."""
_VENDOR = re.compile(r"[A-Z][A-Z0-9_]{1,40}")


@dataclass(frozen=True)
class UnitState:
    """What a message says of an air conditioner, as far as the hub needs it."""

    vendor: str
    on: bool
    mode: str
    temperature_c: float | None
    """None if it says none, or says it in °F, which the hub never does."""

    def tells(self, wanted: "UnitState") -> bool:
        """Whether it carries the wanted state. Old firmware says mode Off where power is off."""
        same_mode = self.mode == wanted.mode or (not self.on and self.mode == "off")
        return same_mode and (self.vendor, self.on, self.temperature_c) == (
            wanted.vendor,
            wanted.on,
            wanted.temperature_c,
        )


def read_answer(payload: bytes) -> UnitState | str | None:
    """What `stat/…/RESULT` says: the state that was sent, or in the device's words why none was; None: another matter.

    Raises TasmotaMalformed.
    """
    said = read_object(payload)
    answer = said.get("IRHVAC")
    if isinstance(answer, dict):
        return _unit_state(answer)
    if isinstance(answer, str):
        return answer
    about = said.get("Input", "IRHVAC")  # older firmware does not say which command it does not know
    if isinstance(said.get("Command"), str) and isinstance(about, str) and about.upper().startswith("IRHVAC"):
        return str(said["Command"])
    return None


def read_heard(payload: bytes) -> UnitState | None:
    """What a receiver heard from a remote control, as `tele/…/RESULT` says; None: nothing of an air conditioner.

    Raises TasmotaMalformed.
    """
    received = read_object(payload).get("IrReceived")
    state = received.get("IRHVAC") if isinstance(received, dict) else None
    return _unit_state(state) if isinstance(state, dict) else None


def hvac_order(infrared: Infrared, aim: Aim, *, on: bool, mode: str = "SendStore") -> Mapping[str, object]:
    """The whole state for `IRHVAC`, by the names of its fields.

    All that some language can only toggle is off, and what is sent is stored (`StateMode`): so the device, which works
    out toggles from what it last sent or heard, never finds a change that nobody ordered.
    """
    off = dict.fromkeys(("Quiet", "Turbo", "Econo", "Light", "Filter", "Clean", "Beep"), "Off")
    return {
        "Vendor": infrared.vendor,
        "Model": max(1, infrared.model),
        "Power": "On" if on else "Off",
        "Mode": _MODES[aim.mode],
        "Celsius": "On",
        "Temp": _whole_c(aim),
        "FanSpeed": "Auto",
        "SwingV": "Off",
        "SwingH": "Off",
        **off,
        "Sleep": -1,
        "StateMode": mode,
    }


class TasmotaRemote:
    """The remote control of one air conditioner. One device may be that of several: they take turns."""

    def __init__(self, station: Station, name: Name, infrared: Infrared | None) -> None:
        self._station = station
        self._name = name
        self._infrared = infrared
        self._aim = _STOPS
        """What it was last told to run for."""
        self._wanted: UnitState | None = None
        self._answer: asyncio.Future[None] | None = None
        self._echoes: tuple[bool, float] | None = None
        """What was sent last, and until when (loop time, s) it may still be heard."""
        self.on_heard: Callable[[bool], None] | None = None
        """Told when somebody else's remote control says on or off in this language; the unit may not have heard it."""
        station.listen_also(self._topics)

    @property
    def away(self) -> str:
        """What its last will says."""
        return "its last will says that it is offline" if self._station.online is False else ""

    async def order(self, aim: Aim | None) -> None:
        """Send the whole state, once, and wait until the device says so. Raises DeviceUnreachable, DeviceRefused."""
        infrared = self._language()
        async with self._station.relay_turn:
            self._station.known(self._name)
            self._aim = self._aim if aim is None else aim
            on = aim is not None
            self._wanted = UnitState(infrared.vendor, on, _MODES[self._aim.mode].lower(), float(_whole_c(self._aim)))
            answer = self._answer = asyncio.get_running_loop().create_future()
            try:
                if on and infrared.vendor in _START_FROM_OFF:  # nothing is sent: only its memory becomes "off"
                    forget = hvac_order(infrared, self._aim, on=False, mode="StoreOnly")
                    self._send({**forget, "Mode": "Auto"})  # so that no answer to this passes for one to an order
                self._send(hvac_order(infrared, self._aim, on=on))
                await answer
            finally:
                self._answer = None
                self._expect_echo(on=on)

    def _language(self) -> Infrared:
        if self._infrared is None:
            raise DeviceRefused(self._name, "was not told whose language its unit speaks: set infrared.vendor")
        if toggles_power(self._infrared):
            raise DeviceRefused(
                self._name,
                f"infrared.vendor {self._infrared.vendor} (model {self._infrared.model}) cannot say on or off, it only "
                "toggles: such a unit cannot be driven safely",
            )
        return self._infrared

    def _send(self, order: Mapping[str, object]) -> None:
        self._expect_echo(on=order["Power"] == "On")
        try:
            self._station.send("IRHVAC", json.dumps(order, separators=(",", ":")))
        except BrokerUnreachable as error:
            raise DeviceUnreachable(self._name, str(error)) from error

    def _expect_echo(self, *, on: bool) -> None:
        self._echoes = on, asyncio.get_running_loop().time() + _ECHO_S

    def _topics(self, config: DiscoveryConfig) -> Iterator[tuple[str, Receiver]]:
        for kind in ("RESULT", "IRHVAC"):  # the second where the owner has set SetOption4
            yield config.answer_topic(kind), self._on_answer
        for kind in ("RESULT", "IRRECEIVED"):
            yield config.report_topic(kind), self._on_received

    def _on_answer(self, message: Message) -> None:
        if message.retained:  # what the broker kept tells the past
            return
        self._station.online = True
        answer, wanted = self._answer, self._wanted
        if answer is None or answer.done() or wanted is None:
            return
        said = read_answer(message.payload)
        if isinstance(said, UnitState) and said.tells(wanted):
            answer.set_result(None)
        elif isinstance(said, str) and (reason := _refusal(said, wanted.vendor)):
            answer.set_exception(DeviceRefused(self._name, reason))

    def _on_received(self, message: Message) -> None:
        if message.retained:
            return
        self._station.online = True
        state = read_heard(message.payload)
        if state is None or self._infrared is None or state.vendor != self._infrared.vendor or self._is_echo(state):
            return
        if self.on_heard is not None:
            self.on_heard(state.on)

    def _is_echo(self, state: UnitState) -> bool:
        if self._echoes is None:
            return False
        on, until_s = self._echoes
        return state.on is on and asyncio.get_running_loop().time() < until_s


def _whole_c(aim: Aim) -> int:
    """The setpoint in whole °C, never short of what was aimed at, where the languages have it."""
    bounded_c = min(max(aim.setpoint_c, _COLDEST_C), _WARMEST_C)
    return ceil(bounded_c) if aim.mode is AirConditionerMode.HEAT else floor(bounded_c)


def _refusal(said: str, vendor: str) -> str:
    """Why nothing was sent, and what to do; empty if the device names the vendor, so that it meant another order."""
    if said == "Unknown":
        return (
            "does not know IRHVAC: install tasmota-ir (on an ESP32 tasmota32-ir), and set the pin of its LED to IRsend"
        )
    named = _VENDOR.findall(said.partition("(")[2])
    if not named:
        return f"refuses the order: {said[:_LONGEST_WORD]!r}"
    if vendor in named:
        return ""
    return f"cannot speak {vendor}, set infrared.vendor: {nearest(vendor, named[:_MOST_VENDORS])}"


def _unit_state(said: Mapping[str, object]) -> UnitState:
    vendor, power, mode = (_word(said, key) for key in ("Vendor", "Power", "Mode"))
    on = {"on": True, "off": False}.get(power.lower())
    if on is None:
        raise TasmotaMalformed(f"IRHVAC.Power is neither on nor off: {power!r}")
    temp = said.get("Temp")
    if _word(said, "Celsius").lower() != "on" or isinstance(temp, bool) or not isinstance(temp, int | float):
        temp = None
    return UnitState(vendor.upper(), on, mode.lower(), temp)


def _word(said: Mapping[str, object], key: str) -> str:
    word = said.get(key)
    if not isinstance(word, str) or len(word) > _LONGEST_WORD:
        raise TasmotaMalformed(f"IRHVAC.{key} is no word, but {type(word).__name__}")
    return word
