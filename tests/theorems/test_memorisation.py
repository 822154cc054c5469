"""Theorem (networks that know samples by heart).

Let N samples of n bits have row-major indices t = 0, ..., N - 1 on a grid of d axes, and ``M = 2^n - 1``.

1. Interpolation: the network ``f(t) = y_0 + sum_k a_k relu(t - k)`` of one hidden layer has every sample at its index,
   with ``(d + 2) (N - 1) + 1`` parameters, ``4 N - 3`` for images, whatever n is.
2. What planes buy: the magnitudes of the terms of an output add up to at most ``((N - 1)^2 + 1) M``, for N >= 2 at most
   ``N (N - 1) M``, and no sum of some terms exceeds ``(floor((N - 1)^2 / 2) + 1) M`` in size.  Both are attained.  So
   float32 is exact in any order up to N = 5,793 for one bit and N = 23 for 16 bits, certified so up to N = 4,096 and
   N = 16; with one sample more there are samples that it gets wrong in some order, or that are not certified.
3. Extraction: a network of ``8 K + 84 B + d - 18`` parameters, K words of ``B = m n`` bits for m samples each, has
   every sample at its index.  With ``m = ceil(sqrt(2 N / (21 n)))`` they are at most ``52 sqrt(N n) + 84 n + d``, of at
   most ``sqrt(N n) / 3 + n`` bits each (or as many as N has).  In all they have more than twice the samples' bits.

From: 1 Zhang, Bengio, Hardt, Recht and Vinyals, "Understanding deep learning requires rethinking generalization", ICLR
2017, Theorem 1.  3 after Bartlett, Maiorov and Meir, Neural Computation 1998; Park, Lee, Yun and Shin, COLT 2021;
Vardi, Yehudai and Shamir, ICLR 2022.  2 and the counts are ours.

Proofs: docstring of `refinr.memorisation`.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refinr
from refinr import constructive, memorisation, mlp, planes, theory
from refinr.constructive import EXACT
from tests.helpers import assert_equal_exact
from tests.strategies import seeds, shapes

bits = st.integers(1, 20)


def _codes(seed: int, shape: tuple[int, ...], n: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**n, shape).astype("uint32")


def _outputs(network: tuple, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return mlp.forward(*network, memorisation.indices(shape).astype(dtype))[0][0, :, 0]


def _alternating(N: int, n: int, first: int = 1) -> np.ndarray:
    return ((np.arange(N) + first) % 2 * (2**n - 1)).astype("uint32")


# --- 1: interpolation ------------------------------------------------------------------------------------------------


@given(seeds, shapes(min_dims=1, max_dims=4, max_side=5), bits)
def test_an_interpolation_has_every_sample(seed, shape, n):
    codes = _codes(seed, shape, n)
    network = constructive.interpolation(codes, "object")
    assert _outputs(network, shape, "object").tolist() == codes.ravel().tolist()
    assert mlp.parameter_count(network[0]) == (len(shape) + 2) * max(codes.size - 1, 1) + 1
    assert len({int(w) for p in network[1].values() for w in p.flat}) <= 2 * codes.size + len(shape)
    if memorisation.largest_sum(codes) <= EXACT:
        assert_equal_exact(_outputs(constructive.interpolation(codes), shape, "float32"), codes.ravel().astype("f4"))
    assert_equal_exact(
        _outputs(constructive.interpolation(codes, "float64"), shape, "float64"), codes.ravel().astype("f8")
    )


@given(seeds, st.integers(2, 12), st.integers(1, 64))
def test_between_samples_it_is_the_straight_line(seed, N, eighths):
    codes = _codes(seed, (N,), 8)
    t = np.arange((N - 1) * 8 + eighths) / 8
    z, _ = mlp.forward(*constructive.interpolation(codes, "float64"), t[:, None])
    inside = t <= N - 1
    assert_equal_exact(z[0, inside, 0], np.interp(t[inside], np.arange(N), codes.astype(float)))
    beyond = codes[-1] + (t[~inside] - (N - 1)) * (float(codes[-1]) - float(codes[-2]))
    assert_equal_exact(z[0, ~inside, 0], beyond)


@pytest.mark.parametrize("shape", [(64, 64), (7, 9), (4096,), (16, 16, 16)])
def test_an_image_takes_4_n_minus_3(shape):
    N = math.prod(shape)
    spec = mlp.MLP(constructive.interpolation_sizes(N, len(shape)), "relu")
    assert mlp.parameter_count(spec) == (len(shape) + 2) * N - len(shape) - 1
    assert len(shape) != 2 or mlp.parameter_count(spec) == 4 * N - 3


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", ">i4"])
@pytest.mark.parametrize(
    ("shape", "tile", "channels"), [((9,), 4, False), ((7, 6), (3, 4), False), ((3, 4, 3), 3, True)]
)
def test_as_an_inr_it_saves_loads_decodes_and_is_certified(tmp_path, shape, tile, channels, dtype):
    samples = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    constructive.exact(samples, tile, channels=channels, network="interpolation").save(tmp_path / "x.inr")
    inr = refinr.load(tmp_path / "x.inr")
    assert_equal_exact(inr.decode(), samples)
    assert inr.lossless
    assert (inr.report.steps, inr.report.margin) == (0.0, 0.5)
    K, d = math.prod(inr.layout.tile), len(inr.layout.tile)
    assert inr.parameters == inr.layout.networks * ((d + 2) * (K - 1) + 1)
    found = refinr.certify(inr).types["float32"]
    assert (found.guaranteed, found.bound) == (True, 0.0)


def test_unknown_networks_and_large_ones():
    with pytest.raises(ValueError, match=r"network: unknown name 'spline'.*maximum-convolution, interpolation"):
        constructive.exact(np.zeros(4, "uint8"), network="spline")
    with pytest.raises(ValueError, match=r"more than constructive.LIMIT .*; give smaller tiles \(tile=\)$"):
        constructive.exact(np.zeros((2**14, 2**13), bool), network="interpolation")


# --- 2: what planes buy ----------------------------------------------------------------------------------------------


def _terms(codes: np.ndarray, t: int) -> list[int]:
    """All terms of the output at t, the bias first: from the network's own numbers."""
    _, params = constructive.interpolation(codes, "object")
    hidden = [max(t + int(b), 0) for b in params["b0"].flat]
    return [int(params["b1"].item()), *(int(w) * h for w, h in zip(params["w1"].flat, hidden, strict=True))]


