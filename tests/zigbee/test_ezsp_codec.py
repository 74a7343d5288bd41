"""ASH and EZSP byte by byte against the documents, and against the host library that shares no line with them."""

import asyncio
from collections.abc import Callable

import bellows.types as t
import pytest
from bellows import ash as host
from bellows.ezsp.v4 import EZSPv4
from bellows.ezsp.v13 import EZSPv13
from hypothesis import given
from hypothesis import strategies as st

from simulators.zigbee import ash_link, ezsp
from simulators.zigbee.ash import CANCEL, FLAG, RESET_POWER_ON, SUBSTITUTE, XOFF, XON, Decoder, Frame, Kind, randomised
from simulators.zigbee.ash_link import WINDOW, AshLink
from simulators.zigbee.ezsp_coordinator import TRUST_CENTER_JOIN
from simulators.zigbee.ezsp_memory import Child, EzspMemory, Network, Security
from simulators.zigbee.mt import Reader, Writer

VERSION_ASKED, VERSION_SAID = bytes.fromhex("00000002"), bytes.fromhex("00800002021130")
FRAMES = [  # UG101, chapter 3
    (Frame(Kind.RST), "c0 38 bc 7e"),
    (Frame(Kind.RSTACK, b"\x02\x02"), "c1 02 02 9b 7b 7e"),
    (Frame(Kind.ERROR, b"\x01\x52"), "c2 01 52 cd 8d 7e"),  # misprinted there as fa bd
    (Frame(Kind.DATA, VERSION_ASKED, 2, again=False, awaits=5), "25 42 21 a8 56 a6 09 7e"),
    # misprinted there as 96 23
    (Frame(Kind.DATA, VERSION_SAID, 5, again=False, awaits=3), "53 42 a1 a8 56 28 04 82 03 2a 7e"),
    (Frame(Kind.ACK, awaits=1), "81 60 59 7e"),
    (Frame(Kind.ACK, again=True, awaits=6), "8e 91 b6 7e"),
    (Frame(Kind.NAK, awaits=6), "a6 34 dc 7e"),
    (Frame(Kind.NAK, again=True, awaits=5), "ad 85 b7 7e"),
]
DATA = st.builds(
    Frame,
    st.just(Kind.DATA),
    st.binary(min_size=3, max_size=128),
    st.integers(0, 7),
    st.booleans(),
    st.integers(0, 7),
)
SHORT = st.builds(
    lambda kind, awaits: Frame(kind, awaits=awaits), st.sampled_from([Kind.ACK, Kind.NAK]), st.integers(0, 7)
)


@pytest.mark.parametrize(("frame", "on_the_line"), FRAMES)
def test_a_frame_is_as_the_document_says(frame: Frame, on_the_line: str) -> None:
    assert frame.encoded().hex(" ") == on_the_line
    assert Decoder().feed(bytes.fromhex(on_the_line)) == [frame]


def test_data_is_randomised_as_the_document_says() -> None:
    assert randomised(bytes(8)).hex(" ") == "42 21 a8 54 2a 15 b2 59"


def test_reserved_bytes_are_escaped() -> None:
    body = randomised(bytes([FLAG, 0x7D, XON, XOFF, SUBSTITUTE, CANCEL]))
    encoded = Frame(Kind.DATA, body).encoded()
    assert encoded[1:13].hex(" ") == "7d 5e 7d 5d 7d 31 7d 33 7d 38 7d 3a"
    assert Decoder().feed(encoded) == [Frame(Kind.DATA, body)]


@given(st.lists(DATA | SHORT, max_size=5), st.integers(1, 300))
def test_frames_survive_a_line_that_cuts_them_anywhere(frames: list[Frame], size: int) -> None:
    stream, decoder, heard = b"".join(frame.encoded() for frame in frames), Decoder(), []
    for start in range(0, len(stream), size):
        heard += decoder.feed(stream[start : start + size])
    assert heard == frames


@given(DATA | SHORT)
def test_the_host_library_reads_and_writes_every_frame_alike(frame: Frame) -> None:
    encoded = frame.encoded()
    read = host.parse_frame(host.AshProtocol._unstuff_bytes(encoded[:-1]))
    if isinstance(read, host.DataFrame):
        assert (read.frm_num, read.re_tx, read.ezsp_frame) == (frame.number, frame.again, frame.data)
    assert read.ack_num == frame.awaits
    assert bytes(host.AshProtocol._stuff_bytes(read.to_bytes())) + bytes([FLAG]) == encoded


