"""The helpers that assert are themselves tested to fail: on NaN, a wrong dtype, a wrong shape, one ulp too many."""

from __future__ import annotations

import math

import array_api_strict
import numpy as np
import pytest

from tests.helpers import assert_close, assert_equal_exact, complex_step, complex_step_gradient

ASSERTIONS = pytest.mark.parametrize("assertion", [assert_equal_exact, assert_close])
THREE = np.array([1.0, 2.0, 3.0])


@ASSERTIONS
def test_equal_arrays_pass(assertion):
    assertion(THREE.copy(), THREE)
    assertion(np.float32(1.5), np.float32(1.5))
    assertion(np.zeros((0, 2)), np.zeros((0, 2)))


@ASSERTIONS
@pytest.mark.parametrize("nan_on", ["one side", "the other side", "both sides"])
def test_nan_fails(assertion, nan_on):
    nan = np.array([1.0, math.nan, 3.0])
    actual = THREE if nan_on == "the other side" else nan
    expected = THREE if nan_on == "one side" else nan
    with pytest.raises(AssertionError):
        assertion(actual, expected)


@ASSERTIONS
@pytest.mark.parametrize("dtype", ["float32", "int64", "complex128"])
def test_wrong_dtype_fails(assertion, dtype):
    with pytest.raises(AssertionError, match="dtype"):
        assertion(THREE.astype(dtype), THREE)


@ASSERTIONS
@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (3, 3), ()])
def test_wrong_shape_fails_also_where_it_would_broadcast(assertion, shape):
    with pytest.raises(AssertionError, match="shape"):
        assertion(np.ones(shape), np.ones(3))


@ASSERTIONS
@pytest.mark.parametrize("thing", [[1.0, 2.0, 3.0], array_api_strict.asarray([1.0, 2.0, 3.0])], ids=["list", "strict"])
def test_what_is_not_a_numpy_array_fails(assertion, thing):
    with pytest.raises(AssertionError, match="not a NumPy array"):
        assertion(thing, THREE)


@ASSERTIONS
def test_one_wrong_value_among_many_fails_and_is_named(assertion):
    actual = np.ones((100, 100))
    actual[7, 9] = 2.0
    with pytest.raises(AssertionError, match=r"1 of 10000 values differ, first at \(7, 9\)"):
        assertion(actual, np.ones((100, 100)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_exact_equality_fails_at_one_ulp(dtype):
    one = np.ones(3, dtype)
    with pytest.raises(AssertionError):
        assert_equal_exact(np.nextafter(one, one + one), one)


def test_exact_equality_of_integers_fails_at_one():
    with pytest.raises(AssertionError):
        assert_equal_exact(np.array([2**63], "uint64"), np.array([2**63 + 1], "uint64"))


def test_bitwise_equality_sees_what_values_hide():
    assert_equal_exact(np.array([0.0]), np.array([-0.0]))
    with pytest.raises(AssertionError):
        assert_equal_exact(np.array([0.0]), np.array([-0.0]), bitwise=True)
    nans = np.array([0x7FF8000000000001, 0x7FF8000000000002], "uint64").view("float64")
    assert_equal_exact(nans, nans.copy(), bitwise=True)
    with pytest.raises(AssertionError):
        assert_equal_exact(nans, nans[::-1], bitwise=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("conditioning", "terms"), [(0.0, 1), (3.0, 1), (15.0, 16)])
def test_closeness_ends_at_the_tolerance_and_one_ulp_beyond_fails(dtype, conditioning, terms):
    expected = np.ones(3, dtype)
    edge = expected + np.finfo(dtype).eps * 8 * math.sqrt(terms) * (1 + conditioning)
    edge = edge.astype(dtype)
    assert_close(edge, expected, conditioning=conditioning, terms=terms)
    with pytest.raises(AssertionError):
        assert_close(np.nextafter(edge, edge + edge), expected, conditioning=conditioning, terms=terms)


def test_closeness_is_elementwise_a_large_neighbour_hides_nothing():
    with pytest.raises(AssertionError):
        assert_close(np.array([1e9, 1.0 + 1e-12]), np.array([1e9, 1.0]))


def test_closeness_in_float32_against_a_float64_reference():
    reference = np.array([1.0 / 3.0])
    assert_close(reference.astype("float32"), reference, dtype="float32")
    with pytest.raises(AssertionError, match="dtype"):
        assert_close(reference, reference, dtype="float32")


@pytest.mark.parametrize("infinite", [math.inf, math.nan])
def test_closeness_refuses_a_tolerance_that_would_accept_anything(infinite):
    with pytest.raises(AssertionError, match="not finite"):
        assert_close(np.zeros(3), THREE, conditioning=infinite)
    with pytest.raises(AssertionError, match="not finite"):
        assert_close(np.full(3, infinite), np.full(3, infinite))


def test_complex_step_is_exact_where_differences_are_useless():
    omega, z = 30.0, np.array([0.7])
    exact = omega * math.cos(omega * 0.7)

    def function(z):
        return np.sin(omega * z).sum()

    step = complex_step(function, z, np.ones(1))
    assert_close(np.float64(step), np.float64(exact), conditioning=omega * omega * 0.7)
    best_difference = min(
        abs((function(z + h) - function(z - h)) / (2 * h) - exact) for h in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
    )
    assert best_difference > 1000 * abs(step - exact)


def test_complex_step_gradient_has_the_shape_of_its_argument():
    x = np.arange(1.0, 7.0).reshape(2, 3)
    assert_close(complex_step_gradient(lambda x: (x**3).sum(), x), 3 * x**2)


def test_read_only_and_foreign_device_backends_do_what_they_are_there_for(backend):
    array = backend.array(THREE)
    assert_equal_exact(backend.host(array), THREE)
    if backend.name == "numpy-read-only":
        with pytest.raises(ValueError, match="read-only"):
            array += 1.0
    if backend.name.startswith("array-api-strict"):
        with pytest.raises(RuntimeError, match="device"):
            np.asarray(array)
        with pytest.raises(ValueError, match="devices"):
            array + array_api_strict.ones(3)
