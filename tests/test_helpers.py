"""The helpers that assert are themselves tested to fail: on NaN, a wrong dtype, a wrong shape, one ulp too many."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from functools import partial

import array_api_strict
import numpy as np
import pytest

import refinr
from refinr import theory
from refinr.mlp import MLP
from tests import groups, test_inr, test_mlp
from tests.files import formats, test_container
from tests.helpers import assert_close, assert_equal_exact, complex_step, complex_step_gradient
from tests.strategies import Net
from tests.theorems import test_neighbour_gain

assert_equal_bitwise = partial(assert_equal_exact, bitwise=True)
ASSERTIONS = pytest.mark.parametrize(
    "assertion", [assert_equal_exact, assert_equal_bitwise, assert_close], ids=["exact", "bitwise", "close"]
)
THREE = np.array([1.0, 2.0, 3.0])


@ASSERTIONS
def test_equal_arrays_pass(assertion):
    assertion(THREE.copy(), THREE)
    assertion(np.float32(1.5), np.float32(1.5))
    assertion(np.zeros((0, 2)), np.zeros((0, 2)))


@ASSERTIONS
@pytest.mark.parametrize("nan_on", ["one side", "the other side", "both sides"])
def test_nan_fails(assertion, nan_on):
    nan, other = np.array([1.0, math.nan, 3.0]), np.array([1.0, -math.nan, 3.0])  # bit for bit, a NaN is itself
    actual = THREE if nan_on == "the other side" else nan
    expected = THREE if nan_on == "one side" else other
    with pytest.raises(AssertionError):
        assertion(actual, expected)


@ASSERTIONS
@pytest.mark.parametrize("dtype", ["float32", "int64", "complex128", ">f8"])
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


@pytest.mark.parametrize("bitwise", [False, True])
@pytest.mark.parametrize("towards", [0.0, 2.0])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_exact_equality_fails_at_one_ulp(dtype, towards, bitwise):
    one = np.ones(3, dtype)
    with pytest.raises(AssertionError):
        assert_equal_exact(np.nextafter(one, np.array(towards, dtype)), one, bitwise=bitwise)


@pytest.mark.parametrize("bitwise", [False, True])
def test_exact_equality_of_integers_fails_at_one(bitwise):
    with pytest.raises(AssertionError):
        assert_equal_exact(np.array([2**63], "uint64"), np.array([2**63 + 1], "uint64"), bitwise=bitwise)


def test_bitwise_equality_sees_what_values_hide():
    assert_equal_exact(np.array([0.0]), np.array([-0.0]))
    with pytest.raises(AssertionError):
        assert_equal_exact(np.array([0.0]), np.array([-0.0]), bitwise=True)
    nans = np.array([0x7FF8000000000001, 0x7FF8000000000002], "uint64").view("float64")
    assert_equal_exact(nans, nans.copy(), bitwise=True)
    with pytest.raises(AssertionError):
        assert_equal_exact(nans, nans[::-1], bitwise=True)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("conditioning", "terms"), [(0.0, 1), (3.0, 1), (15.0, 16)])
def test_closeness_ends_at_the_tolerance_and_one_ulp_beyond_fails(dtype, conditioning, terms, sign):
    expected = np.ones(3, dtype)
    edge = expected + sign * np.finfo(dtype).eps * 8 * math.sqrt(terms) * (1 + conditioning)
    edge = edge.astype(dtype)
    assert_close(edge, expected, conditioning=conditioning, terms=terms)
    beyond = np.nextafter(edge, np.array(sign * 100, dtype))
    with pytest.raises(AssertionError):
        assert_close(beyond, expected, conditioning=conditioning, terms=terms)


def test_nothing_is_close_to_zero_but_zero_unless_conditioning_says_so():
    smallest = np.full(3, 5e-324)
    with pytest.raises(AssertionError):
        assert_close(smallest, np.zeros(3))
    assert_close(smallest, np.zeros(3), conditioning=1.0)


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


# --- helpers of single test files ------------------------------------------------------------------------------------

WRONG = {
    "NaN": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 0, math.nan, a).astype(a.dtype),
    "dtype": lambda a: a.astype("float16"),
    "shape": lambda a: a[None],
    "one ulp": lambda a: np.nextafter(a, np.array(np.inf, a.dtype)),
}
WRONGS = pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)


@WRONGS
def test_networks_of_a_training_are_compared_bit_for_bit(wrong):
    row = {"w0": np.array([1.0, 2.0], "float32"), "margin": np.array(0.5)}
    groups.assert_same(row, {name: value.copy() for name, value in row.items()})
    for name in row:
        with pytest.raises(AssertionError):
            groups.assert_same(row | {name: wrong(row[name])}, row)
        with pytest.raises(AssertionError):
            groups.assert_same(row, {"w0": row["w0"]})


def _one_weight() -> tuple[Net, dict[str, np.ndarray]]:
    # tolerance 8 eps sqrt(4) (1 + sensitivity), sensitivity (1 + 4) (1 + 4 1.75): 656 eps
    params = {"w0": np.full((1, 1, 1), 1.75), "b0": np.zeros((1, 1, 1))}
    case = Net(MLP((1, 1), omega=1.0, scale=1.0), params, np.ones((4, 1)), np.ones((1, 4, 1)))
    return case, {"w0": np.ones((1, 1, 1)), "b0": np.ones((1, 1, 1))}


@WRONGS
def test_gradients_of_a_network_fail_at_one_ulp_beyond_the_tolerance(wrong):
    case, expected = _one_weight()
    edge = {name: value + 656 * np.finfo(float).eps for name, value in expected.items()}
    test_mlp._assert_gradients_close(edge, expected, case)
    for name in expected:
        with pytest.raises(AssertionError):
            test_mlp._assert_gradients_close(edge | {name: wrong(edge[name])}, expected, case)
    with pytest.raises(AssertionError):
        test_mlp._assert_gradients_close({"w0": edge["w0"]}, expected, case)


def test_gradients_that_are_not_finite_are_close_to_nothing():
    case, expected = _one_weight()
    nan = expected | {"b0": np.full((1, 1, 1), math.nan)}
    with pytest.raises(AssertionError):
        test_mlp._assert_gradients_close(nan, nan, case)


def test_a_uniform_law_fails_beyond_its_bound_on_nan_and_for_other_laws():
    values = np.random.default_rng(0).uniform(-0.1, 0.1, 1000)
    test_mlp._assert_uniform(values, 0.1)
    test_mlp._assert_uniform(np.zeros(5), 0.0)
    largest = 0.1 * (1 + 2**-52)
    for wrong in (np.nextafter(largest, 1.0), -np.nextafter(largest, 1.0), math.nan, math.inf):
        with pytest.raises(AssertionError):
            test_mlp._assert_uniform(np.append(values, wrong), 0.1)
    for others in (abs(values), values / 1.2, np.sign(values) * 0.1, values**3 * 100):
        with pytest.raises(AssertionError):
            test_mlp._assert_uniform(others, 0.1)
    for wrong in (5e-324, math.nan):
        with pytest.raises(AssertionError):
            test_mlp._assert_uniform(np.array([0.0, wrong]), 0.0)


@pytest.fixture(scope="module")
def lossy() -> refinr.INR:
    return refinr.fit(test_inr.IMAGE, max_steps=3, hidden=(4,))


@WRONGS
def test_parameters_of_an_inr_are_compared_bit_for_bit(lossy, wrong):
    same = dataclasses.replace(lossy, params={name: p.copy() for name, p in lossy.params.items()})
    test_inr._assert_same_bytes(same, lossy)
    assert test_container._same(same, lossy)
    others = [lossy.params | {name: wrong(p)} for name, p in lossy.params.items()]
    for params in (*others, dict(list(lossy.params.items())[1:])):
        other = dataclasses.replace(lossy, params=params)
        with pytest.raises(AssertionError):
            test_inr._assert_same_bytes(other, lossy)
        assert not test_container._same(other, lossy)


LIES = {
    "wrong_bits": lambda wrong: [(wrong[0] + 1, *wrong[1:]), wrong[1:], (*wrong, 0)],
    "margin_per_plane": lambda margin: [(math.nan, *margin[1:]), (margin[0] * (1 + 1e-5), *margin[1:]), margin[1:]],
    "samples": lambda count: [count - 1, count + 1],
    "networks": lambda count: [count - 1, count + 1],
    "parameters": lambda count: [count - 1, count + 1],
    "rmse": lambda distance: [math.nan, 0.0, distance * (1 + 1e-11)],
    "peak": lambda peak: [math.nan, peak + 1],
    "steps": lambda steps: [math.nan, -1.0, steps + 1],
    "most_steps": lambda steps: [steps - 1],
    "seconds": lambda seconds: [math.nan, -1.0],
}


@pytest.mark.parametrize("field", LIES)
def test_a_report_that_says_anything_else_is_found_out(lossy, field):
    def check(report):
        inr = dataclasses.replace(lossy, report=report)
        test_inr._check_report(inr, test_inr.IMAGE, 4)
        test_inr._check_margins(inr, test_inr.IMAGE, 4)

    check(lossy.report)
    for lie in LIES[field](getattr(lossy.report, field)):
        with pytest.raises(AssertionError):
            check(dataclasses.replace(lossy.report, **{field: lie}))


@pytest.mark.parametrize("field", [*LIES, "restarts"])
def test_fits_are_the_same_in_all_that_they_report_but_their_time(lossy, field):
    lie = {"wrong_bits": (0,) * len(lossy.report.wrong_bits), "samples": lossy.report.samples + 1}.get(
        field, -1
    )  # those that a report takes
    other = dataclasses.replace(lossy, report=dataclasses.replace(lossy.report, **{field: lie}))
    if field == "seconds":
        test_inr._assert_same_fit(other, lossy)
        return
    with pytest.raises(AssertionError):
        test_inr._assert_same_fit(other, lossy)


def test_a_checksum_of_something_else_is_found_out(lossy):
    other = dataclasses.replace(lossy, checksum="0" * 64)
    with pytest.raises(AssertionError):
        test_inr._check_report(other, test_inr.IMAGE, 4)
    assert not test_container._same(other, lossy)


@WRONGS
@pytest.mark.parametrize("reading", [1, 2])
def test_a_file_that_changes_samples_is_found_out(wrong, reading, tmp_path, monkeypatch):
    samples = np.array([[0.25], [0.5]], "float32")
    formats.assert_survives(tmp_path / "a.npy", samples, {})
    seen = []

    def read(path):
        seen.append(signal := formats.Signal(samples.copy(), {}))
        return signal._replace(samples=wrong(samples)) if len(seen) == reading else signal

    monkeypatch.setattr(formats, "read", read)
    with pytest.raises(AssertionError):
        formats.assert_survives(tmp_path / "b.npy", samples, {})


@pytest.mark.parametrize("wrong", [(1, 1), (3, 9), (2, 3), (2, 5), (0, 0)])
def test_a_wrong_gain_between_neighbours_is_found_out(wrong, monkeypatch):
    signal = np.array([[0, 2], [1, 3]], "uint8")
    test_neighbour_gain._check(signal, 2, Fraction(1, 2))
    monkeypatch.setattr(theory, "neighbour_gain", lambda codes: wrong)
    with pytest.raises(AssertionError):
        test_neighbour_gain._check(signal, 2, Fraction(1, 2))
