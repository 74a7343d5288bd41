"""A SwitchBot Plug Mini (US, JP): it tells state and power in its advertisements, and takes orders when connected.

Sources: devicetypes/plugmini.md and README.md of OpenWonderLabs/SwitchBotAPI-BLE. Some firmware answers an order to go
off with the byte of "on".
"""

from enum import StrEnum

from simulators.ble.life import BleDevice
from simulators.ble.peripheral import Advertisement, Air, Characteristic, Service
from simulators.circuit import Circuit, Now

COMPANY = 0x0969
SERVICE_DATA = "0000fd3d-0000-1000-8000-00805f9b34fb"
SERVICE = "cba20d00-224d-11e6-9fb8-0002a5d5c51b"
WRITE = "cba20002-224d-11e6-9fb8-0002a5d5c51b"
NOTIFY = "cba20003-224d-11e6-9fb8-0002a5d5c51b"
_ON, _OFF = 0x80, 0x00
_ORDER, _READ = bytes.fromhex("570f500101"), bytes.fromhex("570f5101")
_DONE, _BAD_COMMAND, _LOCKED = 0x01, 0x05, 0x07
_LARGEST_W = 3276.7


class Region(StrEnum):
    """Where a plug was made for; the byte by which it says so."""

    US = "g"
    JP = "j"


class SwitchBotPlugMini(BleDevice):
    """A plug with one relay that measures power, but counts no energy that Bluetooth could tell."""

    def __init__(
        self, air: Air, mac: str, circuit: Circuit, now: Now, *, region: Region = Region.US, tick_s: float | None = 0.05
    ) -> None:
        super().__init__(air, mac, now, tick_s=tick_s)
        self.region = region
        self.locked = False
        """Whether its owner has set a password."""
        self.answers_on_to_off = False
        """As some firmware does."""
        self._circuit = circuit
        self._on = False
        self._sequence = 0

    def press_button(self) -> None:
        """Somebody presses the button: the relay changes, and the next advertisement says so."""
        self._move(on=not self._on)
        self._air.advertise(self)

    def is_on(self) -> bool:
        """Where the relay really is."""
        return self._on

    def reset_energy(self) -> None:
        """It tells no energy, so nothing can be seen of it."""

    @property
    def advertisement(self) -> Advertisement:
        """MAC, sequence, state, flags, strength of the Wi-Fi, power in tenths of a W."""
        power_w = min(_LARGEST_W, self._circuit.power_w() * (1000 if self.faults.wrong_units else 1))
        told = self._sequence.to_bytes(1, "big") + bytes([_ON if self._on else _OFF, 0x00, 0x35])
        data = bytes.fromhex(self.mac.replace(":", "")) + told + round(power_w * 10).to_bytes(2, "big")
        return Advertisement(
            name="WoPlugUS" if self.region is Region.US else "WoPlugJP",
            manufacturer_data={COMPANY: data},
            service_data={SERVICE_DATA: self.region.encode() + b"\x00\x00"},
            services=(SERVICE,),
        )

    @property
    def services(self) -> tuple[Service, ...]:
        """One characteristic to write to, one that answers."""
        write = Characteristic(WRITE, ("write", "write-without-response"), write=self._on_write)
        return (Service(SERVICE, (write, Characteristic(NOTIFY, ("read", "notify"), read=lambda: b""))),)

    def _power_up(self) -> None:
        self._circuit.switch(self._on)  # it goes on where it was

    def _power_down(self) -> None:
        self._circuit.switch(False)  # noqa: FBT003 - a circuit has one switch

    def _move(self, *, on: bool) -> None:
        if on is not self._on:
            self._sequence = (self._sequence + 1) % 256
        self._on = on
        self._circuit.switch(on)

    def _on_write(self, frame: bytes) -> None:
        if self.faults.drop_commands > 0:
            self.faults.drop_commands -= 1
            return
        answer = self._obey(frame)
        if self.faults.drop_answers > 0:
            self.faults.drop_answers -= 1
            return
        self._notify(NOTIFY, answer)

    def _obey(self, frame: bytes) -> bytes:
        if self.locked:
            return bytes([_LOCKED])
        if frame == _READ:
            return bytes([_DONE, _ON if self._on else _OFF])
        if frame not in (_ORDER + bytes([_ON]), _ORDER + bytes([_OFF])):
            return bytes([_BAD_COMMAND])
        wanted = frame[-1] == _ON
        if self.faults.old_state_first:
            self._notify(NOTIFY, bytes([_DONE, _ON if self._on else _OFF]))
        if not (self.faults.lie or self.faults.stuck):
            self._move(on=wanted)
        said = wanted if self.faults.lie else self._on
        return bytes([_DONE, _ON if said or self.answers_on_to_off else _OFF])