@given(seeds, st.integers(1, 30), bits)
def test_no_sum_exceeds_the_bounds(seed, N, n):
    codes = _codes(seed, (N,), n)
    M, sums = 2**n - 1, []
    for t in range(N):
        terms = _terms(codes, t)
        assert sum(map(abs, terms)) <= ((N - 1) ** 2 + 1) * M
        sums += [sum(x for x in terms if x > 0), -sum(x for x in terms if x < 0)]
    assert max(sums) == memorisation.largest_sum(codes) <= memorisation.sum_bound(N, n)
    assert N < 2 or ((N - 1) ** 2 + 1) * M <= N * (N - 1) * M


@pytest.mark.parametrize("N", range(1, 13))
def test_of_all_samples_of_one_bit_the_bound_is_the_largest(N):
    signals = (np.array(y, "uint8") for y in itertools.product((0, 1), repeat=N))
    assert max(map(memorisation.largest_sum, signals)) == memorisation.sum_bound(N, 1)


@given(st.integers(1, 300), bits)
def test_alternating_samples_attain_both(N, n):
    codes = _alternating(N, n)
    assert memorisation.largest_sum(codes) == memorisation.sum_bound(N, n)
    assert sum(map(abs, _terms(codes, N - 1))) == ((N - 1) ** 2 + 1) * (2**n - 1)


