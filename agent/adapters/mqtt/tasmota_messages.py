"""What Tasmota devices say, read at the border: discovery, relay states, sensors.

Sources: xdrv_12_discovery.ino and support_command.ino of Tasmota, its pages MQTT and JSON-Status-Responses.
Everything here is a pure function of a payload and raises TasmotaMalformed for what cannot be read.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from agent.adapters.mqtt.announced import Printable, is_own_topic
from agent.domain.device import Ability
from agent.domain.printable import printable
from agent.errors import HubError

_MAC = re.compile(r"[0-9A-F]{12}")
_RELAY = 1
"""`rl` of discovery: 0 nothing, 1 a relay, 2 a light, 3 half of a shutter. Only relays may be switched."""
_CHIP = "ESP32"
"""Its temperature is that of the processor, not of the home."""
STARTS_OFF = 0
"""`PowerOnState` of a device whose relays are all off when power comes back, whatever its PulseTime is."""
_LARGEST = 1e9
"""No number of a home is larger; NaN is not smaller either."""

Segment = Annotated[str, StringConstraints(min_length=1, max_length=150)]
"""Part of a topic; whether a broker carries the whole is seen when it is put together."""


class TasmotaMalformed(HubError):
    """A message that cannot be read."""


class DiscoveryConfig(BaseModel):
    """`tasmota/discovery/<MAC>/config`: what a device says of itself, as far as the hub needs it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    mac: Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{12}$")]
    name: Printable = Field(alias="dn", default="", max_length=200)
    model: Printable = Field(alias="md", default="", max_length=200)
    firmware: Printable = Field(alias="sw", default="", max_length=100)
    host: Segment = Field(alias="hn", default="-")
    topic: Segment = Field(alias="t")
    full_topic: Segment = Field(alias="ft")
    prefixes: tuple[Segment, Segment, Segment] = Field(alias="tp")
    offline: str = Field(alias="ofln", min_length=1, max_length=80)
    online: str = Field(alias="onln", min_length=1, max_length=80)
    states: tuple[str, ...] = Field(alias="state", min_length=2, max_length=8)
    """Words for off, on, toggle, hold: an owner may have changed them."""
    relay_kinds: tuple[int, ...] = Field(alias="rl", max_length=64)
    sleeps: int = Field(alias="dslp", default=0)
    """1 if it wakes up only to report: such a device cannot be asked."""

    @model_validator(mode="after")
    def _topics_differ(self) -> Self:
        if "%prefix%" not in self.full_topic or len(set(self.prefixes)) < 3:
            raise ValueError("commands and answers would share a topic")
        if not all(is_own_topic(self._topic(prefix, "POWER32")) for prefix in self.prefixes):
            raise ValueError("no broker carries its topics")
        if self.off_word == self.on_word or not (self.off_word and self.on_word):
            raise ValueError("the words for off and on do not differ")
        return self

    @property
    def off_word(self) -> str:
        """What the relay says, and is told, for off."""
        return self.states[0]

    @property
    def on_word(self) -> str:
        """What the relay says, and is told, for on."""
        return self.states[1]

    @property
    def channels(self) -> tuple[int, ...]:
        """Numbers of the relays that may be switched, from 1 on."""
        return tuple(index for index, kind in enumerate(self.relay_kinds, start=1) if kind == _RELAY)

    @property
    def outputs(self) -> int:
        """How many things it drives: relays, lights, halves of shutters."""
        return sum(kind != 0 for kind in self.relay_kinds)

    @property
    def switches_alone(self) -> bool:
        """Whether one relay is all that it has: no other, no light, no shutter."""
        return self.outputs == 1

    def command_topic(self, command: str) -> str:
        """Where the device takes a command."""
        return self._topic(self.prefixes[0], command)

    def answer_topic(self, kind: str) -> str:
        """Where the device answers."""
        return self._topic(self.prefixes[1], kind)

    def report_topic(self, kind: str) -> str:
        """Where the device reports by itself."""
        return self._topic(self.prefixes[2], kind)

    def _topic(self, prefix: str, last: str) -> str:
        path = self.full_topic.replace("%prefix%", prefix).replace("%topic%", self.topic)
        path = path.replace("%hostname%", self.host).replace("%id%", self.mac[-6:])
        return f"{path.rstrip('/')}/{last}"


