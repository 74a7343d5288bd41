"""What a Z-Stack 3.30 coordinator keeps in its non-volatile memory, with structures aligned as on an ARM core."""

import copy
import os
import struct
from dataclasses import dataclass, field

EXTADDR, STARTUP_OPTION, NIB, EXTENDED_PAN_ID = 0x0001, 0x0003, 0x0021, 0x002D
ACTIVE_KEY, ALTERNATE_KEY, USE_EXT_PAN_ID, APS_LINK_KEY_TABLE = 0x003A, 0x003B, 0x0047, 0x004C
ON_A_NETWORK, PRECONFIGURED_KEY, NETWORK_KEY, PAN_ID, CHANNELS = 0x0055, 0x0062, 0x0082, 0x0083, 0x0084
TCLK_SEED = 0x0101
_SETTINGS = {
    STARTUP_OPTION: b"\x00",
    0x0030: b"\x14",  # BCAST_DELIVERY_TIME
    0x0032: b"\x00",  # CONCENTRATOR_ENABLE
    0x0033: b"\x3c",  # CONCENTRATOR_DISCOVERY
    0x0036: b"\x00",  # CONCENTRATOR_RC
    0x0038: b"\x0a",  # SRC_RTG_EXPIRY_TIME
    0x003E: b"\x01",  # NWK_CHILD_AGE_ENABLE
    0x0087: b"\x00",  # LOGICAL_TYPE: coordinator
    0x008F: b"\x00",  # ZDO_DIRECT_CB
}
"""Items that every stick has, also a blank one."""

ADDRESSES, TCLK_TABLE, APS_KEYS, SECURITY_MATERIAL = 0x0001, 0x0004, 0x0006, 0x0007
"""Tables of the newer memory, below system 1."""
ZSTACK = 1
_TABLES = {
    ADDRESSES: (40, b"\xff" * 12),
    TCLK_TABLE: (40, bytes(16) + b"\xff\x00\x00\x00"),
    APS_KEYS: (4, bytes(24)),
    SECURITY_MATERIAL: (2, bytes(12)),
}
"""Lines and the empty line of each."""
_CLEAR_STATE, _CLEAR_CONFIG = 0x02, 0x01
_NIB = struct.Struct("<15BxHBBBxHBxH8sHBxI4BIIB8sB17s17s2B7BxHHBx")
_CHILD_WITH_KEY = 0x02
_VERIFIED = 0x02


@dataclass(frozen=True)
class NetworkSettings:
    """The network as the information base tells it."""

    pan_id: int
    extended_pan_id: bytes
    channel: int

    def encoded(self) -> bytes:
        """The network information base, 116 bytes."""
        key = bytes(17)
        return _NIB.pack(
            *(0, 5, 2, 20, 15, 20, 0, 30, 0, 5, 0, 1, 5, 1, 0x8F),
            *(7, 2, 13, 30, 0x0000, self.channel, 0x0000, bytes(8)),
            *(self.pan_id, 8, 1 << self.channel, 15, 15, 0, 0, 1, 0, 0),
            *(self.extended_pan_id, 1, key, key, 0, 0),
            *(15, 3, 1, 1, 120, 10, 0, 0x0000, 0, 0),
        )

    @staticmethod
    def decoded(nib: bytes) -> "NetworkSettings":
        """Read an information base."""
        return NetworkSettings(pan_id=int.from_bytes(nib[36:38], "little"), extended_pan_id=nib[57:65], channel=nib[24])


