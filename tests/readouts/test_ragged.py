"""Weights of networks of different sizes, found by a loop; bits as bytes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refinr.readouts.ragged import Ragged, pack_bits, raw_bytes, unpack_bits
from tests.helpers import assert_equal_exact
from tests.strategies import seeds


@given(
    st.lists(st.just(0) | st.integers(0, 200), min_size=1, max_size=30), st.integers(1, 20), seeds, st.data(),
)  # fmt: skip
def test_of_any_networks_the_weights_and_the_bits_are_theirs(counts, samples, seed, data):
    rng = np.random.default_rng(seed)
    weights = [rng.integers(-9, 10, count).astype(np.int8) for count in counts]
    bits = {e: rng.integers(0, 2, samples) for e, count in enumerate(counts) if not count}
    raw = pack_bits(np.array(list(bits.values())).reshape(len(bits), samples))
    ragged = Ragged(np.array(counts, np.uint8), np.concatenate(weights), raw)
    start = data.draw(st.integers(0, len(counts)))
    networks = range(start, data.draw(st.integers(start, len(counts))))
    most = max(counts) + 2
    dense, signs = ragged.dense(networks, most), ragged.signs(networks, samples)
    assert (dense.dtype, dense.shape) == (np.float32, (len(networks), most))
    assert ragged.is_raw(networks).tolist() == [counts[e] == 0 for e in networks]
    for row, e in zip(dense, networks, strict=True):
        assert_equal_exact(row, np.append(weights[e], np.zeros(most - counts[e])).astype(np.float32))
    expected = [2.0 * bits[e] - 1.0 for e in networks if e in bits]
    assert signs.dtype == np.float32
    assert signs.tolist() == [x.tolist() for x in expected]


@given(st.integers(0, 5), st.integers(1, 40), seeds)
def test_bits_come_back_from_bytes(networks, samples, seed):
    bits = np.random.default_rng(seed).integers(0, 2, (networks, samples)).astype(np.uint8)
    packed = pack_bits(bits)
    assert packed.shape == (networks, raw_bytes(samples))
    assert_equal_exact(unpack_bits(packed, samples), bits)
    assert_equal_exact(pack_bits(bits * 3), packed)  # whatever is not 0
    for row, line in zip(bits, packed, strict=True):
        assert int.from_bytes(line.tobytes(), "little") == sum(int(bit) << i for i, bit in enumerate(row))