class SensorReport(BaseModel):
    """`tele/…/SENSOR`, or what `STATUS 10` answers: the numbers that the hub uses, in its own units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    power_w: tuple[float, ...] = ()
    """Of each metered channel, or of all together."""
    energy_wh: tuple[int, ...] = ()
    temperatures_c: Mapping[str, float | None] = Field(default_factory=dict)
    """By the sensor's name; None where the sensor itself does not answer."""
    ids: Mapping[str, str] = Field(default_factory=dict)
    """The name of a sensor by its Id."""

    @property
    def abilities(self) -> frozenset[Ability]:
        """What these sensors can tell."""
        present = ((Ability.METER, self.power_w or self.energy_wh), (Ability.THERMOMETER, self.temperatures_c))
        return frozenset(ability for ability, there in present if there)

    def temperature_of(self, sensor: str | None) -> float:
        """The temperature (°C) of one sensor, which may stay unnamed where it is the only one.

        Raises TasmotaMalformed, SensorUnclear.
        """
        if sensor is None:
            if len(self.temperatures_c) > 1:
                raise SensorUnclear(f"has several thermometers, set `sensor` to one of {_listed(self.temperatures_c)}")
            if not self.temperatures_c:
                raise TasmotaMalformed("reports no temperature")
            (sensor,) = self.temperatures_c
        name = self.ids.get(sensor, sensor)
        if name not in self.temperatures_c:
            known = _listed(self.temperatures_c) or "none"
            raise TasmotaMalformed(f"reports no sensor {sensor}; there is {known}")
        temperature_c = self.temperatures_c[name]
        if temperature_c is None:
            raise TasmotaMalformed(f"its sensor {sensor} gives no value; look at its wiring")
        return temperature_c


def _listed(names: Iterable[str]) -> str:
    return printable(", ".join(names), 300)


class SensorUnclear(HubError):
    """A device has several sensors and the settings do not say which."""


def read_config(mac: str, payload: bytes) -> DiscoveryConfig:
    """What a device under `tasmota/discovery/<mac>/config` says of itself. Raises TasmotaMalformed."""
    try:
        config = DiscoveryConfig.model_validate(read_object(payload))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in fault["loc"])
        raise TasmotaMalformed(f"discovery of {mac}: {field}: {fault['msg']}") from error
    if config.mac != mac:
        raise TasmotaMalformed(f"discovery of {mac} names another MAC address, {config.mac}")
    return config


def read_announced_sensors(payload: bytes) -> SensorReport:
    """The sensors of `tasmota/discovery/<mac>/sensors`. Raises TasmotaMalformed."""
    sensors = read_object(payload).get("sn")
    return _report(sensors if isinstance(sensors, dict) else {})


def read_sensors(payload: bytes) -> SensorReport:
    """The numbers of `tele/…/SENSOR` or of `stat/…/STATUS10`. Raises TasmotaMalformed."""
    whole = read_object(payload)
    inner = whole.get("StatusSNS", whole)
    if not isinstance(inner, dict):
        raise TasmotaMalformed("StatusSNS is not an object")
    return _report(inner)


def read_relays(payload: bytes, config: DiscoveryConfig) -> dict[int, bool]:
    """On or off by channel, as `stat/…/RESULT` or `tele/…/STATE` says; empty if it says nothing of relays.

    Raises TasmotaMalformed.
    """
    return _relays(read_object(payload), config)


def _relays(status: Mapping[str, object], config: DiscoveryConfig) -> dict[int, bool]:
    states: dict[int, bool] = {}
    for key, value in status.items():
        channel = channel_of(key)
        if channel is not None and value in (config.on_word, config.off_word):
            states[channel] = value == config.on_word
    return states


def read_status(payload: bytes, config: DiscoveryConfig) -> dict[int, bool]:
    """On or off by channel, as `stat/…/STATUS11` says; empty if it says nothing of relays. Raises TasmotaMalformed."""
    status = read_object(payload).get("StatusSTS")
    return _relays(status, config) if isinstance(status, dict) else {}


