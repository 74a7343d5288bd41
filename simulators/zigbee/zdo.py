"""Messages of endpoint 0, by the ZigBee specification: what a node says of itself, without the sequence number."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.zigbee.mt import MtMalformed, Reader, Writer

NWK_ADDR, NODE_DESC, SIMPLE_DESC, ACTIVE_EP, ANNOUNCE = 0x0000, 0x0002, 0x0004, 0x0005, 0x0013
BIND, UNBIND, LEAVE, PERMIT, UPDATE = 0x0021, 0x0022, 0x0034, 0x0036, 0x0038
RESPONSE = 0x8000
SUCCESS, INVALID_REQUEST, NOT_ACTIVE, NOT_SUPPORTED = 0x00, 0x80, 0x83, 0x84
COORDINATOR, ROUTER, END_DEVICE = 0, 1, 2
_CAPABILITIES = {COORDINATOR: 0x8F, ROUTER: 0x8E, END_DEVICE: 0x80}
_QUIET = 60


@dataclass(frozen=True)
class Endpoint:
    """One application of a node."""

    profile: int
    device: int
    servers: tuple[int, ...]
    clients: tuple[int, ...] = ()

    def described(self, number: int) -> bytes:
        """Its simple descriptor."""
        head = Writer().u8(number).u16(self.profile, self.device).u8(1, len(self.servers)).u16(*self.servers)
        return head.u8(len(self.clients)).u16(*self.clients).done()


@dataclass(frozen=True)
class Node:
    """A member of the network, as it describes itself."""

    kind: int
    manufacturer_code: int
    endpoints: Mapping[int, Endpoint]

    @property
    def capabilities(self) -> int:
        """How it takes part: a sleeping end device does not listen when idle."""
        return _CAPABILITIES[self.kind]

    def described(self) -> bytes:
        """Its node descriptor, 13 bytes."""
        head = Writer().u8(self.kind, 0x40, self.capabilities).u16(self.manufacturer_code).u8(82)
        return head.u16(82, 0x2C00 if self.kind != COORDINATOR else 0x2C41, 82).u8(0).done()


def announce(nwk: int, ieee: int, node: Node) -> bytes:
    """What a node says to everybody when it is there."""
    return Writer().u16(nwk).u64(ieee).u8(node.capabilities).done()


def nwk_addr(ieee: int, nwk: int, request: bytes) -> bytes | None:
    """What a node answers to everybody's question for an IEEE address; nothing unless it is its own."""
    try:
        wanted = Reader(request).number(8)
    except MtMalformed:
        return None
    return Writer().u8(SUCCESS).u64(ieee).u16(nwk).done() if wanted == ieee else None


def answer(node: Node, nwk: int, cluster: int, request: bytes) -> bytes | None:
    """What a node answers to a request about itself; None where nobody answers."""
    if cluster >= RESPONSE or cluster == ANNOUNCE:
        return None
    reader = Reader(request)
    try:
        return _answer(node, nwk, cluster, reader)
    except MtMalformed:
        return bytes([INVALID_REQUEST])


def _answer(node: Node, nwk: int, cluster: int, reader: Reader) -> bytes:
    if cluster == NODE_DESC:
        return Writer().u8(SUCCESS).u16(nwk).raw(node.described()).done()
    if cluster == ACTIVE_EP:
        return Writer().u8(SUCCESS).u16(nwk).u8(len(node.endpoints), *node.endpoints).done()
    if cluster == SIMPLE_DESC:
        reader.number(2)
        return _endpoint(node, nwk, reader.number(1))
    if cluster == UPDATE:
        return _scanned(reader.number(4))
    if cluster in {BIND, UNBIND, LEAVE, PERMIT}:
        return bytes([SUCCESS])
    return bytes([NOT_SUPPORTED])


def _endpoint(node: Node, nwk: int, number: int) -> bytes:
    if number not in node.endpoints:
        return Writer().u8(NOT_ACTIVE).u16(nwk).u8(0).done()
    described = node.endpoints[number].described(number)
    return Writer().u8(SUCCESS).u16(nwk).u8(len(described)).raw(described).done()


def _scanned(channels: int) -> bytes:
    """The noise on each channel, all alike."""
    asked = channels & 0x07FF_F800
    count = asked.bit_count()
    return Writer().u8(SUCCESS).u32(asked).u16(0, 0).u8(count, *([_QUIET] * count)).done()