@given(st.binary(max_size=400))
def test_noise_on_the_line_breaks_nothing(noise: bytes) -> None:
    decoder, frame = Decoder(), Frame(Kind.ACK, awaits=3)
    decoder.feed(noise)
    assert decoder.feed(bytes([CANCEL]) + frame.encoded()) == [frame]


def test_what_was_cancelled_or_spoilt_is_no_frame() -> None:
    frame = Frame(Kind.DATA, VERSION_ASKED)
    half = frame.encoded()[:4]
    assert Decoder().feed(half + bytes([CANCEL]) + frame.encoded()) == [frame]
    assert Decoder().feed(half + bytes([SUBSTITUTE]) + frame.encoded() * 2) == [None, frame]
    assert Decoder().feed(bytes([XOFF]) + half[:2] + bytes([XON]) + frame.encoded()[2:]) == [frame]
    assert Decoder().feed(bytes(5000) + bytes([FLAG])) == [None]


# ---- the stick's end of the line


class Line:
    """What a stick says, and what it takes."""

    def __init__(self) -> None:
        self.said: list[Frame | None] = []
        self.taken: list[bytes] = []
        self.link = AshLink(lambda data: self.said.extend(Decoder().feed(data)), self.taken.append, lambda: None)
        self.link.start(RESET_POWER_ON)
        assert self.heard() == [Frame(Kind.RSTACK, b"\x02\x02")]

    def heard(self) -> list[Frame | None]:
        said = list(self.said)
        self.said.clear()
        return said

    def feed(self, *frames: Frame) -> list[Frame | None]:
        for frame in frames:
            self.link.feed(frame.encoded())
        return self.heard()


def data(number: int, *, again: bool = False, awaits: int = 0) -> Frame:
    return Frame(Kind.DATA, bytes([number]) * 3, number, again, awaits)


async def test_a_frame_is_taken_once_and_a_gap_is_rejected_once() -> None:
    line = Line()
    assert line.feed(data(0), data(0, again=True)) == [Frame(Kind.ACK, awaits=1)] * 2
    assert line.feed(data(2), data(3)) == [Frame(Kind.NAK, awaits=1)]
    assert line.feed(data(1)) == [Frame(Kind.ACK, awaits=2)]
    line.link.feed(b"\x00spoilt" + bytes([FLAG]))
    assert line.heard() == [Frame(Kind.NAK, awaits=2)]
    assert line.taken == [b"\x00" * 3, b"\x01" * 3]


async def test_what_is_not_acknowledged_is_said_again_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ash_link, "_ACK_S", 0.001)
    line = Line()
    for number in range(WINDOW + 2):
        line.link.say(bytes([number]) * 3)
    assert line.heard() == [data(number) for number in range(WINDOW)]
    assert line.feed(Frame(Kind.ACK, awaits=2)) == [data(WINDOW), data(WINDOW + 1)]
    assert line.feed(Frame(Kind.NAK, awaits=3)) == [data(3, again=True), data(4, again=True)]
    async with asyncio.timeout(5):
        while line.link.connected:
            await asyncio.sleep(0.001)
    heard = line.heard()
    assert heard[-1] == Frame(Kind.ERROR, b"\x02\x51")
    assert heard[:-1] == [data(3, again=True), data(4, again=True)] * 3
    line.link.say(b"none")
    assert line.feed(data(0)) == []
    assert line.feed(Frame(Kind.RST), data(0)) == [Frame(Kind.RSTACK, b"\x02\x0b"), Frame(Kind.ACK, awaits=1)]


# ---- EZSP

ASKED = [  # sequence | control | id | parameters
    ("00 00 00 04", ezsp.Command(0, 0x0000, b"\x04", legacy=True)),
    ("01 00 01 00 00 0d", ezsp.Command(1, 0x0000, b"\x0d")),
    ("2a 00 01 16 01", ezsp.Command(0x2A, 0x0116, b"")),
    ("2a 80 01 16 01", None),
    ("2a 00 01", None),
]


@pytest.mark.parametrize(("asked", "command"), ASKED)
def test_a_command_is_read_as_the_document_says(asked: str, command: ezsp.Command | None) -> None:
    assert ezsp.command(bytes.fromhex(asked)) == command


