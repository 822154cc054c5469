"""Whole numbers as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec.varints import MOST_BITS, Reader, number, text


@given(st.lists(st.integers(0, 2**MOST_BITS - 1) | st.binary(max_size=300)))
def test_what_is_written_is_read(items):
    reader = Reader(b"".join(number(item) if isinstance(item, int) else text(item) for item in items))
    found = [reader.number() if isinstance(item, int) else bytes(reader.text()) for item in items]
    assert found == items
    assert reader.left == 0


@pytest.mark.parametrize("count", range(1, 11))
def test_seven_bits_a_byte(count):
    first, last = (128 ** (count - 1) if count > 1 else 0), 128**count - 1
    for value in (first, first + 1, last - 1, last):
        written = number(value)
        assert written == bytes([value >> 7 * i & 127 | 128 * (i + 1 < count) for i in range(count)])
        assert Reader(written).number() == value
        assert Reader(written).number(most=value, least=value) == value


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b"", lambda r: r.number()),
        (b"\x80", lambda r: r.number()),
        (b"\xff" * 11, lambda r: r.number()),
        (b"\x05", lambda r: r.number(most=4)),
        (b"\x05", lambda r: r.number(least=6)),
        (b"\x05abcd", lambda r: r.text()),
        (b"abc", lambda r: r.bytes(4)),
    ],
)
def test_what_is_not_there_is_not_believed(content, read):
    with pytest.raises(ValueError, match=r"damaged|cut short"):
        read(Reader(content))
