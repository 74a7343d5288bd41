"""The seeds of the fuzzing, and what it once found, are read without a fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.parsers import PARSERS, read, seeds


def test_every_golden_vector_is_read_by_every_parser() -> None:
    count = 0
    for seed in seeds():
        read(seed)
        count += 1
    assert count > 100 * len(PARSERS)


@given(number=st.integers(0, len(PARSERS) - 1), data=st.binary(max_size=200))
def test_no_bytes_bring_a_parser_to_its_end(number: int, data: bytes) -> None:
    read(bytes([number]) + data)


@pytest.mark.parametrize("number", range(len(PARSERS)))
def test_a_deep_nest_is_no_trap(number: int) -> None:
    for opening in (b"[", b'{"a":'):
        read(bytes([number]) + opening * 50_000)
