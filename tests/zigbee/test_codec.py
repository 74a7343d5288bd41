"""The simulator's bytes against the documents, and against the host library that shares no line with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zigpy.zcl.clusters.general import OnOff
from zigpy.zcl.foundation import GENERAL_COMMANDS, GeneralCommand, ZCLHeader
from zigpy_znp import commands
from zigpy_znp.frames import GeneralFrame, TransportFrame
from zigpy_znp.types.structs import NIB

from simulators.zigbee import zcl, zdo
from simulators.zigbee.mt import AF, AREQ, SREQ, SRSP, SYS, ZDO, Decoder, Frame
from simulators.zigbee.nvram import NetworkSettings

FRAMES = [
    (Frame(SREQ, SYS, 0x01), "fe 00 21 01 20"),  # SYS_PING
    (Frame(SRSP, SYS, 0x01, b"\x79\x07"), "fe 02 61 01 79 07 1c"),
    (Frame(AREQ, SYS, 0x00, b"\x01"), "fe 01 41 00 01 41"),  # SYS_RESET_REQ, soft
    (Frame(SRSP, AF, 0x01, b"\x00"), "fe 01 64 01 00 64"),  # AF_DATA_REQUEST
    (Frame(AREQ, AF, 0x80, b"\x00\x01\x2a"), "fe 03 44 80 00 01 2a ec"),  # AF_DATA_CONFIRM
    (Frame(AREQ, ZDO, 0xC0, b"\x09"), "fe 01 45 c0 09 8d"),  # ZDO_STATE_CHANGE_IND, coordinator
]
SHORT = st.builds(
    Frame,
    st.sampled_from([SREQ, AREQ, SRSP]),
    st.sampled_from([SYS, AF, ZDO]),
    st.integers(0, 255),
    st.binary(max_size=250),
)


@pytest.mark.parametrize(("frame", "on_the_line"), FRAMES)
def test_a_frame_is_as_the_interface_document_says(frame: Frame, on_the_line: str) -> None:
    assert frame.encoded() == bytes.fromhex(on_the_line)
    assert Decoder().feed(bytes.fromhex(on_the_line)) == [frame]


@given(st.lists(SHORT, max_size=5), st.integers(1, 300))
def test_frames_survive_a_line_that_cuts_them_anywhere(frames: list[Frame], size: int) -> None:
    stream, decoder, heard = b"".join(frame.encoded() for frame in frames), Decoder(), []
    for start in range(0, len(stream), size):
        heard += decoder.feed(stream[start : start + size])
    assert heard == frames


@given(SHORT)
def test_the_host_library_reads_every_frame_alike(frame: Frame) -> None:
    read, rest = TransportFrame.deserialize(frame.encoded())
    assert not rest
    assert read.payload.data == frame.data
    assert read.payload.header.serialize() == bytes([frame.kind | frame.subsystem, frame.command])
    assert TransportFrame(GeneralFrame(read.payload.header, read.payload.data)).serialize() == frame.encoded()


@given(st.binary(max_size=400))
def test_noise_on_the_line_breaks_nothing(noise: bytes) -> None:
    decoder, ping = Decoder(), Frame(SREQ, SYS, 0x01)
    decoder.feed(noise)
    assert ping in decoder.feed(bytes(260) + ping.encoded() * 60)


def test_an_incoming_message_is_read_by_the_host_library() -> None:
    data = bytes.fromhex("0000 0600 0110 01 01 00 b4 00 00000000 00 03 18050a 0110 1d".replace(" ", ""))
    header = commands.AF.IncomingMsg.Callback.header
    said = commands.AF.IncomingMsg.Callback.from_frame(GeneralFrame(header, data))
    assert (said.SrcAddr, said.ClusterId, said.SrcEndpoint, said.Data) == (0x1001, 6, 1, b"\x18\x05\x0a")


def test_the_information_base_is_laid_out_as_on_the_chip() -> None:
    settings = NetworkSettings(pan_id=0x1A62, extended_pan_id=b"12345678", channel=15)
    assert len(settings.encoded()) == 116
    assert NetworkSettings.decoded(settings.encoded()) == settings
    read, rest = NIB.deserialize(settings.encoded(), align=True)
    assert not rest
    assert (read.nwkPanId, read.nwkLogicalChannel) == (0x1A62, 15)
    assert read.extendedPANID.serialize() == b"12345678"


ZCL = [
    (zcl.Frame(0x2A, 0x01, specific=True), "01 2a 01"),  # On
    (zcl.Frame(0x2B, 0x42, b"\x00\x28\x23\x00\x00", specific=True), "01 2b 42 00 28 23 00 00"),  # On, off after 900 s
    (zcl.Frame(0x2A, zcl.DEFAULT_ANSWER, b"\x01\x00", from_server=True, silent=True), "18 2a 0b 01 00"),
    (
        zcl.Frame(5, zcl.REPORT, zcl.report([(0, zcl.BOOLEAN, 1)]), from_server=True, silent=True),
        "18 05 0a 00 00 10 01",
    ),
    (zcl.Frame(1, zcl.READ, b"\x0b\x05", manufacturer=0x115F), "04 5f 11 01 00 0b 05"),
]


@pytest.mark.parametrize(("frame", "on_the_air"), ZCL)
def test_a_cluster_frame_is_as_the_cluster_library_says(frame: zcl.Frame, on_the_air: str) -> None:
    assert frame.encoded() == bytes.fromhex(on_the_air)
    assert zcl.Frame.decoded(bytes.fromhex(on_the_air)) == frame


@given(st.sampled_from([zcl.UINT8, zcl.INT16, zcl.UINT16, zcl.INT24, zcl.UINT48]), st.integers(-(1 << 50), 1 << 50))
def test_the_host_library_reads_every_number_alike(kind: int, number: int) -> None:
    payload = zcl.read_answer([(0x050B, kind, number), (0x0605, None, zcl.UNSUPPORTED_ATTRIBUTE)])
    said, rest = GENERAL_COMMANDS[GeneralCommand.Read_Attributes_rsp].schema.deserialize(payload)
    first, second = said.status_records  # type: ignore[attr-defined]
    assert not rest
    assert zcl.encoded(kind, int(first.value.value)) == zcl.encoded(kind, number)
    assert second.status == zcl.UNSUPPORTED_ATTRIBUTE


def test_the_host_library_sends_what_the_device_reads() -> None:
    schema = OnOff.ServerCommandDefs.on_with_timed_off.schema
    payload = schema(on_off_control=0, on_time=9000, off_wait_time=0).serialize()
    header, _ = ZCLHeader.deserialize(bytes.fromhex("01 2b 42"))
    read = zcl.Frame.decoded(header.serialize() + payload)
    assert (read.specific, read.command, read.payload) == (True, 0x42, bytes.fromhex("00 28 23 00 00"))


def test_a_node_describes_itself_in_thirteen_bytes() -> None:
    node = zdo.Node(zdo.ROUTER, 0x117C, {1: zdo.Endpoint(0x0104, 0x0051, (0, 6), (0x19,))})
    assert node.described().hex(" ") == "01 40 8e 7c 11 52 52 00 00 2c 52 00 00"
    said = zdo.answer(node, 0x1001, zdo.SIMPLE_DESC, bytes.fromhex("0110 01"))
    assert said is not None
    assert said.hex(" ") == "00 01 10 0e 01 04 01 51 00 01 02 00 00 06 00 01 19 00"
    assert zdo.answer(node, 0x1001, zdo.SIMPLE_DESC, b"\x01") == bytes([zdo.INVALID_REQUEST])
