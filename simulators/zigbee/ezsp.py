"""Frames of EZSP, protocol version 13, after Silicon Labs' UG100 "EZSP Reference Guide".

sequence | frame control, 2 bytes | frame id, 2 bytes | parameters, little-endian. Only the first question, for the
version, has the format of older firmware: sequence | frame control | frame id, one byte each | desired version
"""

from dataclasses import dataclass
from typing import Final

PROTOCOL: Final = 13
VERSION: Final = 0x0000
INVALID_COMMAND: Final = 0x0058
_RESPONSE, _CALLBACK, _FORMAT = 0x80, 0x10, 0x01

SUCCESS, FATAL, BAD_ARGUMENT, NOT_FOUND, INDEX_OUT_OF_RANGE = 0x00, 0x01, 0x02, 0x03, 0xB1
DELIVERY_FAILED, INVALID_CALL, NETWORK_UP, NETWORK_DOWN, NOT_JOINED = 0x66, 0x70, 0x90, 0x91, 0x93
"""Of EmberStatus, one byte."""
VERSION_NOT_SET, INVALID_FRAME_ID, TRUNCATED, INVALID_VALUE, INVALID_ID = 0x30, 0x31, 0x33, 0x36, 0x37
"""Of EzspStatus, one byte."""
SL_OK, SL_INVALID_INDEX, SL_NOT_FOUND = 0x0000, 0x0027, 0x002D
"""Of sl_status, four bytes."""


@dataclass(frozen=True)
class Command:
    """What a host asks."""

    sequence: int
    frame: int
    parameters: bytes
    legacy: bool = False
    """Whether it has the format of older firmware."""


def command(data: bytes) -> Command | None:
    """Read a command; None for what is none."""
    if len(data) >= 5 and data[2] == _FORMAT:
        sent, frame = data[1], int.from_bytes(data[3:5], "little")
        return None if sent & _RESPONSE else Command(data[0], frame, data[5:])
    if len(data) == 4 and data[1] == 0x00 and data[2] == VERSION:
        return Command(data[0], VERSION, data[3:], legacy=True)
    return None


def response(to: Command, frame: int, parameters: bytes) -> bytes:
    """An answer, in the format of its question."""
    if to.legacy:
        return bytes([to.sequence, _RESPONSE, frame & 0xFF]) + parameters
    return bytes([to.sequence, _RESPONSE, _FORMAT]) + frame.to_bytes(2, "little") + parameters


def callback(last: int, frame: int, parameters: bytes) -> bytes:
    """Something that nobody asked for, under the number of the last answer."""
    return bytes([last, _RESPONSE | _CALLBACK, _FORMAT]) + frame.to_bytes(2, "little") + parameters
