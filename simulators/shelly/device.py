"""One Shelly device of generation 2 or later without its radio: what it does, answers and says by itself.

A carrier (MQTT, Bluetooth) hands requests to `hear` and sends what comes back, and sets `on_notification`. The device
keeps domain time and can be broken on purpose. Only `Faults.delay_s` is for the carrier to see to.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulators.circuit import Circuit, EnergyCounter, Now
from simulators.faults import Faults
from simulators.shelly import says
from simulators.shelly.says import Identity, Json, Power, Relay

_COUNTER_PERIOD = timedelta(seconds=60)
INVALID_ARGUMENT, NOT_FOUND, UNAUTHORIZED, NO_METHOD = -103, -105, 401, 404
INITIAL_STATES = ("off", "on", "restore_last", "match_input")


class Refused(Exception):
    """The device answers with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class _Channel:
    """One relay and what hangs on it."""

    circuit: Circuit
    counter: EnergyCounter
    on: bool = False
    source: str = "init"
    began_at: datetime | None = None
    """When its timer was started, ..."""
    timer_s: float = 0.0
    """... and after how many seconds it flips the relay."""
    initial_state: str = "off"

    @property
    def due_at(self) -> datetime | None:
        return None if self.began_at is None else self.began_at + timedelta(seconds=self.timer_s)