@dataclass
class Nvram:
    """Items of the older memory by their id, and of the newer by system, item and line."""

    hardware_ieee: int
    old: dict[int, bytes] = field(default_factory=dict)
    new: dict[tuple[int, int, int], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.old:
            self.erase()

    def copied(self) -> "Nvram":
        """Another stick with the same content."""
        return copy.deepcopy(self)

    def erase(self) -> None:
        """As it leaves the factory."""
        self.old = {**_SETTINGS, NETWORK_KEY: bytes(24), TCLK_SEED: os.urandom(16)}
        self.old[APS_LINK_KEY_TABLE] = bytes(2 + 6 * 4)
        self.new = {(ZSTACK, table, line): empty for table, (lines, empty) in _TABLES.items() for line in range(lines)}
        self.boot()

    def boot(self) -> None:
        """What the firmware does at each start: clear what it was told to, and restore what is missing."""
        option = self.old[STARTUP_OPTION][0]
        if option & (_CLEAR_STATE | _CLEAR_CONFIG):
            ieee, seed = self.old.get(EXTADDR), self.old.get(TCLK_SEED)
            self.old[STARTUP_OPTION] = b"\x00"
            self.erase()
            if ieee is not None and seed is not None:
                self.old[EXTADDR], self.old[TCLK_SEED] = ieee, seed
        self.old.setdefault(EXTADDR, self.hardware_ieee.to_bytes(8, "little"))

    @property
    def ieee(self) -> int:
        """The address that the stick uses."""
        return int.from_bytes(self.old[EXTADDR], "little")

    @property
    def network(self) -> NetworkSettings | None:
        """The network that it is part of."""
        if self.old.get(ON_A_NETWORK) != b"\x01" or NIB not in self.old:
            return None
        return NetworkSettings.decoded(self.old[NIB])

    @property
    def network_key(self) -> bytes:
        """The key of the network, 16 bytes."""
        return self.old[ACTIVE_KEY][1:17]

    def form(self, channels: int) -> None:
        """Begin a network with what was configured, and chance for the rest."""
        pan_id = int.from_bytes(self.old.get(PAN_ID, b"\xff\xff"), "little")
        if pan_id == 0xFFFF:
            pan_id = int.from_bytes(os.urandom(2), "little") & 0x3FFF
        extended = self.old.get(USE_EXT_PAN_ID, os.urandom(8))
        channel = next((number for number in range(11, 27) if channels >> number & 1), 11)
        key = b"\x00" + self.old.get(PRECONFIGURED_KEY, os.urandom(16))
        self.old[NIB] = NetworkSettings(pan_id, extended, channel).encoded()
        self.old[ACTIVE_KEY] = self.old[ALTERNATE_KEY] = key
        self.old[ON_A_NETWORK] = b"\x01"
        self.new[ZSTACK, SECURITY_MATERIAL, 0] = struct.pack("<I8s", 1000, extended)

    def remember(self, ieee: int, nwk: int) -> None:
        """Keep the address and the key of a device that joined."""
        address = ieee.to_bytes(8, "little")
        self._put(ADDRESSES, address, 4, struct.pack("<BxH8s", _CHILD_WITH_KEY, nwk, address))
        self._put(TCLK_TABLE, address, 8, struct.pack("<II8sBBBx", 0, 0, address, _VERIFIED, 0, 0))

    def forget(self, ieee: int) -> None:
        """Forget a device that left."""
        address = ieee.to_bytes(8, "little")
        for table, offset in ((ADDRESSES, 4), (TCLK_TABLE, 8)):
            for line in range(_TABLES[table][0]):
                if self.new[ZSTACK, table, line][offset : offset + 8] == address:
                    self.new[ZSTACK, table, line] = _TABLES[table][1]

    def known(self) -> frozenset[int]:
        """The devices that have a key."""
        lines = (self.new[ZSTACK, TCLK_TABLE, line][8:16] for line in range(_TABLES[TCLK_TABLE][0]))
        return frozenset(int.from_bytes(line, "little") for line in lines) - {0}

    def _put(self, table: int, address: bytes, offset: int, line: bytes) -> None:
        lines, empty = _TABLES[table]
        for index in range(lines):
            if self.new[ZSTACK, table, index][offset : offset + 8] in (address, empty[offset : offset + 8]):
                self.new[ZSTACK, table, index] = line
                return