def _worst_order(codes: np.ndarray) -> np.ndarray:
    """Partial sums in float32 of the last output: what is positive first, odd terms last of these; then the others."""
    terms = np.array(_terms(codes, len(codes) - 1))
    order = np.lexsort((terms % 2, terms < 0))
    assert (abs(terms) <= EXACT).all()
    return np.add.accumulate(terms[order].astype("float32"))


@pytest.mark.parametrize(("n", "largest"), [(1, 5793), (16, 23)])
def test_float32_is_exact_up_to_there_and_wrong_just_beyond(n, largest):
    assert memorisation.sum_bound(largest, n) <= EXACT < memorisation.sum_bound(largest + 1, n)
    at_the_edge = _alternating(largest, n)
    sums = _worst_order(at_the_edge)
    assert sums.max() == memorisation.sum_bound(largest, n)
    assert sums[-1] == at_the_edge[-1]
    constructive.interpolation(at_the_edge)
    beyond = _alternating(largest + 1, n, first=1)
    assert _worst_order(beyond)[-1] != beyond[-1]
    with pytest.raises(ValueError, match=r"float32 is exact up to 16777216, but sums reach \d+: fewer samples, or pl"):
        constructive.interpolation(beyond)
    constructive.interpolation(beyond, "float64")


@pytest.mark.parametrize("codes", [[0, EXACT], [1, EXACT], [EXACT], [EXACT, 0]])
def test_sums_of_exactly_as_much_as_float32_holds(codes):
    codes = np.array(codes, "uint32")
    assert memorisation.largest_sum(codes) == EXACT
    assert_equal_exact(_outputs(constructive.interpolation(codes), codes.shape, "float32"), codes.astype("f4"))
    beyond = codes + (codes == EXACT).astype("uint32")
    with pytest.raises(ValueError, match=f"float32 is exact up to {EXACT}, but sums reach {EXACT + 1}"):
        constructive.interpolation(beyond)


def test_indices_are_sums_too():
    constructive.interpolation(np.zeros(2049, "uint8"), "float16")
    with pytest.raises(ValueError, match="float16 is exact up to 2048, but sums reach 2049"):
        constructive.interpolation(np.zeros(2050, "uint8"), "float16")


@pytest.mark.parametrize(("n", "N"), [(1, 4096), (16, 16)])
def test_the_simple_bound_and_what_is_certified(n, N):
    M = 2**n - 1
    assert N * (N - 1) * M <= EXACT < (N + 1) * N * M
    assert sum(map(abs, _terms(_alternating(N, n), N - 1))) <= EXACT
    assert sum(map(abs, _terms(_alternating(N + 1, n), N))) > EXACT


def test_a_certificate_goes_by_the_magnitudes():
    inr = constructive.exact(_alternating(16, 16), network="interpolation")
    assert refinr.certify(inr).types["float32"].bound == 0.0
    inr = constructive.exact(_alternating(17, 16), network="interpolation")
    assert inr.lossless
    assert refinr.certify(inr).types["float32"].bound > 0.0


def test_planes_are_exact_where_values_are_not():
    codes = _codes(0, (12, 12), 16)
    with pytest.raises(ValueError, match="sums reach"):
        constructive.exact(codes, network="interpolation")
    inr = constructive.exact(planes.to_planes(codes, 16), network="interpolation", channels=True)
    assert_equal_exact(planes.from_planes(inr.decode(), 16, dtype="uint32"), codes)
    assert inr.parameters == 16 * (4 * codes.size - 3)


# --- 3: extraction ---------------------------------------------------------------------------------------------------