class ShellyDevice:
    """Relays, their meters and temperature sensors behind JSON-RPC."""

    def __init__(
        self,
        identity: Identity,
        now: Now,
        *,
        relays: Sequence[Circuit] = (),
        metered: bool = True,
        sensors: Mapping[int, Circuit] | None = None,
    ) -> None:
        """`sensors` by the number that the device gave them: those of the Add-on begin at 100."""
        self.identity = identity
        self.prefix = identity.id
        """Under which it speaks over MQTT."""
        self.over_mqtt = self._muted = False
        self.start_up_written = 0
        """How often it was told how to start."""
        self.faults = Faults()
        self.on_notification: Callable[[Json], None] | None = None
        self._now = now
        self._channels = [_Channel(circuit, EnergyCounter(circuit, now)) for circuit in relays]
        self._metered = metered
        self._sensors = dict(sensors or {})
        self._booted_at = now()
        self._next_counter_at = self._booted_at + _COUNTER_PERIOD
        self._methods: dict[str, Callable[[Json], Json]] = {
            "Shelly.GetDeviceInfo": lambda _: says.device_info(self.identity),
            "Shelly.GetStatus": lambda _: self.status(),
            "Shelly.GetConfig": lambda _: self._config(),
            "Shelly.GetComponents": self._components,
            "Shelly.ListMethods": lambda _: {"methods": sorted(self._methods)},
            "Sys.GetStatus": lambda _: self._system(),
            "Sys.GetConfig": lambda _: self._part_of_config("sys"),
            "MQTT.GetConfig": lambda _: self._part_of_config("mqtt"),
            "Switch.Set": self._switch_set,
            "Switch.GetStatus": lambda params: self._switch_status(self._channel_number(params)),
            "Switch.GetConfig": lambda params: self._switch_config(self._channel_number(params)),
            "Switch.SetConfig": self._switch_set_config,
            "Switch.ResetCounters": self._switch_reset,
            "Temperature.GetStatus": self._temperature_get,
        }

    # ---- in the hand of a test

    def power_up(self) -> None:
        """Mains are there: every relay goes to its initial state."""
        self._booted_at = self._now()
        self._next_counter_at = self._booted_at + _COUNTER_PERIOD
        for channel in self._channels:
            before = channel.initial_state == "restore_last" and channel.on
            channel.began_at = None
            channel.counter.pass_over()
            self._move(channel, on=before or channel.initial_state == "on", source="init")

    def power_down(self) -> None:
        """Mains are gone: what its flash keeps is kept, timers are not."""
        self._count()
        for channel in self._channels:
            channel.circuit.switch(False)  # noqa: FBT003 - a circuit has one switch

    def press_button(self, channel: int = 1) -> None:
        """Somebody presses the button: the relay changes, and the device tells everybody."""
        one = self._channels[channel - 1]
        one.began_at = None
        self._move(one, on=not one.on, source="button")
        self._notify_switch(channel - 1)

    def is_on(self, channel: int = 1) -> bool:
        """Where the relay really is."""
        return self._channels[channel - 1].on

    def set_initial_state(self, state: str, channel: int = 1) -> None:
        """What the relay does when power comes back."""
        self._channels[channel - 1].initial_state = state

    def reset_energy(self) -> None:
        """The counters begin anew."""
        for channel in self._channels:
            channel.counter.reset()

    def tick(self) -> None:
        """Count energy up to now, flip what a timer ends, and tell the counters once a minute."""
        self._count()
        for number, channel in enumerate(self._channels):
            if channel.due_at is not None and self._now() >= channel.due_at:
                channel.began_at = None
                self._move(channel, on=not channel.on, source="timer")
                self._notify_switch(number)
        if self._metered and self._now() >= self._next_counter_at:
            self._next_counter_at = self._now() + _COUNTER_PERIOD
            for number, channel in enumerate(self._channels):
                counter = self._power(channel).counter(self._now())
                self._notify({f"switch:{number}": {"id": number, "aenergy": counter}})

    # ---- what it hears

    def hear(self, text: str | bytes) -> list[Json]:
        """The answers to a request: none if it vanishes or is no request, two if everything is said twice."""
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            return []
        if not isinstance(request, dict) or not isinstance(request.get("method"), str) or "id" not in request:
            return []
        if self.faults.drop_commands > 0:
            self.faults.drop_commands -= 1
            return []
        self._muted = self.faults.drop_answers > 0
        self.faults.drop_answers -= int(self._muted)
        answer = self._answer(request)
        muted, self._muted = self._muted, False
        return [] if muted else [answer] * (2 if self.faults.duplicate else 1)

    def _answer(self, request: Json) -> Json:
        params = request.get("params")
        answer: Json = {"id": request["id"], "src": self.identity.id}
        if isinstance(request.get("src"), str):
            answer["dst"] = request["src"]
        try:
            result = self.call(str(request["method"]), params if isinstance(params, dict) else {})
        except Refused as refused:
            return {**answer, "error": {"code": refused.code, "message": refused.message}}
        return {**answer, "result": result}

    def call(self, method: str, params: Json) -> Json:
        """Do what a method says, and return its result. Raises Refused."""
        called = next((known for known in self._methods if known.lower() == method.lower()), None)
        if called is None:
            raise Refused(NO_METHOD, f"No handler for {method}")
        if self.identity.locked and called != "Shelly.GetDeviceInfo":
            raise Refused(UNAUTHORIZED, says.challenge(self.identity))
        return self._methods[called](params)

    def _channel_number(self, params: Json) -> int:
        number = params.get("id")
        if isinstance(number, bool) or not isinstance(number, int):
            raise Refused(INVALID_ARGUMENT, "Missing or bad argument 'id'!")
        if not 0 <= number < len(self._channels):
            raise Refused(NOT_FOUND, f"Argument 'id', value {number} not found!")
        return number

    def _switch_set(self, params: Json) -> Json:
        number = self._channel_number(params)
        on, ends_s = params.get("on"), params.get("toggle_after")
        if not isinstance(on, bool):
            raise Refused(INVALID_ARGUMENT, "Missing or bad argument 'on'!")
        if (
            isinstance(ends_s, bool)
            or not isinstance(ends_s, int | float | None)
            or (ends_s is not None and ends_s < 0)
        ):
            raise Refused(INVALID_ARGUMENT, "Argument 'toggle_after', bad value!")
        channel = self._channels[number]
        before = channel.on
        if self.faults.old_state_first:
            self._notify_switch(number)
        if not (self.faults.lie or self.faults.stuck):
            channel.began_at = self._now() if ends_s else None
            channel.timer_s = float(ends_s or 0.0)
            self._move(channel, on=on, source="rpc")
        if before is not on:
            self._notify_switch(number, pretend=on if self.faults.lie else None)
        return {"was_on": before}

    def _switch_set_config(self, params: Json) -> Json:
        channel = self._channels[self._channel_number(params)]
        config = params.get("config")
        if not isinstance(config, dict):
            raise Refused(INVALID_ARGUMENT, "Missing or bad argument 'config'!")
        state = config.get("initial_state", channel.initial_state)
        if state not in INITIAL_STATES:
            raise Refused(INVALID_ARGUMENT, "Argument 'initial_state', bad value!")
        self.start_up_written += int("initial_state" in config)
        if not (self.faults.lie or self.faults.stuck):
            channel.initial_state = state
        return {"restart_required": False}

    def _switch_reset(self, params: Json) -> Json:
        channel = self._channels[self._channel_number(params)]
        channel.counter.count()
        before = channel.counter.energy_wh
        channel.counter.reset()
        return {"aenergy": {"total": round(before, 3)}}

    def _temperature_get(self, params: Json) -> Json:
        number = params.get("id")
        if not isinstance(number, int) or number not in self._sensors:
            raise Refused(NOT_FOUND, f"Argument 'id', value {number} not found!")
        return self._temperature(number)

    # ---- what it says

    def status(self) -> Json:
        """All its components."""
        return {
            **says.surroundings(mqtt=self.over_mqtt),
            "sys": self._system(),
            **{f"input:{number}": {"id": number, "state": False} for number in range(len(self._channels))},
            **{f"switch:{number}": self._switch_status(number) for number in range(len(self._channels))},
            **{f"temperature:{number}": self._temperature(number) for number in self._sensors},
        }

    def full_status(self) -> Json:
        """The notification with everything, which a device sends where it has just connected."""
        return says.notification(self.identity, self._now(), "NotifyFullStatus", self.status())

    def switch_status(self, channel: int = 1) -> Json:
        """How one relay stands, and what is measured behind it."""
        return self._switch_status(channel - 1)

    def _switch_status(self, number: int) -> Json:
        channel = self._channels[number]
        ends = None if channel.began_at is None else (channel.began_at, channel.timer_s)
        power = self._power(channel) if self._metered else None
        return says.switch_status(number, Relay(channel.on, channel.source, ends), power, self._now())

    def _power(self, channel: _Channel) -> Power:
        channel.counter.count()
        factor = 1000.0 if self.faults.wrong_units else 1.0
        return Power(channel.counter.power_w, channel.counter.energy_wh * factor)

    def _temperature(self, number: int) -> Json:
        celsius = self._sensors[number].temperature_c()
        return says.temperature_status(number, celsius * 1.8 + 32 if self.faults.wrong_units else celsius)

    def _system(self) -> Json:
        return says.system_status(self.identity, self._now(), self._now() - self._booted_at)

    def _config(self) -> Json:
        return {
            **says.device_config(self.identity, self.prefix),
            **{f"input:{number}": {"id": number, "type": "button"} for number in range(len(self._channels))},
            **{f"switch:{number}": self._switch_config(number) for number in range(len(self._channels))},
            **{f"temperature:{number}": {"id": number, "name": None} for number in self._sensors},
        }

    def _part_of_config(self, key: str) -> Json:
        part = self._config()[key]
        return dict(part) if isinstance(part, dict) else {}

    def _switch_config(self, number: int) -> Json:
        state = self._channels[number].initial_state
        return says.switch_config(number, {"initial_state": state, "auto_off": False, "auto_on": False})

    def _components(self, params: Json) -> Json:
        status, config = self.status(), self._config()
        keys = [] if params.get("dynamic_only") else sorted(status)
        listed = [{"key": key, "status": status[key], "config": config.get(key, {})} for key in keys]
        return {"components": listed, "cfg_rev": 10, "offset": 0, "total": len(listed)}

    def _notify_switch(self, number: int, *, pretend: bool | None = None) -> None:
        """Only what changed, as the device does."""
        channel = self._channels[number]
        said: Json = {"id": number, "source": channel.source, "output": channel.on if pretend is None else pretend}
        if self._metered:
            said["apower"] = round(self._power(channel).power_w, 1)
        self._notify({f"switch:{number}": said})

    def _notify(self, params: Json) -> None:
        if self._muted or self.on_notification is None:
            return
        for _ in range(2 if self.faults.duplicate else 1):
            self.on_notification(says.notification(self.identity, self._now(), "NotifyStatus", params))

    # ---- what it does

    def _move(self, channel: _Channel, *, on: bool, source: str) -> None:
        self._count()
        channel.on, channel.source = on, source
        channel.circuit.switch(on)
        self._count()

    def _count(self) -> None:
        for channel in self._channels:
            channel.counter.count()
