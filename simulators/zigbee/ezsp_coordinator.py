"""A coordinator with Silicon Labs' EmberZNet 7.4 behind a TCP port: EZSP version 13 over ASH.

What it says is built here byte by byte after UG100 and UG101, never by a host's library: else both sides would share
one misreading.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from simulators.zigbee import ezsp, zdo
from simulators.zigbee.ash import RESET_POWER_ON
from simulators.zigbee.ash_link import AshLink
from simulators.zigbee.ezsp import DELIVERY_FAILED, INVALID_CALL, NETWORK_DOWN, NETWORK_UP, NOT_JOINED, SUCCESS
from simulators.zigbee.ezsp_commands import Answer, Held, kept_commands
from simulators.zigbee.ezsp_memory import EzspMemory, Network
from simulators.zigbee.mt import MtMalformed, Reader, Writer
from simulators.zigbee.stick import BROADCASTS, COORDINATOR_NWK, Radio, Stick

STACK_STATUS, SCAN_COMPLETE, CHILD_JOIN, TRUST_CENTER_JOIN = 0x0019, 0x001C, 0x0023, 0x0024
MESSAGE_SENT, INCOMING_MESSAGE, ENERGY_SCAN_RESULT = 0x003F, 0x0045, 0x0048
_MESH, _STACK_VERSION = 2, 0x7440
_NO_NETWORK, _JOINED_NETWORK = 0, 2
_COORDINATOR, _SLEEPY_END_DEVICE = 1, 4
_SECURED_REJOIN, _UNSECURED_JOIN, _DEVICE_LEFT = 0, 1, 2
_USE_PRECONFIGURED_KEY, _NO_ACTION = 0, 3
_UNICAST, _BROADCAST = 0, 4
"""Of incoming messages."""
_DIRECT, _BROADCAST_OUT = 0, 6
"""Of outgoing messages."""
_HOME_AUTOMATION = 0x0104
_WELL_KNOWN_KEY: Final = b"ZigBeeAlliance09"
_QUIET_DBM = -90
_LQI, _RSSI_DBM = 180, -70
_APS_FRAME = 11
_SETTLES_S = 0.02
"""After a connection, until a stick that starts then says so."""


class EzspCoordinator(Stick):
    """The stick. Enter it to plug it in."""

    def __init__(self, memory: EzspMemory | None = None, *, announces: bool = True) -> None:
        """`announces`: it starts anew with each connection and says so, as sticks behind zigbeed do."""
        super().__init__()
        self.memory = EzspMemory(0x00124B00AABBCC01) if memory is None else memory
        self.confirms_after_s = 0.0
        """How long the air takes until a message is known to have arrived, or not."""
        self.dumb = False
        """Its serial line still acknowledges, but its firmware does nothing any more."""
        self.commands: list[int] = []
        """Every command by its frame id."""
        self._announces = announces
        self._held = Held(self.memory)
        self._ieee = self.memory.ieee
        self._asked_s = 0
        self._well_known = False
        self._negotiated = False
        self._sequence = 0
        self._counter = 0
        self._after: list[tuple[int, bytes]] = []
        self._next: list[Callable[[], None]] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._link = AshLink(self.say_raw, self._obey, self._start)
        self._answers = self._table()

    @property
    def network(self) -> Network | None:
        """The network that it keeps."""
        return self.memory.network

    # ---- the line

    def _connected(self) -> None:
        self._link.close()
        self._link = AshLink(self.say_raw, self._obey, self._start)
        if self._announces:
            self._later(_SETTLES_S, partial(self._announce, self._link))

    def _announce(self, link: AshLink) -> None:
        if link is self._link and not link.connected:
            self.restart()

    def _disconnected(self) -> None:
        self._link.close()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _read(self, received: bytes) -> None:
        self._link.feed(received)

    def _later(self, wait_s: float, call: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._timers = {timer for timer in self._timers if timer.when() > loop.time()}
        self._timers.add(loop.call_later(wait_s, call))

    def _start(self) -> None:
        """The firmware starts: all that is not in its memory is gone."""
        self._held = Held(self.memory)
        self._ieee = self.memory.ieee
        self._asked_s = self.permitted_s = 0
        self._well_known = self._negotiated = False
        self.endpoints.clear()

    def restart(self) -> None:
        """A watchdog or a dip in its power: the firmware starts anew and says so."""
        self._start()
        self._link.start(RESET_POWER_ON)

    def say_frame(self, data: bytes) -> None:
        """Put an EZSP frame on the line, whatever it is."""
        self._link.say(data)

    def _obey(self, data: bytes) -> None:
        command = ezsp.command(data)
        if command is None:
            return
        self.commands.append(command.frame)
        if self.dumb:
            return
        self._sequence = command.sequence
        frame, parameters = self._answered(command)
        self._link.say(ezsp.response(command, frame, parameters))
        after, self._after = self._after, []
        for number, told in after:
            self._tell(number, told)
        onward, self._next = self._next, []
        for carry in onward:
            carry()

    def _answered(self, command: ezsp.Command) -> tuple[int, bytes]:
        answer = self._answers.get(command.frame)
        fault = ezsp.INVALID_FRAME_ID
        if command.frame != ezsp.VERSION and not self._negotiated:
            answer, fault = None, ezsp.VERSION_NOT_SET
        try:
            if answer is not None:
                return command.frame, answer(Reader(command.parameters))
        except MtMalformed:
            fault = ezsp.TRUNCATED
        return ezsp.INVALID_COMMAND, bytes([fault])

    def _tell(self, frame: int, parameters: bytes) -> None:
        if self._negotiated:
            self._link.say(ezsp.callback(self._sequence, frame, parameters))

    # ---- devices

    def _knows(self, ieee: int) -> bool:
        return self._held.up and ieee in self.memory.members

    def _keep(self, radio: Radio) -> None:
        sleeps = radio.node.kind == zdo.END_DEVICE
        line = self.memory.remember(radio.ieee, radio.nwk, sleeps=sleeps)
        if line is not None:
            child = Writer().u8(line, 1).u16(radio.nwk).u64(radio.ieee).u8(_SLEEPY_END_DEVICE)
            self._tell(CHILD_JOIN, child.done())

    def _drop(self, ieee: int) -> None:
        self.memory.forget(ieee)

    def _tell_joined(self, radio: Radio, *, again: bool) -> None:
        how = _SECURED_REJOIN if again else _UNSECURED_JOIN
        self._tell_of(radio, how, _NO_ACTION if again else _USE_PRECONFIGURED_KEY)

    def _tell_left(self, radio: Radio) -> None:
        self._tell_of(radio, _DEVICE_LEFT, _NO_ACTION)

    def _tell_of(self, radio: Radio, how: int, decision: int) -> None:
        told = Writer().u16(radio.nwk).u64(radio.ieee).u8(how, decision).u16(COORDINATOR_NWK)
        self._tell(TRUST_CENTER_JOIN, told.done())

    def hear_zdo(self, radio: Radio, cluster: int, sequence: int, payload: bytes, *, broadcast: bool = False) -> None:
        """A device speaks from endpoint 0."""
        self._hear(radio.nwk, (0, cluster, 0, 0), bytes([sequence]) + payload, broadcast=broadcast)

    def hear(self, radio: Radio, cluster: int, endpoint: int, payload: bytes) -> None:
        """A device speaks from an application to endpoint 1 of the coordinator."""
        self._hear(radio.nwk, (_HOME_AUTOMATION, cluster, endpoint, 1), payload)

    def _hear(self, nwk: int, to: tuple[int, int, int, int], message: bytes, *, broadcast: bool = False) -> None:
        profile, cluster, source, destination = to
        self._counter = (self._counter + 1) % 256
        head = Writer().u8(_BROADCAST if broadcast else _UNICAST).u16(profile, cluster).u8(source, destination)
        head.u16(0, 0).u8(self._counter, _LQI, _RSSI_DBM).u16(nwk).u8(0xFF, 0xFF, len(message))
        if self._held.up:
            self._tell(INCOMING_MESSAGE, head.raw(message).done())

    # ---- what hosts ask

    def _table(self) -> dict[int, Answer]:
        return kept_commands(lambda: self._held) | {
            ezsp.VERSION: self._version,
            0x0002: self._register,
            0x0005: lambda _: b"",
            0x0010: lambda reader: bytes([SUCCESS]) if reader.take(10) else b"",
            0x0015: lambda reader: reader.take(2)[2:],
            0x0017: self._init_network,
            0x0018: lambda _: bytes([_JOINED_NETWORK if self._held.up else _NO_NETWORK]),
            0x001A: self._scan,
            0x001E: self._form,
            0x0020: self._leave_network,
            0x0022: self._permit,
            0x0026: lambda _: Writer().u64(self._ieee).done(),
            0x0027: lambda _: Writer().u16(COORDINATOR_NWK if self._held.up else 0xFFFE).done(),
            0x0028: self._parameters,
            0x0034: self._send_unicast,
            0x0036: self._send_broadcast,
            0x005A: lambda _: Writer().u32(0).done(),
            0x0060: self._find_nwk,
            0x0061: self._find_ieee,
            0x0099: lambda reader: bytes([SUCCESS]) if reader.take(1) else b"",
            0x0111: self._import_transient_key,
        }

    def _version(self, reader: Reader) -> bytes:
        self._negotiated = reader.number(1) == ezsp.PROTOCOL
        return Writer().u8(ezsp.PROTOCOL, _MESH).u16(_STACK_VERSION).done()

    def _register(self, reader: Reader) -> bytes:
        number, profile, device, _ = (reader.number(size) for size in (1, 2, 2, 1))
        servers, clients = reader.number(1), reader.number(1)
        if self._held.up:
            return bytes([INVALID_CALL])
        inputs = tuple(reader.number(2) for _ in range(servers))
        outputs = tuple(reader.number(2) for _ in range(clients))
        self.endpoints[number] = zdo.Endpoint(profile, device, inputs, outputs)
        return bytes([SUCCESS])

    def _init_network(self, reader: Reader) -> bytes:
        reader.take(2)
        if self.network is None:
            return bytes([NOT_JOINED])
        return self._come_up()

    def _form(self, reader: Reader) -> bytes:
        network = Network.decoded(reader)
        if self._held.up:
            return bytes([INVALID_CALL])
        self.memory.network = network
        return self._come_up()

    def _come_up(self) -> bytes:
        if self._held.up:
            return bytes([INVALID_CALL])
        self._held.up = True
        self._after.append((STACK_STATUS, bytes([NETWORK_UP])))
        return bytes([SUCCESS])

    def _leave_network(self, _reader: Reader) -> bytes:
        if not self._held.up:
            return bytes([INVALID_CALL])
        self._held.up = False
        self.memory.network = None
        self._after.append((STACK_STATUS, bytes([NETWORK_DOWN])))
        return bytes([SUCCESS])

    def _parameters(self, _reader: Reader) -> bytes:
        if not self._held.up or self.network is None:
            return bytes([NOT_JOINED]) + bytes(21)
        return bytes([SUCCESS, _COORDINATOR]) + self.network.encoded()

    def _permit(self, reader: Reader) -> bytes:
        self._asked_s = reader.number(1)
        self._admit_or_not()
        return bytes([SUCCESS if self._held.up else NOT_JOINED])

    def _import_transient_key(self, reader: Reader) -> bytes:
        reader.take(8)
        self._well_known = reader.take(16) == _WELL_KNOWN_KEY
        self._admit_or_not()
        return Writer().u32(ezsp.SL_OK).done()

    def _admit_or_not(self) -> None:
        """What joins has nothing but the well-known key, so the stick must have been given it, too."""
        self.permitted_s = self._asked_s if self._held.up and self._well_known else 0

    def _scan(self, reader: Reader) -> bytes:
        reader.take(1)
        channels = reader.number(4)
        for channel in range(11, 27):
            if channels >> channel & 1:
                self._after.append((ENERGY_SCAN_RESULT, Writer().u8(channel, _QUIET_DBM).done()))
        self._after.append((SCAN_COMPLETE, bytes([0, SUCCESS])))
        return bytes([SUCCESS])

    def _find_nwk(self, reader: Reader) -> bytes:
        ieee = reader.number(8)
        radio = self._by_ieee(ieee)
        table = dict(self._held.addresses.values())
        return Writer().u16(table.get(ieee, 0xFFFF) if radio is None else radio.nwk).done()

    def _find_ieee(self, reader: Reader) -> bytes:
        radio = self._radios.get(reader.number(2))
        return Writer().u8(ezsp.NOT_FOUND if radio is None else SUCCESS).u64(0 if radio is None else radio.ieee).done()

    # ---- messages

    def _send_unicast(self, reader: Reader) -> bytes:
        kind, address, aps = reader.number(1), reader.number(2), reader.take(_APS_FRAME)
        tag, message = reader.number(1), reader.take(reader.number(1))
        if kind != _DIRECT:
            return bytes([ezsp.BAD_ARGUMENT, 0])
        if not self._held.up:
            return bytes([ezsp.NETWORK_DOWN, 0])
        reached = address == COORDINATOR_NWK or self._reaches(address)
        sent = Writer().u8(_DIRECT).u16(address).raw(aps).u8(tag, SUCCESS if reached else DELIVERY_FAILED, 0).done()
        if self.confirms_after_s:
            self._later(self.confirms_after_s, partial(self._tell, MESSAGE_SENT, sent))
        else:
            self._after.append((MESSAGE_SENT, sent))
        self._carry(address, aps, message)
        return self._taken()

    def _send_broadcast(self, reader: Reader) -> bytes:
        address, aps = reader.number(2), reader.take(_APS_FRAME)
        reader.take(1)
        tag, message = reader.number(1), reader.take(reader.number(1))
        if not self._held.up or address not in BROADCASTS:
            return bytes([ezsp.BAD_ARGUMENT, 0])
        sent = Writer().u8(_BROADCAST_OUT).u16(address).raw(aps).u8(tag, SUCCESS, 0).done()
        self._after.append((MESSAGE_SENT, sent))
        self._carry(address, aps, message)
        return self._taken()

    def _taken(self) -> bytes:
        self.memory.security.frame_counter += 1
        self._counter = (self._counter + 1) % 256
        return bytes([SUCCESS, self._counter])

    def _carry(self, address: int, aps: bytes, message: bytes) -> None:
        """Bring a message to where it goes, once its answer is on the line."""
        reader = Reader(aps)
        _, cluster, source, endpoint = (reader.number(size) for size in (2, 2, 1, 1))
        if endpoint:
            self.heard.append((address, cluster, message))
        if address in BROADCASTS:
            self._next.append(partial(self._tell_all, cluster, endpoint, message))
        elif address == COORDINATOR_NWK:
            said = None if endpoint else self._own_answer(cluster, message)
            if said is not None:
                to = (0, cluster | zdo.RESPONSE, 0, 0)
                self._next.append(partial(self._hear, COORDINATOR_NWK, to, message[:1] + said))
        else:
            self._next.append(partial(self._deliver, address, endpoint, source, cluster, message))