@given(seeds, shapes(min_dims=1, max_dims=3, max_side=5), st.integers(1, 9), st.one_of(st.none(), st.integers(1, 8)))
def test_an_extraction_has_every_sample(seed, shape, n, word):
    codes = _codes(seed, shape, n)
    spec, params = constructive.extraction(codes, n, word)
    assert _outputs((spec, params), shape, "object").tolist() == codes.ravel().tolist()
    m = memorisation.word_samples(codes.size, n) if word is None else word
    K, B = -(-codes.size // m), m * n
    assert mlp.parameter_count(spec) == sum(p.size for p in params.values()) == 8 * K + 84 * B + len(shape) - 18
    assert {type(w) for p in params.values() for w in p.flat} == {int}
    assert max(abs(w).bit_length() for p in params.values() for w in p.flat) <= max(B, codes.size.bit_length())
    assert memorisation.weight_bits(params) == sum(
        len(bin(abs(w)).lstrip("0b")) + 1 for p in params.values() for w in p.flat
    )


@given(st.integers(1, 10**9), st.integers(1, 64), st.integers(1, 4))
def test_about_52_roots_of_the_bits(N, n, d):
    m = memorisation.word_samples(N, n)
    assert 21 * n * m**2 >= 2 * N > 21 * n * (m - 1) ** 2
    parameters = 8 * -(-N // m) + 84 * m * n + d - 18
    assert parameters <= 52 * math.sqrt(N * n) + 84 * n + d
    assert 3 * (m - 1) * n < math.sqrt(N * n)


@given(st.integers(1, 5000), st.integers(1, 16))
def test_no_other_word_has_many_fewer(N, n):
    def count(m: int) -> int:
        return 8 * -(-N // m) + 84 * m * n

    assert count(memorisation.word_samples(N, n)) <= min(map(count, range(1, 100))) + 84 * n + 8


def test_a_large_image():
    codes = _codes(1, (256, 256), 16)
    spec, params = constructive.extraction(codes, 16, 21)
    assert mlp.parameter_count(spec) == 53176
    assert max(abs(w).bit_length() for p in params.values() for w in p.flat) == 336
    assert 2.3 < memorisation.weight_bits(params) / (codes.size * 16) < 2.5  # fewer parameters, not fewer bits
    some = np.random.default_rng(0).integers(0, 256, (8, 2))
    z, _ = mlp.forward(spec, params, some.astype(object))
    assert z.ravel().tolist() == codes[tuple(some.T)].tolist()


@pytest.mark.parametrize(("shape", "n"), [((4, 4), 1), ((8, 8), 3), ((16, 16), 16), ((100,), 8)])
def test_no_network_has_fewer_bits_than_there_are_signals(shape, n):
    codes = _codes(2, shape, n)
    least = theory.counting_bound(codes.size, n, 1)
    _, params = constructive.extraction(codes, n)
    assert memorisation.weight_bits(params) > 2 * least
    _, params = constructive.interpolation(codes, "float64")
    assert sum(p.size for p in params.values()) > theory.counting_bound(codes.size, n, 64)


def test_the_default_bits_are_those_of_the_largest_code():
    codes = np.array([0, 5, 2, 3, 1], "uint16")
    assert constructive.extraction(codes)[0] == constructive.extraction(codes, 3)[0]
    assert constructive.extraction(codes * 0)[0] == constructive.extraction(codes * 0, 1)[0]


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codes", [np.zeros(3), np.zeros(3, "int8"), np.array(3, "uint8"), np.empty((0, 2), "uint8")])
@pytest.mark.parametrize("function", [constructive.interpolation, constructive.extraction, constructive.largest_sum])
def test_codes_that_are_none(function, codes):
    with pytest.raises(ValueError, match="codes: expected unsigned integers with at least one axis, got"):
        function(codes)


def test_bits_and_words_that_are_too_small():
    codes = np.array([1, 4], "uint8")
    for n in (0, 2):
        with pytest.raises(ValueError, match=f"bits: expected at least 3, those of the codes, got {n}"):
            constructive.extraction(codes, n)
    with pytest.raises(ValueError, match="bits: expected at least 1, those of the codes, got 0"):
        constructive.extraction(codes * 0, 0)
    with pytest.raises(ValueError, match="word: expected 1 sample or more, got 0"):
        constructive.extraction(codes, word=0)
