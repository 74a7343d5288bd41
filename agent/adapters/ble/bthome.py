"""Sensors that speak BTHome v2: thermometers and meters that are only ever heard, never asked.

A reading is what was heard within COUNTS_FOR. Nothing proves who sent it, so none of them is ever a relay.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import ValidationError

from agent.adapters.ble.bthome_objects import (
    SERVICE_DATA,
    BTHomeEncrypted,
    BTHomeMalformed,
    BTHomeReport,
    read_report,
)
from agent.adapters.ble.radio import Heard, Radio
from agent.adapters.ble.recognised import Recognised
from agent.domain.device import Name, Reading
from agent.errors import DeviceMalformed, DeviceRefused, DeviceUnreachable
from agent.ports import Clock
from agent.profiles.profile import Family

COUNTS_FOR = timedelta(minutes=15)
"""So old (domain time) may a reading be; the slowest of these sensors speak every few minutes."""
_OWN_NAME = re.compile(r"[ _-]?[0-9A-F]{4,12}")
"""What many sensors hang on the name of their model: the end of their address."""

T = TypeVar("T")


def recognise(heard: Heard) -> Recognised | None:
    """A sensor, by its service data. One that is encrypted can do nothing for the hub."""
    data = heard.service_data.get(SERVICE_DATA)
    if data is None:
        return None
    try:
        abilities, says = read_report(data).abilities, "BTHome sensor"
    except BTHomeEncrypted:
        abilities, says = frozenset(), "BTHome sensor (encrypted)"
    except BTHomeMalformed:
        return None
    return Recognised(Family.BTHOME, model_of(heard.name, heard.mac), heard.name or says, "", abilities)


def model_of(name: str, mac: str) -> str:
    """The model, in the name that a sensor gives itself."""
    end = mac.replace(":", "")
    found = re.search(rf"{_OWN_NAME.pattern}$", name)
    return name[: found.start()] if found is not None and end.endswith(found[0].lstrip(" _-")) else name


class BTHomeSensor:
    """One sensor, as far as it is remembered: the newest of each kind, for some sensors tell them in turn."""

    def __init__(self, radio: Radio, mac: str, clock: Clock) -> None:
        self._clock = clock
        self._temperatures: tuple[datetime, BTHomeReport] | None = None
        self._powers: tuple[datetime, BTHomeReport] | None = None
        self._refusal = ""
        self._news = asyncio.Event()
        radio.listen(mac, self._on_heard)

    async def temperatures(self, name: Name, deadline_s: float) -> tuple[datetime, Sequence[float]]:
        """Temperatures (°C), and when they were heard. Raises DeviceUnreachable, DeviceRefused."""
        at, report = await self._within(name, deadline_s, lambda: self._temperatures)
        return at, report.temperatures_c

    async def powers(self, name: Name, deadline_s: float) -> tuple[datetime, BTHomeReport]:
        """Powers (W) and counters (Wh), and when they were heard. Raises DeviceUnreachable, DeviceRefused."""
        return await self._within(name, deadline_s, lambda: self._powers)

    async def _within(
        self, name: Name, deadline_s: float, last: Callable[[], tuple[datetime, BTHomeReport] | None]
    ) -> tuple[datetime, BTHomeReport]:
        """What was heard within COUNTS_FOR, or is heard within `deadline_s` wall seconds."""
        try:
            async with asyncio.timeout(deadline_s):
                while True:
                    told = last()
                    if told is not None and self._clock.now() - told[0] <= COUNTS_FOR:
                        return told
                    if self._refusal:
                        raise DeviceRefused(name, self._refusal)
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            raise DeviceUnreachable(name, f"was not heard for {COUNTS_FOR.total_seconds() / 60:g} minutes") from error

    def _on_heard(self, heard: Heard, _fresh: bool) -> None:  # noqa: FBT001 - as the radio calls it
        data = heard.service_data.get(SERVICE_DATA)
        if data is None:
            return
        try:
            report = read_report(data)
        except BTHomeEncrypted as error:
            self._refusal = str(error)
            self._news.set()
            raise
        self._refusal = ""
        if report.temperatures_c:
            self._temperatures = (heard.at, report)
        if report.powers_w:
            self._powers = (heard.at, report)
        self._news.set()


class BTHomeThermometer:
    """One temperature of a sensor."""

    def __init__(self, sensor: BTHomeSensor, name: Name, which: str | None, deadline_s: float) -> None:
        self._sensor = sensor
        self._name = name
        self._which = which
        self._deadline_s = deadline_s

    async def read(self) -> Reading:
        """The temperature (°C). Raises DeviceUnreachable, DeviceMalformed; DeviceRefused if unclear which."""
        at, temperatures_c = await self._sensor.temperatures(self._name, self._deadline_s)
        try:
            return Reading(device=self._name, at=at, temperature_c=self._chosen(temperatures_c))
        except ValidationError as error:
            raise DeviceMalformed(self._name, "reports a temperature that no home has") from error

    def _chosen(self, temperatures_c: Sequence[float]) -> float:
        known = {str(number): celsius for number, celsius in enumerate(temperatures_c, start=1)}
        which = "1" if self._which is None and len(known) == 1 else self._which
        if which is None or which not in known:
            raise DeviceRefused(
                self._name, f"tells {len(known)} temperatures: let `sensor` be one of {', '.join(known)}"
            )
        return known[which]


class BTHomeMeter:
    """One circuit that a sensor measures."""

    def __init__(self, sensor: BTHomeSensor, name: Name, channel: int, deadline_s: float) -> None:
        self._sensor = sensor
        self._name = name
        self._channel = channel
        self._deadline_s = deadline_s

    async def read(self) -> Reading:
        """Power (W), and energy (Wh) if it counts. Raises DeviceUnreachable, DeviceMalformed."""
        at, report = await self._sensor.powers(self._name, self._deadline_s)
        power_w = self._of_channel(report.powers_w)
        if power_w is None:
            raise DeviceMalformed(self._name, f"tells {len(report.powers_w)} powers, none for channel {self._channel}")
        return Reading(device=self._name, at=at, power_w=power_w, energy_wh=self._of_channel(report.energies_wh))

    def _of_channel(self, numbers: Sequence[T]) -> T | None:
        return numbers[self._channel - 1] if self._channel <= len(numbers) else None
