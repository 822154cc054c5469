"""Exact arithmetic: the same bits whatever the order, against Python's integers and fractions."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec import exact
from refinr.layers import linear
from tests.helpers import assert_equal_exact
from tests.strategies import seeds


def _layer(seed: int, terms: int, most_x: int, most_w: int) -> tuple[np.ndarray, ...]:
    """Inputs, weights and biases in units, the largest of them included."""
    rng = np.random.default_rng(seed)
    x, w, b = (rng.integers(-m, m + 1, s) for m, s in [(most_x, (5, terms)), (most_w, (terms, 3)), (most_x, (1, 3))])
    x[0], w[:, 0] = most_x, most_w
    return x, w, b


@given(seeds, st.integers(1, 64), st.integers(1, 2**16), st.integers(1, 2**11))
def test_sums_below_the_bound_are_those_of_python_s_integers(seed, terms, most_x, most_w):
    x, w, b = _layer(seed, terms, most_x, most_w)
    bound = exact.largest_sum(terms, most_x, most_w, bias=most_x)
    expected = [[sum(int(p) * int(q) for p, q in zip(r, c, strict=True)) for c in w.T] for r in x]
    reached = max(sum(abs(int(p) * int(q)) for p, q in zip(r, c, strict=True)) for c in w.T for r in x)
    assert reached == terms * most_x * most_w, "the bound is tight"
    assert reached + most_x == bound
    y, _ = linear(x / 2.0**7, w / 2.0**4, b / 2.0**11)
    assert (y * 2.0**11).tolist() == [[float(v + int(o)) for v, o in zip(r, b[0], strict=True)] for r in expected]


@given(seeds, st.integers(1, 40))
def test_every_order_and_library_gives_the_same_bits(seed, terms):
    x, w, b = (v / 2.0**k for v, k in zip(_layer(seed, terms, 2**20, 2**20), (7, 4, 11), strict=True))
    y, _ = linear(x, w, b)
    order = np.random.default_rng(seed).permutation(terms)
    assert_equal_exact(np.einsum("ni,io->no", x, w) + b, y, bitwise=True)
    assert_equal_exact(x[:, order] @ w[order] + b, y, bitwise=True)
    strict, _ = linear(*(array_api_strict.asarray(v) for v in (x, w, b)))
    assert_equal_exact(np.from_dlpack(strict), y, bitwise=True)


def test_what_is_not_proved_is_refused():
    assert exact.largest_sum(1, 2**30, 2**22) == 2**52
    with pytest.raises(ValueError, match="2\\^53"):
        exact.largest_sum(2, 2**30, 2**22)


def test_beyond_the_bound_the_order_matters():
    """The claim is not empty."""
    assert (2.0**53 + 1.0) + 1.0 != 2.0**53 + (1.0 + 1.0)


@given(st.lists(st.floats(-(2.0**30), 2.0**30), min_size=1), st.integers(0, 16))
def test_dyadic_numbers_are_the_nearest_ones(values, bits):
    x = np.array(values)
    y = exact.dyadic(x, bits)
    assert (y * 2.0**bits == np.rint(y * 2.0**bits)).all()
    assert (abs(y - x) <= 2.0 ** -(bits + 1) + abs(x) * 2.0**-52).all()


def test_exponentials():
    x = np.arange(-16 * 128, 16 * 128 + 1) / 128
    assert np.allclose(exact.exponential(x), np.exp(x), rtol=1e-2, atol=2**-30)
    near = abs(x) <= 8  # the table has 2^-30 absolute: relative to exp(-8), 2^-18
    assert np.allclose(exact.exponential(x[near]), np.exp(x[near]), rtol=2**-18, atol=0)
    assert exact.exponential(np.array([0.0]))[0] == 1.0


def test_the_logistic_function_is_near_and_never_falls():
    z = np.linspace(-26, 26, 200001)
    p = exact.logistic(z)
    assert (np.diff(p) >= 0).all()
    assert (abs(p - 1 / (1 + np.exp(-z))) <= 1.3e-5).all()  # (1 / 32)^2 / 8 of the second derivative, at most 0.0963
    tail = z[(z > -20) & (z < 0)]
    assert np.allclose(exact.logistic(tail), np.exp(tail) / (1 + np.exp(tail)), rtol=2e-4, atol=2**-44)
    assert exact.logistic(np.array([-1e9, 1e9])).tolist() == [exact.logistic(np.array([-24.0]))[0], p[-1]]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2))
def test_the_logistic_function_is_monotone_to_the_last_bit(values):
    z = np.sort(np.array(values + [np.nextafter(v, math.inf) for v in values]))
    assert (np.diff(exact.logistic(z)) >= 0).all()


def test_tables_are_the_same_integers_as_ever():
    digest = hashlib.sha256(exact.exponential_table().astype("<i8").tobytes())
    digest.update(exact.logistic_table().astype("<i8").tobytes())
    assert digest.hexdigest() == "9d35cad8c821ac978c16ffc2d7871b5472b829450af366e9647e4b032c89c688"
    table = [int(v) for v in exact.logistic_table()]
    assert all(abs(a + b - 2**45) <= 1 for a, b in zip(table[:-1], table[-2::-1], strict=True)), "odd about one half"


@given(seeds)
def test_tables_give_the_same_bits_in_every_library(seed):
    x = exact.dyadic(np.random.default_rng(seed).uniform(-16, 16, (7, 3)), exact.EXPONENT_UNIT)
    for function in (exact.exponential, exact.logistic):
        strict = function(array_api_strict.asarray(x, device=array_api_strict.Device("device1")))
        assert_equal_exact(
            np.from_dlpack(strict.to_device(array_api_strict.Device("CPU_DEVICE"))), function(x), bitwise=True
        )


SCRIPT = """
import hashlib
import numpy as np
from refinr.codec import exact
from refinr.layers import linear
rng = np.random.default_rng(0)
x, w, b = (rng.integers(-2**12, 2**12, s) / 2.0**k for s, k in (((999, 57), 7), ((57, 31), 4), ((1, 31), 11)))
y, _ = linear(x, w, b)
z = exact.logistic(exact.dyadic(y, 7) / 2.0**14)
print(hashlib.sha256(y.tobytes() + z.tobytes()).hexdigest())
"""


@pytest.mark.parametrize("disabled", ["", "AVX512F AVX2 FMA3"])
def test_another_kind_of_processor_computes_the_same(disabled):
    """OpenBLAS's kernels and NumPy's vector instructions, chosen by hand."""
    said = set()
    for core in ("Haswell", "Sandybridge", "Prescott"):
        environment = os.environ | {"OPENBLAS_CORETYPE": core, "NPY_DISABLE_CPU_FEATURES": disabled}
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=True, env=environment
        )
        said.add(run.stdout)
    assert len(said) == 1
