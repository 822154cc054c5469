"""Trits as bytes: every length, every byte."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.files.trits import pack, unpack
from tests.helpers import assert_equal_exact
from tests.strategies import seeds

sides = st.integers(0, 4)


@pytest.mark.parametrize("size", range(7))
def test_all_trits_of_a_length_have_packings_of_their_own(size):
    everything = [np.array(trits, dtype=np.int8) for trits in itertools.product((-1, 0, 1), repeat=size)]
    assert len({pack(trits).tobytes() for trits in everything}) == 3**size


@pytest.mark.parametrize("size", range(23))
def test_packing_is_undone_for_every_length(size):
    trits = np.random.default_rng(size).integers(-1, 2, size).astype(np.int8)
    packed = pack(trits)
    assert (packed.dtype, packed.shape) == (np.uint8, (-(-size // 5),))
    assert_equal_exact(unpack(packed, (size,)), trits)


def test_every_byte_below_243_is_five_trits_and_no_other_is():
    for byte in range(256):
        packed = np.array([byte], dtype=np.uint8)
        if byte < 243:
            assert_equal_exact(pack(unpack(packed, (5,))), packed)
        else:
            with pytest.raises(ValueError, match="packed: no five trits make a byte above 242"):
                unpack(packed, (5,))


def test_what_fills_the_last_byte_is_fixed():
    packed = pack(np.array([1, 1]))
    with pytest.raises(ValueError, match="packed: the last byte is filled up"):
        unpack(packed + np.uint8(9), (2,))


@given(seeds, st.tuples(sides, sides, sides), st.sampled_from(["int8", "int64", "float32"]))
def test_shapes_come_back(seed, shape, dtype):
    trits = np.random.default_rng(seed).integers(-1, 2, shape)
    assert_equal_exact(unpack(pack(trits.astype(dtype)), shape), trits.astype(np.int8))


@pytest.mark.parametrize("values", [[2], [-2], [0.5], [np.nan], [1, 0, 7]])
def test_other_values_are_no_trits(values):
    with pytest.raises(ValueError, match="trits: expected -1, 0 and 1 only"):
        pack(np.array(values))


@pytest.mark.parametrize(
    "packed", [np.zeros(1, np.uint8), np.zeros(3, np.uint8), np.zeros(2, np.int8), np.zeros((2, 1), np.uint8)]
)
def test_packed_arrays_of_another_kind_are_refused(packed):
    with pytest.raises(ValueError, match="packed: expected 2 bytes, got"):
        unpack(packed, (2, 3))
