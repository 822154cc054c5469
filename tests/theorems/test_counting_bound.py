"""Theorem (a lower bound by counting).

To represent every signal of N samples with n bits by P parameters of b bits, whatever turns parameters into signals,
``P b >= N n`` is needed, and ``P = ceil(N n / b)`` suffices for some method.  Not even a number of parameters that
depends on the signal gets its maximum below P.  And hardly any signal can do with less: whatever the method, a share of
less than ``2^(1 - k)`` of all signals has a representation that is k bits shorter than ``N n``.

From: ours; the paper (Han et al., CVPR 2025) has upper bounds only.

Proof sketch.  Pigeonhole: there are ``2^(N n)`` signals and ``2^(P b)`` settings of the parameters.  Written one after
the other, a signal's bits fill ``ceil(N n / b)`` parameters: tight.  With any number of parameters below P there are
``sum_(p < P) 2^(p b) = (2^(P b) - 1) / (2^b - 1)`` settings; as ``(P - 1) b <= N n - 1``, less than
``2^(N n) 2^(b - 1) / (2^b - 1) <= 2^(N n)``.  There are ``2^(N n - k + 1) - 1`` representations of at most ``N n - k``
bits.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refinr
from refinr import theory

SMALL = [(N, n, b) for N in range(1, 13) for n in range(1, 13) for b in range(1, 13)]
COUNTS = st.integers(1, 10**6)


@pytest.mark.parametrize(("samples", "bits", "parameter_bits"), [(1, 1, 1), (2, 1, 1), (3, 1, 1), (1, 3, 2), (3, 1, 2)])
def test_with_fewer_parameters_no_map_whatever_reaches_every_signal(samples, bits, parameter_bits):
    signals = 2 ** (samples * bits)
    settings = 2 ** ((theory.counting_bound(samples, bits, parameter_bits) - 1) * parameter_bits)
    decoders = itertools.product(range(signals), repeat=settings)
    assert max(len(set(decoder)) for decoder in decoders) < signals
    encoders = itertools.product(range(settings), repeat=signals)
    assert max(len(set(encoder)) for encoder in encoders) < signals  # none is injective


@pytest.mark.parametrize(
    ("samples", "bits", "parameter_bits"), [(1, 1, 1), (3, 4, 5), (4, 3, 7), (2, 5, 16), (10, 1, 3)]
)
def test_as_many_parameters_as_the_bound_tell_all_signals_apart(samples, bits, parameter_bits):
    P = theory.counting_bound(samples, bits, parameter_bits)
    stored = set()
    for signal in itertools.product(range(2**bits), repeat=samples):
        stream = sum(code << bits * i for i, code in enumerate(signal))
        parameters = tuple(stream >> parameter_bits * i & (2**parameter_bits - 1) for i in range(P))
        stored.add(parameters)
        again = sum(p << parameter_bits * i for i, p in enumerate(parameters))
        assert tuple(again >> bits * i & (2**bits - 1) for i in range(samples)) == signal
    assert len(stored) == 2 ** (samples * bits)


def test_the_bound_is_the_least_number_with_enough_settings():
    for N, n, b in SMALL:
        least = next(P for P in itertools.count() if 2 ** (P * b) >= 2 ** (N * n))
        assert theory.counting_bound(N, n, b) == least


def test_a_number_of_parameters_that_may_vary_does_not_help():
    for N, n, b in SMALL:
        P = theory.counting_bound(N, n, b)
        assert sum(2 ** (p * b) for p in range(P)) < 2 ** (N * n)


@given(COUNTS, COUNTS, COUNTS)
def test_the_bound_of_any_size(samples, bits, parameter_bits):
    P = theory.counting_bound(samples, bits, parameter_bits)
    assert (P - 1) * parameter_bits < samples * bits <= P * parameter_bits


def test_hardly_any_signal_can_do_with_less():
    for total in range(1, 40):  # N n
        for k in range(1, total + 1):
            short = sum(2**length for length in range(total - k + 1))
            assert short * 2**k < 2 * 2**total


@pytest.mark.parametrize(
    ("how", "bits"),
    [
        ({"store": "float16"}, 16),
        ({"store": "float16", "effort": "small"}, 16),
        ({"store": "int8"}, 8),
        ({"store": "int5"}, 5),
        ({"effort": "smallest"}, 1),
        ({"weights": "ternary"}, 2),
        ({"weights": "ternary", "effort": "small"}, 2),
        ({"weights": "binary"}, 1),
        ({"weights": "binary", "effort": "small"}, 1),
    ],
)
def test_solved_noise_is_no_smaller(how: dict[str, Any], bits: int):
    """Measured sizes beside the bound; below by 64 bits would be one signal in 2^63."""
    samples = np.random.default_rng(0).integers(0, 2**16, (16, 16)).astype(np.uint16)
    inr = refinr.solve(samples, tile=8, **how)
    least = theory.counting_bound(samples.size, 16, bits)
    assert 8 * inr.layout.network.packed_bytes(inr.params, inr.store) > least * bits - 64
    assert inr.report.parameters >= least - 64 / bits


@pytest.mark.parametrize("arguments", [(0, 8, 32), (4, 0, 32), (4, 8, 0), (-1, 8, 32)])
def test_bad_input(arguments):
    with pytest.raises(ValueError, match="positive numbers, got {}, {} and {}".format(*arguments)):
        theory.counting_bound(*arguments)
