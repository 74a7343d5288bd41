"""Sensors that speak BTHome v2: readings in the service data of their advertisements, nothing to connect to.

Source: https://bthome.io/format/. Objects come in the order of their ids, numbers are little-endian.
"""

from enum import StrEnum

from simulators.ble.life import BleDevice
from simulators.ble.peripheral import Advertisement, Air
from simulators.circuit import Circuit, EnergyCounter, Now

SERVICE_DATA = "0000fcd2-0000-1000-8000-00805f9b34fb"
_PACKET, _BATTERY, _TEMPERATURE, _HUMIDITY, _ENERGY, _POWER = 0x00, 0x01, 0x02, 0x03, 0x0A, 0x0B
_TENTHS, _LONG_ENERGY = 0x45, 0x4D
_VERSION_2, _ON_TRIGGER, _ENCRYPTED = 0x40, 0x04, 0x01


class Resolution(StrEnum):
    """Which object a thermometer uses."""

    HUNDREDTHS = "hundredths"
    TENTHS = "tenths"


class BTHomeSensor(BleDevice):
    """A sensor on a battery that only ever speaks."""

    def __init__(self, air: Air, mac: str, now: Now, *, name: str | None = None, tick_s: float | None = 0.05) -> None:
        super().__init__(air, mac, now, tick_s=tick_s)
        self.name = name
        self.encrypted = False
        self.sleepy = False
        """Whether it only speaks when something happens."""
        self._packet = 0

    def press_button(self) -> None:
        """It has none that matters; the reading is told at once."""
        self.tick()

    def reset_energy(self) -> None:
        """The counter begins anew, if there is one."""

    def tick(self) -> None:
        """A new reading."""
        self._packet = (self._packet + 1) % 256
        super().tick()

    @property
    def advertisement(self) -> Advertisement:
        """The readings of now."""
        flags = _VERSION_2 | (_ON_TRIGGER if self.sleepy else 0) | (_ENCRYPTED if self.encrypted else 0)
        body = bytes([_PACKET, self._packet]) + self._objects()
        if self.encrypted:
            body = bytes(byte ^ 0x5A for byte in body) + bytes(8)  # nobody who lacks the key can read more in it
        return Advertisement(name=self.name, service_data={SERVICE_DATA: bytes([flags]) + body})

    def _objects(self) -> bytes:
        return b""


class BTHomeThermometer(BTHomeSensor):
    """Temperature, humidity, battery, as the Shelly BLU H&T and the Xiaomi LYWSD03MMC with other firmware."""

    def __init__(
        self,
        air: Air,
        mac: str,
        circuit: Circuit,
        now: Now,
        *,
        name: str | None = None,
        resolution: Resolution = Resolution.HUNDREDTHS,
        tick_s: float | None = 0.05,
    ) -> None:
        super().__init__(air, mac, now, name=name, tick_s=tick_s)
        self._circuit = circuit
        self._resolution = resolution

    def _objects(self) -> bytes:
        celsius = self._circuit.temperature_c()
        degrees = celsius * 1.8 + 32 if self.faults.wrong_units else celsius
        battery, humidity = bytes([_BATTERY, 87]), bytes([_HUMIDITY]) + (5012).to_bytes(2, "little")
        if self._resolution is Resolution.TENTHS:
            return battery + bytes([0x2E, 50, _TENTHS]) + round(degrees * 10).to_bytes(2, "little", signed=True)
        return battery + bytes([_TEMPERATURE]) + round(degrees * 100).to_bytes(2, "little", signed=True) + humidity


class BTHomeMeter(BTHomeSensor):
    """Power and energy of a circuit."""

    def __init__(
        self,
        air: Air,
        mac: str,
        circuit: Circuit,
        now: Now,
        *,
        name: str | None = None,
        long_counter: bool = False,
        tick_s: float | None = 0.05,
    ) -> None:
        """`long_counter`: four bytes of energy rather than three."""
        super().__init__(air, mac, now, name=name, tick_s=tick_s)
        self._circuit = circuit
        self._long_counter = long_counter
        self._counter = EnergyCounter(circuit, now)

    def reset_energy(self) -> None:
        """The counter begins anew."""
        self._counter.reset()

    def _objects(self) -> bytes:
        self._counter.count()
        power_w = self._circuit.power_w() * (1000 if self.faults.wrong_units else 1)
        power = bytes([_POWER]) + min(2**24 - 1, round(power_w * 100)).to_bytes(3, "little")
        counter_wh = round(self._counter.energy_wh)
        if self._long_counter:
            return power + bytes([_LONG_ENERGY]) + (counter_wh % 2**32).to_bytes(4, "little")
        return bytes([_ENERGY]) + (counter_wh % 2**24).to_bytes(3, "little") + power
