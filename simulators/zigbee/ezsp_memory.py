"""What a coordinator with EmberZNet 7.4 keeps over a restart, and the settings that it holds until then."""

import copy
import os
from dataclasses import dataclass, field

from simulators.zigbee.ezsp import INVALID_ID, INVALID_VALUE, SUCCESS
from simulators.zigbee.mt import Reader, Writer

NO_IEEE = 0xFFFF_FFFF_FFFF_FFFF
RESTORED_IEEE, NETWORK_MANAGEMENT, CHILD_TABLE = 0x0000_E12A, 0x0001_E125, 0x0001_0580
"""Tokens of the memory that a host may read and write."""
KEY_TABLE_SIZE, ADDRESS_TABLE_SIZE, CHILDREN, SECURITY_LEVEL = 0x1E, 0x05, 0x11, 0x0D
FREE_BUFFERS, VERSION_INFO, FRAME_COUNTER, APS_COUNTER, FORCE_SENDING = 0x03, 0x11, 0x23, 0x24, 0x3A
_HASHED_LINK_KEY, _HAVE_LINK_KEY, _HAVE_KEY, _KEEP_COUNTER = 0x0084, 0x0100, 0x0200, 0x1000
_HAVE_TRUST_CENTER_LINK_KEY = 0x0010
_CHILD_FLAGS = 0x80
_CONFIGURATION = {
    0x01: 64,  # packet buffers
    0x02: 26,  # neighbours
    0x03: 10,  # unicasts on their way
    0x04: 32,  # bindings
    ADDRESS_TABLE_SIZE: 8,
    0x06: 8,  # multicast groups
    0x07: 16,  # routes
    0x0C: 0,  # stack profile
    SECURITY_LEVEL: 5,
    CHILDREN: 32,
    0x12: 3000,  # indirect transmission timeout
    0x13: 5,  # end device poll timeout
    0x19: 0,  # trust center address cache
    0x1A: 7,  # source routes
    KEY_TABLE_SIZE: 4,
    0x22: 1,  # PAN id conflicts
    0x2A: 0,  # ZDO flags
    0x2D: 1,  # networks
    0x38: 90,  # rejoins with the well-known key
}
"""Values that the firmware has been built with, by their id."""


@dataclass(frozen=True)
class Network:
    """The parameters of a network."""

    extended_pan_id: bytes
    pan_id: int
    power_dbm: int
    channel: int
    manager_id: int
    update_id: int
    channels: int

    def encoded(self) -> bytes:
        """As the host gets them, 20 bytes."""
        head = Writer(self.extended_pan_id).u16(self.pan_id).u8(self.power_dbm, self.channel, 0)
        return head.u16(self.manager_id).u8(self.update_id).u32(self.channels).done()

    @staticmethod
    def decoded(reader: Reader) -> "Network":
        """Read them. Raises MtMalformed."""
        extended, pan_id, power_dbm, channel = reader.take(8), reader.number(2), reader.number(1), reader.number(1)
        reader.take(1)
        return Network(extended, pan_id, power_dbm, channel, reader.number(2), reader.number(1), reader.number(4))


@dataclass
class Security:
    """Keys and counters."""

    flags: int = 0
    link_key: bytes = bytes(16)
    network_key: bytes = bytes(16)
    sequence: int = 0
    frame_counter: int = 0
    aps_counter: int = 0
    link_keys: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    """By line of the key table: whose, and which."""

    def begin(self, reader: Reader) -> None:
        """Take what the host wants for the next network. Raises MtMalformed."""
        self.flags, link_key, key, sequence = reader.number(2), reader.take(16), reader.take(16), reader.number(1)
        reader.take(8)
        self.link_key = link_key if self.flags & _HAVE_LINK_KEY else os.urandom(16)
        self.network_key = key if self.flags & _HAVE_KEY else os.urandom(16)
        self.sequence = sequence
        if not self.flags & _KEEP_COUNTER:
            self.frame_counter = 0

    def current(self, trust_center: int) -> bytes:
        """What the host gets to know of it, 10 bytes."""
        return Writer().u16(self.flags & _HASHED_LINK_KEY | _HAVE_TRUST_CENTER_LINK_KEY).u64(trust_center).done()

    def key_info(self) -> bytes:
        """Number and counter of the network key."""
        return Writer().u8(1, 0, self.sequence, 0).u32(self.frame_counter).done()


