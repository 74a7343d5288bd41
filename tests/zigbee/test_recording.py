"""Listening in on a ZigBee device: no frame is named wrongly, and none that may hold a code is told."""

from types import SimpleNamespace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from agent.adapters.zigbee.recording import Ears, named

STRANGER = "a4:c1:38:00:00:00:00:02"
ON_OFF = SimpleNamespace(ep_attribute="on_off")
PLUG: Any = SimpleNamespace(
    ieee="a4:c1:38:00:00:00:00:01", endpoints={1: SimpleNamespace(in_clusters={0x0006: ON_OFF}, out_clusters={})}
)


@given(st.integers(0, 0xFFFF), st.integers(0, 255), st.binary(max_size=90))
@example(0x0006, 1, b"")
@example(0x0006, 1, b"\xff\xff")
@example(0x0006, 1, b"\x18\x01\xfe")
@example(0x0101, 1, b"\x18\x05\x0a1234")
def test_no_frame_breaks_the_listening_and_no_code_is_told(cluster: int, endpoint: int, frame: bytes) -> None:
    ears, told = Ears(), list[tuple[object, ...]]()
    with ears.tap(PLUG.ieee, lambda *what: told.append(what)):
        ears.hear(PLUG, cluster, endpoint, frame, from_device=True)
        ears.hear(SimpleNamespace(ieee=STRANGER, endpoints={}), cluster, endpoint, frame, from_device=True)
    ears.hear(PLUG, cluster, endpoint, frame, from_device=True)
    listened = endpoint != 0 and cluster not in {0x0101, 0x0500, 0x0501, 0x0800, 0x1000}
    assert [(what[3], what[5]) for what in told] == ([(frame, endpoint)] if listened else [])


def test_frames_go_by_the_names_that_profiles_use() -> None:
    assert named(PLUG, 0x0006, 1, bytes.fromhex("18050a00001001")) == "on_off/report_attributes"
    assert named(PLUG, 0x0006, 1, bytes.fromhex("182c010000001000")) == "on_off/read_attributes_rsp"
    assert named(PLUG, 0x0006, 1, bytes.fromhex("010501")) == "on_off/0x01"
    assert named(PLUG, 0xFC00, 1, bytes.fromhex("18050a")) == "0xfc00/report_attributes"
    assert named(PLUG, 0x0006, 2, b"") == "0x0006/unreadable"