def test_answers_are_as_the_document_says() -> None:
    first, second = ezsp.Command(0, 0, b"\x04", legacy=True), ezsp.Command(1, 0, b"\x0d")
    version = bytes.fromhex("0d 02 40 74")
    assert ezsp.response(first, 0, version).hex(" ") == "00 80 00 0d 02 40 74"
    assert ezsp.response(second, 0, version).hex(" ") == "01 80 01 00 00 0d 02 40 74"
    assert ezsp.callback(7, 0x0019, b"\x90").hex(" ") == "07 90 01 19 00 90"


class Gateway:
    """Takes what the host library would send."""

    sent: bytes = b""

    async def send_data(self, data: bytes) -> None:
        self.sent = data


@pytest.mark.parametrize(("make", "sent"), [(EZSPv4, "00 00 00 04"), (EZSPv13, "00 00 01 00 00 0d")])
async def test_the_host_library_asks_for_the_version_as_the_stick_reads(make: Callable[..., EZSPv4], sent: str) -> None:
    said: list[object] = []
    gateway = Gateway()
    protocol = make(lambda *what: said.append(what), gateway)
    asking = asyncio.create_task(protocol.command("version", desiredProtocolVersion=make.VERSION))  # type: ignore[attr-defined]
    while not gateway.sent:
        await asyncio.sleep(0)
    assert gateway.sent.hex(" ") == sent
    command = ezsp.command(gateway.sent)
    assert command is not None
    protocol(ezsp.response(command, 0x0000, bytes.fromhex("0d 02 40 74")))
    assert await asking == [13, 2, 0x7440]
    protocol(ezsp.response(command, ezsp.INVALID_COMMAND, bytes([ezsp.INVALID_FRAME_ID])))
    assert said == [("invalidCommand", [t.EzspStatus.ERROR_INVALID_FRAME_ID])]


def test_a_join_is_read_by_the_host_library() -> None:
    said: list[tuple[str, list[object]]] = []
    protocol = EZSPv13(lambda *what: said.append(what), Gateway())
    told = Writer().u16(0x1001).u64(0xA4C1380000000001).u8(1, 0).u16(0x0000).done()
    protocol(ezsp.callback(0, TRUST_CENTER_JOIN, told))
    ((name, values),) = said
    assert name == "trustCenterJoinHandler"
    assert [str(value) for value in values[:2]] == ["0x1001", "a4:c1:38:00:00:00:00:01"]


NETWORK = Network(b"12345678", 0x1A62, 8, 15, 0x0000, 3, 1 << 15)


def test_a_network_is_laid_out_as_the_document_says() -> None:
    encoded = NETWORK.encoded()
    assert encoded.hex(" ") == "31 32 33 34 35 36 37 38 62 1a 08 0f 00 00 00 03 00 80 00 00"
    assert Network.decoded(Reader(encoded)) == NETWORK
    read, rest = t.EmberNetworkParameters.deserialize(encoded)
    assert not rest
    assert (read.panId, read.radioChannel, read.nwkUpdateId, int(read.channels)) == (0x1A62, 15, 3, 1 << 15)


def test_keys_and_tokens_are_laid_out_as_on_the_chip() -> None:
    state = Writer().u16(0x1384).raw(b"L" * 16).raw(b"N" * 16).u8(2).u64(0).done()
    security = Security(frame_counter=7000)
    security.begin(Reader(state))
    assert (security.link_key, security.network_key, security.frame_counter) == (b"L" * 16, b"N" * 16, 7000)
    assert security.key_info().hex(" ") == "01 00 02 00 58 1b 00 00"
    assert security.current(0x00124B00AABBCC01).hex(" ") == "94 00 01 cc bb aa 00 4b 12 00"
    security.begin(Reader(bytes([0x84, 0x03]) + state[2:]))
    assert security.frame_counter == 0
    assert Child(0xA4C1380000000001, 0x1001, 0x80).token().hex(" ") == "01 00 00 00 00 38 c1 a4 01 10 80"


def test_tokens_are_overwritten_only_by_what_fits() -> None:
    memory = EzspMemory(1, network=NETWORK)
    assert memory.set_token(0xE12A, 0, bytes([5]) + bytes(7))
    assert memory.ieee == 5
    assert not memory.set_token(0xE12A, 0, b"short")
    assert memory.set_token(0x1E125, 0, bytes.fromhex("00 80 00 00 00 00 09 00"))
    assert memory.network is not None
    assert memory.network.update_id == 9
    assert memory.token(0x1_0580, 0) is None
    memory.erase(counters=True)
    assert memory.ieee == 5
    assert memory.network is None