@dataclass
class Child:
    """A device that sleeps, and gets its messages from the coordinator."""

    ieee: int
    nwk: int
    flags: int = 0

    def token(self) -> bytes:
        """Its line in the memory."""
        return Writer().u64(self.ieee).u16(self.nwk).u8(self.flags).done()


@dataclass
class EzspMemory:
    """The non-volatile memory."""

    hardware_ieee: int
    restored_ieee: int = NO_IEEE
    network: Network | None = None
    security: Security = field(default_factory=Security)
    children: dict[int, Child] = field(default_factory=dict)
    members: set[int] = field(default_factory=set)
    """Devices that have the network's key. It is they who keep it, so they come back to any stick of the network."""

    def copied(self) -> "EzspMemory":
        """Another stick with the same content."""
        return copy.deepcopy(self)

    @property
    def ieee(self) -> int:
        """The address that the stick uses from the next start on."""
        return self.hardware_ieee if self.restored_ieee == NO_IEEE else self.restored_ieee

    def erase(self, *, counters: bool) -> None:
        """Forget the network."""
        kept = (0, 0) if counters else (self.security.frame_counter, self.security.aps_counter)
        self.network, self.security = None, Security(frame_counter=kept[0], aps_counter=kept[1])
        self.children.clear()
        self.members.clear()

    def remember(self, ieee: int, nwk: int, *, sleeps: bool) -> int | None:
        """Keep a device; returns its line in the child table if it has one."""
        self.members.add(ieee)
        self.forget_child(ieee)
        if not sleeps:
            return None
        line = next(line for line in range(len(self.children) + 1) if line not in self.children)
        self.children[line] = Child(ieee, nwk, _CHILD_FLAGS)
        return line

    def forget(self, ieee: int) -> None:
        """Forget a device that left."""
        self.members.discard(ieee)
        self.forget_child(ieee)

    def forget_child(self, ieee: int) -> None:
        """It is nobody's child, or another's."""
        self.children = {line: child for line, child in self.children.items() if child.ieee != ieee}

    def token(self, token: int, index: int) -> bytes | None:
        """What is kept under a number; None where there is none."""
        if token == RESTORED_IEEE:
            return Writer().u64(self.restored_ieee).done()
        if token == NETWORK_MANAGEMENT and self.network is not None:
            head = Writer().u32(self.network.channels).u16(self.network.manager_id)
            return head.u8(self.network.update_id, 0).done()
        if token == CHILD_TABLE and index in self.children:
            return self.children[index].token()
        return None

    def set_token(self, token: int, index: int, data: bytes) -> bool:
        """Overwrite what is kept; returns whether it fits."""
        reader, before = Reader(data), self.token(token, index)
        if before is None or len(data) != len(before):
            return False
        if token == RESTORED_IEEE:
            self.restored_ieee = reader.number(8)
        elif token == CHILD_TABLE:
            self.children[index] = Child(reader.number(8), reader.number(2), reader.number(1))
        elif self.network is not None:
            channels, manager, update = reader.number(4), reader.number(2), reader.number(1)
            old = self.network
            power = old.power_dbm
            self.network = Network(old.extended_pan_id, old.pan_id, power, old.channel, manager, update, channels)
        return True


class Configuration:
    """Sizes and switches that a host sets after each start."""

    def __init__(self) -> None:
        self._values = dict(_CONFIGURATION)

    def __getitem__(self, number: int) -> int:
        return self._values[number]

    def read(self, reader: Reader) -> bytes:
        """Answer with a value."""
        number = reader.number(1)
        value = self._values.get(number)
        return Writer().u8(SUCCESS if value is not None else INVALID_ID).u16(value or 0).done()

    def write(self, reader: Reader) -> bytes:
        """Take a value; tables cannot grow without bounds."""
        number, value = reader.number(1), reader.number(2)
        if number not in self._values:
            return bytes([INVALID_ID])
        if number in {KEY_TABLE_SIZE, ADDRESS_TABLE_SIZE, CHILDREN} and value > 128:
            return bytes([INVALID_VALUE])
        self._values[number] = value
        return bytes([SUCCESS])
