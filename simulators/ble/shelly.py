"""A Shelly of generation 2 or later behind Bluetooth: its JSON-RPC in the characteristics of Mongoose OS.

Sources: rpc-gatts of Mongoose OS, kb.shelly.cloud (model ids). What it does and answers is `simulators.shelly`; here it
is carried.
"""

import asyncio
import json
from collections import deque

from simulators.ble.life import BleDevice
from simulators.ble.peripheral import Advertisement, Air, Characteristic, Service
from simulators.circuit import Circuit, Now
from simulators.shelly.device import ShellyDevice
from simulators.shelly.says import Identity

COMPANY = 0x0BA9
RPC = "5f6d4f53-5f52-5043-5f53-56435f49445f"
DATA = "5f6d4f53-5f52-5043-5f64-6174615f5f5f"
TX_CTL = "5f6d4f53-5f52-5043-5f74-785f63746c5f"
RX_CTL = "5f6d4f53-5f52-5043-5f72-785f63746c5f"
PLUS_1PM_ID, PLUS_PLUG_S_ID, MINI_1PM_GEN3_ID = 0x1001, 0x1800, 0x1016
_DISCOVERABLE, _LOCKED, _RPC_ON = 1 << 0, 1 << 1, 1 << 2
_CHUNK_BYTES = 200
_LARGEST_FRAME_BYTES = 16 * 1024


class ShellyBle(BleDevice):
    """Relays with meters, asked over Bluetooth."""

    def __init__(
        self,
        air: Air,
        identity: Identity,
        circuit: Circuit,
        now: Now,
        *,
        model_id: int = PLUS_1PM_ID,
        tick_s: float | None = 0.05,
    ) -> None:
        super().__init__(air, identity.mac, now, tick_s=tick_s)
        self.inside = ShellyDevice(identity, now, relays=[circuit])
        self.faults = self.inside.faults
        self.rpc_enabled = True
        """Whether its owner has let it be asked over Bluetooth."""
        self.model_id = model_id
        self.largest_write_bytes = 0
        """The longest piece that was written to it."""
        self._awaited = 0
        self._request = b""
        self._ready: deque[bytes] = deque()
        self._reading = b""

    @property
    def start_up_written(self) -> int:
        """How often it was told how to start."""
        return self.inside.start_up_written

    def press_button(self) -> None:
        """Somebody presses the button; over Bluetooth it does not tell."""
        self.inside.press_button()

    def reset_energy(self) -> None:
        """The counter begins anew."""
        self.inside.reset_energy()

    def tick(self) -> None:
        """End what a timer ends, and advertise."""
        self.inside.tick()
        super().tick()

    @property
    def advertisement(self) -> Advertisement:
        """Flags, model and MAC address."""
        identity = self.inside.identity
        flags = _DISCOVERABLE | (_LOCKED if identity.locked else 0) | (_RPC_ON if self.rpc_enabled else 0)
        data = b"\x01" + flags.to_bytes(2, "little") + b"\x0b" + self.model_id.to_bytes(2, "little")
        data += b"\x0a" + bytes.fromhex(identity.mac)[::-1]
        return Advertisement(name=identity.id, manufacturer_data={COMPANY: data})

    @property
    def services(self) -> tuple[Service, ...]:
        """What carries the frames."""
        if not self.rpc_enabled:
            return (Service("00001801-0000-1000-8000-00805f9b34fb", ()),)
        return (
            Service(
                RPC,
                (
                    Characteristic(DATA, ("read", "write"), read=self._read_data, write=self._on_data),
                    Characteristic(TX_CTL, ("read", "write"), read=lambda: bytes(4), write=self._on_length),
                    Characteristic(RX_CTL, ("read", "notify"), read=self._read_length),
                ),
            ),
        )

    def disconnected(self) -> None:
        """What was half said is forgotten; an answer that is ready stays, as in the device."""
        self._awaited, self._request, self._reading = 0, b"", b""

    def _power_up(self) -> None:
        self._ready.clear()
        self.inside.power_up()

    def _power_down(self) -> None:
        self.inside.power_down()

    def _on_length(self, value: bytes) -> None:
        length = int.from_bytes(value[:4], "big")
        self._awaited = length if length <= _LARGEST_FRAME_BYTES else 0
        self._request = b""

    def _on_data(self, piece: bytes) -> None:
        self.largest_write_bytes = max(self.largest_write_bytes, len(piece))
        if not self._awaited:
            return
        self._request += piece
        if len(self._request) < self._awaited:
            return
        request, self._request = self._request[: self._awaited], b""
        self._awaited = 0
        for answer in self.inside.hear(request):
            self._answer_later(json.dumps(answer, separators=(",", ":")).encode())

    def _answer_later(self, frame: bytes) -> None:
        if self.faults.delay_s:
            self._answers.add(asyncio.get_running_loop().call_later(self.faults.delay_s, self._answer, frame))
        else:
            self._answer(frame)

    def _answer(self, frame: bytes) -> None:
        self._ready.append(frame)
        self._air.notify(self, RX_CTL, len(self._ready[0]).to_bytes(4, "big"))

    def _read_length(self) -> bytes:
        if not self._reading and self._ready:
            self._reading = self._ready.popleft()
        return len(self._reading).to_bytes(4, "big")

    def _read_data(self) -> bytes:
        piece, self._reading = self._reading[:_CHUNK_BYTES], self._reading[_CHUNK_BYTES:]
        return piece