def read_start(payload: bytes) -> int | None:
    """`PowerOnState`, as `stat/…/STATUS` says; None if it says nothing of it. Raises TasmotaMalformed."""
    status = read_object(payload).get("Status")
    return _start(status) if isinstance(status, dict) else None


def read_start_set(payload: bytes) -> int | None:
    """`PowerOnState`, as `stat/…/RESULT` says; None if it is about something else. Raises TasmotaMalformed."""
    return _start(read_object(payload))


def read_pulse(payload: bytes, channel: int) -> int | str | None:
    """`PulseTime<n>` as it is set, by `stat/…/RESULT`, or in the device's words why it is not; None: another matter.

    Raises TasmotaMalformed.
    """
    said = read_object(payload)
    answer = said.get(f"PulseTime{channel}")
    if isinstance(answer, dict):
        pulse = answer.get("Set")
        return pulse if isinstance(pulse, int) and not isinstance(pulse, bool) else "it does not say what is set"
    about = said.get("Input", "PULSETIME")  # older firmware does not say which command it does not know
    if isinstance(said.get("Command"), str) and isinstance(about, str) and about.upper().startswith("PULSETIME"):
        return f"it answers {printable(str(said['Command']), 40)} to PulseTime"
    return None


def _start(said: Mapping[str, object]) -> int | None:
    start = said.get("PowerOnState")
    return start if isinstance(start, int) and not isinstance(start, bool) else None


def channel_of(key: str) -> int | None:
    """The relay that `POWER` (the first, if it is alone) or `POWER<n>` means; None if the key is another."""
    if key == "POWER":
        return 1
    number = key.removeprefix("POWER")
    return int(number) if key != number and number.isascii() and number.isdigit() and len(number) <= 2 else None


def mac_of(address: str) -> str | None:
    """The MAC address, twelve upper-case hex digits, that an owner's address means; None if it is a topic."""
    plain = address.replace(":", "").replace("-", "").upper()
    return plain if _MAC.fullmatch(plain) else None


def read_object(payload: bytes) -> dict[str, object]:
    """The JSON object that a payload is. Raises TasmotaMalformed."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise TasmotaMalformed(f"not JSON: {payload[:60]!r}") from error
    if not isinstance(value, dict):
        raise TasmotaMalformed(f"not a JSON object: {payload[:60]!r}")
    return value


def _report(sensors: dict[str, object]) -> SensorReport:
    energy = sensors.get("ENERGY")
    energy = energy if isinstance(energy, dict) else {}
    temperatures = dict(_temperatures(sensors, fahrenheit=sensors.get("TempUnit") == "F"))
    ids = {
        str(sensor["Id"]): name
        for name, sensor in sensors.items()
        if isinstance(sensor, dict) and isinstance(sensor.get("Id"), str) and name in temperatures
    }
    return SensorReport(
        power_w=tuple(_numbers(energy.get("Power"), "ENERGY.Power")),
        energy_wh=tuple(_watt_hours(kwh) for kwh in _numbers(energy.get("Total"), "ENERGY.Total")),
        temperatures_c=temperatures,
        ids=ids,
    )


def _temperatures(sensors: dict[str, object], *, fahrenheit: bool) -> Iterator[tuple[str, float | None]]:
    for name, sensor in sensors.items():
        if not isinstance(sensor, dict) or name == _CHIP:
            continue
        for key, value in sensor.items():
            if key != "Temperature" and not re.fullmatch(r"Temperature\d{1,2}", key):
                continue
            numbers = list(_numbers(value, f"{name}.{key}"))
            celsius = [(number - 32) / 1.8 if fahrenheit else number for number in numbers]
            yield (name if key == "Temperature" else f"{name}.{key}"), round(celsius[0], 2) if celsius else None


def _numbers(value: object, field: str) -> Iterator[float]:
    """None, a number, or a list of numbers, one for each channel."""
    for number in value if isinstance(value, list) else [value]:
        if number is None:
            continue
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= _LARGEST:
            raise TasmotaMalformed(f"{field} is not a number: {str(number)[:40]!r}")
        yield float(number)


def _watt_hours(kwh: float) -> int:
    if kwh < 0:
        raise TasmotaMalformed(f"ENERGY.Total is negative: {kwh:g} kWh")
    return round(kwh * 1000)
