"""Weights as files hold them: any numbers, in portions, and no wider in memory than their store asks for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refinr
from refinr.files import storing
from refinr.readouts import packing
from refinr.readouts.packing import PACKINGS, pack, packed_bytes, unpack

RANGES = {"int8": (-128, 128, 1), "int5": (-16, 16, 1), "ternary": (-1, 2, 1), "binary": (-1, 2, 2)}
WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 4, "int8": 1, "int5": 1, "ternary": 1, "binary": 1}


@pytest.mark.parametrize("store", RANGES)
@given(data=st.data())
def test_whole_numbers_come_back_whatever_the_portions(store, data):
    levels = range(*RANGES[store])
    w = np.array(data.draw(st.lists(st.sampled_from(levels), max_size=70)), np.int8)
    kept = packing.PORTION
    packed = pack(w, store)
    try:
        packing.PORTION = data.draw(st.sampled_from([8, 16, 64]))
        assert pack(w, store).tobytes() == packed.tobytes()
        back = unpack(packed, store, w.size)
    finally:
        packing.PORTION = kept
    assert packed.nbytes == packed_bytes(w.size, store)
    assert back.dtype == np.int8
    assert back.tolist() == w.tolist()


@pytest.mark.parametrize("store", storing.STORES)
@given(w=st.lists(st.floats(-1e9, 1e9, width=32), max_size=20))
def test_floats_come_back_as_near_as_their_store_has_them(store, w):
    rounded = storing.nearest(np.array(w, np.float32), store)
    for held in (rounded, rounded.astype(PACKINGS[store].dtype)):  # as they are computed, and as they are kept
        packed = pack(held, store)
        assert packed.dtype == storing.STORES[store].dtype
        assert packed.nbytes == packed_bytes(len(w), store)
        back = unpack(packed, store, len(w))
        assert back.dtype == PACKINGS[store].dtype
        np.testing.assert_array_equal(back.astype(np.float32), rounded)


@pytest.mark.parametrize("store", ["float16", "float32"])
def test_floats_that_numpy_knows_are_not_copied(store):
    w = np.arange(5, dtype=PACKINGS[store].dtype)
    assert np.shares_memory(pack(w, store), w)
    assert np.shares_memory(unpack(pack(w, store), store, 5), w)


@pytest.mark.parametrize("store", PACKINGS)
def test_more_or_fewer_than_there_should_be_are_refused(store):
    packed = pack(np.ones(40, PACKINGS[store].dtype), store)
    for count in (32, 50):
        with pytest.raises(ValueError, match=r"expected|stored"):
            unpack(packed, store, count)
    with pytest.raises(ValueError, match=r"expected|stored"):
        unpack(packed.astype(np.float64) if packed.dtype.kind in "fu" else packed.view("<u2"), store, 40)


def test_floats_that_were_not_rounded_are_refused():
    with pytest.raises(ValueError, match="no float16 numbers"):
        pack(np.array([1 / 3], np.float32), "float16")


@pytest.mark.parametrize("call", [pack, lambda x, name: unpack(x, name, 1), lambda x, name: packed_bytes(1, name)])
def test_unknown_stores_are_named(call):
    with pytest.raises(ValueError, match="store: unknown name 'int3'"):
        call(np.zeros(1), "int3")


@pytest.mark.parametrize("store", WIDTHS)
def test_solved_weights_and_loaded_ones_are_as_narrow_as_their_store(store, tmp_path):
    image = np.random.default_rng(0).integers(0, 4, (16, 16)).astype(np.uint8)
    how = {"weights": store} if store in ("ternary", "binary") else {"store": store}
    inr = refinr.solve(image, **how)
    inr.save(tmp_path / "a.inr")
    for weights in (inr.params["weights"], refinr.load(tmp_path / "a.inr").params["weights"]):
        assert weights.dtype.itemsize == WIDTHS[store] == np.dtype(PACKINGS[store].dtype).itemsize
    np.testing.assert_array_equal(refinr.load(tmp_path / "a.inr").params["weights"], inr.params["weights"])


@pytest.mark.parametrize("store", ["int5", "binary"])
def test_a_last_byte_that_is_filled_up_with_ones_is_refused(store):
    packed = pack(np.ones(3, np.int8), store)
    packed[-1] |= 0x80
    with pytest.raises(ValueError, match="filled up"):
        unpack(packed, store, 3)


def test_numbers_between_the_levels_are_refused():
    for store, w in (("int8", [0.5]), ("int5", [16]), ("binary", [0]), ("binary", [3]), ("int8", [-129])):
        with pytest.raises(ValueError, match="weights: expected whole numbers"):
            pack(np.array(w), store)
